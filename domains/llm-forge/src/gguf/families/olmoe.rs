//! OLMoE.
//!
//! # Source
//! `conversion/olmo.py`, `src/models/olmoe.cpp` of llama.cpp.

use serde_json::json;

use super::{GgufFamily, Hparams, Keys, Rule, forms};
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
    Rule { from: "model.layers.{L}.self_attn.q_norm.weight", to: &[("blk.{L}.attn_q_norm.weight", forms::same)] },
    Rule { from: "model.layers.{L}.self_attn.k_norm.weight", to: &[("blk.{L}.attn_k_norm.weight", forms::same)] },
    Rule { from: "model.layers.{L}.mlp.gate.weight", to: &[("blk.{L}.ffn_gate_inp.weight", forms::same)] },
    Rule { from: "model.layers.{L}.mlp.experts.{E}.gate_proj.weight", to: &[("blk.{L}.ffn_gate_exps.weight", forms::same)] },
    Rule { from: "model.layers.{L}.mlp.experts.{E}.up_proj.weight", to: &[("blk.{L}.ffn_up_exps.weight", forms::same)] },
    Rule { from: "model.layers.{L}.mlp.experts.{E}.down_proj.weight", to: &[("blk.{L}.ffn_down_exps.weight", forms::same)] },
];

pub(super) static FAMILY: GgufFamily = GgufFamily { architecture: "olmoe", rules: RULES, keys, ..GgufFamily::PLAIN };

fn keys(hparams: &Hparams, _: &mut Keys) -> Result<(), GgufError> {
    let heads = hparams.count("num_attention_heads")?;
    hparams.must("olmoe", "num_key_value_heads", &json!(heads), "as many key and value heads as query heads")?;
    hparams.must("olmoe", "norm_topk_prob", &json!(false), "routing weights that are not renormalised")?;
    // Absent and `null` are the same here: anything else is a clamp.
    hparams.must("olmoe", "clip_qkv", &json!(null), "query, key and value without a clamp")
}
