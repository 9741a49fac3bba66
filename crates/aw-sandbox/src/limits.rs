//! What a program gets, and what became of it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use crate::Refusal;

/// What a program may use. Every limit is enforced by the kernel or by killing the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Time that may pass.
    pub wall: Duration,
    /// Processor time it may use; counted in whole seconds, rounded up.
    pub cpu: Duration,
    /// Address space, in bytes: what it maps counts, touched or not.
    pub memory_bytes: u64,
    /// Bytes it may write to each of its output pipes.
    pub output_bytes: usize,
    /// Size of the one folder it may write in, in bytes; none at zero. Needs namespaces.
    pub scratch_bytes: u64,
    /// Files it may have open.
    pub open_files: u64,
}

impl Default for Limits {
    /// Ten seconds, 1 GiB of address space, 1 MiB of output, no folder to write in.
    fn default() -> Self {
        Self {
            wall: Duration::from_secs(10),
            cpu: Duration::from_secs(10),
            memory_bytes: 1 << 30,
            output_bytes: 1 << 20,
            scratch_bytes: 0,
            open_files: 64,
        }
    }
}

/// What of the file system a program sees, read only, each at its own path. Files that do not exist are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// Files and folders, absolute.
    pub read_only: Vec<PathBuf>,
}

/// How the file system is kept from a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Isolation {
    /// Namespaces where they can be had, else Landlock.
    #[default]
    Any,
    /// Namespaces or nothing.
    Namespaces,
    /// Landlock or nothing.
    Landlock,
}

/// What to run.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// The program's absolute path, inside the view.
    pub path: PathBuf,
    /// Its arguments, without its own name.
    pub arguments: Vec<OsString>,
    /// Its whole environment, `NAME=value`.
    pub environment: Vec<String>,
    /// What it reads from standard input.
    pub input: Vec<u8>,
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By itself, with this status.
    Exited(i32),
    /// By this signal, a fault of its own or the kernel's limit of processor time.
    Signalled(i32),
    /// Killed: the time was over.
    WallTime,
    /// Killed: it wrote too much.
    Output,
    /// Killed: the caller wanted to stop.
    Cancelled,
}

/// What became of a program. Everything in it is the program's own word, except for `end` and the times.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// How it ended.
    pub end: End,
    /// What it wrote to standard output, up to the limit.
    pub stdout: Vec<u8>,
    /// What it wrote to standard error, up to the limit.
    pub stderr: Vec<u8>,
    /// What it wrote to descriptor 3, up to the limit.
    pub report: Vec<u8>,
    /// Time that passed.
    pub wall: Duration,
    /// Processor time used.
    pub cpu: Duration,
}

/// What this kernel lets a program be kept in by: for each isolation, the step that cannot be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Why namespaces cannot be had, when they cannot.
    pub namespaces: Option<Refusal>,
    /// Why Landlock cannot be had, when it cannot.
    pub landlock: Option<Refusal>,
}

impl Report {
    /// Whether a sandbox without a folder to write in can be made.
    #[must_use]
    pub fn usable(&self) -> bool {
        self.namespaces.is_none() || self.landlock.is_none()
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let word = |refusal: &Option<Refusal>| refusal.as_ref().map_or("can be had".to_owned(), ToString::to_string);
        write!(f, "namespaces: {}; Landlock: {}", word(&self.namespaces), word(&self.landlock))
    }
}
