//! Qwen3-Next: linear attention in most layers, norms stored as their distance from one. Layers that predict further tokens are left
//! out.
//!
//! # Source
//! `conversion/qwen.py`, `src/models/qwen3next.cpp` of llama.cpp.

use serde_json::{Value, json};

use super::{GgufFamily, Hparams, Keys, Rule, experts_everywhere, forms, parts};
use crate::gguf::error::GgufError;
use crate::gguf::view::{Map, View};

/// What only it has.
const OWN: &[Rule] = &[
    Rule { from: "model.embed_tokens.weight", to: &[("token_embd.weight", forms::same)] },
    Rule { from: "model.norm.weight", to: &[("output_norm.weight", plus_one)] },
    Rule { from: "lm_head.weight", to: &[("output.weight", forms::same)] },
    Rule { from: "model.layers.{L}.input_layernorm.weight", to: &[("blk.{L}.attn_norm.weight", plus_one)] },
    Rule { from: "model.layers.{L}.post_attention_layernorm.weight", to: &[("blk.{L}.post_attention_norm.weight", plus_one)] },
    Rule { from: "model.layers.{L}.self_attn.q_norm.weight", to: &[("blk.{L}.attn_q_norm.weight", plus_one)] },
    Rule { from: "model.layers.{L}.self_attn.k_norm.weight", to: &[("blk.{L}.attn_k_norm.weight", plus_one)] },
    Rule {
        from: "model.layers.{L}.linear_attn.in_proj_qkvz.weight",
        to: &[("blk.{L}.attn_qkv.weight", joined), ("blk.{L}.attn_gate.weight", gate)],
    },
    Rule { from: "model.layers.{L}.linear_attn.in_proj_ba.weight", to: &[("blk.{L}.ssm_ba.weight", forms::same)] },
    Rule { from: "model.layers.{L}.linear_attn.conv1d.weight", to: &[("blk.{L}.ssm_conv1d.weight", squeezed)] },
    Rule { from: "model.layers.{L}.linear_attn.dt_bias", to: &[("blk.{L}.ssm_dt.bias", forms::same)] },
    Rule { from: "model.layers.{L}.linear_attn.A_log", to: &[("blk.{L}.ssm_a", minus_exp)] },
    Rule { from: "model.layers.{L}.linear_attn.norm.weight", to: &[("blk.{L}.ssm_norm.weight", forms::same)] },
    Rule { from: "model.layers.{L}.linear_attn.out_proj.weight", to: &[("blk.{L}.ssm_out.weight", forms::same)] },
];

const RULES: &[&[Rule]] = &[parts::QUERY_KEY, parts::VALUE_OUTPUT, parts::EXPERTS, parts::GATED_SHARED_EXPERT, OWN];

pub(super) static FAMILY: GgufFamily =
    GgufFamily { architecture: "qwen3next", rules: RULES, keys, leaves_further_layers: true, ..GgufFamily::PLAIN };

fn keys(hparams: &Hparams, keys: &mut Keys) -> Result<(), GgufError> {
    hparams.must("qwen3next", "norm_topk_prob", &json!(true), "routing weights that are renormalised")?;
    experts_everywhere("qwen3next", hparams)?;
    keys.set_if("expert_feed_forward_length", hparams.count_if("moe_intermediate_size")?);
    keys.set_if("expert_shared_feed_forward_length", hparams.count_if("shared_expert_intermediate_size")?);
    let values = hparams.count("linear_num_value_heads")?;
    keys.set("ssm.conv_kernel", hparams.count("linear_conv_kernel_dim")?);
    keys.set("ssm.state_size", hparams.count("linear_key_head_dim")?);
    keys.set("ssm.group_count", hparams.count("linear_num_key_heads")?);
    keys.set("ssm.time_step_rank", values);
    keys.set("ssm.inner_size", hparams.count("linear_value_head_dim")? * values);
    if let Some(kinds) = hparams.get("layer_types").and_then(Value::as_array) {
        let recurrent: Vec<bool> = kinds.iter().map(|kind| kind == "linear_attention").collect();
        keys.set("attention.recurrent_layers", recurrent);
    }
    keys.set("full_attention_interval", hparams.count_or("full_attention_interval", 4)?);
    let share = hparams.rope_number("partial_rotary_factor")?.unwrap_or(0.25);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a head's width")]
    keys.set("rope.dimension_count", (f64::from(hparams.head_dim()?) * f64::from(share)).max(0.0) as u32);
    Ok(())
}

fn plus_one(view: View, _: &Hparams) -> Result<Vec<View>, GgufError> {
    Ok(vec![view.mapped(Map::PlusOne)])
}

fn minus_exp(view: View, _: &Hparams) -> Result<Vec<View>, GgufError> {
    Ok(vec![view.mapped(Map::MinusExp)])
}

/// `[channels, 1, kernel]` as a matrix.
fn squeezed(view: View, _: &Hparams) -> Result<Vec<View>, GgufError> {
    let dims: Vec<u64> = view.dims.iter().copied().filter(|len| *len != 1).collect();
    Ok(vec![view.shaped(dims)?])
}

/// One kind of rows of the joined projection, which holds `[query, key, values, gates]` for each key head, as `[heads, rows, hidden]`
/// laid out head after head.
fn rows(view: &View, hparams: &Hparams, kind: usize) -> Result<View, GgufError> {
    let count = |key: &str| hparams.count(key).map(u64::from);
    let (heads, key) = (count("linear_num_key_heads")?.max(1), count("linear_key_head_dim")?);
    let value = count("linear_num_value_heads")? / heads * count("linear_value_head_dim")?;
    let parts = [key, key, value, value];
    let hidden = view.dims.last().copied().unwrap_or(1);
    let first = parts[..kind].iter().sum();
    let part = view.clone().split_first(&[heads, parts.iter().sum()])?.narrow(1, first, parts[kind])?;
    part.shaped(vec![heads * parts[kind], hidden])
}

fn joined(view: View, hparams: &Hparams) -> Result<Vec<View>, GgufError> {
    (0..3).map(|kind| rows(&view, hparams, kind)).collect()
}

fn gate(view: View, hparams: &Hparams) -> Result<Vec<View>, GgufError> {
    Ok(vec![rows(&view, hparams, 3)?])
}
