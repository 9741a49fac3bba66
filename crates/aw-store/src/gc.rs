//! Collecting what nothing needs any more.
//!
//! Marks from the kept artifacts and from the stage records that stay, then removes what is not marked: records first, then
//! lists of files, then contents, so that a gc cut short leaves nothing that refers to what is gone. While it runs nobody
//! else can write, so what is unreachable now stays unreachable.

use std::collections::HashSet;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use aw_alloy::digest::{Digest, StageKey, TreeRoot};

use crate::check::Fault;
use crate::disk::{self, At as _, Disk, DiskError};
use crate::kept::{KeptError, KeptId};
use crate::layout::digest_in_name;
use crate::record::{self, Needs, RECORD_BYTES_MAX};
use crate::store::{Store, lock_scratch, open_lock};
use crate::trees::Manifest;
use crate::writer::scratch_by_owner;
use aw_disk::Lock;

/// Which records of the stage cache stay, and with them what they need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StageRecords {
    /// All that are whole.
    Keep,
    /// Those recorded or hit at that time or later.
    KeepUsedSince(SystemTime),
    /// None: only what kept artifacts need stays.
    Drop,
}

/// Files, and their sizes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// How many files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What a gc removed, or would remove.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GcReport {
    /// Contents whose space became free.
    pub blobs: Count,
    /// Contents that are hard-linked outside the store: removed here, but their space is not free until those go too.
    pub blobs_linked_outside: Count,
    /// Lists of files.
    pub trees: Count,
    /// Records of the stage cache.
    pub stages: Count,
    /// What is known of source folders that are no longer there.
    pub sources: Count,
    /// What dead writers left.
    pub scratch: Count,
    /// What stays.
    pub remaining: Count,
    /// Stage records that were removed because they, or the lists of files they need, were damaged.
    pub damaged: Vec<Fault>,
    /// Things in the store's folders that the store did not put there. They are left alone.
    pub strangers: Vec<PathBuf>,
}

impl GcReport {
    /// Bytes that became, or would become, free.
    pub fn freed_bytes(&self) -> u64 {
        [self.blobs, self.trees, self.stages, self.sources, self.scratch].iter().map(|count| count.bytes).sum()
    }
}

/// Why a gc did not run. Nothing was removed, unless it is a disk error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GcError {
    /// A file cannot be read or removed.
    #[error("cannot collect the store: {0}")]
    Disk(#[from] DiskError),
    /// Someone is writing to the store.
    #[error("cannot collect the store in `{}`: a run is going on ({})", path.display(), owners.join(", "))]
    Busy {
        /// The store's folder.
        path: PathBuf,
        /// Who is writing, as far as is known: scratch folder names, which start with the process id.
        owners: Vec<String>,
    },
    /// What is kept cannot be read, so what it needs is not known.
    #[error("cannot collect the store: {0}")]
    Kept(#[from] KeptError),
    /// A kept artifact needs a tree whose list of files is missing or damaged, so its contents are not known.
    #[error("cannot collect the store: the kept artifact `{id}` needs a tree that cannot be read: {fault}")]
    KeptTree {
        /// The artifact.
        id: KeptId,
        /// What is wrong with the tree.
        fault: Box<Fault>,
    },
}

impl GcError {
    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Disk(_) => None,
            Self::Busy { .. } => Some("wait for the run to finish, or stop it; a later run resumes where it stopped"),
            Self::Kept(error) => error.hint(),
            Self::KeptTree { .. } => Some("restore the list of files from a copy, or let the artifact go"),
        }
    }
}

impl Store {
    /// Removes what neither a kept artifact nor a remaining stage record needs, and what dead writers left. With `dry_run`
    /// it only reports.
    ///
    /// # Errors
    /// [`GcError::Busy`] while anyone writes; [`GcError::Kept`] and [`GcError::KeptTree`] when it cannot be known what must stay.
    pub fn gc(&self, stages: StageRecords, dry_run: bool) -> Result<GcReport, GcError> {
        let path = self.layout.lock();
        let Some(_alone) = Lock::try_exclusive(open_lock(&path)?, &path)? else { return Err(self.busy()?) };
        let mut gc = Gc { store: self, dry_run, trees: HashSet::new(), blobs: HashSet::new(), report: GcReport::default() };
        gc.mark_kept()?;
        let stale = gc.mark_stages(stages)?;
        gc.sweep_scratch()?;
        gc.sweep_stages(stale)?;
        gc.sweep_trees()?;
        gc.sweep_blobs()?;
        gc.sweep_sources()?;
        Ok(gc.report)
    }

    fn busy(&self) -> Disk<GcError> {
        let _alone = lock_scratch(&self.layout)?;
        let owners = scratch_by_owner(&self.layout, true)?;
        let name = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut owners: Vec<String> =
            owners.iter().map(name).map(|name| format!("process {}", name.split('-').next().unwrap_or(&name))).collect();
        owners.dedup();
        if owners.is_empty() {
            owners.push("another gc, or a run that is just starting or ending".to_owned());
        }
        Ok(GcError::Busy { path: self.root().to_owned(), owners })
    }
}

struct Gc<'s> {
    store: &'s Store,
    dry_run: bool,
    trees: HashSet<TreeRoot>,
    blobs: HashSet<Digest>,
    report: GcReport,
}

impl Gc<'_> {
    fn mark_kept(&mut self) -> Result<(), GcError> {
        for id in self.store.list_kept()? {
            let Some(kept) = self.store.kept(&id)? else { continue };
            if let Some(fault) = self.mark(&kept.needs)? {
                return Err(GcError::KeptTree { id, fault: Box::new(fault) });
            }
        }
        Ok(())
    }

    /// Marks what the records that stay need; returns the records that go.
    fn mark_stages(&mut self, policy: StageRecords) -> Disk<Vec<PathBuf>> {
        let mut stale = Vec::new();
        for path in disk::list(&self.store.layout.folder("stages"))? {
            let Some(key) = digest_in_name(&path, ".record").map(StageKey::from_digest) else {
                self.report.strangers.push(path);
                continue;
            };
            let meta = path.symlink_metadata().at("look at", &path)?;
            let stays = match policy {
                StageRecords::Keep => true,
                StageRecords::KeepUsedSince(instant) => meta.modified().at("look at", &path)? >= instant,
                StageRecords::Drop => false,
            };
            let fault = if stays { self.mark_stage(&path, &key)? } else { None };
            if !stays || fault.is_some() {
                stale.push(path);
            } else {
                count(&mut self.report.remaining, &meta);
            }
            self.report.damaged.extend(fault);
        }
        Ok(stale)
    }

    fn mark_stage(&mut self, path: &Path, key: &StageKey) -> Disk<Option<Fault>> {
        let Some(bytes) = disk::read(path, RECORD_BYTES_MAX)? else { return Ok(None) };
        match record::decode(&bytes, &key.to_string()) {
            Ok((header, _)) => self.mark(&header.needs),
            Err(why) => Ok(Some(Fault::BadRecord { place: path.to_owned(), why })),
        }
    }

    /// Marks what `needs` names. On a fault, what was marked before it stays marked, which only keeps more.
    fn mark(&mut self, needs: &Needs) -> Disk<Option<Fault>> {
        for root in needs.trees.iter().chain(&needs.manifests) {
            if self.trees.contains(root) {
                continue;
            }
            match self.store.tree(root)? {
                Manifest::Whole(tree) => self.blobs.extend(tree.entries().iter().map(|entry| entry.digest)),
                Manifest::Fault(fault) => return Ok(Some(fault)),
            }
            self.trees.insert(*root);
        }
        self.blobs.extend(&needs.blobs);
        Ok(None)
    }

    fn sweep_scratch(&mut self) -> Disk<()> {
        let _alone = lock_scratch(&self.store.layout)?;
        for path in scratch_by_owner(&self.store.layout, false)? {
            measure(&path, &mut self.report.scratch)?;
            if !self.dry_run {
                disk::remove(&path)?;
            }
        }
        Ok(())
    }

    fn sweep_stages(&mut self, stale: Vec<PathBuf>) -> Disk<()> {
        for path in &stale {
            count(&mut self.report.stages, &path.symlink_metadata().at("look at", path)?);
            self.remove(path)?;
        }
        self.sync("stages", !stale.is_empty())
    }

    fn sweep_trees(&mut self) -> Disk<()> {
        let mut any = false;
        for path in disk::list(&self.store.layout.folder("trees"))? {
            let meta = path.symlink_metadata().at("look at", &path)?;
            match digest_in_name(&path, ".json").map(TreeRoot::from_digest) {
                None => self.report.strangers.push(path),
                Some(root) if self.trees.contains(&root) => count(&mut self.report.remaining, &meta),
                Some(_) => {
                    count(&mut self.report.trees, &meta);
                    self.remove(&path)?;
                    any = true;
                }
            }
        }
        self.sync("trees", any)
    }

    fn sweep_blobs(&mut self) -> Disk<()> {
        for folder in disk::list(&self.store.layout.folder("blobs"))? {
            let prefix = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if !folder.symlink_metadata().at("look at", &folder)?.is_dir() {
                self.report.strangers.push(folder);
                continue;
            }
            for path in disk::list(&folder)? {
                self.sweep_blob(path, &prefix)?;
            }
        }
        Ok(())
    }

    fn sweep_blob(&mut self, path: PathBuf, prefix: &str) -> Disk<()> {
        let meta = path.symlink_metadata().at("look at", &path)?;
        let digest =
            digest_in_name(&path, "").filter(|digest| meta.is_file() && digest.hex().starts_with(prefix) && prefix.len() == 2);
        match digest {
            None => self.report.strangers.push(path),
            Some(digest) if self.blobs.contains(&digest) => count(&mut self.report.remaining, &meta),
            Some(_) => {
                let linked = meta.nlink() > 1;
                count(if linked { &mut self.report.blobs_linked_outside } else { &mut self.report.blobs }, &meta);
                self.remove(&path)?;
            }
        }
        Ok(())
    }

    /// Forgets source folders that are gone. What is wrong with the others shows when they are next hashed.
    fn sweep_sources(&mut self) -> Disk<()> {
        for path in disk::list(&self.store.layout.folder("sources"))? {
            let meta = path.symlink_metadata().at("look at", &path)?;
            if digest_in_name(&path, ".index").is_none() {
                self.report.strangers.push(path);
            } else if crate::source::folder_of_index(&path)?.is_some_and(|folder| folder.is_dir()) {
                count(&mut self.report.remaining, &meta);
            } else {
                count(&mut self.report.sources, &meta);
                self.remove(&path)?;
            }
        }
        Ok(())
    }

    fn remove(&self, path: &Path) -> Disk<()> {
        if self.dry_run { Ok(()) } else { disk::remove_file(path) }
    }

    /// Makes removals durable before going on to what they referred to.
    fn sync(&self, folder: &str, any: bool) -> Disk<()> {
        if any && !self.dry_run { disk::sync_dir(&self.store.layout.folder(folder)) } else { Ok(()) }
    }
}

fn count(count: &mut Count, meta: &Metadata) {
    count.files += 1;
    count.bytes += meta.len();
}

fn measure(path: &Path, total: &mut Count) -> Disk<()> {
    let mut waiting = vec![path.to_owned()];
    while let Some(path) = waiting.pop() {
        let meta = path.symlink_metadata().at("look at", &path)?;
        if meta.is_dir() {
            waiting.extend(disk::list(&path)?);
        } else {
            count(total, &meta);
        }
    }
    Ok(())
}
