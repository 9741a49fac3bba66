//! Stages that change the model.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::defaults::{attention_projections, learning_rate, share, whole, yes};
use super::shared::{DECIMAL, Precision, Scheduler};

/// `prune`: fewer attention heads.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Prune {
    /// How heads are ranked.
    pub strategy: HeadStrategy,
    /// Fraction of heads removed.
    #[schemars(range(min = 0.0, max = 0.9))]
    pub level: f64,
    /// Heads a layer keeps at least.
    #[serde(default = "whole::<4>")]
    pub min_heads_per_layer: u64,
    /// Key and value heads a layer keeps at least.
    #[serde(default = "whole::<2>")]
    pub min_kv_heads_per_layer: u64,
    /// Steps the ranking is measured over.
    #[serde(default = "whole::<200>")]
    pub analysis_steps: u64,
    /// Whether heads are ranked within their layer.
    pub per_layer_normalized: Option<bool>,
    /// What fills the gaps, as in `pad`.
    pub defrag_mode: Option<String>,
}

/// How heads are ranked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HeadStrategy {
    /// By the entropy of their attention.
    Entropy,
    /// By their weights.
    Magnitude,
    /// By their gradients.
    Gradient,
    /// By chance.
    Random,
    /// By their output.
    ActivationMagnitude,
    /// By how often they are used on a corpus.
    CalibrationAwareActivationCount,
    /// By the router, within each layer.
    PerLayerNormalizedRouterImportance,
}

/// `train`: training on a dataset. What is absent is the model family's default at run time.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Train {
    /// What it should become good at.
    pub domain: Option<String>,
    /// What it is trained on.
    pub dataset: Option<String>,
    /// Steps.
    #[schemars(range(min = 1))]
    pub steps: Option<u64>,
    /// Learning rate, decimal text.
    #[schemars(regex(pattern = DECIMAL))]
    pub learning_rate: Option<String>,
    /// Examples a step.
    #[serde(default = "whole::<4>")]
    #[schemars(range(min = 1, max = 64))]
    pub batch_size: u64,
    /// Steps gathered before weights change.
    #[serde(default = "whole::<1>")]
    #[schemars(range(min = 1, max = 16))]
    pub gradient_accumulation: u64,
    /// How the learning rate goes.
    #[serde(default)]
    pub scheduler: Scheduler,
    /// Share of the steps in which it rises.
    #[serde(default = "share::<3, 100>")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub warmup_ratio: f64,
    /// Weight decay.
    #[serde(default = "share::<1, 100>")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub weight_decay: f64,
    /// Norm that gradients are cut to.
    #[serde(default = "share::<1, 1>")]
    #[schemars(range(min = 0.0, max = 10.0))]
    pub max_gradient_norm: f64,
    /// The numbers it computes in.
    #[serde(default)]
    pub precision: Precision,
    /// Tokens an example may have.
    #[serde(default = "whole::<2048>")]
    #[schemars(range(min = 128, max = 131072))]
    pub sequence_length: u64,
    /// What makes it faster or smaller.
    #[serde(default)]
    pub optimizations: Vec<Optimization>,
}

/// What makes training faster or smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Optimization {
    /// Attention without its full matrix.
    FlashAttention,
    /// Activations computed again instead of kept.
    GradientCheckpointing,
    /// Optimiser state in 8 bits.
    #[serde(rename = "optimizer_8bit")]
    Optimizer8bit,
    /// Optimiser state paged out.
    PagedOptimizer,
    /// Kernels joined.
    FusedKernels,
    /// Short examples packed together.
    SequencePacking,
    /// Batches padded to their longest example.
    DynamicPadding,
    /// Activations kept in main memory.
    ActivationOffloading,
}

/// `lora`: a low-rank adapter. Published documents also hold the members of a compensation under this type.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Lora {
    /// Rank.
    #[serde(default = "whole::<32>")]
    #[schemars(range(min = 1, max = 256))]
    pub rank: u64,
    /// Scale.
    #[schemars(range(min = 1, max = 512))]
    pub alpha: Option<u64>,
    /// Share of inputs dropped in training.
    #[serde(default = "share::<5, 100>")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub dropout: f64,
    /// Matrices it is put on.
    #[serde(default = "attention_projections")]
    pub target_modules: Vec<String>,
    /// Whether the base is quantised while training.
    #[serde(default = "yes")]
    pub quantize: bool,
    /// To how many bits.
    #[serde(default = "whole::<4>")]
    #[schemars(extend("enum" = [4, 8]))]
    pub quantize_bits: u64,
    /// What it is trained on.
    pub dataset: Option<String>,
    /// Times over the dataset.
    #[serde(default = "whole::<3>")]
    #[schemars(range(min = 1, max = 20))]
    pub epochs: u64,
    /// Learning rate, decimal text.
    #[serde(default = "learning_rate")]
    #[schemars(regex(pattern = DECIMAL))]
    pub learning_rate: String,
    /// Examples a step.
    #[serde(default = "whole::<4>")]
    #[schemars(range(min = 1, max = 64))]
    pub batch_size: u64,
    /// Whether it is merged into the weights.
    #[serde(default)]
    pub merge_after: bool,
    /// Its name, as in `compensation-lora`.
    pub name: Option<String>,
    /// What it should become good at.
    pub domain: Option<String>,
    /// Steps, in place of epochs.
    pub steps: Option<u64>,
    /// Steps gathered before weights change.
    pub gradient_accumulation: Option<u64>,
    /// How the learning rate goes.
    pub scheduler: Option<String>,
    /// The numbers it computes in.
    pub precision: Option<String>,
    /// Tokens an example may have.
    pub sequence_length: Option<u64>,
    /// What kind of text the pruning before it was calibrated on.
    pub calibration_source: Option<String>,
    /// What is compared with the teacher.
    pub loss_type: Option<String>,
    /// Temperature of the comparison.
    pub kd_temperature: Option<f64>,
    /// The model it learns from.
    pub teacher: Option<String>,
    /// The text it learns on.
    pub calibration_dataset: Option<String>,
    /// Rank, as compensations spell it.
    pub lora_rank: Option<u64>,
    /// Scale, as compensations spell it.
    pub lora_alpha: Option<u64>,
    /// Share of parameters trained, in percent.
    pub trainable_params_pct: Option<f64>,
    /// How the teacher was held.
    pub teacher_precision: Option<String>,
    /// How the student was held.
    pub student_precision: Option<String>,
    /// Whether the saved weights include it.
    pub merged_at_save: Option<bool>,
}

/// `compact`: heads removed or stored in fewer bits, by their use.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Compact {
    /// Below: removed.
    #[serde(default = "share::<1, 10>")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub dead_threshold: f64,
    /// Below: ternary.
    #[serde(default = "share::<2, 10>")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub dormant_threshold: f64,
    /// Below: 2 bits.
    #[serde(default = "share::<3, 10>")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub low_threshold: f64,
    /// Below: 4 bits.
    #[serde(default = "share::<5, 10>")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub medium_threshold: f64,
    /// Below: 8 bits; above: full.
    #[serde(default = "share::<7, 10>")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub high_threshold: f64,
    /// Size to reach, in GB.
    pub target_size_gb: Option<f64>,
    /// Whether anything is stored in fewer bits.
    #[serde(default = "yes")]
    pub enable_quantization: bool,
}

/// `recover`: recovery after surgery. The format names it and gives it no members, so any are taken as they are.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Recover(pub Map<String, Value>);

/// `compensation-lora`: an adapter that learns from the unpruned teacher what pruning lost.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CompensationLora {
    /// The model it learns from.
    pub teacher: String,
    /// The corpus it learns on, by its id.
    pub calibration_corpus: String,
    /// What is compared with the teacher.
    #[serde(default)]
    pub loss_type: DistillationLoss,
    /// Temperature of the comparison.
    #[serde(default = "share::<2, 1>")]
    #[schemars(range(min = 0.0))]
    pub kd_temperature: f64,
    /// Rank.
    #[serde(default = "whole::<16>")]
    #[schemars(range(min = 1))]
    pub lora_rank: u64,
    /// Scale.
    #[serde(default = "whole::<32>")]
    #[schemars(range(min = 1))]
    pub lora_alpha: u64,
    /// Matrices it is put on.
    #[serde(default)]
    pub target_modules: Vec<String>,
    /// Steps.
    #[serde(default = "whole::<500>")]
    #[schemars(range(min = 1))]
    pub steps: u64,
    /// Learning rate, decimal text.
    #[serde(default = "learning_rate")]
    #[schemars(regex(pattern = DECIMAL))]
    pub learning_rate: String,
    /// How the teacher is held.
    pub teacher_quant: Option<HeldAs>,
    /// How the student is held.
    pub student_quant: Option<HeldAs>,
    /// Whether the saved weights include it.
    #[serde(default = "yes")]
    pub merged_at_save: bool,
}

/// What distillation compares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DistillationLoss {
    /// The distributions over the next token.
    #[default]
    KlLogits,
    /// The hidden states.
    MseHidden,
    /// Both.
    Both,
}

/// How a model is held in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum HeldAs {
    /// 8 bits.
    #[serde(rename = "8bit")]
    Bits8,
    /// 4 bits.
    #[serde(rename = "4bit")]
    Bits4,
    /// Half precision.
    #[serde(rename = "fp16")]
    Fp16,
}
