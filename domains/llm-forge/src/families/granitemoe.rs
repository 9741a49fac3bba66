//! Granite mixture of experts (`GraniteMoeForCausalLM`).
//!
//! # Source
//! `configuration_granitemoe.py` and `modeling_granitemoe.py` of Hugging Face transformers.

use serde_json::Value;

use super::layout::{BESIDE, OUTSIDE};
use super::names::Naming;
use super::{
    AttentionBias, ConfigReader, ExpertForm, ExpertLayout, Family, FamilyError, Forward, Geometry, Multipliers, RoutingRule,
    Rule, Scoring,
};

/// The `granitemoe` family: all experts of a layer in two tensors, gate above up in the first.
#[derive(Debug)]
pub struct GraniteMoe;

const NAMING: Naming = Naming {
    block: "block_sparse_moe",
    router: "router.layer.weight",
    fused: Some(["input_linear.weight", "output_linear.weight"]),
    ..Naming::MLP
};

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

    fn forward(&self) -> Option<&'static dyn Forward> {
        Some(&GraniteMoe)
    }
}

impl Forward for GraniteMoe {
    fn geometry(&self, config: &Value) -> Result<Geometry, FamilyError> {
        let mut reader = ConfigReader::new(self.architecture(), config);
        let plain = Geometry::plain(&mut reader, 10_000.0).routed(&mut reader, self, "intermediate_size");
        let mut multiplier = |field| reader.positive_single(field).unwrap_or(1.0);
        let multipliers = Multipliers {
            embedding: multiplier("embedding_multiplier"),
            residual: multiplier("residual_multiplier"),
            logits_divisor: multiplier("logits_scaling"),
        };
        let attention_scale = multiplier("attention_multiplier");
        let bias = reader.flag("attention_bias", false);
        let geometry = Geometry {
            routing: RoutingRule { scoring: Scoring::SoftmaxOfSelected, ..RoutingRule::SOFTMAX },
            expert_form: ExpertForm::Fused,
            attention_bias: AttentionBias::when(bias, AttentionBias::All),
            attention_scale,
            multipliers,
            ..plain
        };
        super::checked(reader, geometry)
    }

    fn naming(&self) -> &'static Naming {
        &NAMING
    }
}
