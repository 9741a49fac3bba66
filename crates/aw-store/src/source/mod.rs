//! Folders outside the store: hashed where they are, never copied in, and not hashed again while they stay the same.

mod index;
mod walk;

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use aw_alloy::digest::Digest;
use aw_alloy::tree::{PathError, Tree, TreeEntry, TreeError, TreePath};

use crate::disk::{At as _, DiskError};
use crate::hash::{self, Hashed, Hook, Job};
use crate::store::Store;
use index::Index;
pub(crate) use index::folder_of_index;
pub(crate) use walk::{Links, SourceFile, Stamp, walk};

/// Bytes hashed between two savings of what is known, so that a long first hashing cut short is not all lost.
const SAVE_BYTES: u64 = 8 * 1024 * 1024 * 1024;

/// Says which files belong, by their path. Asked for folders too: one left out takes everything in it along.
pub type Filter<'a> = &'a dyn Fn(&TreePath) -> bool;

/// How a folder is hashed.
pub struct SourceOptions<'a> {
    /// Which files belong.
    pub filter: Filter<'a>,
    /// Whether files that look unchanged since they were last hashed are taken to be unchanged.
    pub trust_index: bool,
    /// Files hashed at once.
    pub threads: usize,
}

impl Default for SourceOptions<'_> {
    /// Every file, trusting the index, two at once.
    fn default() -> Self {
        Self { filter: &|_| true, trust_index: true, threads: 2 }
    }
}

/// What the index knew when a folder was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum IndexState {
    /// The folder was not known.
    Absent,
    /// It was read.
    Read,
    /// It was not to be trusted.
    Ignored,
    /// It was damaged, and everything was hashed anew.
    Damaged {
        /// What was wrong with it.
        why: String,
    },
}

/// A folder that was hashed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashedFolder {
    /// Its files.
    pub tree: Tree,
    /// Files that were read.
    pub hashed_files: u64,
    /// Bytes that were read.
    pub hashed_bytes: u64,
    /// What the index knew.
    pub index: IndexState,
}

/// What is known of a folder without reading its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peek {
    /// Its files, when all their digests are known.
    pub tree: Option<Tree>,
    /// Files that would have to be read, with their sizes.
    pub to_hash: Vec<(TreePath, u64)>,
    /// Bytes that would have to be read.
    pub to_hash_bytes: u64,
    /// Size of the whole folder.
    pub total_bytes: u64,
    /// What the index knew.
    pub index: IndexState,
}

/// Why a folder does not give a tree.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// Something in it cannot be read.
    #[error("cannot hash a folder: {0}")]
    Disk(#[from] DiskError),
    /// Something is neither file nor folder.
    #[error("cannot hash `{}`: expected a file or folder, found {found}", path.display())]
    Special {
        /// What was found.
        path: PathBuf,
        /// What it is.
        found: &'static str,
    },
    /// A link where none may be.
    #[error("cannot take `{}` into the store: it is a symbolic link", path.display())]
    Link {
        /// The link.
        path: PathBuf,
    },
    /// A link leads to nothing.
    #[error("cannot hash `{}`: it is a symbolic link to `{}`, which does not exist", path.display(), target.display())]
    BrokenLink {
        /// The link.
        path: PathBuf,
        /// Where it leads.
        target: PathBuf,
    },
    /// A link leads to a folder that is taken already, perhaps one it is in.
    #[error("cannot hash `{}`: it is the folder `{}` again", path.display(), to.display())]
    Again {
        /// The second way to the folder.
        path: PathBuf,
        /// The first.
        to: PathBuf,
    },
    /// A name that is not text.
    #[error("cannot hash `{}`: expected a name in UTF-8", path.display())]
    Name {
        /// The file or folder.
        path: PathBuf,
    },
    /// A name that a tree cannot hold.
    #[error("cannot hash `{}`: {source}", path.display())]
    Path {
        /// The file or folder.
        path: PathBuf,
        /// Which rule it breaks.
        source: PathError,
    },
    /// More files and folders than are looked at.
    #[error("cannot hash `{}`: it holds more than {limit} files and folders", folder.display())]
    TooMany {
        /// The folder.
        folder: PathBuf,
        /// Most that are looked at.
        limit: usize,
    },
    /// Folders within folders beyond measure.
    #[error("cannot hash `{}`: it is more than {limit} folders deep", path.display())]
    TooDeep {
        /// The folder that was one too many.
        path: PathBuf,
        /// Most levels that are looked at.
        limit: usize,
    },
    /// A file changed while it was read.
    #[error("cannot hash `{}`: it changed while it was read (from {before_bytes} to {after_bytes} bytes, or in time)", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
        /// Its size at first.
        before_bytes: u64,
        /// Its size at last.
        after_bytes: u64,
    },
    /// The files do not form a tree.
    #[error("the files of `{}` do not form a tree: {source}", folder.display())]
    NotATree {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: TreeError,
    },
    /// The hook asked to stop.
    #[error("the hashing of `{}` was cancelled", folder.display())]
    Cancelled {
        /// The folder.
        folder: PathBuf,
    },
}

impl SourceError {
    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Changed { .. } => Some("wait until nothing writes to the folder any more"),
            Self::BrokenLink { .. } => Some("finish the download, or remove the link"),
            Self::Special { .. } | Self::Again { .. } | Self::Name { .. } | Self::Path { .. } => {
                Some("remove or rename it, or leave it out of the source")
            }
            Self::TooMany { .. } | Self::TooDeep { .. } => Some("name a folder that holds only the source"),
            Self::Link { .. } => Some("write files, not links, into the output folder"),
            _ => None,
        }
    }
}

impl Store {
    /// Hashes a folder outside the store, reading only files that are new or look changed since the last time.
    ///
    /// A file looks unchanged when its size, modification and status-change times, inode and device are as they were, and
    /// those times lie well before it was hashed: one written so late that a further write in the same tick of the
    /// clock could hide is read again. Links to files and folders are followed, but no folder is entered twice. What was hashed is written down as it
    /// goes, also when it is cut short.
    ///
    /// # Errors
    /// [`SourceError`] when something cannot be read or does not belong in a tree, changes meanwhile, or the hook breaks.
    pub fn hash_folder(
        &self,
        folder: &Path,
        options: &SourceOptions<'_>,
        hook: &mut Hook<'_>,
    ) -> Result<HashedFolder, SourceError> {
        let mut look = Look::at(self, folder, options)?;
        let jobs: Vec<Job> = look.unknown.iter().map(|&index| look.job(index)).collect();
        if !jobs.is_empty() {
            look.index.begin(self)?;
        }
        let mut unsaved = 0;
        let mut hashed_bytes = 0;
        let mut failure: Option<SourceError> = None;
        let finished = hash::run(&jobs, options.threads, hook, &mut |job, result| {
            let taken = result.map_err(SourceError::from).and_then(|hashed| look.take(look.unknown[job], &hashed));
            let saved = taken.and_then(|bytes| {
                (hashed_bytes, unsaved) = (hashed_bytes + bytes, unsaved + bytes);
                if unsaved < SAVE_BYTES {
                    return Ok(());
                }
                unsaved = 0;
                Ok(look.save(self)?)
            });
            if let Err(error) = saved {
                failure.get_or_insert(error);
            }
            failure.is_none()
        });
        if !jobs.is_empty() {
            // Also when cut short: what was hashed need not be hashed again.
            let saved = look.save(self);
            if failure.is_none() {
                saved?;
            }
        }
        if let Some(error) = failure {
            return Err(error);
        }
        if !finished {
            return Err(SourceError::Cancelled { folder: look.folder });
        }
        let tree = look.tree()?;
        Ok(HashedFolder { tree, hashed_files: jobs.len() as u64, hashed_bytes, index: look.state })
    }

    /// Says what is known of a folder without reading any of its files.
    ///
    /// # Errors
    /// [`SourceError`] when something cannot be looked at or does not belong in a tree.
    pub fn peek_folder(&self, folder: &Path, options: &SourceOptions<'_>) -> Result<Peek, SourceError> {
        let look = Look::at(self, folder, options)?;
        let to_hash: Vec<(TreePath, u64)> =
            look.unknown.iter().map(|&index| (look.files[index].path.clone(), look.files[index].stamp.bytes)).collect();
        Ok(Peek {
            tree: if to_hash.is_empty() { Some(look.tree()?) } else { None },
            to_hash_bytes: to_hash.iter().map(|(_, bytes)| bytes).sum(),
            to_hash,
            total_bytes: look.files.iter().map(|file| file.stamp.bytes).sum(),
            index: look.state,
        })
    }
}

/// A folder's files beside what the index knows of them.
struct Look {
    folder: PathBuf,
    files: Vec<SourceFile>,
    digests: Vec<Option<Digest>>,
    unknown: Vec<usize>,
    index: Index,
    state: IndexState,
}

impl Look {
    fn at(store: &Store, folder: &Path, options: &SourceOptions<'_>) -> Result<Self, SourceError> {
        let folder = folder.canonicalize().at("find", folder)?;
        let files = walk(&folder, options.filter, Links::Followed)?;
        let (index, state) = Index::load(store, &folder, options.trust_index)?;
        let digests: Vec<Option<Digest>> = files.iter().map(|file| index.digest(&file.path, &file.stamp)).collect();
        let unknown = (0..files.len()).filter(|&index| digests[index].is_none()).collect();
        Ok(Self { folder, files, digests, unknown, index, state })
    }

    fn job(&self, index: usize) -> Job {
        Job { path: self.files[index].place.clone(), bytes: self.files[index].stamp.bytes, follow: true }
    }

    fn take(&mut self, index: usize, hashed: &Hashed) -> Result<u64, SourceError> {
        let file = &self.files[index];
        let (before, after) = (hashed.before, hashed.after);
        if before != file.stamp || after != before || hashed.bytes != before.bytes {
            return Err(SourceError::Changed {
                path: file.place.clone(),
                before_bytes: file.stamp.bytes,
                after_bytes: after.bytes,
            });
        }
        self.digests[index] = Some(hashed.digest);
        self.index.set(file.path.clone(), before, hashed.digest);
        Ok(hashed.bytes)
    }

    fn save(&mut self, store: &Store) -> Result<(), DiskError> {
        self.index.save(store, &self.folder)
    }

    fn tree(&self) -> Result<Tree, SourceError> {
        let entries = self.files.iter().zip(&self.digests).filter_map(|(file, digest)| {
            Some(TreeEntry { path: file.path.clone(), digest: (*digest)?, bytes: file.stamp.bytes })
        });
        Tree::new(entries.collect()).map_err(|source| SourceError::NotATree { folder: self.folder.clone(), source })
    }
}

impl Stamp {
    pub(crate) fn of(meta: &std::fs::Metadata) -> Self {
        let ns = |seconds: i64, ns: i64| seconds.saturating_mul(1_000_000_000).saturating_add(ns);
        Self {
            bytes: meta.len(),
            modified_ns: ns(meta.mtime(), meta.mtime_nsec()),
            changed_ns: ns(meta.ctime(), meta.ctime_nsec()),
            inode: meta.ino(),
            device: meta.dev(),
        }
    }
}
