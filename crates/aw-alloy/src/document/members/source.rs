//! What is transformed, and what it should become.

use schemars::JsonSchema;
use serde::Deserialize;

/// What is transformed: a base model, or in an ensemble a target and its specialists.
///
/// # Source
/// The alloy format, section 3.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Source {
    /// The base model's id. Absent in an ensemble only.
    #[schemars(length(min = 1))]
    pub base_model: Option<String>,
    /// Its architecture, an open set. Absent in an ensemble only.
    #[schemars(length(min = 1))]
    pub architecture: Option<String>,
    /// Pinned revision.
    pub revision: Option<String>,
    /// Whether it is a mixture of experts.
    #[serde(default, rename = "isMoE")]
    pub is_moe: bool,
    /// Experts, all layers' the same.
    pub total_experts: Option<u64>,
    /// Parameters, in billions.
    #[schemars(range(min = 0))]
    pub total_params_b: Option<f64>,
    /// Parameters a token uses, in billions.
    #[schemars(range(min = 0))]
    pub active_params_b: Option<f64>,
    /// Layers.
    pub num_layers: Option<u64>,
    /// Experts a layer.
    pub num_experts_per_layer: Option<u64>,
    /// Experts a token uses in each layer.
    pub num_activated_experts: Option<u64>,
    /// Longest context, in tokens.
    pub context_length: Option<u64>,
    /// Its licence.
    pub license: Option<String>,
    /// In an ensemble: what the specialists help.
    pub target: Option<EnsembleMember>,
    /// In an ensemble: who helps.
    pub specialists: Option<Vec<EnsembleMember>>,
}

/// A model of an ensemble.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EnsembleMember {
    /// The model's id.
    #[schemars(length(min = 1))]
    pub base_model: String,
    /// What it does in the ensemble.
    pub role: Option<String>,
    /// Whether its weights stay as they are.
    pub frozen: Option<bool>,
}

/// What the source should become; an absent member means that it stays as it is.
///
/// # Source
/// The alloy format, section 3.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// Longest context, in tokens.
    #[schemars(range(min = 1))]
    pub context_length: Option<u64>,
    /// What it takes in besides text.
    pub modalities: Option<Vec<String>>,
    /// What it should be good at: `code`, `reasoning`, `chat`, `science`, `general`.
    #[schemars(length(min = 1))]
    pub domain: Option<String>,
    /// Share of heads to remove.
    #[schemars(range(min = 0, max = 0.9))]
    pub prune_ratio: Option<f64>,
    /// Experts to keep.
    #[schemars(range(min = 1))]
    pub experts: Option<u64>,
    /// File formats.
    pub output_formats: Option<Vec<String>>,
    /// Quantisations.
    pub quant_types: Option<Vec<String>>,
    /// Devices it must run on.
    pub target_devices: Option<Vec<String>>,
    /// What is measured on it.
    pub benchmarks: Option<Vec<String>>,
    /// Whether it is published.
    pub publish: Option<bool>,
    /// Where it is deployed.
    #[schemars(length(min = 1))]
    pub deploy_to: Option<String>,
}
