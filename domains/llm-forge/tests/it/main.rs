//! Behaviour of the language-model forge, seen from outside.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]
#![allow(clippy::disallowed_methods, reason = "the platform's logarithm is an independent one here, held to within a tolerance")]

mod anchors;
mod checkpoint;
mod comparison;
mod decode;
mod evaluation;
mod families;
mod forward;
mod gguf;
mod gguf_families;
mod gguf_importance;
mod golden;
mod harness;
mod hostile;
mod inputs;
mod layouts;
#[cfg(feature = "llama-cpp-linked")]
mod linked;
mod perplexity;
mod planning;
mod profile;
mod prune;
mod synthetic;
mod table;
mod violations;
mod vocabulary;
