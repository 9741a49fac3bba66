//! A folder of versions: `<folder>/<name>-<version>-<digits>/`, there whole or not at all.
//!
//! Files are put together in `.<label>.part` beside it, each by rename once it was synced, so that what was copied before a crash is used
//! after it; the last step is the rename of that folder.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use aw_alloy::digest::{Digest, Hasher};

use super::{FileState, Plan, Published, Publisher, Watch, step};
use crate::contents::{ContentFile, Contents, check, hash};
use crate::error::{ShipError, disk};
use crate::files;
use crate::target::Target;

/// Bytes copied at once.
const COPY_BYTES: usize = 256 << 10;

pub(crate) struct Folder {
    target: Target,
    path: PathBuf,
}

impl Folder {
    pub(crate) fn new(target: Target, path: PathBuf) -> Self {
        Self { target, path }
    }

    fn place(&self, contents: &Contents) -> PathBuf {
        self.path.join(contents.label())
    }

    /// What is in a folder, against what should be; also names what should not.
    fn look(place: &Path, contents: &Contents) -> Result<(Vec<FileState>, Vec<String>), ShipError> {
        let mut there = Vec::new();
        walk(place, "", &mut there)?;
        there.sort();
        let mut states = Vec::new();
        for file in &contents.files {
            let known = there.binary_search_by(|path| path.as_str().cmp(file.path.as_str()));
            states.push(if known.is_ok() { state(&place.join(&file.path), file)? } else { FileState::Absent });
        }
        there.retain(|path| !contents.files.iter().any(|file| file.path.as_str() == path));
        Ok((states, there))
    }

    fn taken(&self, place: &Path, reason: String) -> ShipError {
        let reason = format!("{reason}; what is published never changes: move it away");
        ShipError::Taken { place: place.display().to_string(), reason }
    }

    /// Holds a published folder against the contents.
    fn read_back(&self, place: &Path, contents: &Contents, watch: Watch<'_>) -> Result<(), ShipError> {
        step(watch, "read-back", None)?;
        let (states, others) = Self::look(place, contents)?;
        if let Some((file, _)) = contents.files.iter().zip(&states).find(|(_, state)| **state != FileState::There) {
            return Err(self.taken(place, format!("`{}` is missing or differs", file.path)));
        }
        match others.first() {
            Some(other) => Err(self.taken(place, format!("`{}` is no file of the artifact", other.escape_debug()))),
            None => Ok(()),
        }
    }
}

impl Publisher for Folder {
    fn target(&self) -> &Target {
        &self.target
    }

    fn plan(&self, contents: &Contents) -> Result<Plan, ShipError> {
        let place = self.place(contents);
        let is_there = place.is_dir();
        let (states, others) =
            if is_there { Self::look(&place, contents)? } else { (vec![FileState::Absent; contents.files.len()], Vec::new()) };
        let mut plan = Plan::of(&self.target, place.display().to_string(), contents, &states);
        if is_there && (!plan.complete || !others.is_empty()) {
            plan.conflict = Some(format!("`{}` is there and is not this artifact; move it away", place.display()));
        }
        Ok(plan)
    }

    fn publish(&self, contents: &Contents, watch: Watch<'_>) -> Result<Published, ShipError> {
        let (place, label) = (self.place(contents), contents.label());
        let url = place.display().to_string();
        let lock = self.path.join(format!(".{label}.lock"));
        if place.is_dir() {
            self.read_back(&place, contents, watch)?;
            // What a process left that died at its last step.
            if lock.exists() && files::lock(&lock)?.is_some() {
                let _ = fs::remove_file(&lock);
            }
            return Ok(Published { url, revision: None, sent: 0 });
        }
        step(watch, "prepare", None)?;
        aw_disk::ensure_dir(&self.path)?;
        let held = files::lock(&lock)?.ok_or_else(|| ShipError::Busy { path: place.clone() })?;
        let aside = self.path.join(format!(".{label}.part"));
        let mut sent = 0;
        // Another may have been quicker, between the look and the lock.
        if !place.is_dir() {
            aw_disk::ensure_dir(&aside)?;
            for file in &contents.files {
                sent += put(contents, file, &aside, watch)?;
            }
            let (_, others) = Self::look(&aside, contents)?;
            for other in others {
                aw_disk::remove_file(&aside.join(&other))?;
            }
            for folder in folders(&aside)? {
                aw_disk::sync_dir(&folder)?;
            }
            step(watch, "commit", None)?;
            if !aw_disk::rename_new(&aside, &place)? {
                return Err(self.taken(&place, "something was put there meanwhile".to_owned()));
            }
            step(watch, "sync", None)?;
            aw_disk::sync_dir(&self.path)?;
        }
        self.read_back(&place, contents, watch)?;
        // Whoever waits for the lock finds the folder; the name is free again.
        let _ = fs::remove_file(&lock);
        drop(held);
        Ok(Published { url, revision: None, sent })
    }
}

/// Copies a file, unless it is there already; gives the bytes that were copied.
fn put(contents: &Contents, file: &ContentFile, aside: &Path, watch: Watch<'_>) -> Result<u64, ShipError> {
    let place = aside.join(&file.path);
    if state(&place, file)? == FileState::There {
        return Ok(0);
    }
    step(watch, "send", Some(file.path.as_str()))?;
    let folder = files::parent(&place);
    aw_disk::ensure_dir(folder)?;
    let name = place.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let half = folder.join(format!(".{name}.tmp"));
    let source = contents.folder.join(&file.path);
    let mut from = contents.open(file, 0).map_err(disk("read", &source))?;
    aw_disk::remove_file(&half)?;
    let mut into = aw_disk::create_new(&half)?;
    let digest = copy(&mut from, &mut into).map_err(disk("write", &half))?;
    check(&source, &file.digest, &digest)?;
    aw_disk::sync_file(&into, &half)?;
    step(watch, "sent", Some(file.path.as_str()))?;
    aw_disk::rename(&half, &place)?;
    Ok(file.bytes)
}

fn copy(from: &mut File, into: &mut File) -> std::io::Result<Digest> {
    let (mut hasher, mut buffer) = (Hasher::new(), vec![0; COPY_BYTES]);
    loop {
        let read = from.read(&mut buffer)?;
        let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else { return Ok(hasher.finish()) };
        hasher.update(bytes);
        into.write_all(bytes)?;
    }
}

fn state(place: &Path, file: &ContentFile) -> Result<FileState, ShipError> {
    let opened = match files::open(place) {
        Ok(opened) => opened,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(FileState::Absent),
        Err(error) => return Err(disk("read", place)(error)),
    };
    if opened.metadata().map_err(disk("read", place))?.len() != file.bytes {
        return Ok(FileState::Differs);
    }
    let (digest, _) = hash(opened).map_err(disk("read", place))?;
    Ok(if digest == file.digest { FileState::There } else { FileState::Differs })
}

/// Names everything that is no folder below a folder.
fn walk(folder: &Path, below: &str, found: &mut Vec<String>) -> Result<(), ShipError> {
    for entry in fs::read_dir(folder).map_err(disk("read", folder))? {
        let entry = entry.map_err(disk("read", folder))?;
        let path = format!("{below}{}", entry.file_name().to_string_lossy());
        if entry.file_type().map_err(disk("read", folder))?.is_dir() {
            walk(&entry.path(), &format!("{path}/"), found)?;
        } else {
            found.push(path);
        }
    }
    Ok(())
}

/// A folder and all below it.
fn folders(folder: &Path) -> Result<Vec<PathBuf>, ShipError> {
    let mut all = vec![folder.to_owned()];
    let mut at = 0;
    while let Some(folder) = all.get(at).cloned() {
        for entry in fs::read_dir(&folder).map_err(disk("read", &folder))? {
            let entry = entry.map_err(disk("read", &folder))?;
            if entry.file_type().map_err(disk("read", &folder))?.is_dir() {
                all.push(entry.path());
            }
        }
        at += 1;
    }
    Ok(all)
}
