//! Where artifacts are kept.

use std::collections::BTreeMap;

use aw_alloy::digest::Digest;
use aw_alloy::tree::TreePath;

use super::{
    ARTIFACT_BYTES_MAX, Artifact, ArtifactName, DiskError, Entry, FILE_BYTES_MAX, Index, Manifest, ManifestError, verify,
};

/// Keeps artifacts. What is kept under a name never changes.
pub trait ArtifactStore {
    /// Where it is, for people.
    fn place(&self) -> String;

    /// Keeps an artifact. The same artifact again is fine.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when the name stands for other bytes; [`StoreError`] when it cannot be kept.
    fn publish(&self, artifact: &Artifact) -> Result<Published, StoreError>;

    /// The files of an artifact; `None` when there is no such artifact.
    ///
    /// # Errors
    /// [`StoreError`] when that cannot be told.
    fn index(&self, name: &ArtifactName) -> Result<Option<Index>, StoreError>;

    /// The bytes of a file of an index, held against their sum.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when they are other bytes or gone.
    fn file(&self, name: &ArtifactName, path: &TreePath, entry: &Entry) -> Result<Vec<u8>, StoreError>;

    /// The artifacts that are kept, sorted.
    ///
    /// # Errors
    /// [`StoreError`] when that cannot be told.
    fn list(&self) -> Result<Vec<ArtifactName>, StoreError>;
}

/// What publishing did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Under which name.
    pub name: ArtifactName,
    /// Whether it was not there before.
    pub is_new: bool,
    /// SHA-256 of its manifest: what a consumer pins.
    pub manifest_sha256: Digest,
}

/// Why something cannot be kept or had.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The name stands for other bytes.
    #[error("`{name}` is already published in {place} with other bytes ({}); what is published never changes: publish a new \
        version of the ontology or of the forge", differs.join(", "))]
    Taken {
        /// Which name.
        name: ArtifactName,
        /// Where.
        place: String,
        /// Files, and members of the manifest, that differ.
        differs: Vec<String>,
    },
    /// There is no such artifact.
    #[error("there is no `{name}` in {place}")]
    Unknown {
        /// Which name.
        name: ArtifactName,
        /// Where.
        place: String,
    },
    /// What is kept is not what was.
    #[error("{place}: `{what}` is damaged: {reason}")]
    Damaged {
        /// Where.
        place: String,
        /// Which part.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The disk failed.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The manifest is none.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A server refused or failed.
    #[error("{place}: {reason}")]
    Remote {
        /// Where.
        place: String,
        /// What happened.
        reason: String,
    },
}

/// Fetches an artifact: its own documents, and those files for which `wanted` says so. Every file is held against its sum; nothing is
/// verified beyond that.
///
/// # Errors
/// [`StoreError`].
pub fn fetch(
    store: &dyn ArtifactStore,
    name: &ArtifactName,
    wanted: impl Fn(&TreePath) -> bool,
) -> Result<BTreeMap<TreePath, Vec<u8>>, StoreError> {
    let unknown = || StoreError::Unknown { name: name.clone(), place: store.place() };
    let index = store.index(name)?.ok_or_else(unknown)?;
    let mut files = BTreeMap::new();
    for (path, entry) in index.files.iter().filter(|(path, _)| is_document(path) || wanted(path)) {
        files.insert(path.clone(), store.file(name, path, entry)?);
    }
    Ok(files)
}

fn is_document(path: &TreePath) -> bool {
    !path.as_str().contains('/')
}

/// What a name stands for, against what is to be published under it.
///
/// # Errors
/// [`StoreError::Taken`] naming what differs.
pub(super) fn compare(store: &dyn ArtifactStore, artifact: &Artifact, kept: &Index) -> Result<Published, StoreError> {
    let index = artifact.index();
    let mut differs = index.differences(kept);
    if differs.is_empty() {
        return Ok(published(artifact, false));
    }
    if differs.iter().any(|path| path == Manifest::FILE) {
        differs.extend(members_that_differ(store, artifact, kept));
    }
    if differs.len() > 8 {
        let more = differs.len() - 8;
        differs.truncate(8);
        differs.push(format!("and {more} more"));
    }
    Err(StoreError::Taken { name: artifact.name().clone(), place: store.place(), differs })
}

pub(super) fn published(artifact: &Artifact, is_new: bool) -> Published {
    let manifest = artifact.files().iter().find(|(path, _)| path.as_str() == Manifest::FILE);
    let manifest_sha256 = manifest.map_or_else(|| Digest::of(b""), |(_, bytes)| Digest::of(bytes));
    Published { name: artifact.name().clone(), is_new, manifest_sha256 }
}

/// Members of the two manifests that differ, as far as both can be read.
fn members_that_differ(store: &dyn ArtifactStore, artifact: &Artifact, kept: &Index) -> Vec<String> {
    let read = |bytes: &[u8]| serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(bytes).unwrap_or_default();
    let own = artifact.files().iter().find(|(path, _)| path.as_str() == Manifest::FILE);
    let theirs = kept.files.iter().find(|(path, _)| path.as_str() == Manifest::FILE);
    let (Some((path, mine)), Some((_, entry))) = (own, theirs) else { return Vec::new() };
    let Ok(theirs) = store.file(artifact.name(), path, entry) else { return Vec::new() };
    let (mine, theirs) = (read(mine), read(&theirs));
    let differing = mine.iter().filter(|(name, value)| theirs.get(*name) != Some(value)).map(|(name, _)| name);
    let gone = theirs.keys().filter(|name| !mine.contains_key(*name));
    differing.chain(gone).map(|name| format!("its member {name}")).collect()
}

/// Holds bytes that were read against their entry.
pub(super) fn checked(place: String, path: &str, entry: &Entry, bytes: Option<Vec<u8>>) -> Result<Vec<u8>, StoreError> {
    let damaged = |reason: String| StoreError::Damaged { place: place.clone(), what: path.to_owned(), reason };
    let bytes = bytes.ok_or_else(|| damaged("its content is gone".to_owned()))?;
    verify::check(path, entry, &bytes).map_err(|error| damaged(error.to_string()))?;
    Ok(bytes)
}

/// Refuses entries that nobody would publish.
pub(super) fn check_index(place: &str, name: &ArtifactName, index: &Index) -> Result<(), StoreError> {
    let damaged = |reason: String| StoreError::Damaged { place: place.to_owned(), what: name.to_string(), reason };
    if index.files.len() > super::FILES_MAX {
        return Err(damaged(format!("it lists {} files, more than {}", index.files.len(), super::FILES_MAX)));
    }
    let total = index.files.values().fold(0_u64, |total, entry| total.saturating_add(entry.bytes));
    if total > ARTIFACT_BYTES_MAX {
        return Err(damaged(format!("its files have {total} bytes together, more than {ARTIFACT_BYTES_MAX}")));
    }
    match index.files.iter().find(|(_, entry)| entry.bytes > FILE_BYTES_MAX) {
        Some((path, entry)) => Err(damaged(format!("`{path}` has {} bytes, more than {FILE_BYTES_MAX}", entry.bytes))),
        None => Ok(()),
    }
}
