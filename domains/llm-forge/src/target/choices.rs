//! What derived stages are given where neither source nor target says it. They show it; whoever wants otherwise writes the stages out.

/// How positions are stretched.
pub(super) const EXTEND_METHOD: &str = "yarn";
/// How attention heads are ranked.
pub(super) const HEAD_STRATEGY: &str = "entropy";
/// How experts are ranked.
pub(super) const EXPERT_STRATEGY: &str = "calibration-aware-activation-count";
/// The encoder that reads each modality.
pub(super) const ENCODERS: [(&str, &str); 2] =
    [("vision", "openai/clip-vit-large-patch14"), ("audio", "openai/whisper-large-v3")];
/// The format of weights that are not quantised.
pub(super) const PLAIN_FORMAT: &str = "safetensors";
/// The format of quantised tiers when the target names none.
pub(super) const TIER_FORMAT: &str = "gguf";
/// The benchmark that is measured on the recipe's own corpora.
pub(super) const PERPLEXITY: &str = "perplexity";
