//! Changing a store: who may, and where unfinished things lie meanwhile.

use std::io;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::disk::{self, Disk, DiskError};
use crate::layout::Layout;
use crate::store::{Store, lock_scratch, open_lock};
use aw_disk::Lock;

/// The file inside a scratch folder that its living owner holds locked.
const OWNER: &str = "owner";

/// The right to change a store: while one lives, gc does not run.
///
/// Holds a scratch folder on the store's file system, removed when this is dropped; when the process dies instead, the
/// next writer or gc removes it. Any number of writers may live at once, in one process or several.
#[derive(Debug)]
pub struct Writer {
    store: Store,
    scratch: PathBuf,
    next: AtomicU64,
    // Declared last: the locks are let go after the scratch folder is gone.
    _owner: Lock,
    _shared: Lock,
}

/// Why no writer is to be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriterError {
    /// A file or folder cannot be made or locked.
    #[error("cannot prepare to write to the store: {0}")]
    Disk(#[from] DiskError),
    /// A gc is going on.
    #[error("the store in `{}` is being collected (gc) by another process", path.display())]
    Collecting {
        /// The store's folder.
        path: PathBuf,
    },
}

impl WriterError {
    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Disk(_) => None,
            Self::Collecting { .. } => Some("try again when the gc has finished"),
        }
    }
}

impl Store {
    /// Takes the right to change the store, and clears what dead writers left.
    ///
    /// # Errors
    /// [`WriterError::Collecting`] while a gc runs; [`WriterError::Disk`] when the scratch folder cannot be made.
    pub fn writer(&self) -> Result<Writer, WriterError> {
        let path = self.layout.lock();
        match Lock::try_shared(open_lock(&path)?, &path)? {
            Some(shared) => Ok(Writer::start(self, shared)?),
            None => Err(WriterError::Collecting { path: self.root().to_owned() }),
        }
    }

    /// Like [`Store::writer`], but waits for a gc to finish.
    pub(crate) fn writer_waiting(&self) -> Disk<Writer> {
        let path = self.layout.lock();
        Writer::start(self, Lock::shared(open_lock(&path)?, &path)?)
    }
}

impl Writer {
    fn start(store: &Store, shared: Lock) -> Disk<Self> {
        let _alone = lock_scratch(&store.layout)?;
        for path in scratch_by_owner(&store.layout, false)? {
            disk::remove(&path)?;
        }
        let (scratch, owner) = new_scratch(&store.layout)?;
        Ok(Self { store: store.clone(), scratch, next: AtomicU64::new(0), _owner: owner, _shared: shared })
    }

    /// Makes a new empty folder on the store's file system, for a stage to work in. It goes when the writer goes.
    ///
    /// # Errors
    /// [`DiskError`] when it cannot be made.
    pub fn scratch_folder(&self) -> Result<PathBuf, DiskError> {
        let path = self.temporary();
        disk::create_dir(&path)?;
        Ok(path)
    }

    /// A name in the scratch folder that nothing has yet.
    pub(crate) fn temporary(&self) -> PathBuf {
        self.scratch.join(self.next.fetch_add(1, Ordering::Relaxed).to_string())
    }

    /// Puts `bytes` at `to`, whole or not at all, and on the disk before returning.
    pub(crate) fn publish(&self, bytes: &[u8], to: &Path) -> Disk<()> {
        let temporary = self.temporary();
        disk::write_new(&temporary, bytes)?;
        disk::rename(&temporary, to)?;
        disk::sync_dir(disk::parent(to))
    }

    /// The store this writes to.
    pub fn store(&self) -> &Store {
        &self.store
    }
}

impl Deref for Writer {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // A failure here has no one to hear it, and costs only space: the next writer or gc clears what is left.
        if let Ok(_alone) = lock_scratch(&self.store.layout) {
            let _ = disk::remove_dir_all(&self.scratch);
        }
    }
}

fn new_scratch(layout: &Layout) -> Disk<(PathBuf, Lock)> {
    let folder = layout.folder("scratch");
    for n in 0u32.. {
        let path = folder.join(format!("{}-{n}", std::process::id()));
        match disk::create_dir(&path) {
            Ok(()) => {
                let owner_path = path.join(OWNER);
                let owner = Lock::exclusive(disk::create_new(&owner_path)?, &owner_path)?;
                return Ok((path, owner));
            }
            Err(error) if error.source.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    unreachable!("a process does not hold 2^32 scratch folders")
}

/// Scratch folders, and other things in their place, whose owner is alive or dead. The scratch lock must be held.
pub(crate) fn scratch_by_owner(layout: &Layout, alive: bool) -> Disk<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in disk::list(&layout.folder("scratch"))? {
        if path != layout.scratch_lock() && is_owned(&path)? == alive {
            found.push(path);
        }
    }
    Ok(found)
}

fn is_owned(scratch: &Path) -> Disk<bool> {
    let path = scratch.join(OWNER);
    // Without the file its maker died before writing it: makers hold the scratch lock, which the caller has.
    let Ok(file) = disk::open_no_follow(&path) else { return Ok(false) };
    Ok(Lock::try_exclusive(file, &path)?.is_none())
}
