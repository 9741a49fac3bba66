//! What is about to move: written into the lock's own file before a transition, and struck out after it.
//!
//! Whoever takes the lock next finishes or takes back what a dead process left in the middle. The file is not synced: a process that
//! is killed leaves it whole, and what a power cut leaves is put in order from the stations themselves (`settle`).

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use aw_disk::{At, Disk};
use serde::{Deserialize, Serialize};

use crate::log::Log;
use crate::{Root, Station};

/// A file in a station.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Place(pub(crate) Station, pub(crate) String);

impl Place {
    pub(crate) fn path(&self, root: &Root) -> PathBuf {
        root.station(self.0).join(&self.1)
    }

    /// Whether the name stays inside its station: the file may have been written by anybody.
    fn is_inside(&self) -> bool {
        !self.1.is_empty() && self.1 != "." && self.1 != ".." && !self.1.contains(['/', '\0'])
    }

    fn is_there(&self, root: &Root) -> bool {
        self.path(root).symlink_metadata().is_ok()
    }
}

/// A part that goes from one place to another, with all that belongs to it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Move {
    /// Where its file is. It goes last: this rename is what decides.
    pub(crate) from: Place,
    /// Where it goes; nothing may be there.
    pub(crate) to: Place,
    /// Files that go before it, and where to.
    pub(crate) carry: Vec<(Place, Place)>,
    /// Files that go after it: where it was, it was never to be seen without them.
    pub(crate) follow: Vec<(Place, Place)>,
    /// Files made for the move: removed when it is taken back.
    pub(crate) made: Vec<Place>,
    /// Files without use afterwards: removed when it is done.
    pub(crate) spent: Vec<Place>,
    /// Lines for the log.
    pub(crate) lines: Vec<String>,
}

/// Moves that are under way, and how long the log was before them.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Intent {
    pub(crate) log: u64,
    pub(crate) moves: Vec<Move>,
}

/// Most bytes of an intent that are read.
const INTENT_BYTES_MAX: u64 = 64 << 20;

impl Intent {
    /// Reads what the lock's file says; `None` for nothing, and for what no process of ours can have left.
    pub(crate) fn read(file: &File, path: &Path) -> Disk<Option<Self>> {
        let mut file = file;
        file.seek(SeekFrom::Start(0)).at("read", path)?;
        let mut text = Vec::new();
        file.take(INTENT_BYTES_MAX).read_to_end(&mut text).at("read", path)?;
        let intent: Option<Self> = serde_json::from_slice(&text).ok();
        Ok(intent.filter(|intent| intent.moves.iter().flat_map(Move::places).all(Place::is_inside)))
    }

    /// Ends what was begun: a part that arrived has all of its move done, one that did not has all of it taken back.
    pub(crate) fn settle(&self, root: &Root, log: &Log) -> Disk<()> {
        let mut arrived = Vec::new();
        for moved in &self.moves {
            match (moved.from.is_there(root), moved.to.is_there(root)) {
                (false, true) => {
                    moved.bring_along(root)?;
                    moved.bring_after(root)?;
                    arrived.push(moved);
                }
                (true, _) => moved.take_back(root)?,
                (false, false) => moved.made.iter().try_for_each(|place| aw_disk::remove(&place.path(root)))?,
            }
        }
        self.sync_folders(root, &[])?;
        let length = log.mend()?;
        let from = if self.log <= length { self.log } else { 0 };
        let wanted: BTreeSet<&str> = arrived.iter().flat_map(|moved| moved.lines.iter().map(String::as_str)).collect();
        let there = lines_since(log, from, &wanted)?;
        let lacking: Vec<&str> = arrived.iter().flat_map(|moved| &moved.lines).map(String::as_str).collect();
        log.append(lacking.into_iter().filter(|line| !there.contains(*line)))?;
        if !wanted.is_empty() {
            aw_disk::sync_path(log.path())?;
        }
        arrived.iter().try_for_each(|moved| moved.clear_spent(root))
    }

    /// Syncs every station that a move touches, and `more`, at once.
    pub(crate) fn sync_folders(&self, root: &Root, more: &[&Path]) -> Disk<()> {
        let stations: BTreeSet<Station> = self.moves.iter().flat_map(Move::places).map(|place| place.0).collect();
        let folders: Vec<PathBuf> = stations.into_iter().map(|station| root.station(station)).collect();
        let paths: Vec<&Path> = folders.iter().map(PathBuf::as_path).chain(more.iter().copied()).collect();
        aw_disk::sync_at_once(&paths)
    }
}

impl Move {
    fn places(&self) -> impl Iterator<Item = &Place> {
        let carried = self.carry.iter().chain(&self.follow).flat_map(|(from, to)| [from, to]);
        [&self.from, &self.to].into_iter().chain(carried).chain(&self.made).chain(&self.spent)
    }

    /// Whether files go with it that were just written.
    pub(crate) fn brings_new(&self) -> bool {
        self.carry.iter().any(|(from, _)| self.made.contains(from))
    }

    /// The rename that decides: false when something was at `to`, and then all is taken back.
    pub(crate) fn arrive(&self, root: &Root) -> Disk<bool> {
        if aw_disk::rename_new(&self.from.path(root), &self.to.path(root))? {
            return self.bring_after(root).map(|()| true);
        }
        self.take_back(root)?;
        Ok(false)
    }

    pub(crate) fn bring_along(&self, root: &Root) -> Disk<()> {
        along(root, &self.carry)
    }

    fn bring_after(&self, root: &Root) -> Disk<()> {
        along(root, &self.follow)
    }

    fn take_back(&self, root: &Root) -> Disk<()> {
        for (from, to) in self.carry.iter().rev().filter(|(from, to)| to.is_there(root) && !from.is_there(root)) {
            aw_disk::rename_new(&to.path(root), &from.path(root))?;
        }
        self.made.iter().try_for_each(|place| aw_disk::remove(&place.path(root)))
    }

    pub(crate) fn clear_spent(&self, root: &Root) -> Disk<()> {
        self.spent.iter().try_for_each(|place| aw_disk::remove(&place.path(root)))
    }
}

fn along(root: &Root, files: &[(Place, Place)]) -> Disk<()> {
    for (from, to) in files.iter().filter(|(from, _)| from.is_there(root)) {
        aw_disk::rename_new(&from.path(root), &to.path(root))?;
    }
    Ok(())
}

/// Those of `wanted` that the log has from a position on.
fn lines_since(log: &Log, from: u64, wanted: &BTreeSet<&str>) -> Disk<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    if wanted.is_empty() {
        return Ok(found);
    }
    let mut file = match aw_disk::open_no_follow(log.path()) {
        Err(error) if error.source.kind() == std::io::ErrorKind::NotFound => return Ok(found),
        other => other?,
    };
    file.seek(SeekFrom::Start(from)).at("read", log.path())?;
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    loop {
        line.clear();
        // A longer one is none of ours, and read in pieces.
        let taken = reader.by_ref().take(crate::log::LINE_BYTES_MAX).read_until(b'\n', &mut line).at("read", log.path())?;
        if taken == 0 {
            return Ok(found);
        }
        if let Ok(text) = std::str::from_utf8(&line)
            && wanted.contains(text)
        {
            found.insert(text.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::alive::{OwnerMark, Process};
    use crate::{Entry, Heartbeat, Outcome, WorkerState};

    fn has(text: &str) {
        let page = include_str!("../../../spec/line.md").replace("\n ", "");
        assert!(page.contains(text), "the specification does not have {text}");
    }

    #[test]
    fn the_specification_has_the_bytes_that_are_written() {
        let place = |station, file: &str| Place(station, file.to_owned());
        let at = "2026-01-01T00:00:00Z".to_owned();
        let started = |alloy: &str, retries| {
            Entry { at: at.clone(), outcome: Outcome::Started { alloy: alloy.to_owned(), retries } }.line()
        };
        has(&started("a.retry1.alloy.json", 1));
        let moved = Move {
            from: place(Station::Intake, "a.alloy.json"),
            to: place(Station::Assembly, "a.alloy.json"),
            carry: vec![(place(Station::Intake, "a.origin.json"), place(Station::Assembly, "a.origin.json"))],
            follow: Vec::new(),
            made: vec![place(Station::Assembly, ".a.owner")],
            spent: Vec::new(),
            lines: vec![started("a.alloy.json", 0)],
        };
        has(&serde_json::to_string(&Intent { log: 112, moves: vec![moved] }).unwrap());
        let process = Process { pid: 4711, start: 123_456 };
        has(&serde_json::to_string(&OwnerMark { worker: None, process }).unwrap());
        let beat = Heartbeat {
            pid: process.pid,
            state: WorkerState::Building,
            current_part: Some("a.alloy.json".into()),
            last_beat_at: at.clone(),
            host: "forge1".into(),
            worker_start: process.start,
            stage: Some("prune".into()),
            progress: Some(0.25),
            interval_seconds: 30,
        };
        has(&serde_json::to_string(&beat).unwrap());
    }

    #[test]
    fn an_intent_that_leads_elsewhere_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        for file in ["../a", "a/b", "", ".", "..", "a\0"] {
            let place = Place(Station::Intake, "a.alloy.json".to_owned());
            let (to, made) = (place.clone(), vec![Place(Station::Intake, file.to_owned())]);
            let (carry, follow, spent, lines) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
            let intent = Intent { log: 0, moves: vec![Move { from: place, to, carry, follow, made, spent, lines }] };
            std::fs::write(&path, serde_json::to_vec(&intent).unwrap()).unwrap();
            assert!(Intent::read(&File::open(&path).unwrap(), &path).unwrap().is_none(), "{file}");
        }
        std::fs::write(&path, "{\"log\":1").unwrap();
        assert!(Intent::read(&File::open(&path).unwrap(), &path).unwrap().is_none());
    }
}
