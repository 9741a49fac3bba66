//! The lock under which parts change their station, and how a transition is done so that it can be cut off anywhere.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::PathBuf;

use aw_disk::{At, Disk, Lock};

use crate::intent::{Intent, Move, Place};
use crate::log::{Entry, Log, Outcome};
use crate::name::owner_among;
use crate::{LineError, PartName, Root, Station};

/// The right to move parts, for a moment: no other process of ours moves any meanwhile.
///
/// Taking it first puts in order what a process that died with it left in the middle.
#[derive(Debug)]
pub struct Held {
    pub(crate) root: Root,
    lock: Lock,
}

impl Root {
    /// Takes the lock of the line, waiting for it.
    ///
    /// # Errors
    /// When the lock cannot be had, or what a dead process left cannot be put in order.
    pub fn hold(&self) -> Result<Held, LineError> {
        Held::new(self)
    }

    /// The log of this line.
    pub fn throughput(&self) -> Log {
        Log::new(self.log())
    }
}

impl Held {
    pub(crate) fn new(root: &Root) -> Result<Self, LineError> {
        root.look()?;
        let path = root.lock_file();
        let file = File::options().read(true).write(true).create(true).truncate(false).open(&path).at("open", &path)?;
        let held = Self { root: root.clone(), lock: Lock::exclusive(file, &path)? };
        held.recover_intent()?;
        Ok(held)
    }

    fn path(&self) -> PathBuf {
        self.root.lock_file()
    }

    fn recover_intent(&self) -> Disk<()> {
        let path = self.path();
        if self.lock.file().metadata().at("look at", &path)?.len() == 0 {
            return Ok(());
        }
        if let Some(intent) = Intent::read(self.lock.file(), &path)? {
            intent.settle(&self.root, &self.root.throughput())?;
        }
        aw_disk::set_len(self.lock.file(), &path, 0)
    }

    /// Moves parts, all of them or as far as it goes; for each whether it moved: false when something was in its place. On the disk
    /// when this returns. `together` has the log synced along with the folders, for what nobody is promised.
    pub(crate) fn perform(&self, moves: Vec<Move>, together: bool) -> Result<Vec<bool>, LineError> {
        let log = self.root.throughput();
        let intent = Intent { log: log.mend()?, moves };
        let text = serde_json::to_vec(&intent).expect("texts and numbers are always JSON");
        aw_disk::overwrite(self.lock.file(), &self.path(), &text)?;
        let outcome = self.carry_out(&intent, &log, together);
        if outcome.is_err() {
            // The first failure is the one to tell; when this fails too, whoever holds the lock next goes on with it.
            self.recover_intent().ok();
        }
        Ok(outcome?)
    }

    fn carry_out(&self, intent: &Intent, log: &Log, together: bool) -> Disk<Vec<bool>> {
        intent.moves.iter().try_for_each(|next| next.bring_along(&self.root))?;
        if intent.moves.iter().any(Move::brings_new) {
            // A part that is seen after a power cut has what was written for it.
            intent.sync_folders(&self.root, &[])?;
        }
        let moved: Vec<bool> = intent.moves.iter().map(|next| next.arrive(&self.root)).collect::<Disk<_>>()?;
        let done = || intent.moves.iter().zip(&moved).filter(|(_, moved)| **moved).map(|(done, _)| done);
        let lines = || done().flat_map(|done| &done.lines).map(String::as_str);
        if lines().next().is_none() {
            intent.sync_folders(&self.root, &[])?;
        } else if together {
            log.append(lines())?;
            intent.sync_folders(&self.root, &[log.path()])?;
        } else {
            intent.sync_folders(&self.root, &[])?;
            log.append(lines())?;
            aw_disk::sync_path(log.path())?;
        }
        done().try_for_each(|done| done.clear_spent(&self.root))?;
        aw_disk::set_len(self.lock.file(), &self.path(), 0)?;
        Ok(moved)
    }

    /// Writes something down that moved no part: what was evicted, shipped, refused.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn note(&self, outcomes: &[Outcome]) -> Result<(), LineError> {
        self.note_entries(&outcomes.iter().map(|outcome| Entry::now(outcome.clone())).collect::<Vec<_>>())
    }

    /// Writes down what moved no part, with the moments it happened at.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn note_entries(&self, entries: &[Entry]) -> Result<(), LineError> {
        let log = self.root.throughput();
        log.mend()?;
        let lines: Vec<String> = entries.iter().map(Entry::line).collect();
        log.append(lines.iter().map(String::as_str))?;
        if !lines.is_empty() {
            aw_disk::sync_path(log.path())?;
        }
        Ok(())
    }

    /// File names in a station.
    pub(crate) fn names(&self, station: Station) -> Result<BTreeSet<String>, LineError> {
        names(&self.root, station)
    }

    /// Finds a part by its name, its file or its stem, in one of these stations.
    ///
    /// # Errors
    /// [`LineError::NotThere`] when it is in none of them.
    pub fn find(&self, text: &str, stations: &[Station]) -> Result<(Station, PartName), LineError> {
        find(&self.root, text, stations)
    }

    /// Where a part with that stem stands, other than in `but`.
    pub(crate) fn elsewhere(&self, part: &PartName, but: Option<Station>) -> Result<Option<(Station, String)>, LineError> {
        for station in Station::ALL.into_iter().filter(|station| Some(*station) != but) {
            let names = self.names(station)?;
            if let Some(file) = same_stem(&names, part) {
                return Ok(Some((station, file)));
            }
        }
        Ok(None)
    }
}

pub(crate) fn names(root: &Root, station: Station) -> Result<BTreeSet<String>, LineError> {
    let folder = root.station(station);
    let entries = std::fs::read_dir(&folder).at("list", &folder)?;
    let mut names = BTreeSet::new();
    for entry in entries {
        // A name that is no UTF-8 is no part's and no sidecar's; listings tell of it.
        names.extend(entry.at("list", &folder)?.file_name().into_string().ok());
    }
    Ok(names)
}

pub(crate) fn same_stem(names: &BTreeSet<String>, part: &PartName) -> Option<String> {
    let stem = part.stem();
    let begin = format!("{stem}.");
    let own = |file: &&String| PartName::of_file(file).is_ok_and(|found| found.stem() == stem);
    names.range(begin.clone()..).take_while(|file| file.starts_with(&begin)).find(own).cloned()
}

/// The files beside a part, of all names in its station.
pub(crate) fn sidecars(names: &BTreeSet<String>, part: &PartName) -> Vec<String> {
    let name = part.to_string();
    let begin = format!("{name}.");
    let is_part = |name: &str| names.contains(&format!("{name}{}", crate::PART_ENDING));
    let beside = names.range(begin.clone()..).take_while(|file| file.starts_with(&begin));
    beside.filter(|file| owner_among(file, is_part) == Some(name.as_str())).cloned().collect()
}

/// Finds a part by its name, its file or its stem, in one of these stations. Needs no lock.
///
/// # Errors
/// [`LineError::NotThere`] when it is in none of them, [`LineError::Name`] when the text can be no part's name.
pub fn find(root: &Root, text: &str, stations: &[Station]) -> Result<(Station, PartName), LineError> {
    let asked: PartName = text.strip_suffix(crate::PART_ENDING).unwrap_or(text).parse()?;
    for &station in stations {
        if root.part(station, &asked).symlink_metadata().is_ok() {
            return Ok((station, asked));
        }
    }
    if asked.retries() == 0 {
        for &station in stations {
            if let Some(file) = same_stem(&names(root, station)?, &asked) {
                return Ok((station, PartName::of_file(&file)?));
            }
        }
    }
    Err(LineError::NotThere { name: asked.to_string(), wanted: stations.to_vec() })
}

/// A move of a part and all beside it, to another station and perhaps another name.
pub(crate) fn bundle(from: (Station, &PartName), to: (Station, &PartName), beside: &[String]) -> Move {
    let (old, new) = (from.1.to_string(), to.1.to_string());
    let carry = beside.iter().map(|file| (Place(from.0, file.clone()), Place(to.0, format!("{new}{}", &file[old.len()..]))));
    Move {
        from: Place(from.0, from.1.file()),
        to: Place(to.0, to.1.file()),
        carry: carry.collect(),
        follow: Vec::new(),
        made: Vec::new(),
        spent: Vec::new(),
        lines: Vec::new(),
    }
}
