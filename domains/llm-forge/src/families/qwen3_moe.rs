//! Qwen3 mixture of experts (`Qwen3MoeForCausalLM`).
//!
//! # Source
//! `configuration_qwen3_moe.py` and `modeling_qwen3_moe.py` of Hugging Face transformers.

use serde_json::Value;

use super::config::ConfigReader;
use super::layout::{BESIDE, OUTSIDE};
use super::names::{Naming, PROJECTIONS};
use super::sparse;
use super::{AttentionBias, ExpertLayout, Family, FamilyError, Forward, Geometry, QkNorm, Rule};

/// The `qwen3_moe` family: dense layers may stand between sparse ones, query and key are normalised per head.
#[derive(Debug)]
pub struct Qwen3Moe;

const NAMING: Naming = Naming { dense: Some(("mlp", PROJECTIONS)), ..Naming::MLP };

pub(super) static LAYOUT: ExpertLayout = ExpertLayout {
    id: "mlp-experts-unfused",
    layers: &["model.layers."],
    next_token_layers: &[],
    block: "mlp",
    rules: &[
        Rule::router("gate.weight"),
        Rule::expert("experts.{}.gate_proj.weight"),
        Rule::expert("experts.{}.up_proj.weight"),
        Rule::expert("experts.{}.down_proj.weight"),
    ],
    beside: BESIDE,
    outside: OUTSIDE,
};

impl Family for Qwen3Moe {
    fn architecture(&self) -> &'static str {
        "qwen3_moe"
    }

    fn class(&self) -> &'static str {
        "Qwen3MoeForCausalLM"
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
        Some(&Qwen3Moe)
    }
}

impl Forward for Qwen3Moe {
    fn geometry(&self, config: &Value) -> Result<Geometry, FamilyError> {
        let mut reader = ConfigReader::new(self.architecture(), config);
        let plain = Geometry::plain(&mut reader, 10_000.0).routed(&mut reader, self, "moe_intermediate_size");
        let window_in_use = reader.flag("use_sliding_window", false);
        let geometry = Geometry {
            kv_heads: reader.dimension("num_key_value_heads"),
            norm_topk: reader.flag("norm_topk_prob", false),
            qk_norm: QkNorm::PerHead,
            attention_bias: AttentionBias::when(reader.flag("attention_bias", false), AttentionBias::All),
            sliding_window: if window_in_use { Some(reader.dimension("sliding_window")) } else { None },
            ..plain
        };
        super::checked(reader, geometry)
    }

    fn naming(&self) -> &'static Naming {
        &NAMING
    }
}
