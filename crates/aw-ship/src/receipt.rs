//! The receipt: what stands where, by which verdict and approval, signed.

use aw_alloy::digest::Digest;
use aw_alloy::keys::{PublicKey, SecretKey, Signature};
use serde::{Deserialize, Serialize};

use crate::approval::{Approval, Approved};
use crate::decision::Policy;
use crate::publish::Publication;
use crate::signed;

/// Identity of the record's format.
pub const RECEIPT_FORMAT: &str = "alloyworks.receipt.v1";
/// What its signature is for.
pub const RECEIPT_CONTEXT: &str = "alloyworks.receipt.v1";

/// What was published of one artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Receipt {
    /// [`RECEIPT_FORMAT`].
    pub format: String,
    /// Of what.
    pub artifact: Approved,
    /// SHA-256 of the decision's bytes, as the program writes them.
    pub decision: Digest,
    /// Under which policy.
    pub policy: Policy,
    /// The approval it went by, where a person approved.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub approval: Option<Approval>,
    /// Where it stands, sorted by target.
    pub publications: Vec<Publication>,
    /// When the last of them was made: RFC 3339, UTC.
    pub shipped_at: String,
    /// Over everything else.
    pub signature: Signature,
}

impl Receipt {
    /// Reads a record.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        signed::read(bytes, RECEIPT_FORMAT)
    }

    /// The record as a file.
    pub fn to_bytes(&self) -> Vec<u8> {
        signed::to_bytes(self)
    }

    /// Who signed it, when it is whole.
    ///
    /// # Errors
    /// Why that cannot be told.
    pub fn signer(&self) -> Result<PublicKey, String> {
        signed::signer(self, &self.signature, RECEIPT_CONTEXT)
    }

    /// Signs the record anew.
    ///
    /// # Errors
    /// Why that cannot be done.
    pub(crate) fn sign(mut self, key: &SecretKey) -> Result<Self, String> {
        self.signature = signed::sign(&self, RECEIPT_CONTEXT, key)?;
        Ok(self)
    }
}
