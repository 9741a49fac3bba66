//! The card says what the document says: it is what the artifact's domain renders from it, byte for byte.
//!
//! # Source
//! The foundry and line, section 5, gate 9.

use aw_alloy::artifact::CARD_FILE;
use aw_alloy::digest::Digest;
use aw_domain::Registry;

use crate::contents::Contents;
use crate::decision::Reason;

/// The gate.
const GATE: &str = "branding";
/// This program, as `integrity.code.version` of what it makes.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What is wrong with the card of verified contents.
pub(crate) fn judge(registry: &Registry, contents: &Contents) -> Vec<Reason> {
    let artifact = &contents.artifact;
    let found = contents.files.iter().find(|file| file.path.as_str() == CARD_FILE);
    let (rule, message) = match (registry.card(artifact), found) {
        (Err(error), _) => ("domain-known", format!("nobody here can say what its card must be: {error}")),
        (Ok(None), _) if artifact.text("integrity.cardHash").is_some() => {
            ("card-rendered", format!("`{CARD_FILE}` is sealed as its card, and none of its domains renders one"))
        }
        (Ok(None), _) => return Vec::new(),
        (Ok(Some(_)), None) => ("card-present", format!("it has no card, `{CARD_FILE}`; run the recipe again")),
        (Ok(Some(card)), Some(file)) if Digest::of(card.as_bytes()) == file.digest => return Vec::new(),
        (Ok(Some(_)), Some(_)) => {
            let by = match artifact.text("integrity.code.version") {
                Some(VERSION) | None => "`show --card` prints what is rendered".to_owned(),
                Some(version) => format!(
                    "it was made by version {version}, this is {VERSION}; ship it with that one, or run the recipe again with this one"
                ),
            };
            ("card-rendered", format!("`{CARD_FILE}` is not what is rendered from the document: {by}"))
        }
    };
    vec![Reason::of(GATE, rule, message)]
}
