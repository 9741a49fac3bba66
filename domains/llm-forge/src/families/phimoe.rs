//! Phi mixture of experts (`PhimoeForCausalLM`).
//!
//! # Source
//! `configuration_phimoe.py` and `modeling_phimoe.py` of Hugging Face transformers.

use serde_json::Value;

use super::layout::{BESIDE, OUTSIDE};
use super::names::Naming;
use super::{
    AttentionBias, ConfigReader, ExpertLayout, Family, FamilyError, Forward, Geometry, MAX_EXPERTS, Norms, Role, RoutingRule,
    Rule, Scoring,
};

/// The `phimoe` family: experts named as Mixtral's, layer norms with a bias.
#[derive(Debug)]
pub struct Phimoe;

/// `w1` is the gate, `w3` the up and `w2` the down projection.
const NAMING: Naming = Naming { block: "block_sparse_moe", expert: ["w1", "w3", "w2"], ..Naming::MLP };

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

    fn forward(&self) -> Option<&'static dyn Forward> {
        Some(&Phimoe)
    }
}

impl Forward for Phimoe {
    fn geometry(&self, config: &Value) -> Result<Geometry, FamilyError> {
        let mut reader = ConfigReader::new(self.architecture(), config);
        let plain = Geometry::plain(&mut reader, 1_000_000.0);
        let jitter = reader.positive_single("router_jitter_noise").unwrap_or(0.01);
        let bias = reader.flag("attention_bias", false);
        let geometry = Geometry {
            experts: reader.experts(self.expert_count_keys(), MAX_EXPERTS),
            top_k: reader.dimension("num_experts_per_tok"),
            expert_intermediate: reader.dimension("intermediate_size"),
            norms: Norms::Layer,
            routing: RoutingRule { scoring: Scoring::SparseMixer { jitter }, ..RoutingRule::SOFTMAX },
            attention_bias: AttentionBias::when(bias, AttentionBias::All),
            sliding_window: reader.optional_dimension("sliding_window"),
            output_bias: reader.flag("lm_head_bias", false),
            ..plain
        };
        reader.require(geometry.top_k == 2, "num_experts_per_tok", "2: the router chooses two experts", geometry.top_k);
        super::check_relations(&mut reader, &geometry);
        reader.finish(geometry)
    }

    fn role(&self, tensor: &str) -> Option<Role> {
        NAMING.role(tensor)
    }

    fn tensor_name(&self, role: &Role) -> String {
        NAMING.tensor_name(role)
    }
}
