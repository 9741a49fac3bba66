//! Work asked for by notifications: one job a source at a time, later requests join the one that waits.
//!
//! A job that was promised is written down before its id is given away and is taken up again after a restart.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::diagnostic::Diagnostic;

/// Finished jobs that are remembered.
const FINISHED_MAX: usize = 1_000;
/// Jobs that may wait at once: one for each source.
const WAITING_MAX: usize = 1_000;
/// Largest file of a waiting job, in bytes.
const FILE_MAX: u64 = 64 << 10;

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// Where the ontology is read from.
    pub source: String,
    /// The version a notification named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// It waits.
    Queued,
    /// It is being done.
    Running,
    /// It is done; the result says what came of it.
    Done,
    /// It could not be done; the diagnostics say why.
    Failed,
}

/// A job, as it is shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Job {
    /// Its id, a UUID.
    pub id: String,
    /// What is to be done.
    #[serde(flatten)]
    pub task: Task,
    /// How far it is.
    pub state: JobState,
    /// Requests it answers.
    pub requests: u64,
    /// What is to be said about the ontology.
    pub diagnostics: Vec<Diagnostic>,
    /// What came of it.
    pub result: Option<Value>,
}

/// What came of a job.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Whether it was done.
    pub done: bool,
    /// What is to be said.
    pub diagnostics: Vec<Diagnostic>,
    /// The result.
    pub result: Option<Value>,
}

/// Why a job was not taken.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// Too many sources wait.
    #[error("{WAITING_MAX} jobs wait already")]
    Full,
    /// It could not be written down.
    #[error("`{path}`: {source}")]
    Disk {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No random number for its id.
    #[error("the system gives no random numbers: {0}")]
    Random(getrandom::Error),
    /// A file of a waiting job is none.
    #[error("`{path}` is not a waiting job: {why}; move it away")]
    Foreign {
        /// Where.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

/// The jobs of a service.
pub struct Jobs {
    folder: PathBuf,
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    jobs: BTreeMap<String, Job>,
    waiting: VecDeque<String>,
    finished: VecDeque<String>,
    stopped: bool,
}

impl Jobs {
    /// Opens the jobs that wait in a folder, making it when it is not there. Their order is that of their ids, which says nothing.
    ///
    /// # Errors
    /// When the folder cannot be read, or a file in it is not a waiting job.
    pub fn open(folder: &Path) -> Result<Self, JobError> {
        let disk = |source| JobError::Disk { path: folder.to_owned(), source };
        fs::create_dir_all(folder).map_err(disk)?;
        let mut state = State::default();
        let mut names: Vec<PathBuf> = fs::read_dir(folder)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(disk)?
            .iter()
            .map(fs::DirEntry::path)
            .collect();
        names.sort();
        for path in names {
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("json") => {
                    let (id, task) = read(&path)?;
                    state.add(id, task);
                }
                // A write that was interrupted: its id was given to nobody.
                Some("new") => fs::remove_file(&path).map_err(|source| JobError::Disk { path: path.clone(), source })?,
                _ => return Err(JobError::Foreign { path, why: "its name does not end in `.json`".to_owned() }),
            }
        }
        Ok(Self { folder: folder.to_owned(), state: Mutex::new(state), wake: Condvar::new() })
    }

    /// Asks for work: gives the id of the job that will do it, which is one that already waits for this source when there is one.
    ///
    /// # Errors
    /// [`JobError`]; nothing was taken then.
    pub fn ask(&self, task: Task) -> Result<String, JobError> {
        let mut state = self.lock();
        let waiting =
            state.waiting.iter().find(|id| state.jobs.get(*id).is_some_and(|job| job.task.source == task.source)).cloned();
        if let Some(id) = waiting {
            self.write(&id, &task)?;
            if let Some(job) = state.jobs.get_mut(&id) {
                job.requests += 1;
                job.task = task;
            }
            return Ok(id);
        }
        if state.waiting.len() >= WAITING_MAX {
            return Err(JobError::Full);
        }
        let id = new_id()?;
        self.write(&id, &task)?;
        state.add(id.clone(), task);
        drop(state);
        self.wake.notify_one();
        Ok(id)
    }

    /// A job by its id.
    pub fn get(&self, id: &str) -> Option<Job> {
        self.lock().jobs.get(id).cloned()
    }

    /// Does jobs until [`stop`](Self::stop) is called. One worker is enough, and all there is: no two jobs run at once.
    ///
    /// # Errors
    /// When what was done cannot be crossed out on disk: it would be done again after a restart.
    pub fn work(&self, mut work: impl FnMut(&Task) -> Outcome) -> Result<(), JobError> {
        while let Some((id, task)) = self.next() {
            let outcome = work(&task);
            let path = self.path(&id);
            fs::remove_file(&path).map_err(|source| JobError::Disk { path, source })?;
            self.lock().finish(&id, outcome);
        }
        Ok(())
    }

    /// Lets the worker end after the job at hand; those that wait are kept on disk.
    pub fn stop(&self) {
        self.lock().stopped = true;
        self.wake.notify_all();
    }

    fn next(&self) -> Option<(String, Task)> {
        let mut state = self.lock();
        loop {
            if state.stopped {
                return None;
            }
            if let Some(id) = state.waiting.pop_front()
                && let Some(job) = state.jobs.get_mut(&id)
            {
                job.state = JobState::Running;
                return Some((id, job.task.clone()));
            }
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A panic elsewhere leaves the lists whole: every change of them is complete before the next can fail.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{id}.json"))
    }

    fn write(&self, id: &str, task: &Task) -> Result<(), JobError> {
        let (path, new) = (self.path(id), self.folder.join(format!("{id}.new")));
        let disk = |source| JobError::Disk { path: path.clone(), source };
        let bytes = serde_json::to_vec(task).map_err(|error| disk(error.into()))?;
        let write = || {
            let mut file = fs::File::create(&new)?;
            io::Write::write_all(&mut file, &bytes)?;
            file.sync_all()?;
            fs::rename(&new, &path)?;
            fs::File::open(&self.folder)?.sync_all()
        };
        write().map_err(disk)
    }
}

impl State {
    fn add(&mut self, id: String, task: Task) {
        self.waiting.push_back(id.clone());
        let job = Job { id: id.clone(), task, state: JobState::Queued, requests: 1, diagnostics: Vec::new(), result: None };
        self.jobs.insert(id, job);
    }

    fn finish(&mut self, id: &str, outcome: Outcome) {
        if let Some(job) = self.jobs.get_mut(id) {
            job.state = if outcome.done { JobState::Done } else { JobState::Failed };
            (job.diagnostics, job.result) = (outcome.diagnostics, outcome.result);
        }
        self.finished.push_back(id.to_owned());
        if self.finished.len() > FINISHED_MAX
            && let Some(oldest) = self.finished.pop_front()
        {
            self.jobs.remove(&oldest);
        }
    }
}

fn read(path: &Path) -> Result<(String, Task), JobError> {
    let foreign = |why: String| JobError::Foreign { path: path.to_owned(), why };
    let id = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
    let length = fs::symlink_metadata(path).map_err(|source| JobError::Disk { path: path.to_owned(), source })?.len();
    if length > FILE_MAX {
        return Err(foreign(format!("it has {length} bytes, at most {FILE_MAX} are read")));
    }
    let bytes = fs::read(path).map_err(|source| JobError::Disk { path: path.to_owned(), source })?;
    Ok((id, serde_json::from_slice(&bytes).map_err(|error| foreign(error.to_string()))?))
}

/// A random UUID (version 4).
fn new_id() -> Result<String, JobError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(JobError::Random)?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = aw_alloy::digest::to_hex(&bytes);
    Ok([&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed assumption of a test is a failed test")]
    use super::*;

    fn task(source: &str, version: &str) -> Task {
        Task { source: source.to_owned(), version: Some(version.to_owned()) }
    }

    fn done() -> Outcome {
        Outcome { done: true, diagnostics: Vec::new(), result: Some("made".into()) }
    }

    #[test]
    fn requests_for_a_source_join_the_one_that_waits_and_not_the_one_that_runs() {
        let folder = tempfile::tempdir().unwrap();
        let jobs = Jobs::open(folder.path()).unwrap();
        let first = jobs.ask(task("a", "1")).unwrap();
        assert_eq!(jobs.ask(task("a", "2")).unwrap(), first);
        let other = jobs.ask(task("b", "1")).unwrap();
        assert_ne!(other, first);
        let mut order = Vec::new();
        jobs.work(|task| {
            order.push(task.clone());
            match order.len() {
                1 => {
                    let again = jobs.ask(task.clone()).unwrap();
                    assert_ne!(again, first, "the one that runs may have read the source before it changed");
                    assert_eq!(jobs.get(&first).unwrap().state, JobState::Running);
                }
                3 => jobs.stop(),
                _ => {}
            }
            done()
        })
        .unwrap();
        assert_eq!(order, [task("a", "2"), task("b", "1"), task("a", "2")]);
        let seen = jobs.get(&first).unwrap();
        assert_eq!((seen.state, seen.requests, seen.result), (JobState::Done, 2, Some("made".into())));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_was_promised_is_done_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let id = Jobs::open(folder.path()).unwrap().ask(task("a", "1")).unwrap();
        fs::write(folder.path().join("half.new"), "{").unwrap();
        let jobs = Jobs::open(folder.path()).unwrap();
        assert_eq!(jobs.get(&id).unwrap().state, JobState::Queued);
        jobs.work(|_| {
            jobs.stop();
            Outcome { done: false, ..done() }
        })
        .unwrap();
        assert_eq!(jobs.get(&id).unwrap().state, JobState::Failed);
        assert!(Jobs::open(folder.path()).unwrap().get(&id).is_none());
    }

    #[test]
    fn a_file_that_is_no_job_is_named() {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in [("a.json", "{}"), ("b.txt", "")] {
            fs::write(folder.path().join(name), bytes).unwrap();
            let error = Jobs::open(folder.path()).err().unwrap().to_string();
            assert!(error.contains(name) && error.contains("move it away"), "{error}");
            fs::remove_file(folder.path().join(name)).unwrap();
        }
    }
}
