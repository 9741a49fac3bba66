//! OLMoE (`OlmoeForCausalLM`).
//!
//! # Source
//! `configuration_olmoe.py` and `modeling_olmoe.py` of Hugging Face transformers.

use serde_json::Value;

use super::config::ConfigReader;
use super::layout::{BESIDE, OUTSIDE};
use super::names::Naming;
use super::{ExpertLayout, Family, FamilyError, Forward, Geometry, MAX_EXPERTS, MAX_LAYERS, QkNorm, Role, Rule};

/// The `olmoe` family: every layer sparse, query and key normalised over their full width.
#[derive(Debug)]
pub struct Olmoe;

const NAMING: Naming = Naming { block: "mlp", expert: ["gate_proj", "up_proj", "down_proj"], dense: None };

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
        let layers = reader.count("num_hidden_layers", MAX_LAYERS);
        let hidden = reader.dimension("hidden_size");
        let heads = reader.dimension("num_attention_heads");
        reader.silu();
        reader.unquantised();
        if let Some(window) = reader.get("sliding_window") {
            reader.unsupported("sliding_window", window, "none: the reference attends to the whole sequence");
        }
        let clip_qkv = reader.positive_single("clip_qkv");
        let geometry = Geometry {
            layers,
            hidden,
            vocab: reader.dimension("vocab_size"),
            heads,
            kv_heads: reader.optional_dimension("num_key_value_heads").unwrap_or(heads),
            head_dim: reader.optional_dimension("head_dim").unwrap_or(hidden / heads),
            experts: reader.experts(self.expert_count_keys(), MAX_EXPERTS),
            top_k: reader.dimension("num_experts_per_tok"),
            expert_intermediate: reader.dimension("intermediate_size"),
            dense_intermediate: None,
            sparse: vec![true; layers],
            rms_eps: reader.rms_eps(),
            rope_theta: reader.rope_theta(10_000.0),
            norm_topk: reader.flag("norm_topk_prob", false),
            qk_norm: QkNorm::FullWidth,
            clip_qkv,
            attention_bias: reader.flag("attention_bias", false),
            sliding_window: None,
            tie_embeddings: reader.flag("tie_word_embeddings", false),
            max_positions: reader.dimension("max_position_embeddings"),
        };
        // The norm over the full query is built at the hidden width, so no other head width can be run.
        if reader.clean() {
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
