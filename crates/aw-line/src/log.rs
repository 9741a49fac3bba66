//! What happened on the line: `throughput.jsonl`. Foundry and line, section 3.6.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use aw_disk::{At, Disk};
use serde::{Deserialize, Serialize};

use crate::{Oddity, Station, clock};

/// Longest line that is read, in bytes.
pub const LINE_BYTES_MAX: u64 = 1 << 20;

/// One line: when, and what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When, RFC 3339 in UTC. Clocks jump: the order of lines is the order of events, these are not.
    pub at: String,
    /// What.
    #[serde(flatten)]
    pub outcome: Outcome,
}

impl Entry {
    /// Something that happens now.
    pub fn now(outcome: Outcome) -> Self {
        Self { at: clock::now(), outcome }
    }

    pub(crate) fn line(&self) -> String {
        let mut line = serde_json::to_string(self).expect("texts and numbers are always JSON");
        line.push('\n');
        line
    }
}

/// What happened. `alloy` is the file name of the part where it stands afterwards.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
#[allow(missing_docs, reason = "the fields are those of the specification")]
pub enum Outcome {
    /// A part came to intake.
    Enqueued {
        alloy: String,
        #[serde(rename = "alloyHash")]
        alloy_hash: String,
    },
    /// A worker took it.
    Started { alloy: String, retries: u32 },
    /// It was built. `forged_dir` is relative to the root.
    Finished {
        alloy: String,
        forged_dir: String,
        #[serde(rename = "modelHash", default, skip_serializing_if = "Option::is_none")]
        model_hash: Option<String>,
    },
    /// It failed.
    Rework {
        alloy: String,
        error: String,
        retries: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stage: Option<String>,
    },
    /// Its worker died; it waits again.
    Recovered { alloy: String, retries: u32 },
    /// A person sent it back to intake; `from` is the file it was in rework.
    PromotedFromRework { alloy: String, from: String },
    /// A person parked it.
    Deferred {
        alloy: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// A person took it back to intake.
    Undeferred {
        alloy: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// A person took it off the line for good.
    Cancelled {
        alloy: String,
        #[serde(rename = "alloyHash")]
        alloy_hash: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Space was made.
    Evicted { path: String, bytes: u64, action: String },
    /// The shipping side published it.
    Shipped {
        alloy: String,
        #[serde(default)]
        reasons: Vec<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        url: Option<String>,
    },
    /// The shipping side refused it.
    ShipRefused {
        alloy: String,
        #[serde(default)]
        reasons: Vec<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        url: Option<String>,
    },
}

impl Outcome {
    const NAMES: [&str; 12] = [
        "enqueued",
        "started",
        "finished",
        "rework",
        "recovered",
        "promoted_from_rework",
        "deferred",
        "undeferred",
        "cancelled",
        "evicted",
        "shipped",
        "ship_refused",
    ];

    /// The part's file and where it stands after this, nowhere when it was cancelled; `None` when no part moved.
    pub fn placed(&self) -> Option<(&str, Option<Station>)> {
        Some(match self {
            Self::Enqueued { alloy, .. }
            | Self::Recovered { alloy, .. }
            | Self::PromotedFromRework { alloy, .. }
            | Self::Undeferred { alloy, .. } => (alloy, Some(Station::Intake)),
            Self::Started { alloy, .. } => (alloy, Some(Station::Assembly)),
            Self::Finished { alloy, .. } => (alloy, Some(Station::Finished)),
            Self::Rework { alloy, .. } => (alloy, Some(Station::Rework)),
            Self::Deferred { alloy, .. } => (alloy, Some(Station::Deferred)),
            Self::Cancelled { alloy, .. } => (alloy, None),
            Self::Evicted { .. } | Self::Shipped { .. } | Self::ShipRefused { .. } => return None,
        })
    }
}

/// A line as it was read.
#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    /// Something known.
    Known(Entry),
    /// An object with an outcome that is not known here; passed over.
    Unknown(String),
    /// No line of the protocol.
    Bad(Oddity),
}

/// The log of a line. Reading needs no lock; adding is [`crate::Held`]'s.
#[derive(Clone, Debug)]
pub struct Log {
    path: PathBuf,
}

impl Log {
    pub(crate) const fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Its file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Hands every whole line from a position on to `each`, and returns the position after the last of them, to go on from. A last
    /// line without an end is left for the next time. When the log is shorter than `cursor`, it is another one, and read from its
    /// beginning. A log that is not there is empty.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(&self, cursor: u64, mut each: impl FnMut(Line)) -> Disk<u64> {
        let mut file = match aw_disk::open_no_follow(&self.path) {
            Err(error) if error.source.kind() == std::io::ErrorKind::NotFound => return Ok(0),
            other => other?,
        };
        let length = file.metadata().at("look at", &self.path)?.len();
        let mut cursor = if cursor > length { 0 } else { cursor };
        file.seek(SeekFrom::Start(cursor)).at("read", &self.path)?;
        let mut reader = BufReader::with_capacity(64 << 10, file);
        let mut line = Vec::new();
        loop {
            line.clear();
            let taken = reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line).at("read", &self.path)? as u64;
            if line.last() == Some(&b'\n') {
                each(self.parse(&line, cursor));
                cursor += taken;
            } else if taken < LINE_BYTES_MAX {
                return Ok(cursor);
            } else {
                let Some(rest) = skip_line(&mut reader).at("read", &self.path)? else { return Ok(cursor) };
                each(Line::Bad(self.odd(cursor, &format!("the line is longer than {LINE_BYTES_MAX} bytes"))));
                cursor += taken + rest;
            }
        }
    }

    /// The last `count` known entries, oldest first, and the position after them.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn last(&self, count: usize) -> Disk<(Vec<Entry>, u64)> {
        let mut window = 64 << 10;
        loop {
            let length = std::fs::metadata(&self.path).map_or(0, |meta| meta.len());
            let begin = self.line_start(length.saturating_sub(window))?;
            let mut found = std::collections::VecDeque::new();
            let end = self.read(begin, |line| {
                if let Line::Known(entry) = line {
                    found.push_back(entry);
                    if found.len() > count {
                        found.pop_front();
                    }
                }
            })?;
            if found.len() >= count || begin == 0 {
                return Ok((found.into(), end));
            }
            window = window.saturating_mul(8);
        }
    }

    /// The first beginning of a line at or after a position; 0 for 0.
    fn line_start(&self, from: u64) -> Disk<u64> {
        if from == 0 {
            return Ok(0);
        }
        let mut file = aw_disk::open_no_follow(&self.path)?;
        file.seek(SeekFrom::Start(from - 1)).at("read", &self.path)?;
        Ok(skip_line(&mut BufReader::new(file)).at("read", &self.path)?.map_or(from, |taken| from - 1 + taken))
    }

    fn parse(&self, line: &[u8], at: u64) -> Line {
        let value: serde_json::Value = match serde_json::from_slice(line) {
            Ok(value) => value,
            Err(error) => return Line::Bad(self.odd(at, &format!("is no JSON: {error}"))),
        };
        match value.get("outcome").and_then(|outcome| outcome.as_str()) {
            None => Line::Bad(self.odd(at, "is no object with an `outcome`")),
            Some(outcome) if !Outcome::NAMES.contains(&outcome) => Line::Unknown(outcome.to_owned()),
            Some(_) => match serde_json::from_value(value) {
                Ok(entry) => Line::Known(entry),
                Err(error) => Line::Bad(self.odd(at, &format!("has wrong fields: {error}"))),
            },
        }
    }

    fn odd(&self, at: u64, reason: &str) -> Oddity {
        Oddity::new(&self.path, format!("the line at byte {at}: {reason}"))
    }

    /// Bytes of whole lines. A torn line after them is cut off, so that the next one stands alone; readers never saw it.
    pub(crate) fn mend(&self) -> Disk<u64> {
        let file = match File::options().read(true).write(true).open(&self.path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
            other => other.at("open", &self.path)?,
        };
        let length = file.metadata().at("look at", &self.path)?.len();
        let mut last = [0];
        if length == 0 || (file.read_exact_at(&mut last, length - 1).is_ok() && last == *b"\n") {
            return Ok(length);
        }
        let mut end = length;
        let mut block = vec![0; 4096];
        let whole = loop {
            let begin = end.saturating_sub(4096);
            let part = &mut block[..usize::try_from(end - begin).unwrap_or(0)];
            file.read_exact_at(part, begin).at("read", &self.path)?;
            match part.iter().rposition(|byte| *byte == b'\n') {
                Some(at) => break begin + at as u64 + 1,
                None if begin == 0 => break 0,
                None => end = begin,
            }
        };
        aw_disk::set_len(&file, &self.path, whole)?;
        Ok(whole)
    }

    /// Adds lines, all in one write. Not synced. The lock of the line must be held, and the log mended.
    pub(crate) fn append<'l>(&self, lines: impl IntoIterator<Item = &'l str>) -> Disk<()> {
        if self.path.symlink_metadata().is_err() {
            drop(aw_disk::create_new(&self.path)?);
            aw_disk::sync_dir(aw_disk::parent(&self.path))?;
        }
        let all: String = lines.into_iter().collect();
        if all.is_empty() { Ok(()) } else { aw_disk::append(&self.path, all.as_bytes()) }
    }
}

/// Passes over a line; the bytes with its end, `None` when it has no end.
fn skip_line(reader: &mut impl BufRead) -> std::io::Result<Option<u64>> {
    let mut taken = 0;
    loop {
        let block = reader.fill_buf()?;
        if block.is_empty() {
            return Ok(None);
        }
        let found = block.iter().position(|byte| *byte == b'\n');
        let used = found.map_or(block.len(), |at| at + 1);
        reader.consume(used);
        taken += used as u64;
        if found.is_some() {
            return Ok(Some(taken));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn log() -> (tempfile::TempDir, Log) {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::new(folder.path().join("throughput.jsonl"));
        (folder, log)
    }

    fn started(n: u32) -> Entry {
        Entry { at: "2026-01-01T00:00:00Z".into(), outcome: Outcome::Started { alloy: format!("{n}.alloy.json"), retries: n } }
    }

    #[test]
    fn a_line_is_spelled_as_specified() {
        assert_eq!(
            started(0).line(),
            "{\"at\":\"2026-01-01T00:00:00Z\",\"outcome\":\"started\",\"alloy\":\"0.alloy.json\",\"retries\":0}\n"
        );
        let finished = Outcome::Finished {
            alloy: "a.alloy.json".into(),
            forged_dir: "work/a/artifact".into(),
            model_hash: Some("h".into()),
        };
        let line = Entry { at: "t".into(), outcome: finished }.line();
        assert!(line.contains("\"forged_dir\":\"work/a/artifact\",\"modelHash\":\"h\""), "{line}");
    }

    #[test]
    fn reading_goes_on_where_it_ended_and_passes_over_what_it_does_not_know() {
        let (_folder, log) = log();
        assert_eq!(log.read(0, |_| panic!("nothing is there")).unwrap(), 0);
        log.append([started(1).line().as_str(), "{\"at\":\"x\",\"outcome\":\"new\"}\n", "no json\n", "{\"outc"]).unwrap();
        let mut seen = Vec::new();
        let cursor = log.read(0, |line| seen.push(line)).unwrap();
        assert_eq!(seen[..2], [Line::Known(started(1)), Line::Unknown("new".into())]);
        assert!(matches!(&seen[2], Line::Bad(odd) if odd.reason.contains("at byte ")) && seen.len() == 3);
        // The torn line is cut off before the next is added.
        assert_eq!(log.mend().unwrap(), cursor);
        log.append([started(2).line().as_str()]).unwrap();
        let mut seen = Vec::new();
        log.read(cursor, |line| seen.push(line)).unwrap();
        assert_eq!(seen, [Line::Known(started(2))]);
        assert_eq!(log.last(1).unwrap().0, [started(2)]);
        let mut all = 0;
        log.read(1 << 40, |_| all += 1).unwrap();
        assert_eq!(all, 4, "a log that became shorter is read anew");
    }

    #[test]
    fn long_lines_take_no_memory_and_hide_nothing_behind_them() {
        let (_folder, log) = log();
        let long = format!("{}\n", "x".repeat(3 * LINE_BYTES_MAX as usize));
        log.append([long.as_str(), started(7).line().as_str()]).unwrap();
        let mut seen = Vec::new();
        log.read(0, |line| seen.push(line)).unwrap();
        assert!(matches!(seen[0], Line::Bad(_)));
        assert_eq!(seen[1..], [Line::Known(started(7))]);
    }

    #[test]
    fn the_last_entries_are_found_in_a_long_log() {
        let (_folder, log) = log();
        let lines: Vec<String> = (0..5000).map(|n| started(n).line()).collect();
        log.append([lines.concat().as_str()]).unwrap();
        let (last, end) = log.last(2000).unwrap();
        assert_eq!((last.len(), &last[0], &last[1999]), (2000, &started(3000), &started(4999)));
        assert_eq!(end, lines.concat().len() as u64);
        assert_eq!(log.last(9000).unwrap().0.len(), 5000);
    }
}
