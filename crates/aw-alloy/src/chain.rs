//! The chain: one signed link a stage, from the source's tree to the artifact's.
//!
//! A link says which trees and files went in, which stage with which configuration and which code ran, and which files
//! came out. Walking the links from the source's files gives every tree again, so each root is recomputed, not believed.
//! A link is signed over its RFC 8785 bytes without `signature`; its digest, which the next link carries as `previous`, covers the
//! signature too.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::digest::{Digest, LinkDigest, StageKey, TreeRoot};
use crate::keys::{SecretKey, Signature, SignatureVerdict};
use crate::text::canonical::CanonicalError;
use crate::text::{Node, canonical};
use crate::tree::{Tree, TreeEntry, TreePath};

/// Purpose of a link's signature.
const LINK_CONTEXT: &str = "alloyworks.link.v1";
/// Identity of the chain format this program writes.
pub const CHAIN_FORMAT: &str = "alloyworks.chain.v1";

/// Most characters of a stage type that a link's label shows: labels are repeated for every file a link wrote.
const LABEL_CHARS_MAX: usize = 80;

/// A chain as documents carry it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Chain {
    /// [`CHAIN_FORMAT`].
    pub format: String,
    /// What the first stage started from.
    pub source: ChainSource,
    /// One link a stage, in the order they ran.
    pub links: Vec<Link>,
}

/// The tree a chain starts from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChainSource {
    /// Root of the source's tree.
    pub root: TreeRoot,
    /// Folder of the first tree that the source's files are placed under.
    pub placed_under: String,
    /// Its files.
    pub files: Tree,
}

/// One stage's signed record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Link {
    /// Position in the chain, from 0.
    pub index: u32,
    /// Digest of the link before; for the first, [`LinkDigest::of_source`].
    pub previous: LinkDigest,
    /// Position of the stage in the recipe, from 0.
    pub stage_index: u32,
    /// Which repetition of the transform stages, from 1.
    pub cycle: u32,
    /// The stage type.
    #[serde(rename = "type")]
    pub stage_type: String,
    /// The stage as the recipe has it, without `notes`.
    pub configuration: Value,
    /// Version of the stage's code.
    pub code_version: u32,
    /// The stage key: stage type, code version, configuration and what was read.
    pub stage_key: StageKey,
    /// Root of the tree that went in.
    pub input: TreeRoot,
    /// Roots and digests of what the stage read of it and beside it, by name. Plain digests: the name says what each is of, `source` and
    /// `tree:<folder>` roots of trees, `file:<name>` of contents, and the stage key covers all of them alike.
    pub read: BTreeMap<String, Digest>,
    /// Folders of the input tree whose files do not survive unless carried.
    pub replaces: Vec<String>,
    /// Files that go on unchanged, path by path.
    pub carries: Vec<Carried>,
    /// Files the stage wrote.
    pub writes: Vec<TreeEntry>,
    /// Root of the tree that came out.
    pub output: TreeRoot,
    /// Files beside the tree that say how it went, below `records/`.
    pub records: Vec<TreeEntry>,
    /// What was measured.
    pub measurements: Value,
    /// What may differ between runs: when, how long, how much memory, with which program.
    pub observations: Value,
    /// The signature over all of the above.
    pub signature: Option<Signature>,
}

/// A file that goes on unchanged from one tree to the next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Carried {
    /// Path in the tree before.
    pub from: TreePath,
    /// Path in the tree after.
    pub path: TreePath,
}

impl Chain {
    /// Digest of the last link; of an empty chain, [`LinkDigest::of_source`]. What a link to follow names as `previous`, and the seal.
    pub fn last_link(&self) -> LinkDigest {
        self.links.last().map_or(LinkDigest::of_source(self.source.root), Link::digest)
    }

    /// Root of the last tree: the identity of the files.
    pub fn output(&self) -> TreeRoot {
        self.links.last().map_or(self.source.root, |link| link.output)
    }

    /// Makes every tree anew, and shows each link with the tree that went into it; gives the last tree. The work is that of all links
    /// times all files: verifying a document holds it below its limit, so ask this of one that was verified.
    ///
    /// # Errors
    /// [`ReplayError`] of the first link whose tree cannot be made.
    pub fn replay(&self, mut visit: impl FnMut(&Link, &Tree)) -> Result<Tree, ReplayError> {
        let mut tree = self.source.first_tree()?;
        for link in &self.links {
            visit(link, &tree);
            tree = replay(&tree, &link.replaces, &link.carries, &link.writes)?;
        }
        Ok(tree)
    }
}

/// Why a link's output tree cannot be made from its input tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// A carried file is not in the input tree.
    #[error("it carries `{path}`, which its input tree does not hold")]
    CarriesNothing {
        /// The missing file.
        path: TreePath,
    },
    /// The files do not form a tree.
    #[error("its output is not a tree: {0}")]
    Tree(#[from] crate::tree::TreeError),
    /// The folder that the source's files are placed under is none.
    #[error("its source is placed under no folder of a tree: {0}")]
    Place(#[from] crate::tree::PathError),
}

/// Makes the tree after a stage from the tree before it.
///
/// # Errors
/// [`ReplayError`] when a carried file is missing or the files do not form a tree.
pub fn replay(before: &Tree, replaces: &[String], carries: &[Carried], writes: &[TreeEntry]) -> Result<Tree, ReplayError> {
    let written: BTreeSet<&TreePath> = writes.iter().map(|entry| &entry.path).collect();
    let folders = Folders::of(replaces);
    let replaced = |path: &str| folders.hold(path);
    let survives = |entry: &&TreeEntry| !replaced(entry.path.as_str()) && !written.contains(&entry.path);
    let mut entries: Vec<TreeEntry> = before.entries().iter().filter(survives).cloned().collect();
    for carry in carries {
        let entry = before.get(carry.from.as_str()).ok_or_else(|| ReplayError::CarriesNothing { path: carry.from.clone() })?;
        entries.push(TreeEntry { path: carry.path.clone(), ..entry.clone() });
    }
    entries.extend_from_slice(writes);
    Ok(Tree::new(entries)?)
}

/// A set of folders that finds whether a path lies below one of them without going through all of them.
struct Folders {
    /// `folder/`, sorted, none the start of another.
    starts: Vec<String>,
}

impl Folders {
    fn of(folders: &[String]) -> Self {
        let start = |folder: &String| if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let mut starts: Vec<String> = folders.iter().map(start).collect();
        starts.sort_unstable();
        starts.dedup_by(|later, earlier| later.starts_with(earlier.as_str()));
        Self { starts }
    }

    fn hold(&self, path: &str) -> bool {
        // Whatever sorts between a start of the path and the path has that start too; so none of the set does.
        let after = self.starts.partition_point(|start| start.as_str() <= path);
        after.checked_sub(1).is_some_and(|nearest| path.starts_with(&self.starts[nearest]))
    }
}

impl ChainSource {
    /// The tree the first stage starts from.
    ///
    /// # Errors
    /// When the folder the files are placed under is not a path of a tree.
    pub fn first_tree(&self) -> Result<Tree, crate::tree::PathError> {
        if self.placed_under.is_empty() {
            return Ok(self.files.clone());
        }
        let place = |entry: &TreeEntry| Ok(TreeEntry { path: entry.path.under(&self.placed_under)?, ..entry.clone() });
        let entries: Result<Vec<_>, _> = self.files.entries().iter().map(place).collect();
        Ok(Tree::new(entries?).expect("one folder in front of every path keeps them distinct"))
    }
}

impl Link {
    fn canonical(&self, with_signature: bool) -> Result<Vec<u8>, CanonicalError> {
        let mut value = serde_json::to_value(self).expect("a link is plain JSON");
        if !with_signature {
            value.as_object_mut().expect("a link is an object").shift_remove("signature");
        }
        canonical::to_bytes(&Node::from_serde(&value))
    }

    /// Signs the link.
    ///
    /// # Errors
    /// When a stage measured something RFC 8785 cannot write, such as a whole number beyond 2^53 - 1.
    pub fn sign(&mut self, key: &SecretKey) -> Result<(), CanonicalError> {
        self.signature = Some(key.sign(LINK_CONTEXT, &self.canonical(false)?));
        Ok(())
    }

    /// Checks the link's own signature.
    pub fn verify_signature(&self) -> SignatureVerdict {
        match (&self.signature, self.canonical(false)) {
            (Some(signature), Ok(bytes)) => signature.verify(LINK_CONTEXT, &bytes),
            (None, _) => SignatureVerdict::Bad("the link carries no signature".into()),
            (_, Err(error)) => SignatureVerdict::Bad(format!("the link has no canonical form: {error}")),
        }
    }

    /// Digest of the whole link, signature included: what the next link names as `previous`.
    ///
    /// A link that was signed or parsed always has one; one that cannot be written canonically digests to that of no bytes,
    /// which no link has.
    pub fn digest(&self) -> LinkDigest {
        LinkDigest::from_digest(Digest::of(&self.canonical(true).unwrap_or_default()))
    }

    /// What people call it: position and stage type, of which no more is shown than a stage type is ever long.
    pub fn label(&self) -> String {
        let shown: String = self.stage_type.chars().take(LABEL_CHARS_MAX).collect();
        let more = if shown.len() < self.stage_type.len() { "…" } else { "" };
        format!("link {} ({shown}{more})", self.index)
    }
}

/// The stage key: what decides whether a stage has run already.
///
/// SHA-256 of the RFC 8785 bytes of `{"stage","codeVersion","configuration","read"}`.
///
/// # Errors
/// When the configuration holds a whole number beyond 2^53 - 1, which no parsed document does.
pub fn stage_key(
    stage: &str,
    code_version: u32,
    configuration: &Value,
    read: &BTreeMap<String, Digest>,
) -> Result<StageKey, CanonicalError> {
    let value = serde_json::json!({"stage": stage, "codeVersion": code_version, "configuration": configuration, "read": read});
    Ok(StageKey::from_digest(Digest::of(&canonical::to_bytes(&Node::from_serde(&value))?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_hold_what_lies_below_them() {
        let sets: [&[&str]; 6] = [&[], &[""], &["a"], &["a", "a/b", "ab"], &["a.b", "a/b", "b"], &["", "z"]];
        let paths = ["a", "a/b", "a/b/c", "a.b", "a.b/c", "a/b.c", "ab/c", "a0", "b", "b/a/x", "z/z", "B/a"];
        for set in sets {
            let folders: Vec<String> = set.iter().map(|folder| (*folder).to_owned()).collect();
            for path in paths {
                let expected = set.iter().any(|folder| folder.is_empty() || path.starts_with(&format!("{folder}/")));
                assert_eq!(Folders::of(&folders).hold(path), expected, "{path} below {set:?}");
            }
        }
    }
}
