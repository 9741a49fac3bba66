//! Seals and statements in the formats that other programs read and write.
//!
//! - [`model_signing`]: the OpenSSF Model Signing bundle over a folder's files.
//! - [`dsse`] and [`statement`]: the DSSE envelope and the in-toto statement that bundle and provenance share.
//! - [`provenance`]: how an artifact was made, as SLSA provenance.
//! - [`verdicts`]: what the gates said of an artifact.
//! - [`cyclonedx`]: an artifact as a machine-learning bill of materials.
//! - [`qr`]: the link to an artifact, as a picture.
//!
//! Everything here is a function of what is handed in: files are hashed and keys are read elsewhere.

pub mod cyclonedx;
pub mod dsse;
mod licenses;
pub mod model_signing;
pub mod provenance;
pub mod qr;
pub mod statement;
pub mod verdicts;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::text::{Limits, Node, Problem, Schema, json};

/// Parses a document of a foreign format; names that occur twice, deep nesting and large texts are refused.
fn parse(bytes: &[u8]) -> Result<Node, Vec<Problem>> {
    json::parse(bytes, &Limits::DOCUMENT).map_err(|error| vec![Problem::from(error)])
}

/// Reads a node as a type after holding it against the type's schema, so that every problem has its place.
fn typed<T: DeserializeOwned + JsonSchema>(node: &Node, path: &str) -> Result<T, Vec<Problem>> {
    let schema = Schema::compile(&schemars::schema_for!(T).to_value()).map_err(|error| vec![bug(path, &error)])?;
    let problems = schema.check(node, path);
    if !problems.is_empty() {
        return Err(problems);
    }
    serde_json::from_value(node.to_serde()).map_err(|error| vec![bug(path, &error).at(node.at)])
}

fn bug(path: &str, error: &dyn std::fmt::Display) -> Problem {
    Problem::new("bug", path, format!("this is a bug: {error}"))
}

/// A plain value as a tree.
fn node(value: &impl Serialize) -> Node {
    Node::from_serde(&serde_json::to_value(value).expect("the types of this module are plain JSON"))
}

/// One problem at a member.
fn one(code: &'static str, path: impl Into<String>, message: impl Into<String>) -> Vec<Problem> {
    vec![Problem::new(code, path, message)]
}
