//! Trying what a crash leaves: a hook that is told of every change before it is made, and may refuse it.
//!
//! A hook that refuses everything from the n-th step on is a process that died there; one that answers `StorageFull` is a full disk.
//! While a hook is in place nothing is really synced: the hook knows what was not, and takes it back itself to play a power cut,
//! thousands of times.

mod power;

use std::cell::RefCell;
use std::io;
use std::sync::OnceLock;

pub use power::{Played, play, wrote};

use crate::Step;

type ThreadHook = Box<dyn Fn(Step<'_>) -> io::Result<()>>;
type ProcessHook = Box<dyn Fn(Step<'_>) -> io::Result<()> + Send + Sync>;

thread_local! {
    static THREAD: RefCell<Option<ThreadHook>> = const { RefCell::new(None) };
}
static PROCESS: OnceLock<ProcessHook> = OnceLock::new();

/// Has this thread's changes seen by `hook`, until the answer is dropped. Other threads are not watched.
#[must_use = "the hook goes with what is returned"]
pub fn watch_thread(hook: impl Fn(Step<'_>) -> io::Result<()> + 'static) -> Watched {
    THREAD.set(Some(Box::new(hook)));
    Watched
}

/// Has the changes of every thread of this process seen by `hook`, for good. Threads with a hook of their own have that one instead.
///
/// # Panics
/// When the process has one already.
pub fn watch_process(hook: impl Fn(Step<'_>) -> io::Result<()> + Send + Sync + 'static) {
    assert!(PROCESS.set(Box::new(hook)).is_ok(), "the process is watched already");
}

/// While it lives, the thread that made it is watched.
#[derive(Debug)]
pub struct Watched;

impl Drop for Watched {
    fn drop(&mut self) {
        THREAD.set(None);
    }
}

pub(crate) fn is_watched() -> bool {
    PROCESS.get().is_some() || THREAD.with_borrow(Option::is_some)
}

pub(crate) fn step(step: Step<'_>) -> io::Result<()> {
    THREAD.with_borrow(|hook| match (hook, PROCESS.get()) {
        (Some(hook), _) => hook(step),
        (None, Some(hook)) => hook(step),
        (None, None) => Ok(()),
    })
}
