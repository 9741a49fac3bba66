//! Folders that last as long as a compilation.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::emit::Emitted;

/// A folder of one compilation, removed with it.
#[derive(Debug)]
pub(super) struct Scratch(PathBuf);

impl Scratch {
    /// A new folder below `work` with a target's files.
    pub(super) fn with(work: &Path, emitted: &Emitted) -> io::Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        std::fs::create_dir_all(work)?;
        let name = format!("{}-{}-{}", emitted.target, std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let scratch = Self(work.canonicalize()?.join(name));
        // One of that name is of a program that was killed before it could remove it.
        let _ = std::fs::remove_dir_all(&scratch.0);
        std::fs::create_dir(&scratch.0)?;
        for file in &emitted.files {
            std::fs::write(scratch.0.join(&file.path), &file.bytes)?;
        }
        Ok(scratch)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
