//! What went wrong, and where.

use std::io;
use std::path::{Path, PathBuf};

/// A file or folder that could not be read, written or moved.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} `{}`: {source}", path.display())]
pub struct DiskError {
    /// What was being done, as a verb.
    pub action: &'static str,
    /// To which file or folder.
    pub path: PathBuf,
    /// What the operating system said.
    pub source: io::Error,
}

/// What a change to the disk gives.
pub type Disk<T> = Result<T, DiskError>;

/// Adds the place to an operating system error.
pub trait At<T> {
    /// Says what was being done, as a verb, and to which file or folder.
    ///
    /// # Errors
    /// The same, with its place.
    fn at(self, action: &'static str, path: &Path) -> Disk<T>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, action: &'static str, path: &Path) -> Disk<T> {
        self.map_err(|source| DiskError { action, path: path.to_owned(), source })
    }
}
