//! GLM-4 mixture of experts (`Glm4MoeForCausalLM`).
//!
//! # Source
//! `configuration_glm4_moe.py` and `modeling_glm4_moe.py` of Hugging Face transformers. Published checkpoints hold a
//! next-token-prediction layer behind the decoder's, which the reference leaves aside and other runtimes use.

use serde_json::Value;

use super::deepseek_v3::{LAYOUT, NAMING};
use super::geometry::turned;
use super::rope::RopeForms;
use super::{
    AttentionBias, ConfigReader, Correction, ExpertLayout, Family, FamilyError, Forward, Geometry, GroupedRouting, Groups,
    Naming, QkNorm, Rotary, RoutingRule, Scoring, sparse,
};

/// The `glm4_moe` family: experts named, stored and routed as DeepSeek-V3's, with ordinary attention.
#[derive(Debug)]
pub struct Glm4Moe;

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
        let plain = Geometry::with_theta(&mut reader, rope.theta).routed(&mut reader, self, "moe_intermediate_size");
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
            rotary: Rotary { width: turned(plain.head_dim, rope.partial.unwrap_or(0.5)), ..plain.rotary },
            norm_topk: reader.flag("norm_topk_prob", true),
            routing,
            shared: Some(plain.shared_experts(shared)),
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
        super::checked(reader, geometry)
    }

    fn naming(&self) -> &'static Naming {
        &NAMING
    }
}
