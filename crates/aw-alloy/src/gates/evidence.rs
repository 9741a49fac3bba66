//! What a caller hands in beside the document: this crate reads no file.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::verdict::Found;
use crate::digest::Digest;

/// What is at hand beside the document. Nothing at hand is not the same as nothing found: see each member.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// What checking every link, signature and file of the artifact's folder found; `None` when that was not done.
    pub verified: Option<Verified>,
    /// Digests of files of the artifact's folder, taken now, by path; `None` when no folder was looked at.
    pub files: Option<BTreeMap<String, Digest>>,
    /// The calibration corpora at hand, by id.
    pub corpora: BTreeMap<String, CorpusAtHand>,
    /// Digests of the single items of what was measured on, by the benchmark's name or its corpus' id.
    pub items: BTreeMap<String, BTreeSet<Digest>>,
    /// Coverage of what the artifact was made from, in percent, by name. The lowest is the most this one can have.
    pub dependencies: BTreeMap<String, u8>,
}

/// What checking an artifact's folder found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verified {
    /// Every link, signature and file is as it was sealed.
    Good,
    /// It is not, or cannot be told; each finding in words.
    Not {
        /// Whether something is known to be wrong.
        bad: bool,
        /// The findings.
        findings: Vec<String>,
    },
}

/// A corpus whose bytes were read now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorpusAtHand {
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// Its size in bytes.
    pub bytes: u64,
    /// Digests of its single examples.
    pub items: BTreeSet<Digest>,
}

/// What a file said to the hash that a document has for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FileState {
    /// Its bytes have that hash.
    Matches,
    /// Its bytes have another.
    Differs,
    /// It is not in the folder.
    Absent,
    /// No folder was looked at.
    NotLookedAt,
}

impl Evidence {
    /// What stands at `path` for `file`, and what the file itself says.
    pub(crate) fn of_file(&self, path: impl Into<String>, file: Option<&str>, hash: Option<&str>) -> Found {
        let expected = hash.and_then(|hash| super::measured::hash(hash).ok());
        let state = file.map(|file| match self.files.as_ref().map(|files| files.get(file)) {
            None => FileState::NotLookedAt,
            Some(None) => FileState::Absent,
            Some(Some(digest)) if Some(*digest) == expected => FileState::Matches,
            Some(Some(_)) if expected.is_none() => FileState::NotLookedAt,
            Some(Some(_)) => FileState::Differs,
        });
        Found { path: path.into(), file: file.map(str::to_owned), hash: hash.map(str::to_owned), state }
    }
}
