//! Trees in the store: their lists of files, and taking a whole folder in.

use std::ops::ControlFlow;
use std::path::Path;

use aw_alloy::digest::TreeRoot;
use aw_alloy::tree::{Tree, TreeEntry, TreeError};

use crate::adopt::{AdoptError, Finished};
use crate::check::Fault;
use crate::disk::{self, Disk, DiskError};
use crate::hash::{self, Hook, Job, Progress};
use crate::source::{Links, SourceError, walk};
use crate::store::Store;
use crate::writer::Writer;

/// Longest list of files that is read back, in bytes.
const MANIFEST_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// Why a tree was not put into the store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PutTreeError {
    /// Its list of files cannot be written.
    #[error("cannot put a tree into the store: {0}")]
    Disk(#[from] DiskError),
    /// Contents are not there.
    #[error("cannot put the tree {root} into the store: {} of its files are not there as they should be; the first: {}", faults.len(), faults[0])]
    Incomplete {
        /// The tree's root.
        root: TreeRoot,
        /// Every file concerned; at least one.
        faults: Vec<Fault>,
    },
}

/// Why a folder was not taken into the store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdoptFolderError {
    /// The folder holds what a tree cannot, or it cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A file cannot be moved.
    #[error(transparent)]
    Adopt(#[from] AdoptError),
    /// The tree's list of files cannot be written.
    #[error(transparent)]
    Put(#[from] PutTreeError),
}

/// A tree's list of files, as far as it is in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Manifest {
    /// It is there, and its root is the one asked for.
    Whole(Tree),
    /// It is absent or damaged.
    Fault(Fault),
}

impl Store {
    /// Reads the list of files of a tree and holds it against `root`.
    ///
    /// # Errors
    /// [`DiskError`] when the file is there and cannot be read.
    pub fn tree(&self, root: &TreeRoot) -> Result<Manifest, DiskError> {
        let place = self.layout.tree(root);
        let Some(bytes) = disk::read(&place, MANIFEST_BYTES_MAX)? else {
            return Ok(Manifest::Fault(Fault::NoTree { root: *root }));
        };
        Ok(match read_manifest(&bytes, root) {
            Ok(tree) => Manifest::Whole(tree),
            Err(why) => Manifest::Fault(Fault::BadTree { root: *root, place, why }),
        })
    }

    /// Looks whether the tree of `root` is here, list and files. Gives the tree when its list is whole.
    ///
    /// # Errors
    /// [`DiskError`] when the store cannot be read.
    pub fn check_root(&self, root: &TreeRoot) -> Result<(Option<Tree>, Vec<Fault>), DiskError> {
        match self.tree(root)? {
            Manifest::Whole(tree) => {
                let faults = self.check(&tree)?;
                Ok((Some(tree), faults))
            }
            Manifest::Fault(fault) => Ok((None, vec![fault])),
        }
    }
}

impl Writer {
    /// Writes down the list of files of a tree whose contents are all in the store.
    ///
    /// # Errors
    /// [`PutTreeError::Incomplete`] when a content is missing or changed.
    pub fn put_tree(&self, tree: &Tree) -> Result<TreeRoot, PutTreeError> {
        let faults = self.check(tree)?;
        if !faults.is_empty() {
            return Err(PutTreeError::Incomplete { root: tree.root(), faults });
        }
        Ok(self.put_manifest(tree)?)
    }

    /// Writes down the list of files of a tree whose contents live elsewhere, such as a source folder.
    ///
    /// # Errors
    /// [`DiskError`] when it cannot be written.
    pub fn put_manifest(&self, tree: &Tree) -> Result<TreeRoot, DiskError> {
        let root = tree.root();
        if let Manifest::Fault(_) = self.tree(&root)? {
            let bytes = serde_json::to_vec(tree).expect("paths, digests and sizes are always JSON");
            self.publish(&bytes, &self.layout.tree(&root))?;
        }
        Ok(root)
    }

    /// Hashes every file of a folder on the store's file system, moves them all into the store, and writes down the tree.
    ///
    /// The folder is used up: only its sub-folders are left. Hashing runs on `threads` threads.
    ///
    /// # Errors
    /// [`AdoptFolderError`] for links, special files and names that a tree cannot hold; nothing has been moved then.
    pub fn adopt_folder(&self, folder: &Path, threads: usize, hook: &mut Hook<'_>) -> Result<Tree, AdoptFolderError> {
        let files = walk(folder, &|_| true, Links::Refused)?;
        let jobs: Vec<Job> =
            files.iter().map(|file| Job { path: file.place.clone(), bytes: file.stamp.bytes, follow: false }).collect();
        let mut finished = Vec::with_capacity(files.len());
        let mut entries = Vec::with_capacity(files.len());
        let mut failure = None;
        let whole = hash::run(&jobs, threads, hook, &mut |index, result| match result {
            Ok(hashed) => {
                finished.push(Finished { file: jobs[index].path.clone(), digest: hashed.digest, bytes: hashed.bytes });
                entries.push(TreeEntry { path: files[index].path.clone(), digest: hashed.digest, bytes: hashed.bytes });
                true
            }
            Err(error) => {
                failure.get_or_insert(error);
                false
            }
        });
        match failure {
            Some(error) => return Err(SourceError::Disk(error).into()),
            None if !whole => return Err(SourceError::Cancelled { folder: folder.to_owned() }.into()),
            None => {}
        }
        let tree = Tree::new(entries).map_err(|source: TreeError| SourceError::NotATree { folder: folder.to_owned(), source })?;
        self.adopt_all(&finished)?;
        self.put_tree(&tree)?;
        Ok(tree)
    }
}

/// A hook that lets everything go on.
pub fn no_hook(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn read_manifest(bytes: &[u8], root: &TreeRoot) -> Result<Tree, String> {
    let tree: Tree = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let found = tree.root();
    if found != *root {
        return Err(format!("expected files whose root is {root}, found {found}"));
    }
    Ok(tree)
}

/// Whether a tree's list of files is whole.
pub(crate) fn has_manifest(store: &Store, root: &TreeRoot) -> Disk<Option<Fault>> {
    Ok(match store.tree(root)? {
        Manifest::Whole(_) => None,
        Manifest::Fault(fault) => Some(fault),
    })
}
