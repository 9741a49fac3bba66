//! The worker: takes waiting parts in their order and has them built. Foundry and line, sections 3.3 and 3.10.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use crate::beat::Beat;
use crate::enqueue::{PART_BYTES_MAX, is_object};
use crate::held::Held;
use crate::settle::{Known, duplicate};
use crate::view::View;
use crate::watch::Stop;
use crate::{
    Claimed, Failed, Finished, LineError, Oddity, PartName, Recovered, Root, Station, WorkerLock, WorkerName, WorkerState,
};

/// How often an idle worker looks whether another one died.
const IDLE_POLL: Duration = Duration::from_secs(5);
/// A part that does not parse is left alone for so long after it was last written: somebody may still be writing it.
const HALF_WRITTEN: Duration = Duration::from_secs(5);
/// How often a build may look whether it was cancelled.
const CANCEL_POLL: Duration = Duration::from_millis(200);

/// What builds parts.
pub trait Builder {
    /// Runs before the worker looks for the next part: the place to make space. A failure here is not one of a part.
    fn before_part(&self) {}

    /// Whether a part can be built at all: it reads as a recipe and every stage is known. Nothing is computed.
    ///
    /// # Errors
    /// Why not; the part goes to rework without work being begun.
    fn check(&self, job: &Job) -> Result<(), Failed>;

    /// Builds a part. Returns soon after [`Control::is_stopped`] says so, with anything.
    ///
    /// # Errors
    /// Why it failed; the part goes to rework.
    fn build(&self, job: &Job, control: &Control<'_>) -> Result<Finished, Failed>;
}

/// A part to be built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// The line.
    pub root: Root,
    /// Its name.
    pub part: PartName,
    /// Its file, in assembly.
    pub file: PathBuf,
    /// Where it is built; what a process that died left there is still there.
    pub work: PathBuf,
    /// The part itself: a JSON object.
    pub bytes: Vec<u8>,
}

/// How a build hears of the world and tells of itself.
pub struct Control<'w> {
    stop: &'w Stop,
    beat: &'w Beat,
    mark: PathBuf,
    looked: Cell<Option<Instant>>,
    cancelled: Cell<bool>,
    observe: &'w dyn Fn(Event<'_>),
}

impl Control<'_> {
    /// Whether to stop: the worker is to end, or the part was cancelled. Cheap; to be asked often.
    pub fn is_stopped(&self) -> bool {
        if !self.cancelled.get() && self.looked.get().is_none_or(|at| at.elapsed() >= CANCEL_POLL) {
            self.looked.set(Some(Instant::now()));
            self.cancelled.set(self.mark.symlink_metadata().is_ok());
        }
        self.stop.is_set() || self.cancelled.get()
    }

    /// Says which stage it is at, and how far it is, 0 to 1.
    pub fn progress(&self, stage: &str, fraction: Option<f64>) {
        self.beat.progress(stage, fraction);
        (self.observe)(Event::Progress { stage, fraction });
    }
}

/// What a worker tells while it works.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event<'e> {
    /// A part of a dead worker was taken care of.
    Recovered(&'e PartName, &'e Recovered),
    /// A part was taken.
    Started(&'e PartName),
    /// How far the build is.
    Progress {
        /// The stage.
        stage: &'e str,
        /// 0 to 1; nothing when that cannot be told.
        fraction: Option<f64>,
    },
    /// A part is finished.
    Finished(&'e PartName, &'e Finished),
    /// A part failed.
    Failed(&'e PartName, &'e Failed),
    /// A part was left for the next start, because the worker is to stop.
    Left(&'e PartName),
    /// A part whose stem is on the line already went to rework under this name.
    Refused(&'e PartName, &'e str),
    /// Something is no part of the protocol.
    Odd(&'e Oddity),
    /// Nothing waits.
    Idle,
}

/// How long a worker works.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Until {
    /// Until one part is built, or none waits.
    Once,
    /// Until none waits.
    Drained,
    /// Until it is asked to stop.
    #[default]
    Stopped,
}

/// How a worker works.
#[derive(Clone, Debug)]
pub struct WorkerOptions {
    /// What it is called.
    pub name: WorkerName,
    /// How often a part is recovered before it goes to rework.
    pub max_retries: u32,
    /// Between heartbeats.
    pub interval: Duration,
    /// How long.
    pub until: Until,
    /// Most parts it takes.
    pub max_parts: Option<u64>,
}

impl Default for WorkerOptions {
    fn default() -> Self {
        Self {
            name: WorkerName::default(),
            max_retries: 3,
            interval: Duration::from_secs(30),
            until: Until::default(),
            max_parts: None,
        }
    }
}

/// What a worker did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Worked {
    /// Parts it finished.
    pub finished: u64,
    /// Parts that failed.
    pub failed: u64,
    /// Parts of dead workers it took care of.
    pub recovered: u64,
}

/// Works. Returns when there is no more to do, as `options` says, or `stop` is set.
///
/// # Errors
/// [`LineError::WorkerAlive`] when one of that name works already. Otherwise when the disk would not: a part that was being built is
/// then left in assembly, for the next start to recover.
pub fn work(
    root: &Root,
    builder: &impl Builder,
    options: &WorkerOptions,
    stop: &Stop,
    observe: &dyn Fn(Event<'_>),
) -> Result<Worked, LineError> {
    let lock = WorkerLock::take(root, options.name.clone())?;
    let beat = Beat::new(root, &lock, options.interval);
    std::thread::scope(|scope| {
        scope.spawn(|| beat.keep_on());
        let mut worker = Worker { root, builder, options, stop, observe, lock: &lock, beat: &beat, worked: Worked::default() };
        let outcome = worker.run();
        beat.end();
        // A beat that cannot be written does not undo what was done; readers see by the lock that the worker is gone.
        let _ = beat.set(WorkerState::Offline, None);
        outcome.map(|()| worker.worked)
    })
}

struct Worker<'w, B> {
    root: &'w Root,
    builder: &'w B,
    options: &'w WorkerOptions,
    stop: &'w Stop,
    observe: &'w dyn Fn(Event<'_>),
    lock: &'w WorkerLock,
    beat: &'w Beat,
    worked: Worked,
}

impl<B: Builder> Worker<'_, B> {
    fn run(&mut self) -> Result<(), LineError> {
        self.beat.set(WorkerState::Recovering, None)?;
        let mut known = Known::default();
        {
            let held = self.root.hold()?;
            self.recover(&held)?;
            for odd in held.settle(&mut known)? {
                (self.observe)(Event::Odd(&odd));
            }
        }
        let mut view = View::open(self.root)?;
        let mut postponed: BTreeMap<PartName, Instant> = BTreeMap::new();
        let mut is_idle = false;
        while !self.stop.is_set() && self.options.max_parts.is_none_or(|most| self.worked.taken() < most) {
            self.builder.before_part();
            let taken = self.take(&mut view, &mut known, &mut postponed)?;
            if let Some(part) = taken {
                is_idle = false;
                let left = self.build(&part)?;
                if left || self.options.until == Until::Once {
                    return Ok(());
                }
                continue;
            }
            let next = postponed.values().min().map(|until| until.saturating_duration_since(Instant::now()));
            if self.options.until != Until::Stopped && next.is_none() {
                return Ok(());
            }
            if !is_idle {
                is_idle = true;
                self.beat.set(WorkerState::Idle, None)?;
                (self.observe)(Event::Idle);
            }
            view.watch().wait(self.stop, next.unwrap_or(IDLE_POLL).clamp(Duration::from_millis(1), IDLE_POLL));
        }
        Ok(())
    }

    fn recover(&mut self, held: &Held) -> Result<(), LineError> {
        for (part, outcome) in held.recover_dead(self.options.max_retries, Some(self.lock))? {
            self.worked.recovered += 1;
            (self.observe)(Event::Recovered(&part, &outcome));
        }
        Ok(())
    }

    /// Takes the next part; `None` when none can be taken now.
    fn take(
        &mut self,
        view: &mut View,
        known: &mut Known,
        postponed: &mut BTreeMap<PartName, Instant>,
    ) -> Result<Option<PartName>, LineError> {
        view.catch_up()?;
        if view.is_empty() && !view.builds() {
            self.tell_oddities(view);
            postponed.clear();
            return Ok(None);
        }
        let held = self.root.hold()?;
        if view.builds() {
            self.recover(&held)?;
        }
        view.catch_up()?;
        self.tell_oddities(view);
        self.welcome(&held, view, known)?;
        postponed.retain(|_, until| *until > Instant::now());
        loop {
            let Some((time, part)) = view.waiting().find(|(_, part)| !postponed.contains_key(*part)) else { return Ok(None) };
            let part = part.clone();
            if self.is_half_written(&part, time) {
                postponed.insert(part, Instant::now() + HALF_WRITTEN);
                continue;
            }
            if let Some((station, file)) = view.elsewhere(&part) {
                self.refuse(&held, view, &part, station, &file)?;
            } else {
                match held.claim(&part, self.lock, Some(&view.beside(&part)), !known.waits(&part))? {
                    Claimed::Taken => return Ok(Some(part)),
                    Claimed::Duplicate(station, file) => self.refuse(&held, view, &part, station, &file)?,
                    // A producer took it back, or something else is in its place: it is looked at again later.
                    Claimed::Gone => drop(postponed.insert(part, Instant::now() + HALF_WRITTEN)),
                }
            }
            known.catch_up(&self.root.throughput())?;
            view.catch_up()?;
        }
    }

    fn refuse(&self, held: &Held, view: &View, part: &PartName, station: Station, file: &str) -> Result<(), LineError> {
        let reason = duplicate(part, station, file);
        let name = held.refuse_duplicate(part, &view.beside(part), |name| view.is_free(name), &Failed::new(reason.as_str()))?;
        (self.observe)(Event::Refused(&name, &reason));
        Ok(())
    }

    /// Parts that programs from outside brought get their line.
    fn welcome(&self, held: &Held, view: &mut View, known: &mut Known) -> Result<(), LineError> {
        let log = self.root.throughput();
        known.catch_up(&log)?;
        let mut lines = Vec::new();
        for part in view.take_arrived() {
            // One that is refused gets a line then, under another name; one that is gone again gets none.
            let is_there = self.root.part(Station::Intake, &part).is_file();
            if is_there && !known.waits(&part) && view.elsewhere(&part).is_none() {
                lines.extend(held.lacking(Station::Intake, &part, known)?);
            }
        }
        held.add(&lines)?;
        Ok(known.catch_up(&log)?)
    }

    fn tell_oddities(&self, view: &mut View) {
        for odd in view.take_oddities() {
            (self.observe)(Event::Odd(&odd));
        }
    }

    /// Whether a part does not parse and was written just now. A time to come is none of now: then it is taken as it is.
    fn is_half_written(&self, part: &PartName, modified: SystemTime) -> bool {
        let is_recent = SystemTime::now().duration_since(modified).is_ok_and(|age| age < HALF_WRITTEN);
        if !is_recent {
            return false;
        }
        let bytes = aw_disk::read(&self.root.part(Station::Intake, part), PART_BYTES_MAX);
        bytes.is_ok_and(|bytes| bytes.is_some_and(|bytes| is_object(&bytes).is_err()))
    }

    /// Builds a part that was taken; whether it was left because the worker is to stop.
    fn build(&mut self, part: &PartName) -> Result<bool, LineError> {
        self.beat.set(WorkerState::Building, Some(part.file()))?;
        (self.observe)(Event::Started(part));
        let control = Control {
            stop: self.stop,
            beat: self.beat,
            mark: self.root.station(Station::Assembly).join(part.hidden("cancel")),
            looked: Cell::new(None),
            cancelled: Cell::new(false),
            observe: self.observe,
        };
        let outcome = self.job(part).and_then(|job| {
            self.builder.check(&job)?;
            self.builder.build(&job, &control)
        });
        match outcome {
            Ok(finished) => {
                self.root.hold()?.finish(part, &finished)?;
                self.worked.finished += 1;
                (self.observe)(Event::Finished(part, &finished));
            }
            Err(_) if self.stop.is_set() && !control.cancelled.get() => {
                (self.observe)(Event::Left(part));
                return Ok(true);
            }
            Err(failed) => {
                let failed = if control.cancelled.get() { cancelled(&control, failed) } else { failed };
                self.root.hold()?.fail(part, &failed)?;
                self.worked.failed += 1;
                (self.observe)(Event::Failed(part, &failed));
            }
        }
        Ok(false)
    }

    fn job(&self, part: &PartName) -> Result<Job, Failed> {
        let file = self.root.part(Station::Assembly, part);
        let bytes = match aw_disk::read(&file, PART_BYTES_MAX) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Err(Failed::new("the part is no longer there")),
            Err(error) => return Err(Failed::new(error.to_string())),
        };
        is_object(&bytes).map_err(Failed::new)?;
        Ok(Job { root: self.root.clone(), part: part.clone(), file, work: self.root.work(part), bytes })
    }
}

fn cancelled(control: &Control<'_>, failed: Failed) -> Failed {
    let reason = aw_disk::read(&control.mark, 64 << 10).ok().flatten().unwrap_or_default();
    let reason = String::from_utf8_lossy(&reason).into_owned();
    let traceback = if reason.is_empty() { failed.error } else { reason };
    Failed { error: "cancelled".to_owned(), traceback, ..failed }
}

impl Worked {
    /// Parts it took.
    pub const fn taken(&self) -> u64 {
        self.finished + self.failed
    }
}
