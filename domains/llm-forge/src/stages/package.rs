//! `package`: the folder people load, with the model at its root.

use aw_alloy::recipe::Recipe;
use aw_domain::{Carry, Context, Estimate, Failure, Inputs, Output, PlanRequest, Problem, Reads, Stage};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{MODEL, config, path, planned_config};

/// Configuration of `package`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PackageConfig {
    /// How the weights are stored.
    format: PackageFormat,
    /// Whether tokenizer files go along.
    #[serde(default = "yes")]
    include_tokenizer: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum PackageFormat {
    /// safetensors beside a config, as transformers loads it.
    Safetensors,
}

fn yes() -> bool {
    true
}

/// Puts the model's files at the root of the tree. Copies nothing.
pub(crate) struct Package;

impl Stage for Package {
    fn code_version(&self) -> u32 {
        1
    }

    fn reads(&self, stage: &Value, _: &Recipe) -> Result<Reads, Vec<Problem>> {
        let PackageConfig { format: PackageFormat::Safetensors, .. } = config(stage)?;
        Ok(Reads { folders: vec![MODEL.into()], ..Reads::default() })
    }

    fn plan(&self, request: &PlanRequest<'_>) -> Result<Estimate, Vec<Problem>> {
        Ok(Estimate { seconds: Some(0.0), facts: request.facts.clone(), ..Estimate::default() })
    }

    fn run(&self, stage: &Value, inputs: &Inputs, context: &mut Context<'_>) -> Result<Output, Failure> {
        context.check_cancelled()?;
        let PackageConfig { include_tokenizer, .. } = planned_config(stage)?;
        let mut carries = Vec::new();
        for entry in &inputs.entries {
            let Some(name) = entry.path.as_str().strip_prefix("model/") else { continue };
            if include_tokenizer || !crate::prune::is_tokenizer_file(name) {
                carries.push(Carry { from: entry.path.clone(), path: path(name)? });
            }
        }
        if !carries.iter().any(|carry| carry.path.as_str() == "config.json") {
            return Err(
                Failure::new("package", "the tree holds no `model/config.json` to package").with_hint("a recipe packages once")
            );
        }
        let measurements = json!({"files": carries.len()});
        Ok(Output { replaces: vec![MODEL.into()], carries, measurements, observations: json!({}), ..Output::default() })
    }
}
