//! A consumer: a folder that uses generated contracts.
//!
//! Beside `forge.pin.json` lies `.forge/versions/`, with a folder for each version that the pin names, and the folder that programs use
//! (`generated/`), which is a symbolic link to one of them. A version's folder is written aside, synced and renamed, so it is complete
//! from the moment it has its name. The flip is one rename of a link.
//!
//! # Why a link
//! Replacing a link is one `rename(2)`, which every file system does in one step: the folder is the old version or the new one at any
//! moment and after any crash. Exchanging two real folders in one step (`RENAME_EXCHANGE`) fails on NFS and on lower layers of container
//! images, and two plain renames leave a moment without a folder.
//!
//! # What is true
//! The pin file. It is replaced in one step before the link is, and every command first makes the link what the pin says: a crash between
//! the two leaves the version that was in use, whole, and the next command finishes. A clone that has the pin alone gets both versions by
//! [`Consumer::restore`].

mod pin;
mod versions;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use aw_alloy::keys::PublicKey;
use aw_alloy::tree::TreePath;

use super::disk::{self, At, DiskError};
use super::{ArtifactName, ArtifactStore, Manifest, StoreError, Trust, Verified, VerifyError, fetch, verify};

pub use pin::{Active, Pin, PinError, Pinned};
pub use versions::VersionReport;

/// The folder of versions and what else is kept, beside the pin file.
const KEPT: &str = ".forge";
/// Longest pin file, in bytes.
const PIN_BYTES_MAX: u64 = 1 << 20;

/// A folder that uses generated contracts.
#[derive(Clone, Debug)]
pub struct Consumer {
    root: PathBuf,
}

/// What a consumer decides for itself.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Targets it uses; empty keeps those of the pin.
    pub targets: Vec<String>,
    /// Where the version in use is to be; absent keeps that of the pin, or is `generated/`.
    pub out_dir: Option<String>,
    /// Whose signatures count; empty keeps those of the pin.
    pub keys: Vec<PublicKey>,
    /// Whether versions that go may take edited and foreign files with them.
    pub discard_edits: bool,
}

/// What staging did.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Staged {
    /// The pin as it is now.
    pub pin: Pin,
    /// Folder of the version that was staged: what to compile against before adopting it.
    pub folder: PathBuf,
    /// Whether it was not on disk before.
    pub is_new: bool,
    /// Files of the version in use that the staged one does not have.
    pub deletions: Vec<String>,
    /// Folders of versions that were removed.
    pub removed: Vec<PathBuf>,
}

/// How a consumer stands.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Status {
    /// The pin.
    pub pin: Pin,
    /// What the link in use leads to, when there is one.
    pub in_use: Option<PathBuf>,
    /// Whether that is the version the pin says.
    pub settled: bool,
    /// State of the current version's folder; `None` when it is not on disk.
    pub current: Option<VersionReport>,
    /// State of the previous version's folder.
    pub previous: Option<VersionReport>,
}

/// Why a consumer stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum ConsumerError {
    /// There is no pin file.
    #[error("`{}` has no forge.pin.json: pin an artifact first", root.display())]
    NoPin {
        /// The consumer's folder.
        root: PathBuf,
    },
    /// The pin is none.
    #[error(transparent)]
    Pin(#[from] PinError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The disk failed.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// What was fetched is not what was signed.
    #[error("`{artifact}`: {source}")]
    Artifact {
        /// Which artifact.
        artifact: ArtifactName,
        /// What is wrong with it.
        source: VerifyError,
    },
    /// A version on disk is not what was staged.
    #[error("`{}`: {source}", folder.display())]
    Version {
        /// Its folder.
        folder: PathBuf,
        /// What is wrong with it.
        source: VerifyError,
    },
    /// The store has something else than what is pinned.
    #[error("`{artifact}`: the manifest's SHA-256 is {found}, expected {expected} as pinned")]
    Other {
        /// Which artifact.
        artifact: ArtifactName,
        /// What the store has.
        found: String,
        /// What is pinned.
        expected: String,
    },
    /// The store has another artifact under the name.
    #[error("under the name `{artifact}` the store has `{found}`")]
    Mislabelled {
        /// Which name.
        artifact: ArtifactName,
        /// What its manifest says.
        found: String,
    },
    /// The artifact has no such target.
    #[error("`{artifact}` has no target `{target}`; it has {has}")]
    Target {
        /// Which artifact.
        artifact: ArtifactName,
        /// Which target.
        target: String,
        /// Those it has.
        has: String,
    },
    /// There is no other version to flip to.
    #[error("there is no {0} version to use: {1}")]
    Nothing(&'static str, &'static str),
    /// A version that is wanted is not on disk, or not as it was staged.
    #[error("version `{artifact}` is not ready: {reason}")]
    NotReady {
        /// Which artifact.
        artifact: ArtifactName,
        /// What is wrong and what would help.
        reason: String,
    },
    /// Someone's work would be lost.
    #[error("`{}` would go, with work in it that nobody published ({what}); move that away, or discard it explicitly", folder.display())]
    Edited {
        /// Which version's folder.
        folder: PathBuf,
        /// The files.
        what: String,
    },
    /// Something is where the link is to be.
    #[error("`{}` {reason}", path.display())]
    InTheWay {
        /// Where.
        path: PathBuf,
        /// What is wrong and what would be right.
        reason: &'static str,
    },
}

type Outcome<T> = Result<T, ConsumerError>;

impl Consumer {
    /// The consumer in a folder.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Pins and stages an artifact: fetches it, verifies it, writes it beside the version in use, and names it in the pin. The version in
    /// use stays in use, until [`Consumer::adopt`]; where there is none yet the staged one is used at once. Versions that the pin no longer
    /// names are removed at the end.
    ///
    /// # Errors
    /// [`ConsumerError`]; the consumer then uses what it used.
    pub fn stage(&self, store: &dyn ArtifactStore, name: &ArtifactName, settings: &Settings) -> Outcome<Staged> {
        let _lock = self.lock()?;
        let before = self.read_pin()?;
        if let Some(pin) = &before {
            self.settle(pin)?;
        }
        let draft = Draft::new(before.as_ref(), settings)?;
        let keys = draft.keys.clone();
        let verified = self.manifest(store, name, Trust(&keys))?;
        let staged = Pinned { artifact: name.clone(), manifest_sha256: verified.manifest_sha256 };
        let pin = draft.pin(before.as_ref(), staged);
        pin.to_bytes()?;
        let outcome = self.bring(store, &pin, before.as_ref(), settings.discard_edits)?;
        let deletions = self.deletions(&pin, Trust(&keys))?;
        let folder = self.folder(&pin, &pin.current);
        Ok(Staged { pin, folder, is_new: outcome.written > 0, deletions, removed: outcome.removed })
    }

    /// Makes the disk hold what the pin says: fetches what is missing, makes the link, removes what the pin does not name. Run it in a
    /// fresh clone, or after damage: a version that misses files is fetched anew, one with edited or foreign files when `discard_edits` says so.
    ///
    /// # Errors
    /// [`ConsumerError`].
    pub fn restore(&self, store: &dyn ArtifactStore, discard_edits: bool) -> Outcome<Status> {
        let _lock = self.lock_pinned()?;
        let pin = self.pin()?;
        let keys = pin.keys()?;
        for version in pin.versions() {
            let folder = self.folder(&pin, version);
            let edited = |what: String| ConsumerError::Edited { folder: folder.clone(), what };
            match self.look(&pin, version, Trust(&keys)) {
                Ok(None) => continue,
                Ok(Some(report)) if report.is_whole() => continue,
                Ok(Some(report)) if report.has_edits() && !discard_edits => return Err(edited(report.work())),
                Err(ConsumerError::Version { source, .. }) if !discard_edits => return Err(edited(source.to_string())),
                Ok(Some(_)) | Err(ConsumerError::Version { .. }) => {}
                Err(error) => return Err(error),
            }
            let files = self.fetch_pinned(store, version, Trust(&keys), &pin.targets)?;
            versions::replace(&self.aside(), &self.aside(), &folder, &files)?;
        }
        self.bring(store, &pin, Some(&pin), discard_edits)?;
        self.status()
    }

    /// Uses the version that was staged last. One flip, no network.
    ///
    /// # Errors
    /// [`ConsumerError::NotReady`] when it is not on disk as it was staged.
    pub fn adopt(&self) -> Outcome<Pin> {
        self.flip(Active::Current)
    }

    /// Uses the version before. One flip, no network.
    ///
    /// # Errors
    /// [`ConsumerError::Nothing`] when there is none, [`ConsumerError::NotReady`] when it is not on disk as it was staged.
    pub fn rollback(&self) -> Outcome<Pin> {
        self.flip(Active::Previous)
    }

    /// How the consumer stands. Changes nothing.
    ///
    /// # Errors
    /// [`ConsumerError`].
    pub fn status(&self) -> Outcome<Status> {
        let pin = self.pin()?;
        let keys = pin.keys()?;
        let link = self.link(&pin)?;
        let in_use = std::fs::read_link(&link).ok().map(|target| disk::parent(&link).join(target));
        let wanted = self.target(&pin)?;
        let settled = std::fs::read_link(&link).is_ok_and(|target| target == wanted);
        let current = self.look(&pin, &pin.current, Trust(&keys))?;
        let previous = match &pin.previous {
            Some(previous) => self.look(&pin, previous, Trust(&keys))?,
            None => None,
        };
        Ok(Status { pin, in_use, settled, current, previous })
    }

    /// The pin.
    ///
    /// # Errors
    /// [`ConsumerError::NoPin`] and [`ConsumerError::Pin`].
    pub fn pin(&self) -> Outcome<Pin> {
        self.read_pin()?.ok_or_else(|| ConsumerError::NoPin { root: self.root.clone() })
    }

    /// The folder of a version of the pin: what to compile against before adopting it.
    pub fn folder(&self, pin: &Pin, version: &Pinned) -> PathBuf {
        self.kept().join("versions").join(version.folder(&pin.targets))
    }

    fn flip(&self, to: Active) -> Outcome<Pin> {
        let _lock = self.lock_pinned()?;
        let before = self.pin()?;
        self.settle(&before)?;
        if to == Active::Previous && before.previous.is_none() {
            return Err(ConsumerError::Nothing("previous", "only one was ever staged"));
        }
        let mut after = before.clone();
        after.active = to;
        let keys = after.keys()?;
        let version = after.in_use();
        let not_ready = |reason: String| ConsumerError::NotReady { artifact: version.artifact.clone(), reason };
        let report = self.look(&after, version, Trust(&keys))?;
        let report = report.ok_or_else(|| not_ready("it is not on disk; restore it from a store".to_owned()))?;
        if !report.missing.is_empty() || !report.edited.is_empty() {
            let paths = versions::shown(report.missing.iter().chain(&report.edited));
            return Err(not_ready(format!("it is not as it was staged ({paths}); restore it from a store")));
        }
        if after != before {
            self.write_pin(&after)?;
        }
        self.settle(&after)?;
        Ok(after)
    }

    /// Brings the disk from one pin to another: versions first, then the pin, then the link, then what goes.
    fn bring(&self, store: &dyn ArtifactStore, pin: &Pin, before: Option<&Pin>, discard_edits: bool) -> Outcome<Brought> {
        let keys = pin.keys()?;
        let mut written = 0;
        for version in pin.versions() {
            let folder = self.folder(pin, version);
            if folder.symlink_metadata().is_ok() {
                continue;
            }
            let files = self.fetch_pinned(store, version, Trust(&keys), &pin.targets)?;
            versions::write(&self.aside(), &folder, &files)?;
            written += 1;
        }
        let goes = self.goes(pin, before, discard_edits)?;
        self.check_link(pin)?;
        if before != Some(pin) {
            self.write_pin(pin)?;
        }
        self.settle(pin)?;
        if let Some(before) = before.filter(|before| before.out_dir != pin.out_dir) {
            let old = self.link(before)?;
            if self.is_own_link(&old) {
                disk::remove(&old)?;
            }
        }
        for folder in &goes {
            // Aside first: a name stands for a whole version or for none.
            let aside = self.aside();
            disk::ensure_dir(disk::parent(&aside))?;
            disk::rename(folder, &aside)?;
        }
        disk::remove(&self.kept().join("tmp"))?;
        Ok(Brought { written, removed: goes })
    }

    /// Folders of versions that a pin does not name.
    fn goes(&self, pin: &Pin, before: Option<&Pin>, discard_edits: bool) -> Outcome<Vec<PathBuf>> {
        let stays: Vec<PathBuf> = pin.versions().map(|version| self.folder(pin, version)).collect();
        let mut goes = disk::list_if_there(&self.kept().join("versions"))?;
        goes.retain(|folder| !stays.contains(folder));
        let keys = pin.keys()?;
        for folder in &goes {
            let Some(before) = before.filter(|_| !discard_edits) else { continue };
            let Some(version) = before.versions().find(|version| self.folder(before, version) == *folder) else { continue };
            let work = |what: String| ConsumerError::Edited { folder: folder.clone(), what };
            match self.look(before, version, Trust(&keys)) {
                Ok(Some(report)) if report.has_edits() => {
                    return Err(work(report.work()));
                }
                // Signed by a key that no longer counts: it goes as any other.
                Err(ConsumerError::Version { source: VerifyError::Untrusted { .. }, .. }) | Ok(_) => {}
                Err(ConsumerError::Version { source, .. }) => return Err(work(source.to_string())),
                Err(error) => return Err(error),
            }
        }
        Ok(goes)
    }

    /// Looks at a version's folder; `None` when there is none.
    fn look(&self, pin: &Pin, version: &Pinned, trust: Trust<'_>) -> Outcome<Option<VersionReport>> {
        let folder = self.folder(pin, version);
        if folder.symlink_metadata().is_err() {
            return Ok(None);
        }
        let missing = || VerifyError::Missing { path: Manifest::FILE.to_owned() };
        let odd = |source| ConsumerError::Version { folder: folder.clone(), source };
        let verified = versions::manifest(&folder, trust)?.ok_or_else(|| odd(missing()))?;
        if verified.manifest_sha256 != version.manifest_sha256 {
            let (found, expected) = (verified.manifest_sha256.hex(), version.manifest_sha256.hex());
            return Err(odd(VerifyError::Sum { path: Manifest::FILE.to_owned(), found, expected }));
        }
        Ok(Some(versions::report(&folder, &verified.manifest, &pin.targets)?))
    }

    /// Fetches the documents of an artifact and holds the manifest against its signature.
    fn manifest(&self, store: &dyn ArtifactStore, name: &ArtifactName, trust: Trust<'_>) -> Outcome<Verified> {
        let files = fetch(store, name, |_| false)?;
        let odd = |source| ConsumerError::Artifact { artifact: name.clone(), source };
        let own = |path: &str| {
            let found = files.iter().find(|(other, _)| other.as_str() == path).map(|(_, bytes)| bytes.as_slice());
            found.ok_or_else(|| odd(VerifyError::Missing { path: path.to_owned() }))
        };
        let verified = trust.manifest(own(Manifest::FILE)?, own(Manifest::SIGNATURE)?).map_err(odd)?;
        if verified.manifest.artifact != *name {
            let found = verified.manifest.artifact.to_string();
            return Err(ConsumerError::Mislabelled { artifact: name.clone(), found });
        }
        Ok(verified)
    }

    /// Fetches a version with its targets and verifies all of it against what is pinned.
    fn fetch_pinned(
        &self,
        store: &dyn ArtifactStore,
        version: &Pinned,
        trust: Trust<'_>,
        targets: &[String],
    ) -> Outcome<BTreeMap<TreePath, Vec<u8>>> {
        let name = &version.artifact;
        let verified = self.manifest(store, name, trust)?;
        if verified.manifest_sha256 != version.manifest_sha256 {
            let (found, expected) = (verified.manifest_sha256.hex(), version.manifest_sha256.hex());
            return Err(ConsumerError::Other { artifact: name.clone(), found, expected });
        }
        for target in targets {
            if !verified.manifest.targets.contains_key(target) {
                let has: Vec<&str> = verified.manifest.targets.keys().map(String::as_str).collect();
                return Err(ConsumerError::Target { artifact: name.clone(), target: target.clone(), has: has.join(", ") });
            }
        }
        let wanted = |path: &TreePath| path.as_str().split_once('/').is_some_and(|(first, _)| targets.iter().any(|t| t == first));
        let files = fetch(store, name, wanted)?;
        let again = verify(&files, trust, Some(targets));
        let again = again.map_err(|source| ConsumerError::Artifact { artifact: name.clone(), source })?;
        if again.manifest_sha256 != version.manifest_sha256 {
            let (found, expected) = (again.manifest_sha256.hex(), version.manifest_sha256.hex());
            return Err(ConsumerError::Other { artifact: name.clone(), found, expected });
        }
        Ok(files)
    }

    /// Files of the version in use that the staged one does not have.
    fn deletions(&self, after: &Pin, trust: Trust<'_>) -> Outcome<Vec<String>> {
        let paths = |pin: &Pin, version: &Pinned| -> Outcome<Vec<String>> {
            let verified = versions::manifest(&self.folder(pin, version), trust)?;
            let manifest = verified.map(|verified| verified.manifest);
            let of = |manifest: &Manifest| {
                let records = manifest.targets.iter().filter(|(name, _)| pin.targets.contains(name));
                records.flat_map(|(_, record)| &record.files).map(|file| file.path.to_string()).collect()
            };
            Ok(manifest.as_ref().map(of).unwrap_or_default())
        };
        let used = paths(after, after.in_use())?;
        let staged = paths(after, &after.current)?;
        Ok(used.into_iter().filter(|path| !staged.contains(path)).collect())
    }

    /// Makes the link what the pin says, in one step, when the version is on disk.
    fn settle(&self, pin: &Pin) -> Outcome<()> {
        let (link, target) = (self.link(pin)?, self.target(pin)?);
        if std::fs::read_link(&link).is_ok_and(|found| found == target) {
            return Ok(());
        }
        if self.folder(pin, pin.in_use()).symlink_metadata().is_err() {
            return Ok(());
        }
        self.check_link(pin)?;
        disk::ensure_dir(disk::parent(&link))?;
        let aside = self.aside();
        disk::ensure_dir(disk::parent(&aside))?;
        disk::symlink(&target, &aside)?;
        disk::rename(&aside, &link)?;
        Ok(disk::sync_dir(disk::parent(&link))?)
    }

    /// Refuses to put the link where something else is, or where a link leads elsewhere.
    fn check_link(&self, pin: &Pin) -> Outcome<()> {
        let link = self.link(pin)?;
        let mut above = disk::parent(&link);
        while above != self.root && above.starts_with(&self.root) {
            if above.symlink_metadata().is_ok_and(|meta| !meta.is_dir()) {
                let reason = "is above the folder in use and no folder itself; links there may lead anywhere";
                return Err(ConsumerError::InTheWay { path: above.to_owned(), reason });
            }
            above = disk::parent(above);
        }
        if link.symlink_metadata().is_ok() && !self.is_own_link(&link) {
            let reason = "was not made here; move it away, or choose another folder";
            return Err(ConsumerError::InTheWay { path: link, reason });
        }
        Ok(())
    }

    fn is_own_link(&self, link: &Path) -> bool {
        let marker = Path::new(KEPT).join("versions");
        std::fs::read_link(link).is_ok_and(|target| target.parent().is_some_and(|folder| folder.ends_with(&marker)))
    }

    fn link(&self, pin: &Pin) -> Outcome<PathBuf> {
        Ok(self.root.join(pin.folder()?))
    }

    /// What the link says: a way from its own folder, so that the consumer can be moved.
    fn target(&self, pin: &Pin) -> Outcome<PathBuf> {
        let depth = pin.folder()?.as_str().matches('/').count();
        let up: PathBuf = std::iter::repeat_n("..", depth).collect();
        Ok(up.join(KEPT).join("versions").join(pin.in_use().folder(&pin.targets)))
    }

    fn read_pin(&self) -> Outcome<Option<Pin>> {
        let bytes = disk::read(&self.root.join(Pin::FILE), PIN_BYTES_MAX)?;
        Ok(bytes.map(|bytes| Pin::read(&bytes)).transpose()?)
    }

    fn write_pin(&self, pin: &Pin) -> Outcome<()> {
        let aside = self.aside();
        disk::ensure_dir(disk::parent(&aside))?;
        Ok(disk::replace(&aside, &self.root.join(Pin::FILE), &pin.to_bytes()?)?)
    }

    fn kept(&self) -> PathBuf {
        self.root.join(KEPT)
    }

    fn aside(&self) -> PathBuf {
        self.kept().join("tmp").join(disk::unique())
    }

    fn lock_pinned(&self) -> Outcome<std::fs::File> {
        // Where there is no pin, nothing is to be made.
        self.pin()?;
        self.lock()
    }

    /// One command at a time; the others wait.
    fn lock(&self) -> Outcome<std::fs::File> {
        disk::ensure_dir(&self.kept())?;
        let path = self.kept().join("lock");
        let file = std::fs::OpenOptions::new().create(true).truncate(false).write(true).open(&path).at("open", &path)?;
        file.lock().at("lock", &path)?;
        Ok(file)
    }
}

struct Brought {
    written: usize,
    removed: Vec<PathBuf>,
}

/// What the pin will say but for the version.
struct Draft {
    targets: Vec<String>,
    out_dir: String,
    keys: Vec<PublicKey>,
}

impl Draft {
    fn new(before: Option<&Pin>, settings: &Settings) -> Outcome<Self> {
        let mut targets = settings.targets.clone();
        targets.sort();
        targets.dedup();
        let mut keys = settings.keys.clone();
        let mut out_dir = settings.out_dir.clone();
        if let Some(before) = before {
            if targets.is_empty() {
                targets.clone_from(&before.targets);
            }
            if keys.is_empty() {
                keys = before.keys()?;
            }
            out_dir.get_or_insert_with(|| before.out_dir.clone());
        }
        Ok(Self { targets, keys, out_dir: out_dir.unwrap_or_else(|| "generated/".to_owned()) })
    }

    fn pin(self, before: Option<&Pin>, staged: Pinned) -> Pin {
        let in_use = before.map(|before| before.in_use().clone()).filter(|in_use| *in_use != staged);
        let unused = before.and_then(|before| before.versions().find(|version| *version != before.in_use()).cloned());
        let (previous, active) = match (in_use, before) {
            // What is staged is in use already: the other version stays where it is.
            (None, Some(_)) => (unused, Active::Current),
            (Some(in_use), _) => (Some(in_use), Active::Previous),
            (None, None) => (None, Active::Current),
        };
        Pin {
            current: staged,
            previous,
            active,
            targets: self.targets,
            out_dir: self.out_dir,
            keys: self.keys.iter().map(ToString::to_string).collect(),
        }
    }
}
