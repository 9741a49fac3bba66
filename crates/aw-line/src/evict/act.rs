//! Doing what was judged: moving and deleting, so that a crash at any moment loses nothing.
//!
//! A move copies to a name beside its place, holds the copy against the original, renames it into place, and only then exchanges the
//! original for a link to it. What is exchanged away carries a name that the next cleaning removes.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use aw_disk::Disk;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{FULL_PERCENT, Fate, Judged, Scene, Trust, fullness, leftovers, survey, tree};
use crate::node::Cold;

/// Ends the name of what was moved away and is to be removed.
pub(super) const MOVED: &str = ".moved";
/// Ends the name of what is being deleted.
pub(super) const DELETED: &str = ".deleted";
/// Ends the name of a copy that is not whole yet.
const INCOMING: &str = ".incoming";
/// Room that a tier must have beyond what is moved there, in bytes.
const MARGIN: u64 = 64 << 20;
/// Names tried for a copy where others are taken.
const NAMES_MAX: u32 = 1000;

/// How to clean up.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// Change nothing, and say what would be done.
    pub dry_run: bool,
    /// Only as long as the hot file system is fuller than [`FULL_PERCENT`], or below its floor.
    pub when_full: bool,
    /// Asked often whether to stop.
    pub cancelled: &'a dyn Fn() -> bool,
}

/// What became of a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Evicted {
    /// The folder, relative to the root.
    pub path: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// What was done, or would be.
    pub action: Action,
    /// Where it lies now, when it was moved.
    pub to: Option<PathBuf>,
    /// Why.
    pub reason: String,
}

/// What was done with a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It stays.
    Kept,
    /// It lies on a cold tier now.
    Moved,
    /// It is gone.
    Deleted,
    /// It was to go and could not; it is whole where it was.
    Failed,
}

/// What cleaning up did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Done {
    /// Every folder, the longest untouched first.
    pub folders: Vec<Evicted>,
    /// How full the hot file system was before, in percent.
    pub full_percent_before: u64,
    /// And after.
    pub full_percent_after: u64,
    /// Why nothing was moved to a tier, a line each.
    pub tiers: Vec<String>,
}

/// Cleans up. `log` is told of everything that was moved or deleted, once it is.
///
/// # Errors
/// When `work/` or the hot file system cannot be looked at. A folder that cannot be moved is among the results instead.
pub fn evict(
    scene: &Scene<'_>,
    now: std::time::SystemTime,
    trust: &Trust,
    options: Options<'_>,
    log: &mut dyn FnMut(&Evicted) -> Result<(), String>,
) -> Disk<Done> {
    let hot = scene.file.storage.hot.folder(scene.root);
    let floor = scene.file.storage.hot.min_free_bytes();
    let (before, _) = fullness(&hot)?;
    let mut cleaner = Cleaner { scene, tiers: Vec::new() };
    let mut folders = Vec::new();
    if !options.dry_run {
        folders.extend(cleaner.clear_leftovers(log)?);
    }
    for judged in survey(scene, now, trust)? {
        let (percent, free) = fullness(&hot)?;
        let enough = options.when_full && percent <= FULL_PERCENT && free >= floor;
        let evicted = match judged.fate {
            Fate::Stays => cleaner.told(&judged, Action::Kept, None, judged.reason.clone()),
            _ if enough => {
                let reason = format!("the file system is no more than {FULL_PERCENT} % full ({percent} %)");
                cleaner.told(&judged, Action::Kept, None, reason)
            }
            _ if (options.cancelled)() => cleaner.told(&judged, Action::Kept, None, "asked to stop".into()),
            fate => cleaner.one(&judged, fate, options),
        };
        if !options.dry_run && matches!(evicted.action, Action::Moved | Action::Deleted) {
            cleaner.say(&evicted, log);
        }
        folders.push(evicted);
    }
    let (after, _) = fullness(&hot)?;
    cleaner.tiers.dedup();
    Ok(Done { folders, full_percent_before: before, full_percent_after: after, tiers: cleaner.tiers })
}

struct Cleaner<'a> {
    scene: &'a Scene<'a>,
    tiers: Vec<String>,
}

impl Cleaner<'_> {
    fn work(&self) -> PathBuf {
        self.scene.root.join("work")
    }

    fn told(&self, judged: &Judged, action: Action, to: Option<PathBuf>, reason: String) -> Evicted {
        Evicted { path: format!("work/{}", judged.stem), bytes: judged.bytes, action, to, reason }
    }

    fn say(&mut self, evicted: &Evicted, log: &mut dyn FnMut(&Evicted) -> Result<(), String>) {
        if let Err(reason) = log(evicted) {
            self.tiers.push(format!("the log cannot be written: {reason}"));
        }
    }

    /// One folder that may go.
    fn one(&mut self, judged: &Judged, fate: Fate, options: Options<'_>) -> Evicted {
        let finished = !matches!(fate, Fate::MayGo { finished: false });
        let cold = &self.scene.file.storage.cold;
        for tier in cold.iter().filter(|tier| tier.takes_work()) {
            let folder = match self.room(tier, judged.bytes) {
                Ok(folder) => folder,
                Err(reason) => {
                    self.tiers.push(format!("`{}`: {reason}", tier.name));
                    continue;
                }
            };
            if options.dry_run {
                let reason = format!("{}; `{}` has room", judged.reason, tier.name);
                return self.told(judged, Action::Moved, Some(folder.join(&judged.stem)), reason);
            }
            return match self.relocate(judged, &folder, finished, options) {
                Ok(to) => self.told(judged, Action::Moved, Some(to), judged.reason.clone()),
                Err(reason) => self.told(judged, Action::Failed, None, reason),
            };
        }
        match fate {
            Fate::MayGo { .. } if options.dry_run => self.told(judged, Action::Deleted, None, judged.reason.clone()),
            Fate::MayGo { .. } => match self.delete(judged) {
                Ok(()) => self.told(judged, Action::Deleted, None, judged.reason.clone()),
                Err(reason) => self.told(judged, Action::Failed, None, reason),
            },
            _ => self.told(judged, Action::Kept, None, format!("{}; no cold tier has room", judged.reason)),
        }
    }

    /// The folder of this node on a tier, when the tier is there and has room.
    fn room(&self, tier: &Cold, bytes: u64) -> Result<PathBuf, String> {
        let path = tier.folder(self.scene.root);
        let told = |error: std::io::Error| format!("`{}` cannot be used: {error}", path.display());
        let (there, here) = (fs::metadata(&path).map_err(told)?, fs::symlink_metadata(self.work()).map_err(told)?);
        if !there.is_dir() {
            return Err(format!("`{}` is no folder", path.display()));
        }
        if there.dev() == here.dev() {
            return Err(format!("`{}` lies on the hot file system (is it mounted?)", path.display()));
        }
        let (_, free) = fullness(&path).map_err(|error| error.to_string())?;
        let needed = bytes.saturating_add(MARGIN).saturating_add(tier.min_free_bytes());
        if free < needed {
            return Err(format!("`{}` has {free} bytes free, {needed} are needed with its floor", path.display()));
        }
        let name: String =
            self.scene.file.node.name.chars().map(|c| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect();
        let path = std::path::absolute(path).map_err(|error| error.to_string())?;
        Ok(path.join(format!("line-{name}")))
    }

    /// Moves a folder: copied, held against its copy, and exchanged for a link to it.
    fn relocate(&self, judged: &Judged, folder: &Path, finished: bool, options: Options<'_>) -> Result<PathBuf, String> {
        let said = |error: aw_disk::DiskError| error.to_string();
        let source = self.work().join(&judged.stem);
        let device = fs::symlink_metadata(self.work()).map_err(|error| error.to_string())?.dev();
        let before = tree::walk(&source, device)?;
        let incoming = folder.join(format!(".{}{INCOMING}", judged.stem));
        tree::copy(&before, &source, &incoming, options.cancelled)?;
        if tree::walk(&source, device)? != before {
            return Err("it changed while it was copied".into());
        }
        let to = place(&incoming, folder, &judged.stem).map_err(said)?;
        aw_disk::sync_dir(folder).map_err(said)?;
        let away = self.work().join(format!(".{}{MOVED}", judged.stem));
        if finished {
            aw_disk::symlink(&to, &away).map_err(said)?;
            exchange(&away, &source).map_err(|error| {
                // The link is not needed where it cannot take the folder's place.
                let _ = fs::remove_file(&away);
                format!("the folder cannot be exchanged for a link: {error}")
            })?;
        } else if !aw_disk::rename_new(&source, &away).map_err(said)? {
            return Err(format!("`{}` is in the way", away.display()));
        }
        aw_disk::sync_dir(&self.work()).map_err(said)?;
        remove_tree(&away).map_err(said)?;
        Ok(to)
    }

    fn delete(&self, judged: &Judged) -> Result<(), String> {
        let away = self.work().join(format!(".{}{DELETED}", judged.stem));
        let renamed = aw_disk::rename_new(&self.work().join(&judged.stem), &away).map_err(|error| error.to_string())?;
        if !renamed {
            return Err(format!("`{}` is in the way", away.display()));
        }
        aw_disk::sync_dir(&self.work()).and_then(|()| remove_tree(&away)).map_err(|error| error.to_string())
    }

    /// Finishes what an earlier cleaning did not come to: its commit was the rename, so what is left is only to be removed.
    fn clear_leftovers(&mut self, log: &mut dyn FnMut(&Evicted) -> Result<(), String>) -> Disk<Vec<Evicted>> {
        let mut cleared = Vec::new();
        let work = self.work();
        let Ok(here) = fs::symlink_metadata(&work) else { return Ok(cleared) };
        for path in leftovers(&work)? {
            let Ok(meta) = fs::symlink_metadata(&path) else { continue };
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if meta.is_symlink() && name.ends_with(MOVED) {
                // Made, and not exchanged yet: the folder is still in its place.
                aw_disk::remove_file(&path)?;
                continue;
            }
            if !meta.is_dir() || meta.dev() != here.dev() {
                continue;
            }
            let (stem, action) = match name.strip_suffix(MOVED) {
                Some(stem) => (stem.trim_start_matches('.'), Action::Moved),
                None => (name.strip_suffix(DELETED).unwrap_or(name).trim_start_matches('.'), Action::Deleted),
            };
            let bytes = tree::walk(&path, here.dev()).map_or(0, |walked| walked.bytes);
            let to = fs::read_link(work.join(stem)).ok();
            remove_tree(&path)?;
            let evicted = Evicted {
                path: format!("work/{stem}"),
                bytes,
                action,
                to,
                reason: "an earlier cleaning did not come to its end".into(),
            };
            self.say(&evicted, log);
            cleared.push(evicted);
        }
        Ok(cleared)
    }
}

/// Gives a whole copy its name on the tier; where that is taken, another.
fn place(incoming: &Path, folder: &Path, stem: &str) -> Disk<PathBuf> {
    for number in 1..=NAMES_MAX {
        let name = if number == 1 { stem.to_owned() } else { format!("{stem}-{number}") };
        let to = folder.join(name);
        if aw_disk::rename_new(incoming, &to)? {
            return Ok(to);
        }
    }
    let source = std::io::Error::other(format!("{NAMES_MAX} names for it are taken"));
    Err(aw_disk::DiskError { action: "place", path: folder.join(stem), source })
}

/// Exchanges two names in one step.
fn exchange(one: &Path, other: &Path) -> std::io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    Ok(renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE)?)
}

/// Removes a folder whose own folders may be read-only.
fn remove_tree(path: &Path) -> Disk<()> {
    match aw_disk::remove_dir_all(path) {
        Err(error) if error.source.kind() == std::io::ErrorKind::PermissionDenied => {
            make_writable(path);
            aw_disk::remove_dir_all(path)
        }
        other => other,
    }
}

fn make_writable(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let Ok(meta) = fs::symlink_metadata(folder) else { return };
    if !meta.is_dir() {
        return;
    }
    // What cannot be changed makes the removal fail, which is then told.
    let _ = fs::set_permissions(folder, fs::Permissions::from_mode(0o700));
    let Ok(entries) = fs::read_dir(folder) else { return };
    entries.flatten().for_each(|entry| make_writable(&entry.path()));
}
