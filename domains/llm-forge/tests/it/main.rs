//! Behaviour of the language-model forge, seen from outside.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

mod anchors;
mod checkpoint;
mod comparison;
mod decode;
mod evaluation;
mod families;
mod forward;
mod gguf;
mod golden;
mod hostile;
mod inputs;
mod layouts;
mod perplexity;
mod planning;
mod profile;
mod prune;
mod synthetic;
mod table;
mod violations;
mod vocabulary;
