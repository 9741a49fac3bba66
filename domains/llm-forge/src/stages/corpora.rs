//! The corpora a recipe declares and pins.

use aw_alloy::digest::Digest;
use aw_alloy::recipe::Recipe;
use aw_domain::{FileInput, Problem};
use schemars::JsonSchema;
use serde::Deserialize;

/// A corpus of examples, one JSON object a line, pinned by its hash.
///
/// # Source
/// The alloy format, section 6, CalibrationCorpusRef.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(dead_code, reason = "what only people read is still part of the format")]
pub(crate) struct CorpusRef {
    /// The name stages use for it; also the name of a folder.
    #[schemars(regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"))]
    pub(crate) id: String,
    /// A name for people.
    name: Option<String>,
    /// Where it is, from the recipe's folder.
    #[schemars(length(min = 1))]
    path: String,
    /// SHA-256 of its bytes, with or without `sha256:`.
    #[schemars(regex(pattern = r"^(sha256:)?[0-9a-f]{64}$"))]
    sha256: String,
    /// Examples it holds.
    examples: Option<u64>,
    /// Tokens it holds.
    tokens: Option<u64>,
    /// What is in it.
    distribution_summary: Option<String>,
    /// What kind of text it is, such as `code`: the gates hold what was calibrated on against what was measured on.
    #[schemars(length(min = 1))]
    kind: Option<String>,
}

/// The list of corpora under one root member.
pub(crate) type Corpora = Vec<CorpusRef>;

/// Root member of the corpora experts are measured on.
pub(crate) const CALIBRATION: &str = "calibrationCorpora";
/// Root member of the corpora models are evaluated on.
pub(crate) const EVALUATION: &str = "evaluationCorpora";

/// Root member of the attempts and scores a claim of improvement is held against.
pub(crate) const BASELINES: &str = "priorMetricBaselines";

/// Finds the corpus `id` under `member`, as a file the stage reads by the name `id`.
pub(crate) fn find(recipe: &Recipe, member: &str, id: &str, asked_at: &str) -> Result<FileInput, Problem> {
    let declared = recipe.member(member).and_then(|value| serde_json::from_value::<Corpora>(value).ok()).unwrap_or_default();
    let Some((index, corpus)) = declared.iter().enumerate().find(|(_, corpus)| corpus.id == id) else {
        let message = format!("no corpus `{id}` is declared in `{member}`");
        return Err(
            Problem::new("unknown-corpus", asked_at, message).suggest(id, declared.iter().map(|corpus| corpus.id.as_str()))
        );
    };
    let digest = Digest::from_hex(corpus.sha256.trim_start_matches("sha256:")).ok();
    Ok(FileInput { name: id.to_owned(), path: corpus.path.clone(), digest, declared_at: format!("{member}[{index}]") })
}
