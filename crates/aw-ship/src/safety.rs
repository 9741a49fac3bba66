//! What no artifact may carry to others: what its license keeps, code that runs when it is opened, files that are programs in disguise,
//! and secrets.
//!
//! # Source
//! The foundry and line, section 5, gate 8.

use std::path::PathBuf;

use aw_alloy::text::{Limits, Node, json};

use crate::contents::{ContentFile, Contents};
use crate::decision::Reason;
use crate::error::{ShipError, disk};
use crate::secrets::{self, Found};

/// Endings of files whose formats are pickles, or hold them: opening one runs what is in it.
const PICKLES: &[&str] = &["pkl", "pickle", "pt", "pth", "ckpt", "joblib", "dill", "bin"];
/// Longest configuration that is looked into, in bytes.
const CONFIG_BYTES_MAX: u64 = 16 << 20;

/// Licenses by which nobody may pass anything on, in lower case and without punctuation. What another one allows is not guessed.
const KEPT: &[&str] = &["proprietary", "allrightsreserved", "unlicensed", "none", "nolicense"];

/// What of the contents may not ship, each file by its rule; with them what of the `corpora` they were made with may not, each by its id.
///
/// # Errors
/// [`ShipError`] when a file cannot be read.
pub(crate) fn judge(contents: &Contents, corpora: &[(String, PathBuf)]) -> Result<Vec<Reason>, ShipError> {
    let mut reasons = Vec::new();
    let mut refuse = |rule: &str, message: String| reasons.push(Reason::of("safety", rule, message));
    let licence = contents.artifact.node().get("license").and_then(Node::as_str).unwrap_or_default();
    if licence.trim().is_empty() {
        refuse("license", "the document states no license; others may do nothing with what has none".to_owned());
    } else if is_kept(licence) {
        let message = format!("the license is `{}`, by which nobody may pass it on", licence.escape_debug());
        refuse("license", message);
    }
    for file in &contents.files {
        let path = file.path.as_str();
        let name = path.rsplit('/').next().unwrap_or(path);
        let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).unwrap_or_default();
        if PICKLES.contains(&ending.as_str()) || is_pickle(contents, file)? {
            let message =
                format!("`{path}` is, or may hold, a pickle, which runs code when opened; safetensors or GGUF is right");
            refuse("no-pickle", message);
        }
        if matches!(name, "config.json" | "tokenizer_config.json" | "generation_config.json" | "processor_config.json") {
            let bytes = contents.read(file, CONFIG_BYTES_MAX)?;
            let text = String::from_utf8_lossy(&bytes);
            match json::parse(text.as_bytes(), &Limits::DOCUMENT) {
                Ok(node) => {
                    let members = ["auto_map", "custom_pipelines", "trust_remote_code"];
                    if let Some(member) = members.iter().find(|name| hooks(&node, name)) {
                        let message = format!("`{path}` has `{member}`, which makes its reader run code of the repository");
                        refuse("no-remote-code", message);
                    }
                }
                // What cannot be read here may be read elsewhere as something else.
                Err(error) => refuse("configuration", format!("`{path}` cannot be read: {error}")),
            }
        }
        let path = contents.folder.join(&file.path);
        let searched = contents.open(file, 0).and_then(secrets::search);
        for found in searched.map_err(disk("read", &path))? {
            refuse("no-secrets", told(&format!("`{}`", file.path), &found));
        }
    }
    for (id, path) in corpora {
        let searched = crate::files::open(path).and_then(secrets::search);
        for found in searched.map_err(disk("read", path))? {
            refuse("no-secrets", told(&format!("the corpus `{}`", id.escape_debug()), &found));
        }
    }
    Ok(reasons)
}

/// What was found, and where, and nothing of it.
fn told(place: &str, found: &Found) -> String {
    let Found { kind, at, count } = found;
    let more = if *count > 1 { format!(", and {} more of the kind", count - 1) } else { String::new() };
    format!("{place} holds a secret at byte {at}{more} ({kind}); revoke it, take it out, and run the recipe again")
}

/// Whether a license says that nobody may pass on what has it.
fn is_kept(license: &str) -> bool {
    let plain: String = license.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    KEPT.contains(&plain.as_str())
}

/// Whether a member asks for code to be run.
fn hooks(node: &Node, member: &str) -> bool {
    node.get(member).is_some_and(|value| !value.is_null() && value.as_bool() != Some(false))
}

/// Whether a file begins as pickles of protocol 2 and later do.
fn is_pickle(contents: &Contents, file: &ContentFile) -> Result<bool, ShipError> {
    use std::io::Read as _;
    let path = contents.folder.join(&file.path);
    let mut start = Vec::with_capacity(2);
    let read = contents.open(file, 0).and_then(|opened| opened.take(2).read_to_end(&mut start));
    read.map_err(disk("read", &path))?;
    Ok(matches!(start.as_slice(), [0x80, 2..=5]))
}

#[cfg(test)]
mod tests {
    use super::is_kept;

    #[test]
    fn licenses_that_keep_everything_are_known_however_they_are_written() {
        for kept in [
            "proprietary",
            "Proprietary.",
            "All Rights Reserved",
            "all-rights-reserved",
            "UNLICENSED",
            "None",
            "no license",
            "NO-LICENSE",
        ] {
            assert!(is_kept(kept), "{kept}");
        }
        for other in [
            "apache-2.0",
            "MIT",
            "Unlicense",
            "other",
            "LicenseRef-Ours",
            "BSD-3-Clause",
            "NOASSERTION",
            "cc-by-nc-4.0",
            "llama3.1",
        ] {
            assert!(!is_kept(other), "{other}");
        }
    }
}
