//! How settings are searched.

use schemars::JsonSchema;
use serde::Deserialize;

/// How settings are searched.
///
/// # Source
/// The alloy format, section 6.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Search {
    /// The method.
    #[serde(default)]
    pub method: SearchMethod,
    /// Pieces of the quick evaluation.
    #[serde(default = "ten")]
    #[schemars(range(min = 1, max = 50))]
    pub quick_eval_chunks: u32,
    /// The most candidates.
    #[serde(default = "five")]
    #[schemars(range(min = 1, max = 20))]
    pub max_candidates: u32,
    /// How sure the choice must be.
    #[serde(default = "confidence")]
    #[schemars(range(min = 0.5, max = 0.999))]
    pub confidence_threshold: f64,
    /// Whether a compensation LoRA is tried.
    #[serde(default)]
    pub try_compensation_lora: bool,
    /// Its training steps.
    #[serde(default = "lora_steps")]
    #[schemars(range(min = 100, max = 5000))]
    pub lora_steps_if_needed: u32,
    /// Share of the importance that must stay covered.
    #[serde(default = "coverage")]
    #[schemars(range(min = 0.5, max = 0.99))]
    pub coverage_threshold: f64,
    /// The author's words on it.
    pub notes: Option<String>,
}

/// A method of search.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum SearchMethod {
    #[default]
    Manual,
    Binary,
    Ransac,
    Bayesian,
    Exhaustive,
    Adaptive,
}

fn ten() -> u32 {
    10
}

fn five() -> u32 {
    5
}

fn confidence() -> f64 {
    0.95
}

fn lora_steps() -> u32 {
    500
}

fn coverage() -> f64 {
    0.85
}
