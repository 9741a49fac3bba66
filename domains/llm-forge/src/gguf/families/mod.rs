//! The families that can be written as GGUF, one file each.
//!
//! # Source
//! `conversion/` and `gguf-py/gguf/tensor_mapping.py` of llama.cpp.

mod deepseek;
mod ernie;
mod glm4_moe;
mod gpt_oss;
mod granitemoe;
mod mixtral;
mod olmoe;
mod qwen2_moe;
mod qwen3_moe;
mod qwen3_next;

use super::hparams::{Hparams, Keys};
use super::rules::{GgufFamily, Rule, Vocabulary, forms};

/// By `model_type`.
static FAMILIES: [(&str, &GgufFamily); 11] = [
    ("deepseek_v2", &deepseek::V2),
    ("deepseek_v3", &deepseek::V3),
    ("ernie4_5_moe", &ernie::FAMILY),
    ("glm4_moe", &glm4_moe::FAMILY),
    ("gpt_oss", &gpt_oss::FAMILY),
    ("granitemoe", &granitemoe::FAMILY),
    ("mixtral", &mixtral::FAMILY),
    ("olmoe", &olmoe::FAMILY),
    ("qwen2_moe", &qwen2_moe::FAMILY),
    ("qwen3_moe", &qwen3_moe::FAMILY),
    ("qwen3_next", &qwen3_next::FAMILY),
];

/// How a family is written; `None` where it is not.
#[must_use]
pub fn gguf_family(architecture: &str) -> Option<&'static GgufFamily> {
    FAMILIES.iter().find(|(name, _)| *name == architecture).map(|(_, family)| *family)
}

/// The architectures that can be written.
pub(crate) fn writable() -> Vec<&'static str> {
    FAMILIES.iter().map(|(name, _)| *name).collect()
}
