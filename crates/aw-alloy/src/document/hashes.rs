//! The hashes that documents carry: of files, of documents, of weights, of results, of commits.
//!
//! # Source
//! The alloy format, section 8.

use std::collections::BTreeMap;

use super::Document;
use crate::artifact::pipeline_hash;
use crate::digest::{Digest, Hasher};
use crate::text::{Node, json};
use crate::tree::{PathError, TreePath};

/// What a text that should be a hash is. Only a valid one counts as evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashText {
    /// A SHA-256 digest, with or without the prefix.
    Valid {
        /// The digest.
        digest: Digest,
        /// Whether `sha256:` stands before it.
        prefixed: bool,
    },
    /// Words in place of a hash, such as `sha256:not-pinned-legacy`, or zeros only: said to be unknown.
    Placeholder,
    /// Meant to be a hash and none: cut off, too long, not lower-case hex.
    Malformed,
}

/// Says what a text that should be a hash is. Bare and prefixed digests compare equal by their [`Digest`].
pub fn classify(text: &str) -> HashText {
    let (bare, prefixed) = match text.strip_prefix("sha256:") {
        Some(bare) => (bare, true),
        None => (text, false),
    };
    match Digest::from_hex(bare) {
        Ok(digest) if digest.as_bytes() == &[0; 32] => HashText::Placeholder,
        Ok(digest) => HashText::Valid { digest, prefixed },
        Err(_) if is_words(bare) => HashText::Placeholder,
        Err(_) => HashText::Malformed,
    }
}

/// Whether a text is words: small letters, with hyphens, underscores or spaces between, and one letter or more that is no hex digit.
fn is_words(text: &str) -> bool {
    let word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    text.split(['-', '_', ' ']).all(word) && text.bytes().any(|byte| matches!(byte, b'g'..=b'z'))
}

/// The hashes of a document that are called alloyHash by one writer or another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AlloyHashKind {
    /// Of the file's bytes: in verify links, QR codes and catalogues.
    File,
    /// Of the document without its receipt: `receipt.alloyHash` of older writers.
    Receipt,
    /// Of source and stages: `integrity.alloyHash`.
    Pipeline,
}

impl AlloyHashKind {
    /// Its name in one word.
    pub fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Receipt => "receipt",
            Self::Pipeline => "pipeline",
        }
    }
}

/// SHA-256 of the publishing serialisation of the document without its `receipt`, without a final line feed.
pub fn receipt_hash(document: &Document) -> Digest {
    let mut node = document.node().clone();
    if let Some(object) = node.as_object_mut() {
        object.remove("receipt");
    }
    Digest::of(json::publish(&node).as_bytes())
}

/// The document's hash of a kind.
pub fn alloy_hash(document: &Document, kind: AlloyHashKind) -> Digest {
    match kind {
        AlloyHashKind::File => document.file_hash(),
        AlloyHashKind::Receipt => receipt_hash(document),
        AlloyHashKind::Pipeline => pipeline_hash(document.node()),
    }
}

/// Says which of the document's hashes `text` is or begins with, of an alloyHash of unknown kind. Takes 8 to 64 lower-case hex
/// digits, with or without the prefix.
pub fn which_alloy_hash(document: &Document, text: &str) -> Option<AlloyHashKind> {
    let bare = text.strip_prefix("sha256:").unwrap_or(text);
    let is_hex = bare.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let kinds = [AlloyHashKind::File, AlloyHashKind::Receipt, AlloyHashKind::Pipeline];
    let matches = |kind: &AlloyHashKind| alloy_hash(document, *kind).hex().starts_with(bare);
    ((8..=64).contains(&bare.len()) && is_hex).then(|| kinds.into_iter().find(matches)).flatten()
}

/// Whether a file holds weights that a modelHash covers: safetensors.
pub fn is_weight_file(path: &str) -> bool {
    path.ends_with(".safetensors")
}

/// Whether a file holds weights that the modelHash of a GGUF repository covers.
pub fn is_gguf_file(path: &str) -> bool {
    path.ends_with(".gguf")
}

/// Hashes a model's weights: SHA-256 over the compact JSON of `[{"filename", "sha256"}]`, sorted by file name, hashes bare, what is
/// not ASCII escaped.
///
/// `None` for an empty list, which identifies nothing.
///
/// # Source
/// The alloy format, section 8, `modelHash`.
pub fn model_hash<'a>(weights: impl IntoIterator<Item = (&'a str, &'a Digest)>) -> Option<Digest> {
    let mut files: Vec<_> = weights.into_iter().collect();
    files.sort();
    let file = |(name, digest): &(&str, &Digest)| Node::from(member_list([("filename", *name), ("sha256", &digest.hex())]));
    let list: Vec<Node> = files.iter().map(file).collect();
    (!list.is_empty()).then(|| Digest::of(json::compact(&list.into()).as_bytes()))
}

fn member_list<const N: usize>(members: [(&str, &str); N]) -> crate::text::Object {
    members.into_iter().collect()
}

/// The older modelHash: SHA-256 of the weight files' bytes one after another, in the order of their names. `None` without files.
///
/// Never made any more; accepted where a document has no `fileHashes`.
pub fn older_model_hash<'a>(weights: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Option<Digest> {
    let files: BTreeMap<&str, &[u8]> = weights.into_iter().collect();
    let mut hasher = Hasher::new();
    files.values().for_each(|bytes| hasher.update(bytes));
    (!files.is_empty()).then(|| hasher.finish())
}

/// The modelHash that a document's own `fileHashes` make: over its safetensors files, without any over its GGUF files.
///
/// `None` when it lists no weight file, or one without a whole hash.
pub fn model_hash_of(file_hashes: &Node) -> Option<Digest> {
    let listed = file_hashes.as_array()?.iter().filter_map(|file| Some((file.get("filename")?.as_str()?, file.get("sha256")?)));
    let listed: Vec<(&str, &Node)> = listed.collect();
    let is_weights = if listed.iter().any(|(name, _)| is_weight_file(name)) { is_weight_file } else { is_gguf_file };
    let weights = listed.into_iter().filter(|(name, _)| is_weights(name));
    let weights: Option<Vec<(&str, Digest)>> = weights
        .map(|(name, hash)| match classify(hash.as_str()?) {
            HashText::Valid { digest, .. } => Some((name, digest)),
            HashText::Placeholder | HashText::Malformed => None,
        })
        .collect();
    model_hash(weights?.iter().map(|(name, digest)| (*name, digest)))
}

/// Takes the path of samples, relative to the artifact.
///
/// # Errors
/// [`PathError`] for a path that leaves the artifact or is none.
pub fn samples_path(path: &str) -> Result<TreePath, PathError> {
    TreePath::new(path)
}

/// `resultHash` and `baseResultHash`: SHA-256 of the raw bytes of the per-problem results.
pub fn result_hash(samples: &[u8]) -> Digest {
    Digest::of(samples)
}

/// `chainHash` of a repository: from 64 zeros, each step is SHA-256 of the ASCII text of the commit, the hash so far and the tree.
/// Takes commit and tree in hex, oldest first; gives hex without a prefix.
pub fn repository_chain<'a>(commits: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let step = |so_far: String, (commit, tree): (&str, &str)| Digest::of(format!("{commit}{so_far}{tree}").as_bytes()).hex();
    commits.into_iter().fold("0".repeat(64), step)
}
