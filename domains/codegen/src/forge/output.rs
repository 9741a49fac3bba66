//! Generated files in a folder: whole files, and nothing left of what is generated no more.

use std::collections::BTreeMap;
use std::path::Path;

use aw_alloy::digest::Digest;
use aw_alloy::tree::TreePath;

use crate::delivery::{DiskError, disk};
use crate::emit::Emitted;

use super::request::FileView;

/// Sums of what was written, as `sha256sum --check` reads them; it also says what to remove when it is generated no more.
const SUMS: &str = "SHA256SUMS";
const SUMS_BYTES_MAX: u64 = 64 << 20;

/// Writes the files of a target into its folder below `out`.
pub(super) fn write(out: &Path, emitted: &Emitted) -> Result<(), DiskError> {
    let folder = out.join(emitted.target.name());
    disk::ensure_dir(&folder)?;
    let before = written(&folder)?;
    for file in &emitted.files {
        let path = folder.join(&file.path);
        if disk::read(&path, u64::MAX)?.as_deref() == Some(&*file.bytes) {
            continue;
        }
        disk::ensure_dir(disk::parent(&path))?;
        disk::replace(&disk::parent(&path).join(format!(".{}.tmp", disk::unique())), &path, &file.bytes)?;
    }
    for (path, sum) in before {
        // What somebody wrote over is theirs now.
        let gone = emitted.files.iter().all(|file| file.path != path.as_str());
        let at = folder.join(path.as_str());
        if gone && disk::read(&at, u64::MAX)?.is_some_and(|bytes| Digest::of(&bytes).hex() == sum) {
            disk::remove(&at)?;
        }
    }
    let mut sums: Vec<String> =
        emitted.files.iter().map(|file| format!("{}  {}\n", Digest::of(&file.bytes).hex(), file.path)).collect();
    sums.sort_by(|a, b| a[66..].cmp(&b[66..]));
    disk::replace(&folder.join(format!(".{}.tmp", disk::unique())), &folder.join(SUMS), sums.concat().as_bytes())
}

/// Whether the folder below `out` has what was written for a target last, unchanged.
pub(super) fn is_whole(out: &Path, target: &str) -> Result<bool, DiskError> {
    let folder = out.join(target);
    let before = written(&folder)?;
    for (path, sum) in &before {
        if disk::read(&folder.join(path.as_str()), u64::MAX)?.is_none_or(|bytes| Digest::of(&bytes).hex() != *sum) {
            return Ok(false);
        }
    }
    Ok(!before.is_empty())
}

/// The files that were written last, and their sums. Lines that are none of ours are nobody's files.
fn written(folder: &Path) -> Result<BTreeMap<TreePath, String>, DiskError> {
    let text =
        disk::read(&folder.join(SUMS), SUMS_BYTES_MAX)?.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    let lines = text.lines().filter_map(|line| line.split_once("  "));
    Ok(lines.filter_map(|(sum, path)| Some((TreePath::new(path).ok()?, sum.to_owned()))).collect())
}

/// The files of a target as they are shown.
pub(super) fn views(emitted: &Emitted) -> Vec<FileView> {
    let view = |file: &crate::emit::File| FileView {
        path: format!("{}/{}", emitted.target.name(), file.path),
        sha256: Digest::of(&file.bytes),
        bytes: file.bytes.len() as u64,
    };
    emitted.files.iter().map(view).collect()
}
