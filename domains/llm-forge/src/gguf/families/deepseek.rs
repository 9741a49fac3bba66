//! DeepSeek V2 and V3: latent attention with its key matrix absorbed, shared experts. Layers that predict further tokens are left
//! out, as llama.cpp leaves them out.
//!
//! # Source
//! `conversion/deepseek.py`, `src/models/deepseek2.cpp` of llama.cpp.

use serde_json::json;

use super::{GgufFamily, Hparams, Keys, Rule, forms, parts};
use crate::gguf::error::GgufError;
use crate::gguf::hparams::gating;
use crate::gguf::view::View;

/// What only it has.
const OWN: &[Rule] = &[
    Rule { from: "model.layers.{L}.self_attn.q_proj.weight", to: &[("blk.{L}.attn_q.weight", forms::same)] },
    Rule { from: "model.layers.{L}.self_attn.q_a_proj.weight", to: &[("blk.{L}.attn_q_a.weight", forms::same)] },
    Rule { from: "model.layers.{L}.self_attn.q_a_layernorm.weight", to: &[("blk.{L}.attn_q_a_norm.weight", forms::same)] },
    Rule { from: "model.layers.{L}.self_attn.q_b_proj.weight", to: &[("blk.{L}.attn_q_b.weight", forms::same)] },
    Rule { from: "model.layers.{L}.self_attn.kv_a_proj_with_mqa.weight", to: &[("blk.{L}.attn_kv_a_mqa.weight", forms::same)] },
    Rule { from: "model.layers.{L}.self_attn.kv_a_layernorm.weight", to: &[("blk.{L}.attn_kv_a_norm.weight", forms::same)] },
    Rule {
        from: "model.layers.{L}.self_attn.kv_b_proj.weight",
        to: &[("blk.{L}.attn_k_b.weight", absorbed_keys), ("blk.{L}.attn_v_b.weight", absorbed_values)],
    },
    Rule { from: "model.layers.{L}.self_attn.o_proj.weight", to: &[("blk.{L}.attn_output.weight", forms::same)] },
    Rule { from: "model.layers.{L}.mlp.gate.e_score_correction_bias", to: &[("blk.{L}.exp_probs_b.bias", forms::same)] },
];

const RULES: &[&[Rule]] = &[parts::MODEL, parts::NORMS, parts::DENSE, parts::EXPERTS, parts::SHARED_EXPERTS, OWN];

pub(super) static V2: GgufFamily =
    GgufFamily { architecture: "deepseek2", rules: RULES, keys: v2, leaves_further_layers: true, ..GgufFamily::PLAIN };

pub(super) static V3: GgufFamily =
    GgufFamily { architecture: "deepseek2", rules: RULES, keys: v3, leaves_further_layers: true, ..GgufFamily::PLAIN };

fn v2(hparams: &Hparams, keys: &mut Keys) -> Result<(), GgufError> {
    hparams
        .must("deepseek2", "topk_method", &json!("greedy"), "the best experts of all groups")
        .or_else(|error| if hparams.count_or("n_group", 1)? <= 1 { Ok(()) } else { Err(error) })?;
    // llama.cpp tells the models without a query latent by their number of layers.
    let layers = hparams.count("num_hidden_layers")?;
    if hparams.count_if("q_lora_rank")?.is_none() && !(26..=27).contains(&layers) {
        return Err(GgufError::Unsupported {
            architecture: "deepseek2",
            field: "q_lora_rank".into(),
            got: "`null`".into(),
            computes: "a query without a latent in models of 26 or 27 layers only",
        });
    }
    latent(hparams, keys, gating::SOFTMAX, 1.0, false)
}

fn v3(hparams: &Hparams, keys: &mut Keys) -> Result<(), GgufError> {
    hparams.must("deepseek2", "rope_interleave", &json!(true), "a rotary embedding of neighbouring elements")?;
    hparams.must("deepseek2", "scoring_func", &json!("sigmoid"), "sigmoid scores")?;
    latent(hparams, keys, gating::SIGMOID, 2.5, true)
}

fn latent(hparams: &Hparams, keys: &mut Keys, gating: u32, scale: f32, normalised: bool) -> Result<(), GgufError> {
    // Latent attention is attention with one key and value head as wide as the latent.
    keys.set("attention.head_count_kv", 1_u32);
    keys.set("leading_dense_block_count", hparams.count_or("first_k_dense_replace", 0)?);
    keys.set("vocab_size", hparams.count("vocab_size")?);
    keys.set_if("attention.q_lora_rank", hparams.count_if("q_lora_rank")?);
    let (latent, rope) = (hparams.count("kv_lora_rank")?, hparams.count("qk_rope_head_dim")?);
    keys.set("attention.kv_lora_rank", latent);
    keys.set("attention.key_length", latent + rope);
    keys.set("attention.value_length", latent);
    keys.set("attention.key_length_mla", hparams.count("qk_nope_head_dim")? + rope);
    keys.set("attention.value_length_mla", hparams.count("v_head_dim")?);
    keys.set("expert_feed_forward_length", hparams.count("moe_intermediate_size")?);
    keys.set("expert_shared_count", hparams.count_or("n_shared_experts", 0)?);
    keys.set("expert_weights_scale", hparams.number_or("routed_scaling_factor", scale)?);
    if hparams.flag("norm_topk_prob", normalised)? {
        keys.set("expert_weights_norm", true);
    }
    keys.set("expert_gating_func", gating);
    keys.set("rope.dimension_count", rope);
    let (all, turned) = (hparams.rope_number_exact("mscale_all_dim")?, hparams.rope_number_exact("mscale")?);
    if hparams.rope_kind() == Some("yarn") && all.is_some() && all != turned {
        return Err(GgufError::Unsupported {
            architecture: "deepseek2",
            field: "rope_parameters.mscale".into(),
            got: turned.map_or("nothing".to_owned(), |mscale| format!("`{mscale}`")),
            computes: "one scale for what is turned and for all, that of `mscale_all_dim`",
        });
    }
    if let Some(mscale) = all {
        #[expect(clippy::cast_possible_truncation, reason = "GGUF holds it as f32")]
        keys.set("rope.scaling.yarn_log_multiplier", (0.1 * mscale) as f32);
    }
    Ok(())
}

/// `[heads * (nope + value), latent]` taken by head.
fn by_head(view: View, hparams: &Hparams) -> Result<(View, u64, u64), GgufError> {
    let heads = u64::from(hparams.count_or("num_key_value_heads", hparams.count("num_attention_heads")?)?);
    let (key, value) = (u64::from(hparams.count("qk_nope_head_dim")?), u64::from(hparams.count("v_head_dim")?));
    Ok((view.split_first(&[heads, key + value])?, key, value))
}

/// The key half, `[heads, latent, nope]`: multiplied into the query instead of into every key.
fn absorbed_keys(view: View, hparams: &Hparams) -> Result<Vec<View>, GgufError> {
    let (view, key, _) = by_head(view, hparams)?;
    Ok(vec![view.narrow(1, 0, key)?.transpose()?])
}

/// The value half, `[heads, value, latent]`.
fn absorbed_values(view: View, hparams: &Hparams) -> Result<Vec<View>, GgufError> {
    let (view, key, value) = by_head(view, hparams)?;
    Ok(vec![view.narrow(1, key, value)?])
}
