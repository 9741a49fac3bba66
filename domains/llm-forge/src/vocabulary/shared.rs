//! Parts several stages hold.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Decimal text, as in `"2e-4"`: learning rates keep the spelling their author chose.
pub(super) const DECIMAL: &str = r"^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$";

/// How the learning rate goes during training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scheduler {
    /// Down along a cosine.
    #[default]
    Cosine,
    /// Down along a line.
    Linear,
    /// Not at all.
    Constant,
    /// Up at first, then not at all.
    ConstantWithWarmup,
    /// Down along a polynomial.
    Polynomial,
}

/// The numbers training computes in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// bfloat16.
    #[default]
    Bf16,
    /// IEEE half.
    Fp16,
    /// IEEE single.
    Fp32,
}
