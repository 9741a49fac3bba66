//! Qwen3-Next (`Qwen3NextForCausalLM`).
//!
//! # Source
//! `configuration_qwen3_next.py` and `modeling_qwen3_next.py` of Hugging Face transformers. Published checkpoints hold
//! next-token-prediction layers under `mtp.`, which the reference leaves aside and other runtimes use.

use super::{ConfigReader, ExpertLayout, Family, Rule, sparse};

/// The `qwen3_next` family: full and linear attention in turn, a shared expert behind a gate of its own.
#[derive(Debug)]
pub struct Qwen3Next;

static LAYOUT: ExpertLayout = ExpertLayout {
    id: "mlp-experts-shared-expert",
    layers: &["model.layers."],
    next_token_layers: &["mtp.layers."],
    block: "mlp",
    rules: &[
        Rule::router("gate.weight"),
        Rule::expert("experts.{}.gate_proj.weight"),
        Rule::expert("experts.{}.up_proj.weight"),
        Rule::expert("experts.{}.down_proj.weight"),
        Rule::shared("shared_expert.*"),
        Rule::shared("shared_expert_gate.weight"),
    ],
    beside: &["self_attn", "linear_attn", "input_layernorm", "post_attention_layernorm"],
    outside: &["model.embed_tokens.", "model.norm.", "lm_head.", "mtp."],
};

impl Family for Qwen3Next {
    fn architecture(&self) -> &'static str {
        "qwen3_next"
    }

    fn class(&self) -> &'static str {
        "Qwen3NextForCausalLM"
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
