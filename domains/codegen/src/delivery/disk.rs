//! The few ways the delivery changes a disk. Everything goes through here so that errors name their place, and so that the tests can
//! stop the world before any single step.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// A file or folder that could not be read, written or moved.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} `{}`: {source}", path.display())]
pub struct DiskError {
    /// What was being done, as a verb.
    pub action: &'static str,
    /// To which file or folder.
    pub path: PathBuf,
    /// What the operating system said.
    pub source: io::Error,
}

pub(crate) type Disk<T> = Result<T, DiskError>;

/// Adds the place to an operating system error.
pub(crate) trait At<T> {
    fn at(self, action: &'static str, path: &Path) -> Disk<T>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, action: &'static str, path: &Path) -> Disk<T> {
        self.map_err(|source| DiskError { action, path: path.to_owned(), source })
    }
}

/// Creates a folder and those above it, synced; existing ones are fine.
pub(crate) fn ensure_dir(path: &Path) -> Disk<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        ensure_dir(parent)?;
    }
    step(Step::Create(path)).at("create the folder", path)?;
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(error).at("create the folder", path),
        Ok(()) => path.parent().filter(|parent| !parent.as_os_str().is_empty()).map_or(Ok(()), sync_dir),
    }
}

/// Writes a file that is not there yet, synced.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> Disk<()> {
    step(Step::Create(path)).at("create", path)?;
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).at("create", path)?;
    step(Step::Dirty(path)).at("write", path)?;
    file.write_all(bytes).at("write", path)?;
    step(Step::Sync(path)).at("sync", path)?;
    sync(&file).at("sync", path)?;
    step(Step::Synced(path)).at("sync", path)
}

/// Syncs a folder, so that what was created, renamed or removed in it lasts.
pub(crate) fn sync_dir(path: &Path) -> Disk<()> {
    step(Step::Sync(path)).at("sync the folder", path)?;
    File::open(path).and_then(|folder| sync(&folder)).at("sync the folder", path)?;
    step(Step::Synced(path)).at("sync the folder", path)
}

/// The tests that stop the world take back themselves what was not synced, thousands of times, and need no disk for it.
fn sync(file: &File) -> io::Result<()> {
    if cfg!(test) { Ok(()) } else { file.sync_all() }
}

/// Renames, replacing what is at `to`.
pub(crate) fn rename(from: &Path, to: &Path) -> Disk<()> {
    step(Step::Rename(from, to)).at("rename", from)?;
    fs::rename(from, to).at("rename", from)?;
    step(Step::Renamed(from, to)).at("rename", from)
}

/// Renames, refusing to replace anything; false when something is already at `to`.
pub(crate) fn rename_new(from: &Path, to: &Path) -> Disk<bool> {
    step(Step::Rename(from, to)).at("rename", from)?;
    #[cfg(any(target_os = "linux", target_vendor = "apple"))]
    match rustix::fs::renameat_with(rustix::fs::CWD, from, rustix::fs::CWD, to, rustix::fs::RenameFlags::NOREPLACE) {
        Ok(()) => return step(Step::Renamed(from, to)).at("rename", from).map(|()| true),
        Err(rustix::io::Errno::EXIST) => return Ok(false),
        // A file system without the flag (old NFS, some FUSE): fall through to look-then-rename.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::NOTSUP) => {}
        Err(error) => return Err(io::Error::from(error)).at("rename", from),
    }
    if to.symlink_metadata().is_ok() {
        return Ok(false);
    }
    fs::rename(from, to).at("rename", from)?;
    step(Step::Renamed(from, to)).at("rename", from).map(|()| true)
}

/// Makes a symbolic link.
pub(crate) fn symlink(target: &Path, path: &Path) -> Disk<()> {
    step(Step::Create(path)).at("link", path)?;
    std::os::unix::fs::symlink(target, path).at("link", path)
}

/// Removes a file, or a folder and all inside; what is gone is fine. Links are removed, never followed.
pub(crate) fn remove(path: &Path) -> Disk<()> {
    let gone = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    let meta = match path.symlink_metadata() {
        Err(error) if gone(&error) => return Ok(()),
        other => other.at("look at", path)?,
    };
    step(Step::Remove(path)).at("remove", path)?;
    match if meta.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) } {
        Err(error) if !gone(&error) => Err(error).at("remove", path),
        _ => Ok(()),
    }
}

/// Replaces a file in one step: written aside, synced, renamed.
pub(crate) fn replace(aside: &Path, path: &Path, bytes: &[u8]) -> Disk<()> {
    write_new(aside, bytes)?;
    rename(aside, path)?;
    sync_dir(parent(path))
}

/// Reads a whole file of at most `limit` bytes, which must be a regular file itself; `None` when there is nothing.
pub(crate) fn read(path: &Path, limit: u64) -> Disk<Option<Vec<u8>>> {
    // Without NONBLOCK, opening a FIFO someone put there would wait for ever.
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let file = match OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.at("open", path)?,
    };
    if !file.metadata().at("look at", path)?.is_file() {
        return Err(io::Error::other("it is no regular file")).at("read", path);
    }
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).at("read", path)?;
    if bytes.len() as u64 > limit {
        let why = format!("it is longer than {limit} bytes, the most that is read here");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, why)).at("read", path);
    }
    Ok(Some(bytes))
}

/// Names inside a folder, sorted; none when there is no such folder.
pub(crate) fn list(folder: &Path) -> Disk<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.at("list", folder)?,
    };
    let mut paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>().at("list", folder)?;
    paths.sort();
    Ok(paths)
}

/// The folder something is in.
pub(crate) fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("/"))
}

/// A name that nothing else of this process has, and no other process of now.
pub(crate) fn unique() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.subsec_nanos());
    format!("{}-{now}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// One thing about to happen, or just happened, to the disk. Only tests look.
#[allow(dead_code)]
pub(crate) enum Step<'a> {
    Create(&'a Path),
    Dirty(&'a Path),
    Sync(&'a Path),
    Synced(&'a Path),
    Rename(&'a Path, &'a Path),
    Renamed(&'a Path, &'a Path),
    Remove(&'a Path),
}

#[cfg(not(test))]
#[inline(always)]
fn step(_: Step<'_>) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
use super::crash::step;
