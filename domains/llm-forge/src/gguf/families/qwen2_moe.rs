//! Qwen2 MoE: a shared expert behind a gate of its own.
//!
//! # Source
//! `conversion/qwen.py`, `src/models/qwen2moe.cpp` of llama.cpp.

use serde_json::json;

use super::{GgufFamily, Hparams, Keys, Rule, experts_everywhere, parts};
use crate::gguf::error::GgufError;

const RULES: &[&[Rule]] = &[
    parts::MODEL,
    parts::NORMS,
    parts::QUERY_KEY,
    parts::VALUE_OUTPUT,
    parts::BIASES,
    parts::EXPERTS,
    parts::GATED_SHARED_EXPERT,
];

pub(super) static FAMILY: GgufFamily = GgufFamily { architecture: "qwen2moe", rules: RULES, keys, ..GgufFamily::PLAIN };

fn keys(hparams: &Hparams, keys: &mut Keys) -> Result<(), GgufError> {
    keys.set_if("expert_feed_forward_length", hparams.count_if("moe_intermediate_size")?);
    keys.set_if("expert_shared_feed_forward_length", hparams.count_if("shared_expert_intermediate_size")?);
    hparams.must("qwen2moe", "norm_topk_prob", &json!(false), "routing weights that are not renormalised")?;
    hparams.must("qwen2moe", "use_sliding_window", &json!(false), "attention over the whole context")?;
    experts_everywhere("qwen2moe", hparams)
}
