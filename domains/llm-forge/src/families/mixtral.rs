//! Mixtral (`MixtralForCausalLM`).
//!
//! # Source
//! `configuration_mixtral.py` and `modeling_mixtral.py` of Hugging Face transformers.

use serde_json::Value;

use super::config::ConfigReader;
use super::layout::{BESIDE, OUTSIDE};
use super::names::Naming;
use super::{ExpertLayout, Family, FamilyError, Forward, Geometry, Rule};

/// The `mixtral` family: every layer sparse, the selected weights always renormalised, no norm of query and key.
#[derive(Debug)]
pub struct Mixtral;

/// `w1` is the gate, `w3` the up and `w2` the down projection.
pub(super) const NAMING: Naming = Naming { block: "block_sparse_moe", expert: ["w1", "w3", "w2"], ..Naming::MLP };

pub(super) static LAYOUT: ExpertLayout = ExpertLayout {
    id: "block_sparse_moe-unfused",
    layers: &["model.layers."],
    next_token_layers: &[],
    block: "block_sparse_moe",
    rules: &[
        Rule::router("gate.weight"),
        Rule::expert("experts.{}.w1.weight"),
        Rule::expert("experts.{}.w2.weight"),
        Rule::expert("experts.{}.w3.weight"),
    ],
    beside: BESIDE,
    outside: OUTSIDE,
};

impl Family for Mixtral {
    fn architecture(&self) -> &'static str {
        "mixtral"
    }

    fn class(&self) -> &'static str {
        "MixtralForCausalLM"
    }

    fn layout(&self) -> &'static ExpertLayout {
        &LAYOUT
    }

    fn expert_count_keys(&self) -> &'static [&'static str] {
        &["num_local_experts", "num_experts"]
    }

    fn forward(&self) -> Option<&'static dyn Forward> {
        Some(&Mixtral)
    }
}

impl Forward for Mixtral {
    fn geometry(&self, config: &Value) -> Result<Geometry, FamilyError> {
        let mut reader = ConfigReader::new(self.architecture(), config);
        let plain = Geometry::plain(&mut reader, 1_000_000.0).routed(&mut reader, self, "intermediate_size");
        let geometry = Geometry { norm_topk: true, sliding_window: reader.optional_dimension("sliding_window"), ..plain };
        super::checked(reader, geometry)
    }

    fn naming(&self) -> &'static Naming {
        &NAMING
    }
}
