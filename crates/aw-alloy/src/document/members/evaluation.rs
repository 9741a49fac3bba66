//! What is measured, on what, and which quantisations ship.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

/// A benchmark to run.
///
/// # Source
/// The alloy format, section 4, BenchmarkDef.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BenchmarkDef {
    /// The benchmark.
    #[schemars(length(min = 1))]
    pub name: String,
    /// Part of the benchmark.
    pub subset: Option<String>,
    /// Examples shown before each problem.
    pub n_shot: Option<u64>,
    /// Whether results go to a leaderboard.
    #[serde(default)]
    pub submit_to_leaderboard: bool,
    /// Metric, such as `pass@1`.
    pub metric: Option<String>,
    /// Whether the base is measured against a published score first.
    pub calibrated: Option<bool>,
    /// Where the per-problem results lie, relative to the artifact.
    pub samples_path: Option<String>,
    /// Where those of the unmodified base lie.
    pub base_samples_path: Option<String>,
    /// The published score that the base is held against.
    pub calibration_anchor: Option<CalibrationAnchor>,
    /// The author's words on it.
    pub notes: Option<String>,
}

/// The base's published score next to the measured one. A free object: these are the members with a meaning.
///
/// # Source
/// The alloy format, section 4, calibrationAnchor.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CalibrationAnchor {
    /// The base.
    pub model: Option<String>,
    /// What its makers published; `null` when they did not: then the base is its own anchor.
    #[schemars(range(min = 0, max = 100))]
    pub published_score: Option<f64>,
    /// Where they published it.
    pub published_source: Option<String>,
    /// What was measured here.
    #[schemars(range(min = 0, max = 100))]
    pub measured_score: Option<f64>,
    /// On what it was measured.
    pub measured_on: Option<String>,
    /// Measured minus published, in points.
    pub delta: Option<f64>,
    /// The most the two may differ: a number of points is a hard gate, words are not.
    pub tolerance: Option<Tolerance>,
    /// Whether the gate was passed, as the writer says.
    pub passed: Option<bool>,
    /// Whatever else is said of it.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// How far measured and published may lie apart.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Tolerance {
    /// Points.
    Points(f64),
    /// A sentence, which no gate can hold.
    Words(String),
}

/// Which variants of a format ship, whatever stage makes them.
///
/// # Source
/// The alloy format, section 10, QuantTier.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct QuantTier {
    /// The format, such as `gguf`.
    #[schemars(length(min = 1))]
    pub format: String,
    /// The variants, such as `Q4_K_M`.
    #[serde(default)]
    pub variants: Vec<String>,
    /// The devices they are for.
    #[serde(default)]
    pub target_devices: Vec<String>,
}

/// A corpus by its content: a pointer, the bytes lie elsewhere.
///
/// # Source
/// The alloy format, section 10, CorpusRef.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CorpusRef {
    /// Its name.
    #[schemars(length(min = 1))]
    pub name: String,
    /// SHA-256 of its bytes; older documents say `hashSha256`.
    pub content_hash: Option<String>,
    /// The same under its old name.
    pub hash_sha256: Option<String>,
    /// Its length.
    pub size_bytes: Option<u64>,
    /// Where it can be had.
    pub source_url: Option<String>,
}
