//! The stage types: what each takes from a recipe, reads, refuses and writes.
//!
//! Between stages the tree holds the model under `model/`, what profiling measured under `importance/<corpus>/`, and what
//! evaluating measured under `evaluation/`. A stage reads only the folders it names, so that a changed prune profiles nothing
//! again.

pub(crate) mod comparison;
pub(crate) mod corpora;
pub(crate) mod eval;
pub(crate) mod facts;
pub(crate) mod package;
pub(crate) mod profile;
pub(crate) mod prune;
pub(crate) mod quant;
mod smoke;

/// Folder of the tree that holds the model.
pub(crate) const MODEL: &str = "model";
/// Folder of the tree that holds importance files, one folder a corpus.
pub(crate) const IMPORTANCE: &str = "importance";
/// Folder of the tree that holds GGUF files.
pub(crate) const GGUF: &str = "gguf";
/// Folder of the tree that holds what evaluating measured.
pub(crate) const EVALUATION: &str = "evaluation";

use aw_domain::{Failure, Problem, TreePath};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Reads a stage's configuration, already checked against its schema.
pub(crate) fn config<T: DeserializeOwned>(config: &Value) -> Result<T, Vec<Problem>> {
    serde_json::from_value(config.clone())
        .map_err(|error| vec![Problem::new("configuration", "", format!("the configuration cannot be read: {error}"))])
}

/// As [`config`], where a failure can only be a bug: the plan has read it before.
pub(crate) fn planned_config<T: DeserializeOwned>(config: &Value) -> Result<T, Failure> {
    serde_json::from_value(config.clone())
        .map_err(|error| Failure::new("bug", format!("this is a bug: a planned configuration cannot be read: {error}")))
}

/// A path of the tree made of checked parts.
pub(crate) fn path(text: impl Into<String>) -> Result<TreePath, Failure> {
    TreePath::new(text).map_err(|error| Failure::from_error("path", &error))
}

/// Turns a library error into a stage's failure.
pub(crate) fn failed<E: std::error::Error>(code: &'static str) -> impl Fn(E) -> Failure {
    move |error| {
        // Library errors carry their remedy on a line of its own.
        let mut failure = Failure::from_error(code, &error);
        if let Some((message, hint)) = failure.message.clone().split_once("\nhint: ") {
            failure.message = message.to_owned();
            failure.hint = Some(hint.to_owned());
        }
        failure
    }
}
