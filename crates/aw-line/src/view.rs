//! The stations as a worker knows them: read once, then kept up with what the system tells of changes, so that taking a part costs the
//! same from a hundred as from a hundred thousand.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::Metadata;
use std::path::PathBuf;
use std::time::SystemTime;

use crate::held::{same_stem, sidecars};
use crate::listing::part_of;
use crate::watch::{Changes, Watch};
use crate::{LineError, Oddity, PART_ENDING, PartName, Root, Station};

/// Every file of every station, and the order of intake.
#[derive(Debug)]
pub(crate) struct View {
    root: Root,
    watch: Watch,
    stations: BTreeMap<Station, BTreeSet<String>>,
    order: BTreeSet<(SystemTime, PartName)>,
    times: BTreeMap<String, SystemTime>,
    arrived: BTreeSet<PartName>,
    told: BTreeSet<PathBuf>,
    oddities: Vec<Oddity>,
}

impl View {
    /// Looks at everything.
    pub(crate) fn open(root: &Root) -> Result<Self, LineError> {
        let mut view = Self {
            root: root.clone(),
            // Watched before it is looked at: what comes between is seen twice, not missed.
            watch: Watch::open(root),
            stations: BTreeMap::new(),
            order: BTreeSet::new(),
            times: BTreeMap::new(),
            arrived: BTreeSet::new(),
            told: BTreeSet::new(),
            oddities: Vec::new(),
        };
        view.look()?;
        Ok(view)
    }

    /// Learns what changed.
    pub(crate) fn catch_up(&mut self) -> Result<(), LineError> {
        match self.watch.changes()? {
            Changes::Some(changes) => changes.into_iter().for_each(|(station, file)| self.see(station, file)),
            Changes::Unknown => self.look()?,
        }
        Ok(())
    }

    pub(crate) const fn watch(&self) -> &Watch {
        &self.watch
    }

    fn look(&mut self) -> Result<(), LineError> {
        let mut gone = std::mem::take(&mut self.times);
        self.order.clear();
        for station in Station::ALL {
            let names = crate::held::names(&self.root, station)?;
            if station == Station::Intake {
                for file in names.iter().filter(|file| file.ends_with(PART_ENDING) && !file.starts_with('.')) {
                    let is_new = gone.remove(file).is_none();
                    self.see_waiting(file, is_new);
                }
            }
            self.stations.insert(station, names.into_iter().filter(|file| !file.starts_with('.')).collect());
        }
        for file in gone.keys() {
            if let Ok(name) = PartName::of_file(file) {
                self.arrived.remove(&name);
            }
        }
        Ok(())
    }

    fn see(&mut self, station: Station, file: String) {
        if file.starts_with('.') {
            return;
        }
        let is_there = self.root.station(station).join(&file).symlink_metadata().is_ok();
        if station == Station::Intake && file.ends_with(PART_ENDING) {
            let before = self.times.remove(&file);
            if let (Some(time), Ok(name)) = (before, PartName::of_file(&file)) {
                self.order.remove(&(time, name));
            }
            self.see_waiting(&file, before.is_none());
        }
        let names = self.stations.entry(station).or_default();
        if is_there {
            names.insert(file);
        } else {
            names.remove(&file);
        }
    }

    /// Takes a file of intake into the order, when it is a part.
    fn see_waiting(&mut self, file: &str, is_new: bool) {
        let path = self.root.station(Station::Intake).join(file);
        let Ok(meta) = path.symlink_metadata() else {
            if let Ok(name) = PartName::of_file(file) {
                self.arrived.remove(&name);
            }
            return;
        };
        match (part_of(file, &meta), modified(&meta)) {
            (Ok(name), time) => {
                self.order.insert((time, name.clone()));
                self.times.insert(file.to_owned(), time);
                if is_new {
                    self.arrived.insert(name);
                }
            }
            (Err(reason), _) => {
                if self.told.insert(path.clone()) {
                    self.oddities.push(Oddity::new(path, reason));
                }
            }
        }
    }

    /// The waiting parts, in the order they are to be taken.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = (SystemTime, &PartName)> {
        self.order.iter().map(|(time, name)| (*time, name))
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Parts that were not there when this was asked before.
    pub(crate) fn take_arrived(&mut self) -> BTreeSet<PartName> {
        std::mem::take(&mut self.arrived)
    }

    /// What is no part, told once.
    pub(crate) fn take_oddities(&mut self) -> Vec<Oddity> {
        std::mem::take(&mut self.oddities)
    }

    /// Files beside a waiting part.
    pub(crate) fn beside(&self, part: &PartName) -> Vec<String> {
        self.stations.get(&Station::Intake).map(|names| sidecars(names, part)).unwrap_or_default()
    }

    /// Where a part with the stem of a waiting one stands too.
    pub(crate) fn elsewhere(&self, part: &PartName) -> Option<(Station, String)> {
        let own = part.file();
        self.stations.iter().find_map(|(station, names)| {
            if *station == Station::Intake {
                // Two of one stem in intake: the first by name is the part.
                let other = same_stem(names, part)?;
                return (other < own).then_some((*station, other));
            }
            same_stem(names, part).map(|file| (*station, file))
        })
    }

    /// Whether no part of the line has that stem.
    pub(crate) fn is_free(&self, part: &PartName) -> bool {
        self.stations.values().all(|names| same_stem(names, part).is_none())
    }

    /// Whether anything stands in assembly.
    pub(crate) fn builds(&self) -> bool {
        self.stations.get(&Station::Assembly).is_some_and(|names| names.iter().any(|file| file.ends_with(PART_ENDING)))
    }
}

fn modified(meta: &Metadata) -> SystemTime {
    meta.modified().unwrap_or(SystemTime::UNIX_EPOCH)
}
