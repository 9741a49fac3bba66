//! Granite MoE: fused experts, multipliers.
//!
//! # Source
//! `conversion/granite.py`, `src/models/granite-moe.cpp` of llama.cpp.

use super::{GgufFamily, Hparams, Keys, Rule, forms, parts};
use crate::gguf::error::GgufError;

/// What only it has.
const OWN: &[Rule] = &[
    Rule { from: "model.layers.{L}.self_attn.q_proj.weight", to: &[("blk.{L}.attn_q.weight", forms::query_pairs)] },
    Rule { from: "model.layers.{L}.self_attn.k_proj.weight", to: &[("blk.{L}.attn_k.weight", forms::key_pairs)] },
    Rule { from: "model.layers.{L}.block_sparse_moe.router.layer.weight", to: &[("blk.{L}.ffn_gate_inp.weight", forms::same)] },
    Rule {
        from: "model.layers.{L}.block_sparse_moe.input_linear.weight",
        to: &[("blk.{L}.ffn_gate_exps.weight", forms::first_half), ("blk.{L}.ffn_up_exps.weight", forms::second_half)],
    },
    Rule { from: "model.layers.{L}.block_sparse_moe.output_linear.weight", to: &[("blk.{L}.ffn_down_exps.weight", forms::same)] },
];

const RULES: &[&[Rule]] = &[parts::MODEL, parts::NORMS, parts::VALUE_OUTPUT, OWN];

pub(super) static FAMILY: GgufFamily = GgufFamily { architecture: "granitemoe", rules: RULES, keys, ..GgufFamily::PLAIN };

fn keys(hparams: &Hparams, keys: &mut Keys) -> Result<(), GgufError> {
    keys.set("vocab_size", hparams.count("vocab_size")?);
    keys.set("rope.dimension_count", hparams.head_dim()?);
    for (from, to) in [
        ("attention_multiplier", "attention.scale"),
        ("embedding_multiplier", "embedding_scale"),
        ("residual_multiplier", "residual_scale"),
        ("logits_scaling", "logit_scale"),
    ] {
        keys.set(to, hparams.number_or(from, 1.0)?);
    }
    Ok(())
}
