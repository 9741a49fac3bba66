//! A domain small enough to see through: one stage that writes a line, one that fails, one that only documents may declare.

use std::path::PathBuf;
use std::sync::Arc;

use aw_alloy::artifact::Artifact;
use aw_domain::{
    Context, DerivedStage, Domain, Estimate, Executor, Failure, Inputs, Output, Phase, PlanRequest, Problem, Reads, Registry,
    Source, SourceRequest, Stage, StageType, TreePath,
};
use serde_json::{Value, json};

pub struct Glass;

struct Blow {
    breaks: bool,
}

impl Stage for Blow {
    fn code_version(&self) -> u32 {
        1
    }

    fn reads(&self, _: &Value, _: &aw_alloy::recipe::Recipe) -> Result<Reads, Vec<Problem>> {
        Ok(Reads { folders: vec![String::new()], ..Reads::default() })
    }

    fn plan(&self, _: &PlanRequest<'_>) -> Result<Estimate, Vec<Problem>> {
        Ok(Estimate { bytes_out: 5, memory_bytes: 1000, seconds: Some(0.5), notes: vec!["hot".into()], ..Estimate::default() })
    }

    fn run(&self, config: &Value, _: &Inputs, context: &mut Context<'_>) -> Result<Output, Failure> {
        context.check_cancelled()?;
        if self.breaks {
            return Err(Failure::new("shards", "the glass broke").with_hint("blow softer"));
        }
        let text = config["shape"].as_str().unwrap().to_owned();
        let written = context.write(&TreePath::new("glass").unwrap(), text.as_bytes()).unwrap();
        Ok(Output { writes: vec![written], ..Output::default() })
    }
}

impl Domain for Glass {
    fn id(&self) -> &str {
        "glass"
    }

    fn version(&self) -> &str {
        "1"
    }

    fn type_byte(&self) -> u8 {
        0xfe
    }

    fn stage_types(&self) -> Vec<StageType> {
        let shaped = json!({"type": "object", "properties": {"shape": {"type": "string"}}, "required": ["shape"], "additionalProperties": false});
        let stage = |name, schema, executor| StageType::new(name, "Works glass.", Phase::Transform, schema, executor);
        vec![
            stage("blow", shaped, Executor::Here(Arc::new(Blow { breaks: false }))),
            stage("drop", json!({"type": "object"}), Executor::Here(Arc::new(Blow { breaks: true }))),
            stage("cast", json!({"type": "object"}), Executor::DeclaredOnly),
        ]
    }

    /// The target's domain is the shape to blow; publishing needs a stage that only documents may declare.
    fn derive_stages(&self, recipe: &Value) -> Result<Vec<DerivedStage>, Vec<Problem>> {
        let target = &recipe["target"];
        let shape = target["domain"].as_str().map(|shape| ("domain", json!({"type": "blow", "shape": shape})));
        let cast = (target["publish"] == true).then(|| ("publish", json!({"type": "cast"})));
        let derived = |(member, stage)| DerivedStage { stage, from: format!("target.{member}") };
        Ok(shape.into_iter().chain(cast).map(derived).collect())
    }

    fn source(&self, request: &SourceRequest<'_>) -> Result<Source, Vec<Problem>> {
        let folder: PathBuf = request.recipe_folder.join(&request.recipe.root().source.base_model);
        let files = vec![TreePath::new("sand").unwrap()];
        Ok(Source { folder, files, placed_under: "in", pinned_root: None, facts: Value::Null, remote: None })
    }

    fn card(&self, artifact: &Artifact) -> Option<String> {
        Some(format!("# {}\n", artifact.name()))
    }
}

pub fn registry() -> Registry {
    let mut registry = Registry::new();
    registry.register(Arc::new(Glass), "tests").unwrap();
    registry.set_default(&["glass"]).unwrap();
    registry
}
