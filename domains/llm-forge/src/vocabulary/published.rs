//! The stages that run here, as documents hold them: what is planned, and what older writers recorded beside it.

use aw_alloy::document::members::{BenchmarkDef, CalibrationAnchor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::defaults::{balanced, whole, yes};

/// `expert-activation-profile` in documents.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExpertActivationProfile {
    /// The corpus, by its id.
    pub calibration_corpus: String,
    /// What is counted.
    #[serde(default)]
    pub metric: ProfileMetric,
    /// Tokens after which an example is cut.
    #[serde(default = "whole::<2048>")]
    #[schemars(range(min = 128))]
    pub max_length: u64,
    /// What it runs on.
    pub device: Option<String>,
    /// Where the importance file is written.
    pub importance_output: Option<String>,
    /// The corpus's file.
    pub calibration_corpus_file: Option<String>,
    /// Examples of the corpus.
    pub calibration_examples: Option<u64>,
    /// Tokens of the corpus.
    pub calibration_tokens: Option<u64>,
    /// The metric as older writers name it, as in `v1.activation_count`.
    pub metric_version: Option<String>,
    /// What measured it.
    pub implementation: Option<String>,
    /// Examples after which the corpus is left.
    #[schemars(range(min = 1))]
    pub max_examples: Option<u64>,
    /// What must be seen of every layer's experts.
    pub coverage: Option<Map<String, Value>>,
}

/// What a profile counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProfileMetric {
    /// Tokens each expert was given.
    #[default]
    ActivationCount,
    /// The norm of the router's row.
    RouterL2,
    /// The norm of each expert's output.
    ActivationMagnitude,
}

/// `expert-prune` in documents. To run, one of the two keep members must be there.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExpertPrune {
    /// Experts kept, as older writers spell it.
    #[schemars(range(min = 1))]
    pub keep_experts: Option<u64>,
    /// Experts each layer keeps.
    #[schemars(range(min = 1))]
    pub keep_experts_per_layer: Option<u64>,
    /// Share of each layer's experts that stays.
    pub keep_ratio: Option<f64>,
    /// Experts each layer keeps, layer by layer.
    pub keep_per_layer: Option<Vec<u64>>,
    /// Experts each layer had.
    pub original_experts_per_layer: Option<u64>,
    /// How experts are ranked; an open list.
    pub strategy: Option<String>,
    /// How experts are ranked, as older writers spell it.
    pub selection_strategy: Option<SelectionStrategy>,
    /// What they are ranked by.
    pub metric: Option<String>,
    /// What measured that.
    pub metric_source: Option<String>,
    /// Dataset of the profile, as older writers spell it.
    pub profile_dataset: Option<String>,
    /// Steps of the profile, as older writers spell it.
    #[serde(default = "whole::<100>")]
    #[schemars(range(min = 1))]
    pub profile_steps: u64,
    /// An importance file.
    pub importance_json: Option<String>,
    /// Where the family keeps its experts.
    #[serde(default)]
    pub expert_tensor_layout: ExpertTensorLayout,
    /// The corpus whose profile ranks them, by its id.
    pub calibration_corpus: Option<String>,
    /// Whether experts are ranked within their layer.
    pub per_layer_normalized: Option<bool>,
    /// Share of experts removed, in percent.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub prune_pct: Option<f64>,
    /// Weight tensors dropped, three an expert.
    pub experts_dropped: Option<u64>,
    /// Weight tensors renamed, three an expert.
    pub experts_renamed: Option<u64>,
    /// Layers whose router was cut.
    pub router_sliced_layers: Option<u64>,
    /// What did it.
    pub implementation: Option<String>,
    /// Why.
    pub rationale: Option<String>,
    /// Seed of a ranking by chance.
    pub seed: Option<u64>,
    /// Largest output shard, in bytes.
    #[schemars(range(min = 1))]
    pub shard_bytes: Option<u64>,
}

/// How experts are ranked, as older writers spell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SelectionStrategy {
    /// By use.
    Activation,
    /// By gradients.
    Gradient,
    /// By chance.
    Random,
}

/// Where a family keeps its experts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ExpertTensorLayout {
    /// As the family has it.
    #[default]
    #[serde(rename = "auto")]
    Auto,
    /// One tensor an expert below `mlp.experts`.
    #[serde(rename = "mlp-experts-unfused")]
    MlpExpertsUnfused,
    /// One tensor an expert below `block_sparse_moe`.
    #[serde(rename = "block_sparse_moe-unfused")]
    BlockSparseMoeUnfused,
    /// All experts in one tensor, as Granite has them.
    #[serde(rename = "granite-moe-fused")]
    GraniteMoeFused,
    /// Routed and shared experts, as DeepSeek has them.
    #[serde(rename = "deepseek-routed-shared")]
    DeepseekRoutedShared,
    /// The same, with a correction of the routing scores.
    #[serde(rename = "deepseek-routed-shared-corrected")]
    DeepseekRoutedSharedCorrected,
    /// The same, with the correction as ERNIE has it.
    #[serde(rename = "ernie-routed-shared-corrected")]
    ErnieRoutedSharedCorrected,
    /// One tensor an expert below `mlp.experts`, and a shared expert behind a gate.
    #[serde(rename = "mlp-experts-shared-expert")]
    MlpExpertsSharedExpert,
    /// All experts in one tensor per projection, as GPT-OSS has them, in 16 bits or in MXFP4.
    #[serde(rename = "gpt-oss-fused")]
    GptOssFused,
    /// All experts in one tensor per projection and a shared expert, as Llama 4 has them.
    #[serde(rename = "llama4-fused-shared")]
    Llama4FusedShared,
}

impl ExpertTensorLayout {
    /// The id of the layout, as it is written; none for the family's own.
    #[must_use]
    pub fn id(self) -> Option<&'static str> {
        match self {
            Self::Auto => None,
            Self::MlpExpertsUnfused => Some("mlp-experts-unfused"),
            Self::BlockSparseMoeUnfused => Some("block_sparse_moe-unfused"),
            Self::GraniteMoeFused => Some("granite-moe-fused"),
            Self::DeepseekRoutedShared => Some("deepseek-routed-shared"),
            Self::DeepseekRoutedSharedCorrected => Some("deepseek-routed-shared-corrected"),
            Self::ErnieRoutedSharedCorrected => Some("ernie-routed-shared-corrected"),
            Self::MlpExpertsSharedExpert => Some("mlp-experts-shared-expert"),
            Self::GptOssFused => Some("gpt-oss-fused"),
            Self::Llama4FusedShared => Some("llama4-fused-shared"),
        }
    }
}

/// `eval` in documents.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Eval {
    /// What is measured.
    pub benchmarks: Vec<BenchmarkDef>,
    /// Score, 0 to 100, that must be reached.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub passing_threshold: Option<f64>,
    /// Whether the unmodified base is measured too.
    #[serde(default = "yes")]
    pub compare_to_base: bool,
    /// How the pipeline was held against a known score.
    pub calibration_anchor: Option<CalibrationAnchor>,
    /// Other ways to choose as many experts, measured beside the forged model.
    pub controls: Option<Vec<Map<String, Value>>>,
    /// Tokens after which an example is cut.
    #[schemars(range(min = 2))]
    pub max_length: Option<u64>,
    /// Examples after which a corpus is left.
    #[schemars(range(min = 1))]
    pub max_examples: Option<u64>,
}

/// `package` in documents.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Package {
    /// Format of the package.
    pub format: String,
    /// What loads it.
    pub runtime: Option<String>,
    /// What it is made for.
    #[serde(default = "balanced")]
    pub optimization: String,
    /// What it is tried on.
    #[serde(default)]
    pub validate_on: Vec<String>,
    /// Whether tokenizer files go along.
    #[serde(default = "yes")]
    pub include_tokenizer: bool,
}
