//! The Hub as callers see it.

use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};

use crate::cache::{self, Cache};
use crate::download::Download;
use crate::error::HubError;
use crate::http::Client;
use crate::listing::{self, RemoteFile, Snapshot};
use crate::names::{Commit, RepositoryId, shown};
use crate::settings::Settings;
use crate::stand_in;
use crate::upload::{self, Committed, NewCommit, Told};

/// Requests at the same time.
const WORKERS: usize = 4;

/// How far a download is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes there.
    pub done_bytes: u64,
    /// Bytes asked for.
    pub total_bytes: u64,
}

/// The Hub, or a server like it, with the cache in front of it.
pub struct Hub {
    client: Client,
    cache: Cache,
    offline: bool,
}

impl Hub {
    /// Takes the settings. Asks nothing and writes nothing.
    ///
    /// # Errors
    /// [`HubError::Settings`].
    pub fn new(settings: Settings) -> Result<Self, HubError> {
        let cache = std::path::absolute(&settings.cache).unwrap_or_else(|_| settings.cache.clone());
        Ok(Self { client: Client::new(&settings)?, cache: Cache::new(cache), offline: settings.offline })
    }

    /// Whether nothing may be asked.
    pub fn is_offline(&self) -> bool {
        self.offline
    }

    /// The folder everything rests in.
    pub fn cache(&self) -> &std::path::Path {
        self.cache.root()
    }

    /// Asks which commit a branch or tag is now.
    ///
    /// # Errors
    /// [`HubError`]; offline always.
    pub fn resolve(
        &self,
        repository: &RepositoryId,
        revision: &str,
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<Commit, HubError> {
        self.need_network(|| format!("what commit `{}` of `{repository}` is", shown(revision)))?;
        listing::resolve(&self.client, repository, revision, stop)
    }

    /// Says what a commit holds: from the cache when it is known, else from the server.
    ///
    /// # Errors
    /// [`HubError`].
    pub fn snapshot(
        &self,
        repository: &RepositoryId,
        commit: &Commit,
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<Snapshot, HubError> {
        let kept = match self.cache.listing(repository, commit) {
            Some(kept) => kept,
            None => {
                self.need_network(|| format!("the list of files of commit `{commit}` of `{repository}`"))?;
                let kept = listing::ask(&self.client, repository, commit, stop)?;
                self.cache.keep_listing(repository, commit, &kept)?;
                kept
            }
        };
        let unusable = |reason| HubError::Answer { url: repository.to_string(), reason };
        let files = kept.files().map_err(unusable)?;
        Ok(Snapshot { repository: repository.clone(), commit: commit.clone(), files })
    }

    /// Says what a commit holds, as the server lists it now; nothing is kept.
    ///
    /// # Errors
    /// [`HubError`]; offline always.
    pub fn list(
        &self,
        repository: &RepositoryId,
        commit: &Commit,
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<Snapshot, HubError> {
        self.need_network(|| format!("the list of files of commit `{commit}` of `{repository}`"))?;
        let unusable = |reason| HubError::Answer { url: repository.to_string(), reason };
        let files = listing::ask(&self.client, repository, commit, stop)?.files().map_err(unusable)?;
        Ok(Snapshot { repository: repository.clone(), commit: commit.clone(), files })
    }

    /// Makes a repository of a model; false when there is one.
    ///
    /// # Errors
    /// [`HubError`]; offline always.
    pub fn create(&self, repository: &RepositoryId, private: bool) -> Result<bool, HubError> {
        self.need_network(|| format!("a new repository `{repository}`"))?;
        upload::create(&self.client, repository, private)
    }

    /// Uploads files in one commit: large ones first, to where the Hub says, those it has already not again. Stopped before the commit, the
    /// repository is as it was, and what was uploaded is not uploaded again.
    ///
    /// # Errors
    /// [`HubError::Conflict`] when a commit was made meanwhile; [`HubError`].
    pub fn commit(&self, new: &NewCommit<'_>, told: Told<'_>) -> Result<Committed, HubError> {
        self.need_network(|| format!("a commit to `{}`", new.repository))?;
        upload::commit(&self.client, new, told)
    }

    /// Where a repository's page is.
    pub fn page(&self, repository: &RepositoryId) -> String {
        self.client.address(&format!("/{repository}")).text()
    }

    /// The folder of a commit's files. It holds those that were fetched.
    pub fn folder(&self, snapshot: &Snapshot) -> PathBuf {
        self.cache.snapshot(snapshot)
    }

    /// Those of `files` that are not there with the listed length. What another commit brought already counts as there.
    pub fn missing<'a>(&self, snapshot: &Snapshot, files: &[&'a RemoteFile]) -> Vec<&'a RemoteFile> {
        files.iter().copied().filter(|file| !self.cache.has(snapshot, file) && !self.cache.adopt(snapshot, file)).collect()
    }

    /// Brings files into the cache. `hook` is told how far it is and says whether to go on.
    ///
    /// What is downloaded is held against its listed hash. Of what is there already only the length is known: see [`Hub::check`].
    ///
    /// # Errors
    /// [`HubError`]. What was downloaded before it stays, also the half of a file.
    pub fn fetch(
        &self,
        snapshot: &Snapshot,
        files: &[&RemoteFile],
        hook: &(dyn Fn(Progress) -> bool + Sync),
    ) -> Result<(), HubError> {
        let missing = self.missing(snapshot, files);
        if !missing.is_empty() {
            self.need_network(|| {
                let names: Vec<&str> = missing.iter().take(20).map(|file| file.path.as_str()).collect();
                let more = if missing.len() > 20 { format!(" and {} more", missing.len() - 20) } else { String::new() };
                format!("{}{more} of commit `{}` of `{}`", names.join(", "), snapshot.commit, snapshot.repository)
            })?;
        }
        let total_bytes = files.iter().fold(0u64, |sum, file| sum.saturating_add(file.bytes));
        let there = total_bytes - missing.iter().map(|file| file.bytes).sum::<u64>().min(total_bytes);
        let (done, stopped) = (AtomicI64::new(i64::try_from(there).unwrap_or(i64::MAX)), AtomicBool::new(false));
        let look = || {
            let done_bytes = u64::try_from(done.load(Ordering::Relaxed)).unwrap_or(0).min(total_bytes);
            if !hook(Progress { done_bytes, total_bytes }) {
                stopped.store(true, Ordering::Relaxed);
            }
        };
        look();
        let tell = |bytes: i64| {
            done.fetch_add(bytes, Ordering::Relaxed);
            look();
        };
        // Waits ask too, so that one is not waited out.
        let stop = || {
            look();
            stopped.load(Ordering::Relaxed)
        };
        let download = Download { client: &self.client, cache: &self.cache, snapshot, tell: &tell, stop: &stop };
        each(&missing, |file| if stop() { Err(HubError::Cancelled) } else { download.run(file) }, &|| {
            stopped.store(true, Ordering::Relaxed);
        })
    }

    /// Reads a file that is there and holds it against its listed hash.
    ///
    /// # Errors
    /// [`HubError::Content`] when it is another; it is left where it is.
    pub fn check(&self, snapshot: &Snapshot, file: &RemoteFile) -> Result<(), HubError> {
        let path = self.cache.snapshot(snapshot).join(&file.path);
        let mut bytes = File::open(&path).map_err(cache::disk("open", &path))?;
        let mut hasher = file.content.hasher(file.bytes);
        let mut buffer = vec![0; 256 << 10];
        loop {
            let read = bytes.read(&mut buffer).map_err(cache::disk("read", &path))?;
            if read == 0 {
                break;
            }
            hasher.update(&buffer[..read]);
        }
        let found = hasher.finish();
        if found == file.content {
            return Ok(());
        }
        Err(HubError::Damaged { path, expected: file.content.to_string(), found: found.to_string() })
    }

    /// Makes a folder to plan with: `companions` by links, of each of `weights` the header in a file of the real length.
    ///
    /// # Errors
    /// [`HubError`]. The companions must have been fetched.
    pub fn headers(
        &self,
        snapshot: &Snapshot,
        weights: &[&RemoteFile],
        companions: &[&RemoteFile],
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<PathBuf, HubError> {
        let folder = self.cache.repository(&snapshot.repository).join("headers").join(snapshot.commit.as_str());
        for file in companions {
            let place = folder.join(&file.path);
            cache::make_parent(&place)?;
            cache::link_to(&self.cache.snapshot(snapshot).join(&file.path), &place)?;
        }
        let missing: Vec<&RemoteFile> =
            weights.iter().copied().filter(|file| !cache::has_length(&folder.join(&file.path), file.bytes)).collect();
        if !missing.is_empty() {
            self.need_network(|| format!("the headers of {} files of `{}`", missing.len(), snapshot.repository))?;
        }
        let failed = AtomicBool::new(false);
        let stop = || failed.load(Ordering::Relaxed) || stop();
        let one = |file: &RemoteFile| {
            if stop() {
                return Err(HubError::Cancelled);
            }
            stand_in::make(&self.client, snapshot, file, &folder.join(&file.path), &stop)
        };
        each(&missing, one, &|| failed.store(true, Ordering::Relaxed))?;
        Ok(folder)
    }

    fn need_network(&self, what: impl FnOnce() -> String) -> Result<(), HubError> {
        if self.offline { Err(HubError::Offline { what: what(), cache: self.cache.root().to_owned() }) } else { Ok(()) }
    }
}

/// Does `one` for each file, several at the same time; the first failure that is none of being stopped is returned, after `failed` was told.
fn each(
    files: &[&RemoteFile],
    one: impl Fn(&RemoteFile) -> Result<(), HubError> + Sync,
    failed: &(dyn Fn() + Sync),
) -> Result<(), HubError> {
    let next = AtomicUsize::new(0);
    let worst: Mutex<Option<HubError>> = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..WORKERS.min(files.len()) {
            scope.spawn(|| {
                while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(error) = one(file) {
                        let mut worst = worst.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                        if worst.as_ref().is_none_or(|known| matches!(known, HubError::Cancelled)) {
                            *worst = Some(error);
                        }
                        failed();
                        return;
                    }
                }
            });
        }
    });
    worst.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).map_or(Ok(()), Err)
}
