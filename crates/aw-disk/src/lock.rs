//! Advisory locks on files.

use std::fs::{File, TryLockError};
use std::path::Path;

use crate::error::{At, Disk, DiskError};

/// A file held locked until this is dropped.
///
/// Closing a file gives its lock up only with the last copy of it, and a process started meanwhile has a copy until it has become
/// another program. So the lock is given up in words.
#[derive(Debug)]
pub struct Lock(File);

impl Lock {
    /// Waits for the lock that nobody else may hold at the same time.
    ///
    /// # Errors
    /// When the file cannot be locked.
    pub fn exclusive(file: File, path: &Path) -> Disk<Self> {
        file.lock().at("lock", path)?;
        Ok(Self(file))
    }

    /// Waits for the lock that others may share.
    ///
    /// # Errors
    /// When the file cannot be locked.
    pub fn shared(file: File, path: &Path) -> Disk<Self> {
        file.lock_shared().at("lock", path)?;
        Ok(Self(file))
    }

    /// Takes the lock that nobody else may hold; `None` when somebody holds any.
    ///
    /// # Errors
    /// When the file cannot be locked for another reason.
    pub fn try_exclusive(file: File, path: &Path) -> Disk<Option<Self>> {
        let taken = file.try_lock();
        Self::tried(file, taken, path)
    }

    /// Takes the lock that others may share; `None` when somebody holds it alone.
    ///
    /// # Errors
    /// When the file cannot be locked for another reason.
    pub fn try_shared(file: File, path: &Path) -> Disk<Option<Self>> {
        let taken = file.try_lock_shared();
        Self::tried(file, taken, path)
    }

    fn tried(file: File, taken: Result<(), TryLockError>, path: &Path) -> Disk<Option<Self>> {
        match taken {
            Ok(()) => Ok(Some(Self(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(DiskError { action: "lock", path: path.to_owned(), source }),
        }
    }

    /// The file.
    pub fn file(&self) -> &File {
        &self.0
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing follows at once; a failure here has nobody to hear it.
        let _ = self.0.unlock();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_copy_of_the_file_in_another_process_does_not_keep_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let held = Lock::try_exclusive(File::create(&path).unwrap(), &path).unwrap().unwrap();
        let copy = held.file().try_clone().unwrap();
        assert!(Lock::try_shared(File::open(&path).unwrap(), &path).unwrap().is_none());
        drop(held);
        assert!(Lock::try_exclusive(File::open(&path).unwrap(), &path).unwrap().is_some());
        drop(copy);
    }
}
