//! What goes wrong on the line.

use std::path::PathBuf;

use aw_disk::DiskError;

use crate::{NameError, PartName, Station};

/// Why something on the line could not be done. Nothing of it was done then, unless the variant says otherwise.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LineError {
    /// The disk would not.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A name is none.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The folder holds no line.
    #[error("`{}` is no root of a line: {reason}; `line init` makes one", folder.display())]
    NoRoot {
        /// The folder.
        folder: PathBuf,
        /// What is missing or in the way.
        reason: String,
    },
    /// A part of that stem is on the line already.
    #[error("a part `{}` is already in {station}, as `{file}`", part.stem())]
    Duplicate {
        /// The part that was to come.
        part: PartName,
        /// Where the other one stands.
        station: Station,
        /// The file of the other one.
        file: String,
    },
    /// The part is not where it would have to be.
    #[error("no part `{name}` in {}", stations(wanted))]
    NotThere {
        /// Name or stem of the part.
        name: String,
        /// Where it would have to be.
        wanted: Vec<Station>,
    },
    /// A worker of that name is at work.
    #[error("a worker{} is at work on this root (process {pid})", named(name.as_deref()))]
    WorkerAlive {
        /// Name of the worker.
        name: Option<String>,
        /// Its process; 0 when its file does not say.
        pid: u32,
    },
    /// The part cannot be taken.
    #[error("`{}` cannot be a part: {reason}", path.display())]
    BadPart {
        /// Its file.
        path: PathBuf,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// A file of the line does not hold what it must.
    #[error("`{}` {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

fn stations(wanted: &[Station]) -> String {
    wanted.iter().map(|station| station.name()).collect::<Vec<_>>().join(" or ")
}

fn named(name: Option<&str>) -> String {
    name.map(|name| format!(" `{name}`")).unwrap_or_default()
}

/// Something in the line's folders that is no part of the protocol, or breaks it. It is left where it is and reported.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Oddity {
    /// The file or folder.
    pub path: PathBuf,
    /// What is wrong with it, and what would be right.
    pub reason: String,
}

impl Oddity {
    pub(crate) fn new(path: impl Into<PathBuf>, reason: impl Into<String>) -> Self {
        Self { path: path.into(), reason: reason.into() }
    }
}
