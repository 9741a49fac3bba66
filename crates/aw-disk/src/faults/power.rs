//! A process that is gone before its n-th change, and a power cut after it.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use super::watch_thread;
use crate::Step;

/// What happened until the process was gone, or done.
#[derive(Debug, Default)]
pub struct Played {
    /// Changes there were: files made, synced, renamed or removed.
    pub steps: usize,
    /// Whether it was gone before its end.
    pub stopped: bool,
    stop_at: Option<usize>,
    /// Files whose content is not on the disk.
    dirty: BTreeSet<PathBuf>,
    /// Renames that are not on the disk, oldest first; only those that replaced nothing can be taken back here.
    renames: Vec<(PathBuf, PathBuf)>,
}

thread_local! {
    static NOW: RefCell<Played> = RefCell::default();
}

/// Does some work on this thread whose every change fails from the one numbered `stop_at` (from 0) on.
pub fn play<T>(stop_at: Option<usize>, work: impl FnOnce() -> T) -> (T, Played) {
    NOW.set(Played { stop_at, ..Played::default() });
    let watched = watch_thread(|step| NOW.with_borrow_mut(|now| now.step(&step)));
    let done = work();
    drop(watched);
    (done, NOW.take())
}

/// Says within [`play`] that a file was written by something else than this crate, and not synced.
pub fn wrote(path: &Path) {
    NOW.with_borrow_mut(|now| now.dirty.insert(path.to_owned()));
}

impl Played {
    fn step(&mut self, step: &Step<'_>) -> io::Result<()> {
        let is_change = matches!(step, Step::Create(_) | Step::Sync(_) | Step::Rename(..) | Step::Remove(_));
        if is_change && !self.stopped {
            self.stopped = self.stop_at == Some(self.steps);
            self.steps += 1;
        }
        if self.stopped {
            return Err(io::Error::other("the world has stopped"));
        }
        self.note(step);
        Ok(())
    }

    fn note(&mut self, step: &Step<'_>) {
        match *step {
            Step::Write(path) => drop(self.dirty.insert(path.to_owned())),
            Step::Synced(path) => {
                self.dirty.remove(path);
                self.renames.retain(|(_, to)| to.parent() != Some(path));
            }
            Step::Rename(from, to) if to.symlink_metadata().is_err() => self.renames.push((from.to_owned(), to.to_owned())),
            Step::Renamed(from, to) => {
                // Also what is inside, when it is a folder.
                let moved = |path: PathBuf| match path.strip_prefix(from) {
                    Ok(rest) if rest.as_os_str().is_empty() => to.to_owned(),
                    Ok(rest) => to.join(rest),
                    Err(_) => path,
                };
                self.dirty = std::mem::take(&mut self.dirty).into_iter().map(moved).collect();
            }
            _ => {}
        }
    }

    /// Takes back what a power cut would: of files that were not synced the second half, and, where asked for, renames whose folder was
    /// not synced.
    ///
    /// # Errors
    /// When the disk would not.
    pub fn cut_power(&self, undo_renames: bool) -> io::Result<()> {
        use std::os::unix::fs::PermissionsExt;
        for path in self.dirty.iter().filter(|path| path.is_file()) {
            let length = std::fs::metadata(path)?.len();
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644))?;
            std::fs::OpenOptions::new().write(true).open(path)?.set_len(length / 2)?;
        }
        for (from, to) in self.renames.iter().rev().filter(|_| undo_renames) {
            if to.symlink_metadata().is_ok() && from.parent().is_some_and(Path::is_dir) {
                std::fs::rename(to, from)?;
            }
        }
        Ok(())
    }
}
