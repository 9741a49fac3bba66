//! Who is at work: the lock of a worker, and what it says of itself. Foundry and line, sections 3.4 and 3.5.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use aw_disk::{At, Disk, Lock};
use serde::{Deserialize, Serialize};

use crate::held::Held;
use crate::{LineError, Root, WorkerName, clock};

/// Which process, surely: numbers of processes are used again, with another start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// When it started, in clock ticks since the machine did (field 22 of `/proc/<pid>/stat`); 0 where that is not told.
    pub start: u64,
}

impl Process {
    /// This one.
    pub fn this() -> Self {
        let start = std::fs::read_to_string("/proc/self/stat").ok().and_then(|stat| {
            // The name in brackets may hold anything, brackets and blanks too.
            stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(19)?.parse().ok()
        });
        Self { pid: std::process::id(), start: start.unwrap_or(0) }
    }

    fn text(self) -> String {
        format!("{} {}\n", self.pid, self.start)
    }

    fn read(text: &[u8]) -> Option<Self> {
        let mut words = std::str::from_utf8(text).ok()?.split_ascii_whitespace();
        Some(Self { pid: words.next()?.parse().ok()?, start: words.next().map_or(Some(0), |start| start.parse().ok())? })
    }
}

/// The right to be the worker of that name. Held by a lock on its file, which ends with the process however it ends; the file goes
/// when this is dropped.
#[derive(Debug)]
pub struct WorkerLock {
    root: Root,
    name: WorkerName,
    process: Process,
    _lock: Lock,
}

/// How often a lock that a reader holds for a moment is tried for.
const TRIES: u32 = 40;
const BETWEEN: Duration = Duration::from_millis(5);

impl WorkerLock {
    /// Becomes the worker of that name. A dead one's file is replaced.
    ///
    /// # Errors
    /// [`LineError::WorkerAlive`] when a living process is.
    pub fn take(root: &Root, name: WorkerName) -> Result<Self, LineError> {
        let _held = Held::new(root)?;
        let path = root.pid_file(&name);
        let process = Process::this();
        for _ in 0..TRIES {
            if let Owner::Alive(found) = owner(&path)? {
                // Somebody who only looks lets go at once.
                if found.is_some_and(|found| found.pid == process.pid) {
                    return Err(LineError::WorkerAlive { name: name.as_deref().map(str::to_owned), pid: process.pid });
                }
                std::thread::sleep(BETWEEN);
                continue;
            }
            let aside = path.with_extension("pid.tmp");
            aw_disk::remove(&aside)?;
            let mut file = aw_disk::create_new(&aside)?;
            file.write_all(process.text().as_bytes()).at("write", &aside)?;
            let lock = Lock::exclusive(file, &aside)?;
            if !path.symlink_metadata().is_ok_and(|meta| meta.is_file()) {
                aw_disk::remove(&path)?;
            }
            aw_disk::rename(&aside, &path)?;
            return Ok(Self { root: root.clone(), name, process, _lock: lock });
        }
        let pid = aw_disk::read(&path, 256)?.and_then(|text| Process::read(&text)).map_or(0, |process| process.pid);
        Err(LineError::WorkerAlive { name: name.as_deref().map(str::to_owned), pid })
    }

    /// What it is called.
    pub const fn name(&self) -> &WorkerName {
        &self.name
    }

    /// The process that has it.
    pub const fn process(&self) -> Process {
        self.process
    }

    pub(crate) fn owner_text(&self) -> Vec<u8> {
        let mark = OwnerMark { worker: self.name.as_deref().map(str::to_owned), process: self.process };
        serde_json::to_vec(&mark).expect("texts and numbers are always JSON")
    }
}

impl Drop for WorkerLock {
    fn drop(&mut self) {
        // A failure has nobody to hear it; the file of a dead worker is replaced by the next.
        if let Ok(_held) = Held::new(&self.root) {
            let _ = aw_disk::remove_file(&self.root.pid_file(&self.name));
        }
    }
}

enum Owner {
    Alive(Option<Process>),
    Dead,
}

fn owner(path: &Path) -> Disk<Owner> {
    let file = match aw_disk::open_no_follow(path) {
        Ok(file) => file,
        Err(_) => return Ok(Owner::Dead),
    };
    if Lock::try_shared(file, path)?.is_some() {
        return Ok(Owner::Dead);
    }
    Ok(Owner::Alive(aw_disk::read(path, 256)?.and_then(|text| Process::read(&text))))
}

/// The process of the living worker of that name; `None` when there is none.
///
/// # Errors
/// When its file cannot be looked at.
pub fn living(root: &Root, name: &WorkerName) -> Result<Option<Process>, LineError> {
    Ok(match owner(&root.pid_file(name))? {
        Owner::Alive(process) => Some(process.unwrap_or(Process { pid: 0, start: 0 })),
        Owner::Dead => None,
    })
}

/// Who took a part: `assembly/.<name>.owner`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OwnerMark {
    pub(crate) worker: Option<String>,
    #[serde(flatten)]
    pub(crate) process: Process,
}

impl OwnerMark {
    /// Reads the mark of a part; `None` when there is none that can be read: then nobody living has the part.
    pub(crate) fn read(path: &Path) -> Option<Self> {
        serde_json::from_slice(&aw_disk::read(path, 4096).ok()??).ok()
    }

    pub(crate) fn is(&self, worker: &WorkerLock) -> bool {
        self.worker.as_deref() == worker.name.as_deref() && self.process == worker.process
    }

    /// Whether that very process still is the worker of that name.
    pub(crate) fn is_alive(&self, root: &Root) -> Result<bool, LineError> {
        let name = match &self.worker {
            None => WorkerName::default(),
            Some(name) => match name.parse() {
                Ok(name) => name,
                Err(_) => return Ok(false),
            },
        };
        Ok(living(root, &name)?.is_some_and(|process| process == self.process))
    }
}

/// How a worker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkerState {
    /// Putting in order what a crash left.
    Recovering,
    /// Waiting for a part.
    Idle,
    /// Building one.
    Building,
    /// Stopped.
    Offline,
}

/// What a worker says of itself, in its heartbeat file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// Its process.
    pub pid: u32,
    /// How it is.
    pub state: WorkerState,
    /// The file of the part it builds.
    pub current_part: Option<String>,
    /// When this was written: UTC, seconds, `Z`.
    pub last_beat_at: String,
    /// The machine.
    pub host: String,
    /// When the process started; see [`Process`].
    pub worker_start: u64,
    /// The stage it is at.
    pub stage: Option<String>,
    /// How far that stage is, 0 to 1.
    pub progress: Option<f64>,
    /// Seconds between beats.
    pub interval_seconds: u64,
}

/// Most bytes of a heartbeat.
const HEARTBEAT_BYTES_MAX: u64 = 64 << 10;
/// Beats older than that many intervals say nothing any more.
const INTERVALS: i64 = 3;

/// A heartbeat as another process sees it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Seen {
    /// The worker's name.
    pub worker: Option<String>,
    /// Whether what the file says is no longer so: its worker is gone, or has not written for three intervals.
    pub stale_heartbeat: bool,
    /// How the worker is; nothing when that is not known.
    pub state: Option<WorkerState>,
    /// The last beat, whatever it is worth; nothing when the file cannot be read.
    pub last: Option<Heartbeat>,
}

impl Heartbeat {
    /// Writes it, whole or not at all. Not synced: after a power cut nobody beats.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, root: &Root, worker: &WorkerName) -> Disk<()> {
        let path = root.heartbeat_file(worker);
        let aside = path.with_extension("json.tmp");
        aw_disk::remove_file(&aside)?;
        let text = serde_json::to_vec(self).expect("texts and finite numbers are always JSON");
        let mut file = aw_disk::create_new(&aside)?;
        file.write_all(&text).at("write", &aside)?;
        aw_disk::rename(&aside, &path)
    }

    /// Looks at the heartbeat of a worker; `None` when there is none. On its own machine the worker's lock says whether it lives;
    /// from another machine, a beat more than three intervals away from now, before or after, is stale.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn look(root: &Root, worker: &WorkerName) -> Result<Option<Seen>, LineError> {
        let Some(text) = aw_disk::read(&root.heartbeat_file(worker), HEARTBEAT_BYTES_MAX)? else { return Ok(None) };
        let name = worker.as_deref().map(str::to_owned);
        let Ok(beat) = serde_json::from_slice::<Self>(&text) else {
            return Ok(Some(Seen { worker: name, stale_heartbeat: true, state: None, last: None }));
        };
        let interval = i64::try_from(beat.interval_seconds).unwrap_or(i64::MAX).max(1);
        let is_old = clock::age(&beat.last_beat_at).is_none_or(|age| age.saturating_abs() > interval.saturating_mul(INTERVALS));
        let is_gone = beat.host == host() && {
            let process = Process { pid: beat.pid, start: beat.worker_start };
            living(root, worker)? != Some(process)
        };
        let stale = beat.state != WorkerState::Offline && (is_old || is_gone);
        Ok(Some(Seen { worker: name, stale_heartbeat: stale, state: (!stale).then_some(beat.state), last: Some(beat) }))
    }
}

/// The name of this machine.
pub(crate) fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Held by the process that works in `work/<stem>/`, so that a recovered part is not begun before the old one is gone.
#[derive(Debug)]
pub struct WorkLock(#[allow(dead_code, reason = "held, not read")] Lock);

impl WorkLock {
    /// Takes it, waiting for the process that has it as long as `go_on` says so; `None` when it did not become free.
    ///
    /// # Errors
    /// When the folder cannot be made or the file cannot be locked.
    pub fn take(work: &Path, mut go_on: impl FnMut() -> bool) -> Disk<Option<Self>> {
        aw_disk::ensure_dir(work)?;
        let path = work.join(".lock");
        loop {
            let file = File::options().read(true).write(true).create(true).truncate(false).open(&path).at("open", &path)?;
            if let Some(lock) = Lock::try_exclusive(file, &path)? {
                return Ok(Some(Self(lock)));
            }
            if !go_on() {
                return Ok(None);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
