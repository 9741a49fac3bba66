//! A work folder walked, copied and held against its copy.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use aw_alloy::digest::{Digest, Hasher};

/// Most entries of a folder that is moved.
const ENTRIES_MAX: usize = 1_000_000;
/// Bytes copied at once.
const BUFFER: usize = 1 << 20;

/// What a folder holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Walked {
    /// All of its files' bytes.
    pub(super) bytes: u64,
    /// When anything in it, or about it, was last changed.
    pub(super) newest: SystemTime,
    /// Everything in it, by its path, folders before what is in them.
    pub(super) entries: BTreeMap<PathBuf, Entry>,
}

/// One thing in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    Folder { mode: u32 },
    File { bytes: u64, mode: u32, modified: SystemTime },
    Link { target: PathBuf },
}

/// Walks a folder without following anything. `Err` says what keeps it from being moved.
pub(super) fn walk(folder: &Path, device: u64) -> Result<Walked, String> {
    let told = |path: &Path, error: io::Error| format!("`{}` cannot be looked at: {error}", path.display());
    let top = fs::symlink_metadata(folder).map_err(|error| told(folder, error))?;
    let mut walked = Walked { bytes: 0, newest: last_change(&top), entries: BTreeMap::new() };
    let mut waiting = vec![PathBuf::new()];
    while let Some(below) = waiting.pop() {
        let path = folder.join(&below);
        for entry in fs::read_dir(&path).map_err(|error| told(&path, error))? {
            let entry = entry.map_err(|error| told(&path, error))?;
            let (name, path) = (below.join(entry.file_name()), entry.path());
            let meta = fs::symlink_metadata(&path).map_err(|error| told(&path, error))?;
            if meta.dev() != device {
                return Err(format!("another file system is mounted at `{}`", path.display()));
            }
            walked.newest = walked.newest.max(last_change(&meta));
            let mode = meta.permissions().mode() & 0o7777;
            let found = if meta.is_dir() {
                waiting.push(name.clone());
                Entry::Folder { mode }
            } else if meta.is_symlink() {
                Entry::Link { target: fs::read_link(&path).map_err(|error| told(&path, error))? }
            } else if meta.is_file() {
                walked.bytes = walked.bytes.saturating_add(meta.len());
                Entry::File { bytes: meta.len(), mode, modified: meta.modified().map_err(|error| told(&path, error))? }
            } else {
                return Err(format!("`{}` is neither a file nor a folder", path.display()));
            };
            walked.entries.insert(name, found);
            if walked.entries.len() > ENTRIES_MAX {
                return Err(format!("it holds more than {ENTRIES_MAX} files"));
            }
        }
    }
    Ok(walked)
}

/// The later of when the content and when the entry itself was changed. Blobs of the store bear a time of their own.
fn last_change(meta: &fs::Metadata) -> SystemTime {
    let seconds = u64::try_from(meta.ctime()).unwrap_or(0);
    let nanos = u32::try_from(meta.ctime_nsec()).unwrap_or(0);
    let changed = SystemTime::UNIX_EPOCH + Duration::new(seconds, nanos);
    meta.modified().map_or(changed, |modified| modified.max(changed))
}

/// Copies everything to `to`, which may hold part of an earlier try, syncs it, and holds every copied byte against the original.
/// `Err` says what went wrong; the original is untouched.
pub(super) fn copy(walked: &Walked, from: &Path, to: &Path, cancelled: &dyn Fn() -> bool) -> Result<(), String> {
    let told = |what: &str, path: &Path, error: &dyn std::fmt::Display| format!("cannot {what} `{}`: {error}", path.display());
    aw_disk::ensure_dir(to).map_err(|error| error.to_string())?;
    for (name, entry) in &walked.entries {
        if cancelled() {
            return Err("asked to stop".into());
        }
        let (source, target) = (from.join(name), to.join(name));
        match entry {
            Entry::Folder { .. } => match fs::symlink_metadata(&target) {
                // An earlier try may have made it read-only already.
                Ok(meta) if meta.is_dir() => fs::set_permissions(&target, Permissions::from_mode(0o700))
                    .map_err(|error| told("write to", &target, &error))?,
                Ok(_) => return Err(format!("`{}` is in the way", target.display())),
                Err(_) => aw_disk::create_dir(&target).map_err(|error| error.to_string())?,
            },
            Entry::Link { target: leads_to } => {
                if fs::read_link(&target).ok().as_ref() != Some(leads_to) {
                    aw_disk::remove(&target).map_err(|error| error.to_string())?;
                    aw_disk::symlink(leads_to, &target).map_err(|error| error.to_string())?;
                }
            }
            Entry::File { bytes, mode, modified } => {
                // What an earlier try copied whole is not copied again.
                if let Some(found) = copied_before(&target, *bytes)
                    && found == hash(&source).map_err(|error| told("read", &source, &error))?
                {
                    continue;
                }
                aw_disk::remove(&target).map_err(|error| error.to_string())?;
                copy_file(&source, &target, *bytes, *mode, *modified)?;
            }
        }
    }
    finish(walked, to)
}

/// Folders get their modes last (one may be read-only), and every folder is synced.
fn finish(walked: &Walked, to: &Path) -> Result<(), String> {
    for (name, entry) in walked.entries.iter().rev() {
        if let Entry::Folder { mode } = entry {
            let path = to.join(name);
            aw_disk::sync_dir(&path).map_err(|error| error.to_string())?;
            fs::set_permissions(&path, Permissions::from_mode(*mode))
                .map_err(|error| format!("`{}`: {error}", path.display()))?;
        }
    }
    aw_disk::sync_dir(to).map_err(|error| error.to_string())
}

fn copied_before(target: &Path, bytes: u64) -> Option<Digest> {
    let meta = fs::symlink_metadata(target).ok()?;
    if meta.is_file() && meta.len() == bytes { hash(target).ok() } else { None }
}

fn copy_file(source: &Path, target: &Path, bytes: u64, mode: u32, modified: SystemTime) -> Result<(), String> {
    let told = |path: &Path, error: &dyn std::fmt::Display| format!("`{}`: {error}", path.display());
    let mut input = aw_disk::open_no_follow(source).map_err(|error| error.to_string())?;
    let mut output = aw_disk::create_new(target).map_err(|error| error.to_string())?;
    let (mut hasher, mut copied, mut buffer) = (Hasher::new(), 0_u64, vec![0; BUFFER]);
    loop {
        let read = input.read(&mut buffer).map_err(|error| told(source, &error))?;
        if read == 0 {
            break;
        }
        copied += read as u64;
        hasher.update(&buffer[..read]);
        output.write_all(&buffer[..read]).map_err(|error| told(target, &error))?;
    }
    if copied != bytes {
        return Err(format!("`{}` changed while it was copied", source.display()));
    }
    aw_disk::stamp(&output, target, mode, modified).map_err(|error| error.to_string())?;
    aw_disk::sync_file(&output, target).map_err(|error| error.to_string())?;
    drop(output);
    let (expected, found) = (hasher.finish(), hash(target).map_err(|error| told(target, &error))?);
    if found != expected {
        return Err(format!("the copy `{}` is not what was copied: expected {expected}, found {found}", target.display()));
    }
    Ok(())
}

fn hash(path: &Path) -> io::Result<Digest> {
    let mut hasher = Hasher::new();
    io::copy(&mut File::open(path)?, &mut hasher)?;
    Ok(hasher.finish())
}
