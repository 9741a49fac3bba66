//! The worker's heartbeat: written at every change and, by a thread of its own, in between. Foundry and line, section 3.4.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use aw_disk::Disk;

use crate::alive::host;
use crate::{Heartbeat, Root, WorkerLock, WorkerName, WorkerState, clock};

/// Progress is written no more often than this.
const PROGRESS_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Beat {
    root: Root,
    name: WorkerName,
    interval: Duration,
    inner: Mutex<Inner>,
    ended: Condvar,
}

#[derive(Debug)]
struct Inner {
    beat: Heartbeat,
    written: Option<Instant>,
    ended: bool,
}

impl Beat {
    pub(crate) fn new(root: &Root, lock: &WorkerLock, interval: Duration) -> Self {
        let beat = Heartbeat {
            pid: lock.process().pid,
            state: WorkerState::Recovering,
            current_part: None,
            last_beat_at: String::new(),
            host: host(),
            worker_start: lock.process().start,
            stage: None,
            progress: None,
            interval_seconds: interval.as_secs().max(1),
        };
        Self {
            root: root.clone(),
            name: lock.name().clone(),
            interval,
            inner: Mutex::new(Inner { beat, written: None, ended: false }),
            ended: Condvar::new(),
        }
    }

    /// A new state, written at once.
    pub(crate) fn set(&self, state: WorkerState, part: Option<String>) -> Disk<()> {
        let mut inner = self.lock();
        if inner.written.is_some() && inner.beat.state == state && inner.beat.current_part == part {
            return Ok(());
        }
        inner.beat.state = state;
        inner.beat.current_part = part;
        inner.beat.stage = None;
        inner.beat.progress = None;
        self.write(&mut inner)
    }

    /// How far a build is. A new stage is written at once, the rest now and then.
    pub(crate) fn progress(&self, stage: &str, fraction: Option<f64>) {
        let mut inner = self.lock();
        let is_new = inner.beat.stage.as_deref() != Some(stage);
        inner.beat.stage = Some(stage.to_owned());
        inner.beat.progress = fraction.filter(|fraction| fraction.is_finite()).map(|fraction| fraction.clamp(0.0, 1.0));
        if is_new || inner.written.is_none_or(|at| at.elapsed() >= PROGRESS_EVERY) {
            // The build goes on whether or not somebody can see how far it is; the next beat tries again.
            let _ = self.write(&mut inner);
        }
    }

    /// Beats until it is ended: for a thread of its own.
    pub(crate) fn keep_on(&self) {
        let mut inner = self.lock();
        while !inner.ended {
            let (again, waited) = self.ended.wait_timeout(inner, self.interval).unwrap_or_else(PoisonError::into_inner);
            inner = again;
            if waited.timed_out() {
                let _ = self.write(&mut inner);
            }
        }
    }

    pub(crate) fn end(&self) {
        self.lock().ended = true;
        self.ended.notify_all();
    }

    fn write(&self, inner: &mut Inner) -> Disk<()> {
        inner.beat.last_beat_at = clock::now();
        inner.written = Some(Instant::now());
        inner.beat.write(&self.root, &self.name)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
