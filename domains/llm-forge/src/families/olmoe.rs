//! OLMoE (`OlmoeForCausalLM`).
//!
//! # Source
//! `configuration_olmoe.py` and `modeling_olmoe.py` of Hugging Face transformers.

use serde_json::Value;

use super::config::ConfigReader;
use super::layout::{BESIDE, OUTSIDE};
use super::names::Naming;
use super::{AttentionBias, ExpertLayout, Family, FamilyError, Forward, Geometry, MAX_EXPERTS, QkNorm, Role, Rule};

/// The `olmoe` family: every layer sparse, query and key normalised over their full width.
#[derive(Debug)]
pub struct Olmoe;

const NAMING: Naming = Naming::MLP;

static LAYOUT: ExpertLayout = ExpertLayout {
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

impl Family for Olmoe {
    fn architecture(&self) -> &'static str {
        "olmoe"
    }

    fn class(&self) -> &'static str {
        "OlmoeForCausalLM"
    }

    fn layout(&self) -> &'static ExpertLayout {
        &LAYOUT
    }

    fn expert_count_keys(&self) -> &'static [&'static str] {
        &["num_experts", "num_local_experts"]
    }

    fn forward(&self) -> Option<&'static dyn Forward> {
        Some(&Olmoe)
    }
}

impl Forward for Olmoe {
    fn geometry(&self, config: &Value) -> Result<Geometry, FamilyError> {
        let mut reader = ConfigReader::new(self.architecture(), config);
        let plain = Geometry::plain(&mut reader, 10_000.0);
        if let Some(window) = reader.get("sliding_window") {
            reader.unsupported("sliding_window", window, "none: the reference attends to the whole sequence");
        }
        let clip_qkv = reader.positive_single("clip_qkv");
        let geometry = Geometry {
            experts: reader.experts(self.expert_count_keys(), MAX_EXPERTS),
            top_k: reader.dimension("num_experts_per_tok"),
            expert_intermediate: reader.dimension("intermediate_size"),
            norm_topk: reader.flag("norm_topk_prob", false),
            qk_norm: QkNorm::FullWidth,
            clip_qkv,
            attention_bias: AttentionBias::when(reader.flag("attention_bias", false), AttentionBias::All),
            ..plain
        };
        // The norm over the full query is built at the hidden width, so no other head width can be run.
        if reader.clean() {
            let Geometry { hidden, heads, .. } = geometry;
            let expected = format!("hidden_size / num_attention_heads = {hidden} / {heads}");
            reader.require(geometry.head_dim * heads == hidden, "head_dim", &expected, geometry.head_dim);
        }
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
