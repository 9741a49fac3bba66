//! Artifacts on anything that keeps bytes under names: content by its sum, and one record a name, created last.

use std::collections::BTreeMap;

use aw_alloy::tree::TreePath;
use serde::{Deserialize, Serialize};

use super::store::{check_index, checked, compare, published};
use super::{Artifact, ArtifactName, ArtifactStore, DOCUMENT_BYTES_MAX, Entry, Index, Published, StoreError};

/// Keeps bytes under names; what is under a name is not replaced.
pub trait Shelf {
    /// Where it is, for people.
    fn place(&self) -> String;

    /// The bytes under a name, at most `limit`; `None` when there is nothing.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read or is longer.
    fn read(&self, name: &TreePath, limit: u64) -> Result<Option<Vec<u8>>, StoreError>;

    /// Puts bytes under a name that has none; false when there is something already. Once it returns, they last.
    ///
    /// # Errors
    /// [`StoreError`] when that cannot be done.
    fn create(&self, name: &TreePath, bytes: &[u8]) -> Result<bool, StoreError>;

    /// The last parts of the names directly below a folder, sorted.
    ///
    /// # Errors
    /// [`StoreError`] when that cannot be told.
    fn names(&self, folder: &str) -> Result<Vec<String>, StoreError>;
}

/// Artifacts on a shelf: `blobs/sha256/<sum>` holds contents, `artifacts/<name>.json` says which make an artifact. The record is created
/// last and never replaced, so an artifact is there whole or not at all, and of two publishers of one name one is first.
#[derive(Clone, Debug)]
pub struct ShelfStore<S>(pub S);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    artifact: ArtifactName,
    files: BTreeMap<TreePath, Entry>,
}

impl<S: Shelf> ArtifactStore for ShelfStore<S> {
    fn place(&self) -> String {
        self.0.place()
    }

    fn publish(&self, artifact: &Artifact) -> Result<Published, StoreError> {
        if let Some(kept) = self.index(artifact.name())? {
            return compare(self, artifact, &kept);
        }
        let index = artifact.index();
        check_index(&self.place(), artifact.name(), &index)?;
        for (path, bytes) in artifact.files() {
            let entry = Entry::of(bytes);
            if !self.0.create(&blob(&entry), bytes)? {
                // Content under its own sum is the same content, unless the shelf was damaged.
                self.file(artifact.name(), path, &entry)?;
            }
        }
        let record = Record { artifact: artifact.name().clone(), files: index.files };
        let bytes = serde_json::to_vec_pretty(&record).map_err(|error| self.damaged(artifact.name(), &error.to_string()))?;
        if self.0.create(&record_name(artifact.name()), &bytes)? {
            return Ok(published(artifact, true));
        }
        // Someone else was first.
        let kept = self.index(artifact.name())?.ok_or_else(|| self.damaged(artifact.name(), "its record comes and goes"))?;
        compare(self, artifact, &kept)
    }

    fn index(&self, name: &ArtifactName) -> Result<Option<Index>, StoreError> {
        let Some(bytes) = self.0.read(&record_name(name), DOCUMENT_BYTES_MAX)? else { return Ok(None) };
        let record: Record = serde_json::from_slice(&bytes).map_err(|error| self.damaged(name, &error.to_string()))?;
        if record.artifact != *name {
            return Err(self.damaged(name, &format!("its record is of `{}`", record.artifact)));
        }
        let index = Index { files: record.files };
        check_index(&self.place(), name, &index)?;
        Ok(Some(index))
    }

    fn file(&self, _: &ArtifactName, path: &TreePath, entry: &Entry) -> Result<Vec<u8>, StoreError> {
        checked(self.place(), path.as_str(), entry, self.0.read(&blob(entry), entry.bytes)?)
    }

    fn list(&self) -> Result<Vec<ArtifactName>, StoreError> {
        let names = self.0.names("artifacts")?;
        Ok(names.iter().filter_map(|name| name.strip_suffix(".json")?.parse().ok()).collect())
    }
}

impl<S: Shelf> ShelfStore<S> {
    fn damaged(&self, name: &ArtifactName, reason: &str) -> StoreError {
        StoreError::Damaged { place: self.place(), what: name.to_string(), reason: reason.to_owned() }
    }
}

fn blob(entry: &Entry) -> TreePath {
    TreePath::new(format!("blobs/sha256/{}", entry.sha256.hex())).expect("hexadecimal digits are a path")
}

fn record_name(name: &ArtifactName) -> TreePath {
    TreePath::new(format!("artifacts/{name}.json")).expect("the name of an artifact is a path")
}
