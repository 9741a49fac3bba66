//! Whether the clock can be believed. A clock that jumps years ahead makes everything old; folders must not go for that.
//!
//! The wall clock is held against the kernel's time since start, which does not jump, with a note of both from the last time. Where
//! they disagree, or nothing tells, ages are in doubt until the machine has run a day without another jump.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aw_disk::Disk;
use serde::{Deserialize, Serialize};

/// How far the clocks may be apart: corrections by a time server stay below.
const DRIFT: Duration = Duration::from_secs(600);
/// For how long ages are in doubt after a jump, and the longest gap that needs no other evidence.
const DAY: Duration = Duration::from_secs(24 * 3600);
/// Longest note that is read, in bytes.
const NOTE_BYTES_MAX: u64 = 4096;

/// What the clocks say at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The wall clock.
    pub wall: SystemTime,
    /// Time since the machine started, sleep included; `None` where the system does not tell.
    pub since_start: Option<Duration>,
    /// Which start that was.
    pub start: String,
}

/// Whether ages can be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// They can.
    Good,
    /// They cannot; why.
    Doubt(String),
}

#[derive(Serialize, Deserialize)]
struct Note {
    wall_seconds: u64,
    since_start_seconds: u64,
    start: String,
    doubt_until_seconds: Option<u64>,
}

impl Reading {
    /// What the clocks say now.
    pub fn now() -> Self {
        let text = |path: &str| std::fs::read_to_string(path).ok();
        let uptime = text("/proc/uptime").and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok());
        Self {
            wall: SystemTime::now(),
            since_start: uptime.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
            start: text("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned(),
        }
    }
}

/// Says whether ages can be told, and notes what the clocks say for the next time when `remember` is set. `evidence` is the latest time
/// that the line itself shows.
///
/// # Errors
/// When the note cannot be read or written.
pub fn trust(root: &Path, reading: &Reading, evidence: Option<SystemTime>, remember: bool) -> Disk<Trust> {
    let path = root.join("line/.clock.json");
    let before: Option<Note> = aw_disk::read(&path, NOTE_BYTES_MAX)?.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let before = before.filter(|note| !note.start.is_empty() && note.start == reading.start);
    let wall = reading.wall.duration_since(UNIX_EPOCH).unwrap_or_default();
    let since = reading.since_start.unwrap_or_default();
    let doubt_from_now = || Some((since + DAY).as_secs());
    let (doubt_until, reason) = match (&before, reading.since_start) {
        (Some(note), Some(_)) => {
            let passed = since.saturating_sub(Duration::from_secs(note.since_start_seconds));
            let expected = Duration::from_secs(note.wall_seconds) + passed;
            let apart = expected.abs_diff(wall);
            match note.doubt_until_seconds {
                _ if apart > DRIFT => {
                    (doubt_from_now(), format!("the clock jumped by {} s since the line was last looked at", apart.as_secs()))
                }
                Some(until) if since.as_secs() < until => {
                    (Some(until), "the clock jumped, or nothing confirms it, and the machine has not yet run a day since".into())
                }
                _ => (None, String::new()),
            }
        }
        // Nothing was noted since the machine started: the line's own times and the time since the start must bear the clock out.
        _ => match evidence.map(|evidence| reading.wall.duration_since(evidence)) {
            Some(Err(_)) => (doubt_from_now(), "the line shows a time that is still to come".into()),
            Some(Ok(gap)) if gap > DAY && gap > since => (
                doubt_from_now(),
                format!("the line was last touched {} h ago by this clock, and nothing confirms it", gap.as_secs() / 3600),
            ),
            _ => (None, String::new()),
        },
    };
    if remember && reading.since_start.is_some() {
        let note = Note {
            wall_seconds: wall.as_secs(),
            since_start_seconds: since.as_secs(),
            start: reading.start.clone(),
            doubt_until_seconds: doubt_until,
        };
        let bytes = serde_json::to_vec(&note).unwrap_or_default();
        let aside = root.join(format!("line/.clock.{}.tmp", aw_disk::unique()));
        aw_disk::replace(&aside, &path, &bytes)?;
    }
    Ok(if reason.is_empty() { Trust::Good } else { Trust::Doubt(reason) })
}
