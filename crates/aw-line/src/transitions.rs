//! The transitions between stations. Foundry and line, section 3.3.

use aw_alloy::digest::Digest;
use serde_json::{Map, Value, json};

use crate::alive::{OwnerMark, WorkerLock};
use crate::enqueue::PART_BYTES_MAX;
use crate::held::{Held, bundle, same_stem, sidecars};
use crate::intent::{Move, Place};
use crate::log::{Entry, Outcome};
use crate::{LineError, NameError, PartName, Root, Station, clock};

/// What a finished part leaves beside it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Finished {
    /// Where the artifact lies, relative to the root.
    pub forged_dir: String,
    /// Hash over the model's files, where there is one.
    pub model_hash: Option<String>,
    /// Further members of `<name>.result.json`. Foundry and line, section 3.7.
    pub result: Map<String, Value>,
    /// Further sidecars: `artifact.json` gives `<name>.artifact.json`.
    pub sidecars: Vec<(String, Vec<u8>)>,
}

/// Why a part failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failed {
    /// In one line.
    pub error: String,
    /// All that is known of it.
    pub traceback: String,
    /// The stage it failed in; none when work was not begun.
    pub stage: Option<String>,
    /// Further sidecars: `REGRESSION_HALT.json` gives `<name>.REGRESSION_HALT.json`.
    pub sidecars: Vec<(String, Vec<u8>)>,
}

impl Failed {
    /// A failure of which one line says all.
    pub fn new(error: impl Into<String>) -> Self {
        Self { error: error.into(), ..Self::default() }
    }
}

/// What came of an attempt to take a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// It is this worker's.
    Taken,
    /// It is no longer in intake.
    Gone,
    /// One of its stem stands elsewhere.
    Duplicate(Station, String),
}

/// What came of a recovery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recovered {
    /// It waits again, under this name.
    Again(PartName),
    /// It was recovered often enough, and is in rework.
    Exhausted,
}

/// What came of a cancellation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancelled {
    /// It is off the line.
    Removed,
    /// Its worker was asked to stop; the part will go to rework.
    Asked,
}

impl Held {
    /// intake -> assembly. `known` says which files are beside the part, when the caller knows; `arrived` has it noted in the log
    /// that the part arrived: a producer from outside writes no log.
    ///
    /// # Errors
    /// When the disk would not.
    pub fn claim(
        &self,
        part: &PartName,
        worker: &WorkerLock,
        known: Option<&[String]>,
        arrived: bool,
    ) -> Result<Claimed, LineError> {
        let path = self.root.part(Station::Intake, part);
        if !path.symlink_metadata().is_ok_and(|meta| meta.is_file()) {
            return Ok(Claimed::Gone);
        }
        let beside = match known {
            Some(known) => known.to_vec(),
            None => sidecars(&self.names(Station::Intake)?, part),
        };
        let owner = Place(Station::Assembly, part.hidden("owner"));
        let mut moved = bundle((Station::Intake, part), (Station::Assembly, part), &beside);
        if arrived {
            moved.lines.push(self.arrival(Station::Intake, part)?);
        }
        moved.lines.push(Entry::now(Outcome::Started { alloy: part.file(), retries: part.retries() }).line());
        moved.made.push(owner.clone());
        self.clear_way(&moved)?;
        put(&owner.path(&self.root), &worker.owner_text())?;
        let moved = self.perform(vec![moved], true)?;
        Ok(if moved == [true] { Claimed::Taken } else { Claimed::Duplicate(Station::Assembly, part.file()) })
    }

    /// The line that says a part arrived.
    pub(crate) fn arrival(&self, station: Station, part: &PartName) -> Result<String, LineError> {
        let alloy_hash = hash_of(&self.root, station, part)?;
        Ok(Entry::now(Outcome::Enqueued { alloy: part.file(), alloy_hash }).line())
    }

    /// assembly -> finished, with `<name>.result.json` and what else is to outlive the work.
    ///
    /// # Errors
    /// [`LineError::NotThere`] when the part is not in assembly; [`LineError::Duplicate`] when one of its name is finished already.
    pub fn finish(&self, part: &PartName, finished: &Finished) -> Result<(), LineError> {
        let mut result = Map::new();
        result.insert("completed_at".into(), clock::now().into());
        result.insert("forged_dir".into(), finished.forged_dir.clone().into());
        result.insert("alloy_path".into(), part.file().into());
        result.insert("published".into(), false.into());
        if let Some(hash) = &finished.model_hash {
            result.insert("modelHash".into(), hash.clone().into());
        }
        result.extend(finished.result.iter().map(|(key, value)| (key.clone(), value.clone())));
        let outcome = Outcome::Finished {
            alloy: part.file(),
            forged_dir: finished.forged_dir.clone(),
            model_hash: finished.model_hash.clone(),
        };
        let mut written = finished.sidecars.clone();
        written.push(("result.json".to_owned(), pretty(&Value::Object(result))));
        self.leave(part, Station::Finished, &written, outcome)
    }

    /// assembly -> rework, with `<name>.error.json`.
    ///
    /// # Errors
    /// As of [`Held::finish`].
    pub fn fail(&self, part: &PartName, failed: &Failed) -> Result<(), LineError> {
        let outcome = Outcome::Rework {
            alloy: part.file(),
            error: failed.error.clone(),
            retries: part.retries(),
            stage: failed.stage.clone(),
        };
        let mut written = failed.sidecars.clone();
        written.push(("error.json".to_owned(), error_file(part, failed)));
        self.leave(part, Station::Rework, &written, outcome)
    }

    fn leave(&self, part: &PartName, to: Station, written: &[(String, Vec<u8>)], outcome: Outcome) -> Result<(), LineError> {
        self.is_in(Station::Assembly, part)?;
        let beside = sidecars(&self.names(Station::Assembly)?, part);
        let mut moved = bundle((Station::Assembly, part), (to, part), &beside);
        moved.lines.push(Entry::now(outcome).line());
        moved.spent.push(Place(Station::Assembly, part.hidden("owner")));
        moved.spent.push(Place(Station::Assembly, part.hidden("cancel")));
        self.write_beside(&mut moved, written)?;
        self.one(moved, part, to)
    }

    /// Writes sidecars aside, to be carried along; one of that name that is carried already gives way to it.
    fn write_beside(&self, moved: &mut Move, written: &[(String, Vec<u8>)]) -> Result<(), LineError> {
        let name = moved.to.1.strip_suffix(crate::PART_ENDING).unwrap_or(&moved.to.1).to_owned();
        for (ending, bytes) in written {
            let file = format!("{name}.{ending}");
            if ending.is_empty() || ending.contains(['/', '\0']) || file.ends_with(crate::PART_ENDING) {
                return Err(NameError::Stem(file).into());
            }
            let aside = Place(moved.to.0, format!(".{file}.tmp"));
            aw_disk::write_aside(&aside.path(&self.root), bytes)?;
            for (from, _) in moved.carry.extract_if(.., |(_, to)| to.1 == file) {
                moved.spent.push(from);
            }
            moved.carry.push((aside.clone(), Place(moved.to.0, file)));
            moved.made.push(aside);
        }
        Ok(())
    }

    /// assembly -> intake under the next retry mark; to rework when it was recovered `max_retries` times. For parts whose worker is
    /// dead: that is the caller's to know.
    ///
    /// # Errors
    /// As of [`Held::finish`].
    pub fn recover(&self, part: &PartName, max_retries: u32) -> Result<Recovered, LineError> {
        if part.retries() >= max_retries {
            let error = "crash recovery exhausted";
            let why = format!(
                "its worker died {} times while it was built; at most {max_retries} recoveries are made",
                part.retries() + 1
            );
            self.fail(part, &Failed { traceback: why, ..Failed::new(error) })?;
            return Ok(Recovered::Exhausted);
        }
        self.is_in(Station::Assembly, part)?;
        let again = part.with_retries(part.retries() + 1);
        let beside = sidecars(&self.names(Station::Assembly)?, part);
        let mut moved = bundle((Station::Assembly, part), (Station::Intake, &again), &beside);
        moved.lines.push(Entry::now(Outcome::Recovered { alloy: again.file(), retries: again.retries() }).line());
        moved.spent.push(Place(Station::Assembly, part.hidden("owner")));
        moved.spent.push(Place(Station::Assembly, part.hidden("cancel")));
        self.one(moved, part, Station::Intake)?;
        Ok(Recovered::Again(again))
    }

    /// Recovers every part of assembly whose worker is dead, in the order of names; what became of each. `own` is the worker that asks:
    /// it builds none now, so those that are marked as its are left over too.
    ///
    /// # Errors
    /// As of [`Held::recover`].
    pub fn recover_dead(&self, max_retries: u32, own: Option<&WorkerLock>) -> Result<Vec<(PartName, Recovered)>, LineError> {
        let mut recovered = Vec::new();
        for file in self.names(Station::Assembly)? {
            let Ok(part) = PartName::of_file(&file) else { continue };
            if !self.root.part(Station::Assembly, &part).symlink_metadata().is_ok_and(|meta| meta.is_file()) {
                continue;
            }
            let owner = OwnerMark::read(&self.root.station(Station::Assembly).join(part.hidden("owner")));
            let is_own = |owner: &OwnerMark| own.is_some_and(|own| owner.is(own));
            let is_alive = match owner {
                Some(owner) if !is_own(&owner) => owner.is_alive(&self.root)?,
                _ => false,
            };
            if !is_alive {
                let outcome = self.recover(&part, max_retries)?;
                recovered.push((part, outcome));
            }
        }
        Ok(recovered)
    }

    /// rework -> intake: the retry mark goes, the error stays as `<name>.error.<n>.json`. Returns the name it waits under.
    ///
    /// # Errors
    /// [`LineError::NotThere`] when the part is not in rework; [`LineError::Duplicate`] when one of its stem waits already.
    pub fn retry(&self, part: &PartName) -> Result<PartName, LineError> {
        self.is_in(Station::Rework, part)?;
        let again = part.with_retries(0);
        if let Some((station, file)) = self.elsewhere(part, Some(Station::Rework))? {
            return Err(LineError::Duplicate { part: again, station, file });
        }
        let beside = sidecars(&self.names(Station::Rework)?, part);
        let mut moved = bundle((Station::Rework, part), (Station::Intake, &again), &beside);
        let error = again.beside("error.json");
        if let Some(at) = moved.carry.iter().position(|(_, to)| to.1 == error) {
            let (from, mut to) = moved.carry.remove(at);
            to.1 = free_error(&again, |file| moved.carry.iter().any(|(_, to)| to.1 == file));
            moved.follow.push((from, to));
        }
        moved.lines.extend(self.missing_arrival(Station::Rework, part)?);
        moved.lines.push(Entry::now(Outcome::PromotedFromRework { alloy: again.file(), from: part.file() }).line());
        self.one(moved, part, Station::Intake)?;
        Ok(again)
    }

    /// intake -> deferred.
    ///
    /// # Errors
    /// [`LineError::NotThere`] when the part does not wait; [`LineError::Duplicate`] when one of its name is deferred already.
    pub fn defer(&self, part: &PartName, reason: Option<&str>) -> Result<(), LineError> {
        let outcome = Outcome::Deferred { alloy: part.file(), reason: reason.map(str::to_owned) };
        self.shift(part, Station::Intake, Station::Deferred, outcome)
    }

    /// deferred -> intake.
    ///
    /// # Errors
    /// [`LineError::NotThere`] when the part is not deferred; [`LineError::Duplicate`] when one of its name waits already.
    pub fn undefer(&self, part: &PartName, reason: Option<&str>) -> Result<(), LineError> {
        let outcome = Outcome::Undeferred { alloy: part.file(), reason: reason.map(str::to_owned) };
        self.shift(part, Station::Deferred, Station::Intake, outcome)
    }

    fn shift(&self, part: &PartName, from: Station, to: Station, outcome: Outcome) -> Result<(), LineError> {
        self.is_in(from, part)?;
        let mut moved = bundle((from, part), (to, part), &sidecars(&self.names(from)?, part));
        moved.lines.extend(self.missing_arrival(from, part)?);
        moved.lines.push(Entry::now(outcome).line());
        self.one(moved, part, to)
    }

    /// Takes a part that waits or is deferred off the line for good, with all beside it; asks the worker of one that is being built to
    /// stop, and the part goes to rework with the error `cancelled`.
    ///
    /// # Errors
    /// [`LineError::NotThere`] when it is in another station.
    pub fn cancel(&self, part: &PartName, reason: Option<&str>) -> Result<Cancelled, LineError> {
        let wanted = [Station::Intake, Station::Deferred, Station::Assembly];
        let (station, part) = self.find(&part.to_string(), &wanted)?;
        if station == Station::Assembly {
            put(&self.root.station(station).join(part.hidden("cancel")), reason.unwrap_or_default().as_bytes())?;
            return Ok(Cancelled::Asked);
        }
        let names = self.names(station)?;
        let hidden = Place(station, part.hidden("cancelled"));
        aw_disk::remove(&hidden.path(&self.root))?;
        let mut moved = bundle((station, &part), (station, &part), &[]);
        moved.to = hidden.clone();
        moved.lines.extend(self.missing_arrival(station, &part)?);
        let outcome = Outcome::Cancelled {
            alloy: part.file(),
            alloy_hash: hash_of(&self.root, station, &part)?,
            reason: reason.map(str::to_owned),
        };
        moved.lines.push(Entry::now(outcome).line());
        moved.spent = sidecars(&names, &part).into_iter().map(|file| Place(station, file)).collect();
        moved.spent.push(hidden);
        self.perform(vec![moved], false)?;
        Ok(Cancelled::Removed)
    }

    /// Puts something that was refused into rework as a part of its own, `<stem>.<word><n>`, with its error. Returns its name.
    ///
    /// # Errors
    /// When the disk would not, or the name would be none.
    pub fn refuse(&self, stem: &str, word: &str, bytes: &[u8], failed: &Failed) -> Result<PartName, LineError> {
        let all = Station::ALL.into_iter().map(|station| self.names(station)).collect::<Result<Vec<_>, _>>()?;
        let name = free_name(stem, word, |name| all.iter().all(|names| same_stem(names, name).is_none()))?;
        let from = Place(Station::Rework, format!(".{}.{}.tmp", name.file(), aw_disk::unique()));
        aw_disk::write_aside(&from.path(&self.root), bytes)?;
        let mut moved = bundle((Station::Rework, &name), (Station::Rework, &name), &[]);
        moved.made.push(from.clone());
        moved.from = from;
        self.enter_rework(moved, &name, failed)?;
        Ok(name)
    }

    /// The parts in rework that [`Held::refuse`] made of a stem and a word, by name.
    ///
    /// # Errors
    /// When rework cannot be listed, or the stem is none.
    pub fn refused(&self, stem: &str, word: &str) -> Result<Vec<PartName>, LineError> {
        let begin = format!("{}.{word}", cut(stem, word)?);
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let of_it = |part: &PartName| part.stem().strip_prefix(&begin).is_some_and(is_number);
        Ok(self.names(Station::Rework)?.iter().filter_map(|file| PartName::of_file(file).ok()).filter(of_it).collect())
    }

    /// Takes a part whose stem is on the line already out of intake, with the files beside it, into rework under a name of its own.
    pub(crate) fn refuse_duplicate(
        &self,
        part: &PartName,
        beside: &[String],
        is_free: impl Fn(&PartName) -> bool,
        failed: &Failed,
    ) -> Result<PartName, LineError> {
        let name = free_name(part.stem(), "duplicate", is_free)?;
        let moved = bundle((Station::Intake, part), (Station::Rework, &name), beside);
        self.enter_rework(moved, &name, failed)?;
        Ok(name)
    }

    fn enter_rework(&self, mut moved: Move, name: &PartName, failed: &Failed) -> Result<(), LineError> {
        self.write_beside(&mut moved, &failed.sidecars)?;
        self.write_beside(&mut moved, &[("error.json".to_owned(), error_file(name, failed))])?;
        let outcome =
            Outcome::Rework { alloy: name.file(), error: failed.error.clone(), retries: 0, stage: failed.stage.clone() };
        moved.lines.push(Entry::now(outcome).line());
        self.one(moved, name, Station::Rework)
    }

    fn one(&self, moved: Move, part: &PartName, to: Station) -> Result<(), LineError> {
        self.clear_way(&moved)?;
        let file = moved.to.1.clone();
        match self.perform(vec![moved], false)?[..] {
            [true] => Ok(()),
            _ => Err(LineError::Duplicate { part: part.clone(), station: to, file }),
        }
    }

    /// Files that stand where a part's own will go, without a part, are set aside under another name; they go along from then on.
    pub(crate) fn clear_way(&self, moved: &Move) -> Result<(), LineError> {
        for (_, to) in moved.carry.iter().chain(&moved.follow) {
            let path = to.path(&self.root);
            if path.symlink_metadata().is_err() {
                continue;
            }
            for n in 1u32.. {
                if aw_disk::rename_new(&path, &self.root.station(to.0).join(format!("{}.old{n}", to.1)))? {
                    break;
                }
            }
        }
        Ok(())
    }

    fn is_in(&self, station: Station, part: &PartName) -> Result<(), LineError> {
        match self.root.part(station, part).symlink_metadata() {
            Ok(meta) if meta.is_file() => Ok(()),
            _ => Err(LineError::NotThere { name: part.to_string(), wanted: vec![station] }),
        }
    }

    /// The line of a part's arrival, when the log has none: a producer from outside writes none.
    fn missing_arrival(&self, station: Station, part: &PartName) -> Result<Option<String>, LineError> {
        let mut on_line = false;
        self.root.throughput().read(0, |line| {
            if let crate::log::Line::Known(entry) = line
                && let Some((file, place)) = entry.outcome.placed()
                && PartName::of_file(file).is_ok_and(|found| found.stem() == part.stem())
            {
                on_line = place.is_some();
            }
        })?;
        if on_line { Ok(None) } else { self.arrival(station, part).map(Some) }
    }
}

/// `<name>.error.<n>.json`, the first that is not taken.
pub(crate) fn free_error(part: &PartName, taken: impl Fn(&str) -> bool) -> String {
    let mut n = 1u32;
    loop {
        let file = part.beside(&format!("error.{n}.json"));
        if !taken(&file) {
            return file;
        }
        n += 1;
    }
}

/// `<stem>.<word><n>`, the first that is free.
fn free_name(stem: &str, word: &str, is_free: impl Fn(&PartName) -> bool) -> Result<PartName, LineError> {
    let stem = cut(stem, word)?;
    for n in 1u32.. {
        let name = PartName::new(&format!("{stem}.{word}{n}"))?;
        if is_free(&name) {
            return Ok(name);
        }
    }
    unreachable!("a line does not hold 2^32 parts of one stem")
}

/// As much of a stem as leaves room for a word and a number: the whole must stay a name.
fn cut<'s>(stem: &'s str, word: &str) -> Result<&'s str, LineError> {
    PartName::new(stem)?;
    Ok(&stem[..stem.len().min(crate::STEM_BYTES_MAX - word.len() - 12)])
}

pub(crate) fn hash_of(root: &Root, station: Station, part: &PartName) -> Result<String, LineError> {
    let path = root.part(station, part);
    let limit = PART_BYTES_MAX;
    // One that is too long fails when it is taken; it has no hash worth reading it for.
    match aw_disk::read(&path, limit) {
        Ok(bytes) => Ok(Digest::of(&bytes.unwrap_or_default()).to_string()),
        Err(error) if error.source.kind() == std::io::ErrorKind::FileTooLarge => Ok(String::new()),
        Err(error) => Err(error.into()),
    }
}

fn error_file(part: &PartName, failed: &Failed) -> Vec<u8> {
    let mut error = json!({
        "failed_at": clock::now(),
        "error": failed.error,
        "traceback": failed.traceback,
        "retries": part.retries(),
    });
    if let Some(stage) = &failed.stage {
        error["stage"] = stage.clone().into();
    }
    pretty(&error)
}

fn pretty(value: &Value) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(value).expect("a value is always JSON");
    text.push(b'\n');
    text
}

/// Writes a small file of the line's own, whole. Not synced: it means nothing once its writer is gone.
fn put(path: &std::path::Path, bytes: &[u8]) -> aw_disk::Disk<()> {
    use aw_disk::At as _;
    use std::io::Write as _;
    let aside = path.with_extension("tmp");
    aw_disk::remove(&aside)?;
    aw_disk::create_new(&aside)?.write_all(bytes).at("write", &aside)?;
    aw_disk::rename(&aside, path)
}
