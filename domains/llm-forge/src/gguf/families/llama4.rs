//! Llama 4, its text model: fused and transposed experts beside a shared one, every fourth layer without positions.
//!
//! # Source
//! `conversion/llama.py`, `src/models/llama4.cpp` of llama.cpp.

use serde_json::{Value, json};

use super::{Factors, GgufFamily, Hparams, Keys, Rule, Within, forms, parts};
use crate::gguf::error::GgufError;
use crate::gguf::view::View;

const ARCHITECTURE: &str = "llama4";

/// What only it has.
const OWN: &[Rule] = &[
    Rule { from: "model.layers.{L}.feed_forward.router.weight", to: &[("blk.{L}.ffn_gate_inp.weight", forms::same)] },
    Rule {
        from: "model.layers.{L}.feed_forward.experts.gate_up_proj",
        to: &[("blk.{L}.ffn_gate_exps.weight", gates), ("blk.{L}.ffn_up_exps.weight", ups)],
    },
    Rule { from: "model.layers.{L}.feed_forward.experts.down_proj", to: &[("blk.{L}.ffn_down_exps.weight", forms::transposed)] },
    Rule {
        from: "model.layers.{L}.feed_forward.shared_expert.gate_proj.weight",
        to: &[("blk.{L}.ffn_gate_shexp.weight", forms::same)],
    },
    Rule {
        from: "model.layers.{L}.feed_forward.shared_expert.up_proj.weight",
        to: &[("blk.{L}.ffn_up_shexp.weight", forms::same)],
    },
    Rule {
        from: "model.layers.{L}.feed_forward.shared_expert.down_proj.weight",
        to: &[("blk.{L}.ffn_down_shexp.weight", forms::same)],
    },
    Rule { from: "model.layers.{L}.feed_forward.gate_proj.weight", to: &[("blk.{L}.ffn_gate.weight", forms::same)] },
    Rule { from: "model.layers.{L}.feed_forward.up_proj.weight", to: &[("blk.{L}.ffn_up.weight", forms::same)] },
    Rule { from: "model.layers.{L}.feed_forward.down_proj.weight", to: &[("blk.{L}.ffn_down.weight", forms::same)] },
];

const RULES: &[&[Rule]] = &[parts::MODEL, parts::NORMS, parts::QUERY_KEY, parts::VALUE_OUTPUT, OWN];

pub(super) static FAMILY: GgufFamily = GgufFamily {
    architecture: ARCHITECTURE,
    rope_theta: 500_000.0,
    rules: RULES,
    keys,
    factors: Factors::Llama3,
    within: Some(Within { prefix: "language_model.", others: &["vision_model.", "multi_modal_projector."] }),
    ..GgufFamily::PLAIN
};

fn keys(hparams: &Hparams, keys: &mut Keys) -> Result<(), GgufError> {
    let step = hparams.count_or("interleave_moe_layer_step", 1)?;
    layers(hparams, step)?;
    attention(hparams)?;
    // Everywhere else the dense layers' width is `intermediate_size`.
    keys.set("feed_forward_length", hparams.count("intermediate_size_mlp")?);
    keys.set("expert_feed_forward_length", hparams.count("intermediate_size")?);
    keys.set("interleave_moe_layer_step", step);
    keys.set("vocab_size", hparams.count("vocab_size")?);
    keys.set("rope.dimension_count", hparams.head_dim()?);
    Ok(())
}

fn unsupported(hparams: &Hparams, field: &str, computes: &'static str) -> GgufError {
    let got = hparams.get(field).map_or("nothing".to_owned(), |value| format!("`{value}`"));
    GgufError::Unsupported { architecture: ARCHITECTURE, field: field.to_owned(), got, computes }
}

/// Which layers have experts and which have positions, llama.cpp tells by their number.
fn layers(hparams: &Hparams, step: u32) -> Result<(), GgufError> {
    let count = hparams.count("num_hidden_layers")?;
    if let Some(listed) = hparams.get("moe_layers") {
        let expected: Vec<u32> = (0..count).filter(|layer| step > 0 && (layer + 1).is_multiple_of(step)).collect();
        if *listed != json!(expected) {
            return Err(unsupported(hparams, "moe_layers", "experts in every `interleave_moe_layer_step`-th layer"));
        }
    }
    let fourth = "positions in three of every four layers";
    if let Some(listed) = hparams.get("no_rope_layers").filter(|list| **list != json!([])) {
        let expected: Vec<u32> = (0..count).map(|layer| u32::from(!(layer + 1).is_multiple_of(4))).collect();
        if *listed != json!(expected) {
            return Err(unsupported(hparams, "no_rope_layers", fourth));
        }
        return Ok(());
    }
    hparams.must(ARCHITECTURE, "no_rope_layer_interval", &json!(4), fourth)
}

/// What llama.cpp computes with numbers of its own.
fn attention(hparams: &Hparams) -> Result<(), GgufError> {
    hparams.must(ARCHITECTURE, "attention_chunk_size", &json!(8192), "attention in chunks of 8192 positions")?;
    hparams.must(ARCHITECTURE, "floor_scale", &json!(8192), "attention that sharpens every 8192 positions")?;
    hparams.must(ARCHITECTURE, "attn_scale", &json!(0.1), "attention that sharpens by a tenth of a logarithm")?;
    // Published both as a flag and as a number.
    let sharpens = hparams.get("attn_temperature_tuning").is_none_or(|value| *value != json!(false) && *value != json!(0));
    if !sharpens && hparams.count("max_position_embeddings")? >= 8192 {
        return Err(unsupported(hparams, "attn_temperature_tuning", "attention that sharpens every 8192 positions"));
    }
    let chunked = |kinds: &Value| {
        let expected = |(layer, kind): (usize, &Value)| {
            kind == if (layer + 1).is_multiple_of(4) { "full_attention" } else { "chunked_attention" }
        };
        kinds.as_array().is_some_and(|kinds| kinds.iter().enumerate().all(expected))
    };
    if hparams.get("layer_types").is_some_and(|kinds| !chunked(kinds)) {
        return Err(unsupported(hparams, "layer_types", "attention in chunks in three of every four layers"));
    }
    // llama.cpp knows the model without these norms by its 128 experts, and any other by having them.
    let experts = hparams.count("num_local_experts")?;
    if hparams.flag("use_qk_norm", true)? == (experts == 128) {
        let computes = if experts == 128 {
            "no norm of query and key where there are 128 experts"
        } else {
            "norms of query and key unless there are 128 experts"
        };
        return Err(unsupported(hparams, "use_qk_norm", computes));
    }
    Ok(())
}

fn gates(view: View, _: &Hparams) -> Result<Vec<View>, GgufError> {
    Ok(vec![view.transpose()?.part(1, 0, 2)?])
}

fn ups(view: View, _: &Hparams) -> Result<Vec<View>, GgufError> {
    Ok(vec![view.transpose()?.part(1, 1, 2)?])
}
