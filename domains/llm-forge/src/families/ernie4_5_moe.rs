//! ERNIE 4.5 mixture of experts (`Ernie4_5_MoeForCausalLM`).
//!
//! # Source
//! `configuration_ernie4_5_moe.py` and `modeling_ernie4_5_moe.py` of Hugging Face transformers.

use serde_json::Value;

use super::layout::{BESIDE, OUTSIDE};
use super::names::{Naming, PROJECTIONS};
use super::{
    ConfigReader, Correction, ExpertLayout, Family, FamilyError, Forward, Geometry, MAX_EXPERTS, MAX_LAYERS, Rotary, RoutingRule,
    Rule,
};

/// The `ernie4_5_moe` family: dense layers where the config says, shared experts, a correction of the routing scores as a row.
#[derive(Debug)]
pub struct Ernie45Moe;

const NAMING: Naming = Naming {
    correction: Some("moe_statics.e_score_correction_bias"),
    shared: Some("shared_experts"),
    dense: Some(("mlp", PROJECTIONS)),
    ..Naming::MLP
};

static LAYOUT: ExpertLayout = ExpertLayout {
    id: "ernie-routed-shared-corrected",
    layers: &["model.layers."],
    next_token_layers: &[],
    block: "mlp",
    rules: &[
        Rule::router("gate.weight"),
        Rule::per_expert("moe_statics.e_score_correction_bias", 1),
        Rule::expert("experts.{}.gate_proj.weight"),
        Rule::expert("experts.{}.up_proj.weight"),
        Rule::expert("experts.{}.down_proj.weight"),
        Rule::shared("shared_experts.*"),
    ],
    beside: BESIDE,
    outside: OUTSIDE,
};

impl Family for Ernie45Moe {
    fn architecture(&self) -> &'static str {
        "ernie4_5_moe"
    }

    fn class(&self) -> &'static str {
        "Ernie4_5_MoeForCausalLM"
    }

    fn layout(&self) -> &'static ExpertLayout {
        &LAYOUT
    }

    fn expert_count_keys(&self) -> &'static [&'static str] {
        &["moe_num_experts", "num_experts", "num_local_experts"]
    }

    fn top_k_key(&self) -> &'static str {
        "moe_k"
    }

    /// Every `moe_layer_interval`-th layer from `moe_layer_start_index` to `moe_layer_end_index`, which may be -1 for the last.
    fn sparse(&self, reader: &mut ConfigReader<'_>, layers: usize) -> Vec<bool> {
        let start = reader.whole("moe_layer_start_index", MAX_LAYERS).unwrap_or(1);
        let interval = reader.optional_count("moe_layer_interval", MAX_LAYERS).unwrap_or(1);
        let to_the_last = reader.get("moe_layer_end_index").is_none_or(|end| end.as_i64() == Some(-1));
        let end = if to_the_last { None } else { reader.whole("moe_layer_end_index", MAX_LAYERS) };
        let sparse = |layer: usize| (layer + 1).is_multiple_of(interval) && layer >= start && end.is_none_or(|end| layer <= end);
        (0..layers).map(sparse).collect()
    }

    fn forward(&self) -> Option<&'static dyn Forward> {
        Some(&Ernie45Moe)
    }
}

impl Forward for Ernie45Moe {
    fn geometry(&self, config: &Value) -> Result<Geometry, FamilyError> {
        let mut reader = ConfigReader::new(self.architecture(), config);
        let plain = Geometry::plain(&mut reader, 500_000.0).routed(&mut reader, self, "moe_intermediate_size");
        if reader.flag("use_bias", false) {
            reader.unsupported("use_bias", &Value::Bool(true), "false: projections without a bias");
        }
        let shared = reader.whole("moe_num_shared_experts", MAX_EXPERTS).unwrap_or(2);
        let sum_at_least = reader.positive_single("moe_norm_min").unwrap_or(1e-12);
        let geometry = Geometry {
            rotary: Rotary { interleaved: true, ..plain.rotary },
            norm_topk: true,
            routing: RoutingRule { correction: Correction::Row, sum_at_least, ..RoutingRule::SOFTMAX },
            shared: (shared > 0).then(|| plain.shared_experts(shared)),
            tie_embeddings: reader.flag("tie_word_embeddings", true),
            ..plain
        };
        super::checked(reader, geometry)
    }

    fn naming(&self) -> &'static Naming {
        &NAMING
    }
}
