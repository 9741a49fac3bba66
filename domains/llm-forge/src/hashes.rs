//! The hash of a model's weights.

use aw_alloy::digest::Digest;
use aw_domain::TreeEntry;
use serde_json::json;

/// Whether a file holds weights that [`model_hash`] covers.
pub fn is_weight_file(path: &str) -> bool {
    path.ends_with(".safetensors")
}

/// Hashes a model's weights: SHA-256 over the compact JSON of `[{"filename", "sha256"}]`, sorted by file name, hashes bare.
///
/// `None` for an empty list, which identifies nothing.
///
/// # Source
/// The alloy format, section 8, `modelHash`.
pub fn model_hash<'a>(weights: impl IntoIterator<Item = (&'a str, &'a Digest)>) -> Option<Digest> {
    let mut files: Vec<_> = weights.into_iter().collect();
    files.sort();
    let list: Vec<_> = files.iter().map(|(name, digest)| json!({"filename": name, "sha256": digest.hex()})).collect();
    // Other writers escape what is not ASCII; such names do not occur among weight files, and are refused as a hash input.
    if list.is_empty() || files.iter().any(|(name, _)| !name.is_ascii()) {
        return None;
    }
    Some(Digest::of(serde_json::to_string(&list).expect("strings serialise").as_bytes()))
}

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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn published_vector() {
        // The foundry and line, section 1.2.
        let digest = Digest::from_hex("0cb7e0fff9997752bb7d150d549627f590ec06ff1adee5744fa6fa596a99bdc3").unwrap();
        let hash = model_hash([("olmoe-1b-7b-compacted-5b.Q5_K_M.gguf", &digest)]).unwrap();
        assert_eq!(hash.to_string(), "sha256:7f3b3c31279035cd5226f13cd602875baf8a1dd74b45345ee5ca2f5988169df5");
        assert_eq!(model_hash([]), None);
    }
}
