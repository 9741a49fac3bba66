//! Putting parts on the line. Foundry and line, sections 3.3 and 3.11.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use aw_alloy::digest::Digest;
use serde::{Deserialize, Serialize};

use crate::held::{names, same_stem};
use crate::intent::{Move, Place};
use crate::log::{Entry, Outcome};
use crate::{LineError, PartName, Root, Station};

/// Most bytes of a part.
pub const PART_BYTES_MAX: u64 = 16 << 20;
/// Parts that are put on the line under one holding of the lock.
const AT_ONCE: usize = 1000;

/// Where a part came from: the sidecar `<name>.origin.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The recipe's file as it was named.
    pub recipe: String,
    /// The folder that its relative paths start from.
    pub folder: PathBuf,
    /// SHA-256 of the recipe's bytes.
    pub sha256: Digest,
    /// What else is said of it, such as what it was expected to take.
    #[serde(flatten)]
    pub more: serde_json::Map<String, serde_json::Value>,
}

/// A part that is to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPart {
    /// What it is called. A retry mark is refused.
    pub name: PartName,
    /// The recipe as JSON.
    pub bytes: Vec<u8>,
    /// Where it came from.
    pub origin: Option<Origin>,
}

/// Where in the order new parts go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Turn {
    /// After all that wait.
    #[default]
    Last,
    /// Before all that wait.
    First,
}

/// A part written aside, ready to be renamed.
struct Aside<'p> {
    part: &'p NewPart,
    moved: Move,
}

impl Root {
    /// Puts parts on the line, in their order, and returns what became of each. Those that are on the line are on the disk. Much
    /// quicker than one by one: the disk waits for all of them together.
    ///
    /// # Errors
    /// Of all, when the disk would not; parts that had arrived by then stay and are in the log. Of one, [`LineError::Duplicate`] when
    /// a part of that stem is anywhere on the line or comes earlier in `parts`, [`LineError::BadPart`] when it is no JSON object, has
    /// a retry mark or is longer than [`PART_BYTES_MAX`].
    pub fn enqueue(&self, parts: &[NewPart], turn: Turn) -> Result<Vec<Result<(), LineError>>, LineError> {
        let mut outcomes = Vec::with_capacity(parts.len());
        // The last of several that go first must be put there first.
        let chunks: Vec<&[NewPart]> = parts.chunks(AT_ONCE).collect();
        if turn == Turn::First {
            let mut backwards = Vec::new();
            for chunk in chunks.into_iter().rev() {
                backwards.push(self.enqueue_chunk(chunk, turn)?);
            }
            outcomes.extend(backwards.into_iter().rev().flatten());
        } else {
            for chunk in chunks {
                outcomes.extend(self.enqueue_chunk(chunk, turn)?);
            }
        }
        Ok(outcomes)
    }

    fn enqueue_chunk(&self, parts: &[NewPart], turn: Turn) -> Result<Vec<Result<(), LineError>>, LineError> {
        let mut outcomes: Vec<Result<(), LineError>> = parts.iter().map(|part| check(self, part)).collect();
        let good: Vec<(usize, &NewPart)> = parts.iter().enumerate().filter(|(at, _)| outcomes[*at].is_ok()).collect();
        let now = SystemTime::now();
        let times: Vec<(usize, &NewPart, SystemTime)> =
            good.into_iter().map(|(at, part)| (at, part, now + Duration::from_micros(u64::try_from(at).unwrap_or(0)))).collect();
        // Written all, then synced all: the disk waits for them together.
        let written = times
            .iter()
            .map(|(at, part, time)| put_aside(self, part, *time).map(|aside| (*at, aside)))
            .collect::<aw_disk::Disk<Vec<_>>>()
            .and_then(|asides| {
                let paths: Vec<PathBuf> =
                    asides.iter().flat_map(|(_, aside)| &aside.moved.made).map(|place| place.path(self)).collect();
                aw_disk::sync_at_once(&paths.iter().map(PathBuf::as_path).collect::<Vec<_>>()).map(|()| asides)
            });
        let asides = match written {
            Ok(asides) => asides,
            Err(error) => {
                self.clear_own_asides(parts);
                return Err(error.into());
            }
        };
        let outcome = self.rename_in(asides, turn, &mut outcomes);
        if outcome.is_err() {
            self.clear_own_asides(parts);
        }
        outcome.map(|()| outcomes)
    }

    fn rename_in(
        &self,
        asides: Vec<(usize, Aside<'_>)>,
        turn: Turn,
        outcomes: &mut [Result<(), LineError>],
    ) -> Result<(), LineError> {
        let held = self.hold()?;
        let all: Vec<(Station, BTreeSet<String>)> =
            Station::ALL.into_iter().map(|station| Ok((station, names(self, station)?))).collect::<Result<_, LineError>>()?;
        let mut coming = BTreeMap::new();
        let mut moves = Vec::new();
        let mut refused = Vec::new();
        for (at, aside) in asides {
            let name = &aside.part.name;
            let there = all.iter().find_map(|(station, names)| same_stem(names, name).map(|file| (*station, file)));
            let there = there.or_else(|| coming.get(name.stem()).map(|()| (Station::Intake, name.file())));
            if let Some((station, file)) = there {
                outcomes[at] = Err(LineError::Duplicate { part: name.clone(), station, file });
                refused.extend(aside.moved.made);
            } else {
                coming.insert(name.stem().to_owned(), ());
                moves.push((at, aside.moved));
            }
        }
        if turn == Turn::First {
            self.time_before_all(&moves)?;
        }
        let (places, moves): (Vec<usize>, Vec<Move>) = moves.into_iter().unzip();
        let named: Vec<(usize, Place)> = places.into_iter().zip(moves.iter().map(|moved| moved.to.clone())).collect();
        moves.iter().try_for_each(|next| held.clear_way(next))?;
        if !moves.is_empty() {
            let moved = held.perform(moves, false)?;
            // Somebody outside renamed one of that name in, between our look and our rename.
            for ((at, to), _) in named.into_iter().zip(moved).filter(|(_, moved)| !moved) {
                let part = PartName::of_file(&to.1)?;
                outcomes[at] = Err(LineError::Duplicate { part, station: Station::Intake, file: to.1 });
            }
        }
        Ok(refused.iter().try_for_each(|place| aw_disk::remove_file(&place.path(self)))?)
    }

    fn time_before_all(&self, moves: &[(usize, Move)]) -> Result<(), LineError> {
        let first = crate::order::waiting(self)?.first().map_or_else(SystemTime::now, |(time, _)| *time);
        let count = u32::try_from(moves.len()).unwrap_or(u32::MAX);
        let begin = first - Duration::from_micros(1) * count;
        for ((_, moved), at) in moves.iter().zip(0u32..) {
            aw_disk::set_modified(&moved.from.path(self), begin + Duration::from_micros(1) * at)?;
        }
        Ok(())
    }

    /// After a failure, what this process wrote aside goes; a failure to do that adds nothing to the first.
    fn clear_own_asides(&self, parts: &[NewPart]) {
        for part in parts {
            for file in [aside_name(&part.name), aside_origin(&part.name)] {
                let _ = aw_disk::remove_file(&self.station(Station::Intake).join(file));
            }
        }
    }
}

fn check(root: &Root, part: &NewPart) -> Result<(), LineError> {
    let bad = |reason: String| LineError::BadPart { path: root.part(Station::Intake, &part.name), reason };
    if part.name.retries() > 0 {
        return Err(bad("the retry mark is the line's own; a new part has none".to_owned()));
    }
    if part.bytes.len() as u64 > PART_BYTES_MAX {
        return Err(bad(format!("it has {} bytes, and at most {PART_BYTES_MAX} are taken", part.bytes.len())));
    }
    is_object(&part.bytes).map_err(bad)
}

/// Whether bytes are a JSON object; why not, with line and column.
pub(crate) fn is_object(bytes: &[u8]) -> Result<(), String> {
    match serde_json::from_slice::<BTreeMap<String, serde::de::IgnoredAny>>(bytes) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("it is no JSON object: {error}")),
    }
}

fn aside_name(part: &PartName) -> String {
    format!(".{part}.{}.tmp", std::process::id())
}

fn aside_origin(part: &PartName) -> String {
    format!(".{part}.origin.json.{}.tmp", std::process::id())
}

fn put_aside<'p>(root: &Root, part: &'p NewPart, time: SystemTime) -> aw_disk::Disk<Aside<'p>> {
    let place = |file: String| Place(Station::Intake, file);
    let from = place(aside_name(&part.name));
    let mut made = vec![from.clone()];
    let mut carry = Vec::new();
    if let Some(origin) = &part.origin {
        let aside = place(aside_origin(&part.name));
        let text = serde_json::to_vec(origin).expect("paths that are no UTF-8 were refused before");
        aw_disk::put_aside(&aside.path(root), &text)?;
        carry.push((aside.clone(), place(part.name.beside("origin.json"))));
        made.push(aside);
    }
    let path = from.path(root);
    aw_disk::put_aside(&path, &part.bytes)?;
    aw_disk::set_modified(&path, time)?;
    let line = Entry::now(Outcome::Enqueued { alloy: part.name.file(), alloy_hash: Digest::of(&part.bytes).to_string() }).line();
    let to = place(part.name.file());
    Ok(Aside { part, moved: Move { from, to, carry, follow: Vec::new(), made, spent: Vec::new(), lines: vec![line] } })
}
