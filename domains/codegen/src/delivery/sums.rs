//! `SHA256SUMS`: what `sha256sum --check` reads.

use std::collections::BTreeMap;

use aw_alloy::digest::Digest;
use aw_alloy::tree::TreePath;

/// One line a file: 64 hexadecimal digits, two spaces, the path; by path.
pub(super) fn write<'a>(files: impl Iterator<Item = (&'a TreePath, Digest)>) -> String {
    files.map(|(path, digest)| format!("{}  {path}\n", digest.hex())).collect()
}

/// Reads such lines.
///
/// # Errors
/// The number of the line, from 1, and what is wrong with it.
pub(super) fn read(text: &str) -> Result<BTreeMap<TreePath, Digest>, String> {
    let mut sums = BTreeMap::new();
    for (number, line) in text.lines().enumerate() {
        let odd = |reason: String| format!("line {}: {reason}", number + 1);
        let (digest, path) = line.split_once("  ").ok_or_else(|| odd("expected `<SHA-256>  <path>`".to_owned()))?;
        let digest = Digest::from_hex(digest).map_err(|error| odd(error.to_string()))?;
        let path = TreePath::new(path).map_err(|error| odd(error.to_string()))?;
        if sums.insert(path.clone(), digest).is_some() {
            return Err(odd(format!("`{path}` stands twice")));
        }
    }
    Ok(sums)
}
