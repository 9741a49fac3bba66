//! GPT-OSS (`GptOssForCausalLM`).
//!
//! # Source
//! `configuration_gpt_oss.py` and `modeling_gpt_oss.py` of Hugging Face transformers. Published checkpoints hold the
//! experts in MXFP4: two values of four bits in a byte of `_blocks`, an exponent for every 32 of them in `_scales`.

use super::layout::{BESIDE, OUTSIDE};
use super::{ExpertLayout, Family, Need, Rule};

/// The `gpt_oss` family: all experts of a layer in one tensor per projection, with biases; gate and up interleaved.
#[derive(Debug)]
pub struct GptOss;

static LAYOUT: ExpertLayout = ExpertLayout {
    id: "gpt-oss-fused",
    layers: &["model.layers."],
    next_token_layers: &[],
    block: "mlp",
    rules: &[
        Rule::router("router.weight"),
        Rule::per_expert("router.bias", 0),
        Rule::fused("experts.gate_up_proj", 0).needed(Need::Without("experts.gate_up_proj_blocks")),
        Rule::fused("experts.gate_up_proj_blocks", 0).needed(Need::Never).parameters(2),
        Rule::fused("experts.gate_up_proj_scales", 0).needed(Need::With("experts.gate_up_proj_blocks")).parameters(0),
        Rule::fused("experts.gate_up_proj_bias", 0),
        Rule::fused("experts.down_proj", 0).needed(Need::Without("experts.down_proj_blocks")),
        Rule::fused("experts.down_proj_blocks", 0).needed(Need::Never).parameters(2),
        Rule::fused("experts.down_proj_scales", 0).needed(Need::With("experts.down_proj_blocks")).parameters(0),
        Rule::fused("experts.down_proj_bias", 0),
    ],
    beside: BESIDE,
    outside: OUTSIDE,
};

impl Family for GptOss {
    fn architecture(&self) -> &'static str {
        "gpt_oss"
    }

    fn class(&self) -> &'static str {
        "GptOssForCausalLM"
    }

    fn layout(&self) -> &'static ExpertLayout {
        &LAYOUT
    }

    fn expert_count_keys(&self) -> &'static [&'static str] {
        &["num_local_experts", "num_experts"]
    }
}
