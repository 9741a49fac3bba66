//! The durable changes this crate makes, and what a blob looks like.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, SystemTime};

pub use aw_disk::DiskError;
pub(crate) use aw_disk::{
    At, Disk, create_dir, create_new, ensure_dir, list, open_no_follow, parent, read, remove, remove_dir_all, remove_file,
    rename, rename_new, sync_dir, sync_file, sync_path, together, touch, write_new,
};

/// Modification time of every blob (2001-09-09T01:46:40Z): a write by anyone moves it, so a stat is enough to see one.
pub(crate) fn blob_time() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000)
}

/// Permissions of every blob.
pub(crate) const BLOB_MODE: u32 = 0o444;

/// Gives an open file the mode and time of a blob.
pub(crate) fn stamp_blob(file: &File, path: &Path) -> Disk<()> {
    aw_disk::stamp(file, path, BLOB_MODE, blob_time())
}
