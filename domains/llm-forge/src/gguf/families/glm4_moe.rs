//! GLM-4 MoE. Layers that predict further tokens are left out: the file generates without them.
//!
//! # Source
//! `conversion/glm.py`, `src/models/glm4-moe.cpp` of llama.cpp.

use super::{GgufFamily, Hparams, Keys, Rule, Vocabulary, forms};
use crate::gguf::error::GgufError;
use crate::gguf::hparams::gating;

const RULES: &[Rule] = &[
    Rule { from: "model.embed_tokens.weight", to: &[("token_embd.weight", forms::same)] },
    Rule { from: "model.norm.weight", to: &[("output_norm.weight", forms::same)] },
    Rule { from: "lm_head.weight", to: &[("output.weight", forms::same)] },
    Rule { from: "model.layers.{L}.input_layernorm.weight", to: &[("blk.{L}.attn_norm.weight", forms::same)] },
    Rule { from: "model.layers.{L}.post_attention_layernorm.weight", to: &[("blk.{L}.post_attention_norm.weight", forms::same)] },
    Rule { from: "model.layers.{L}.self_attn.q_proj.weight", to: &[("blk.{L}.attn_q.weight", forms::same)] },
    Rule { from: "model.layers.{L}.self_attn.k_proj.weight", to: &[("blk.{L}.attn_k.weight", forms::same)] },
    Rule { from: "model.layers.{L}.self_attn.v_proj.weight", to: &[("blk.{L}.attn_v.weight", forms::same)] },
    Rule { from: "model.layers.{L}.self_attn.o_proj.weight", to: &[("blk.{L}.attn_output.weight", forms::same)] },
    Rule { from: "model.layers.{L}.self_attn.q_proj.bias", to: &[("blk.{L}.attn_q.bias", forms::same)] },
    Rule { from: "model.layers.{L}.self_attn.k_proj.bias", to: &[("blk.{L}.attn_k.bias", forms::same)] },
    Rule { from: "model.layers.{L}.self_attn.v_proj.bias", to: &[("blk.{L}.attn_v.bias", forms::same)] },
    Rule { from: "model.layers.{L}.self_attn.q_norm.weight", to: &[("blk.{L}.attn_q_norm.weight", forms::same)] },
    Rule { from: "model.layers.{L}.self_attn.k_norm.weight", to: &[("blk.{L}.attn_k_norm.weight", forms::same)] },
    Rule { from: "model.layers.{L}.mlp.gate.weight", to: &[("blk.{L}.ffn_gate_inp.weight", forms::same)] },
    Rule { from: "model.layers.{L}.mlp.gate.e_score_correction_bias", to: &[("blk.{L}.exp_probs_b.bias", forms::same)] },
    Rule { from: "model.layers.{L}.mlp.experts.{E}.gate_proj.weight", to: &[("blk.{L}.ffn_gate_exps.weight", forms::same)] },
    Rule { from: "model.layers.{L}.mlp.experts.{E}.up_proj.weight", to: &[("blk.{L}.ffn_up_exps.weight", forms::same)] },
    Rule { from: "model.layers.{L}.mlp.experts.{E}.down_proj.weight", to: &[("blk.{L}.ffn_down_exps.weight", forms::same)] },
    Rule { from: "model.layers.{L}.mlp.shared_experts.gate_proj.weight", to: &[("blk.{L}.ffn_gate_shexp.weight", forms::same)] },
    Rule { from: "model.layers.{L}.mlp.shared_experts.up_proj.weight", to: &[("blk.{L}.ffn_up_shexp.weight", forms::same)] },
    Rule { from: "model.layers.{L}.mlp.shared_experts.down_proj.weight", to: &[("blk.{L}.ffn_down_shexp.weight", forms::same)] },
    Rule { from: "model.layers.{L}.mlp.gate_proj.weight", to: &[("blk.{L}.ffn_gate.weight", forms::same)] },
    Rule { from: "model.layers.{L}.mlp.up_proj.weight", to: &[("blk.{L}.ffn_up.weight", forms::same)] },
    Rule { from: "model.layers.{L}.mlp.down_proj.weight", to: &[("blk.{L}.ffn_down.weight", forms::same)] },
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
