//! The folder of a line and where everything is in it. Foundry and line, section 3.

use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use aw_disk::At;

use crate::{LineError, PartName, Station};

/// The folder of one line.
///
/// ```text
/// <root>/factory_node.toml
/// <root>/line/{intake,assembly,finished,rework,deferred}/
/// <root>/line/.lock  .worker.pid  .heartbeat.json  throughput.jsonl
/// <root>/work/<stem>/
/// <root>/calibration/
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    folder: PathBuf,
}

impl Root {
    /// Makes the folders of a line; those that are there stay. Everything is on the disk when this returns.
    ///
    /// # Errors
    /// When a folder cannot be made or something else is in its place.
    pub fn init(folder: impl Into<PathBuf>) -> Result<Self, LineError> {
        let root = Self { folder: folder.into() };
        for station in Station::ALL {
            aw_disk::ensure_dir(&root.station(station))?;
        }
        aw_disk::ensure_dir(&root.folder.join("work"))?;
        aw_disk::ensure_dir(&root.calibration())?;
        Self::open(root.folder)
    }

    /// Opens a line that is there.
    ///
    /// # Errors
    /// [`LineError::NoRoot`] when a station is missing, is no folder of its own, or lies on another file system.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, LineError> {
        let root = Self { folder: folder.into() };
        let no_root = |reason: String| LineError::NoRoot { folder: root.folder.clone(), reason };
        let line = root.line().symlink_metadata().map_err(|error| no_root(format!("`line`: {error}")))?;
        for station in Station::ALL {
            match root.station(station).symlink_metadata() {
                Err(error) => return Err(no_root(format!("`line/{station}`: {error}"))),
                Ok(meta) if !meta.is_dir() => return Err(no_root(format!("`line/{station}` is no folder"))),
                Ok(meta) if meta.dev() != line.dev() => {
                    return Err(no_root(format!("`line/{station}` is on another file system, and parts move by renaming")));
                }
                Ok(_) => {}
            }
        }
        Ok(root)
    }

    /// The folder itself.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder of the stations.
    pub fn line(&self) -> PathBuf {
        self.folder.join("line")
    }

    /// The folder of a station.
    pub fn station(&self, station: Station) -> PathBuf {
        self.folder.join("line").join(station.name())
    }

    /// The file of a part in a station.
    pub fn part(&self, station: Station, part: &PartName) -> PathBuf {
        self.station(station).join(part.file())
    }

    /// Where a part is built; the same however often it is recovered.
    pub fn work(&self, part: &PartName) -> PathBuf {
        self.folder.join("work").join(part.stem())
    }

    /// Where the finished artifact of a part lies, relative to the root.
    pub fn artifact(part: &PartName) -> String {
        format!("work/{}/artifact", part.stem())
    }

    /// Corpora that parts name.
    pub fn calibration(&self) -> PathBuf {
        self.folder.join("calibration")
    }

    /// What the node says of itself.
    pub fn node_file(&self) -> PathBuf {
        self.folder.join("factory_node.toml")
    }

    /// What happened, a line each.
    pub fn log(&self) -> PathBuf {
        self.folder.join("line/throughput.jsonl")
    }

    /// The file that is locked while a part changes its station.
    pub(crate) fn lock_file(&self) -> PathBuf {
        self.folder.join("line/.lock")
    }

    /// The file a worker holds locked while it lives.
    pub fn pid_file(&self, worker: &WorkerName) -> PathBuf {
        self.line().join(match &worker.0 {
            None => ".worker.pid".to_owned(),
            Some(name) => format!(".worker.{name}.pid"),
        })
    }

    /// The file in which a worker says how it is.
    pub fn heartbeat_file(&self, worker: &WorkerName) -> PathBuf {
        self.line().join(match &worker.0 {
            None => ".heartbeat.json".to_owned(),
            Some(name) => format!(".heartbeat.{name}.json"),
        })
    }

    /// Every worker that has a file here, alive or dead, by name; the one without a name first.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub fn workers(&self) -> Result<Vec<WorkerName>, LineError> {
        let mut found = Vec::new();
        for path in aw_disk::list(&self.line())? {
            let Some(file) = path.file_name().and_then(|name| name.to_str()) else { continue };
            let middle = |first: &str, last: &str| Some(file.strip_prefix(first)?.strip_suffix(last)?.to_owned());
            let Some(name) = middle(".worker", ".pid").or_else(|| middle(".heartbeat", ".json")) else { continue };
            let name = if name.is_empty() { Ok(WorkerName(None)) } else { name.trim_start_matches('.').parse() };
            found.extend(name.ok());
        }
        found.sort();
        found.dedup();
        Ok(found)
    }

    /// Looks whether the folder can be entered, for messages that name the place.
    pub(crate) fn look(&self) -> Result<(), LineError> {
        Ok(self.line().symlink_metadata().map(drop).at("look at", &self.line())?)
    }
}

/// What a worker is called; the only one of a root needs no name.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerName(Option<String>);

impl WorkerName {
    /// The name; `None` for the worker without one.
    pub fn as_deref(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

impl fmt::Display for WorkerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_deref().unwrap_or("-"))
    }
}

/// A text that names no worker.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` names no worker: letters, digits, `_` and `-` after a first letter or digit, at most 64")]
pub struct NoWorker(String);

impl FromStr for WorkerName {
    type Err = NoWorker;

    fn from_str(text: &str) -> Result<Self, NoWorker> {
        let allowed = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-');
        let good =
            text.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric) && text.bytes().all(allowed) && text.len() <= 64;
        if good { Ok(Self(Some(text.to_owned()))) } else { Err(NoWorker(text.chars().take(80).collect())) }
    }
}
