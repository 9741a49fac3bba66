//! Files as shipping reads and writes them: through `aw-disk`, which follows no links, and whose writes last or are not there.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use aw_disk::{DiskError, Lock};

use crate::error::ShipError;

pub(crate) use aw_disk::parent;

/// Longest record that is read, in bytes.
pub(crate) const RECORD_BYTES_MAX: u64 = 32 << 20;

/// Opens a regular file, itself and no link to one.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let file = aw_disk::open_no_follow(path).map_err(|error| error.source)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is no regular file")) }
}

/// Reads a record of at most [`RECORD_BYTES_MAX`] bytes; `None` when there is none.
pub(crate) fn read(path: &Path) -> Result<Option<Vec<u8>>, ShipError> {
    Ok(aw_disk::read(path, RECORD_BYTES_MAX)?)
}

/// Puts a record in place of what is there, whole or not at all.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), ShipError> {
    let aside = aside(path);
    aw_disk::write_aside(&aside, bytes)?;
    aw_disk::rename(&aside, path)?;
    Ok(aw_disk::sync_dir(parent(path))?)
}

fn lock_file(path: &Path) -> Result<File, ShipError> {
    let failed = |source| DiskError { action: "lock", path: path.to_owned(), source };
    let flags =
        rustix::fs::OFlags::RDWR | rustix::fs::OFlags::CREATE | rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::CLOEXEC;
    let opened = rustix::fs::open(path, flags, rustix::fs::Mode::from_raw_mode(0o644));
    Ok(opened.map(File::from).map_err(|error| failed(error.into()))?)
}

/// A lock that is held until it is dropped or the process ends; `None` when another holds it.
pub(crate) fn lock(path: &Path) -> Result<Option<Lock>, ShipError> {
    Ok(Lock::try_exclusive(lock_file(path)?, path)?)
}

/// A name beside a path that no other process writes to.
fn aside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    parent(path).join(format!(".{name}.{}.tmp", std::process::id()))
}
