//! Runs a program nobody has read, such as code a language model wrote: no network, no files, no other processes, little time and memory.
//!
//! What a program in the sandbox has: the folders of its [`View`] (read only), its standard streams and one more pipe, and, where asked
//! for, one empty folder of limited size. What it has not: any socket; any other file; a second process or thread; a signal to anyone; the
//! environment, descriptors, capabilities or terminal of its caller. It is killed at its limits of time and output, and when its caller
//! ends.
//!
//! # What keeps it in
//! A seccomp list of the system calls a single-threaded interpreter needs (everything else fails with `EPERM`: sockets, new processes,
//! signals, mounts, tracing, changes to files' owners and modes), resource limits, no new privileges, no capabilities, an empty
//! environment, and one of two [`Isolation`]s of the file system: **namespaces** (its own user, mount, process, network, IPC, host-name
//! and control-group namespaces, with a file system that holds the view and nothing else), or, where those may not be made, **Landlock**
//! (no file outside the view can be opened; that a file exists, its size and its times are not hidden). With namespaces Landlock is added
//! where the kernel has it.
//!
//! # It fails closed
//! [`Sandbox::new`] tries every step on this kernel and refuses with the step that failed when neither isolation is complete. A step that
//! fails later ends the run as an error before the program starts. Nothing ever runs with less.
//!
//! # What it does not do
//! It is no defence against faults of the kernel, and it does not hide that time passes or what processor this is.
//!
//! # Example
//! ```no_run
//! use aw_sandbox::{Isolation, Limits, Sandbox, python::{Python, Verdict}};
//!
//! let python = Python::find(None)?;
//! let sandbox = Sandbox::new(&python.view, Limits::default(), Isolation::Any)?;
//! let judged = python.judge(&sandbox, "assert 1 + 1 == 2", &|| false)?;
//! assert_eq!(judged.verdict, Verdict::Passed);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod limits;
pub mod python;

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod linux;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
pub use linux::Sandbox;

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
mod elsewhere;
#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
pub use elsewhere::Sandbox;

pub use error::{Refusal, RunError, Step, Unavailable};
pub use limits::{End, Isolation, Limits, Outcome, Program, Report, View};
