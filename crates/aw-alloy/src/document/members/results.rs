//! What a run measured.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::Attestation;

/// What a run measured. The three perplexity members may be `null`.
///
/// # Source
/// The alloy format, section 7.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Results {
    /// When the run ended.
    pub completed_at: Option<String>,
    /// How long it took, in minutes.
    #[schemars(range(min = 0))]
    pub duration_minutes: Option<f64>,
    /// The base's perplexity.
    #[schemars(range(min = 0))]
    pub baseline_perplexity: Option<f64>,
    /// The result's perplexity.
    #[schemars(range(min = 0))]
    pub final_perplexity: Option<f64>,
    /// (baseline − final) / baseline × 100; negative is worse.
    pub improvement_pct: Option<f64>,
    /// Size of the files, in GB.
    #[schemars(range(min = 0))]
    pub final_size_gb: Option<f64>,
    /// Parameters in words, such as `3.8B`.
    pub final_params: Option<String>,
    /// Parameters, in billions.
    #[schemars(range(min = 0))]
    pub forged_params_b: Option<f64>,
    /// Parameters a token uses, in billions.
    #[schemars(range(min = 0))]
    pub active_params_b: Option<f64>,
    /// The benchmarks.
    #[serde(default)]
    pub benchmarks: Vec<BenchmarkResult>,
    /// Devices it ran on, or was estimated for.
    #[serde(default)]
    pub hardware_verified: Vec<HardwareProfile>,
    /// What it writes.
    #[serde(default)]
    pub samples: Vec<Sample>,
    /// What vouches for it; ensembles and artifacts hold it at the root.
    pub integrity: Option<Attestation>,
    /// Sentences for people.
    pub highlights: Option<Vec<String>>,
    /// Runs that led here.
    pub four_run_progression: Option<Vec<RunProgress>>,
    /// The same under its newer name.
    pub run_progression: Option<Vec<RunProgress>>,
}

/// One benchmark's result. Scores are 0 to 100.
///
/// # Source
/// The alloy format, section 7.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BenchmarkResult {
    /// The benchmark.
    #[schemars(length(min = 1))]
    pub name: String,
    /// Part of it.
    pub subset: Option<String>,
    /// Metric, such as `pass@1`.
    pub metric: Option<String>,
    /// Score.
    #[schemars(range(min = 0, max = 100))]
    pub score: Option<f64>,
    /// Score of the unmodified base on the same hardware and pipeline.
    #[schemars(range(min = 0, max = 100))]
    pub base_score: Option<f64>,
    /// Score minus base score, as published.
    #[schemars(range(min = -100, max = 100))]
    pub delta: Option<f64>,
    /// Whether the base was held against a published score.
    pub calibrated: Option<bool>,
    /// Whether it lay within the tolerance, as the writer says.
    pub within_calibration_tolerance: Option<bool>,
    /// Where the per-problem results lie, relative to the artifact.
    pub samples_path: Option<String>,
    /// Where those of the base lie.
    pub base_samples_path: Option<String>,
    /// SHA-256 of the bytes at `samplesPath`.
    pub result_hash: Option<String>,
    /// SHA-256 of the bytes at `baseSamplesPath`.
    pub base_result_hash: Option<String>,
    /// An open bag: any name, a number, text or truth value.
    #[serde(default)]
    pub metrics: BTreeMap<String, Metric>,
    /// Whether it went to a leaderboard.
    #[serde(default)]
    pub submitted_to_leaderboard: bool,
    /// What was corrected after publication.
    pub score_correction: Option<ScoreCorrection>,
}

/// A value of the open bag.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Metric {
    /// A number.
    Number(f64),
    /// Text.
    Text(String),
    /// A truth value.
    Truth(bool),
}

/// A correction of published scores.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScoreCorrection {
    /// The score before.
    #[schemars(range(min = 0, max = 100))]
    pub previous_value: Option<f64>,
    /// The base's score before.
    #[schemars(range(min = 0, max = 100))]
    pub previous_base_score: Option<f64>,
    /// When it was corrected; a date is enough.
    pub corrected_at: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

/// A device it ran on, or was estimated for.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HardwareProfile {
    /// The device.
    #[schemars(length(min = 1))]
    pub device: String,
    /// The format it ran in.
    pub format: Option<String>,
    /// Video memory, in GB.
    #[schemars(range(min = 0))]
    pub vram_gb: Option<f64>,
    /// Size of the files, in GB.
    #[schemars(range(min = 0))]
    pub size_gb: Option<f64>,
    /// Speed.
    #[schemars(range(min = 0))]
    pub tokens_per_sec: Option<f64>,
    /// Memory it took, in GB.
    #[schemars(range(min = 0))]
    pub memory_usage_gb: Option<f64>,
    /// Whether it ran, as the writer says; false is an estimate.
    #[serde(default)]
    pub verified: bool,
}

/// Something it wrote.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Sample {
    /// What it shows.
    pub label: String,
    /// What was asked.
    pub prompt: String,
    /// What it wrote.
    pub completion: String,
    /// What the base wrote.
    pub baseline_completion: Option<String>,
}

/// One of the runs that led to a result.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunProgress {
    /// Which run, from 1.
    pub run: Option<u64>,
    /// What was different in it.
    pub config: Option<String>,
    /// Its score.
    #[schemars(range(min = 0, max = 100))]
    pub score: Option<f64>,
}
