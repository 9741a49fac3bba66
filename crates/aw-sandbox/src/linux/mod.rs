//! The sandbox on Linux.

mod child;
mod filter;
mod landlocked;
mod prepare;
mod process;
mod watch;

use prepare::{Closing, Start};

use crate::{Isolation, Limits, Outcome, Program, Refusal, Report, RunError, Unavailable, View};

/// A sandbox that programs can be run in, one after another or several at once.
pub struct Sandbox {
    closing: Closing,
    limits: Limits,
    isolation: Isolation,
}

impl Sandbox {
    /// Tries both isolations on this kernel, every step of each, with nothing started inside.
    #[must_use]
    pub fn check() -> Report {
        let tried = |isolation| probe(&View::default(), Limits::default(), isolation).err();
        Report { namespaces: tried(Isolation::Namespaces), landlock: tried(Isolation::Landlock) }
    }

    /// Makes a sandbox, after having tried every step of it.
    ///
    /// # Errors
    /// [`Unavailable`], with the step that cannot be done, where less than the whole protection can be had.
    pub fn new(view: &View, limits: Limits, isolation: Isolation) -> Result<Sandbox, Unavailable> {
        let made = |isolation| -> Result<Sandbox, Refusal> {
            Ok(Sandbox { closing: probe(view, limits, isolation)?, limits, isolation })
        };
        let namespaces = match isolation {
            Isolation::Landlock => Err(Refusal::new(crate::Step::Namespaces, "not asked for")),
            _ => made(Isolation::Namespaces),
        };
        let namespaces = match namespaces {
            Ok(sandbox) => return Ok(sandbox),
            Err(refusal) => refusal,
        };
        if limits.scratch_bytes > 0 {
            return Err(Unavailable::Scratch(namespaces));
        }
        let landlock = match isolation {
            Isolation::Namespaces => Err(Refusal::new(crate::Step::Landlock, "not asked for")),
            _ => made(Isolation::Landlock),
        };
        landlock.map_err(|landlock| Unavailable::Isolation(Report { namespaces: Some(namespaces), landlock: Some(landlock) }))
    }

    /// How the file system is kept from programs: never [`Isolation::Any`].
    #[must_use]
    pub fn isolation(&self) -> Isolation {
        self.isolation
    }

    /// Runs a program to its end, or to its limits, or until `cancelled` says so.
    ///
    /// # Errors
    /// When a step of closing fails, before the program is started; when the program cannot be watched, after it is killed.
    pub fn run(&self, program: &Program, cancelled: &dyn Fn() -> bool) -> Result<Outcome, RunError> {
        let start = Start::new(program)?;
        let (running, pipes) = process::start(&self.closing, Some(&start))?;
        watch::watch(running, pipes, &program.input, self.limits, cancelled)
    }
}

/// Prepares a sandbox and takes every step of it in a process that then ends.
fn probe(view: &View, limits: Limits, isolation: Isolation) -> Result<Closing, Refusal> {
    let closing = Closing::new(view, limits, isolation)?;
    let (running, pipes) = process::start(&closing, None)?;
    let ended = watch::watch(running, pipes, &[], Limits::default(), &|| false);
    match ended {
        Ok(Outcome { end: crate::End::Exited(0), .. }) => Ok(closing),
        Ok(outcome) => Err(Refusal::new(crate::Step::Prepare, format!("the process that tries it ended as {:?}", outcome.end))),
        Err(RunError::Refused(refusal)) => Err(refusal),
        Err(RunError::Watch(error)) => Err(Refusal::new(crate::Step::Prepare, error)),
    }
}
