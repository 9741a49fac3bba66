//! The families that can be written as GGUF, one file each.
//!
//! # Source
//! `conversion/` and `gguf-py/gguf/tensor_mapping.py` of llama.cpp.

mod deepseek;
mod ernie;
mod glm4_moe;
mod gpt_oss;
mod granitemoe;
mod llama4;
mod mixtral;
mod olmoe;
mod parts;
mod phimoe;
mod qwen2_moe;
mod qwen3_moe;
mod qwen3_next;

use serde_json::{Value, json};

use super::error::GgufError;
use super::factors::Factors;
use super::hparams::{Hparams, Keys};
use super::rules::{GgufFamily, Rule, Vocabulary, Within, forms};

/// By `model_type`.
static FAMILIES: [(&str, &GgufFamily); 13] = [
    ("deepseek_v2", &deepseek::V2),
    ("deepseek_v3", &deepseek::V3),
    ("ernie4_5_moe", &ernie::FAMILY),
    ("glm4_moe", &glm4_moe::FAMILY),
    ("gpt_oss", &gpt_oss::FAMILY),
    ("granitemoe", &granitemoe::FAMILY),
    ("llama4_text", &llama4::FAMILY),
    ("mixtral", &mixtral::FAMILY),
    ("olmoe", &olmoe::FAMILY),
    ("phimoe", &phimoe::FAMILY),
    ("qwen2_moe", &qwen2_moe::FAMILY),
    ("qwen3_moe", &qwen3_moe::FAMILY),
    ("qwen3_next", &qwen3_next::FAMILY),
];

/// How a family is written; `None` where it is not.
#[must_use]
pub fn gguf_family(architecture: &str) -> Option<&'static GgufFamily> {
    FAMILIES.iter().find(|(name, _)| *name == architecture).map(|(_, family)| *family)
}

/// The architecture that a config is of: its `model_type`, or that of its text model where only that one is known.
#[must_use]
pub fn architecture_of(config: &Value) -> &str {
    let whole = config.get("model_type").and_then(Value::as_str);
    let text = config.get("text_config").and_then(|text| text.get("model_type")).and_then(Value::as_str);
    let known = |name: &&str| gguf_family(name).is_some();
    whole.filter(known).or(text.filter(known)).or(whole).unwrap_or_default()
}

/// The architectures that can be written.
pub(crate) fn writable() -> Vec<&'static str> {
    FAMILIES.iter().map(|(name, _)| *name).collect()
}

/// Refuses a sliding window that would be felt: llama.cpp has none for these.
fn whole_context(architecture: &'static str, hparams: &Hparams) -> Result<(), GgufError> {
    let positions = hparams.count("max_position_embeddings")?;
    match hparams.count_if("sliding_window")? {
        Some(window) if window < positions => Err(GgufError::Unsupported {
            architecture,
            field: "sliding_window".into(),
            got: format!("`{window}`"),
            computes: "attention over the whole context",
        }),
        _ => Ok(()),
    }
}

/// Refuses layers without experts among those with: llama.cpp has none for these.
fn experts_everywhere(architecture: &'static str, hparams: &Hparams) -> Result<(), GgufError> {
    let computes = "experts in every layer";
    hparams.must(architecture, "mlp_only_layers", &json!([]), computes)?;
    hparams.must(architecture, "decoder_sparse_step", &json!(1), computes)
}
