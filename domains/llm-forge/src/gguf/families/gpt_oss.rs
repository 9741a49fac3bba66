//! gpt-oss: experts stored `[in, out]` with gate and up taking turns, sinks, biases everywhere.
//!
//! # Source
//! `conversion/gpt_oss.py`, `src/models/openai-moe.cpp` of llama.cpp.

use super::{GgufFamily, Hparams, Keys, Rule, forms, parts};
use crate::gguf::error::GgufError;
use crate::gguf::view::View;

/// What only it has.
const OWN: &[Rule] = &[
    Rule { from: "model.layers.{L}.input_layernorm.weight", to: &[("blk.{L}.attn_norm.weight", forms::same)] },
    Rule { from: "model.layers.{L}.post_attention_layernorm.weight", to: &[("blk.{L}.post_attention_norm.weight", forms::same)] },
    Rule { from: "model.layers.{L}.self_attn.o_proj.bias", to: &[("blk.{L}.attn_output.bias", forms::same)] },
    Rule { from: "model.layers.{L}.self_attn.sinks", to: &[("blk.{L}.attn_sinks.weight", forms::same)] },
    Rule { from: "model.layers.{L}.mlp.router.weight", to: &[("blk.{L}.ffn_gate_inp.weight", forms::same)] },
    Rule { from: "model.layers.{L}.mlp.router.bias", to: &[("blk.{L}.ffn_gate_inp.bias", forms::same)] },
    Rule {
        from: "model.layers.{L}.mlp.experts.gate_up_proj",
        to: &[("blk.{L}.ffn_gate_exps.weight", gates), ("blk.{L}.ffn_up_exps.weight", ups)],
    },
    Rule {
        from: "model.layers.{L}.mlp.experts.gate_up_proj_bias",
        to: &[("blk.{L}.ffn_gate_exps.bias", gate_biases), ("blk.{L}.ffn_up_exps.bias", up_biases)],
    },
    // As published: four-bit blocks, stored `[out, in]`.
    Rule {
        from: "model.layers.{L}.mlp.experts.gate_up_proj_blocks",
        to: &[("blk.{L}.ffn_gate_exps.weight", gate_rows), ("blk.{L}.ffn_up_exps.weight", up_rows)],
    },
    Rule { from: "model.layers.{L}.mlp.experts.down_proj_blocks", to: &[("blk.{L}.ffn_down_exps.weight", forms::same)] },
    Rule { from: "model.layers.{L}.mlp.experts.down_proj", to: &[("blk.{L}.ffn_down_exps.weight", forms::transposed)] },
    Rule { from: "model.layers.{L}.mlp.experts.down_proj_bias", to: &[("blk.{L}.ffn_down_exps.bias", forms::same)] },
];

const RULES: &[&[Rule]] = &[parts::MODEL, parts::QUERY_KEY, parts::VALUE_OUTPUT, parts::BIASES, OWN];

pub(super) static FAMILY: GgufFamily =
    GgufFamily { architecture: "gpt-oss", rope_theta: 150_000.0, rules: RULES, keys, ..GgufFamily::PLAIN };

fn keys(hparams: &Hparams, keys: &mut Keys) -> Result<(), GgufError> {
    keys.set("attention.sliding_window", hparams.count("sliding_window")?);
    keys.set("expert_feed_forward_length", hparams.count("intermediate_size")?);
    Ok(())
}

fn gates(view: View, _: &Hparams) -> Result<Vec<View>, GgufError> {
    Ok(vec![view.transpose()?.every(1, 0, 2)?])
}

fn ups(view: View, _: &Hparams) -> Result<Vec<View>, GgufError> {
    Ok(vec![view.transpose()?.every(1, 1, 2)?])
}

fn gate_rows(view: View, _: &Hparams) -> Result<Vec<View>, GgufError> {
    Ok(vec![view.every(1, 0, 2)?])
}

fn up_rows(view: View, _: &Hparams) -> Result<Vec<View>, GgufError> {
    Ok(vec![view.every(1, 1, 2)?])
}

fn gate_biases(view: View, _: &Hparams) -> Result<Vec<View>, GgufError> {
    Ok(vec![view.every(0, 0, 2)?])
}

fn up_biases(view: View, _: &Hparams) -> Result<Vec<View>, GgufError> {
    Ok(vec![view.every(0, 1, 2)?])
}
