//! Are the bytes of a tree here, and are they what they were?

use std::collections::HashSet;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use aw_alloy::digest::{Digest, TreeRoot};
use aw_alloy::tree::{Tree, TreeEntry, TreePath};

use crate::disk::{self, At as _, BLOB_MODE, Disk, DiskError};
use crate::hash::{self, Hook, Job};
use crate::store::Store;
use crate::writer::Writer;

/// One thing that is not as it should be. Faults are answers, not errors: a stage reruns, a verdict says so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The content of a file is not in the store.
    #[error("the content of `{path}` ({digest}, {bytes} bytes) is not in the store")]
    Missing {
        /// The file, as the tree names it.
        path: TreePath,
        /// Its content.
        digest: Digest,
        /// Its size.
        bytes: u64,
    },
    /// Someone changed the content of a file where it rests.
    #[error("the content of `{path}` was changed in the store (`{}`): expected {digest} in {bytes} bytes, found {found}", place.display())]
    Modified {
        /// The file, as the tree names it.
        path: TreePath,
        /// The content it should have.
        digest: Digest,
        /// The size it should have.
        bytes: u64,
        /// What is there instead.
        found: Found,
        /// Where it rests.
        place: PathBuf,
    },
    /// The list of a tree's files is not in the store.
    #[error("the list of files of the tree {root} is not in the store")]
    NoTree {
        /// The tree's root.
        root: TreeRoot,
    },
    /// The list of a tree's files is not the one its name says.
    #[error("the list of files of the tree {root} (`{}`) is damaged: {why}", place.display())]
    BadTree {
        /// The tree's root.
        root: TreeRoot,
        /// The manifest's file.
        place: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A blob that belongs to no tree is missing or changed.
    #[error("the blob {digest} is not in the store, or its bytes have changed")]
    NoBlob {
        /// The blob.
        digest: Digest,
    },
    /// A record of the stage cache was damaged.
    #[error("the record `{}` is damaged: {why}", place.display())]
    BadRecord {
        /// The record's file.
        place: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

/// What was found where a blob should be.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Found {
    /// Other content.
    Content {
        /// Its digest.
        digest: Digest,
        /// Its size.
        bytes: u64,
    },
    /// Something that is not a regular file.
    NotAFile,
}

impl std::fmt::Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Content { digest, bytes } => write!(f, "{digest} in {bytes} bytes"),
            Self::NotAFile => f.write_str("something that is not a regular file"),
        }
    }
}

/// A blob, as far as a stat tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// As the store left it.
    Sound {
        bytes: u64,
    },
    Missing,
    /// A regular file whose size, time or mode is not the one the store gave.
    Touched,
    NotAFile,
}

/// Why a check of bytes did not finish.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// A file cannot be read.
    #[error("cannot check a tree: {0}")]
    Disk(#[from] DiskError),
    /// The hook asked to stop.
    #[error("the check of a tree was cancelled")]
    Cancelled,
}

impl Store {
    /// Looks whether every file of `tree` is here and untouched: one stat a file, and hashing only for those that were touched.
    ///
    /// A change that also puts size, time and mode back is not seen; [`Store::check_bytes`] sees it.
    ///
    /// # Errors
    /// [`DiskError`] when the store cannot be read.
    pub fn check(&self, tree: &Tree) -> Result<Vec<Fault>, DiskError> {
        let mut faults = Vec::new();
        for entry in tree.entries() {
            faults.extend(self.check_entry(entry)?);
        }
        Ok(faults)
    }

    /// Hashes every byte of `tree`, each content once, on `threads` threads.
    ///
    /// # Errors
    /// [`CheckError`] when the store cannot be read, or the hook breaks.
    pub fn check_bytes(&self, tree: &Tree, threads: usize, hook: &mut Hook<'_>) -> Result<Vec<Fault>, CheckError> {
        let (mut faults, mut jobs, mut entries, mut seen) = (Vec::new(), Vec::new(), Vec::new(), HashSet::new());
        for entry in tree.entries() {
            match self.look(&entry.digest)? {
                Look::Missing => faults.push(missing(entry)),
                Look::NotAFile => faults.push(self.modified(entry, Found::NotAFile)),
                _ if !seen.insert(entry.digest) => {}
                _ => {
                    jobs.push(Job { path: self.layout.blob(&entry.digest), bytes: entry.bytes, follow: false });
                    entries.push(entry);
                }
            }
        }
        let mut failure = None;
        let finished = hash::run(&jobs, threads, hook, &mut |index, result| match result {
            Ok(hashed) => {
                if hashed.digest != entries[index].digest {
                    faults.push(self.modified(entries[index], Found::Content { digest: hashed.digest, bytes: hashed.bytes }));
                }
                true
            }
            Err(error) => {
                failure.get_or_insert(error);
                false
            }
        });
        match failure {
            Some(error) => Err(error.into()),
            None if !finished => Err(CheckError::Cancelled),
            None => {
                faults.sort_by(|a, b| path_of(a).cmp(&path_of(b)));
                Ok(faults)
            }
        }
    }

    /// Looks at one file of a tree; `None` when all is well.
    pub(crate) fn check_entry(&self, entry: &TreeEntry) -> Disk<Option<Fault>> {
        let found = match self.look(&entry.digest)? {
            Look::Sound { bytes } if bytes == entry.bytes => return Ok(None),
            Look::Missing => return Ok(Some(missing(entry))),
            Look::NotAFile => Found::NotAFile,
            Look::Sound { .. } | Look::Touched => {
                let hashed = hash::one(&self.layout.blob(&entry.digest))?;
                if hashed.digest == entry.digest && hashed.bytes == entry.bytes {
                    return Ok(None);
                }
                Found::Content { digest: hashed.digest, bytes: hashed.bytes }
            }
        };
        Ok(Some(self.modified(entry, found)))
    }

    /// Whether a blob of unknown size is here and untouched, or touched and still itself.
    pub(crate) fn holds_blob(&self, digest: &Digest) -> Disk<bool> {
        Ok(match self.look(digest)? {
            Look::Sound { .. } => true,
            Look::Missing | Look::NotAFile => false,
            Look::Touched => hash::one(&self.layout.blob(digest))?.digest == *digest,
        })
    }

    /// What a stat tells of a blob.
    pub(crate) fn look(&self, digest: &Digest) -> Disk<Look> {
        let path = self.layout.blob(digest);
        let meta = match path.symlink_metadata() {
            Ok(meta) => meta,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Look::Missing),
            Err(error) => return Err(error).at("look at", &path),
        };
        let untouched = meta.permissions().mode() & 0o777 == BLOB_MODE && meta.modified().ok() == Some(disk::blob_time());
        Ok(match meta.is_file() {
            false => Look::NotAFile,
            true if untouched => Look::Sound { bytes: meta.len() },
            true => Look::Touched,
        })
    }

    fn modified(&self, entry: &TreeEntry, found: Found) -> Fault {
        let place = self.layout.blob(&entry.digest);
        Fault::Modified { path: entry.path.clone(), digest: entry.digest, bytes: entry.bytes, found, place }
    }
}

impl Writer {
    /// Removes the changed blobs among `faults` from the store, so that nothing takes them for what their name says.
    ///
    /// Each is hashed once more first, on its own: one that another writer has replaced meanwhile stays.
    ///
    /// # Errors
    /// [`DiskError`] when the store cannot be changed.
    pub fn discard(&self, faults: &[Fault]) -> Result<(), DiskError> {
        for fault in faults {
            if let Fault::Modified { digest, place, .. } = fault {
                self.discard_blob(digest, place)?;
            }
        }
        Ok(())
    }

    fn discard_blob(&self, digest: &Digest, place: &std::path::Path) -> Disk<()> {
        let aside = self.temporary();
        match disk::rename(place, &aside) {
            Err(error) if error.source.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other?,
        }
        // What was moved may not be what the fault was about: another writer can have put the right bytes there.
        let is_file = aside.symlink_metadata().at("look at", &aside)?.is_file();
        if is_file && hash::one(&aside)?.digest == *digest {
            disk::rename_new(&aside, place)?;
        }
        disk::sync_dir(disk::parent(place))
    }
}

fn missing(entry: &TreeEntry) -> Fault {
    Fault::Missing { path: entry.path.clone(), digest: entry.digest, bytes: entry.bytes }
}

fn path_of(fault: &Fault) -> Option<&TreePath> {
    match fault {
        Fault::Missing { path, .. } | Fault::Modified { path, .. } => Some(path),
        _ => None,
    }
}
