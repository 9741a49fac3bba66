//! Qwen2 mixture of experts (`Qwen2MoeForCausalLM`).
//!
//! # Source
//! `configuration_qwen2_moe.py` and `modeling_qwen2_moe.py` of Hugging Face transformers.

use super::layout::{BESIDE, OUTSIDE};
use super::{ConfigReader, ExpertLayout, Family, Rule, sparse};

/// The `qwen2_moe` family: a shared expert behind a gate of its own beside the routed ones.
#[derive(Debug)]
pub struct Qwen2Moe;

static LAYOUT: ExpertLayout = ExpertLayout {
    id: "mlp-experts-shared-expert",
    layers: &["model.layers."],
    next_token_layers: &[],
    block: "mlp",
    rules: &[
        Rule::router("gate.weight"),
        Rule::expert("experts.{}.gate_proj.weight"),
        Rule::expert("experts.{}.up_proj.weight"),
        Rule::expert("experts.{}.down_proj.weight"),
        Rule::shared("shared_expert.*"),
        Rule::shared("shared_expert_gate.weight"),
    ],
    beside: BESIDE,
    outside: OUTSIDE,
};

impl Family for Qwen2Moe {
    fn architecture(&self) -> &'static str {
        "qwen2_moe"
    }

    fn class(&self) -> &'static str {
        "Qwen2MoeForCausalLM"
    }

    fn layout(&self) -> &'static ExpertLayout {
        &LAYOUT
    }

    fn expert_count_keys(&self) -> &'static [&'static str] {
        &["num_experts", "num_local_experts"]
    }

    fn sparse(&self, reader: &mut ConfigReader<'_>, layers: usize) -> Vec<bool> {
        sparse::step_and_list(reader, layers)
    }
}
