//! The stages of a recipe: from an ontology's file to contracts that compile.
//!
//! Between them the tree has `ontology/` (the file), `model/` (the model's JSON and the graph in canonical form), `generated/<target>/` and
//! `diff/`.

pub(crate) mod configurations;
mod diff;
mod emission;
mod generate;
mod read;
mod smoke;

pub(crate) use diff::ContractDiff;
pub(crate) use generate::Generate;
pub(crate) use read::ReadOntology;
pub(crate) use smoke::SmokeCompile;

use aw_domain::{Failure, Inputs, Problem, TreeEntry, TreePath};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::diagnostic::Diagnostic;
use crate::model::{Model, from_ir_json};

/// Folder of the ontology's file.
pub(crate) const ONTOLOGY: &str = "ontology";
/// Folder of the model.
const MODEL: &str = "model";
/// Folder of generated files.
pub(crate) const GENERATED: &str = "generated";
/// The model's file.
const MODEL_FILE: &str = "model/model.json";
/// The names that generated files declare, by target.
const SYMBOLS_FILE: &str = "generated/symbols.json";
/// The planned fact that names the targets that will be generated.
const TARGETS: &str = "targets";
/// Most of a model's file that is read, in bytes.
const MODEL_BYTES_MAX: u64 = 256 << 20;

fn config<T: DeserializeOwned>(stage: &Value) -> Result<T, Vec<Problem>> {
    T::deserialize(stage).map_err(|error| vec![Problem::new("config", "", error.to_string())])
}

fn planned_config<T: DeserializeOwned>(stage: &Value) -> Result<T, Failure> {
    T::deserialize(stage)
        .map_err(|error| Failure::new("bug", format!("this is a bug: a planned configuration is not one: {error}")))
}

fn path(text: &str) -> Result<TreePath, Failure> {
    TreePath::new(text).map_err(|error| Failure::from_error("path", &error))
}

/// Entries that are written by the stage, in order.
fn written(context: &aw_domain::Context<'_>, name: &str, bytes: &[u8]) -> Result<TreeEntry, Failure> {
    context.write(&path(name)?, bytes).map_err(|error| Failure::new("disk", format!("`{name}` cannot be written: {error}")))
}

/// What was found wrong, as the failure of a stage.
fn refused(diagnostics: &[Diagnostic]) -> Failure {
    let mut errors = diagnostics.iter().filter(|diagnostic| diagnostic.is_error());
    let text = |error: &Diagnostic| format!("{} {}: {}", error.code, error.subject, error.message);
    let message = errors.next().map(text).unwrap_or_else(|| "it is refused without a reason, which is a bug".to_owned());
    let mut failure = Failure::new("ontology", message);
    failure.causes = errors.take(50).map(text).collect();
    failure
}

/// The model of the tree.
fn model(inputs: &Inputs) -> Result<Model, Failure> {
    let folder = inputs.folders.get(MODEL).ok_or_else(|| no_model("the tree has no model"))?;
    read_model(&folder.join("model.json"))
}

fn no_model(message: impl Into<String>) -> Failure {
    Failure::new("model", message).with_hint("put a `read-ontology` before it")
}

/// Reads and checks a model's file.
fn read_model(file: &std::path::Path) -> Result<Model, Failure> {
    let bytes = crate::delivery::disk::read(file, MODEL_BYTES_MAX).map_err(|error| Failure::from_error("model", &error))?;
    let bytes = bytes.ok_or_else(|| no_model(format!("there is no `{}`", file.display())))?;
    let json: Value = serde_json::from_slice(&bytes).map_err(|error| no_model(format!("`{}`: {error}", file.display())))?;
    let model = from_ir_json(&json).map_err(|error| no_model(format!("`{}`: {error}", file.display())))?;
    let found = crate::model::check(&model);
    if found.iter().any(Diagnostic::is_error) { Err(refused(&found)) } else { Ok(model) }
}
