//! Where an artifact was published.

use schemars::JsonSchema;
use serde::Deserialize;

/// Where an artifact was published. `{}` was published too.
///
/// # Source
/// The alloy format, section 8.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// The places.
    #[serde(default)]
    pub publications: Vec<Publication>,
    /// Where anyone can verify it.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9+.-]*:"))]
    pub verify_url: Option<String>,
    /// Hash of the document without its receipt.
    pub alloy_hash: Option<String>,
    /// SHA-256 of the card.
    pub card_hash: Option<String>,
    /// When the receipt was made.
    pub issued_at: Option<String>,
}

/// One place of publication.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Publication {
    /// What kind of place.
    #[schemars(length(min = 1))]
    pub target: String,
    /// Where.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9+.-]*:"))]
    pub url: String,
    /// When.
    pub published_at: String,
    /// How often it was fetched.
    pub downloads: Option<u64>,
}
