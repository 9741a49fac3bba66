//! Stages that prepare the source.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::defaults::yes;

/// `source-config`: how the source is read.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SourceConfig {
    /// Context, in tokens.
    pub context_length: Option<u64>,
    /// Kinds of input.
    #[serde(default)]
    pub input_modalities: Vec<InputModality>,
    /// Tokenizer, when not the source's own.
    pub tokenizer: Option<String>,
    /// Batch the target runs with.
    pub target_batch_size: Option<u64>,
    /// What it should run on.
    #[serde(default)]
    pub target_devices: Vec<String>,
}

/// A kind of input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum InputModality {
    /// Text.
    Text,
    /// Images.
    Vision,
    /// Sound.
    Audio,
}

/// `context-extend`: a longer context.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ContextExtend {
    /// Context after it, in tokens.
    #[schemars(range(min = 1024))]
    pub target_length: u64,
    /// How positions are stretched.
    pub method: ExtendMethod,
    /// Dataset of the training that goes with it.
    pub training_dataset: Option<String>,
    /// Steps of that training.
    pub training_steps: Option<u64>,
}

/// How positions are stretched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ExtendMethod {
    /// YaRN.
    Yarn,
    /// NTK-aware scaling.
    Ntk,
    /// Linear interpolation.
    Linear,
    /// NTK-aware scaling by the length at hand.
    DynamicNtk,
}

/// `modality`: another kind of input.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Modality {
    /// Which kind.
    pub modality: AddedModality,
    /// The encoder that reads it.
    pub encoder_model: String,
    /// What maps the encoder's output into the model.
    #[serde(default)]
    pub projection_arch: ProjectionArch,
    /// Whether the model's own weights stay.
    #[serde(default = "yes")]
    pub freeze_base: bool,
    /// Whether the encoder's weights stay.
    #[serde(default = "yes")]
    pub freeze_encoder: bool,
    /// Dataset the projection is trained on.
    pub training_dataset: Option<String>,
    /// Steps of that training.
    pub training_steps: Option<u64>,
    /// Width of the projection.
    pub projection_dim: Option<u64>,
}

/// A kind of input that can be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AddedModality {
    /// Images.
    Vision,
    /// Sound.
    Audio,
    /// Both.
    Multimodal,
}

/// What maps an encoder's output into the model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProjectionArch {
    /// A small network.
    #[default]
    Mlp,
    /// Cross-attention layers.
    CrossAttention,
    /// One matrix.
    Linear,
}
