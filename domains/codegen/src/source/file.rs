//! Sources in files.

use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::location::file_uri;
use super::{Fetched, SOURCE_BYTES_MAX, SourceError};

/// A regular file and its real place.
fn opened(path: &Path, roots: Option<&[PathBuf]>) -> Result<(File, PathBuf), SourceError> {
    let odd = |reason: String| SourceError::File { path: path.to_owned(), reason };
    let (file, real) = match roots {
        None => (open(path).map_err(|error| odd(error.to_string()))?, path.to_owned()),
        Some(roots) => open_under(path, roots)?,
    };
    let meta = file.metadata().map_err(|error| odd(error.to_string()))?;
    if meta.is_file() { Ok((file, real)) } else { Err(odd("it is no regular file".to_owned())) }
}

/// Whether a file is there and has something in it that can be read.
pub(super) fn is_there(path: &Path, roots: Option<&[PathBuf]>) -> Result<(), SourceError> {
    let (mut file, real) = opened(path, roots)?;
    let read = file.read(&mut [0]).map_err(|error| SourceError::File { path: path.to_owned(), reason: error.to_string() })?;
    if read == 0 { Err(SourceError::Empty { uri: file_uri(&real) }) } else { Ok(()) }
}

pub(super) fn fetch(path: &Path, roots: Option<&[PathBuf]>) -> Result<Fetched, SourceError> {
    let odd = |reason: String| SourceError::File { path: path.to_owned(), reason };
    let (file, real) = opened(path, roots)?;
    let source_uri = file_uri(&real);
    let mut bytes = Vec::new();
    file.take(SOURCE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| odd(error.to_string()))?;
    if bytes.len() as u64 > SOURCE_BYTES_MAX {
        return Err(SourceError::TooLong { uri: source_uri });
    }
    Ok(Fetched { bytes, source_uri, validator: None, content_type: None, not_modified: false })
}

/// Whether a file lies under one of the roots, links followed.
pub(super) fn allowed(path: &Path, roots: Option<&[PathBuf]>) -> Result<(), SourceError> {
    match roots {
        None => Ok(()),
        Some(roots) => open_under(path, roots).map(|_| ()),
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    // Without NONBLOCK, opening a FIFO someone put there would wait for ever.
    OpenOptions::new().read(true).custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed()).open(path)
}

/// Opens a file whose real place, links followed, is under one of the roots. What is outside and what is not there give one error, so that
/// nobody learns what there is.
fn open_under(path: &Path, roots: &[PathBuf]) -> Result<(File, PathBuf), SourceError> {
    let outside = || SourceError::Outside { path: path.to_owned() };
    let real = path.canonicalize().map_err(|_| outside())?;
    let roots = roots.iter().filter_map(|root| root.canonicalize().ok());
    let below = roots.into_iter().find_map(|root| {
        let below = real.strip_prefix(&root).ok()?.to_owned();
        Some((root, below))
    });
    let (root, below) = below.filter(|(_, below)| !below.as_os_str().is_empty()).ok_or_else(outside)?;
    let file = open_beneath(&root, &below, &real).map_err(|_| outside())?;
    Ok((file, real))
}

/// Opens a path that has no links, and still has none.
#[cfg(target_os = "linux")]
fn open_beneath(root: &Path, below: &Path, _: &Path) -> std::io::Result<File> {
    use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let folder = File::open(root)?;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    Ok(openat2(&folder, below, flags, Mode::empty(), resolve)?.into())
}

/// Opens a path that has no links. Between the look and the opening one could be put there: a root is no place where others write.
#[cfg(not(target_os = "linux"))]
fn open_beneath(_: &Path, _: &Path, real: &Path) -> std::io::Result<File> {
    open(real)
}
