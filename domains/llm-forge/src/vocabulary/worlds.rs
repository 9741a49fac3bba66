//! Stages of ensembles: several models that answer together.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::defaults::{learning_rate, share, whole};
use super::shared::DECIMAL;

/// `team-search`: which models solve the most together.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TeamSearch {
    /// The models to choose from.
    pub search_pool: String,
    /// The benchmark they are measured on.
    pub benchmark: String,
    /// Problems of it that are used.
    #[serde(default = "whole::<50>")]
    pub num_problems: u64,
    /// Teams measured.
    pub candidates_evaluated: Option<u64>,
    /// The team chosen.
    pub selected_team: Option<Vec<String>>,
    /// How differently its members fail.
    pub divergence_score: Option<f64>,
    /// Problems that only some of them solve.
    pub complementary_problems: Option<u64>,
}

/// `many-worlds-ensemble`: a frozen target that specialists help at run time.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Ensemble {
    /// How they help.
    #[serde(default)]
    pub method: EnsembleMethod,
    /// The model that is helped.
    pub target_model: String,
    /// The models that help.
    pub specialists: Vec<String>,
    /// How much they count.
    #[serde(default = "share::<2, 10>")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub alpha: f64,
    /// Tokens of a specialist that count.
    #[serde(default = "whole::<20>")]
    #[schemars(range(min = 1))]
    pub top_k: u64,
    /// How distributions are joined.
    #[serde(default)]
    pub blend_strategy: BlendStrategy,
    /// Memory all of them take, in GB.
    pub vram_gb: Option<f64>,
}

/// How specialists help.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EnsembleMethod {
    /// By their logits.
    #[default]
    LogitBlend,
    /// By vectors put before the prompt.
    SoftPrompt,
    /// By attention to their states.
    CrossAttention,
}

/// How distributions are joined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BlendStrategy {
    /// A specialist's likeliest tokens are raised.
    #[default]
    SpecialistTopKBoost,
    /// The same, only for the specialist a router chose; written by ensemble writers.
    RoutedSpecialistTopKBoost,
    /// Whole distributions are joined.
    FullDistribution,
    /// Distributions are averaged by weight.
    WeightedAverage,
}

/// `gate-profile`: what each specialist contributes.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GateProfile {
    /// The benchmark it is measured on.
    pub benchmark: String,
    /// Problems of it that are used.
    #[serde(default = "whole::<100>")]
    pub num_problems: u64,
    /// Contribution of each specialist.
    pub per_specialist_contribution: Option<BTreeMap<String, Option<f64>>>,
    /// Where the profile is written.
    pub export_path: Option<String>,
}

/// `population-prune`: specialists that contribute too little are dropped.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PopulationPrune {
    /// Contribution below which a specialist is dropped.
    #[serde(default = "share::<5, 100>")]
    pub min_contribution: f64,
    /// Those dropped.
    pub removed_models: Option<Vec<String>>,
    /// Memory saved, in GB.
    pub vram_saved_gb: Option<f64>,
}

/// `many-worlds-substrate`: the space that several models share.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Substrate {
    /// Its dimensions.
    #[serde(default = "whole::<256>")]
    #[schemars(range(min = 64, max = 2048))]
    pub substrate_dim: u64,
    /// Gaussians it is described by.
    #[serde(default = "whole::<128>")]
    #[schemars(range(min = 16, max = 1024))]
    pub num_gaussians: u64,
    /// The models that share it.
    pub source_models: Vec<String>,
    /// The corpus it is trained on, by its id.
    pub calibration_corpus: String,
    /// Steps of training.
    #[serde(default = "whole::<1000>")]
    #[schemars(range(min = 100, max = 50000))]
    pub training_steps: u64,
    /// Learning rate, decimal text.
    #[serde(default = "learning_rate")]
    #[schemars(regex(pattern = DECIMAL))]
    pub learning_rate: String,
    /// What training compares.
    #[serde(default)]
    pub loss_type: SubstrateLoss,
}

/// What a substrate's training compares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SubstrateLoss {
    /// States of equal text with states of other text.
    Contrastive,
    /// States with what comes back from the substrate.
    RoundTrip,
    /// Both.
    #[default]
    Both,
}

/// `many-worlds-adapter`: a model's way into the shared space.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Adapter {
    /// The model.
    pub target_model: String,
    /// Where the substrate is.
    pub substrate_path: String,
    /// Rank.
    #[serde(default = "whole::<64>")]
    #[schemars(range(min = 8, max = 512))]
    pub adapter_rank: u64,
    /// The layer it is put at.
    pub insert_layer: Option<u64>,
    /// Steps of training.
    #[serde(default = "whole::<500>")]
    #[schemars(range(min = 100, max = 10000))]
    pub training_steps: u64,
    /// Learning rate, decimal text.
    #[serde(default = "learning_rate")]
    #[schemars(regex(pattern = DECIMAL))]
    pub learning_rate: String,
}
