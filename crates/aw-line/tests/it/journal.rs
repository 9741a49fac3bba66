//! A journal of what was done to the disk and not synced yet, over all processes, and the power cut that takes it back.
//!
//! What a power cut may lose: names made, changed or removed since the last sync of their folder, the newest first, as far back as chance
//! has it (file systems commit names in order); and bytes written since the last sync of their file, for each file by chance. What was
//! replaced or removed is kept by a hard link until it is settled.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use aw_disk::Step;
use serde::{Deserialize, Serialize};

/// Numbers that look random, from a seed.
pub struct Chance(pub u64);

impl Chance {
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % end
    }
}

#[derive(Serialize, Deserialize)]
enum Note {
    Create(PathBuf),
    /// With how long it was, and what was in it when that is short.
    Write(PathBuf, u64, Option<Vec<u8>>),
    Sync(PathBuf, u32),
    Synced(PathBuf, u32),
    /// With where that is kept which it replaces.
    Rename(PathBuf, PathBuf, Option<PathBuf>),
    Remove(PathBuf, Option<PathBuf>),
}

/// A hook that journals into a folder; `before` sees every change first and may end it.
pub fn journalling<B: Fn(usize, &Step<'_>) -> io::Result<()>>(
    folder: &Path,
    before: B,
) -> impl Fn(Step<'_>) -> io::Result<()> + use<B> {
    let (folder, steps) = (folder.to_owned(), AtomicUsize::new(0));
    let file = fs::File::options().create(true).append(true).open(folder.join("journal")).unwrap();
    let pid = std::process::id();
    move |step| {
        let is_change = !matches!(step, Step::Synced(_) | Step::Renamed(..));
        let number = if is_change { steps.fetch_add(1, Ordering::SeqCst) } else { 0 };
        if is_change {
            before(number, &step)?;
        }
        let keep = |path: &Path| {
            let kept = folder.join(format!("kept-{pid}-{number}"));
            fs::hard_link(path, &kept).is_ok().then_some(kept)
        };
        let note = match step {
            Step::Create(path) => Note::Create(path.into()),
            Step::Write(path) => {
                let length = fs::metadata(path).map_or(0, |meta| meta.len());
                Note::Write(path.into(), length, (length < 4096).then(|| fs::read(path).unwrap_or_default()))
            }
            Step::Sync(path) => Note::Sync(path.into(), pid),
            Step::Synced(path) => Note::Synced(path.into(), pid),
            Step::Rename(from, to) => Note::Rename(from.into(), to.into(), keep(to)),
            Step::Remove(path) => Note::Remove(path.into(), keep(path)),
            Step::Renamed(..) => return Ok(()),
        };
        let mut line = serde_json::to_vec(&note).unwrap();
        line.push(b'\n');
        (&file).write_all(&line)
    }
}

/// Takes back what was not synced. Nobody may be at work. Returns how many names and how many files it changed.
pub fn cut_power(folder: &Path, chance: &mut Chance) -> (usize, usize) {
    let text = fs::read(folder.join("journal")).unwrap_or_default();
    let parsed = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    // A process may have been killed while it wrote a line.
    let notes: Vec<Note> = parsed.filter_map(|line| serde_json::from_slice(line).ok()).collect();
    // The beginning of the last sync that ended, of every file and folder.
    let (mut begun, mut synced) = (BTreeMap::new(), BTreeMap::new());
    for (at, note) in notes.iter().enumerate() {
        match note {
            Note::Sync(path, pid) => drop(begun.insert((path, pid), at)),
            Note::Synced(path, pid) => drop(begun.get(&(path, pid)).map(|begun| synced.insert(path.clone(), *begun))),
            _ => {}
        }
    }
    let lasts = |at: usize, path: &Path| synced.get(path.parent().unwrap()).is_some_and(|begun| *begun > at);
    let mut dirty: BTreeMap<PathBuf, (u64, Option<Vec<u8>>)> = BTreeMap::new();
    let mut names = Vec::new();
    for (at, note) in notes.iter().enumerate() {
        match note {
            Note::Create(path) if !lasts(at, path) => names.push(note),
            Note::Remove(path, _) if !lasts(at, path) => names.push(note),
            Note::Rename(from, to, _) => {
                if !lasts(at, from) && !lasts(at, to) {
                    names.push(note);
                }
                if let Some(state) = dirty.remove(from) {
                    dirty.insert(to.clone(), state);
                }
            }
            Note::Write(path, length, bytes) => drop(dirty.entry(path.clone()).or_insert((*length, bytes.clone()))),
            Note::Synced(path, _) => drop(dirty.remove(path)),
            _ => {}
        }
    }
    let mut files = 0;
    for (path, (length, bytes)) in dirty.into_iter().filter(|(path, _)| path.is_file()) {
        files += 1;
        match (chance.below(4), bytes) {
            (0, Some(bytes)) => fs::write(&path, bytes).unwrap(),
            (0 | 1, _) => {
                let now = fs::metadata(&path).unwrap().len();
                let middle = length.min(now) + chance.below(now.saturating_sub(length) + 1);
                fs::File::options().write(true).open(&path).unwrap().set_len(middle).unwrap();
            }
            _ => files -= 1,
        }
    }
    let undone = chance.below(names.len() as u64 + 1) as usize;
    for note in names.iter().rev().take(undone) {
        match note {
            Note::Create(path) if path.symlink_metadata().is_ok_and(|meta| meta.is_file()) => fs::remove_file(path).unwrap(),
            Note::Rename(from, to, kept) if to.symlink_metadata().is_ok() && from.symlink_metadata().is_err() => {
                fs::rename(to, from).unwrap();
                if let Some(kept) = kept {
                    fs::rename(kept, to).unwrap();
                }
            }
            Note::Remove(path, Some(kept)) if path.symlink_metadata().is_err() => fs::rename(kept, path).unwrap(),
            _ => {}
        }
    }
    for entry in fs::read_dir(folder).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    (undone, files)
}

/// Whether a line is as it must be after everything was put in order: each part in one station with what belongs to it, nothing left
/// of a transition, and the log saying what is there, each arrival and each end of a part once.
pub fn judge(root: &aw_line::Root) -> BTreeMap<String, aw_line::Station> {
    use aw_line::{Line, Outcome, PartName, Station};
    assert_eq!(root.duplicates().unwrap(), []);
    let mut parts = BTreeMap::new();
    for station in Station::ALL {
        let listing = root.list(station).unwrap();
        for part in &listing.parts {
            parts.insert(part.name.stem().to_owned(), (station, part.name.clone()));
            let wanted = match station {
                Station::Finished => "result.json",
                Station::Rework => "error.json",
                _ => continue,
            };
            let text = fs::read(root.station(station).join(part.name.beside(wanted)));
            let text = text.unwrap_or_else(|_| panic!("{station}/{} has no {wanted}", part.name));
            serde_json::from_slice::<serde_json::Value>(&text).unwrap();
        }
        for odd in listing.oddities {
            // Where the part was never promised, what came before it may have stayed.
            let file = odd.path.file_name().unwrap().to_str().unwrap();
            let early = station == Station::Intake && file.ends_with(".origin.json");
            assert!(early || file.contains("garbage"), "{odd:?}");
        }
        for entry in fs::read_dir(root.station(station)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let is_owned = station == Station::Assembly && name.ends_with(".owner");
            assert!(!name.starts_with('.') || name.ends_with(".tmp") || is_owned, "{station}/{name} was left");
        }
    }
    let mut log: BTreeMap<String, Vec<Outcome>> = BTreeMap::new();
    root.throughput()
        .read(0, |line| match line {
            Line::Known(entry) => {
                let file = entry.outcome.placed().unwrap().0;
                log.entry(PartName::of_file(file).unwrap().stem().to_owned()).or_default().push(entry.outcome);
            }
            other => panic!("{other:?}"),
        })
        .unwrap();
    for (stem, (station, name)) in &parts {
        let outcomes = log.get(stem).unwrap_or_else(|| panic!("{station}/{name} is not in the log"));
        assert_eq!(outcomes.last().unwrap().placed().unwrap(), (name.file().as_str(), Some(*station)), "{outcomes:?}");
        let count = |is: fn(&Outcome) -> bool| outcomes.iter().filter(|outcome| is(outcome)).count();
        assert_eq!(count(|outcome| matches!(outcome, Outcome::Enqueued { .. })), 1, "{outcomes:?}");
        assert!(count(|outcome| matches!(outcome, Outcome::Finished { .. })) <= 1, "{outcomes:?}");
    }
    let lost: BTreeSet<&String> = log
        .iter()
        .filter(|(stem, outcomes)| !parts.contains_key(*stem) && outcomes.last().unwrap().placed().unwrap().1.is_some())
        .map(|(stem, _)| stem)
        .collect();
    assert!(lost.is_empty(), "in the log and nowhere else: {lost:?}");
    parts.into_iter().map(|(stem, (station, _))| (stem, station)).collect()
}
