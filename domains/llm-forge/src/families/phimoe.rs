//! Phi mixture of experts (`PhimoeForCausalLM`).
//!
//! # Source
//! `configuration_phimoe.py` and `modeling_phimoe.py` of Hugging Face transformers.

use serde_json::Value;

use super::mixtral::{LAYOUT, NAMING};
use super::{
    AttentionBias, ConfigReader, ExpertLayout, Family, FamilyError, Forward, Geometry, Naming, Norms, RoutingRule, Scoring,
};

/// The `phimoe` family: experts named as Mixtral's, layer norms with a bias.
#[derive(Debug)]
pub struct Phimoe;

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

    fn forward(&self) -> Option<&'static dyn Forward> {
        Some(&Phimoe)
    }
}

impl Forward for Phimoe {
    fn geometry(&self, config: &Value) -> Result<Geometry, FamilyError> {
        let mut reader = ConfigReader::new(self.architecture(), config);
        let plain = Geometry::plain(&mut reader, 1_000_000.0).routed(&mut reader, self, "intermediate_size");
        let jitter = reader.positive_single("router_jitter_noise").unwrap_or(0.01);
        let bias = reader.flag("attention_bias", false);
        let geometry = Geometry {
            norms: Norms::Layer,
            routing: RoutingRule { scoring: Scoring::SparseMixer { jitter }, ..RoutingRule::SOFTMAX },
            attention_bias: AttentionBias::when(bias, AttentionBias::All),
            sliding_window: reader.optional_dimension("sliding_window"),
            output_bias: reader.flag("lm_head_bias", false),
            ..plain
        };
        reader.require(geometry.top_k == 2, "num_experts_per_tok", "2: the router chooses two experts", geometry.top_k);
        super::checked(reader, geometry)
    }

    fn naming(&self) -> &'static Naming {
        &NAMING
    }
}
