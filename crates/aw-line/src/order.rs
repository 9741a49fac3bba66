//! The order of waiting parts: by modification time, ties by name. Foundry and line, section 3.3.

use std::time::{Duration, SystemTime};

use aw_disk::At;

use crate::held::{Held, names};
use crate::{LineError, PartName, Root, Station};

/// Where a waiting part is to go in the order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Position {
    /// Before all others.
    First,
    /// After all others.
    Last,
    /// Just before that one.
    Before(PartName),
    /// Just after that one.
    After(PartName),
}

/// The parts of intake in the order they will be taken.
///
/// # Errors
/// When intake cannot be listed.
pub fn waiting(root: &Root) -> Result<Vec<(SystemTime, PartName)>, LineError> {
    let mut waiting = Vec::new();
    for file in names(root, Station::Intake)? {
        let Ok(name) = PartName::of_file(&file) else { continue };
        let path = root.part(Station::Intake, &name);
        // Taken by a worker meanwhile.
        let Ok(meta) = path.symlink_metadata() else { continue };
        if meta.is_file() {
            waiting.push((meta.modified().at("look at", &path)?, name));
        }
    }
    waiting.sort();
    Ok(waiting)
}

impl Held {
    /// Gives a waiting part another place in the order, by its modification time. Others move only where there is no time between
    /// two neighbours.
    ///
    /// # Errors
    /// [`LineError::NotThere`] when it, or the one it should stand beside, does not wait.
    pub fn reorder(&self, part: &PartName, position: &Position) -> Result<(), LineError> {
        let mut order = waiting(&self.root)?;
        let not_there = |part: &PartName| LineError::NotThere { name: part.to_string(), wanted: vec![Station::Intake] };
        let at = order.iter().position(|(_, name)| name == part).ok_or_else(|| not_there(part))?;
        order.remove(at);
        let place = |other: &PartName| order.iter().position(|(_, name)| name == other).ok_or_else(|| not_there(other));
        let to = match position {
            Position::First => 0,
            Position::Last => order.len(),
            Position::Before(other) | Position::After(other) if other == part => return Ok(()),
            Position::Before(other) => place(other)?,
            Position::After(other) => place(other)? + 1,
        };
        let step = Duration::from_micros(1);
        let before = to.checked_sub(1).map(|at| order[at].0);
        let time = match (before, order.get(to).map(|(time, _)| *time)) {
            (None, None) => SystemTime::now(),
            (None, Some(after)) => after - step,
            (Some(before), None) => SystemTime::now().max(before + step),
            (Some(before), Some(after)) => {
                let between = after.duration_since(before).unwrap_or_default() / 2;
                before + if between.is_zero() { Duration::from_nanos(1) } else { between }
            }
        };
        let set = |name: &PartName, time| aw_disk::set_modified(&self.root.part(Station::Intake, name), time);
        set(part, time)?;
        // Those behind give way as far as they stand no later.
        let mut last = time;
        for (time, name) in &order[to..] {
            if *time > last {
                break;
            }
            last += Duration::from_nanos(1);
            set(name, last)?;
        }
        Ok(aw_disk::sync_dir(&self.root.station(Station::Intake))?)
    }
}
