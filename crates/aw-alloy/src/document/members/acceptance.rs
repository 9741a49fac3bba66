//! What the shipping side demands of an artifact.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

/// The part specification: the forge ignores it, the shipping gate evaluates it.
///
/// # Source
/// The alloy format, section 9.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AcceptanceCriteria {
    /// Criteria by benchmark name.
    #[serde(default)]
    pub benchmarks: BTreeMap<String, BenchmarkCriterion>,
    /// What the device must hold.
    pub hardware: Option<HardwareCriteria>,
    /// Which hashes and samples must be there.
    pub integrity: Option<IntegrityCriteria>,
    /// The author's words on it.
    pub notes: Option<String>,
}

/// What one benchmark must reach.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BenchmarkCriterion {
    /// Absolute floor as a fraction: a score of 45 passes 0.45.
    #[schemars(range(min = 0, max = 1))]
    pub min: f64,
    /// Least difference to the base measured in the same pipeline, in percentage points; negative permits a drop.
    #[schemars(range(min = -100, max = 100))]
    pub anchor_delta: Option<f64>,
    /// Result whose `baseScore` is the anchor; the entry's own name when absent.
    #[schemars(length(min = 1))]
    pub anchor_benchmark: Option<String>,
    /// The author's words on it.
    pub notes: Option<String>,
}

/// What the device must hold.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HardwareCriteria {
    /// Video memory the smallest offered format must fit into, in GB.
    #[schemars(range(min = 0))]
    pub max_vram_gb: Option<f64>,
    /// A label for the class of devices.
    pub device_tier: Option<String>,
}

/// Which hashes and samples must be there.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IntegrityCriteria {
    /// Whether a well-formed `modelHash` must be there.
    #[serde(default)]
    pub model_hash_required: bool,
    /// Whether every gated benchmark must name its samples.
    #[serde(default)]
    pub samples_path_required: bool,
}
