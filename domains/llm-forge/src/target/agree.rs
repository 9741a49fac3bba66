//! Whether written stages do what the target says. The stages are what runs; a target that says otherwise is a problem.

use aw_alloy::document::aliases::same_benchmark;
use aw_domain::Problem;
use serde_json::{Map, Value};

use super::Asked;

/// Where the target says otherwise than the stages; empty for a recipe that has only one of the two.
pub(crate) fn disagreements(recipe: &Value) -> Vec<Problem> {
    let some = |name: &str| recipe.get(name).is_some_and(|value| !value.is_null());
    if !some("target") || !some("stages") {
        return Vec::new();
    }
    match Asked::read(recipe) {
        Ok(asked) => asked.disagreements(),
        Err(problems) => problems,
    }
}

fn differs(path: impl Into<String>, message: impl Into<String>) -> Problem {
    let hint = "the stages are what runs: change the target or the stages, or leave one of them out";
    Problem::new("target-differs", path, message).hint(hint)
}

/// What one member of several stages says.
fn said<'a>(stages: impl Iterator<Item = &'a Map<String, Value>>, member: &str) -> Vec<&'a Value> {
    stages.filter_map(|stage| stage.get(member)).filter(|value| !value.is_null()).collect()
}

fn list(values: &[&Value]) -> String {
    values.iter().map(|value| format!("`{}`", text(value))).collect::<Vec<_>>().join(", ")
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

impl Asked<'_> {
    fn disagreements(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        problems.extend(self.other_context());
        problems.extend(self.other_modalities());
        problems.extend(self.other_domain());
        problems.extend(self.other_heads());
        problems.extend(self.other_experts());
        problems.extend(self.other_formats());
        problems.extend(self.other_tiers());
        problems.extend(self.other_benchmarks());
        problems.extend(self.other_publication());
        problems.extend(self.other_deployment());
        problems
    }

    fn other_context(&self) -> Option<Problem> {
        let wanted = self.target.context_length?;
        let stages = said(self.stages("context-extend"), "targetLength");
        let reached = stages.last().and_then(|length| length.as_u64()).or(self.source.context_length);
        let message = match reached {
            Some(reached) if reached == wanted => return None,
            Some(reached) => format!("the target says a context of {wanted} tokens, the stages leave {reached}"),
            None => format!("the target says a context of {wanted} tokens, no stage extends the context"),
        };
        Some(differs("target.contextLength", message))
    }

    /// A source may take more than text without saying so: only what the stages add is held against the target.
    fn other_modalities(&self) -> Option<Problem> {
        let wanted = self.target.modalities.as_ref()?;
        let added = said(self.stages("modality"), "modality");
        let surplus = |added: &&&Value| {
            let covers = |name: &str| wanted.iter().any(|it| it == name);
            match added.as_str() {
                Some("multimodal") if covers("vision") && covers("audio") => false,
                Some(name) => !covers(name),
                None => false,
            }
        };
        let surplus: Vec<&Value> = added.iter().filter(surplus).copied().collect();
        let message = || format!("the stages add {}, which the target does not name", list(&surplus));
        (!surplus.is_empty()).then(|| differs("target.modalities", message()))
    }

    fn other_domain(&self) -> Option<Problem> {
        let wanted = self.target.domain.as_deref()?;
        let trained = said(self.stages("train").chain(self.stages("lora")), "domain");
        let trains = self.stages("train").next().is_some() || self.stages("lora").next().is_some();
        if trained.iter().any(|domain| domain.as_str() == Some(wanted)) || (trains && trained.is_empty()) {
            return None;
        }
        let message = match trained.as_slice() {
            [] => format!("the target says domain `{wanted}`, no stage trains"),
            trained => format!("the target says domain `{wanted}`, the stages train for {}", list(trained)),
        };
        Some(differs("target.domain", message))
    }

    fn other_heads(&self) -> Option<Problem> {
        let wanted = self.target.prune_ratio?;
        let levels = said(self.stages("prune"), "level");
        // Both were read from decimal text: equal text gives equal doubles.
        let same = |level: &&Value| level.as_f64().is_some_and(|level| level.total_cmp(&wanted).is_eq());
        match levels.as_slice() {
            [] if wanted <= 0.0 => None,
            [] => Some(differs("target.pruneRatio", format!("the target removes {wanted} of the heads, no stage prunes heads"))),
            levels if levels.iter().any(same) => None,
            levels => {
                let message = format!("the target removes {wanted} of the heads, the stages {}", list(levels));
                Some(differs("target.pruneRatio", message))
            }
        }
    }

    fn other_experts(&self) -> Option<Problem> {
        let wanted = self.target.experts?;
        let keep = |stage: &Map<String, Value>| stage.get("keepExpertsPerLayer").or(stage.get("keepExperts"))?.as_u64();
        let last = self.stages("expert-prune").last().map(keep);
        let message = match (last, self.source_experts()) {
            (Some(Some(kept)), _) if kept == wanted => return None,
            (Some(Some(kept)), _) => format!("the target has {wanted} experts, the stages keep {kept}"),
            (Some(None), _) => return None,
            (None, Some(has)) if has == wanted => return None,
            (None, _) => format!("the target has {wanted} experts, no stage prunes experts"),
        };
        Some(differs("target.experts", message))
    }

    fn other_formats(&self) -> Vec<Problem> {
        let written = said(self.stages("quant").chain(self.stages("package")), "format");
        let missing = |format: &String| !written.iter().any(|it| it.as_str() == Some(format));
        let formats = self.target.output_formats.iter().flatten().enumerate().filter(|(_, format)| missing(format));
        formats
            .map(|(index, format)| {
                let path = format!("target.outputFormats[{index}]");
                differs(path, format!("the target says format `{format}`, no stage writes it"))
            })
            .collect()
    }

    fn other_tiers(&self) -> Vec<Problem> {
        let lists = said(self.stages("quant"), "quantTypes");
        let made: Vec<&str> = lists.iter().filter_map(|list| list.as_array()).flatten().filter_map(Value::as_str).collect();
        let tiers = self.target.quant_types.iter().flatten().enumerate().filter(|(_, tier)| !made.contains(&tier.as_str()));
        tiers
            .map(|(index, tier)| {
                let path = format!("target.quantTypes[{index}]");
                differs(path, format!("the target says quantisation `{tier}`, no stage makes it"))
            })
            .collect()
    }

    fn other_benchmarks(&self) -> Vec<Problem> {
        let mut planned = said(self.stages("eval"), "benchmarks");
        planned.extend(self.recipe.get("evaluationBenchmarks"));
        let names: Vec<&str> =
            planned.iter().filter_map(|list| list.as_array()).flatten().filter_map(|it| it.get("name")?.as_str()).collect();
        let missing = |name: &String| !names.iter().any(|planned| same_benchmark(planned, name));
        let benchmarks = self.target.benchmarks.iter().flatten().enumerate().filter(|(_, name)| missing(name));
        benchmarks
            .map(|(index, name)| {
                let path = format!("target.benchmarks[{index}]");
                differs(path, format!("the target says benchmark `{name}`, no stage measures it"))
            })
            .collect()
    }

    fn other_publication(&self) -> Option<Problem> {
        let wanted = self.target.publish?;
        let publishes = self.stages("publish").chain(self.stages("deliver")).next().is_some();
        let message = match (wanted, publishes) {
            (true, false) => "the target says that it is published, no stage publishes",
            (false, true) => "the target says that it is not published, a stage publishes it",
            _ => return None,
        };
        Some(differs("target.publish", message))
    }

    fn other_deployment(&self) -> Option<Problem> {
        let wanted = self.target.deploy_to.as_deref()?;
        let machines = said(self.stages("deploy"), "target");
        if machines.iter().any(|machine| machine.as_str() == Some(wanted)) {
            return None;
        }
        let message = match machines.as_slice() {
            [] => format!("the target says to deploy to `{wanted}`, no stage deploys"),
            machines => format!("the target says to deploy to `{wanted}`, the stages deploy to {}", list(machines)),
        };
        Some(differs("target.deployTo", message))
    }
}
