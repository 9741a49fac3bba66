//! `work/<stem>/progress.jsonl`: what a part's process tells while it goes, for whoever looks from another process.
//!
//! One object a line, the events of `run`, each with `at`. The file begins anew with every attempt and is not synced: it says how far
//! a build is, never whether it is done.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;

/// Progress within a stage is written at most this often; everything else always.
const EVERY: Duration = Duration::from_millis(500);
/// Most bytes that are written of one attempt.
const BYTES_MAX: u64 = 64 << 20;
/// Most bytes read at once of what was written meanwhile.
const READ_MAX: u64 = 4 << 20;

/// The file's name.
const FILE: &str = "progress.jsonl";

/// Where a part's progress is told.
pub(super) fn path(work: &Path) -> PathBuf {
    work.join(FILE)
}

/// Writes what happens.
pub(super) struct Writer {
    file: Option<File>,
    told: Option<Instant>,
    written: u64,
}

impl Writer {
    /// Begins anew. A file that cannot be written leaves others without live progress, and nothing else.
    pub(super) fn new(work: &Path) -> Self {
        let path = path(work);
        let file = aw_disk::remove(&path).and_then(|()| aw_disk::create_new(&path)).ok();
        Self { file, told: None, written: 0 }
    }

    /// Writes one event.
    pub(super) fn write(&mut self, event: &Value) {
        let frequent = is_frequent(event);
        if self.written > BYTES_MAX || (frequent && self.told.is_some_and(|told| told.elapsed() < EVERY)) {
            return;
        }
        self.told = frequent.then(Instant::now);
        let Some(file) = &mut self.file else { return };
        let mut event = event.clone();
        event["at"] = aw_line::spell(SystemTime::now()).into();
        let mut line = event.to_string();
        line.push('\n');
        self.written += line.len() as u64;
        if file.write_all(line.as_bytes()).is_err() {
            self.file = None;
        }
    }
}

/// Whether an event is one of many within a stage.
pub(super) fn is_frequent(event: &Value) -> bool {
    matches!(event["event"].as_str(), Some("stage-progress" | "source-hashing" | "source-fetching"))
}

/// Follows a part's progress from another process.
pub(super) struct Reader {
    path: PathBuf,
    at: u64,
    /// Which file it was read of: a new attempt makes a new one.
    inode: u64,
}

impl Reader {
    pub(super) fn new(work: &Path) -> Self {
        Self { path: path(work), at: 0, inode: 0 }
    }

    /// The events since the last time; a torn last line is left for the next.
    pub(super) fn read(&mut self) -> Vec<Value> {
        use std::os::unix::fs::MetadataExt;
        let Ok(mut file) = aw_disk::open_no_follow(&self.path) else { return Vec::new() };
        let Ok(meta) = file.metadata() else { return Vec::new() };
        if meta.ino() != self.inode || meta.len() < self.at {
            (self.at, self.inode) = (0, meta.ino());
        }
        let mut bytes = Vec::new();
        let read = file.seek(SeekFrom::Start(self.at)).and_then(|_| file.take(READ_MAX).read_to_end(&mut bytes));
        if read.is_err() {
            return Vec::new();
        }
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        self.at += whole as u64;
        bytes[..whole].split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
    }
}

/// The stage an event is about and how far it is, as far as it says so.
pub(super) fn place(event: &Value) -> Option<(String, Option<f64>)> {
    let share = |done: &Value, total: &Value| {
        let (done, total) = (done.as_f64()?, total.as_f64()?);
        (total > 0.0).then(|| (done / total).clamp(0.0, 1.0))
    };
    match event["event"].as_str()? {
        "source-fetching" => Some(("source-fetching".into(), share(&event["done"], &event["total"]))),
        "source-hashing" => Some(("source-hashing".into(), share(&event["doneBytes"], &event["totalBytes"]))),
        "stage-started" => Some((event["stage"].as_str()?.to_owned(), None)),
        // The stage's name was told when it began.
        "stage-progress" => Some((String::new(), share(&event["done"], &event["total"]))),
        "stage-finished" => Some((event["stage"].as_str()?.to_owned(), Some(1.0))),
        "sealed" => Some(("seal".into(), None)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_written_is_followed_and_a_new_attempt_begins_anew() {
        let work = tempfile::tempdir().unwrap();
        let mut reader = Reader::new(work.path());
        assert!(reader.read().is_empty());
        let mut writer = Writer::new(work.path());
        writer.write(&json!({"event": "stage-started", "stage": "prune"}));
        for done in 0..50 {
            writer.write(&json!({"event": "stage-progress", "done": done, "total": 50}));
        }
        writer.write(&json!({"event": "stage-finished", "stage": "prune"}));
        let read = reader.read();
        assert_eq!(read.len(), 3, "{read:?}");
        assert!(read[0]["at"].as_str().unwrap().ends_with('Z'));
        let mut torn = File::options().append(true).open(path(work.path())).unwrap();
        torn.write_all(b"{\"event\": \"sea").unwrap();
        assert!(reader.read().is_empty());
        torn.write_all(b"led\"}\n").unwrap();
        assert_eq!(reader.read(), [json!({"event": "sealed"})]);
        Writer::new(work.path()).write(&json!({"event": "stage-started"}));
        assert_eq!(reader.read().len(), 1);
    }
}
