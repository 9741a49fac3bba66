//! Qwen3 MoE.
//!
//! # Source
//! `conversion/qwen.py`, `src/models/qwen3moe.cpp` of llama.cpp.

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
    hparams.must("qwen3moe", "mlp_only_layers", &json!([]), "experts in every layer")?;
    hparams.must("qwen3moe", "decoder_sparse_step", &json!(1), "experts in every layer")
}
