//! Phi MoE: experts named as Mixtral's, biases everywhere.
//!
//! # Source
//! `conversion/phi.py`, `src/models/phimoe.cpp` and `src/models/phi3.cpp` of llama.cpp.

use super::{Factors, GgufFamily, Hparams, Keys, Rule, Vocabulary, forms, parts, whole_context};
use crate::gguf::error::GgufError;

/// What only it has.
const OWN: &[Rule] = &[
    Rule { from: "model.norm.bias", to: &[("output_norm.bias", forms::same)] },
    Rule { from: "lm_head.bias", to: &[("output.bias", forms::same)] },
    Rule { from: "model.layers.{L}.input_layernorm.bias", to: &[("blk.{L}.attn_norm.bias", forms::same)] },
    Rule { from: "model.layers.{L}.post_attention_layernorm.bias", to: &[("blk.{L}.ffn_norm.bias", forms::same)] },
    Rule { from: "model.layers.{L}.self_attn.o_proj.bias", to: &[("blk.{L}.attn_output.bias", forms::same)] },
];

const RULES: &[&[Rule]] =
    &[parts::MODEL, parts::NORMS, parts::QUERY_KEY, parts::VALUE_OUTPUT, parts::BIASES, parts::MIXTRAL_EXPERTS, OWN];

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
