//! `forge.pin.json`: what a consumer uses.

use aw_alloy::digest::Digest;
use aw_alloy::keys::{KeyError, PublicKey};
use aw_alloy::tree::TreePath;
use serde::{Deserialize, Serialize};

use crate::delivery::ArtifactName;
use crate::delivery::index::hex;
use crate::delivery::manifest::is_target;

/// Which versions a consumer has, and which it uses.
///
/// # Source
/// Codegen, section 11. `keys` is of this implementation: whose signature counts here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// The version that was staged last.
    pub current: Pinned,
    /// The version before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Pinned>,
    /// Which of the two is used.
    pub active: Active,
    /// Targets the consumer uses, sorted.
    pub targets: Vec<String>,
    /// Where the version in use is, from the pin file's folder.
    pub out_dir: String,
    /// Public keys whose signatures count.
    pub keys: Vec<String>,
}

/// One pinned version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pinned {
    /// The artifact.
    #[schemars(with = "String")]
    pub artifact: ArtifactName,
    /// SHA-256 of its manifest.
    #[serde(with = "hex")]
    #[schemars(with = "String")]
    pub manifest_sha256: Digest,
}

/// One of the two versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Active {
    /// The one that was staged last.
    Current,
    /// The one before it.
    Previous,
}

impl Active {
    /// Its name in the pin file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Previous => "previous",
        }
    }
}

/// Why a text is no pin.
#[derive(Debug, thiserror::Error)]
pub enum PinError {
    /// It has another form.
    #[error("forge.pin.json: {0}")]
    Form(#[from] serde_json::Error),
    /// A key is none.
    #[error("forge.pin.json: {0}")]
    Key(#[from] KeyError),
    /// It says what cannot be.
    #[error("forge.pin.json: `{member}`: {reason}")]
    Member {
        /// Which member.
        member: &'static str,
        /// What is wrong and what would be right.
        reason: String,
    },
}

impl Pin {
    /// The name of its file.
    pub const FILE: &'static str = "forge.pin.json";

    /// Reads and checks a pin.
    ///
    /// # Errors
    /// [`PinError`].
    pub fn read(bytes: &[u8]) -> Result<Self, PinError> {
        let pin: Self = serde_json::from_slice(bytes)?;
        pin.check()?;
        Ok(pin)
    }

    /// The bytes of its file.
    ///
    /// # Errors
    /// [`PinError`] when it says what cannot be.
    pub fn to_bytes(&self) -> Result<Vec<u8>, PinError> {
        self.check()?;
        let mut bytes = serde_json::to_vec_pretty(self)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    fn check(&self) -> Result<(), PinError> {
        let odd = |member, reason: String| Err(PinError::Member { member, reason });
        if self.active == Active::Previous && self.previous.is_none() {
            return odd("active", "there is no previous version; expected `current`".to_owned());
        }
        if self.previous.as_ref() == Some(&self.current) {
            return odd("previous", "it is the current version".to_owned());
        }
        if self.targets.is_empty() || !self.targets.iter().all(|name| is_target(name)) || !self.targets.is_sorted_by(|a, b| a < b)
        {
            return odd("targets", "expected at least one target, sorted, each once".to_owned());
        }
        self.keys()?;
        if self.keys.is_empty() {
            return odd("keys", "expected at least one public key: without one anybody's contracts would do".to_owned());
        }
        self.folder().map(|_| ())
    }

    /// The keys whose signatures count.
    ///
    /// # Errors
    /// [`PinError::Key`].
    pub fn keys(&self) -> Result<Vec<PublicKey>, PinError> {
        Ok(self.keys.iter().map(|text| PublicKey::parse(text)).collect::<Result<_, _>>()?)
    }

    /// Where the version in use is, from the pin file's folder.
    ///
    /// # Errors
    /// [`PinError::Member`] when that leads elsewhere, or among the files that this keeps.
    pub fn folder(&self) -> Result<TreePath, PinError> {
        let text = self.out_dir.strip_suffix('/').unwrap_or(&self.out_dir);
        let odd = |reason: String| PinError::Member { member: "out_dir", reason };
        let path = TreePath::new(text).map_err(|error| odd(error.to_string()))?;
        let first = text.split('/').next().unwrap_or_default();
        if first == super::KEPT || text == Self::FILE || first == ".git" {
            return Err(odd(format!("`{text}` is kept for other things; expected a folder such as `generated/`")));
        }
        Ok(path)
    }

    /// The version in use.
    pub fn in_use(&self) -> &Pinned {
        match (self.active, &self.previous) {
            (Active::Previous, Some(previous)) => previous,
            _ => &self.current,
        }
    }

    /// Both versions, the staged one first.
    pub fn versions(&self) -> impl Iterator<Item = &Pinned> {
        std::iter::once(&self.current).chain(&self.previous)
    }
}

impl Pinned {
    /// The folder's name of this version with these targets.
    pub(super) fn folder(&self, targets: &[String]) -> String {
        format!("{}.{}", self.manifest_sha256.hex(), targets.join("+"))
    }
}
