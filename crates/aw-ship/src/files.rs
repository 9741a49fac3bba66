//! Files as shipping reads and writes them: links are not followed, what is written lasts or is not there.

use std::fs::{self, File};
use std::io::{self, Read, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FlockOperation, Mode, OFlags, RenameFlags};

use crate::error::{ShipError, disk};

/// Longest record that is read, in bytes.
pub(crate) const RECORD_BYTES_MAX: u64 = 32 << 20;

/// Opens a regular file, itself and no link to one.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file: File = rustix::fs::open(path, flags, Mode::empty()).map(OwnedFd::into)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is no regular file")) }
}

/// Reads a record of at most [`RECORD_BYTES_MAX`] bytes; `None` when there is none.
pub(crate) fn read(path: &Path) -> Result<Option<Vec<u8>>, ShipError> {
    let file = match open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(disk("read", path)(error)),
    };
    let mut bytes = Vec::new();
    file.take(RECORD_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(disk("read", path))?;
    if bytes.len() as u64 > RECORD_BYTES_MAX {
        let long = io::Error::other(format!("it is longer than {RECORD_BYTES_MAX} bytes"));
        return Err(disk("read", path)(long));
    }
    Ok(Some(bytes))
}

/// Puts a record in place of what is there, whole or not at all.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), ShipError> {
    let aside = aside(path);
    write(&aside, bytes)?;
    fs::rename(&aside, path).map_err(disk("put in place", path))?;
    sync_folder(parent(path))
}

/// Puts a record where there is none; false when there is one.
pub(crate) fn create(path: &Path, bytes: &[u8]) -> Result<bool, ShipError> {
    let aside = aside(path);
    write(&aside, bytes)?;
    if rename_new(&aside, path)? {
        sync_folder(parent(path))?;
        return Ok(true);
    }
    fs::remove_file(&aside).map_err(disk("removed", &aside))?;
    Ok(false)
}

/// Renames without replacing; false when the name is taken.
pub(crate) fn rename_new(from: &Path, to: &Path) -> Result<bool, ShipError> {
    match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::EXIST | rustix::io::Errno::NOTEMPTY) => Ok(false),
        Err(error) => Err(disk("put in place", to)(error.into())),
    }
}

/// Appends one line in one write.
pub(crate) fn append(path: &Path, line: &str) -> Result<(), ShipError> {
    let mut file = fs::OpenOptions::new().create(true).append(true).open(path).map_err(disk("written", path))?;
    let mut bytes = line.as_bytes().to_vec();
    bytes.push(b'\n');
    file.write_all(&bytes).and_then(|()| file.sync_data()).map_err(disk("written", path))
}

/// Writes a file that nobody looks at yet, and waits until it lasts.
fn write(path: &Path, bytes: &[u8]) -> Result<(), ShipError> {
    let mut file = File::create(path).map_err(disk("written", path))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(disk("written", path))
}

/// Waits until what was renamed in a folder lasts.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), ShipError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(disk("synced", folder))
}

fn lock_file(path: &Path) -> Result<File, ShipError> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = rustix::fs::open(path, flags, Mode::from_raw_mode(0o644));
    opened.map(OwnedFd::into).map_err(|error| disk("locked", path)(error.into()))
}

/// Waits for a lock; it is held until it is dropped or the process ends.
pub(crate) fn lock_waiting(path: &Path) -> Result<File, ShipError> {
    let file = lock_file(path)?;
    loop {
        match rustix::fs::flock(&file, FlockOperation::LockExclusive) {
            Ok(()) => return Ok(file),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(disk("locked", path)(error.into())),
        }
    }
}

/// A lock that is held until it is dropped or the process ends; `None` when another holds it.
pub(crate) fn lock(path: &Path) -> Result<Option<File>, ShipError> {
    let file = lock_file(path)?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(disk("locked", path)(error.into())),
    }
}

/// The folder a path lies in.
pub(crate) fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A name beside a path that nothing else has.
fn aside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    parent(path).join(format!(".{name}.{}.tmp", std::process::id()))
}
