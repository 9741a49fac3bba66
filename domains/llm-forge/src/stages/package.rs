//! `package`: the folder people load, with the model at its root.

use aw_alloy::recipe::Recipe;
use aw_domain::{Carry, Context, Estimate, Failure, Inputs, Output, PlanRequest, Problem, Reads, Stage};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{GGUF, MODEL, config, path, planned_config};
use crate::checkpoint::INDEX_FILE;
use crate::is_weight_file;

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
    /// safetensors beside a config, as transformers loads it. GGUF files stay in `gguf/`.
    Safetensors,
    /// The GGUF files alone, at the root, with the chat template and config beside them.
    Gguf,
    /// Both at the root.
    Both,
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
        let PackageConfig { format, .. } = config(stage)?;
        let mut folders = vec![MODEL.to_owned()];
        if format != PackageFormat::Safetensors {
            folders.push(GGUF.into());
        }
        Ok(Reads { folders, ..Reads::default() })
    }

    fn plan(&self, request: &PlanRequest<'_>) -> Result<Estimate, Vec<Problem>> {
        Ok(Estimate { seconds: Some(0.0), facts: request.facts.clone(), ..Estimate::default() })
    }

    fn run(&self, stage: &Value, inputs: &Inputs, context: &mut Context<'_>) -> Result<Output, Failure> {
        context.check_cancelled()?;
        let PackageConfig { format, include_tokenizer } = planned_config(stage)?;
        let (mut carries, mut tiers) = (Vec::new(), 0);
        for entry in &inputs.entries {
            let (name, kept) = match entry.path.as_str().split_once('/') {
                Some((MODEL, name)) => {
                    let weights = is_weight_file(name) || name == INDEX_FILE;
                    let wanted = !weights || format != PackageFormat::Gguf;
                    (name, wanted && (include_tokenizer || !crate::prune::is_tokenizer_file(name)))
                }
                Some((GGUF, name)) => {
                    tiers += 1;
                    (name, true)
                }
                _ => continue,
            };
            if kept {
                carries.push(Carry { from: entry.path.clone(), path: path(name)? });
            }
        }
        if format != PackageFormat::Safetensors && tiers == 0 {
            return Err(Failure::new("package", "the tree holds no GGUF files to package").with_hint("put a `quant` before it"));
        }
        if !carries.iter().any(|carry| carry.path.as_str() == "config.json") {
            return Err(
                Failure::new("package", "the tree holds no `model/config.json` to package").with_hint("a recipe packages once")
            );
        }
        let measurements = json!({"files": carries.len()});
        let mut replaces = vec![MODEL.to_owned()];
        if format != PackageFormat::Safetensors {
            replaces.push(GGUF.into());
        }
        Ok(Output { replaces, carries, measurements, observations: json!({}), ..Output::default() })
    }
}
