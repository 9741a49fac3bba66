//! GLM-4 MoE. Layers that predict further tokens are left out: the file generates without them.
//!
//! # Source
//! `conversion/glm.py`, `src/models/glm4-moe.cpp` of llama.cpp.

use super::{GgufFamily, Hparams, Keys, Rule, Vocabulary, forms, parts};
use crate::gguf::error::GgufError;
use crate::gguf::hparams::gating;

/// What only it has.
const OWN: &[Rule] = &[
    Rule { from: "model.layers.{L}.input_layernorm.weight", to: &[("blk.{L}.attn_norm.weight", forms::same)] },
    Rule { from: "model.layers.{L}.post_attention_layernorm.weight", to: &[("blk.{L}.post_attention_norm.weight", forms::same)] },
    Rule { from: "model.layers.{L}.mlp.gate.e_score_correction_bias", to: &[("blk.{L}.exp_probs_b.bias", forms::same)] },
];

const RULES: &[&[Rule]] = &[
    parts::MODEL,
    parts::QUERY_KEY,
    parts::VALUE_OUTPUT,
    parts::BIASES,
    parts::QUERY_KEY_NORMS,
    parts::DENSE,
    parts::EXPERTS,
    parts::SHARED_EXPERTS,
    OWN,
];

pub(super) static FAMILY: GgufFamily = GgufFamily {
    architecture: "glm4moe",
    rules: RULES,
    keys,
    vocabulary: Vocabulary::Glm,
    leaves_further_layers: true,
    ..GgufFamily::PLAIN
};

fn keys(hparams: &Hparams, keys: &mut Keys) -> Result<(), GgufError> {
    let share = hparams.rope_number("partial_rotary_factor")?.unwrap_or(0.5);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a head's width")]
    keys.set("rope.dimension_count", (f64::from(hparams.head_dim()?) * f64::from(share)).max(0.0) as u32);
    keys.set_if("expert_feed_forward_length", hparams.count_if("moe_intermediate_size")?);
    keys.set_if("expert_shared_count", hparams.count_if("n_shared_experts")?);
    keys.set_if("leading_dense_block_count", hparams.count_if("first_k_dense_replace")?);
    keys.set("expert_gating_func", gating::SIGMOID);
    keys.set("expert_weights_scale", hparams.number_or("routed_scaling_factor", 1.0)?);
    keys.set("expert_weights_norm", hparams.flag("norm_topk_prob", true)?);
    Ok(())
}
