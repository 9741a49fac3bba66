//! Blocks against ggml's own, files against hostile bytes, and mixes against llama.cpp.

mod blocks;
mod format;
mod llama_cpp;
mod mixes;
mod models;
