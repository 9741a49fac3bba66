//! Putting the line in order: what a power cut left, and what programs from outside put there. Foundry and line, section 3.10.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use aw_disk::Disk;
use serde_json::Value;

use crate::held::{Held, sidecars};
use crate::log::{Entry, Line, Log, Outcome};
use crate::name::owner_among;
use crate::transitions::free_error;
use crate::{Failed, LineError, Oddity, PART_ENDING, PartName, Station};

/// Half-written files of others are theirs for so long.
const ASIDE_AGE: Duration = Duration::from_secs(3600);
/// Most bytes of a sidecar that is read to find what to write down.
const SIDECAR_BYTES_MAX: u64 = 16 << 20;

/// Where the log says that parts stand, by stem.
#[derive(Debug, Default)]
pub(crate) struct Known {
    cursor: u64,
    parts: BTreeMap<String, (Station, PartName)>,
}

impl Known {
    /// Reads what was added to the log.
    pub(crate) fn catch_up(&mut self, log: &Log) -> Disk<()> {
        let length = std::fs::metadata(log.path()).map_or(0, |meta| meta.len());
        if length < self.cursor {
            *self = Self::default();
        }
        let parts = &mut self.parts;
        self.cursor = log.read(self.cursor, |line| {
            let Line::Known(entry) = line else { return };
            let Some((file, station)) = entry.outcome.placed() else { return };
            let Ok(name) = PartName::of_file(file) else { return };
            match station {
                Some(station) => drop(parts.insert(name.stem().to_owned(), (station, name))),
                None => drop(parts.remove(name.stem())),
            }
        })?;
        Ok(())
    }

    pub(crate) fn place(&self, part: &PartName) -> Option<&(Station, PartName)> {
        self.parts.get(part.stem())
    }

    /// Whether the log has it that this part waits.
    pub(crate) fn waits(&self, part: &PartName) -> bool {
        self.place(part).is_some_and(|(station, name)| *station == Station::Intake && name == part)
    }
}

impl Held {
    /// Puts every station in order: sidecars without their part go to it, half-made results go, parts whose stem is on the line already
    /// go from intake to rework, old half-written files go, and the log is given the lines it lacks. Returns what cannot be put right.
    ///
    /// # Errors
    /// When the disk would not.
    pub(crate) fn settle(&self, known: &mut Known) -> Result<Vec<Oddity>, LineError> {
        self.clear_hidden()?;
        let mut odd = self.refuse_duplicates()?;
        let stations: BTreeMap<Station, BTreeSet<String>> =
            Station::ALL.into_iter().map(|station| Ok((station, self.names(station)?))).collect::<Result<_, LineError>>()?;
        let mut parts: BTreeMap<String, (Station, PartName)> = BTreeMap::new();
        for (station, names) in &stations {
            for name in names.iter().filter_map(|file| PartName::of_file(file).ok()) {
                if self.is_file(*station, &name) {
                    parts.entry(name.stem().to_owned()).or_insert((*station, name));
                }
            }
        }
        for (station, names) in &stations {
            odd.extend(self.reunite(*station, names, &parts)?);
        }
        let log = self.root.throughput();
        log.mend()?;
        known.catch_up(&log)?;
        let mut lines = Vec::new();
        for (station, name) in parts.values() {
            lines.extend(self.lacking(*station, name, known)?);
        }
        self.add(&lines)?;
        known.catch_up(&log)?;
        Ok(odd)
    }

    /// Adds to the log, on the disk when this returns.
    pub(crate) fn add(&self, lines: &[String]) -> Result<(), LineError> {
        if lines.is_empty() {
            return Ok(());
        }
        let log = self.root.throughput();
        log.mend()?;
        log.append(lines.iter().map(String::as_str))?;
        Ok(aw_disk::sync_path(log.path())?)
    }

    fn is_file(&self, station: Station, part: &PartName) -> bool {
        self.root.part(station, part).symlink_metadata().is_ok_and(|meta| meta.is_file())
    }

    /// Removes old half-written files, and marks of parts that are no longer there.
    fn clear_hidden(&self) -> Result<(), LineError> {
        for station in Station::ALL {
            let folder = self.root.station(station);
            for file in self.names(station)? {
                let path = folder.join(&file);
                if file.ends_with(".tmp") {
                    let modified = path.symlink_metadata().and_then(|meta| meta.modified());
                    let age = modified.ok().and_then(|time| SystemTime::now().duration_since(time).ok());
                    if age.is_some_and(|age| age > ASIDE_AGE) {
                        aw_disk::remove(&path)?;
                    }
                }
                let marked = file.strip_prefix('.').and_then(|rest| rest.rsplit_once('.'));
                match (station, marked) {
                    (Station::Assembly, Some((name, "owner" | "cancel"))) => {
                        let part: Option<PartName> = name.parse().ok();
                        if !part.is_some_and(|part| self.is_file(station, &part)) {
                            aw_disk::remove(&path)?;
                        }
                    }
                    (Station::Intake | Station::Deferred, Some((name, "cancelled"))) => {
                        if let Ok(part) = name.parse() {
                            self.end_cancellation(station, &part)?;
                        }
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// A part that was being cancelled when the power went.
    fn end_cancellation(&self, station: Station, part: &PartName) -> Result<(), LineError> {
        let hidden = self.root.station(station).join(part.hidden("cancelled"));
        let mut known = Known::default();
        known.catch_up(&self.root.throughput())?;
        if known.place(part).is_some() {
            let bytes = aw_disk::read(&hidden, crate::PART_BYTES_MAX)?.unwrap_or_default();
            let alloy_hash = aw_alloy::digest::Digest::of(&bytes).to_string();
            self.add(&[Entry::now(Outcome::Cancelled { alloy: part.file(), alloy_hash, reason: None }).line()])?;
        }
        for file in sidecars(&self.names(station)?, part) {
            aw_disk::remove(&self.root.station(station).join(file))?;
        }
        Ok(aw_disk::remove(&hidden)?)
    }

    /// Parts of intake whose stem stands elsewhere go to rework under another name; in other stations they are left and told.
    fn refuse_duplicates(&self) -> Result<Vec<Oddity>, LineError> {
        let mut first: BTreeMap<String, (Station, PartName)> = BTreeMap::new();
        let mut again = Vec::new();
        let mut odd = Vec::new();
        // Intake last: what stands anywhere else came before.
        let order = [Station::Finished, Station::Assembly, Station::Rework, Station::Deferred, Station::Intake];
        let mut names = BTreeSet::new();
        for station in order {
            names = self.names(station)?;
            for file in &names {
                let Ok(name) = PartName::of_file(file) else { continue };
                if !self.is_file(station, &name) {
                    continue;
                }
                match first.get(name.stem()) {
                    None => drop(first.insert(name.stem().to_owned(), (station, name))),
                    Some((other, beside)) => {
                        let reason = duplicate(&name, *other, &beside.file());
                        if station == Station::Intake {
                            again.push((name, reason));
                        } else {
                            odd.push(Oddity::new(self.root.station(station).join(file), reason));
                        }
                    }
                }
            }
        }
        for (name, reason) in again {
            let beside = sidecars(&names, &name);
            let is_free = |name: &PartName| !first.contains_key(name.stem());
            let refused = self.refuse_duplicate(&name, &beside, is_free, &Failed::new(reason))?;
            first.insert(refused.stem().to_owned(), (Station::Rework, refused));
        }
        Ok(odd)
    }

    /// Files of a station that are beside no part of it: to their part, or away.
    fn reunite(
        &self,
        station: Station,
        names: &BTreeSet<String>,
        parts: &BTreeMap<String, (Station, PartName)>,
    ) -> Result<Vec<Oddity>, LineError> {
        let folder = self.root.station(station);
        let mut odd = Vec::new();
        let is_part = |name: &str| names.contains(&format!("{name}{PART_ENDING}"));
        let alone = |file: &&String| {
            let visible = !file.starts_with('.') && !file.ends_with(PART_ENDING) && !file.ends_with(".tmp");
            visible && owner_among(file, is_part).is_none()
        };
        for file in names.iter().filter(alone) {
            let path = folder.join(file);
            // Names are tried from the longest on: each beginning that ends before a point.
            let found = file.rmatch_indices('.').find_map(|(at, _)| {
                let name: PartName = file[..at].parse().ok()?;
                Some((at, parts.get(name.stem())?))
            });
            let Some((at, (home, part))) = found else {
                // Of a producer who is about to bring the part, perhaps.
                odd.push(Oddity::new(path, "it belongs to no part of the line"));
                continue;
            };
            let ending = &file[at..];
            let is_waiting = matches!(home, Station::Assembly | Station::Intake);
            if station == Station::Finished && ending == ".result.json" && is_waiting
                || station == Station::Rework && ending == ".error.json" && *home == Station::Assembly
            {
                // Of a transition that did not come about.
                aw_disk::remove(&path)?;
                aw_disk::sync_dir(&folder)?;
                continue;
            }
            let to = if ending == ".error.json" && *home == Station::Intake {
                // An error it came back from.
                let is_there = |file: &str| self.root.station(*home).join(file).symlink_metadata().is_ok();
                self.root.station(*home).join(free_error(part, is_there))
            } else {
                self.root.station(*home).join(format!("{part}{ending}"))
            };
            let mut n = 0u32;
            let mut target = to.clone();
            while !aw_disk::rename_new(&path, &target)? {
                n += 1;
                target = to.with_file_name(format!("{part}{ending}.old{n}"));
            }
            aw_disk::sync_at_once(&[&self.root.station(*home), &folder])?;
        }
        Ok(odd)
    }

    /// The lines the log lacks of a part that stands somewhere.
    pub(crate) fn lacking(&self, station: Station, part: &PartName, known: &Known) -> Result<Vec<String>, LineError> {
        let place = known.place(part);
        if place == Some(&(station, part.clone())) {
            return Ok(Vec::new());
        }
        let alloy = part.file();
        let retries = part.retries();
        let mut lines = Vec::new();
        let before = place.map(|(station, _)| *station);
        if before.is_none() {
            lines.push(self.arrival(station, part)?);
        }
        let beside = |ending: &str| -> Value {
            let path = self.root.station(station).join(part.beside(ending));
            let bytes = aw_disk::read(&path, SIDECAR_BYTES_MAX).ok().flatten().unwrap_or_default();
            serde_json::from_slice(&bytes).unwrap_or_default()
        };
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let outcome = match (station, before) {
            (Station::Intake, None) => None,
            (Station::Intake, Some(Station::Rework)) => {
                let from = place.map(|(_, name)| name.file()).unwrap_or_default();
                Some(Outcome::PromotedFromRework { alloy, from })
            }
            (Station::Intake, Some(Station::Deferred)) => Some(Outcome::Undeferred { alloy, reason: None }),
            (Station::Intake, Some(Station::Finished)) => {
                lines.push(self.arrival(station, part)?);
                None
            }
            (Station::Intake, Some(Station::Intake | Station::Assembly)) => Some(Outcome::Recovered { alloy, retries }),
            (Station::Assembly, _) => Some(Outcome::Started { alloy, retries }),
            (Station::Finished, _) => {
                let result = beside("result.json");
                let forged_dir = text(&result["forged_dir"]).unwrap_or_default();
                Some(Outcome::Finished { alloy, forged_dir, model_hash: text(&result["modelHash"]) })
            }
            (Station::Rework, _) => {
                let error = beside("error.json");
                let why = text(&error["error"]).unwrap_or_else(|| "no error file says why".to_owned());
                Some(Outcome::Rework { alloy, error: why, retries, stage: text(&error["stage"]) })
            }
            (Station::Deferred, _) => Some(Outcome::Deferred { alloy, reason: None }),
        };
        lines.extend(outcome.map(|outcome| Entry::now(outcome).line()));
        Ok(lines)
    }
}

/// Why a part is refused whose stem is on the line already.
pub(crate) fn duplicate(part: &PartName, station: Station, file: &str) -> String {
    format!("duplicate stem: `{file}` is in {station} already; give `{}` another name", part.stem())
}
