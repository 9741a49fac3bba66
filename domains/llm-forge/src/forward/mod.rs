//! The forward pass of every family, layer by layer over many sequences at once.
//!
//! A *wave* of whole sequences is pushed through layer 0, then layer 1, and so on; each layer's weights are read a few rows at a
//! time when they are multiplied with, and never kept. Memory is the wave's hidden states plus small buffers, whatever the size
//! of the model or of the corpus. Everything is computed in f32 from the weights as stored.
//!
//! # Determinism
//! Results do not depend on the instruction set, the number of threads, or the size of the wave: see [`kernels`], and note that
//! experts' outputs are added in ascending order of expert whichever thread computed them.
//!
//! # Source
//! The reference implementations' `modeling_olmoe.py`, `modeling_qwen3_moe.py` and `modeling_mixtral.py` (transformers 5.23).

mod attention;
mod cache;
mod decode;
mod engine;
mod error;
mod experts;
mod feed_forward;
mod head;
mod inputs;
pub mod kernels;
mod mask;
mod norm;
mod observer;
mod options;
mod rope;
mod router;
mod score;
mod wave;
mod weights;
mod work;

pub use decode::{GenerateSettings, generate, generate_all};
pub use engine::Engine;
pub use error::ForwardError;
pub use head::{Head, SequenceLoss};
pub use mask::{ExpertMask, MaskError};
pub use observer::{Observer, Unobserved, Visit};
pub use options::Options;
pub use router::Routing;
pub use score::{Continuation, compare_log_probs, score_continuations, visit_log_probs};
pub use wave::Wave;

#[cfg(test)]
pub(crate) mod tests {
    use crate::families::{AttentionBias, ExpertForm, Geometry, Multipliers, Norms, QkNorm, Rotary, RoutingRule};

    /// The plainest geometry, for tests that change what they are about.
    pub(crate) fn geometry() -> Geometry {
        Geometry {
            layers: 1,
            hidden: 8,
            vocab: 16,
            heads: 2,
            kv_heads: 2,
            head_dim: 4,
            value_dim: 4,
            experts: 4,
            top_k: 2,
            expert_intermediate: 4,
            dense_intermediate: None,
            sparse: vec![true],
            rms_eps: 1e-5,
            norms: Norms::Rms,
            rope_theta: 1e4,
            rotary: Rotary { width: 4, interleaved: false, yarn: None },
            norm_topk: false,
            routing: RoutingRule::SOFTMAX,
            shared: None,
            expert_form: ExpertForm::Separate,
            qk_norm: QkNorm::None,
            clip_qkv: None,
            attention_bias: AttentionBias::None,
            attention_scale: 0.5,
            latent: None,
            sliding_window: None,
            multipliers: Multipliers::ONE,
            tie_embeddings: false,
            output_bias: false,
            max_positions: 64,
        }
    }
}
