//! The steps that changes consist of.

use std::io;
use std::path::Path;

/// One thing about to happen, or just happened, to the disk. Only tests look (feature `faults`).
#[derive(Clone, Copy, Debug)]
pub enum Step<'a> {
    /// A file, folder or link is about to be made.
    Create(&'a Path),
    /// A file's bytes, length or mode are about to change; until a sync, a power cut may take the change back.
    Write(&'a Path),
    /// A file, or a folder's list of names, is about to be synced.
    Sync(&'a Path),
    /// It was synced.
    Synced(&'a Path),
    /// The first is about to become the second.
    Rename(&'a Path, &'a Path),
    /// It did.
    Renamed(&'a Path, &'a Path),
    /// A file, or a folder and all inside, is about to go.
    Remove(&'a Path),
}

#[cfg(not(feature = "faults"))]
#[inline(always)]
pub(crate) fn step(_: Step<'_>) -> io::Result<()> {
    Ok(())
}

#[cfg(feature = "faults")]
pub(crate) fn step(step: Step<'_>) -> io::Result<()> {
    crate::faults::step(step)
}

/// Whether syncs are left out, because a hook takes back what was not synced.
pub(crate) fn is_watched() -> bool {
    #[cfg(feature = "faults")]
    let watched = crate::faults::is_watched();
    #[cfg(not(feature = "faults"))]
    let watched = false;
    watched
}
