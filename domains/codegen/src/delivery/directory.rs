//! Artifacts in a folder.

use std::path::{Path, PathBuf};
use std::time::Duration;

use aw_alloy::tree::TreePath;

use super::{Shelf, ShelfStore, StoreError, disk};

/// How old a file aside is before nobody can still be writing it.
const ABANDONED: Duration = Duration::from_secs(24 * 3600);

/// A folder that keeps artifacts by content.
#[derive(Clone, Debug)]
pub struct Directory {
    root: PathBuf,
}

impl Directory {
    /// The store in a folder, which is created when something is published.
    pub fn new(root: impl Into<PathBuf>) -> ShelfStore<Self> {
        ShelfStore(Self { root: root.into() })
    }

    fn path(&self, name: &TreePath) -> PathBuf {
        self.root.join(name)
    }
}

impl Shelf for Directory {
    fn place(&self) -> String {
        format!("folder `{}`", self.root.display())
    }

    fn read(&self, name: &TreePath, limit: u64) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(disk::read(&self.path(name), limit)?)
    }

    fn create(&self, name: &TreePath, bytes: &[u8]) -> Result<bool, StoreError> {
        let path = self.path(name);
        if path.symlink_metadata().is_ok() {
            return Ok(false);
        }
        let folder = disk::parent(&path);
        disk::ensure_dir(folder)?;
        let aside = self.root.join("tmp");
        disk::ensure_dir(&aside)?;
        sweep(&aside)?;
        let aside = aside.join(disk::unique());
        disk::write_new(&aside, bytes)?;
        if disk::rename_new(&aside, &path)? {
            disk::sync_dir(folder)?;
            return Ok(true);
        }
        disk::remove(&aside)?;
        Ok(false)
    }

    fn names(&self, folder: &str) -> Result<Vec<String>, StoreError> {
        let paths = disk::list_if_there(&self.root.join(folder))?;
        Ok(paths.iter().filter_map(|path| Path::file_name(path)?.to_str().map(str::to_owned)).collect())
    }
}

/// Removes what publishers that were cut off left.
fn sweep(aside: &Path) -> Result<(), StoreError> {
    for path in disk::list_if_there(aside)? {
        let age = path.symlink_metadata().and_then(|meta| meta.modified()).ok().and_then(|time| time.elapsed().ok());
        if age.is_some_and(|age| age > ABANDONED) {
            disk::remove(&path)?;
        }
    }
    Ok(())
}
