//! Phi MoE: experts named as Mixtral's, biases everywhere.
//!
//! # Source
//! `conversion/phi.py`, `src/models/phimoe.cpp` and `src/models/phi3.cpp` of llama.cpp.

use super::{Factors, GgufFamily, Hparams, Keys, Rule, Vocabulary, forms, whole_context};
use crate::gguf::error::GgufError;

const RULES: &[Rule] = &[
    Rule { from: "model.embed_tokens.weight", to: &[("token_embd.weight", forms::same)] },
    Rule { from: "model.norm.weight", to: &[("output_norm.weight", forms::same)] },
    Rule { from: "model.norm.bias", to: &[("output_norm.bias", forms::same)] },
    Rule { from: "lm_head.weight", to: &[("output.weight", forms::same)] },
    Rule { from: "lm_head.bias", to: &[("output.bias", forms::same)] },
    Rule { from: "model.layers.{L}.input_layernorm.weight", to: &[("blk.{L}.attn_norm.weight", forms::same)] },
    Rule { from: "model.layers.{L}.input_layernorm.bias", to: &[("blk.{L}.attn_norm.bias", forms::same)] },
    Rule { from: "model.layers.{L}.post_attention_layernorm.weight", to: &[("blk.{L}.ffn_norm.weight", forms::same)] },
    Rule { from: "model.layers.{L}.post_attention_layernorm.bias", to: &[("blk.{L}.ffn_norm.bias", forms::same)] },
    Rule { from: "model.layers.{L}.self_attn.q_proj.weight", to: &[("blk.{L}.attn_q.weight", forms::same)] },
    Rule { from: "model.layers.{L}.self_attn.k_proj.weight", to: &[("blk.{L}.attn_k.weight", forms::same)] },
    Rule { from: "model.layers.{L}.self_attn.v_proj.weight", to: &[("blk.{L}.attn_v.weight", forms::same)] },
    Rule { from: "model.layers.{L}.self_attn.o_proj.weight", to: &[("blk.{L}.attn_output.weight", forms::same)] },
    Rule { from: "model.layers.{L}.self_attn.q_proj.bias", to: &[("blk.{L}.attn_q.bias", forms::same)] },
    Rule { from: "model.layers.{L}.self_attn.k_proj.bias", to: &[("blk.{L}.attn_k.bias", forms::same)] },
    Rule { from: "model.layers.{L}.self_attn.v_proj.bias", to: &[("blk.{L}.attn_v.bias", forms::same)] },
    Rule { from: "model.layers.{L}.self_attn.o_proj.bias", to: &[("blk.{L}.attn_output.bias", forms::same)] },
    Rule { from: "model.layers.{L}.block_sparse_moe.gate.weight", to: &[("blk.{L}.ffn_gate_inp.weight", forms::same)] },
    Rule {
        from: "model.layers.{L}.block_sparse_moe.experts.{E}.w1.weight",
        to: &[("blk.{L}.ffn_gate_exps.weight", forms::same)],
    },
    Rule { from: "model.layers.{L}.block_sparse_moe.experts.{E}.w3.weight", to: &[("blk.{L}.ffn_up_exps.weight", forms::same)] },
    Rule {
        from: "model.layers.{L}.block_sparse_moe.experts.{E}.w2.weight",
        to: &[("blk.{L}.ffn_down_exps.weight", forms::same)],
    },
];

pub(super) static FAMILY: GgufFamily = GgufFamily {
    architecture: "phimoe",
    rope_theta: 1_000_000.0,
    rules: RULES,
    keys,
    vocabulary: Vocabulary::Phi,
    factors: Factors::Long,
    differs: Some(
        "llama.cpp's `phimoe` takes RMS norms for layer norms and a plain softmax over the chosen experts for the sparse mixer: \
         its scores are not those of the model's authors, whoever makes the file",
    ),
    ..GgufFamily::PLAIN
};

fn keys(hparams: &Hparams, keys: &mut Keys) -> Result<(), GgufError> {
    for (field, computes) in [
        ("attention_bias", "projections of attention with a bias, which its files must hold"),
        ("lm_head_bias", "an output with a bias, which its files must hold"),
    ] {
        if !hparams.flag(field, false)? {
            let got = hparams.get(field).map_or("nothing".to_owned(), |value| format!("`{value}`"));
            return Err(GgufError::Unsupported { architecture: "phimoe", field: field.to_owned(), got, computes });
        }
    }
    whole_context("phimoe", hparams)?;
    keys.set("rope.dimension_count", hparams.head_dim()?);
    keys.set("rope.scaling.original_context_length", hparams.trained_positions()?);
    keys.set("attention.sliding_window", hparams.count_or("sliding_window", 0)?);
    Ok(())
}
