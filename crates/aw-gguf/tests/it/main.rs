//! Blocks against ggml's own, files against hostile bytes, and mixes against llama.cpp.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

mod blocks;
mod format;
mod llama_cpp;
mod mixes;
mod models;
