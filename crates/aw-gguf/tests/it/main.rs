//! Blocks against ggml's own, files against hostile bytes, and mixes against llama.cpp.

mod blocks;
