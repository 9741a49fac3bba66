//! The changes themselves.

use std::fs::{self, File, FileTimes, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use crate::error::{At, Disk};
use crate::look::{open_no_follow, parent};
use crate::step::{Step, is_watched, step};

/// Makes a folder; its parent is not synced.
///
/// # Errors
/// When something is there already, or it cannot be made.
pub fn create_dir(path: &Path) -> Disk<()> {
    step(Step::Create(path)).at("create the folder", path)?;
    fs::create_dir(path).at("create the folder", path)
}

/// Makes a folder and those above it, and syncs the folders they appear in; existing ones are fine.
///
/// # Errors
/// When something else is in the way, or one cannot be made.
pub fn ensure_dir(path: &Path) -> Disk<()> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    let above = parent(path);
    if above != path {
        ensure_dir(above)?;
    }
    match create_dir(path) {
        Err(error) if error.source.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        other => other.and_then(|()| sync_dir(above)),
    }
}

/// Makes a file that is not there yet, for reading and writing.
///
/// # Errors
/// When something is there already, or it cannot be made.
pub fn create_new(path: &Path) -> Disk<File> {
    step(Step::Create(path)).at("create", path)?;
    let file = OpenOptions::new().read(true).write(true).create_new(true).open(path).at("create", path)?;
    step(Step::Write(path)).at("write", path)?;
    Ok(file)
}

/// Writes a file that is not there yet, and syncs it; the folder it appears in is not synced.
///
/// # Errors
/// When something is there already, or it cannot be written.
pub fn write_new(path: &Path, bytes: &[u8]) -> Disk<()> {
    let mut file = create_new(path)?;
    file.write_all(bytes).at("write", path)?;
    sync_file(&file, path)
}

/// Like [`write_new`], but clears away a file that is already there: for names that only the caller uses.
///
/// # Errors
/// When it cannot be written; the file is then removed.
pub fn write_aside(path: &Path, bytes: &[u8]) -> Disk<()> {
    put_aside(path, bytes).and_then(|file| sync_file(&file, path)).inspect_err(|_| {
        // What is half-written helps nobody; a failure to remove it adds nothing to the one that is reported.
        let _ = remove_file(path);
    })
}

/// Like [`write_aside`], but not synced: for many files that are then synced at once.
///
/// # Errors
/// When it cannot be written.
pub fn put_aside(path: &Path, bytes: &[u8]) -> Disk<File> {
    remove_file(path)?;
    let mut file = create_new(path)?;
    file.write_all(bytes).at("write", path)?;
    Ok(file)
}

/// Puts `bytes` where the file began, and ends it there. Not synced: after a power cut it may hold anything.
///
/// # Errors
/// When it cannot be written; it is then empty where that can be done.
pub fn overwrite(file: &File, path: &Path, bytes: &[u8]) -> Disk<()> {
    use std::os::unix::fs::FileExt;
    set_len(file, path, 0)?;
    step(Step::Write(path)).at("write", path)?;
    file.write_all_at(bytes, 0).at("write", path).inspect_err(|_| {
        let _ = file.set_len(0);
    })
}

/// Cuts a file off, or fills it with zeros, to a length.
///
/// # Errors
/// When it cannot be done.
pub fn set_len(file: &File, path: &Path, length: u64) -> Disk<()> {
    step(Step::Write(path)).at("cut", path)?;
    file.set_len(length).at("cut", path)
}

/// Adds to the end of a file in a single write, making the file when it is not there. Not synced. What was written in part, on a
/// full disk, is taken back.
///
/// # Errors
/// When it cannot be opened or written.
pub fn append(path: &Path, bytes: &[u8]) -> Disk<()> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    if path.symlink_metadata().is_err() {
        step(Step::Create(path)).at("create", path)?;
    }
    let mut file =
        OpenOptions::new().append(true).create(true).custom_flags(flags.bits().cast_signed()).open(path).at("open", path)?;
    step(Step::Write(path)).at("write", path)?;
    let written = loop {
        match file.write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => break other.at("write", path)?,
        }
    };
    if written == bytes.len() {
        return Ok(());
    }
    let length = file.metadata().at("look at", path)?.len();
    file.set_len(length.saturating_sub(written as u64)).at("cut", path)?;
    Err(io::Error::new(io::ErrorKind::StorageFull, "only a part could be written")).at("write", path)
}

/// Syncs an open file.
///
/// # Errors
/// When it cannot be synced.
pub fn sync_file(file: &File, path: &Path) -> Disk<()> {
    step(Step::Sync(path)).at("sync", path)?;
    if !is_watched() {
        file.sync_all().at("sync", path)?;
    }
    step(Step::Synced(path)).at("sync", path)
}

/// Syncs a file, or a folder's list of names, by its path.
///
/// # Errors
/// When it cannot be opened or synced.
pub fn sync_path(path: &Path) -> Disk<()> {
    sync_file(&open_no_follow(path)?, path)
}

/// Syncs a folder, so that what was created, renamed or removed in it lasts.
///
/// # Errors
/// When it cannot be opened or synced.
pub fn sync_dir(path: &Path) -> Disk<()> {
    sync_file(&File::open(path).at("open the folder", path)?, path)
}

/// Renames, replacing what is at `to`.
///
/// # Errors
/// When it cannot be done.
pub fn rename(from: &Path, to: &Path) -> Disk<()> {
    step(Step::Rename(from, to)).at("rename", from)?;
    fs::rename(from, to).at("rename", from)?;
    step(Step::Renamed(from, to)).at("rename", from)
}

/// Renames, refusing to replace anything; false when something is already at `to`.
///
/// # Errors
/// When it cannot be done for another reason.
pub fn rename_new(from: &Path, to: &Path) -> Disk<bool> {
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

/// Replaces a file in one step: written to `aside`, synced, renamed, and the folder synced.
///
/// # Errors
/// When one of these fails; the file is then the old or the new one, whole.
pub fn replace(aside: &Path, path: &Path, bytes: &[u8]) -> Disk<()> {
    write_new(aside, bytes)?;
    rename(aside, path)?;
    sync_dir(parent(path))
}

/// Makes a symbolic link.
///
/// # Errors
/// When it cannot be made.
pub fn symlink(target: &Path, path: &Path) -> Disk<()> {
    step(Step::Create(path)).at("link", path)?;
    std::os::unix::fs::symlink(target, path).at("link", path)
}

/// Removes a file; one that is already gone is fine.
///
/// # Errors
/// When it cannot be removed.
pub fn remove_file(path: &Path) -> Disk<()> {
    step(Step::Remove(path)).at("remove", path)?;
    gone_is_fine(fs::remove_file(path)).at("remove", path)
}

/// Removes a folder and all inside; one that is already gone is fine. Links are removed, never followed.
///
/// # Errors
/// When it cannot be removed.
pub fn remove_dir_all(path: &Path) -> Disk<()> {
    step(Step::Remove(path)).at("remove", path)?;
    gone_is_fine(fs::remove_dir_all(path)).at("remove", path)
}

/// Removes a file, or a folder and all inside; what is gone is fine. Links are removed, never followed.
///
/// # Errors
/// When it cannot be looked at or removed.
pub fn remove(path: &Path) -> Disk<()> {
    match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).at("look at", path),
        Ok(meta) if meta.is_dir() => remove_dir_all(path),
        Ok(_) => remove_file(path),
    }
}

fn gone_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Gives an open file its permissions and its modification time.
///
/// # Errors
/// When they cannot be set.
pub fn stamp(file: &File, path: &Path, mode: u32, modified: SystemTime) -> Disk<()> {
    step(Step::Write(path)).at("set the mode of", path)?;
    file.set_permissions(Permissions::from_mode(mode)).at("set the mode of", path)?;
    file.set_times(FileTimes::new().set_modified(modified)).at("set the time of", path)
}

/// Sets a file's modification time to now. A link's own is set, not that of what it leads to.
///
/// # Errors
/// When it cannot be set.
pub fn touch(path: &Path) -> Disk<()> {
    set_times(path, rustix::fs::Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_NOW })
}

/// Sets a file's modification time. A link's own is set, not that of what it leads to.
///
/// # Errors
/// When it cannot be set, or the time cannot be told by the file system.
pub fn set_modified(path: &Path, modified: SystemTime) -> Disk<()> {
    let (before, distance) = match modified.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => (false, since),
        Err(error) => (true, error.duration()),
    };
    let seconds = i64::try_from(distance.as_secs())
        .map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))
        .at("set the time of", path)?;
    let nanos = i64::from(distance.subsec_nanos());
    let time = match (before, nanos) {
        (false, nanos) => rustix::fs::Timespec { tv_sec: seconds, tv_nsec: nanos },
        (true, 0) => rustix::fs::Timespec { tv_sec: -seconds, tv_nsec: 0 },
        (true, nanos) => rustix::fs::Timespec { tv_sec: -seconds - 1, tv_nsec: 1_000_000_000 - nanos },
    };
    set_times(path, time)
}

fn set_times(path: &Path, modified: rustix::fs::Timespec) -> Disk<()> {
    use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_OMIT, utimensat};
    let last_access = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
    let times = Timestamps { last_access, last_modification: modified };
    utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).map_err(io::Error::from).at("set the time of", path)
}

/// A name that nothing else of this process has, and no other process of now.
pub fn unique() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.subsec_nanos());
    format!("{}-{now}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_rename_replaces_nothing_when_told_so() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (folder.path().join("a"), folder.path().join("b"));
        write_new(&a, b"a").unwrap();
        write_new(&b, b"b").unwrap();
        assert!(!rename_new(&a, &b).unwrap());
        assert_eq!((fs::read(&a).unwrap(), fs::read(&b).unwrap()), (b"a".to_vec(), b"b".to_vec()));
        remove(&b).unwrap();
        assert!(rename_new(&a, &b).unwrap());
        assert!(rename_new(&a, &b).is_err(), "what is not there cannot be renamed");
    }

    #[test]
    fn what_is_appended_follows_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        append(&path, b"one\n").unwrap();
        append(&path, b"two\n").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one\ntwo\n");
        std::os::unix::fs::symlink(&path, folder.path().join("link")).unwrap();
        assert!(append(&folder.path().join("link"), b"three\n").is_err());
    }

    #[test]
    fn times_before_and_after_1970_are_set() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write_new(&path, b"").unwrap();
        for time in [
            SystemTime::UNIX_EPOCH + Duration::new(1_000_000_000, 7),
            SystemTime::UNIX_EPOCH - Duration::new(3, 250_000_000),
            SystemTime::UNIX_EPOCH - Duration::from_secs(3),
        ] {
            set_modified(&path, time).unwrap();
            assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), time);
        }
    }

    #[test]
    fn folders_are_made_with_those_above_and_nothing_is_followed_when_removing() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("a/b/c");
        ensure_dir(&deep).unwrap();
        ensure_dir(&deep).unwrap();
        fs::create_dir(folder.path().join("other")).unwrap();
        fs::write(folder.path().join("other/kept"), "").unwrap();
        std::os::unix::fs::symlink("../../other", deep.join("link")).unwrap();
        remove(&folder.path().join("a")).unwrap();
        remove(&folder.path().join("a")).unwrap();
        assert!(folder.path().join("other/kept").exists() && !deep.exists());
    }
}
