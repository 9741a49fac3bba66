//! Trees: a set of files whose identity is a Merkle root over sorted paths and content digests.
//!
//! A leaf is `path ‖ 0x00 ‖ size (u64, big-endian) ‖ SHA-256 of the content (32 bytes)`, leaves are sorted by the bytes of
//! the path, and the root is the Merkle Tree Hash of RFC 6962 section 2.1 over them. The empty tree's root is SHA-256 of
//! nothing. Names, contents and sizes are the whole identity: times, owners and permissions are not part of it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::digest::{Digest, Hasher, TreeRoot};

/// Longest path in a tree, in bytes.
pub const PATH_BYTES_MAX: usize = 1024;
/// Most files in a tree.
pub const TREE_FILES_MAX: usize = 1_000_000;

/// A relative path inside a tree: `/` between names, no way out of the folder it is placed in.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct TreePath(String);

/// Why a text is not a path inside a tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{path}` is not a path inside a tree: {reason}")]
pub struct PathError {
    /// The text as given, made printable.
    pub path: String,
    /// Which rule it breaks.
    pub reason: &'static str,
}

impl TreePath {
    /// Checks and takes a path.
    ///
    /// # Errors
    /// [`PathError`] for an empty, absolute or over-long path, an empty, `.` or `..` name, a backslash, a colon or a control character.
    pub fn new(path: impl Into<String>) -> Result<Self, PathError> {
        let path = path.into();
        let reason = if path.is_empty() {
            "it is empty"
        } else if path.len() > PATH_BYTES_MAX {
            "it is longer than 1024 bytes"
        } else if path.starts_with('/') {
            "it is absolute"
        } else if path.chars().any(|c| c.is_control()) {
            "it holds a control character"
        } else if path.contains(['\\', ':']) {
            "it holds a backslash or a colon"
        } else if path.split('/').any(|name| name.is_empty()) {
            "it holds an empty name"
        } else if path.split('/').any(|name| name == "." || name == "..") {
            "it holds `.` or `..`"
        } else {
            return Ok(Self(path));
        };
        Err(PathError { path: path.escape_debug().take(200).collect(), reason })
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path with `folder` in front.
    ///
    /// # Errors
    /// [`PathError`] when the whole is not a path inside a tree.
    pub fn under(&self, folder: &str) -> Result<Self, PathError> {
        Self::new(format!("{folder}/{}", self.0))
    }
}

impl fmt::Display for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl AsRef<std::path::Path> for TreePath {
    fn as_ref(&self) -> &std::path::Path {
        self.0.as_ref()
    }
}

impl FromStr for TreePath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        Self::new(text)
    }
}

impl<'de> Deserialize<'de> for TreePath {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// One file of a tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TreeEntry {
    /// Where it is.
    pub path: TreePath,
    /// SHA-256 of its content.
    #[serde(rename = "sha256")]
    pub digest: Digest,
    /// Length of its content, in bytes.
    pub bytes: u64,
}

/// A set of files, sorted by path.
#[derive(Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct Tree {
    entries: Vec<TreeEntry>,
}

/// Why entries do not form a tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TreeError {
    /// Two entries have the same path.
    #[error("the tree names `{path}` twice")]
    Duplicate {
        /// The path named twice.
        path: TreePath,
    },
    /// One entry's path is a folder of another's.
    #[error("the tree holds `{file}` as a file and as the folder of `{inside}`")]
    FileIsFolder {
        /// The path that is both.
        file: TreePath,
        /// An entry below it.
        inside: TreePath,
    },
    /// More files than a tree may hold.
    #[error("the tree holds {found} files; at most {TREE_FILES_MAX} are allowed")]
    TooMany {
        /// Files found.
        found: usize,
    },
}

impl Tree {
    /// Sorts `entries` by the bytes of their paths and checks them.
    ///
    /// # Errors
    /// [`TreeError`] when a path occurs twice, is both file and folder, or there are too many.
    pub fn new(mut entries: Vec<TreeEntry>) -> Result<Self, TreeError> {
        if entries.len() > TREE_FILES_MAX {
            return Err(TreeError::TooMany { found: entries.len() });
        }
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        if let Some(pair) = entries.windows(2).find(|pair| pair[0].path == pair[1].path) {
            return Err(TreeError::Duplicate { path: pair[0].path.clone() });
        }
        match file_is_folder(&entries) {
            Some((file, inside)) => Err(TreeError::FileIsFolder { file: file.clone(), inside: inside.clone() }),
            None => Ok(Self { entries }),
        }
    }

    /// The files, sorted by path.
    pub fn entries(&self) -> &[TreeEntry] {
        &self.entries
    }

    /// The file at `path`.
    pub fn get(&self, path: &str) -> Option<&TreeEntry> {
        let found = self.entries.binary_search_by(|entry| entry.path.as_str().cmp(path)).ok()?;
        Some(&self.entries[found])
    }

    /// Sum of the files' sizes, in bytes.
    pub fn bytes(&self) -> u64 {
        self.entries.iter().fold(0u64, |sum, entry| sum.saturating_add(entry.bytes))
    }

    /// The files below `folder`, with their paths relative to it.
    pub fn folder(&self, folder: &str) -> Self {
        let entries = self.entries.iter().filter_map(|entry| {
            let rest = entry.path.as_str().strip_prefix(folder)?.strip_prefix('/')?;
            let path = TreePath::new(rest).expect("the tail of a checked path is a checked path");
            Some(TreeEntry { path, ..entry.clone() })
        });
        Self { entries: entries.collect() }
    }

    /// The Merkle root: the tree's identity.
    ///
    /// # Source
    /// RFC 6962 section 2.1; the leaf's bytes are given in the module's text.
    pub fn root(&self) -> TreeRoot {
        let leaves: Vec<Digest> = self.entries.iter().map(leaf).collect();
        TreeRoot::from_digest(merkle_root(leaves))
    }
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.entries.iter().map(|entry| format!("{} {} {}", entry.path, entry.bytes, entry.digest.short())))
            .finish()
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(Vec::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// Finds a path that is a folder of another; `entries` are sorted and distinct.
///
/// Looks at each path once: in byte order everything that starts with a path follows it closely, so those that the current
/// path starts with form a stack. Only its top is new to what follows; the others were held against the top itself.
fn file_is_folder(entries: &[TreeEntry]) -> Option<(&TreePath, &TreePath)> {
    let mut starts: Vec<&TreePath> = Vec::new();
    for path in entries.iter().map(|entry| &entry.path) {
        while starts.pop_if(|start| !path.as_str().starts_with(start.as_str())).is_some() {}
        if let Some(file) = starts.last().filter(|start| path.as_str().as_bytes()[start.as_str().len()] == b'/') {
            return Some((file, path));
        }
        starts.push(path);
    }
    None
}

fn leaf(entry: &TreeEntry) -> Digest {
    let mut hasher = Hasher::new();
    hasher.update(&[0]);
    hasher.update(entry.path.as_str().as_bytes());
    hasher.update(&[0]);
    hasher.update(&entry.bytes.to_be_bytes());
    hasher.update(entry.digest.as_bytes());
    hasher.finish()
}

/// Merkle Tree Hash over leaf hashes already made: pairs level by level, an unpaired last node moves up unchanged.
///
/// This equals RFC 6962's split at the largest power of two below n.
pub fn merkle_root(mut level: Vec<Digest>) -> Digest {
    if level.is_empty() {
        return Digest::of(b"");
    }
    while level.len() > 1 {
        level = level
            .chunks(2)
            .map(|pair| match pair {
                [left, right] => {
                    let mut hasher = Hasher::new();
                    hasher.update(&[1]);
                    hasher.update(left.as_bytes());
                    hasher.update(right.as_bytes());
                    hasher.finish()
                }
                rest => rest[0],
            })
            .collect();
    }
    level[0]
}

/// Merkle root over contents in the order given: the hash of a dataset.
///
/// # Source
/// RFC 6962 section 2.1 with the content itself as the leaf's data.
pub fn dataset_root<'a>(contents: impl IntoIterator<Item = &'a [u8]>) -> Digest {
    let leaves = contents.into_iter().map(|content| {
        let mut hasher = Hasher::new();
        hasher.update(&[0]);
        hasher.update(content);
        hasher.finish()
    });
    merkle_root(leaves.collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn entry(path: &str, content: &[u8]) -> TreeEntry {
        TreeEntry { path: TreePath::new(path).unwrap(), digest: Digest::of(content), bytes: content.len() as u64 }
    }

    /// RFC 6962 as written: split at the largest power of two smaller than n.
    fn rfc6962(leaves: &[Digest]) -> Digest {
        match leaves {
            [] => Digest::of(b""),
            [one] => *one,
            many => {
                let split = many.len().next_power_of_two() / 2;
                let mut bytes = vec![1];
                bytes.extend(rfc6962(&many[..split]).as_bytes());
                bytes.extend(rfc6962(&many[split..]).as_bytes());
                Digest::of(&bytes)
            }
        }
    }

    #[test]
    fn level_by_level_is_rfc_6962() {
        for n in 0..70u8 {
            let leaves: Vec<Digest> = (0..n).map(|i| Digest::of(&[i])).collect();
            assert_eq!(merkle_root(leaves.clone()), rfc6962(&leaves), "{n} leaves");
        }
    }

    #[test]
    fn published_dataset_vectors() {
        // The vectors of the alloy format, section 8.
        let root = |contents: &[&str]| dataset_root(contents.iter().map(|c| c.as_bytes())).hex();
        assert_eq!(root(&["alpha"]), "2a158d8afd48e3f88cb4195dfdb2a9e4817d95fa57fd34440d93f9aae5c4f82b");
        assert_eq!(root(&["alpha", "beta", "gamma"]), "385da30f3917282c8939dff851957e519ab1846b1351a14c0adb3b11632742aa");
        assert_eq!(root(&["a", "b", "c", "d", "e"]), "fe14a5426fbd70c0fa73f52342afed0da0bd23c4838662ccf6b88a3070ead97b");
    }

    #[test]
    fn order_given_does_not_matter_and_every_part_does() {
        let tree = Tree::new(vec![entry("b", b"2"), entry("a/x", b"1")]).unwrap();
        assert_eq!(tree.root(), Tree::new(vec![entry("a/x", b"1"), entry("b", b"2")]).unwrap().root());
        for other in
            [vec![entry("a/x", b"1"), entry("c", b"2")], vec![entry("a/x", b"1"), entry("b", b"3")], vec![entry("a/x", b"1")]]
        {
            assert_ne!(tree.root(), Tree::new(other).unwrap().root());
        }
        assert_eq!(tree.folder("a").entries()[0].path.as_str(), "x");
    }

    #[test]
    fn refuses_paths_that_leave_or_lie() {
        for bad in ["", "/a", "../a", "a/../b", "a//b", "a/", "./a", "a\\b", "a\0b", "C:x", "a\nb"] {
            assert!(TreePath::new(bad).is_err(), "{bad:?}");
        }
        assert!(matches!(Tree::new(vec![entry("a", b""), entry("a", b"")]), Err(TreeError::Duplicate { .. })));
        assert!(matches!(
            Tree::new(vec![entry("a", b""), entry("a.b", b""), entry("a/b", b"")]),
            Err(TreeError::FileIsFolder { .. })
        ));
    }

    #[test]
    fn a_file_is_no_folder_by_the_definition_too() {
        // Every set of three of these paths, against a plain look at all pairs.
        let paths = ["a", "a.b", "a/b", "a/b/c", "a/b.c", "a0", "ab", "ab/c", "b", "a.b/c", "a-", "a-/b"];
        for (first, second, third) in (0..paths.len()).flat_map(|i| (0..i).flat_map(move |j| (0..j).map(move |k| (i, j, k)))) {
            let chosen = [paths[first], paths[second], paths[third]];
            let expected = chosen.iter().any(|file| chosen.iter().any(|path| path.starts_with(&format!("{file}/"))));
            let found = Tree::new(chosen.iter().map(|path| entry(path, b"")).collect());
            assert_eq!(matches!(found, Err(TreeError::FileIsFolder { .. })), expected, "{chosen:?}");
        }
    }
}
