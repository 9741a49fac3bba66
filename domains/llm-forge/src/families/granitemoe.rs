//! Granite mixture of experts (`GraniteMoeForCausalLM`).
//!
//! # Source
//! `configuration_granitemoe.py` and `modeling_granitemoe.py` of Hugging Face transformers.

use super::layout::{BESIDE, OUTSIDE};
use super::{ExpertLayout, Family, Rule};

/// The `granitemoe` family: all experts of a layer in two tensors, gate above up in the first.
#[derive(Debug)]
pub struct GraniteMoe;

static LAYOUT: ExpertLayout = ExpertLayout {
    id: "granite-moe-fused",
    layers: &["model.layers."],
    next_token_layers: &[],
    block: "block_sparse_moe",
    rules: &[Rule::router("router.layer.weight"), Rule::fused("input_linear.weight", 0), Rule::fused("output_linear.weight", 0)],
    beside: BESIDE,
    outside: OUTSIDE,
};

impl Family for GraniteMoe {
    fn architecture(&self) -> &'static str {
        "granitemoe"
    }

    fn class(&self) -> &'static str {
        "GraniteMoeForCausalLM"
    }

    fn layout(&self) -> &'static ExpertLayout {
        &LAYOUT
    }

    fn expert_count_keys(&self) -> &'static [&'static str] {
        &["num_local_experts", "num_experts"]
    }
}
