//! Root members: corpora, and the attempts a claim of improvement is held against.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A corpus a document names. To run, it must also be pinned by its hash.
///
/// # Source
/// The alloy format, section 6, CalibrationCorpusRef.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CalibrationCorpusRef {
    /// The name stages use for it.
    pub id: String,
    /// A name for people.
    pub name: Option<String>,
    /// Where it is.
    pub path: String,
    /// SHA-256 of its bytes, with or without `sha256:`; how it is spelled is the document's affair, not the domain's.
    pub sha256: Option<String>,
    /// Examples it holds.
    pub examples: Option<u64>,
    /// Tokens it holds.
    pub tokens: Option<u64>,
    /// What is in it.
    pub distribution_summary: Option<String>,
    /// What kind of text it is, such as `code`.
    #[schemars(length(min = 1))]
    pub kind: Option<String>,
}

/// An earlier attempt, or a known score, that the claim of improvement is held against.
///
/// Two shapes were published, one with `prune`, `evaluation` and `outcome`, one flat with `value` and `source`; both are this type.
///
/// # Source
/// The alloy format, section 6, PriorMetricBaseline, and section 10; the foundry and line, sections 1.1 and 2.1.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PriorMetricBaseline {
    /// Its id.
    pub id: Option<String>,
    /// A name for people.
    pub name: Option<String>,
    /// What was measured, or what experts were ranked by.
    pub metric: BaselineMetric,
    /// How the model was pruned.
    pub prune: Option<BaselinePrune>,
    /// How it was evaluated.
    pub evaluation: Option<BaselineEvaluation>,
    /// Scores, in a form of their own.
    pub results: Option<Map<String, Value>>,
    /// Per-problem results.
    pub samples_path: Option<String>,
    /// What became of it.
    pub outcome: Option<Outcome>,
    /// The attempt that took its place.
    pub superseded_by: Option<String>,
    /// Where the method is described.
    pub methodology_anchor: Option<String>,
    /// What was learned from it.
    pub lesson_anchor: Option<String>,
    /// The author's words on it.
    pub notes: Option<String>,
    /// The value, in the flat shape.
    pub value: Option<f64>,
    /// Where the value is from.
    pub source: Option<String>,
    /// When it was measured, ISO 8601.
    pub measured_at: Option<String>,
    /// How it was measured.
    pub measurement_method: Option<String>,
    /// What it is for.
    pub role: Option<Role>,
    /// Whether more is better.
    pub higher_is_better: Option<bool>,
}

/// A metric by name, or with what it was measured on.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum BaselineMetric {
    /// Its name.
    Name(String),
    /// Its name and what it was measured on.
    Described(DescribedMetric),
}

/// A metric and what it was measured on.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DescribedMetric {
    /// Its name.
    pub name: Option<String>,
    /// What it is.
    pub description: Option<String>,
    /// The corpus it was measured on.
    pub calibration_corpus: Option<String>,
    /// SHA-256 of that corpus.
    pub calibration_corpus_sha256: Option<String>,
}

/// How a baseline was pruned.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BaselinePrune {
    /// How experts were chosen.
    pub method: Option<String>,
    /// How many a layer kept.
    pub k: Option<u64>,
    /// Experts a layer had.
    pub total_experts_before: Option<u64>,
    /// Experts a layer has.
    pub total_experts_after: Option<u64>,
    /// What did it.
    pub implementation: Option<String>,
}

/// How a baseline was evaluated.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BaselineEvaluation {
    /// What ran the benchmarks.
    pub harness: Option<String>,
    /// How the weights were stored.
    pub quantization: Option<String>,
    /// What it ran on.
    pub hardware: Option<String>,
    /// The unmodified base.
    pub anchor_base_model: Option<String>,
    /// Its scores in the same pipeline, by benchmark.
    pub anchor_reproduction: Option<BTreeMap<String, Option<f64>>>,
    /// The baseline's scores by benchmark, and their differences.
    pub results: Option<Map<String, Value>>,
    /// Per-problem results.
    pub samples_path: Option<String>,
    /// SHA-256 of that file.
    pub samples_hash: Option<String>,
}

/// What became of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was published.
    Shipped,
    /// It was worse, and is kept to show that.
    NegativeBaseline,
    /// Another took its place.
    Superseded,
}

/// What a baseline is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The forged model must be better.
    NegativeControl,
    /// The pipeline must reproduce it.
    Anchor,
}
