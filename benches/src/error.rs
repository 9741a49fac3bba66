//! Why a measurement was not taken.

use std::io;
use std::path::{Path, PathBuf};

/// Why a measurement was not taken.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// A file or folder did not cooperate.
    #[error("cannot {doing} `{}`: {source}", path.display())]
    Disk {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A program could not be started or watched.
    #[error("cannot run `{command}`: {source}")]
    Run {
        /// Its command line.
        command: String,
        /// The system's reason.
        source: io::Error,
    },
    /// A program failed.
    #[error("`{command}` ended with {status}: {said}")]
    Failed {
        /// Its command line.
        command: String,
        /// How it ended.
        status: std::process::ExitStatus,
        /// The end of what it said.
        said: String,
    },
    /// A program answered something else than its row can read.
    #[error("`{command}`: expected {expected}, got `{got}`")]
    Answer {
        /// Its command line.
        command: String,
        /// What would be right.
        expected: &'static str,
        /// The beginning of what it said.
        got: String,
    },
    /// Something a row needs is not there.
    #[error("`{}` is missing\nhint: {hint}", path.display())]
    Missing {
        /// What.
        path: PathBuf,
        /// How to get it.
        hint: &'static str,
    },
    /// A line of the raw results cannot be read back.
    #[error("`{}`, line {line}: {source}", path.display())]
    Results {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// The reader's reason.
        source: serde_json::Error,
    },
    /// A synthetic model's config is refused by the family it is written for.
    #[error(transparent)]
    Config(#[from] llm_forge::families::FamilyError),
    /// One of the jobs this program does as a process of its own failed.
    #[error("job `{job}`: {source}")]
    Job {
        /// Which.
        job: &'static str,
        /// Its reason.
        source: Box<dyn std::error::Error>,
    },
}

/// Names the place of a disk error.
pub trait At<T> {
    /// Says what was being done, to what.
    fn at(self, doing: &'static str, path: &Path) -> Result<T, BenchError>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, doing: &'static str, path: &Path) -> Result<T, BenchError> {
        self.map_err(|source| BenchError::Disk { doing, path: path.to_owned(), source })
    }
}
