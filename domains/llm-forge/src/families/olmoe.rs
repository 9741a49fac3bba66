//! OLMoE (`OlmoeForCausalLM`).
//!
//! # Source
//! `configuration_olmoe.py` and `modeling_olmoe.py` of Hugging Face transformers.

use serde_json::Value;

use super::config::ConfigReader;
use super::names::Naming;
use super::qwen3_moe::LAYOUT;
use super::{AttentionBias, ExpertLayout, Family, FamilyError, Forward, Geometry, QkNorm};

/// The `olmoe` family: every layer sparse, query and key normalised over their full width.
#[derive(Debug)]
pub struct Olmoe;

const NAMING: Naming = Naming::MLP;

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
        let plain = Geometry::plain(&mut reader, 10_000.0).routed(&mut reader, self, "intermediate_size");
        if let Some(window) = reader.get("sliding_window") {
            reader.unsupported("sliding_window", window, "none: the reference attends to the whole sequence");
        }
        let clip_qkv = reader.positive_single("clip_qkv");
        let geometry = Geometry {
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
        super::checked(reader, geometry)
    }

    fn naming(&self) -> &'static Naming {
        &NAMING
    }
}
