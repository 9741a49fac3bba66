//! What it takes and what comes out.

use schemars::JsonSchema;
use serde::Deserialize;

/// What a run or its result takes.
///
/// # Source
/// The alloy format, section 6.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Hardware {
    /// Least video memory, in GB.
    #[schemars(range(min = 0))]
    pub min_vram_gb: Option<f64>,
    /// Recommended video memory, in GB.
    #[schemars(range(min = 0))]
    pub recommended_vram_gb: Option<f64>,
    /// How long a run is expected to take, in minutes.
    #[schemars(range(min = 0))]
    pub estimated_duration_minutes: Option<f64>,
    /// Whether it goes without an accelerator.
    #[serde(default, rename = "supportsCPU")]
    pub supports_cpu: bool,
    /// What it was tried on.
    #[serde(default)]
    pub tested_on: Vec<String>,
    /// What the result is for.
    #[serde(default)]
    pub device_targets: Vec<String>,
}

/// What should come out.
///
/// # Source
/// The alloy format, section 6.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Outputs {
    /// The products.
    #[serde(default)]
    pub produces: Vec<Product>,
}

/// One product of a run.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Product {
    /// What kind it is, such as `safetensors`, `gguf`, `model-card`.
    #[serde(rename = "type")]
    #[schemars(length(min = 1))]
    pub kind: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
}
