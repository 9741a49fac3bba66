//! The cache of the Hub's own clients: blobs by content, snapshots of links to them, locks beside.
//!
//! ```text
//! models--org--name/blobs/<content>                    the bytes, named by what they are
//! models--org--name/snapshots/<commit>/config.json     a link to ../../blobs/<content>
//! models--org--name/trees/<commit>.json                what the commit holds
//! .locks/models--org--name/<content>.lock              held while a blob is made
//! ```

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::error::HubError;
use crate::http::Stop;
use crate::listing::{KEPT_BYTES_MAX, Kept, RemoteFile, Snapshot};
use crate::names::{Commit, RepositoryId};

/// How often a wait for a lock looks again.
const LOOK: Duration = Duration::from_millis(100);

pub(crate) struct Cache {
    root: PathBuf,
}

impl Cache {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn repository(&self, repository: &RepositoryId) -> PathBuf {
        self.root.join(repository.folder())
    }

    /// The folder of a commit's files.
    pub(crate) fn snapshot(&self, snapshot: &Snapshot) -> PathBuf {
        self.repository(&snapshot.repository).join("snapshots").join(snapshot.commit.as_str())
    }

    pub(crate) fn blob(&self, repository: &RepositoryId, file: &RemoteFile) -> PathBuf {
        self.repository(repository).join("blobs").join(file.content.hex())
    }

    /// Whether a file's place in its snapshot leads to a file of the right length.
    pub(crate) fn has(&self, snapshot: &Snapshot, file: &RemoteFile) -> bool {
        has_length(&self.snapshot(snapshot).join(&file.path), file.bytes)
    }

    /// The kept listing of a commit; `None` when there is none that can be used.
    pub(crate) fn listing(&self, repository: &RepositoryId, commit: &Commit) -> Option<Kept> {
        let mut bytes = Vec::new();
        let file = File::open(self.listing_file(repository, commit)).ok()?;
        file.take(KEPT_BYTES_MAX).read_to_end(&mut bytes).ok()?;
        Kept::parse(&bytes).filter(|kept| kept.files().is_ok())
    }

    pub(crate) fn keep_listing(&self, repository: &RepositoryId, commit: &Commit, kept: &Kept) -> Result<(), HubError> {
        write_whole(&self.listing_file(repository, commit), &kept.to_bytes())
    }

    fn listing_file(&self, repository: &RepositoryId, commit: &Commit) -> PathBuf {
        self.repository(repository).join("trees").join(format!("{commit}.json"))
    }

    /// Holds a blob's lock until it is dropped; other processes and the Hub's own clients take the same one.
    pub(crate) fn lock(&self, repository: &RepositoryId, file: &RemoteFile, stop: Stop<'_>) -> Result<File, HubError> {
        let path = self.root.join(".locks").join(repository.folder()).join(format!("{}.lock", file.content.hex()));
        make_parent(&path)?;
        let lock =
            OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(disk("open the lock", &path))?;
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(lock),
                Err(TryLockError::WouldBlock) if stop() => return Err(HubError::Cancelled),
                Err(TryLockError::WouldBlock) => std::thread::sleep(LOOK),
                Err(TryLockError::Error(source)) => return Err(HubError::Disk { action: "take the lock", path, source }),
            }
        }
    }

    /// Links a blob that is there already, from another commit; says whether it did.
    pub(crate) fn adopt(&self, snapshot: &Snapshot, file: &RemoteFile) -> bool {
        has_length(&self.blob(&snapshot.repository, file), file.bytes) && self.link(snapshot, file).is_ok()
    }

    /// Lets a file's place in its snapshot lead to its blob.
    pub(crate) fn link(&self, snapshot: &Snapshot, file: &RemoteFile) -> Result<(), HubError> {
        let place = self.snapshot(snapshot).join(&file.path);
        let up = "../".repeat(2 + file.path.as_str().matches('/').count());
        let target = format!("{up}blobs/{}", file.content.hex());
        if fs::read_link(&place).is_ok_and(|found| found == Path::new(&target)) {
            return Ok(());
        }
        make_parent(&place)?;
        link_to(Path::new(&target), &place)
    }
}

/// Puts a link in place of whatever is there.
pub(crate) fn link_to(target: &Path, place: &Path) -> Result<(), HubError> {
    let aside = beside(place);
    let _ = fs::remove_file(&aside);
    std::os::unix::fs::symlink(target, &aside).map_err(disk("make the link", &aside))?;
    fs::rename(&aside, place).map_err(disk("put the link in place of", place))
}

/// A name next to `place` that no other process or thread uses.
pub(crate) fn beside(place: &Path) -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let name = place.file_name().unwrap_or_default().to_string_lossy();
    place.with_file_name(format!(".{name}.{}-{}.tmp", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)))
}

pub(crate) fn has_length(path: &Path, bytes: u64) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() == bytes)
}

/// Writes a file that is there as a whole or not at all.
pub(crate) fn write_whole(place: &Path, bytes: &[u8]) -> Result<(), HubError> {
    make_parent(place)?;
    let aside = beside(place);
    fs::write(&aside, bytes).map_err(disk("write", &aside))?;
    File::open(&aside).and_then(|file| file.sync_all()).map_err(disk("sync", &aside))?;
    fs::rename(&aside, place).map_err(disk("put in place", place))
}

pub(crate) fn make_parent(path: &Path) -> Result<(), HubError> {
    let parent = path.parent().unwrap_or(path);
    fs::create_dir_all(parent).map_err(disk("make the folder", parent))
}

pub(crate) fn disk(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> HubError {
    let path = path.to_owned();
    move |source| HubError::Disk { action, path, source }
}
