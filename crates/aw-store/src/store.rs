//! Opening a store, and looking into it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aw_alloy::digest::Digest;

use crate::disk::{self, At as _, Disk, DiskError};
use crate::layout::Layout;
use aw_disk::Lock;

/// What the `format` file holds.
const FORMAT: &str = "alloyworks-store 1\n";

/// The store of one home folder: looks things up, never changes them. [`Store::writer`] gives what does.
///
/// Any number of processes may have the same store open.
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) layout: Arc<Layout>,
}

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// A file or folder of the store cannot be made or read.
    #[error("cannot open the store: {0}")]
    Disk(#[from] DiskError),
    /// The folder was written by something this version does not know.
    #[error("the store in `{}` has the format `{found}`; this version reads and writes `{}`", path.display(), FORMAT.trim_end())]
    UnknownFormat {
        /// The store's folder.
        path: PathBuf,
        /// What its `format` file says.
        found: String,
    },
    /// The folder holds things but does not say what wrote them.
    #[error("`{}` holds `{holds}` but no `format` file, so it is not a store; expected an empty or absent folder, or a store", path.display())]
    NotAStore {
        /// The folder.
        path: PathBuf,
        /// One thing found in it.
        holds: String,
    },
}

impl OpenError {
    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Disk(_) => None,
            Self::UnknownFormat { .. } => Some("use the version of alloyworks that wrote it, or another home folder"),
            Self::NotAStore { .. } => Some("choose another home folder, or move what is there away"),
        }
    }
}

impl Store {
    /// Opens the store in `<home>/store`, making it if there is none.
    ///
    /// # Errors
    /// [`OpenError`] when the folder cannot be made, is something else, or has an unknown format.
    pub fn open(home: &Path) -> Result<Self, OpenError> {
        let home = std::path::absolute(home).at("find", home)?;
        std::fs::create_dir_all(&home).at("create the folder", &home)?;
        let layout = Layout::new(home.join("store"));
        disk::ensure_dir(layout.root())?;
        if !layout.format().exists() {
            refuse_strangers(&layout)?;
        }
        for folder in Layout::FOLDERS {
            disk::ensure_dir(&layout.folder(folder))?;
        }
        write_or_check_format(&layout)?;
        Ok(Self { layout: Arc::new(layout) })
    }

    /// The store's own folder.
    pub fn root(&self) -> &Path {
        self.layout.root()
    }

    /// Bytes that can still be written to the store's file system.
    ///
    /// # Errors
    /// [`DiskError`] when the file system does not say.
    pub fn free_bytes(&self) -> Result<u64, DiskError> {
        free_bytes(self.root())
    }

    /// Where the content `digest` rests, whether or not it is there. For reading in place; never write to it.
    pub fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.layout.blob(digest)
    }

    /// Reads a small blob and holds its bytes against `digest`; `None` when it is absent or its bytes are not what they were.
    ///
    /// # Errors
    /// [`DiskError`] when it cannot be read or is longer than `limit` bytes.
    pub fn read_blob(&self, digest: &Digest, limit: u64) -> Result<Option<Vec<u8>>, DiskError> {
        let bytes = disk::read(&self.layout.blob(digest), limit)?;
        Ok(bytes.filter(|bytes| Digest::of(bytes) == *digest))
    }
}

/// Bytes an ordinary user can still write where `path` is, or will be: the nearest folder that exists is asked.
///
/// # Errors
/// [`DiskError`] when the file system does not say.
pub fn free_bytes(path: &Path) -> Result<u64, DiskError> {
    let path = std::path::absolute(path).at("find", path)?;
    let existing = path.ancestors().find(|ancestor| ancestor.exists()).unwrap_or(&path);
    let space = rustix::fs::statvfs(existing).map_err(io::Error::from).at("ask for the free space of", existing)?;
    Ok(space.f_bavail.saturating_mul(space.f_frsize))
}

/// Takes the lock that guards the making and clearing of scratch folders; held until it is dropped.
pub(crate) fn lock_scratch(layout: &Layout) -> Disk<Lock> {
    let path = layout.scratch_lock();
    Lock::exclusive(open_lock(&path)?, &path)
}

pub(crate) fn open_lock(path: &Path) -> Disk<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).at("open", path)
}

fn refuse_strangers(layout: &Layout) -> Result<(), OpenError> {
    for path in disk::list(layout.root())? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let empty_folder = Layout::FOLDERS.contains(&name.as_str()) && path.is_dir();
        // An opening cut short leaves empty folders and, in scratch, its lock and unfinished `format`.
        if empty_folder && (name == "scratch" || disk::list(&path)?.is_empty()) {
            continue;
        }
        // Another process may have finished making this very store meanwhile.
        if name == "format" || layout.format().exists() {
            return Ok(());
        }
        return Err(OpenError::NotAStore { path: layout.root().to_owned(), holds: name });
    }
    Ok(())
}

fn write_or_check_format(layout: &Layout) -> Result<(), OpenError> {
    let path = layout.format();
    if !path.exists() {
        let _alone = lock_scratch(layout)?;
        if !path.exists() {
            let temporary = layout.folder("scratch").join("format.tmp");
            disk::remove_file(&temporary)?;
            disk::write_new(&temporary, FORMAT.as_bytes())?;
            disk::rename(&temporary, &path)?;
            disk::sync_dir(layout.root())?;
        }
    }
    let mut found = Vec::new();
    File::open(&path).and_then(|file| file.take(200).read_to_end(&mut found)).at("read", &path)?;
    if found != FORMAT.as_bytes() {
        let found = String::from_utf8_lossy(&found).trim_end().escape_debug().to_string();
        return Err(OpenError::UnknownFormat { path: layout.root().to_owned(), found });
    }
    Ok(())
}
