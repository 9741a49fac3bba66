//! Placing a tree's files in a folder, without copying where the file system allows.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use aw_alloy::digest::Digest;
use aw_alloy::tree::{Tree, TreeEntry};

use crate::check::Fault;
use crate::disk::{self, At as _, Disk, DiskError};
use crate::store::Store;
use aw_disk::Lock;

/// How far the files that are placed may share bytes with the store. Each falls back on the next: reflink, hard link, copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Link {
    /// Always copies: the files own their bytes, on any file system.
    Copy,
    /// Reflinks (shared until one side writes, so as safe as a copy), or else copies.
    Reflink,
    /// Reflinks, or hard-links, or else copies.
    ///
    /// A hard link *is* the store's blob under another name. It is read-only, but whoever makes it writable and edits it in
    /// place edits the store: the store notices, drops the blob, and the stage that made it runs again. For folders
    /// that stages read, not for folders that people get.
    HardLink,
}

/// How the files of a tree were placed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Placed {
    /// Files that share bytes until one side writes.
    pub reflinked: u64,
    /// Files that are the store's own, under another name.
    pub hard_linked: u64,
    /// Files that were copied.
    pub copied: u64,
    /// Bytes that were copied.
    pub copied_bytes: u64,
}

/// Why a tree was not placed. Nothing is left behind.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlaceError {
    /// A file cannot be linked, copied or read.
    #[error("cannot place a tree in `{}`: {source}", folder.display())]
    Disk {
        /// Where it was to go.
        folder: PathBuf,
        /// What went wrong.
        source: DiskError,
    },
    /// Something is already there.
    #[error("cannot place a tree in `{}`: something is already there", folder.display())]
    Occupied {
        /// Where it was to go.
        folder: PathBuf,
    },
    /// Someone else is placing a tree there now.
    #[error("cannot place a tree in `{}`: another one is being placed there", folder.display())]
    Underway {
        /// Where it was to go.
        folder: PathBuf,
    },
    /// A content is missing or changed.
    #[error("cannot place a tree in `{}`: {fault}", folder.display())]
    Fault {
        /// Where it was to go.
        folder: PathBuf,
        /// The first fault found.
        fault: Box<Fault>,
    },
}

impl PlaceError {
    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Disk { .. } => None,
            Self::Underway { .. } => Some("wait for it to finish, or name another folder"),
            Self::Occupied { .. } => Some("name a folder that does not exist yet"),
            Self::Fault { .. } => Some("run the recipe again: the stage that made the file is then run anew"),
        }
    }
}

impl Store {
    /// Places a tree in `folder`, which must not exist, for a stage to read. It appears whole or not at all, and is not synced:
    /// after a power cut it is made again.
    ///
    /// # Errors
    /// [`PlaceError`] when something is there, a content is missing or changed, or the file system refuses.
    pub fn materialise(&self, tree: &Tree, folder: &Path, link: Link) -> Result<Placed, PlaceError> {
        self.place(tree, folder, link, Durable::No)
    }

    /// Places a tree in `folder`, which must not exist, for people to have. It appears whole or not at all, and is on the disk
    /// when this returns. Its files are writable unless hard-linked; see [`Link`] for what that means.
    ///
    /// # Errors
    /// [`PlaceError`] when something is there, a content is missing or changed, or the file system refuses.
    pub fn export(&self, tree: &Tree, folder: &Path, link: Link) -> Result<Placed, PlaceError> {
        self.place(tree, folder, link, Durable::Yes)
    }

    fn place(&self, tree: &Tree, folder: &Path, link: Link, durable: Durable) -> Result<Placed, PlaceError> {
        let disk_error = |source| PlaceError::Disk { folder: folder.to_owned(), source };
        let folder = &std::path::absolute(folder).at("find", folder).map_err(disk_error)?;
        let occupied = || PlaceError::Occupied { folder: folder.clone() };
        if folder.symlink_metadata().is_ok() {
            return Err(occupied());
        }
        let beside = Unfinished::beside(folder).map_err(disk_error)?;
        let mut unfinished = beside.ok_or_else(|| PlaceError::Underway { folder: folder.clone() })?;
        let mut placer = Placer {
            store: self,
            root: &unfinished.path,
            link,
            unsynced: Vec::new(),
            placed: Placed::default(),
            folder: PathBuf::new(),
        };
        for entry in tree.entries() {
            if let Some(fault) = self.check_entry(entry).map_err(disk_error)? {
                return Err(PlaceError::Fault { folder: folder.clone(), fault: Box::new(fault) });
            }
            placer.add(entry).map_err(disk_error)?;
        }
        let placed = placer.placed;
        if durable == Durable::Yes {
            disk::together(&placer.unsynced, |path| disk::sync_path(path)).map_err(disk_error)?;
            sync_folders(&unfinished.path).map_err(disk_error)?;
        }
        if !disk::rename_new(&unfinished.path, folder).map_err(disk_error)? {
            return Err(occupied());
        }
        unfinished.renamed = true;
        if durable == Durable::Yes {
            disk::sync_dir(disk::parent(folder)).map_err(disk_error)?;
        }
        Ok(placed)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Durable {
    Yes,
    No,
}

/// A folder being filled, beside the one it will become.
///
/// Its name follows from the other's, and its filler holds it locked: what a dead filler left is found and filled anew.
struct Unfinished {
    path: PathBuf,
    _lock: Lock,
    renamed: bool,
}

impl Unfinished {
    /// `None` when someone else is filling it.
    fn beside(folder: &Path) -> Disk<Option<Self>> {
        let Some(name) = folder.file_name() else {
            return Err(io::Error::from(io::ErrorKind::InvalidInput)).at("create the folder", folder);
        };
        // Cut short to stay within the 255 bytes that file systems allow, and told apart by the digest.
        let start: String = name.to_string_lossy().chars().take(40).collect();
        let path = folder.with_file_name(format!(".{start}.{}.unfinished", Digest::of(name.as_encoded_bytes()).short()));
        if let Err(error) = disk::create_dir(&path)
            && error.source.kind() != io::ErrorKind::AlreadyExists
        {
            return Err(error);
        }
        let Some(folder) = there(File::open(&path)).at("open", &path)? else { return Ok(None) };
        let Some(lock) = Lock::try_exclusive(folder, &path)? else { return Ok(None) };
        // Its last filler may have renamed it between our opening and locking it: then ours is that one's finished folder.
        let ours = lock.file().metadata().at("look at", &path)?;
        let same = |found: Metadata| (found.dev(), found.ino()) == (ours.dev(), ours.ino());
        if !there(path.symlink_metadata()).at("look at", &path)?.is_some_and(same) {
            return Ok(None);
        }
        for inside in disk::list(&path)? {
            disk::remove(&inside)?;
        }
        Ok(Some(Self { path, _lock: lock, renamed: false }))
    }
}

fn there<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.renamed {
            // A failure to clean up must not hide the error that led here; the next try clears it.
            let _ = disk::remove_dir_all(&self.path);
        }
    }
}

struct Placer<'a> {
    store: &'a Store,
    root: &'a Path,
    /// The best way still worth trying on this file system.
    link: Link,
    /// Files whose bytes are their own; a hard link's were synced when the blob was made.
    unsynced: Vec<PathBuf>,
    placed: Placed,
    /// The folder last made; entries come sorted, so most need no new one.
    folder: PathBuf,
}

impl Placer<'_> {
    fn add(&mut self, entry: &TreeEntry) -> Disk<()> {
        let to = self.root.join(&entry.path);
        let folder = disk::parent(&to);
        if folder != self.root && folder != self.folder {
            std::fs::create_dir_all(folder).at("create the folder", folder)?;
            self.folder = folder.to_owned();
        }
        self.place_file(&self.store.layout.blob(&entry.digest), &to, entry.bytes)
    }

    fn place_file(&mut self, blob: &Path, to: &Path, bytes: u64) -> Disk<()> {
        if self.link >= Link::Reflink && self.placed.not_reflinked() == 0 && reflink(blob, to)? {
            self.unsynced.push(to.to_owned());
            self.placed.reflinked += 1;
            return Ok(());
        }
        if self.link == Link::HardLink && hard_link(blob, to)? {
            self.placed.hard_linked += 1;
            return Ok(());
        }
        copy(blob, to, bytes)?;
        self.unsynced.push(to.to_owned());
        self.placed.copied += 1;
        self.placed.copied_bytes += bytes;
        Ok(())
    }
}

impl Placed {
    /// One file that could not be reflinked shows that the file system cannot: the rest need not try.
    fn not_reflinked(&self) -> u64 {
        self.hard_linked + self.copied
    }
}

#[cfg(target_os = "linux")]
fn reflink(blob: &Path, to: &Path) -> Disk<bool> {
    let from = disk::open_no_follow(blob)?;
    let file = disk::create_new(to)?;
    if rustix::fs::ioctl_ficlone(&file, &from).is_err() {
        // Whatever the reason, the ways that follow say so if it stands in theirs too.
        disk::remove_file(to)?;
        return Ok(false);
    }
    Ok(true)
}

#[cfg(not(target_os = "linux"))]
fn reflink(_: &Path, _: &Path) -> Disk<bool> {
    Ok(false)
}

/// False when this file cannot be hard-linked here: another file system, or too many links already.
fn hard_link(blob: &Path, to: &Path) -> Disk<bool> {
    match std::fs::hard_link(blob, to) {
        Ok(()) => Ok(true),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::AlreadyExists) => {
            Err(error).at("hard-link", blob)
        }
        Err(_) => Ok(false),
    }
}

fn copy(blob: &Path, to: &Path, bytes: u64) -> Disk<()> {
    let mut from = disk::open_no_follow(blob)?;
    let mut file = disk::create_new(to)?;
    let copied = io::copy(&mut from, &mut file).at("copy to", to)?;
    if copied != bytes {
        let why = format!("expected {bytes} bytes, found {copied}");
        return Err(io::Error::other(why)).at("copy", blob);
    }
    Ok(())
}

/// Syncs a folder and all folders below it. Their depth is that of a tree's paths, which are short.
fn sync_folders(folder: &Path) -> Disk<()> {
    for path in disk::list(folder)? {
        if path.symlink_metadata().at("look at", &path)?.is_dir() {
            sync_folders(&path)?;
        }
    }
    disk::sync_dir(folder)
}
