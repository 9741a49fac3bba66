//! Why nothing was run.

use std::io;

use crate::Report;

/// One step of closing the sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[non_exhaustive]
pub enum Step {
    /// This operating system or processor.
    Platform,
    /// Preparing what the sandbox is made of, in the caller.
    Prepare,
    /// A process of its own in new namespaces.
    Namespaces,
    /// The user the process is, in its user namespace.
    User,
    /// Dying with its caller.
    DieWithCaller,
    /// A session of its own, without a terminal.
    Session,
    /// Default handlers for all signals.
    Signals,
    /// A file system of its own.
    FileSystem,
    /// Only its own descriptors.
    Descriptors,
    /// Limits on what it may use.
    Limits,
    /// No new privileges.
    NoNewPrivileges,
    /// Landlock.
    Landlock,
    /// No capabilities.
    Capabilities,
    /// The list of system calls.
    SystemCalls,
    /// Starting the program.
    Start,
}

impl Step {
    const ALL: [(Step, &'static str); 15] = [
        (Step::Platform, "this platform"),
        (Step::Prepare, "preparing"),
        (Step::Namespaces, "new namespaces"),
        (Step::User, "a user of its own"),
        (Step::DieWithCaller, "dying with its caller"),
        (Step::Session, "a session of its own"),
        (Step::Signals, "default signal handlers"),
        (Step::FileSystem, "a file system of its own"),
        (Step::Descriptors, "closing descriptors"),
        (Step::Limits, "resource limits"),
        (Step::NoNewPrivileges, "no new privileges"),
        (Step::Landlock, "Landlock"),
        (Step::Capabilities, "dropping capabilities"),
        (Step::SystemCalls, "the list of system calls (seccomp)"),
        (Step::Start, "starting the program"),
    ];

    /// The step with this number, as a child process reports it.
    #[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "only Linux has the child process"))]
    pub(crate) fn of_number(number: u8) -> Option<Step> {
        Step::ALL.iter().map(|(step, _)| *step).find(|step| *step as u8 == number)
    }
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = Step::ALL.iter().find(|(step, _)| step == self).map_or("a step", |(_, name)| name);
        f.write_str(name)
    }
}

/// A step that could not be done, and the system's reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{step} failed: {reason}")]
pub struct Refusal {
    /// The step.
    pub step: Step,
    /// The system's reason.
    pub reason: String,
}

impl Refusal {
    pub(crate) fn new(step: Step, reason: impl ToString) -> Refusal {
        Refusal { step, reason: reason.to_string() }
    }
}

/// Why no sandbox can be made here. Nothing runs without one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unavailable {
    /// Neither isolation is complete on this kernel.
    #[error("no sandbox can be made on this machine: {0}")]
    Isolation(Report),
    /// A folder to write in was asked for where there are no namespaces to put it in.
    #[error("a folder to write in needs namespaces, which cannot be had: {0}")]
    Scratch(Refusal),
    /// The sandbox could not be prepared.
    #[error("the sandbox cannot be prepared: {0}")]
    Prepare(Refusal),
}

/// Why a program was not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// A step failed, so the program was not started.
    #[error("the program was not started: {0}")]
    Refused(#[from] Refusal),
    /// What the program says could not be read, or its end not be seen; it was killed.
    #[error("the program was killed, since it could not be watched: {0}")]
    Watch(#[from] io::Error),
}
