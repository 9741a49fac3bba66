//! Qwen2 MoE: a shared expert behind a gate of its own.
//!
//! # Source
//! `conversion/qwen.py`, `src/models/qwen2moe.cpp` of llama.cpp.

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
    Rule { from: "model.layers.{L}.self_attn.q_proj.bias", to: &[("blk.{L}.attn_q.bias", forms::same)] },
    Rule { from: "model.layers.{L}.self_attn.k_proj.bias", to: &[("blk.{L}.attn_k.bias", forms::same)] },
    Rule { from: "model.layers.{L}.self_attn.v_proj.bias", to: &[("blk.{L}.attn_v.bias", forms::same)] },
    Rule { from: "model.layers.{L}.mlp.gate.weight", to: &[("blk.{L}.ffn_gate_inp.weight", forms::same)] },
    Rule { from: "model.layers.{L}.mlp.experts.{E}.gate_proj.weight", to: &[("blk.{L}.ffn_gate_exps.weight", forms::same)] },
    Rule { from: "model.layers.{L}.mlp.experts.{E}.up_proj.weight", to: &[("blk.{L}.ffn_up_exps.weight", forms::same)] },
    Rule { from: "model.layers.{L}.mlp.experts.{E}.down_proj.weight", to: &[("blk.{L}.ffn_down_exps.weight", forms::same)] },
    Rule { from: "model.layers.{L}.mlp.shared_expert.gate_proj.weight", to: &[("blk.{L}.ffn_gate_shexp.weight", forms::same)] },
    Rule { from: "model.layers.{L}.mlp.shared_expert.up_proj.weight", to: &[("blk.{L}.ffn_up_shexp.weight", forms::same)] },
    Rule { from: "model.layers.{L}.mlp.shared_expert.down_proj.weight", to: &[("blk.{L}.ffn_down_shexp.weight", forms::same)] },
    Rule { from: "model.layers.{L}.mlp.shared_expert_gate.weight", to: &[("blk.{L}.ffn_gate_inp_shexp.weight", forms::same)] },
];

pub(super) static FAMILY: GgufFamily = GgufFamily { architecture: "qwen2moe", rules: RULES, keys, ..GgufFamily::PLAIN };

fn keys(hparams: &Hparams, keys: &mut Keys) -> Result<(), GgufError> {
    keys.set_if("expert_feed_forward_length", hparams.count_if("moe_intermediate_size")?);
    keys.set_if("expert_shared_feed_forward_length", hparams.count_if("shared_expert_intermediate_size")?);
    hparams.must("qwen2moe", "norm_topk_prob", &json!(false), "routing weights that are not renormalised")?;
    hparams.must("qwen2moe", "use_sliding_window", &json!(false), "attention over the whole context")?;
    hparams.must("qwen2moe", "mlp_only_layers", &json!([]), "experts in every layer")?;
    hparams.must("qwen2moe", "decoder_sparse_step", &json!(1), "experts in every layer")
}
