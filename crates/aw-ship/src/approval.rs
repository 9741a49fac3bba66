//! A person's approval: who, when, of exactly which bytes, signed.

use aw_alloy::digest::Digest;
use aw_alloy::keys::{PublicKey, SecretKey, Signature};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::contents::Contents;
use crate::signed;

/// Identity of the record's format.
pub const APPROVAL_FORMAT: &str = "alloyworks.approval.v1";
/// What its signature is for.
pub const APPROVAL_CONTEXT: &str = "alloyworks.approval.v1";

/// A person's approval of an artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Approval {
    /// [`APPROVAL_FORMAT`].
    pub format: String,
    /// Of what.
    pub artifact: Approved,
    /// Who approved, as they call themselves.
    pub approver: String,
    /// When: RFC 3339, UTC.
    pub approved_at: String,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// Over everything else.
    pub signature: Signature,
}

/// What an approval is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Approved {
    /// The artifact's name.
    pub name: String,
    /// The artifact's id.
    pub id: String,
    /// SHA-256 of the document's bytes; the document holds the hash of every file.
    pub file_hash: Digest,
}

impl Approved {
    /// What these contents are.
    pub fn of(contents: &Contents) -> Self {
        Self {
            name: contents.artifact.name().to_owned(),
            id: contents.artifact.id().to_string(),
            file_hash: contents.document_digest,
        }
    }
}

impl Approval {
    /// Approves contents.
    ///
    /// # Errors
    /// Why not.
    pub fn make(
        contents: &Contents,
        approver: &str,
        approved_at: &str,
        reason: Option<&str>,
        key: &SecretKey,
    ) -> Result<Self, String> {
        let word = |text: &str| text.len() <= 1000 && !text.chars().any(char::is_control);
        if approver.trim().is_empty() || !word(approver) || !reason.is_none_or(word) {
            return Err("who approves is named, and name and reason are one line of at most 1000 bytes each".to_owned());
        }
        let empty = Signature { algorithm: String::new(), public_key: String::new(), value: String::new() };
        let mut approval = Self {
            format: APPROVAL_FORMAT.to_owned(),
            artifact: Approved::of(contents),
            approver: approver.to_owned(),
            approved_at: approved_at.to_owned(),
            reason: reason.map(str::to_owned),
            signature: empty,
        };
        approval.signature = signed::sign(&approval, APPROVAL_CONTEXT, key)?;
        Ok(approval)
    }

    /// Reads a record.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        signed::read(bytes, APPROVAL_FORMAT)
    }

    /// The record as a file.
    pub fn to_bytes(&self) -> Vec<u8> {
        signed::to_bytes(self)
    }

    /// Who signed it, when it is whole, of exactly these bytes, and by one of `approvers`.
    ///
    /// # Errors
    /// Why it is no approval of them.
    pub fn check(&self, of: &Approved, approvers: &[PublicKey]) -> Result<PublicKey, String> {
        let key = signed::signer(self, &self.signature, APPROVAL_CONTEXT)?;
        if self.artifact != *of {
            return Err(format!(
                "it is of `{}`, {}, and not of `{}`, {}",
                self.artifact.name.escape_debug(),
                self.artifact.file_hash,
                of.name,
                of.file_hash
            ));
        }
        if !approvers.contains(&key) {
            return Err(format!("key {} may not approve here; name it as an approver, or approve with one that may", key.id()));
        }
        Ok(key)
    }
}
