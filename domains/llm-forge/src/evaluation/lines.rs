//! Sets of problems: one JSON object a line.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use aw_alloy::digest::Hasher;
use serde::de::DeserializeOwned;

/// Longest line of a set, in bytes.
pub const MAX_LINE_BYTES: u64 = 16 << 20;
/// Most problems of a set: all are held in memory.
pub const MAX_PROBLEMS: usize = 1_000_000;

/// Why a set of problems cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetError {
    /// The file could not be read.
    #[error("cannot read `{path}`: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A line is not a problem.
    #[error("`{path}`, line {line}: {problem}", path = path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Line number, from one.
        line: u64,
        /// What is wrong with it.
        problem: SetProblem,
    },
    /// There are none.
    #[error("`{path}` holds no problem", path = path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

/// What is wrong with a line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetProblem {
    /// Longer than a problem can be.
    #[error("longer than {MAX_LINE_BYTES} bytes; expected one JSON object a line")]
    TooLong,
    /// No JSON object with the members of a problem.
    #[error("expected {expected}, got {source}")]
    NotJson {
        /// The members.
        expected: &'static str,
        /// The reader's reason.
        source: serde_json::Error,
    },
    /// The members do not fit together.
    #[error("{0}")]
    Unfit(String),
    /// More problems than are held.
    #[error("more than {MAX_PROBLEMS} problems")]
    TooMany,
}

/// A set as it was read.
#[derive(Clone, Debug)]
pub(super) struct Lines<T> {
    /// Each with its line number, from one.
    pub(super) items: Vec<(u64, T)>,
    /// SHA-256 of the file, in lower-case hexadecimal.
    pub(super) sha256: String,
}

/// Reads every line that is not blank. A line that is no problem is an error: a set with some left out is another set.
pub(super) fn read<T: DeserializeOwned>(path: &Path, expected: &'static str) -> Result<Lines<T>, SetError> {
    let io = |source| SetError::Io { path: path.to_owned(), source };
    let mut reader = BufReader::new(File::open(path).map_err(io)?);
    let (mut items, mut hasher, mut line, mut number) = (Vec::new(), Hasher::new(), Vec::new(), 0);
    loop {
        line.clear();
        let read = (&mut reader).take(MAX_LINE_BYTES + 1).read_until(b'\n', &mut line).map_err(io)?;
        if read == 0 {
            break;
        }
        number += 1;
        let refuse = |problem| SetError::Line { path: path.to_owned(), line: number, problem };
        if read as u64 > MAX_LINE_BYTES {
            return Err(refuse(SetProblem::TooLong));
        }
        hasher.update(&line);
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        if items.len() == MAX_PROBLEMS {
            return Err(refuse(SetProblem::TooMany));
        }
        let item = serde_json::from_slice(&line).map_err(|source| refuse(SetProblem::NotJson { expected, source }))?;
        items.push((number, item));
    }
    if items.is_empty() {
        return Err(SetError::Empty { path: path.to_owned() });
    }
    Ok(Lines { items, sha256: hasher.finish().hex() })
}
