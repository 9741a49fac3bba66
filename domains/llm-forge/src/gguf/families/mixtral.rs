//! Mixtral: a Llama decoder with experts.
//!
//! # Source
//! `conversion/llama.py`, `src/models/llama.cpp` of llama.cpp.

use super::{Factors, GgufFamily, Hparams, Keys, Rule, Vocabulary, forms, whole_context};
use crate::gguf::error::GgufError;

const RULES: &[Rule] = &[
    Rule { from: "model.embed_tokens.weight", to: &[("token_embd.weight", forms::same)] },
    Rule { from: "model.norm.weight", to: &[("output_norm.weight", forms::same)] },
    Rule { from: "lm_head.weight", to: &[("output.weight", forms::same)] },
    Rule { from: "model.layers.{L}.input_layernorm.weight", to: &[("blk.{L}.attn_norm.weight", forms::same)] },
    Rule { from: "model.layers.{L}.post_attention_layernorm.weight", to: &[("blk.{L}.ffn_norm.weight", forms::same)] },
    Rule { from: "model.layers.{L}.self_attn.q_proj.weight", to: &[("blk.{L}.attn_q.weight", forms::query_pairs)] },
    Rule { from: "model.layers.{L}.self_attn.k_proj.weight", to: &[("blk.{L}.attn_k.weight", forms::key_pairs)] },
    Rule { from: "model.layers.{L}.self_attn.v_proj.weight", to: &[("blk.{L}.attn_v.weight", forms::same)] },
    Rule { from: "model.layers.{L}.self_attn.o_proj.weight", to: &[("blk.{L}.attn_output.weight", forms::same)] },
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
    architecture: "llama",
    rope_theta: 1_000_000.0,
    rules: RULES,
    keys,
    vocabulary: Vocabulary::SentencePiece,
    factors: Factors::Llama3,
    ..GgufFamily::PLAIN
};

fn keys(hparams: &Hparams, keys: &mut Keys) -> Result<(), GgufError> {
    keys.set("vocab_size", hparams.count("vocab_size")?);
    keys.set("rope.dimension_count", hparams.head_dim()?);
    whole_context("llama", hparams)
}
