//! What is known of a folder outside: by path, the stamp a file had when it was hashed, and its digest.

use std::collections::BTreeMap;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use aw_alloy::digest::Digest;
use aw_alloy::tree::TreePath;
use serde::{Deserialize, Serialize};

use super::{IndexState, Stamp};
use crate::disk::{self, At as _, Disk};
use crate::sealed;
use crate::store::Store;

/// Longest index that is read back, in bytes; enough for a million files.
const INDEX_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// A file must have rested this long before its hashing began. File systems tell times apart by 2 s at worst (FAT); within
/// that, a write after the hashing can leave the same stamp.
const SETTLED_NS: i64 = 2_000_000_000;

pub(crate) struct Index {
    /// When the hashing under way began, by the clock of the store's file system.
    began_ns: i64,
    entries: BTreeMap<TreePath, Entry>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    stamp: Stamp,
    /// When the hashing that read it began.
    hashed_ns: i64,
    digest: Digest,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    /// The folder's absolute path, as bytes: it need not be text.
    folder: Vec<u8>,
    entries: BTreeMap<TreePath, Entry>,
}

impl Index {
    pub(crate) fn load(store: &Store, folder: &Path, trusted: bool) -> Disk<(Self, IndexState)> {
        let (entries, state) = match read(&store.layout.source(folder))? {
            None => (BTreeMap::new(), IndexState::Absent),
            Some(_) if !trusted => (BTreeMap::new(), IndexState::Ignored),
            Some(Ok(stored)) if stored.folder == folder.as_os_str().as_bytes() => (stored.entries, IndexState::Read),
            Some(Ok(_)) => (BTreeMap::new(), IndexState::Damaged { why: "it is of another folder".to_owned() }),
            Some(Err(why)) => (BTreeMap::new(), IndexState::Damaged { why }),
        };
        Ok((Self { began_ns: i64::MIN, entries }, state))
    }

    /// The digest of a file, if it surely has not changed since it was hashed.
    pub(crate) fn digest(&self, path: &TreePath, stamp: &Stamp) -> Option<Digest> {
        let entry = self.entries.get(path)?;
        (entry.stamp == *stamp && is_settled(stamp, entry.hashed_ns)).then_some(entry.digest)
    }

    /// To be called before the first file is read.
    pub(crate) fn begin(&mut self, store: &Store) -> Disk<()> {
        self.began_ns = now_by_file(store)?;
        Ok(())
    }

    pub(crate) fn set(&mut self, path: TreePath, stamp: Stamp, digest: Digest) {
        self.entries.insert(path, Entry { stamp, hashed_ns: self.began_ns, digest });
    }

    /// Writes it down. Files that are no longer in the folder are forgotten; those a filter left out are not.
    pub(crate) fn save(&mut self, store: &Store, folder: &Path) -> Disk<()> {
        self.entries.retain(|path, _| folder.join(path).symlink_metadata().is_ok());
        let stored = Stored { folder: folder.as_os_str().as_bytes().to_owned(), entries: self.entries.clone() };
        let bytes = serde_json::to_vec(&stored).expect("paths, numbers and digests are always JSON");
        store.writer_waiting()?.publish(&sealed::seal(&bytes), &store.layout.source(folder))
    }
}

/// Whether a file with `stamp` that is hashed from `hashed_ns` on cannot change afterwards and keep its stamp.
///
/// The same rule as git's for "racily clean" entries, with a margin for coarse clocks.
fn is_settled(stamp: &Stamp, hashed_ns: i64) -> bool {
    stamp.modified_ns.max(stamp.changed_ns).saturating_add(SETTLED_NS) < hashed_ns
}

/// The folder an index is of; `None` when it is damaged or gone.
pub(crate) fn folder_of_index(path: &Path) -> Disk<Option<PathBuf>> {
    let stored = read(path)?.and_then(Result::ok);
    Ok(stored.map(|stored| PathBuf::from(std::ffi::OsString::from_vec(stored.folder))))
}

fn read(path: &Path) -> Disk<Option<Result<Stored, String>>> {
    let Some(bytes) = disk::read(path, INDEX_BYTES_MAX)? else { return Ok(None) };
    let stored = sealed::unseal(&bytes).and_then(|body| serde_json::from_slice(body).map_err(|error| error.to_string()));
    Ok(Some(stored))
}

/// The time a file written now gets: the clock that stamps are measured by, and no other.
fn now_by_file(store: &Store) -> Disk<i64> {
    let writer = store.writer_waiting()?;
    let path = writer.temporary();
    disk::write_new(&path, b"now")?;
    Ok(Stamp::of(&path.symlink_metadata().at("look at", &path)?).modified_ns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_written_while_it_is_hashed_is_not_settled() {
        let stamp = |modified_ns, changed_ns| Stamp { bytes: 1, modified_ns, changed_ns, inode: 1, device: 1 };
        let second = 1_000_000_000;
        assert!(is_settled(&stamp(0, 7 * second), 10 * second));
        assert!(!is_settled(&stamp(0, 8 * second), 10 * second));
        assert!(!is_settled(&stamp(9 * second, 0), 10 * second));
        assert!(!is_settled(&stamp(i64::MAX, 0), 10 * second), "times in the future do not overflow into the past");
    }
}
