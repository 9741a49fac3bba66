//! Where output files go.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A place that takes output files, one after the other.
///
/// The writer hashes what it writes, so an implementation only has to store bytes.
pub trait OutputFiles {
    /// Starts a file of exactly `bytes` bytes.
    ///
    /// # Errors
    /// When the file exists already or cannot be made.
    fn create(&mut self, path: &str, bytes: u64) -> io::Result<Box<dyn OutputFile>>;
}

/// A file being written. One that is dropped unfinished must leave nothing that could be taken for a finished file.
pub trait OutputFile: Write {
    /// Makes the file durable and visible under its name.
    ///
    /// # Errors
    /// When it cannot be.
    fn finish(self: Box<Self>) -> io::Result<()>;
}

/// A folder on disk: files are written under a temporary name, synced, and renamed.
#[derive(Debug)]
pub struct FolderOutput {
    folder: PathBuf,
}

/// What a temporary name ends in. A file of such a name was left by a process that died, and is written over.
pub const PARTIAL_SUFFIX: &str = ".partial";

impl FolderOutput {
    /// Writes into `folder`, which is made when it is not there.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        Ok(Self { folder: folder.to_owned() })
    }
}

impl OutputFiles for FolderOutput {
    fn create(&mut self, path: &str, _bytes: u64) -> io::Result<Box<dyn OutputFile>> {
        let target = self.folder.join(path);
        if target.symlink_metadata().is_ok() {
            let message = format!("`{}` exists already", target.display());
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, message));
        }
        let partial = self.folder.join(format!("{path}{PARTIAL_SUFFIX}"));
        let file = File::create(&partial)?;
        Ok(Box::new(FolderFile { file, written: 0, flushing: 0, partial: Some(partial), target }))
    }
}

/// Bytes after which the system is asked to start writing them to the disk.
const FLUSH_BYTES: u64 = 16 << 20;

struct FolderFile {
    file: File,
    written: u64,
    /// How many of the bytes written are on their way to the disk.
    flushing: u64,
    /// The temporary name, for as long as the file has it.
    partial: Option<PathBuf>,
    target: PathBuf,
}

impl FolderFile {
    /// Starts writing to the disk what has gathered in memory, so that the sync at the end has little left to wait for and
    /// a large model does not fill the memory with unwritten pages.
    fn start_flushing(&mut self) {
        let gathered = self.written - self.flushing;
        if gathered >= FLUSH_BYTES {
            #[cfg(target_os = "linux")]
            {
                // A hint: on Linux it starts the writing and returns. Whether it was heeded is settled by the sync.
                let _ = rustix::fs::fadvise(
                    &self.file,
                    self.flushing,
                    std::num::NonZeroU64::new(gathered),
                    rustix::fs::Advice::DontNeed,
                );
            }
            self.flushing = self.written;
        }
    }
}

impl Write for FolderFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.file.write(bytes)?;
        self.written += length as u64;
        self.start_flushing();
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl OutputFile for FolderFile {
    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.file.sync_all()?;
        if let Some(partial) = self.partial.take() {
            fs::rename(&partial, &self.target)?;
        }
        match self.target.parent() {
            // A rename lasts once the folder that holds the name is on disk.
            Some(folder) => File::open(folder)?.sync_all(),
            None => Ok(()),
        }
    }
}

impl Drop for FolderFile {
    fn drop(&mut self) {
        if let Some(partial) = &self.partial {
            // Best effort: what stays is under a temporary name and is written over next time.
            let _ = fs::remove_file(partial);
        }
    }
}
