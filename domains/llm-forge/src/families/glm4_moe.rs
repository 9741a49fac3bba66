//! GLM-4 mixture of experts (`Glm4MoeForCausalLM`).
//!
//! # Source
//! `configuration_glm4_moe.py` and `modeling_glm4_moe.py` of Hugging Face transformers. Published checkpoints hold a
//! next-token-prediction layer behind the decoder's, which the reference leaves aside and other runtimes use.

use serde_json::Value;

use super::geometry::turned;
use super::layout::OUTSIDE;
use super::names::{Naming, PROJECTIONS};
use super::rope::RopeForms;
use super::{
    AttentionBias, ConfigReader, Correction, ExpertLayout, Family, FamilyError, Forward, Geometry, GroupedRouting, Groups,
    MAX_EXPERTS, Need, QkNorm, Role, Rotary, RoutingRule, Rule, Scoring, SharedExpert, sparse,
};

/// The `glm4_moe` family: routed as DeepSeek-V3, with ordinary attention.
#[derive(Debug)]
pub struct Glm4Moe;

const NAMING: Naming = Naming {
    correction: Some("gate.e_score_correction_bias"),
    shared: Some("shared_experts"),
    dense: Some(("mlp", PROJECTIONS)),
    ..Naming::MLP
};

static LAYOUT: ExpertLayout = ExpertLayout {
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

impl Family for Glm4Moe {
    fn architecture(&self) -> &'static str {
        "glm4_moe"
    }

    fn class(&self) -> &'static str {
        "Glm4MoeForCausalLM"
    }

    fn layout(&self) -> &'static ExpertLayout {
        &LAYOUT
    }

    fn expert_count_keys(&self) -> &'static [&'static str] {
        &["n_routed_experts", "num_experts", "num_local_experts"]
    }

    fn sparse(&self, reader: &mut ConfigReader<'_>, layers: usize) -> Vec<bool> {
        sparse::after_the_first(reader, layers, 1)
    }

    /// The reference scores a group by its two best experts, even where there is but one group.
    fn groups(&self, reader: &mut ConfigReader<'_>) -> Groups {
        let count = reader.optional_dimension("n_group").unwrap_or(1);
        let used = reader.optional_dimension("topk_group").unwrap_or(1);
        Groups { count, used, scored_by: 2 }
    }

    fn forward(&self) -> Option<&'static dyn Forward> {
        Some(&Glm4Moe)
    }
}

impl Forward for Glm4Moe {
    fn geometry(&self, config: &Value) -> Result<Geometry, FamilyError> {
        let mut reader = ConfigReader::new(self.architecture(), config);
        let rope = reader.rope(10_000.0, RopeForms { partial: true, yarn: false });
        let plain = Geometry::with_theta(&mut reader, rope.theta);
        let sparse = self.sparse(&mut reader, plain.layers);
        let expert_intermediate = reader.dimension("moe_intermediate_size");
        let shared = reader.optional_dimension("n_shared_experts").unwrap_or(1);
        let bias = reader.flag("attention_bias", false);
        let routing = RoutingRule {
            scoring: Scoring::Sigmoid,
            correction: Correction::Vector,
            groups: GroupedRouting::of(self.groups(&mut reader)),
            sum_plus: 1e-20,
            scale: reader.positive_single("routed_scaling_factor").unwrap_or(1.0),
            ..RoutingRule::SOFTMAX
        };
        let geometry = Geometry {
            experts: reader.experts(self.expert_count_keys(), MAX_EXPERTS),
            top_k: reader.dimension("num_experts_per_tok"),
            expert_intermediate,
            dense_intermediate: if sparse.contains(&false) { Some(reader.dimension("intermediate_size")) } else { None },
            sparse,
            rotary: Rotary { width: turned(plain.head_dim, rope.partial.unwrap_or(0.5)), ..plain.rotary },
            norm_topk: reader.flag("norm_topk_prob", true),
            routing,
            shared: Some(SharedExpert { intermediate: shared.saturating_mul(expert_intermediate), gated: false }),
            qk_norm: if reader.flag("use_qk_norm", false) { QkNorm::PerHead } else { QkNorm::None },
            attention_bias: AttentionBias::when(bias, AttentionBias::Inputs),
            ..plain
        };
        reader.require(
            geometry.rotary.width.is_multiple_of(2),
            "partial_rotary_factor",
            "an even number of turned values",
            geometry.rotary.width,
        );
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
