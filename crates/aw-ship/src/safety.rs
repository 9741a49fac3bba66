//! What no artifact may carry to others: code that runs when it is opened, and files that are programs in disguise.
//!
//! # Source
//! The foundry and line, section 5, gate 8.

use aw_alloy::text::{Limits, Node, json};

use crate::contents::{ContentFile, Contents};
use crate::decision::Reason;
use crate::error::ShipError;

/// Endings of files whose formats are pickles, or hold them: opening one runs what is in it.
const PICKLES: &[&str] = &["pkl", "pickle", "pt", "pth", "ckpt", "joblib", "dill", "bin"];
/// Longest configuration that is looked into, in bytes.
const CONFIG_BYTES_MAX: u64 = 16 << 20;

/// What of the contents may not ship, each file by its rule.
///
/// # Errors
/// [`ShipError`] when a file cannot be read.
pub(crate) fn judge(contents: &Contents) -> Result<Vec<Reason>, ShipError> {
    let mut reasons = Vec::new();
    let mut refuse = |rule: &str, message: String| reasons.push(Reason::of("safety", rule, message));
    let licence = contents.artifact.node().get("license").and_then(Node::as_str).unwrap_or_default();
    if licence.trim().is_empty() {
        refuse("license", "the document states no license; others may do nothing with what has none".to_owned());
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
    }
    Ok(reasons)
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
    read.map_err(crate::error::disk("read", &path))?;
    Ok(matches!(start.as_slice(), [0x80, 2..=5]))
}
