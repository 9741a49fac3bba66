//! ERNIE 4.5 MoE.
//!
//! # Source
//! `conversion/ernie.py`, `src/models/ernie4-5-moe.cpp` of llama.cpp.

use serde_json::json;

use super::{GgufFamily, Hparams, Keys, Rule, Vocabulary, forms, parts};
use crate::gguf::error::GgufError;

/// What only it has.
const OWN: &[Rule] = &[Rule {
    from: "model.layers.{L}.mlp.moe_statics.e_score_correction_bias",
    to: &[("blk.{L}.exp_probs_b.bias", forms::same)],
}];

const RULES: &[&[Rule]] = &[
    parts::MODEL,
    parts::NORMS,
    parts::QUERY_KEY,
    parts::VALUE_OUTPUT,
    parts::DENSE,
    parts::EXPERTS,
    parts::SHARED_EXPERTS,
    OWN,
];

pub(super) static FAMILY: GgufFamily =
    GgufFamily { architecture: "ernie4_5-moe", rules: RULES, keys, vocabulary: Vocabulary::SentencePiece, ..GgufFamily::PLAIN };

/// The least sum of routing weights that llama.cpp divides by: what a half can still hold.
const SUM_MIN: f32 = 6.103_515_6e-5;

fn keys(hparams: &Hparams, keys: &mut Keys) -> Result<(), GgufError> {
    hparams.must("ernie4_5-moe", "use_bias", &json!(false), "projections without a bias")?;
    // llama.cpp keeps the sum from becoming zero and no more.
    if hparams.number_or("moe_norm_min", 0.0)? > SUM_MIN {
        return Err(GgufError::Unsupported {
            architecture: "ernie4_5-moe",
            field: "moe_norm_min".into(),
            got: hparams.get("moe_norm_min").map_or("nothing".to_owned(), |value| format!("`{value}`")),
            computes: "routing weights divided by their sum, unless it is next to nothing",
        });
    }
    keys.set("expert_count", hparams.count("moe_num_experts")?);
    keys.set("expert_used_count", hparams.count("moe_k")?);
    keys.set("interleave_moe_layer_step", hparams.count_or("moe_layer_interval", 1)?);
    keys.set("leading_dense_block_count", hparams.count_or("moe_layer_start_index", 0)?);
    let width = hparams.count("moe_intermediate_size")?;
    keys.set("expert_feed_forward_length", width);
    let shared = hparams.count_or("moe_num_shared_experts", 0)?;
    keys.set("expert_shared_count", shared);
    if shared > 0 {
        keys.set("expert_shared_feed_forward_length", width * shared);
    }
    Ok(())
}
