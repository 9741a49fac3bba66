//! The versions of an ontology that were taken in, each in its canonical form.
//!
//! A version is written beside, renamed into place, and then made the current one: whatever is interrupted, the versions that are there
//! are whole.

use std::path::{Path, PathBuf};

use aw_alloy::digest::Digest;
use serde::{Deserialize, Serialize};

use crate::delivery::{DiskError, disk};

const GRAPH: &str = "graph.nt";
const ENTRY: &str = "version.json";
const CURRENT: &str = "current.json";
/// Longest entry, in bytes.
const ENTRY_BYTES_MAX: u64 = 64 << 10;
/// Longest canonical form, in bytes: that of a graph of the longest source, whose names are all written out.
const GRAPH_BYTES_MAX: u64 = 1 << 30;

/// One version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub(super) version: String,
    pub(super) graph_digest: Digest,
    pub(super) model_digest: Digest,
    /// The version that was current before.
    pub(super) previous: Option<String>,
}

/// Why versions cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum VersionsError {
    /// The disk failed.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A file has another form.
    #[error("`{}` has another form: {reason}", path.display())]
    Form {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// The folder of versions.
pub(super) struct Versions {
    folder: PathBuf,
}

impl Versions {
    pub(super) fn of(store: &Path) -> Self {
        Self { folder: store.join("ontologies") }
    }

    /// The version that is in force.
    pub(super) fn current(&self) -> Result<Option<Entry>, VersionsError> {
        let path = self.folder.join(CURRENT);
        match read::<String>(&path)? {
            Some(version) => self.get(&version),
            None => Ok(None),
        }
    }

    /// A version by its number.
    pub(super) fn get(&self, version: &str) -> Result<Option<Entry>, VersionsError> {
        let Some(folder) = self.place(version) else { return Ok(None) };
        read(&folder.join(ENTRY))
    }

    /// The canonical form of a version that is there, held against its digest.
    pub(super) fn graph(&self, entry: &Entry) -> Result<Vec<u8>, VersionsError> {
        let path = self.graph_path(&entry.version);
        let form = |reason: &str| VersionsError::Form { path: path.clone(), reason: reason.to_owned() };
        let bytes = disk::read(&path, GRAPH_BYTES_MAX)?.ok_or_else(|| form("it is gone"))?;
        if Digest::of(&bytes) != entry.graph_digest {
            return Err(form("its bytes are not those that were taken in"));
        }
        Ok(bytes)
    }

    /// Where the canonical form of a version is.
    pub(super) fn graph_path(&self, version: &str) -> PathBuf {
        self.folder.join(version).join(GRAPH)
    }

    /// Keeps a version that is not there yet and puts it in force; one that is there is put in force.
    pub(super) fn add(&self, entry: &Entry, graph: &[u8]) -> Result<(), VersionsError> {
        let folder = self.folder.join(&entry.version);
        if self.get(&entry.version)?.is_none() {
            let aside = self.folder.join(format!(".{}.tmp", disk::unique()));
            disk::ensure_dir(&aside)?;
            disk::write_new(&aside.join(GRAPH), graph)?;
            disk::write_new(&aside.join(ENTRY), &json(&folder, entry)?)?;
            disk::sync_dir(&aside)?;
            disk::rename(&aside, &folder)?;
            disk::sync_dir(&self.folder)?;
        }
        let current = self.folder.join(CURRENT);
        let aside = self.folder.join(format!(".{}.tmp", disk::unique()));
        Ok(disk::replace(&aside, &current, &json(&current, &entry.version)?)?)
    }

    /// The folder of a version; `None` for what is no version, so that nothing leads elsewhere.
    fn place(&self, version: &str) -> Option<PathBuf> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b".+-".contains(&b);
        let named = !version.is_empty() && version.len() <= 128 && version.bytes().all(plain);
        (named && version.starts_with(|c: char| c.is_ascii_digit())).then(|| self.folder.join(version))
    }
}

fn json<T: Serialize>(path: &Path, value: &T) -> Result<Vec<u8>, VersionsError> {
    serde_json::to_vec_pretty(value).map_err(|error| VersionsError::Form { path: path.to_owned(), reason: error.to_string() })
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Option<T>, VersionsError> {
    let form = |error: serde_json::Error| VersionsError::Form { path: path.to_owned(), reason: error.to_string() };
    disk::read(path, ENTRY_BYTES_MAX)?.map(|bytes| serde_json::from_slice(&bytes).map_err(form)).transpose()
}
