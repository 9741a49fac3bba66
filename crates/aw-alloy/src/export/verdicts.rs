//! What the gates said of an artifact, as a claim of its own that others can check.
//!
//! The predicate is the verdicts document as it is, beside the artifact it is about: whoever has the artifact and its recipe can
//! judge it again and compare.

use serde_json::Map;

use super::statement::{Resource, Statement};
use super::{one, typed};
use crate::digest::Digest;
use crate::gates::{VERDICTS_FORMAT, Verdicts};
use crate::text::{Node, Problem};

/// The claim that the statement makes. A URN: nobody has to own a host for it.
pub const PREDICATE_TYPE: &str = "urn:alloyworks:gate-verdicts:v1";

/// States the verdicts in `verdicts` of the document named `file_name` with these bytes.
///
/// # Errors
/// When this is no record of verdicts, or one of another document.
pub fn statement(document: &[u8], file_name: &str, verdicts: &Node) -> Result<Statement, Vec<Problem>> {
    let read = read(verdicts, "")?;
    let (digest, said) = (Digest::of(document), read.artifact.file_hash);
    if said != digest {
        let message = format!("the verdicts are of a document with hash {said}, this one has {digest}");
        return Err(one("other-document", "artifact.fileHash", message));
    }
    let predicate = Map::from_iter([("verdicts".to_owned(), verdicts.to_serde())]);
    Ok(Statement::new(PREDICATE_TYPE, vec![Resource::file(file_name, digest)], predicate))
}

/// Reads the record in a statement's predicate.
///
/// # Errors
/// When there is none, or it is malformed, with its path in the predicate.
pub fn of(statement: &Statement) -> Result<Verdicts, Vec<Problem>> {
    match statement.predicate.get("verdicts") {
        Some(verdicts) => read(&Node::from_serde(verdicts), "predicate.verdicts"),
        None => Err(one("missing-field", "predicate.verdicts", "`verdicts` is missing")),
    }
}

fn read(node: &Node, path: &str) -> Result<Verdicts, Vec<Problem>> {
    let verdicts: Verdicts = typed(node, path)?;
    if verdicts.format != VERDICTS_FORMAT {
        let path = if path.is_empty() { "format".to_owned() } else { format!("{path}.format") };
        let message = format!("the verdicts have format `{}`, which is not read here", verdicts.format);
        return Err(vec![Problem::new("format", path, message).hint(format!("accepted is `{VERDICTS_FORMAT}`"))]);
    }
    Ok(verdicts)
}
