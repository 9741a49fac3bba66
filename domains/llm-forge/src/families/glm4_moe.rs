//! GLM-4 mixture of experts (`Glm4MoeForCausalLM`).
//!
//! # Source
//! `configuration_glm4_moe.py` and `modeling_glm4_moe.py` of Hugging Face transformers. Published checkpoints hold a
//! next-token-prediction layer behind the decoder's, which the reference leaves aside and other runtimes use.

use super::layout::OUTSIDE;
use super::{ConfigReader, ExpertLayout, Family, Groups, Need, Rule, sparse};

/// The `glm4_moe` family: routed as DeepSeek-V3, with ordinary attention.
#[derive(Debug)]
pub struct Glm4Moe;

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
}
