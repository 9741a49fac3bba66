//! What a running stage is given: a folder to write in, progress, cancellation, limits. Nothing global.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use aw_alloy::digest::Hasher;
use aw_alloy::tree::{TreeEntry, TreePath};
use serde::{Deserialize, Serialize};

use crate::stage::Failure;

/// Buffer between a stage and its output file: large enough that the system call is not the cost.
const WRITE_BUFFER_BYTES: usize = 1 << 20;

/// What a running stage is given.
pub struct Context<'a> {
    out: PathBuf,
    scratch: PathBuf,
    threads: usize,
    memory_bytes: Option<u64>,
    cancelled: &'a (dyn Fn() -> bool + Sync),
    progress: &'a (dyn Fn(Progress) + Sync),
    clock: &'a (dyn Fn() -> String + Sync),
}

/// How far a stage is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// What it is doing, in a few words.
    pub doing: String,
    /// Done so far.
    pub done: u64,
    /// All there is to do; `None` when it cannot be known.
    pub total: Option<u64>,
    /// What is counted.
    pub unit: Unit,
}

/// What progress is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Tokens.
    Tokens,
    /// Files.
    Files,
    /// Steps of any other kind.
    Steps,
}

impl<'a> Context<'a> {
    /// Makes a context; `out` and `scratch` must be existing, empty folders, `clock` gives the time as RFC 3339 text.
    pub fn new(
        out: PathBuf,
        scratch: PathBuf,
        threads: usize,
        memory_bytes: Option<u64>,
        cancelled: &'a (dyn Fn() -> bool + Sync),
        progress: &'a (dyn Fn(Progress) + Sync),
        clock: &'a (dyn Fn() -> String + Sync),
    ) -> Self {
        Self { out, scratch, threads: threads.max(1), memory_bytes, cancelled, progress, clock }
    }

    /// Starts an output file at a path of the output tree.
    ///
    /// # Errors
    /// When the folder or file cannot be made, or the file exists already.
    pub fn create(&self, path: &TreePath) -> io::Result<OutputFile> {
        OutputFile::create(&self.out, path)
    }

    /// Writes a whole output file.
    ///
    /// # Errors
    /// As [`Context::create`], or when writing or syncing fails.
    pub fn write(&self, path: &TreePath, bytes: &[u8]) -> io::Result<TreeEntry> {
        let mut file = self.create(path)?;
        file.write_all(bytes)?;
        file.finish()
    }

    /// The folder outputs are written in, for writers with their own files; paths in it are paths of the output tree.
    pub fn out(&self) -> &Path {
        &self.out
    }

    /// A folder for whatever is needed on the way; it is removed with the stage.
    pub fn scratch(&self) -> &Path {
        &self.scratch
    }

    /// How many threads the stage may use. Output must not depend on it.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// The memory the stage may take, in bytes; `None` when there is no limit.
    pub fn memory_bytes(&self) -> Option<u64> {
        self.memory_bytes
    }

    /// Says how far the stage is.
    pub fn progress(&self, progress: Progress) {
        (self.progress)(progress);
    }

    /// The time now as RFC 3339 text in UTC, for records. Never for content.
    pub fn now(&self) -> String {
        (self.clock)()
    }

    /// Whether the stage was asked to stop.
    pub fn is_cancelled(&self) -> bool {
        (self.cancelled)()
    }

    /// Ends the stage when it was asked to stop.
    ///
    /// # Errors
    /// [`Failure::cancelled`].
    pub fn check_cancelled(&self) -> Result<(), Failure> {
        if self.is_cancelled() { Err(Failure::cancelled()) } else { Ok(()) }
    }
}

/// An output file being written; hashed as it is written.
pub struct OutputFile {
    path: TreePath,
    file: BufWriter<File>,
    hasher: Hasher,
    bytes: u64,
}

impl OutputFile {
    fn create(out: &Path, path: &TreePath) -> io::Result<Self> {
        let full = out.join(path);
        if let Some(folder) = full.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let file = BufWriter::with_capacity(WRITE_BUFFER_BYTES, File::create_new(full)?);
        Ok(Self { path: path.clone(), file, hasher: Hasher::new(), bytes: 0 })
    }

    /// Syncs the file and says what it holds. A file that is dropped unfinished is not part of any output.
    ///
    /// # Errors
    /// When flushing or syncing fails.
    pub fn finish(self) -> io::Result<TreeEntry> {
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        Ok(TreeEntry { path: self.path, digest: self.hasher.finish(), bytes: self.bytes })
    }
}

impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
