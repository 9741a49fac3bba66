//! Why a forward pass stopped.

use crate::checkpoint::{CheckpointError, Dtype};
use crate::families::NotRunnable;

/// Why a forward pass stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ForwardError {
    /// An option that must be positive is zero.
    #[error("option `{name}`: expected at least 1, got 0")]
    Option {
        /// The option.
        name: &'static str,
    },
    /// The model cannot be run.
    #[error(transparent)]
    NotRunnable(#[from] NotRunnable),
    /// Weights could not be read.
    #[error("cannot read the weights of `{tensor}`: {source}")]
    Weights {
        /// On-disk name.
        tensor: String,
        /// Why.
        source: CheckpointError,
    },
    /// The checkpoint has no such tensor.
    #[error("the checkpoint has no tensor `{tensor}`, which the model's geometry asks for")]
    Missing {
        /// On-disk name.
        tensor: String,
    },
    /// A tensor has another shape than the geometry asks for.
    #[error("tensor `{tensor}`: expected shape {expected:?}, got {got:?}")]
    Shape {
        /// On-disk name.
        tensor: String,
        /// The shape the geometry asks for.
        expected: Vec<u64>,
        /// The shape in the header.
        got: Vec<u64>,
    },
    /// A tensor's element type is none the forward pass computes with.
    #[error(
        "tensor `{tensor}` is stored as {dtype}, expected BF16, F16 or F32\nhint: quantised weights have to be widened first"
    )]
    Dtype {
        /// On-disk name.
        tensor: String,
        /// The stored type.
        dtype: Dtype,
    },
    /// A sequence has no tokens.
    #[error("sequence {sequence} has no tokens")]
    Empty {
        /// Which sequence, from zero.
        sequence: u64,
    },
    /// A sequence is longer than the model's context.
    #[error("sequence {sequence} has {tokens} tokens, but the model declares {limit} positions\nhint: lower the maximum length")]
    TooLong {
        /// Which sequence, from zero.
        sequence: u64,
        /// Its length.
        tokens: usize,
        /// What the config declares.
        limit: usize,
    },
    /// A continuation does not lie inside its sequence, behind at least one token.
    #[error("sequence {sequence} has {tokens} tokens and a continuation from token {from}, expected one from 1 to {}", tokens.saturating_sub(1))]
    Continuation {
        /// Which sequence, from zero.
        sequence: u64,
        /// Its length.
        tokens: usize,
        /// Where its continuation starts.
        from: usize,
    },
    /// Two models to compare have vocabularies of different sizes.
    #[error("the models to compare have vocabularies of {first} and {second} tokens, expected equal ones")]
    Vocabularies {
        /// Size of the first model's.
        first: usize,
        /// Size of the second model's.
        second: usize,
    },
    /// A token is not in the model's vocabulary.
    #[error(
        "sequence {sequence}, position {position}: token {token} is not in the model's vocabulary of {vocab}\nhint: the tokenizer does not match the model"
    )]
    Vocabulary {
        /// Which sequence, from zero.
        sequence: u64,
        /// Which position, from zero.
        position: usize,
        /// The token.
        token: u32,
        /// Size of the vocabulary.
        vocab: usize,
    },
    /// A value that must be finite is not.
    #[error(
        "sequence {sequence}, position {position}: the {what} is not finite ({place})\nhint: the weights hold infinities or overflow f32"
    )]
    NotFinite {
        /// Which sequence, from zero.
        sequence: u64,
        /// Which position, from zero.
        position: usize,
        /// What is not finite.
        what: &'static str,
        /// Where in the model.
        place: Place,
    },
    /// The progress hook asked to stop.
    #[error("cancelled after {done} of {total} sequence-layers")]
    Cancelled {
        /// What was done.
        done: u64,
        /// Of how much.
        total: u64,
    },
}

/// Where in the model something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The embedding.
    Embedding,
    /// A decoder layer, from zero.
    Layer(usize),
    /// The final norm and the output matrix.
    Output,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Place::Embedding => f.write_str("embedding"),
            Place::Layer(layer) => write!(f, "layer {layer}"),
            Place::Output => f.write_str("output"),
        }
    }
}
