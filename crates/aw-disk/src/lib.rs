//! Durable changes to a disk, a few of them: what matters is written aside, synced, and renamed.
//!
//! Everything that must survive a crash goes through here, so that errors name their place, and so that tests can stop the world
//! before any single step (feature `faults`). Also the advisory locks ([`Lock`]) by which processes agree who may change what.
//!
//! ```
//! # fn main() -> Result<(), aw_disk::DiskError> {
//! # let folder = tempfile::tempdir().expect("a folder");
//! let path = folder.path().join("state.json");
//! aw_disk::replace(&folder.path().join(".state.tmp"), &path, b"{}")?;
//! assert_eq!(aw_disk::read(&path, 1024)?.as_deref(), Some(&b"{}"[..]));
//! # Ok(())
//! # }
//! ```

mod change;
mod error;
#[cfg(feature = "faults")]
pub mod faults;
mod lock;
mod look;
mod step;
mod together;

pub use change::{
    append, create_dir, create_new, ensure_dir, overwrite, put_aside, remove, remove_dir_all, remove_file, rename, rename_new,
    replace, set_len, set_modified, stamp, symlink, sync_dir, sync_file, sync_path, touch, unique, write_aside, write_new,
};
pub use error::{At, Disk, DiskError};
pub use lock::Lock;
pub use look::{list, list_if_there, open_no_follow, parent, read};
pub use step::Step;
pub use together::{SYNC_TOGETHER, sync_at_once, together};
