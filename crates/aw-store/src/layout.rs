//! Where everything is inside the store's folder.
//!
//! ```text
//! <home>/store/
//!   format                    what wrote this folder, and which version
//!   lock                      held shared by writers, exclusively by gc
//!   blobs/ab/<64 hex>         file contents, read-only, named by their SHA-256
//!   trees/<64 hex>.json       lists of files, named by their Merkle root
//!   stages/<64 hex>.record    the stage cache, by stage key
//!   kept/<id>.record          artifacts that gc must not touch
//!   sources/<64 hex>.index    what is known of folders outside, by SHA-256 of their path
//!   scratch/<pid>-<n>/        one per living writer
//! ```

use std::path::{Path, PathBuf};

use aw_alloy::digest::{Digest, StageKey, TreeRoot};

#[derive(Debug)]
pub(crate) struct Layout {
    root: PathBuf,
}

impl Layout {
    pub(crate) const FOLDERS: [&str; 6] = ["blobs", "trees", "stages", "kept", "sources", "scratch"];

    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        debug_assert!(Self::FOLDERS.contains(&name));
        self.root.join(name)
    }

    pub(crate) fn format(&self) -> PathBuf {
        self.root.join("format")
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }

    /// Held for a moment while scratch folders are made or cleared.
    pub(crate) fn scratch_lock(&self) -> PathBuf {
        self.root.join("scratch/lock")
    }

    pub(crate) fn blob(&self, digest: &Digest) -> PathBuf {
        let hex = digest.hex();
        self.root.join("blobs").join(&hex[..2]).join(hex)
    }

    pub(crate) fn tree(&self, root: &TreeRoot) -> PathBuf {
        self.root.join("trees").join(format!("{}.json", root.hex()))
    }

    pub(crate) fn stage(&self, key: &StageKey) -> PathBuf {
        self.root.join("stages").join(format!("{}.record", key.hex()))
    }

    pub(crate) fn kept(&self, id: &str) -> PathBuf {
        self.root.join("kept").join(format!("{id}.record"))
    }

    pub(crate) fn source(&self, folder: &Path) -> PathBuf {
        let name = Digest::of(folder.as_os_str().as_encoded_bytes());
        self.root.join("sources").join(format!("{}.index", name.hex()))
    }
}

/// The digest a file is named by: `<64 hex><suffix>`; `None` for any other name.
pub(crate) fn digest_in_name(path: &Path, suffix: &str) -> Option<Digest> {
    Digest::from_hex(path.file_name()?.to_str()?.strip_suffix(suffix)?).ok()
}
