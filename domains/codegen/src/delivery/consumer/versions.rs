//! Versions on a consumer's disk: one folder each, complete from the moment it has its name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use aw_alloy::tree::TreePath;

use crate::delivery::disk::{self, Disk};
use crate::delivery::verify::{check, check_sums, expected};
use crate::delivery::{FILE_BYTES_MAX, FILES_MAX, Manifest, Trust, Verified, VerifyError};

/// What was found in a version's folder.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct VersionReport {
    /// Files that are gone.
    pub missing: Vec<String>,
    /// Files with other bytes than were published.
    pub edited: Vec<String>,
    /// Files that are not the artifact's.
    pub foreign: Vec<String>,
}

impl VersionReport {
    /// Whether the folder is as it was staged.
    pub fn is_whole(&self) -> bool {
        self.missing.is_empty() && self.edited.is_empty() && self.foreign.is_empty()
    }

    /// Whether it holds someone's work.
    pub(super) fn has_edits(&self) -> bool {
        !self.edited.is_empty() || !self.foreign.is_empty()
    }

    /// The files of someone's work.
    pub(super) fn work(&self) -> String {
        shown(self.edited.iter().chain(&self.foreign))
    }
}

/// A few of many paths.
pub(super) fn shown<'a>(paths: impl Iterator<Item = &'a String>) -> String {
    let paths: Vec<&str> = paths.map(String::as_str).collect();
    let text = paths.iter().take(5).copied().collect::<Vec<_>>().join(", ");
    if paths.len() > 5 { format!("{text} and {} more", paths.len() - 5) } else { text }
}

/// Writes a version's files aside, synced, and gives the folder its name in one step.
pub(super) fn write(aside: &Path, folder: &Path, files: &BTreeMap<TreePath, Vec<u8>>) -> Disk<()> {
    write_aside(aside, files)?;
    disk::ensure_dir(disk::parent(folder))?;
    if !disk::rename_new(aside, folder)? {
        disk::remove(aside)?;
    }
    disk::sync_dir(disk::parent(folder))
}

/// As [`write`], where a damaged version is.
pub(super) fn replace(aside: &Path, old: &Path, folder: &Path, files: &BTreeMap<TreePath, Vec<u8>>) -> Disk<()> {
    write_aside(aside, files)?;
    disk::rename(folder, old)?;
    disk::rename(aside, folder)?;
    disk::sync_dir(disk::parent(folder))?;
    disk::remove(old)
}

fn write_aside(aside: &Path, files: &BTreeMap<TreePath, Vec<u8>>) -> Disk<()> {
    disk::ensure_dir(disk::parent(aside))?;
    disk::ensure_dir(aside)?;
    let mut folders = std::collections::BTreeSet::from([aside.to_owned()]);
    for (path, bytes) in files {
        let place = aside.join(path);
        let mut above = disk::parent(&place);
        disk::ensure_dir(above)?;
        while above != aside {
            folders.insert(above.to_owned());
            above = disk::parent(above);
        }
        disk::write_new(&place, bytes)?;
    }
    // Deepest first, so that a folder lasts before what names it.
    folders.iter().rev().try_for_each(|folder| disk::sync_dir(folder))
}

/// Reads the manifest of a version on disk and holds it against its signature.
pub(super) fn manifest(folder: &Path, trust: Trust<'_>) -> Result<Option<Verified>, super::ConsumerError> {
    let read = |name: &str| disk::read(&folder.join(name), crate::delivery::DOCUMENT_BYTES_MAX);
    let Some(manifest) = read(Manifest::FILE)? else { return Ok(None) };
    let missing = |path: &str| super::ConsumerError::Version {
        folder: folder.to_owned(),
        source: VerifyError::Missing { path: path.to_owned() },
    };
    let signature = read(Manifest::SIGNATURE)?.ok_or_else(|| missing(Manifest::SIGNATURE))?;
    let sums = read(Manifest::SUMS)?.ok_or_else(|| missing(Manifest::SUMS))?;
    let checked = trust.manifest(&manifest, &signature).and_then(|verified| check_sums(&verified, &sums).map(|()| verified));
    checked.map(Some).map_err(|source| super::ConsumerError::Version { folder: folder.to_owned(), source })
}

/// Holds a version's folder against its manifest.
pub(super) fn report(folder: &Path, manifest: &Manifest, targets: &[String]) -> Disk<VersionReport> {
    let expected = expected(manifest, Some(targets));
    let mut report = VersionReport::default();
    for (path, content) in &expected {
        match disk::read(&folder.join(path.as_str()), FILE_BYTES_MAX) {
            Ok(None) => report.missing.push(path.to_string()),
            Ok(Some(bytes)) if check(path.as_str(), content, &bytes).is_ok() => {}
            // Something else than a file that can be read is no file of ours either.
            _ => report.edited.push(path.to_string()),
        }
    }
    let own = [Manifest::FILE, Manifest::SIGNATURE, Manifest::SUMS];
    let known: std::collections::BTreeSet<&str> = expected.keys().map(|path| path.as_str()).chain(own).collect();
    report.foreign = walk(folder)?.into_iter().filter(|path| !known.contains(path.as_str())).collect();
    Ok(report)
}

/// Paths of everything below a folder that is no folder itself, sorted. Links are named, not followed.
fn walk(folder: &Path) -> Disk<Vec<String>> {
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for path in disk::list_if_there(&next)? {
            if path.symlink_metadata().is_ok_and(|meta| meta.is_dir()) {
                open.push(path);
            } else if let Ok(below) = path.strip_prefix(folder) {
                found.push(below.to_string_lossy().into_owned());
            }
            if found.len() > 2 * FILES_MAX {
                return Ok(found);
            }
        }
    }
    found.sort();
    Ok(found)
}
