//! Phi mixture of experts (`PhimoeForCausalLM`).
//!
//! # Source
//! `configuration_phimoe.py` and `modeling_phimoe.py` of Hugging Face transformers.

use super::layout::{BESIDE, OUTSIDE};
use super::{ExpertLayout, Family, Rule};

/// The `phimoe` family: experts named as Mixtral's, layer norms with a bias.
#[derive(Debug)]
pub struct Phimoe;

static LAYOUT: ExpertLayout = ExpertLayout {
    id: "block_sparse_moe-unfused",
    layers: &["model.layers."],
    next_token_layers: &[],
    block: "block_sparse_moe",
    rules: &[
        Rule::router("gate.weight"),
        Rule::expert("experts.{}.w1.weight"),
        Rule::expert("experts.{}.w3.weight"),
        Rule::expert("experts.{}.w2.weight"),
    ],
    beside: BESIDE,
    outside: OUTSIDE,
};

impl Family for Phimoe {
    fn architecture(&self) -> &'static str {
        "phimoe"
    }

    fn class(&self) -> &'static str {
        "PhimoeForCausalLM"
    }

    fn layout(&self) -> &'static ExpertLayout {
        &LAYOUT
    }

    fn expert_count_keys(&self) -> &'static [&'static str] {
        &["num_local_experts", "num_experts"]
    }
}
