//! What the gates said of an artifact, as a claim of its own that others can check.
//!
//! The predicate is the verdicts document as it is, beside the artifact it is about: whoever has the artifact and its recipe can
//! judge it again and compare.

use serde_json::{Map, Value, json};

use super::one;
use super::statement::{Resource, Statement};
use crate::digest::Digest;
use crate::text::{Node, Problem};

/// The claim that the statement makes. A URN: nobody has to own a host for it.
pub const PREDICATE_TYPE: &str = "urn:alloyworks:gate-verdicts:v1";

/// States the verdicts in `verdicts` of the document named `file_name` with these bytes.
///
/// # Errors
/// When the verdicts are not an object, or are of another document.
pub fn statement(document: &[u8], file_name: &str, verdicts: &Node) -> Result<Statement, Vec<Problem>> {
    let Value::Object(verdicts_object) = verdicts.to_serde() else {
        let message = format!("verdicts are an object; this is {}", verdicts.value.kind());
        return Err(one("wrong-type", "", message));
    };
    let digest = Digest::of(document);
    // Where the verdicts say which bytes they are of, they must be these.
    let said = ["document", "artifact"].into_iter().find_map(|name| {
        let hash = verdicts.get(name)?.get("fileHash")?;
        Some((format!("{name}.fileHash"), hash.as_str()?.to_owned()))
    });
    if let Some((path, said)) = said.filter(|(_, said)| *said != digest.to_string()) {
        return Err(one(
            "other-document",
            path,
            format!("the verdicts are of a document with hash {said}, this one has {digest}"),
        ));
    }
    let predicate = Map::from_iter([("verdicts".to_owned(), json!(verdicts_object))]);
    Ok(Statement::new(PREDICATE_TYPE, vec![Resource::file(file_name, digest)], predicate))
}
