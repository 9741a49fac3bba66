//! Llama 4, its text model (`Llama4ForCausalLM`).
//!
//! # Source
//! `configuration_llama4.py` and `modeling_llama4.py` of Hugging Face transformers. Published checkpoints hold the text
//! model under `language_model.` beside a vision tower, and its config as `text_config`.

use super::layout::BESIDE;
use super::{ConfigReader, ExpertLayout, Family, MAX_LAYERS, Rule};

/// The `llama4_text` family: all experts of a layer in two tensors of transposed projections, beside a shared expert.
#[derive(Debug)]
pub struct Llama4Text;

static LAYOUT: ExpertLayout = ExpertLayout {
    id: "llama4-fused-shared",
    layers: &["model.layers.", "language_model.model.layers."],
    next_token_layers: &[],
    block: "feed_forward",
    rules: &[
        Rule::router("router.weight"),
        Rule::fused("experts.gate_up_proj", 0),
        Rule::fused("experts.down_proj", 0),
        Rule::shared("shared_expert.*"),
    ],
    beside: BESIDE,
    outside: &[
        "model.embed_tokens.",
        "model.norm.",
        "lm_head.",
        "language_model.model.embed_tokens.",
        "language_model.model.norm.",
        "language_model.lm_head.",
        "vision_model.",
        "multi_modal_projector.",
    ],
};

impl Family for Llama4Text {
    fn architecture(&self) -> &'static str {
        "llama4_text"
    }

    fn class(&self) -> &'static str {
        "Llama4ForCausalLM"
    }

    fn layout(&self) -> &'static ExpertLayout {
        &LAYOUT
    }

    fn expert_count_keys(&self) -> &'static [&'static str] {
        &["num_local_experts", "num_experts"]
    }

    /// The layers listed in `moe_layers`, else every `interleave_moe_layer_step`-th.
    fn sparse(&self, reader: &mut ConfigReader<'_>, layers: usize) -> Vec<bool> {
        if let Some(listed) = reader.layer_list("moe_layers", layers) {
            return (0..layers).map(|layer| listed.contains(&layer)).collect();
        }
        let step = reader.optional_count("interleave_moe_layer_step", MAX_LAYERS).unwrap_or(1);
        (0..layers).map(|layer| (layer + 1).is_multiple_of(step)).collect()
    }
}
