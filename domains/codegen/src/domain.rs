//! The domain as the registry sees it.

use std::sync::Arc;

use aw_alloy::artifact::Artifact;
use aw_domain::{Domain, Executor, Objection, Phase, Problem, Source, SourceRequest, Stage, StageType, TreePath, schema_of};

use crate::input::Format;
use crate::objections;
use crate::smoke::Toolchain;
use crate::stages::{ContractDiff, Generate, ONTOLOGY, ReadOntology, SmokeCompile, configurations};

/// Contracts from an ontology, as stages of a recipe.
#[derive(Clone)]
pub struct Codegen {
    toolchain: Arc<Toolchain>,
}

impl Codegen {
    /// The domain, with the compilers it may start; each run gives them a folder of its own to work in.
    #[must_use]
    pub fn new(toolchain: Toolchain) -> Self {
        Self { toolchain: Arc::new(toolchain) }
    }
}

impl Domain for Codegen {
    fn id(&self) -> &str {
        "codegen"
    }

    fn version(&self) -> &str {
        "1"
    }

    fn type_byte(&self) -> u8 {
        0xff
    }

    fn stage_types(&self) -> Vec<StageType> {
        let here = |name, summary, phase, schema, stage: Arc<dyn Stage>| {
            StageType::new(name, summary, phase, schema, Executor::Here(stage))
        };
        vec![
            here(
                "read-ontology",
                "Reads the ontology, holds it against the shapes and makes the model.",
                Phase::Input,
                schema_of::<configurations::ReadOntology>(),
                Arc::new(ReadOntology),
            ),
            here(
                "generate",
                "Writes the contracts of every target.",
                Phase::Transform,
                schema_of::<configurations::Generate>(),
                Arc::new(Generate),
            ),
            here(
                "contract-diff",
                "Compares the model with an older one and refuses what destroys unless it is named.",
                Phase::Delivery,
                schema_of::<configurations::ContractDiff>(),
                Arc::new(ContractDiff),
            ),
            here(
                "smoke-compile",
                "Compiles what was generated with the real compilers.",
                Phase::Delivery,
                schema_of::<configurations::SmokeCompile>(),
                Arc::new(SmokeCompile { toolchain: Arc::clone(&self.toolchain) }),
            ),
        ]
    }

    fn source(&self, request: &SourceRequest<'_>) -> Result<Source, Vec<Problem>> {
        let stated = &request.recipe.root().source;
        let mut problems = Vec::new();
        if stated.revision.is_some() {
            let message = "an ontology of a recipe is a file beside it and has no revision";
            problems.push(
                Problem::new("source-unsupported", "source.revision", message).hint("its bytes are hashed; leave `revision` out"),
            );
        }
        for name in stated.more.keys() {
            problems.push(Problem::new("field/unknown", format!("source.{name}"), format!("unknown field `{name}`")));
        }
        let file = request.recipe_folder.join(&stated.base_model);
        if !file.is_file() {
            let message = format!("`{}` is not a file", file.display());
            problems.push(
                Problem::new("source-missing", "source.baseModel", message)
                    .hint("give the path of the ontology's file, relative to the recipe"),
            );
        }
        match Format::stated(None, &stated.base_model) {
            Err(unknown) => problems.push(Problem::new("source-refused", "source.baseModel", unknown.message)),
            Ok(format) if format.media_type() != stated.architecture => {
                let message = format!("the recipe says `{}`, the file's name `{}`", stated.architecture, format.media_type());
                problems.push(
                    Problem::new("source-differs", "source.architecture", message).hint("for an ontology this is its media type"),
                );
            }
            Ok(_) => {}
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let folder = file.parent().map(std::path::Path::to_owned).unwrap_or_default();
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let path =
            TreePath::new(name).map_err(|error| vec![Problem::new("source-refused", "source.baseModel", error.to_string())])?;
        Ok(Source {
            folder,
            files: vec![path],
            placed_under: ONTOLOGY,
            pinned_root: None,
            facts: serde_json::json!({}),
            remote: None,
        })
    }

    fn objections(&self, artifact: &Artifact) -> Vec<Objection> {
        objections::objections(artifact)
    }
}
