//! Compresses mixture-of-experts language models by measuring which experts a task really uses.
//!
//! The domain [`LlmForge`] brings four stage types that run: `expert-activation-profile`, `expert-prune`, `eval` and
//! `package`. Below them the same code is a library: [`checkpoint`] reads safetensors, [`families`] say what a tensor is, [`forward`] runs
//! a model, [`profile`] and [`perplexity`] measure it, [`prune`] writes a smaller one. Planning, caching and signing are `aw-foundry`'s.
//!
//! ```no_run
//! use llm_forge::families::Model;
//! use llm_forge::prune::{DEFAULT_SHARD_BYTES, Selection, Strategy, plan_prune, router_l2};
//!
//! let model = Model::open("checkpoint".as_ref(), Some("olmoe"))?;
//! let selection = Selection::rank(&model.experts, Strategy::RouterGateL2, &router_l2(&model)?, 48)?;
//! let plan = plan_prune(&model, &selection, DEFAULT_SHARD_BYTES)?;
//! println!("{} -> {} bytes", plan.bytes_in, plan.bytes_out);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod card;
pub mod charts;
pub mod checkpoint;
pub mod comparison;
pub mod corpus;
mod domain;
pub mod evaluation;
pub mod families;
pub mod forward;
pub mod gguf;
mod hashes;
mod learned;
pub mod llama_cpp;
mod objections;
pub mod perplexity;
pub mod profile;
pub mod progress;
pub mod prune;
mod ranking;
mod source;
mod stages;
mod target;
pub mod tokenizer;
pub mod tools;
pub mod vocabulary;

pub use aw_alloy::document::hashes::{is_weight_file, model_hash};
#[cfg(feature = "hub")]
pub use aw_hub as hub;
pub use domain::LlmForge;

/// The program as files name it.
pub(crate) const TOOL: &str = concat!("alloyworks llm-forge ", env!("CARGO_PKG_VERSION"));
/// What computes, as files name it.
pub(crate) const RUNTIME: &str = concat!("alloyworks cpu kernels ", env!("CARGO_PKG_VERSION"));
