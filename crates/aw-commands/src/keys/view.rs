//! How keys look to whoever asks.

use aw_alloy::Moment;
use aw_alloy::signing::{KeyEntry, VerificationKey};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::IDENTITY;

/// What is known of a key. Nothing secret is in it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyView {
    /// What people call it here; `null` for keys of others.
    pub name: Option<String>,
    /// Its short name: the first 16 hex digits of a SHA-256 of the public key.
    pub key_id: String,
    /// What it signs with.
    pub algorithm: String,
    /// What it is for.
    pub purpose: KeyPurpose,
    /// Whether it counts.
    pub state: KeyState,
    /// Whose it is.
    pub owner: Option<String>,
    /// From when it counts.
    pub registered_at: Option<String>,
    /// Until when it counts.
    pub expires_at: Option<String>,
    /// When it was revoked.
    pub revoked_at: Option<String>,
    /// Why it was revoked.
    pub revocation_reason: Option<String>,
    /// The key that came after it.
    pub superseded_by: Option<String>,
    /// When that one came.
    pub superseded_at: Option<String>,
    /// As of when all this is known.
    pub as_of: Option<String>,
    /// The public key: base64 of its SubjectPublicKeyInfo.
    pub public_key: String,
}

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum KeyPurpose {
    /// This node's identity: it signs links and seals.
    Identity,
    /// One of this home's own: it signs artifacts for others.
    Signing,
    /// Somebody else's: signatures are checked against it.
    Imported,
}

/// Whether a key counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum KeyState {
    /// It does.
    Current,
    /// Its time has not come.
    Early,
    /// Its time is over; what it signed in its time counts.
    Expired,
    /// Another key came after it; what it signed before counts.
    Superseded,
    /// Nothing it ever signed counts.
    Revoked,
}

impl KeyState {
    fn of(entry: &KeyEntry, now: Moment) -> Self {
        match entry {
            KeyEntry { revoked_at: Some(_), .. } => Self::Revoked,
            KeyEntry { superseded_by: Some(_), .. } => Self::Superseded,
            _ if now > entry.expires_at => Self::Expired,
            _ if now < entry.registered_at => Self::Early,
            _ => Self::Current,
        }
    }
}

impl KeyView {
    /// A registered key; `name` for one of this home's own.
    pub(crate) fn of(entry: &KeyEntry, name: Option<&str>, now: Moment) -> Self {
        let text = |at: Option<Moment>| at.map(|at| at.to_string());
        Self {
            name: name.map(str::to_owned),
            key_id: entry.key_id.clone(),
            algorithm: entry.algorithm.to_string(),
            purpose: if name.is_some() { KeyPurpose::Signing } else { KeyPurpose::Imported },
            state: KeyState::of(entry, now),
            owner: Some(entry.owner.clone()),
            registered_at: text(Some(entry.registered_at)),
            expires_at: text(Some(entry.expires_at)),
            revoked_at: text(entry.revoked_at),
            revocation_reason: entry.revocation_reason.clone(),
            superseded_by: entry.superseded_by.clone(),
            superseded_at: text(entry.superseded_at),
            as_of: if name.is_some() { None } else { text(entry.as_of) },
            public_key: entry.public_key.clone(),
        }
    }

    /// This node's identity: it is in no registry, and does not run out.
    pub(crate) fn of_identity(key: &aw_alloy::keys::PublicKey) -> Self {
        Self {
            name: Some(IDENTITY.into()),
            key_id: key.id(),
            algorithm: aw_alloy::keys::Signature::EDDSA.into(),
            purpose: KeyPurpose::Identity,
            state: KeyState::Current,
            owner: None,
            registered_at: None,
            expires_at: None,
            revoked_at: None,
            revocation_reason: None,
            superseded_by: None,
            superseded_at: None,
            as_of: None,
            public_key: aw_alloy::signing::base64::standard(&identity_spki(key)),
        }
    }

    /// The public key as a PEM file; `None` for an algorithm that is not in use here.
    pub(crate) fn pem(&self) -> Option<String> {
        Some(VerificationKey::read(&self.public_key).ok()?.to_pem())
    }
}

/// The SubjectPublicKeyInfo of an identity key: the fixed head of RFC 8410 and the 32 bytes.
fn identity_spki(key: &aw_alloy::keys::PublicKey) -> Vec<u8> {
    let head = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
    let bytes = aw_alloy::digest::from_hex(&key.to_string()).unwrap_or_default();
    [&head[..], &bytes].concat()
}
