//! ERNIE 4.5 MoE.
//!
//! # Source
//! `conversion/ernie.py`, `src/models/ernie4-5-moe.cpp` of llama.cpp.

use serde_json::json;

use super::{GgufFamily, Hparams, Keys, Rule, Vocabulary, forms};
use crate::gguf::error::GgufError;

const RULES: &[Rule] = &[
    Rule { from: "model.embed_tokens.weight", to: &[("token_embd.weight", forms::same)] },
    Rule { from: "model.norm.weight", to: &[("output_norm.weight", forms::same)] },
    Rule { from: "lm_head.weight", to: &[("output.weight", forms::same)] },
    Rule { from: "model.layers.{L}.input_layernorm.weight", to: &[("blk.{L}.attn_norm.weight", forms::same)] },
    Rule { from: "model.layers.{L}.post_attention_layernorm.weight", to: &[("blk.{L}.ffn_norm.weight", forms::same)] },
    Rule { from: "model.layers.{L}.self_attn.q_proj.weight", to: &[("blk.{L}.attn_q.weight", forms::same)] },
    Rule { from: "model.layers.{L}.self_attn.k_proj.weight", to: &[("blk.{L}.attn_k.weight", forms::same)] },
    Rule { from: "model.layers.{L}.self_attn.v_proj.weight", to: &[("blk.{L}.attn_v.weight", forms::same)] },
    Rule { from: "model.layers.{L}.self_attn.o_proj.weight", to: &[("blk.{L}.attn_output.weight", forms::same)] },
    Rule { from: "model.layers.{L}.mlp.gate.weight", to: &[("blk.{L}.ffn_gate_inp.weight", forms::same)] },
    Rule { from: "model.layers.{L}.mlp.moe_statics.e_score_correction_bias", to: &[("blk.{L}.exp_probs_b.bias", forms::same)] },
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

pub(super) static FAMILY: GgufFamily =
    GgufFamily { architecture: "ernie4_5-moe", rules: RULES, keys, vocabulary: Vocabulary::SentencePiece, ..GgufFamily::PLAIN };

fn keys(hparams: &Hparams, keys: &mut Keys) -> Result<(), GgufError> {
    hparams.must("ernie4_5-moe", "use_bias", &json!(false), "projections without a bias")?;
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
