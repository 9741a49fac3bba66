//! Qwen3 MoE.
//!
//! # Source
//! `conversion/qwen.py`, `src/models/qwen3moe.cpp` of llama.cpp.

use serde_json::json;

use super::{GgufFamily, Hparams, Keys, Rule, experts_everywhere, parts};
use crate::gguf::error::GgufError;

const RULES: &[&[Rule]] =
    &[parts::MODEL, parts::NORMS, parts::QUERY_KEY, parts::VALUE_OUTPUT, parts::QUERY_KEY_NORMS, parts::EXPERTS];

pub(super) static FAMILY: GgufFamily = GgufFamily { architecture: "qwen3moe", rules: RULES, keys, ..GgufFamily::PLAIN };

fn keys(hparams: &Hparams, keys: &mut Keys) -> Result<(), GgufError> {
    keys.set_if("expert_feed_forward_length", hparams.count_if("moe_intermediate_size")?);
    if !hparams.flag("norm_topk_prob", false)? {
        return Err(GgufError::Unsupported {
            architecture: "qwen3moe",
            field: "norm_topk_prob".into(),
            got: "`false`".into(),
            computes: "routing weights that are renormalised",
        });
    }
    hparams.must("qwen3moe", "use_sliding_window", &json!(false), "attention over the whole context")?;
    experts_everywhere("qwen3moe", hparams)
}
