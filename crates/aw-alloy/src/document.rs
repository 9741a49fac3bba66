//! Any alloy document, of whatever age and origin: read tolerantly, kept to the byte, validated strictly.
//!
//! Reading and validating are two things. [`Document::read`] takes every well-formed JSON object with a string `name` and an
//! object `source`, and keeps its bytes; [`validate`] says everything that a strict reader has against it, [`peculiarities`] what
//! is odd in it and legal all the same. What this program forges is an [`Artifact`](crate::artifact::Artifact), which is a document with a chain and a seal.
//!
//! # Source
//! The alloy format, section 1.

pub mod aliases;
pub mod hashes;
pub mod members;
mod peculiarities;
pub mod schemas;
mod validate;
mod views;
pub(crate) mod walk;

use crate::digest::Digest;
use crate::text::{Limits, Node, Problem, json};

pub use peculiarities::peculiarities;
pub use validate::validate;
pub use views::{Ensemble, delta, headline_score};

/// A document as it was read.
#[derive(Clone, Debug)]
pub struct Document {
    bytes: Vec<u8>,
    node: Node,
}

impl Document {
    /// Reads a document tolerantly: unknown members, nulls and old shapes are all kept.
    ///
    /// # Errors
    /// Text that is not JSON, names that occur twice, no string `name`, no object `source`: with line and column.
    pub fn read(bytes: &[u8]) -> Result<Self, Vec<Problem>> {
        let node = json::parse(bytes, &Limits::DOCUMENT).map_err(|error| vec![Problem::from(error)])?;
        if node.as_object().is_none() {
            let message = format!("an alloy document is an object with `name` and `source`; this is {}", node.value.kind());
            return Err(vec![Problem::new("document", "", message).at(node.at)]);
        }
        let mut problems = Vec::new();
        let mut needs = |name: &'static str, kind: &str, is_there: fn(&Node) -> bool| match node.get(name) {
            Some(member) if is_there(member) => {}
            Some(member) => {
                let message = format!("`{name}` must be {kind}; this is {}", member.value.kind());
                problems.push(Problem::new("wrong-type", name, message).at(member.at));
            }
            None => problems.push(Problem::new("missing-field", name, format!("`{name}`, {kind}, is missing")).at(node.at)),
        };
        needs("name", "a string", |member| member.as_str().is_some());
        needs("source", "an object", |member| member.as_object().is_some());
        if problems.is_empty() { Ok(Self { bytes: bytes.to_vec(), node }) } else { Err(problems) }
    }

    /// The document's tree.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// The bytes it was read from.
    pub fn to_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// SHA-256 of its bytes: the hash in verify links, QR codes and catalogues.
    pub fn file_hash(&self) -> Digest {
        Digest::of(&self.bytes)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.node.get("name").and_then(Node::as_str).unwrap_or_default()
    }

    /// Whether it has results.
    pub fn has_results(&self) -> bool {
        self.node.get("results").is_some_and(|results| !results.is_null())
    }

    /// Whether it tells of a run: then it is an artifact, else a recipe. An artifact has results, or a chain; a repository's
    /// attestation is one by its kind.
    pub fn is_artifact(&self) -> bool {
        let has = |name: &str| self.node.get(name).is_some_and(|member| !member.is_null());
        self.has_results() || has("chain") || self.kind() == Some(members::REPOSITORY)
    }
}
