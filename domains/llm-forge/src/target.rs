//! What a recipe's target means for its stages: those it asks for, and whether written ones agree with it.
//!
//! Deriving reads the recipe alone, no model: what the source has must be said in `source`. What a stage needs and neither source nor
//! target says is a problem and not a guess, but for the few settings in [`choices`], which the derived stages show.
//!
//! # Source
//! The alloy format, section 3.

mod agree;
mod choices;
mod devices;

use aw_alloy::document::members::{Source, Target};
use aw_domain::{DerivedStage, Problem};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::stages::corpora::{CALIBRATION, EVALUATION};

pub(crate) use agree::disagreements;

/// Source and target of a recipe, and the recipe.
struct Asked<'a> {
    source: Source,
    target: Target,
    recipe: &'a Value,
}

/// Stages and problems as they are found.
#[derive(Default)]
struct Derived {
    stages: Vec<DerivedStage>,
    problems: Vec<Problem>,
}

/// The stages that turn the source into the target: input, transform, delivery, and within each in the order written here.
pub(crate) fn derive(recipe: &Value) -> Result<Vec<DerivedStage>, Vec<Problem>> {
    let asked = Asked::read(recipe)?;
    let mut derived = Derived::default();
    asked.context(&mut derived);
    asked.modalities(&mut derived);
    asked.experts(&mut derived);
    asked.heads(&mut derived);
    asked.domain(&mut derived);
    asked.compaction(&mut derived);
    asked.quantisation(&mut derived);
    asked.benchmarks(&mut derived);
    asked.packages(&mut derived);
    asked.publication(&mut derived);
    asked.deployment(&mut derived);
    if derived.problems.is_empty() { Ok(derived.stages) } else { Err(derived.problems) }
}

fn member<T: DeserializeOwned + Default>(recipe: &Value, name: &'static str) -> Result<T, Problem> {
    let value = recipe.get(name).filter(|value| !value.is_null());
    let read = value.map(|value| serde_json::from_value(value.clone())).transpose();
    read.map(Option::unwrap_or_default)
        .map_err(|error| Problem::new("wrong-type", name, format!("`{name}` cannot be read: {error}")))
}

impl<'a> Asked<'a> {
    fn read(recipe: &'a Value) -> Result<Self, Vec<Problem>> {
        match (member(recipe, "source"), member(recipe, "target")) {
            (Ok(source), Ok(target)) => Ok(Self { source, target, recipe }),
            (source, target) => Err(source.err().into_iter().chain(target.err()).collect()),
        }
    }

    /// Experts each layer of the source has.
    fn source_experts(&self) -> Option<u64> {
        self.source.num_experts_per_layer.or(self.source.total_experts)
    }

    /// Ids of the corpora under one root member.
    fn corpora(&self, member: &str) -> Vec<&'a str> {
        let list = self.recipe.get(member).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(|corpus| corpus.get("id")?.as_str()).collect()
    }

    fn context(&self, derived: &mut Derived) {
        let path = "target.contextLength";
        let Some(wanted) = self.target.context_length else { return };
        match self.source.context_length {
            Some(has) if wanted > has => {
                derived.stage(path, json!({"type": "context-extend", "targetLength": wanted, "method": choices::EXTEND_METHOD}));
            }
            Some(has) if wanted < has => {
                let message =
                    format!("the target's context of {wanted} tokens is shorter than the source's {has}: no stage shortens it");
                derived.problem("target-below-source", path, message, "leave `contextLength` out to keep the source's");
            }
            Some(_) => {}
            None => {
                let message = "whether the context must be extended depends on the source's, which the recipe does not say";
                derived.problem("source-unsaid", path, message, "add `source.contextLength`");
            }
        }
    }

    /// Every language model takes text; whatever else the target takes is added.
    fn modalities(&self, derived: &mut Derived) {
        for (index, modality) in self.target.modalities.iter().flatten().enumerate().filter(|(_, it)| *it != "text") {
            let path = format!("target.modalities[{index}]");
            match choices::ENCODERS.iter().find(|(name, _)| name == modality) {
                Some((_, encoder)) => {
                    derived.stage(&path, json!({"type": "modality", "modality": modality, "encoderModel": encoder}));
                }
                None if modality == "multimodal" => {
                    let message = "which encoder `multimodal` needs cannot be told";
                    derived.problem(
                        "not-derivable",
                        &path,
                        message,
                        "name `vision` and `audio`, or write the stages out in `stages`",
                    );
                }
                None => {
                    let problem = Problem::new("wrong-value", path, format!("no stage adds modality `{modality}`"));
                    derived.problems.push(problem.suggest(modality, ["text", "vision", "audio"]));
                }
            }
        }
    }

    fn experts(&self, derived: &mut Derived) {
        let path = "target.experts";
        let Some(keep) = self.target.experts else { return };
        let Some(has) = self.source_experts() else {
            let message = "how many experts go depends on how many the source has, which the recipe does not say";
            return derived.problem("source-unsaid", path, message, "add `source.totalExperts`");
        };
        if keep > has {
            let message = format!("the target has {keep} experts, the source {has}: no stage adds experts");
            return derived.problem("target-above-source", path, message, "leave `experts` out to keep all of them");
        }
        if keep == has {
            return;
        }
        if let Some(used) = self.source.num_activated_experts.filter(|used| keep < *used) {
            let message = format!("the target has {keep} experts, every token is routed to {used}");
            return derived.problem("keep-below-top-k", path, message, format!("keep from {used} to {}", has - 1));
        }
        let Some(corpus) = self.calibration(path, derived) else { return };
        derived.stage(path, json!({"type": "expert-activation-profile", "calibrationCorpus": corpus}));
        derived.stage(
            path,
            json!({
                "type": "expert-prune",
                "strategy": choices::EXPERT_STRATEGY,
                "calibrationCorpus": corpus,
                "keepExpertsPerLayer": keep,
                "originalExpertsPerLayer": has,
            }),
        );
    }

    /// The corpus that experts are counted on: the only one, or the one named like the target's domain.
    fn calibration(&self, path: &str, derived: &mut Derived) -> Option<&'a str> {
        let corpora = self.corpora(CALIBRATION);
        let of_domain = corpora.iter().find(|id| Some(**id) == self.target.domain.as_deref());
        match (corpora.as_slice(), of_domain) {
            ([only], _) => Some(only),
            (_, Some(corpus)) => Some(corpus),
            ([], None) => {
                let message = "which experts go is measured on a corpus, and the recipe declares none";
                derived.problem("no-corpus", path, message, format!("declare one in `{CALIBRATION}`"));
                None
            }
            (_, None) => {
                let message = format!("which experts go is measured on a corpus, and the recipe declares {}", corpora.len());
                let hint = "declare only the one to count on, or write the stages out in `stages`";
                derived.problem("no-corpus", path, message, hint);
                None
            }
        }
    }

    fn heads(&self, derived: &mut Derived) {
        if let Some(level) = self.removed_heads() {
            derived.stage("target.pruneRatio", json!({"type": "prune", "strategy": choices::HEAD_STRATEGY, "level": level}));
        }
    }

    /// The share of heads to remove, as it is spelled, when there is anything to remove.
    fn removed_heads(&self) -> Option<&'a Value> {
        self.target.prune_ratio.filter(|ratio| *ratio > 0.0)?;
        self.recipe.get("target")?.get("pruneRatio")
    }

    fn domain(&self, derived: &mut Derived) {
        if let Some(domain) = &self.target.domain {
            derived.stage("target.domain", json!({"type": "train", "domain": domain}));
        }
    }

    /// Removed heads leave gaps; closing them is no reason to store anything in fewer bits.
    fn compaction(&self, derived: &mut Derived) {
        if self.removed_heads().is_some() {
            derived.stage("target.pruneRatio", json!({"type": "compact", "enableQuantization": false}));
        }
    }

    /// Formats that hold quantised tiers, each with where the target asks for it.
    fn quantised_formats(&self) -> Vec<(String, &str)> {
        let formats = self.target.output_formats.as_deref().unwrap_or_default();
        let tiers = self.target.quant_types.as_ref().is_some_and(|tiers| !tiers.is_empty());
        let quantised = formats.iter().enumerate().filter(|(_, format)| *format != choices::PLAIN_FORMAT);
        let mut found: Vec<_> =
            quantised.map(|(index, format)| (format!("target.outputFormats[{index}]"), format.as_str())).collect();
        let devices = self.target.target_devices.as_ref().is_some_and(|devices| !devices.is_empty());
        if found.is_empty() && tiers {
            // Without another format, tiers are stored in the one that is asked for.
            let format = if formats.is_empty() { choices::TIER_FORMAT } else { choices::PLAIN_FORMAT };
            found.push(("target.quantTypes".into(), format));
        } else if formats.is_empty() && devices {
            found.push(("target.targetDevices".into(), choices::TIER_FORMAT));
        }
        found
    }

    fn quantisation(&self, derived: &mut Derived) {
        let formats = self.quantised_formats();
        if formats.is_empty() {
            return;
        }
        let stated = self.target.quant_types.as_deref().unwrap_or_default();
        let devices = self.target.target_devices.as_deref().unwrap_or_default();
        let tiers = match (stated, devices) {
            ([_, ..], _) => stated.to_vec(),
            ([], []) => {
                let message = "the target does not say which quantisations are wanted";
                let hint = "add `target.quantTypes`, or `target.targetDevices` with their memory";
                return derived.problem("not-derivable", &formats[0].0, message, hint);
            }
            ([], devices) => match devices::tiers(devices, self.source.total_params_b) {
                Ok(tiers) => tiers,
                Err(problems) => return derived.problems.extend(problems),
            },
        };
        for (path, format) in formats {
            let mut stage = json!({"type": "quant", "format": format, "quantTypes": tiers});
            if !devices.is_empty() {
                stage["deviceTargets"] = json!(devices);
            }
            derived.stage(&path, stage);
        }
    }

    /// All benchmarks in one stage; perplexity is measured on every corpus declared for it.
    fn benchmarks(&self, derived: &mut Derived) {
        let Some(names) = self.target.benchmarks.as_deref().filter(|names| !names.is_empty()) else { return };
        let mut benchmarks: Vec<Value> = Vec::new();
        for (index, name) in names.iter().enumerate() {
            if name != choices::PERPLEXITY {
                benchmarks.push(json!({"name": name}));
                continue;
            }
            let corpora = self.corpora(EVALUATION);
            if corpora.is_empty() {
                let message = "perplexity is measured on a corpus, and the recipe declares none";
                derived.problem(
                    "no-corpus",
                    &format!("target.benchmarks[{index}]"),
                    message,
                    format!("declare one in `{EVALUATION}`"),
                );
            }
            benchmarks.extend(corpora.iter().map(|corpus| json!({"name": name, "subset": corpus})));
        }
        derived.stage("target.benchmarks", json!({"type": "eval", "benchmarks": benchmarks}));
    }

    /// Plain weights are packaged; other formats were made by quantisation.
    fn packages(&self, derived: &mut Derived) {
        let formats = self.target.output_formats.iter().flatten().enumerate();
        for (index, format) in formats.filter(|(_, format)| *format == choices::PLAIN_FORMAT) {
            derived.stage(&format!("target.outputFormats[{index}]"), json!({"type": "package", "format": format}));
        }
    }

    fn publication(&self, derived: &mut Derived) {
        if self.target.publish != Some(true) {
            return;
        }
        match self.recipe.get("author").and_then(Value::as_str).filter(|author| !author.is_empty()) {
            Some(org) => derived.stage("target.publish", json!({"type": "publish", "org": org})),
            None => {
                let message = "the recipe does not say under which organisation it is published";
                derived.problem("not-derivable", "target.publish", message, "add `author`, or write the stages out in `stages`");
            }
        }
    }

    fn deployment(&self, derived: &mut Derived) {
        if let Some(machine) = &self.target.deploy_to {
            derived.stage("target.deployTo", json!({"type": "deploy", "target": machine}));
        }
    }

    /// The recipe's stages as they are written.
    fn stages(&self, name: &str) -> impl Iterator<Item = &'a Map<String, Value>> {
        let stages = self.recipe.get("stages").and_then(Value::as_array).into_iter().flatten();
        let name = name.to_owned();
        stages.filter_map(Value::as_object).filter(move |stage| stage.get("type").and_then(Value::as_str) == Some(name.as_str()))
    }
}

impl Derived {
    fn stage(&mut self, from: &str, stage: Value) {
        self.stages.push(DerivedStage { stage, from: from.to_owned() });
    }

    fn problem(&mut self, code: &'static str, path: &str, message: impl Into<String>, hint: impl Into<String>) {
        self.problems.push(Problem::new(code, path, message).hint(hint));
    }
}

#[cfg(test)]
mod tests;
