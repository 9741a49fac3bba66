//! Mixtral: a Llama decoder with experts.
//!
//! # Source
//! `conversion/llama.py`, `src/models/llama.cpp` of llama.cpp.

use super::{Factors, GgufFamily, Hparams, Keys, Rule, Vocabulary, forms, parts, whole_context};
use crate::gguf::error::GgufError;

/// What only it has.
const OWN: &[Rule] = &[
    Rule { from: "model.layers.{L}.self_attn.q_proj.weight", to: &[("blk.{L}.attn_q.weight", forms::query_pairs)] },
    Rule { from: "model.layers.{L}.self_attn.k_proj.weight", to: &[("blk.{L}.attn_k.weight", forms::key_pairs)] },
];

const RULES: &[&[Rule]] = &[parts::MODEL, parts::NORMS, parts::VALUE_OUTPUT, parts::MIXTRAL_EXPERTS, OWN];

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
