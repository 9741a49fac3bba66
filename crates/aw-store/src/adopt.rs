//! Taking finished files into the store.

use std::collections::BTreeSet;
use std::fs::{File, Metadata};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use aw_alloy::digest::{Digest, Hasher};

use crate::check::Look;
use crate::disk::{self, At as _, Disk, DiskError};
use crate::writer::Writer;

/// A finished file and what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// Where it is now: on the store's file system, usually in a scratch folder.
    pub file: PathBuf,
    /// SHA-256 of its content, computed by whoever wrote it.
    pub digest: Digest,
    /// Its size in bytes.
    pub bytes: u64,
}

/// Why a file was not taken into the store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdoptError {
    /// The file cannot be read, synced or moved.
    #[error("cannot take a file into the store: {0}")]
    Disk(#[from] DiskError),
    /// The file is not as long as its writer said.
    #[error("cannot take `{}` into the store: expected {expected} bytes, found {found}", file.display())]
    SizeDiffers {
        /// The file.
        file: PathBuf,
        /// Size given.
        expected: u64,
        /// Size found.
        found: u64,
    },
    /// It is a folder, a link or a special file.
    #[error("cannot take `{}` into the store: it is not a regular file", file.display())]
    NotAFile {
        /// The file.
        file: PathBuf,
    },
}

impl Writer {
    /// Moves a finished file into the store, without copying it. It is on the disk when this returns.
    ///
    /// The digest is taken on trust: whoever wrote the bytes hashed them in passing. A file that others also have under
    /// another name (a hard link) is copied, because they could still write to it.
    ///
    /// # Errors
    /// [`AdoptError`] when it is not a regular file of that size, or cannot be moved.
    pub fn adopt(&self, file: &Path, digest: Digest, bytes: u64) -> Result<(), AdoptError> {
        self.adopt_all(&[Finished { file: file.to_owned(), digest, bytes }])
    }

    /// Moves many finished files into the store; quicker than one by one, because they are synced together.
    ///
    /// # Errors
    /// [`AdoptError`] for the first that fails; those before it may already be in the store, which harms nothing.
    pub fn adopt_all(&self, files: &[Finished]) -> Result<(), AdoptError> {
        let sealed = disk::together(files, |finished| self.seal(finished).map(|sealed| (sealed, finished)))?;
        let mut folders = BTreeSet::new();
        for (sealed, finished) in &sealed {
            let to = self.layout.blob(&finished.digest);
            let folder = disk::parent(&to).to_owned();
            if !folders.contains(&folder) {
                disk::ensure_dir(&folder)?;
            }
            if let Sealed::At(from) = sealed {
                self.move_in(from, &to, finished)?;
            }
            // Also when it was already there: another writer may have renamed it and not yet synced the folder.
            folders.insert(folder);
        }
        let folders: Vec<PathBuf> = folders.into_iter().collect();
        disk::together(&folders, |folder| disk::sync_dir(folder))?;
        Ok(())
    }

    /// Puts bytes held in memory into the store.
    ///
    /// # Errors
    /// [`AdoptError::Disk`] when they cannot be written.
    pub fn put_bytes(&self, bytes: &[u8]) -> Result<Digest, AdoptError> {
        let digest = Digest::of(bytes);
        if self.look(&digest)? != (Look::Sound { bytes: bytes.len() as u64 }) {
            let file = self.temporary();
            disk::write_new(&file, bytes)?;
            self.adopt(&file, digest, bytes.len() as u64)?;
        }
        Ok(digest)
    }

    /// Starts a file that is hashed while it is written.
    ///
    /// # Errors
    /// [`DiskError`] when it cannot be made.
    pub fn create_blob(&self) -> Result<BlobWriter<'_>, DiskError> {
        let path = self.temporary();
        let file = disk::create_new(&path)?;
        let tee = Tee { file, hasher: Hasher::new(), bytes: 0 };
        Ok(BlobWriter { writer: self, path, file: BufWriter::with_capacity(BUFFER_BYTES, tee) })
    }

    fn move_in(&self, from: &Path, to: &Path, finished: &Finished) -> Disk<()> {
        match self.look(&finished.digest)? {
            Look::Sound { bytes } if bytes == finished.bytes => disk::remove_file(from),
            // A folder where a blob should be cannot be replaced by a rename.
            Look::NotAFile => disk::rename(to, &self.temporary()).and_then(|()| disk::rename(from, to)),
            _ => disk::rename(from, to),
        }
    }

    /// Checks a file, gives it a blob's mode and time, and syncs it.
    fn seal(&self, finished: &Finished) -> Result<Sealed, AdoptError> {
        let path = &finished.file;
        if !path.symlink_metadata().at("look at", path)?.is_file() {
            return Err(AdoptError::NotAFile { file: path.clone() });
        }
        let file = disk::open_no_follow(path)?;
        let meta = file.metadata().at("look at", path)?;
        if meta.len() != finished.bytes {
            return Err(AdoptError::SizeDiffers { file: path.clone(), expected: finished.bytes, found: meta.len() });
        }
        if self.is_blob(&meta, &finished.digest) {
            return Ok(Sealed::InPlace);
        }
        let (path, file) = if meta.nlink() == 1 { (path.clone(), file) } else { self.copy_apart(path, &file)? };
        disk::stamp_blob(&file, &path)?;
        disk::sync_file(&file, &path)?;
        Ok(Sealed::At(path))
    }

    fn copy_apart(&self, path: &Path, mut file: &File) -> Disk<(PathBuf, File)> {
        let copy = self.temporary();
        let mut out = disk::create_new(&copy)?;
        io::copy(&mut file, &mut out).at("copy", path)?;
        Ok((copy, out))
    }

    /// Whether an open file is the blob itself: a stage passed on what was hard-linked into its folder.
    fn is_blob(&self, meta: &Metadata, digest: &Digest) -> bool {
        let same = |blob: Metadata| (blob.dev(), blob.ino()) == (meta.dev(), meta.ino());
        let sound = self.look(digest).is_ok_and(|look| look == Look::Sound { bytes: meta.len() });
        sound && self.layout.blob(digest).symlink_metadata().is_ok_and(same)
    }
}

/// A file ready to be a blob.
enum Sealed {
    /// To be moved from here.
    At(PathBuf),
    /// It already is the blob.
    InPlace,
}

/// Bytes gathered before they are hashed and written.
const BUFFER_BYTES: usize = 256 * 1024;

/// A blob being written. Dropping it unfinished leaves nothing in the store.
pub struct BlobWriter<'w> {
    writer: &'w Writer,
    path: PathBuf,
    file: BufWriter<Tee>,
}

/// Hashes what reaches the file.
struct Tee {
    file: File,
    hasher: Hasher,
    bytes: u64,
}

impl Write for Tee {
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

impl Write for BlobWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl BlobWriter<'_> {
    /// Ends the file and hands it over, hashed and still outside the store: give it to [`Writer::adopt_all`].
    ///
    /// # Errors
    /// [`DiskError`] when the last bytes cannot be written.
    pub fn finish(self) -> Result<Finished, DiskError> {
        let tee = self.file.into_inner().map_err(io::IntoInnerError::into_error).at("write", &self.path)?;
        Ok(Finished { file: self.path, digest: tee.hasher.finish(), bytes: tee.bytes })
    }

    /// Ends the file and takes it into the store.
    ///
    /// # Errors
    /// [`AdoptError`] when the last bytes cannot be written, or the file cannot be moved.
    pub fn store(self) -> Result<Finished, AdoptError> {
        let writer = self.writer;
        let finished = self.finish()?;
        writer.adopt_all(std::slice::from_ref(&finished))?;
        Ok(finished)
    }
}
