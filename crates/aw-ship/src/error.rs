//! Why shipping did not come to an end.

use std::path::{Path, PathBuf};

use aw_foundry::EvidenceError;

use crate::target::TargetError;

/// Why shipping did not come to an end. No message holds a credential.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ShipError {
    /// What was named is no bundle.
    #[error("`{}` cannot be shipped: {reason}", path.display())]
    Bundle {
        /// The part or folder.
        path: PathBuf,
        /// What is wrong and what would be right.
        reason: String,
    },
    /// Evidence cannot be read.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    /// A folder cannot be verified.
    #[error(transparent)]
    Verify(#[from] aw_foundry::VerifyError),
    /// A target is none.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The line would not, or holds no such part.
    #[error(transparent)]
    Line(#[from] aw_line::LineError),
    /// The disk.
    #[error(transparent)]
    Disk(#[from] aw_disk::DiskError),
    /// A file changed between being verified and being sent.
    #[error("`{}` changed while it was shipped: expected {expected}, found {found}; verify the artifact again", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
        /// What was verified.
        expected: String,
        /// What is there.
        found: String,
    },
    /// Something else stands where this is to be published; what is published never changes.
    #[error("{place} already holds something else: {reason}")]
    Taken {
        /// Where.
        place: String,
        /// What differs, and what to do.
        reason: String,
    },
    /// What was published is not what was sent.
    #[error("{place}: `{file}` reads back as {found}, expected {expected}")]
    ReadBack {
        /// Where.
        place: String,
        /// Which file.
        file: String,
        /// What was sent.
        expected: String,
        /// What is there.
        found: String,
    },
    /// The other side refused or failed.
    #[error("{place}: {reason}")]
    Remote {
        /// Where.
        place: String,
        /// What happened.
        reason: String,
    },
    /// Another process ships the same part.
    #[error("`{}` is being shipped by another process", path.display())]
    Busy {
        /// The part or folder.
        path: PathBuf,
    },
    /// It was asked to stop. What was uploaded stays and is gone on with.
    #[error("shipping was cancelled; the same command goes on where it was")]
    Cancelled,
}

/// A failure of the disk at a path.
pub(crate) fn disk(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> ShipError {
    let path = path.to_owned();
    move |source| ShipError::Disk(aw_disk::DiskError { action, path, source })
}
