//! OLMoE.
//!
//! # Source
//! `conversion/olmo.py`, `src/models/olmoe.cpp` of llama.cpp.

use serde_json::json;

use super::{GgufFamily, Hparams, Keys, Rule, parts};
use crate::gguf::error::GgufError;

const RULES: &[&[Rule]] =
    &[parts::MODEL, parts::NORMS, parts::QUERY_KEY, parts::VALUE_OUTPUT, parts::QUERY_KEY_NORMS, parts::EXPERTS];

pub(super) static FAMILY: GgufFamily = GgufFamily { architecture: "olmoe", rules: RULES, keys, ..GgufFamily::PLAIN };

fn keys(hparams: &Hparams, _: &mut Keys) -> Result<(), GgufError> {
    let heads = hparams.count("num_attention_heads")?;
    hparams.must("olmoe", "num_key_value_heads", &json!(heads), "as many key and value heads as query heads")?;
    hparams.must("olmoe", "norm_topk_prob", &json!(false), "routing weights that are not renormalised")?;
    // Absent and `null` are the same here: anything else is a clamp.
    hparams.must("olmoe", "clip_qkv", &json!(null), "query, key and value without a clamp")
}
