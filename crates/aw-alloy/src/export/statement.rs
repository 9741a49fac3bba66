//! The in-toto statement: what is claimed, of which files.
//!
//! # Source
//! in-toto Attestation Framework, `spec/v1/statement.md` and `spec/v1/resource_descriptor.md`.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::dsse::{Envelope, IN_TOTO};
use super::{node, one, parse, typed};
use crate::digest::Digest;
use crate::text::{Problem, json};

/// The type of every statement read and written here.
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";

/// A statement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Statement {
    /// [`STATEMENT_TYPE`].
    #[serde(rename = "_type")]
    pub statement_type: String,
    /// What it is about.
    pub subject: Vec<Resource>,
    /// What kind of claim it is.
    pub predicate_type: String,
    /// The claim.
    pub predicate: serde_json::Map<String, Value>,
}

/// A file or another thing, as in-toto describes it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Resource {
    /// Its name: a path in the artifact's folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where it comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// Its digests by algorithm, as hex digits.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub digest: BTreeMap<String, String>,
    /// What else is to know of it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, Value>,
}

impl Resource {
    /// A file with its SHA-256.
    pub fn file(name: impl Into<String>, digest: Digest) -> Self {
        let digest = BTreeMap::from([("sha256".to_owned(), digest.hex())]);
        Self { name: Some(name.into()), digest, ..Self::default() }
    }

    /// Its SHA-256, when it has a well-formed one.
    pub fn sha256(&self) -> Option<Digest> {
        self.digest.get("sha256").and_then(|hex| Digest::from_hex(hex).ok())
    }
}

impl Statement {
    /// A statement of this type about these subjects.
    pub fn new(predicate_type: &str, subject: Vec<Resource>, predicate: serde_json::Map<String, Value>) -> Self {
        Self { statement_type: STATEMENT_TYPE.into(), subject, predicate_type: predicate_type.into(), predicate }
    }

    /// The statement in an envelope that is still to be signed.
    pub fn envelope(&self) -> Envelope {
        Envelope::new(IN_TOTO, json::compact(&node(self)).into_bytes())
    }

    /// Reads the statement in an envelope. The envelope's signatures are not looked at.
    ///
    /// # Errors
    /// Another payload or statement type, malformed members, no subject, two subjects of one name, a subject without a digest: each
    /// with its place in the payload.
    pub fn of(envelope: &Envelope) -> Result<Self, Vec<Problem>> {
        if envelope.payload_type != IN_TOTO {
            let message = format!("the envelope holds `{}`, which is not read here", envelope.payload_type);
            return Err(vec![Problem::new("payload-type", "payloadType", message).hint(format!("accepted is `{IN_TOTO}`"))]);
        }
        let statement: Self = typed(&parse(&envelope.payload)?, "")?;
        statement.check()?;
        Ok(statement)
    }

    fn check(&self) -> Result<(), Vec<Problem>> {
        if self.statement_type != STATEMENT_TYPE {
            let message = format!("the statement is of type `{}`, which is not read here", self.statement_type);
            return Err(vec![Problem::new("statement-type", "_type", message).hint(format!("accepted is `{STATEMENT_TYPE}`"))]);
        }
        if self.subject.is_empty() {
            return Err(one("subject", "subject", "the statement has no subject"));
        }
        let mut names = BTreeSet::new();
        for (index, subject) in self.subject.iter().enumerate() {
            let path = format!("subject[{index}]");
            if subject.digest.is_empty() {
                return Err(one("subject", path, "the subject has no digest, and nothing to hold a file against"));
            }
            if let Some(name) = subject.name.as_deref().filter(|name| !names.insert(*name)) {
                return Err(one("duplicate", path, format!("`{name}` is a subject already")));
            }
        }
        Ok(())
    }
}
