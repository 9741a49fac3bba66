//! Finding the files of a folder.

use std::collections::HashMap;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use aw_alloy::tree::{TREE_FILES_MAX, TreePath};
use serde::{Deserialize, Serialize};

use super::{Filter, SourceError};
use crate::disk::{At as _, DiskError};

/// Most levels of folders.
const DEPTH_MAX: usize = 64;
/// Most files and folders looked at.
const ENTRIES_MAX: usize = 2 * TREE_FILES_MAX;

/// What is done about symbolic links.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Links {
    Followed,
    Refused,
}

/// What a stat tells of a file: as long as it stays, so does the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stamp {
    pub(crate) bytes: u64,
    pub(crate) modified_ns: i64,
    pub(crate) changed_ns: i64,
    pub(crate) inode: u64,
    pub(crate) device: u64,
}

/// A file found.
#[derive(Debug)]
pub(crate) struct SourceFile {
    pub(crate) path: TreePath,
    pub(crate) place: PathBuf,
    pub(crate) stamp: Stamp,
}

/// The files of `folder` that `filter` lets in, sorted by path.
pub(crate) fn walk(folder: &Path, filter: Filter<'_>, links: Links) -> Result<Vec<SourceFile>, SourceError> {
    let meta = folder.metadata().at("look at", folder)?;
    if !meta.is_dir() {
        return Err(SourceError::Disk(DiskError {
            action: "list",
            path: folder.to_owned(),
            source: io::ErrorKind::NotADirectory.into(),
        }));
    }
    let folders = HashMap::from([(id(&meta), folder.to_owned())]);
    let mut walk = Walk { root: folder, filter, links, seen: 0, folders, files: Vec::new() };
    walk.folder(folder, "", 0)?;
    walk.files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(walk.files)
}

struct Walk<'a> {
    root: &'a Path,
    filter: Filter<'a>,
    links: Links,
    seen: usize,
    /// Every folder entered. Entering none twice ends loops, and keeps links from multiplying a small folder without end.
    folders: HashMap<(u64, u64), PathBuf>,
    files: Vec<SourceFile>,
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Path, prefix: &str, depth: usize) -> Result<(), SourceError> {
        for entry in std::fs::read_dir(folder).at("list", folder)? {
            let place = entry.at("list", folder)?.path();
            self.seen += 1;
            if self.seen > ENTRIES_MAX {
                return Err(SourceError::TooMany { folder: self.root.to_owned(), limit: ENTRIES_MAX });
            }
            self.entry(place, prefix, depth)?;
        }
        Ok(())
    }

    fn entry(&mut self, place: PathBuf, prefix: &str, depth: usize) -> Result<(), SourceError> {
        let name = place.file_name().and_then(|name| name.to_str()).ok_or_else(|| SourceError::Name { path: place.clone() })?;
        let path =
            TreePath::new(format!("{prefix}{name}")).map_err(|source| SourceError::Path { path: place.clone(), source })?;
        if !(self.filter)(&path) {
            return Ok(());
        }
        let meta = self.look(&place)?;
        if meta.is_file() {
            if self.files.len() == TREE_FILES_MAX {
                return Err(SourceError::TooMany { folder: self.root.to_owned(), limit: TREE_FILES_MAX });
            }
            self.files.push(SourceFile { path, place, stamp: Stamp::of(&meta) });
            return Ok(());
        }
        if !meta.is_dir() {
            return Err(SourceError::Special { path: place, found: kind(&meta) });
        }
        if depth == DEPTH_MAX {
            return Err(SourceError::TooDeep { path: place, limit: DEPTH_MAX });
        }
        if let Some(to) = self.folders.insert(id(&meta), place.clone()) {
            return Err(SourceError::Again { path: place, to });
        }
        self.folder(&place, &format!("{path}/"), depth + 1)
    }

    fn look(&self, place: &Path) -> Result<Metadata, SourceError> {
        let meta = place.symlink_metadata().at("look at", place)?;
        if !meta.is_symlink() {
            return Ok(meta);
        }
        if self.links == Links::Refused {
            return Err(SourceError::Link { path: place.to_owned() });
        }
        match place.metadata() {
            Ok(meta) => Ok(meta),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let target = std::fs::read_link(place).at("read the link", place)?;
                Err(SourceError::BrokenLink { path: place.to_owned(), target })
            }
            Err(error) => Err(error).at("follow the link", place).map_err(SourceError::Disk),
        }
    }
}

fn id(meta: &Metadata) -> (u64, u64) {
    (meta.dev(), meta.ino())
}

fn kind(meta: &Metadata) -> &'static str {
    let kind = meta.file_type();
    if kind.is_fifo() {
        "a named pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}
