//! Qwen2 mixture of experts (`Qwen2MoeForCausalLM`).
//!
//! # Source
//! `configuration_qwen2_moe.py` and `modeling_qwen2_moe.py` of Hugging Face transformers.

use serde_json::Value;

use super::layout::{BESIDE, OUTSIDE};
use super::names::{Naming, PROJECTIONS};
use super::{AttentionBias, ConfigReader, ExpertLayout, Family, FamilyError, Forward, Geometry, Rule, SharedExpert, sparse};

/// The `qwen2_moe` family: a shared expert behind a gate of its own beside the routed ones.
#[derive(Debug)]
pub struct Qwen2Moe;

const NAMING: Naming = Naming {
    shared: Some("shared_expert"),
    shared_gate: Some("shared_expert_gate.weight"),
    dense: Some(("mlp", PROJECTIONS)),
    ..Naming::MLP
};

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

    fn forward(&self) -> Option<&'static dyn Forward> {
        Some(&Qwen2Moe)
    }
}

impl Forward for Qwen2Moe {
    fn geometry(&self, config: &Value) -> Result<Geometry, FamilyError> {
        let mut reader = ConfigReader::new(self.architecture(), config);
        let plain = Geometry::plain(&mut reader, 10_000.0).routed(&mut reader, self, "moe_intermediate_size");
        if reader.flag("use_sliding_window", false) {
            reader.unsupported("use_sliding_window", &Value::Bool(true), "false: every layer attends to the whole sequence");
        }
        let qkv_bias = reader.flag("qkv_bias", true);
        let shared = SharedExpert { intermediate: reader.dimension("shared_expert_intermediate_size"), gated: true };
        let geometry = Geometry {
            norm_topk: reader.flag("norm_topk_prob", false),
            shared: Some(shared),
            attention_bias: AttentionBias::when(qkv_bias, AttentionBias::Inputs),
            ..plain
        };
        super::checked(reader, geometry)
    }

    fn naming(&self) -> &'static Naming {
        &NAMING
    }
}
