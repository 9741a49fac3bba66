//! DeepSeek-V3 (`DeepseekV3ForCausalLM`).
//!
//! # Source
//! `configuration_deepseek_v3.py` and `modeling_deepseek_v3.py` of Hugging Face transformers. Published checkpoints
//! hold the experts in 8 bits with a scale per block, and next-token-prediction layers behind the decoder's, which the reference
//! leaves aside and other runtimes use.

use serde_json::Value;

use super::layout::OUTSIDE;
use super::names::{Naming, PROJECTIONS};
use super::rope::RopeForms;
use super::{
    ConfigReader, Correction, ExpertLayout, Family, FamilyError, Forward, Geometry, GroupedRouting, Groups, Need, RoutingRule,
    Rule, Scoring, sparse,
};

/// The `deepseek_v3` family: a correction of the routing scores, routing limited to groups.
#[derive(Debug)]
pub struct DeepseekV3;

pub(super) const NAMING: Naming = Naming {
    correction: Some("gate.e_score_correction_bias"),
    shared: Some("shared_experts"),
    dense: Some(("mlp", PROJECTIONS)),
    ..Naming::MLP
};

pub(super) static LAYOUT: ExpertLayout = ExpertLayout {
    id: "deepseek-routed-shared-corrected",
    layers: &["model.layers."],
    next_token_layers: &[],
    block: "mlp",
    rules: &[
        Rule::router("gate.weight"),
        Rule::per_expert("gate.e_score_correction_bias", 0),
        Rule::expert("experts.{}.gate_proj.weight"),
        Rule::expert("experts.{}.up_proj.weight"),
        Rule::expert("experts.{}.down_proj.weight"),
        Rule::expert("experts.{}.gate_proj.weight_scale_inv").needed(Need::Never).parameters(0),
        Rule::expert("experts.{}.up_proj.weight_scale_inv").needed(Need::Never).parameters(0),
        Rule::expert("experts.{}.down_proj.weight_scale_inv").needed(Need::Never).parameters(0),
        Rule::shared("shared_experts.*"),
    ],
    beside: &[
        "self_attn",
        "input_layernorm",
        "post_attention_layernorm",
        "embed_tokens",
        "enorm",
        "hnorm",
        "eh_proj",
        "shared_head",
    ],
    outside: OUTSIDE,
};

impl Family for DeepseekV3 {
    fn architecture(&self) -> &'static str {
        "deepseek_v3"
    }

    fn class(&self) -> &'static str {
        "DeepseekV3ForCausalLM"
    }

    fn layout(&self) -> &'static ExpertLayout {
        &LAYOUT
    }

    fn expert_count_keys(&self) -> &'static [&'static str] {
        &["n_routed_experts", "num_experts", "num_local_experts"]
    }

    fn sparse(&self, reader: &mut ConfigReader<'_>, layers: usize) -> Vec<bool> {
        sparse::after_the_first(reader, layers, 3)
    }

    /// The reference scores a group by its two best experts, even where there is but one group.
    fn groups(&self, reader: &mut ConfigReader<'_>) -> Groups {
        let count = reader.optional_dimension("n_group").unwrap_or(8);
        let used = reader.optional_dimension("topk_group").unwrap_or(4);
        Groups { count, used, scored_by: 2 }
    }

    fn forward(&self) -> Option<&'static dyn Forward> {
        Some(&DeepseekV3)
    }
}

impl Forward for DeepseekV3 {
    fn geometry(&self, config: &Value) -> Result<Geometry, FamilyError> {
        let mut reader = ConfigReader::new(self.architecture(), config);
        let rope = reader.rope(10_000.0, RopeForms { partial: false, yarn: true });
        let interleaved = reader.flag("rope_interleave", true);
        let plain = Geometry::latent(&mut reader, rope, interleaved).routed(&mut reader, self, "moe_intermediate_size");
        let shared = reader.optional_dimension("n_shared_experts").unwrap_or(1);
        let routing = RoutingRule {
            scoring: Scoring::Sigmoid,
            correction: Correction::Vector,
            sum_plus: 1e-20,
            groups: GroupedRouting::of(self.groups(&mut reader)),
            scale: reader.positive_single("routed_scaling_factor").unwrap_or(2.5),
            ..RoutingRule::SOFTMAX
        };
        let geometry = Geometry {
            norm_topk: reader.flag("norm_topk_prob", true),
            routing,
            shared: Some(plain.shared_experts(shared)),
            ..plain
        };
        super::checked(reader, geometry)
    }

    fn naming(&self) -> &'static Naming {
        &NAMING
    }
}
