//! Where the artifact of a finished part lies: below the root, or where cleaning up moved its work.

use std::fs;
use std::path::{Component, Path, PathBuf};

use aw_line::node::{FileSystem, NodeFile};
use aw_line::{PartName, Root};

/// The folder that a part's result names: given relative to the root, or absolute below it. No link is followed on the way but one: the
/// part's own work folder may be a link into a cold tier that the node file declares, as cleaning up leaves it. What is behind it is then
/// named by where it is, so that the link is read once.
pub(crate) fn artifact(root: &Root, node: &NodeFile, part: &PartName, forged: &str) -> Result<PathBuf, String> {
    let given = Path::new(forged);
    let relative = given.strip_prefix(root.folder()).unwrap_or(given);
    let mut folder = root.folder().to_owned();
    for component in relative.components() {
        match component {
            Component::Normal(component) => folder.push(component),
            Component::CurDir => continue,
            _ => return Err(format!("`forged_dir` (`{}`) leads out of the root", forged.escape_debug())),
        }
        let found = fs::symlink_metadata(&folder);
        let found = found.map_err(|error| format!("its artifact is not in `{}`: {error}", folder.display()))?;
        if found.is_symlink() && folder == root.work(part) {
            folder = in_a_tier(root, node, &folder)?;
        } else if found.is_symlink() {
            return Err(format!("`{}` is a link; none but a part's own work folder may be one", folder.display()));
        } else if !found.is_dir() {
            return Err(format!("`{}` is no folder", folder.display()));
        }
    }
    if folder == root.folder() { Err("`forged_dir` names no folder".to_owned()) } else { Ok(folder) }
}

/// The folder that a link leads to, when it lies below a cold tier of the node.
fn in_a_tier(root: &Root, node: &NodeFile, link: &Path) -> Result<PathBuf, String> {
    let unreachable = |error: std::io::Error| {
        format!("`{}` is a link to what cannot be reached: {error}; is its cold tier mounted?", link.display())
    };
    let target = fs::canonicalize(link).map_err(unreachable)?;
    let tiers = node.storage.cold.iter().filter(|tier| tier.fs_type != FileSystem::S3);
    // A tier that is not there holds nothing.
    let mut folders = tiers.filter_map(|tier| fs::canonicalize(root.folder().join(&tier.path)).ok());
    if !folders.any(|tier| target != tier && target.starts_with(tier)) {
        let (link, target, file) = (link.display(), target.display(), root.node_file());
        return Err(format!("`{link}` is a link to `{target}`, which is below no `[[storage.cold]]` of `{}`", file.display()));
    }
    if target.is_dir() { Ok(target) } else { Err(format!("`{}` is a link to what is no folder", link.display())) }
}
