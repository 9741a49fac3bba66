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
mod engine;
mod error;
mod experts;
mod head;
pub mod kernels;
mod mask;
mod observer;
mod options;
mod rope;
mod routing;
mod wave;
mod weights;
mod work;

pub use engine::Engine;
pub use error::ForwardError;
pub use head::{Head, SequenceLoss};
pub use mask::{ExpertMask, MaskError};
pub use observer::{Observer, Unobserved, Visit};
pub use options::Options;
pub use routing::Routing;
pub use wave::Wave;
