//! Checks of a document against a JSON Schema, with places and suggestions.

use jsonschema::Validator;
use thiserror::Error;

use super::{Node, Problem};

mod choose;
mod explain;

/// Holds a compiled JSON Schema (any published draft; 2020-12 when the schema does not say).
#[derive(Debug)]
pub struct Schema {
    validator: Validator,
    text: serde_json::Value,
}

/// Says why a schema cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("schema is not usable at `{place}`: {reason}")]
#[non_exhaustive]
pub struct SchemaError {
    /// The place in the schema, as a JSON Pointer.
    pub place: String,
    /// What is wrong there.
    pub reason: String,
}

impl Schema {
    /// Compiles a schema. References may only point into the schema itself: nothing is fetched.
    ///
    /// # Errors
    /// [`SchemaError`] when the schema is not valid or refers to what is not in it.
    pub fn compile(schema: &serde_json::Value) -> Result<Self, SchemaError> {
        let validator = jsonschema::options()
            .offline()
            .build(schema)
            .map_err(|error| SchemaError { place: error.instance_path().as_str().to_owned(), reason: error.to_string() })?;
        Ok(Self { validator, text: schema.clone() })
    }

    /// Returns every way in which `node` differs from the schema, in the order of the text.
    ///
    /// `path` is where `node` stands in its document, such as `stages[2]`, or empty for the document itself.
    pub fn check(&self, node: &Node, path: &str) -> Vec<Problem> {
        let instance = node.to_serde();
        let errors: Vec<_> = self.validator.iter_errors(&instance).collect();
        explain::Explainer { root: node, path, schema: &self.text }.explain(&errors)
    }
}
