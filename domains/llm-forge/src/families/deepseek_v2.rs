//! DeepSeek-V2 (`DeepseekV2ForCausalLM`).
//!
//! # Source
//! `configuration_deepseek_v2.py` and `modeling_deepseek_v2.py` of Hugging Face transformers.

use super::layout::{BESIDE, OUTSIDE};
use super::{ConfigReader, ExpertLayout, Family, Groups, Rule, sparse};

/// The `deepseek_v2` family: dense layers first, shared experts beside the routed ones, routing limited to groups in the large
/// model.
#[derive(Debug)]
pub struct DeepseekV2;

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
}
