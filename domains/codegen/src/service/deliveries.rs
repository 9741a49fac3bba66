//! Deliveries that were accepted, for as long as they could be sent again; in a file, so that a restart does not forget them.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::webhook::{Refused, is_uuid};

/// How long a delivery is remembered, in seconds.
pub const MEMORY_SECONDS: u64 = 600;
/// Deliveries that are remembered at once. Every one of them had a good signature within the window.
const DELIVERIES_MAX: usize = 100_000;
/// Longest line of the file: seconds, a space, a UUID, a line feed.
const LINE_MAX: usize = 64;
/// Lines of what is forgotten that the file may have before it is written anew.
const FORGOTTEN_MAX: usize = 10_000;

/// Why deliveries could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    /// The disk failed.
    #[error("`{}`: {source}", path.display())]
    Disk {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is no list of deliveries.
    #[error("`{}`, line {line}, is no delivery: expected seconds since 1970, a space and a UUID; move the file away", path.display())]
    Foreign {
        /// Which file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
}

/// Deliveries that were accepted.
#[derive(Debug, Default)]
pub struct Memory {
    seen: BTreeMap<String, u64>,
    order: VecDeque<(u64, String)>,
    file: Option<PathBuf>,
    /// Lines of the file.
    lines: usize,
}

impl Memory {
    /// The deliveries that a file has, at `now` in seconds since 1970. A file that is not there has none; a last line that was not
    /// written whole is none, its delivery was not answered.
    ///
    /// # Errors
    /// [`MemoryError`].
    pub fn open(path: &Path, now: u64) -> Result<Self, MemoryError> {
        let disk = |source| MemoryError::Disk { path: path.to_owned(), source };
        let mut memory = Self { file: Some(path.to_owned()), ..Self::default() };
        let bytes = match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(disk(error)),
            Ok(found) if found.len() as usize > (DELIVERIES_MAX + FORGOTTEN_MAX) * 2 * LINE_MAX => {
                return Err(MemoryError::Foreign { path: path.to_owned(), line: 1 });
            }
            Ok(_) => fs::read(path).map_err(disk)?,
        };
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        for (at, line) in bytes[..whole].split_inclusive(|byte| *byte == b'\n').enumerate() {
            let (seconds, id) = line_of(line).ok_or_else(|| MemoryError::Foreign { path: path.to_owned(), line: at + 1 })?;
            if now.saturating_sub(seconds) <= MEMORY_SECONDS {
                memory.keep(id, seconds);
            }
        }
        memory.rewrite().map_err(disk)?;
        Ok(memory)
    }

    /// Whether a delivery was not accepted within the time that is remembered.
    pub(super) fn is_new(&mut self, id: &str, now: u64) -> Result<bool, Refused> {
        while self.order.front().is_some_and(|(at, _)| now.saturating_sub(*at) > MEMORY_SECONDS) {
            if let Some((_, old)) = self.order.pop_front() {
                self.seen.remove(&old);
            }
        }
        if self.seen.contains_key(&id.to_ascii_lowercase()) {
            return Ok(false);
        }
        if self.order.len() >= DELIVERIES_MAX { Err(Refused::Busy) } else { Ok(true) }
    }

    /// Remembers a delivery: call it once what it asked for cannot be lost any more.
    ///
    /// # Errors
    /// When it could not be written down; it is remembered until the service ends all the same.
    pub(super) fn remember(&mut self, id: &str, now: u64) -> Result<(), MemoryError> {
        let id = id.to_ascii_lowercase();
        self.keep(id.clone(), now);
        let Some(path) = self.file.clone() else { return Ok(()) };
        let append = || {
            let mut file = OpenOptions::new().append(true).create(true).open(&path)?;
            file.write_all(format!("{now} {id}\n").as_bytes())?;
            file.sync_data()
        };
        self.lines += 1;
        let written = if self.lines > self.order.len() + FORGOTTEN_MAX { self.rewrite() } else { append() };
        written.map_err(|source| MemoryError::Disk { path, source })
    }

    fn keep(&mut self, id: String, at: u64) {
        if self.seen.insert(id.clone(), at).is_none() {
            self.order.push_back((at, id));
        }
    }

    /// Writes the file anew, with what is remembered.
    fn rewrite(&mut self) -> io::Result<()> {
        let Some(path) = &self.file else { return Ok(()) };
        let text: String = self.order.iter().map(|(at, id)| format!("{at} {id}\n")).collect();
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let aside = path.with_extension("new");
        let mut file = fs::File::create(&aside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&aside, path)?;
        fs::File::open(folder)?.sync_all()?;
        self.lines = self.order.len();
        Ok(())
    }
}

fn line_of(line: &[u8]) -> Option<(u64, String)> {
    let (seconds, id) = std::str::from_utf8(line).ok()?.trim_end_matches('\n').split_once(' ')?;
    let digits = seconds.len() <= 12 && seconds.bytes().all(|byte| byte.is_ascii_digit());
    (digits && is_uuid(id)).then(|| Some((seconds.parse().ok()?, id.to_ascii_lowercase())))?
}
