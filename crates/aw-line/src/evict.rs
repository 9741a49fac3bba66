//! Cleaning up: work folders that nothing needs any more go to a cold tier, or are deleted where that loses nothing.
//!
//! What may go is decided from the parts and the folders alone ([`survey`]); when anything is in doubt the folder stays. A folder that a
//! finished part points to is never deleted before the part was published: it is copied, the copy's bytes are held against the
//! original's, and a link takes its place, so that the part's `forged_dir` still leads to it. Nothing outside the root and the declared
//! tiers is touched: links and other file systems inside `work/` are left alone.
//!
//! # Source
//! The foundry and line, section 3.8.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use aw_disk::{At, Disk, Lock};

use crate::node::NodeFile;

mod act;
mod clock;
mod tree;

pub use act::{Action, Done, Evicted, Options, evict};
pub use clock::{Reading, Trust, trust};

/// Fuller than this, in percent, the hot file system is cleaned before each part.
pub const FULL_PERCENT: u64 = 85;
/// Work of parts finished within this time stays.
const FINISHED_STAYS: Duration = Duration::from_secs(7 * 24 * 3600);
/// Work modified within this time stays.
const MODIFIED_STAYS: Duration = Duration::from_secs(24 * 3600);
/// The file in a work folder that whoever builds there holds locked.
pub(crate) const BUILDING_LOCK: &str = ".lock";

/// A part that is not finished: what it names stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Live {
    /// Its stem.
    pub stem: String,
    /// The station it stands in.
    pub station: String,
    /// Its text; `None` when it cannot be read, and then nothing is known to be unneeded.
    pub text: Option<Vec<u8>>,
}

/// A finished part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// Its stem.
    pub stem: String,
    /// Every time that anything gives for its end: its sidecar, the log, the file itself.
    pub times: Vec<SystemTime>,
    /// Whether it was published, so that its work folder is not its only copy.
    pub published: bool,
}

/// What the line holds.
#[derive(Clone, Debug)]
pub struct Scene<'a> {
    /// The root.
    pub root: &'a Path,
    /// The node's file.
    pub file: &'a NodeFile,
    /// Parts in intake, assembly, deferred and rework.
    pub live: Vec<Live>,
    /// Parts in finished.
    pub finished: Vec<Finished>,
}

/// What is to become of one folder below `work/`.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// Its name.
    pub stem: String,
    /// Its size in bytes, as far as it was walked.
    pub bytes: u64,
    /// When anything in it was last changed.
    pub modified: Option<SystemTime>,
    /// Whether it may go.
    pub fate: Fate,
    /// Why.
    pub reason: String,
}

/// Whether a work folder may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It stays.
    Stays,
    /// It may be moved, and a link takes its place.
    MayMove,
    /// It may be moved or deleted; a link takes its place when it is moved and a finished part points to it.
    MayGo {
        /// Whether a finished part points to it.
        finished: bool,
    },
}

/// Judges every folder below `work/`, the longest untouched first. Reads alone.
///
/// # Errors
/// When `work/` cannot be listed.
pub fn survey(scene: &Scene<'_>, now: SystemTime, trust: &Trust) -> Disk<Vec<Judged>> {
    let work = scene.root.join("work");
    let Ok(meta) = fs::symlink_metadata(&work) else { return Ok(Vec::new()) };
    if !meta.is_dir() {
        // A link or a file in its place: not the line's own folder.
        return Ok(Vec::new());
    }
    let mut judged = Vec::new();
    let live: BTreeMap<&str, &Live> = scene.live.iter().map(|part| (base_stem(&part.stem), part)).collect();
    let texts: Vec<(String, &Live)> = scene.live.iter().filter_map(|part| Some((strings(part.text.as_deref()?), part))).collect();
    let unreadable = scene.live.iter().find(|part| part.text.is_none());
    let finished: BTreeMap<&str, &Finished> = scene.finished.iter().map(|part| (part.stem.as_str(), part)).collect();
    for path in aw_disk::list(&work)? {
        let Some(stem) = path.file_name().and_then(|name| name.to_str()).filter(|name| !name.starts_with('.')) else { continue };
        let mut one = Judged { stem: stem.to_owned(), bytes: 0, modified: None, fate: Fate::Stays, reason: String::new() };
        let judge = Judge { now, trust, device: meta.dev(), live: &live, texts: &texts, unreadable, finished: &finished };
        match judge.fate(&path, &mut one) {
            Ok((fate, reason)) => (one.fate, one.reason) = (fate, reason),
            Err(reason) => one.reason = reason,
        }
        judged.push(one);
    }
    judged.sort_by(|a, b| (a.modified, &a.stem).cmp(&(b.modified, &b.stem)));
    Ok(judged)
}

struct Judge<'a> {
    now: SystemTime,
    trust: &'a Trust,
    device: u64,
    live: &'a BTreeMap<&'a str, &'a Live>,
    texts: &'a [(String, &'a Live)],
    unreadable: Option<&'a Live>,
    finished: &'a BTreeMap<&'a str, &'a Finished>,
}

impl Judge<'_> {
    /// Whether a folder may go, and why; `Err` is why it stays.
    fn fate(&self, path: &Path, one: &mut Judged) -> Result<(Fate, String), String> {
        let meta = fs::symlink_metadata(path).map_err(|error| format!("it cannot be looked at: {error}"))?;
        if meta.is_symlink() {
            return Err("it is a link: moved away already, or put there by someone".into());
        }
        if !meta.is_dir() {
            return Err("it is no folder".into());
        }
        if meta.dev() != self.device {
            return Err("another file system is mounted there".into());
        }
        let walked = tree::walk(path, self.device)?;
        (one.bytes, one.modified) = (walked.bytes, Some(walked.newest));
        if let Some(part) = self.live.get(one.stem.as_str()) {
            return Err(format!("`{}` stands in {}", part.stem, part.station));
        }
        if let Some(part) = self.unreadable {
            return Err(format!("`{}` in {} cannot be read, so what it names is not known", part.stem, part.station));
        }
        let named = format!("work/{}", one.stem);
        let names = |text: &str| {
            text.match_indices(&named)
                .any(|(at, _)| !text[at + named.len()..].starts_with(|c: char| c.is_alphanumeric() || "._-".contains(c)))
        };
        if let Some((_, part)) = self.texts.iter().find(|(text, _)| names(text)) {
            return Err(format!("`{}` in {} names it", part.stem, part.station));
        }
        if is_locked(path) {
            return Err("a process builds in it".into());
        }
        if let Trust::Doubt(reason) = self.trust {
            return Err(format!("the clock is in doubt, so its age is not known: {reason}"));
        }
        self.old_enough(walked.newest, MODIFIED_STAYS).map_err(|age| format!("it was modified {age}"))?;
        let Some(part) = self.finished.get(one.stem.as_str()) else {
            return Ok((Fate::MayGo { finished: false }, "no part has this name".into()));
        };
        if part.times.is_empty() {
            return Err("nothing says when its part was finished".into());
        }
        for time in &part.times {
            self.old_enough(*time, FINISHED_STAYS).map_err(|age| format!("its part was finished {age}"))?;
        }
        if part.published {
            return Ok((Fate::MayGo { finished: true }, "its part was finished more than 7 days ago and published".into()));
        }
        Ok((Fate::MayMove, "its part was finished more than 7 days ago; it is the only copy, so it may only be moved".into()))
    }

    /// Whether a time lies far enough back; `Err` tells where it lies. A time to come is a clock that jumped.
    fn old_enough(&self, time: SystemTime, stays: Duration) -> Result<(), String> {
        match self.now.duration_since(time) {
            Ok(age) if age > stays => Ok(()),
            Ok(age) => Err(format!("{} hours ago", age.as_secs() / 3600)),
            Err(_) => Err("in the future, as far as the clock tells".into()),
        }
    }
}

/// The stem of the part that a record of a refusal is about: `a` for `a.refused2`.
fn base_stem(stem: &str) -> &str {
    match stem.rsplit_once(".refused") {
        Some((base, number)) if !base.is_empty() && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) => {
            base
        }
        _ => stem,
    }
}

/// Every string in a part's text, or the text itself when it is no JSON.
fn strings(text: &[u8]) -> String {
    fn gather(value: &serde_json::Value, into: &mut String) {
        match value {
            serde_json::Value::String(text) => {
                into.push_str(text);
                into.push('\n');
            }
            serde_json::Value::Array(items) => items.iter().for_each(|item| gather(item, into)),
            serde_json::Value::Object(members) => members.values().for_each(|member| gather(member, into)),
            _ => {}
        }
    }
    match serde_json::from_slice(text) {
        Ok(value) => {
            let mut all = String::new();
            gather(&value, &mut all);
            all
        }
        Err(_) => String::from_utf8_lossy(text).replace("\\/", "/"),
    }
}

/// Whether a process builds in a work folder. A lock that cannot be asked for counts as held.
fn is_locked(folder: &Path) -> bool {
    let path = folder.join(BUILDING_LOCK);
    if path.symlink_metadata().is_err() {
        return false;
    }
    let taken = aw_disk::open_no_follow(&path).and_then(|file| Lock::try_exclusive(file, &path));
    !matches!(taken, Ok(Some(_)))
}

/// How full a file system is, in percent of what programs may use; and what is free of it, in bytes.
///
/// # Errors
/// When it cannot be asked.
pub fn fullness(path: &Path) -> Disk<(u64, u64)> {
    let space = rustix::fs::statvfs(path).map_err(std::io::Error::from).at("ask for the free space of", path)?;
    let used = space.f_blocks.saturating_sub(space.f_bfree);
    let all = used.saturating_add(space.f_bavail).max(1);
    Ok((used.saturating_mul(100).div_ceil(all), space.f_bavail.saturating_mul(space.f_frsize)))
}

/// Names below `work/` that cleaning up made and did not come to remove.
fn leftovers(work: &Path) -> Disk<BTreeSet<PathBuf>> {
    let ours = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with('.') && (name.ends_with(act::MOVED) || name.ends_with(act::DELETED))
    };
    Ok(aw_disk::list_if_there(work)?.into_iter().filter(ours).collect())
}

#[cfg(test)]
mod tests;
