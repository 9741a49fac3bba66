//! Reading, bounded and without being led elsewhere.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::error::{At, Disk};

/// Opens for reading what must be a file itself, not a link to one.
///
/// # Errors
/// When it is a link or cannot be opened.
pub fn open_no_follow(path: &Path) -> Disk<File> {
    // Without NONBLOCK, opening a FIFO someone put there would wait for ever.
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path).at("open", path)
}

/// Reads a whole file of at most `limit` bytes, which must be a regular file itself; `None` when there is nothing.
///
/// # Errors
/// When it is something else, is longer, or cannot be read.
pub fn read(path: &Path, limit: u64) -> Disk<Option<Vec<u8>>> {
    let file = match open_no_follow(path) {
        Err(error) if error.source.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
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

/// What is inside a folder, sorted, so that what follows does not depend on the file system's order.
///
/// # Errors
/// When the folder cannot be listed.
pub fn list(folder: &Path) -> Disk<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).at("list", folder)?;
    let mut paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>().at("list", folder)?;
    paths.sort();
    Ok(paths)
}

/// Like [`list`]; nothing when there is no such folder.
///
/// # Errors
/// When the folder is there and cannot be listed.
pub fn list_if_there(folder: &Path) -> Disk<Vec<PathBuf>> {
    match list(folder) {
        Err(error) if error.source.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        other => other,
    }
}

/// The folder something is in.
pub fn parent(path: &Path) -> &Path {
    match path.parent() {
        None => Path::new("/"),
        Some(above) if above.as_os_str().is_empty() => Path::new("."),
        Some(above) => above,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_regular_files_within_the_limit_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("file"), "12345").unwrap();
        std::os::unix::fs::symlink("file", path("link")).unwrap();
        fs::create_dir(path("folder")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, path("fifo"), rustix::fs::Mode::RUSR).unwrap();
        assert_eq!(read(&path("file"), 5).unwrap().unwrap(), b"12345");
        assert!(read(&path("none"), 5).unwrap().is_none());
        for (name, limit) in [("file", 4), ("link", 9), ("folder", 9), ("fifo", 9)] {
            let error = read(&path(name), limit).unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
        }
    }

    #[test]
    fn a_relative_name_is_in_this_folder() {
        assert_eq!(parent(Path::new("a")), Path::new("."));
        assert_eq!(parent(Path::new("/a")), Path::new("/"));
    }
}
