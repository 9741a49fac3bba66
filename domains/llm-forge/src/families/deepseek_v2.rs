//! DeepSeek-V2 (`DeepseekV2ForCausalLM`).
//!
//! # Source
//! `configuration_deepseek_v2.py` and `modeling_deepseek_v2.py` of Hugging Face transformers.

use serde_json::Value;

use super::layout::{BESIDE, OUTSIDE};
use super::names::{Naming, PROJECTIONS};
use super::rope::RopeForms;
use super::{
    ConfigReader, ExpertLayout, Family, FamilyError, Forward, Geometry, GroupedRouting, Groups, RoutingRule, Rule, sparse,
};

/// The `deepseek_v2` family: dense layers first, shared experts beside the routed ones, routing limited to groups in the large
/// model.
#[derive(Debug)]
pub struct DeepseekV2;

const NAMING: Naming = Naming { shared: Some("shared_experts"), dense: Some(("mlp", PROJECTIONS)), ..Naming::MLP };

static LAYOUT: ExpertLayout = ExpertLayout {
    id: "deepseek-routed-shared",
    layers: &["model.layers."],
    next_token_layers: &[],
    block: "mlp",
    rules: &[
        Rule::router("gate.weight"),
        Rule::expert("experts.{}.gate_proj.weight"),
        Rule::expert("experts.{}.up_proj.weight"),
        Rule::expert("experts.{}.down_proj.weight"),
        Rule::shared("shared_experts.*"),
    ],
    beside: BESIDE,
    outside: OUTSIDE,
};

impl Family for DeepseekV2 {
    fn architecture(&self) -> &'static str {
        "deepseek_v2"
    }

    fn class(&self) -> &'static str {
        "DeepseekV2ForCausalLM"
    }

    fn layout(&self) -> &'static ExpertLayout {
        &LAYOUT
    }

    fn expert_count_keys(&self) -> &'static [&'static str] {
        &["n_routed_experts", "num_experts", "num_local_experts"]
    }

    fn sparse(&self, reader: &mut ConfigReader<'_>, layers: usize) -> Vec<bool> {
        sparse::after_the_first(reader, layers, 0)
    }

    /// The reference scores a group by its best expert; the other methods take no notice of groups.
    fn groups(&self, reader: &mut ConfigReader<'_>) -> Groups {
        let Some(method) = reader.get("topk_method") else {
            return Groups::default();
        };
        match method.as_str() {
            Some("greedy") => Groups::default(),
            Some("group_limited_greedy") => {
                Groups { count: reader.dimension("n_group"), used: reader.dimension("topk_group"), scored_by: 1 }
            }
            _ => {
                reader.unsupported("topk_method", method, "\"greedy\" and \"group_limited_greedy\"");
                Groups::default()
            }
        }
    }

    fn forward(&self) -> Option<&'static dyn Forward> {
        Some(&DeepseekV2)
    }
}

impl Forward for DeepseekV2 {
    fn geometry(&self, config: &Value) -> Result<Geometry, FamilyError> {
        let mut reader = ConfigReader::new(self.architecture(), config);
        let rope = reader.rope(10_000.0, RopeForms { partial: false, yarn: true });
        let interleaved = true;
        let plain = Geometry::latent(&mut reader, rope, interleaved).routed(&mut reader, self, "moe_intermediate_size");
        for field in ["mlp_bias", "norm_topk_prob"] {
            if reader.flag(field, false) {
                reader.unsupported(field, &Value::Bool(true), "false: the reference does nothing else");
            }
        }
        let shared = reader.optional_dimension("n_shared_experts").unwrap_or(2);
        let routing = RoutingRule {
            groups: GroupedRouting::of(self.groups(&mut reader)),
            scale: reader.positive_single("routed_scaling_factor").unwrap_or(1.0),
            ..RoutingRule::SOFTMAX
        };
        let geometry = Geometry { routing, shared: Some(plain.shared_experts(shared)), ..plain };
        super::checked(reader, geometry)
    }

    fn naming(&self) -> &'static Naming {
        &NAMING
    }
}
