//! Stages that store, publish and deploy.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::defaults::{repository_name, yes};

/// `quant`: the weights in fewer bits.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Quant {
    /// Format of the files.
    pub format: WeightFormat,
    /// Tiers, one file each: `Q4_K_M`, `Q8_0`, `F16` and so on; an open list.
    pub quant_types: Vec<String>,
    /// What they are for.
    #[serde(default)]
    pub device_targets: Vec<String>,
    /// What made them.
    pub tool: Option<String>,
    /// What each tier came to.
    pub tiers: Option<BTreeMap<String, Tier>>,
}

/// Format of weight files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WeightFormat {
    /// llama.cpp's.
    Gguf,
    /// Apple's MLX.
    Mlx,
    /// safetensors.
    Safetensors,
    /// ONNX.
    Onnx,
}

/// What a tier came to.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tier {
    /// Size, in GB.
    pub size_gb: Option<f64>,
    /// Memory of the smallest device that takes it, in GB.
    pub fits_vram_gb: Option<f64>,
    /// What it is for, in words.
    pub headline_tier: Option<String>,
}

/// `publish`: the artifact under an organisation's name.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Publish {
    /// Who publishes.
    pub org: String,
    /// The repository's name; `{base}`, `{domain}` and `{variant}` are filled in.
    #[serde(default = "repository_name")]
    pub repo_name_template: String,
    /// Whether the document goes along.
    #[serde(default = "yes")]
    pub include_alloy: bool,
    /// Whether the card is made from the benchmarks.
    #[serde(default = "yes")]
    pub card_from_benchmarks: bool,
    /// Words to find it by.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Whether only the organisation sees it.
    #[serde(default)]
    pub private: bool,
    /// SHA-256 of the card.
    pub card_hash: Option<String>,
}

/// `deliver`: older spelling of `publish`, also published without any member.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Deliver {
    /// Who publishes.
    pub org: Option<String>,
    /// The repository's name; `{base}`, `{domain}` and `{variant}` are filled in.
    #[serde(default = "repository_name")]
    pub repo_name_template: String,
    /// Whether the document goes along.
    #[serde(default = "yes")]
    pub include_alloy: bool,
    /// Whether the card is made from the benchmarks.
    #[serde(default = "yes")]
    pub card_from_benchmarks: bool,
    /// Words to find it by.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Whether only the organisation sees it.
    #[serde(default)]
    pub private: bool,
    /// SHA-256 of the card.
    pub card_hash: Option<String>,
}

/// `deploy`: the model on a machine that serves it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Deploy {
    /// The machine.
    pub target: String,
    /// Whether it is asked something before it counts as up.
    #[serde(default = "yes")]
    pub health_check: bool,
    /// Whether it is run once before it counts as up.
    #[serde(default = "yes")]
    pub warmup: bool,
    /// Requests at once.
    pub max_concurrency: Option<u64>,
    /// Whether it grows with demand.
    pub auto_scale: Option<bool>,
}
