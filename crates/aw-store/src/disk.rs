//! The few ways this crate changes a disk. Everything goes through here so that errors name their place, and so that the
//! tests can stop the world before any single step.

use std::fs::{self, File, FileTimes, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

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

/// Modification time of every blob (2001-09-09T01:46:40Z): a write by anyone moves it, so a stat is enough to see one.
pub(crate) fn blob_time() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000)
}

/// Permissions of every blob.
pub(crate) const BLOB_MODE: u32 = 0o444;

pub(crate) fn create_dir(path: &Path) -> Disk<()> {
    step(Step::Create(path)).at("create the folder", path)?;
    fs::create_dir(path).at("create the folder", path)
}

/// Creates `path` and syncs its parent; an existing folder is fine.
pub(crate) fn ensure_dir(path: &Path) -> Disk<()> {
    match create_dir(path) {
        Ok(()) => sync_dir(parent(path)),
        Err(error) if error.source.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(error),
    }
}

pub(crate) fn create_new(path: &Path) -> Disk<File> {
    step(Step::Create(path)).at("create", path)?;
    let file = OpenOptions::new().read(true).write(true).create_new(true).open(path).at("create", path)?;
    step(Step::Dirty(path)).at("create", path)?;
    Ok(file)
}

pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> Disk<()> {
    let mut file = create_new(path)?;
    file.write_all(bytes).at("write", path)?;
    sync_file(&file, path)
}

pub(crate) fn sync_file(file: &File, path: &Path) -> Disk<()> {
    step(Step::Sync(path)).at("sync", path)?;
    file.sync_all().at("sync", path)?;
    step(Step::Synced(path)).at("sync", path)
}

pub(crate) fn sync_path(path: &Path) -> Disk<()> {
    sync_file(&open_no_follow(path)?, path)
}

/// Below this many files, threads cost more than they save.
pub(crate) const SYNC_TOGETHER: usize = 8;
/// Syncs that wait at once. Each mostly waits, and the file system's journal commits those that wait together as one.
const SYNC_THREADS: usize = 32;

/// Does `work` for each item, many at once when there are many. Meant for work that ends in a sync. Results keep no order.
pub(crate) fn together<'i, I: Sync, T: Send, E: Send>(
    items: &'i [I],
    work: impl Fn(&'i I) -> Result<T, E> + Sync,
) -> Result<Vec<T>, E> {
    if items.len() < SYNC_TOGETHER {
        return items.iter().map(work).collect();
    }
    let work = &work;
    std::thread::scope(|scope| {
        let parts = items.chunks(items.len().div_ceil(SYNC_THREADS));
        let threads: Vec<_> =
            parts.map(|part| scope.spawn(move || part.iter().map(work).collect::<Result<Vec<T>, E>>())).collect();
        let mut all = Vec::with_capacity(items.len());
        for thread in threads {
            all.extend(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        }
        Ok(all)
    })
}

pub(crate) fn sync_dir(path: &Path) -> Disk<()> {
    step(Step::Sync(path)).at("sync the folder", path)?;
    File::open(path).and_then(|folder| folder.sync_all()).at("sync the folder", path)?;
    step(Step::Synced(path)).at("sync the folder", path)
}

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
    fs::rename(from, to).at("rename", from).map(|()| true)
}

/// Removes a file; one that is already gone is fine.
pub(crate) fn remove_file(path: &Path) -> Disk<()> {
    step(Step::Remove(path)).at("remove", path)?;
    gone_is_fine(fs::remove_file(path)).at("remove", path)
}

/// Removes a folder and all inside; one that is already gone is fine. Links are removed, never followed.
pub(crate) fn remove_dir_all(path: &Path) -> Disk<()> {
    step(Step::Remove(path)).at("remove", path)?;
    gone_is_fine(fs::remove_dir_all(path)).at("remove", path)
}

/// Removes a file, or a folder and all inside.
pub(crate) fn remove_any(path: &Path) -> Disk<()> {
    if path.symlink_metadata().at("look at", path)?.is_dir() { remove_dir_all(path) } else { remove_file(path) }
}

fn gone_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Gives an open file the mode and time of a blob.
pub(crate) fn stamp_blob(file: &File, path: &Path) -> Disk<()> {
    step(Step::Dirty(path)).at("mark as read-only", path)?;
    file.set_permissions(Permissions::from_mode(BLOB_MODE)).at("mark as read-only", path)?;
    file.set_times(FileTimes::new().set_modified(blob_time())).at("set the time of", path)
}

/// Sets a file's modification time to now.
pub(crate) fn touch(path: &Path) -> Disk<()> {
    use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_NOW, utimensat};
    let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
    let times = Timestamps { last_access: now, last_modification: now };
    utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).map_err(io::Error::from).at("set the time of", path)
}

/// Opens for reading what must be a regular file itself, not a link to one.
pub(crate) fn open_no_follow(path: &Path) -> Disk<File> {
    // Without NONBLOCK, opening a FIFO someone put there would wait for ever.
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path).at("open", path)
}

/// Reads a whole file of at most `limit` bytes; `None` when there is no such file.
pub(crate) fn read_bounded(path: &Path, limit: u64) -> Disk<Option<Vec<u8>>> {
    let file = match open_no_follow(path) {
        Ok(file) => file,
        Err(error) if error.source.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).at("read", path)?;
    if bytes.len() as u64 > limit {
        let why = format!("it is longer than {limit} bytes, the most that is read here");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, why)).at("read", path);
    }
    Ok(Some(bytes))
}

/// Names inside a folder, sorted, so that what follows does not depend on the file system's order.
pub(crate) fn list(folder: &Path) -> Disk<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).at("list", folder)?;
    let mut paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>().at("list", folder)?;
    paths.sort();
    Ok(paths)
}

pub(crate) fn parent(path: &Path) -> &Path {
    path.parent().expect("every path of the store has a parent folder")
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
pub(crate) fn step(_: Step<'_>) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
pub(crate) use crate::crash::step;
