//! `contract-diff`: what the model changes for those who use an older one.

use aw_alloy::recipe::Recipe;
use aw_domain::{Context, Estimate, Failure, Inputs, Output, PlanRequest, Problem, Reads, Stage};
use serde_json::{Value, json};

use super::configurations::ContractDiff as Config;
use super::read::pinned;
use super::{MODEL, config, model, planned_config, read_model, refused, written};
use crate::diff::{Class, Renames, diff};

/// Compares the model with an older one.
pub(crate) struct ContractDiff;

impl Stage for ContractDiff {
    fn code_version(&self) -> u32 {
        1
    }

    fn reads(&self, stage: &Value, _: &Recipe) -> Result<Reads, Vec<Problem>> {
        let config: Config = config(stage)?;
        let mut problems = Vec::new();
        let files = pinned(&config.base, "base", &mut problems).into_iter().collect();
        if problems.is_empty() { Ok(Reads { folders: vec![MODEL.to_owned()], files, ..Reads::default() }) } else { Err(problems) }
    }

    fn plan(&self, request: &PlanRequest<'_>) -> Result<Estimate, Vec<Problem>> {
        Ok(Estimate { seconds: Some(1.0), memory_bytes: 256 << 20, facts: request.facts.clone(), ..Estimate::default() })
    }

    fn run(&self, stage: &Value, inputs: &Inputs, context: &mut Context<'_>) -> Result<Output, Failure> {
        let config: Config = planned_config(stage)?;
        let base =
            inputs.files.get(&config.base.path).ok_or_else(|| Failure::new("bug", "this is a bug: the base was not brought"))?;
        let found = diff(&read_model(base)?, &model(inputs)?, &Renames::default());
        let allowed = found.permit(&config.allow_destructive).map_err(|found| refused(&found))?;
        let step: Vec<_> = found.version_step().into_iter().collect();
        if !step.is_empty() {
            return Err(refused(&step));
        }
        let bytes = serde_json::to_vec_pretty(&found).map_err(|error| Failure::from_error("bug", &error))?;
        let writes = vec![written(context, "diff/diff.json", &bytes)?];
        let count = |class| found.of_class(class).count();
        let measurements = json!({
            "from": found.old.version,
            "to": found.new.version,
            "class": found.class.map(Class::name),
            "versionStep": found.step.name(),
            "cosmetic": count(Class::Cosmetic),
            "additive": count(Class::Additive),
            "breaking": count(Class::Breaking),
            "destructive": count(Class::Destructive),
            "allowedDestructive": allowed,
        });
        Ok(Output { writes, measurements, observations: json!({}), ..Output::default() })
    }
}
