//! The hash of a model's weights as they lie in a tree.

use aw_alloy::digest::Digest;
use aw_alloy::document::hashes::{is_weight_file, model_hash};
use aw_domain::TreeEntry;

/// [`model_hash`] of the weight files of `entries` that lie directly in `folder` (`""` for the root).
pub(crate) fn model_hash_of(entries: &[TreeEntry], folder: &str) -> Option<Digest> {
    model_hash(weight_files(entries, folder))
}

/// The weight files that lie directly in `folder`, by name.
pub(crate) fn weight_files<'a>(entries: &'a [TreeEntry], folder: &'a str) -> impl Iterator<Item = (&'a str, &'a Digest)> {
    entries.iter().filter_map(move |entry| {
        let path = entry.path.as_str();
        let name = if folder.is_empty() { path } else { path.strip_prefix(folder)?.strip_prefix('/')? };
        (is_weight_file(name) && !name.contains('/')).then_some((name, &entry.digest))
    })
}
