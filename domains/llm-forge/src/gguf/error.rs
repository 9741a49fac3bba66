//! Why a model cannot be written as GGUF.

use std::io;
use std::path::PathBuf;

use crate::checkpoint::{CheckpointError, Dtype};

/// Why a model cannot be written as GGUF.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GgufError {
    /// llama.cpp has no place for this family here.
    #[error("architecture `{architecture}` cannot be written as GGUF; those that can: {}", super::writable().join(", "))]
    Family {
        /// The `model_type`.
        architecture: String,
    },
    /// A field of the config is missing or wrong.
    #[error("config.json: `{field}`: expected {expected}, got {got}")]
    Field {
        /// Which.
        field: String,
        /// What would be right.
        expected: String,
        /// What is there, as JSON.
        got: String,
    },
    /// The config asks for something llama.cpp does not do for this architecture.
    #[error("config.json: `{field}` is {got}; llama.cpp's `{architecture}` computes {computes}")]
    Unsupported {
        /// llama.cpp's architecture.
        architecture: &'static str,
        /// Which field.
        field: String,
        /// What is there, as JSON.
        got: String,
        /// What llama.cpp does whatever the field says.
        computes: &'static str,
    },
    /// A tensor has no place in the file.
    #[error("tensor `{tensor}` has no place in a GGUF file of architecture `{architecture}`")]
    NoPlace {
        /// The tensor.
        tensor: String,
        /// llama.cpp's architecture.
        architecture: &'static str,
    },
    /// A tensor has a shape its place does not take.
    #[error("tensor `{tensor}` has shape {shape:?}; expected {expected}")]
    Shape {
        /// The tensor.
        tensor: String,
        /// Its shape.
        shape: Vec<u64>,
        /// What would be right.
        expected: String,
    },
    /// A tensor's elements cannot be read.
    #[error(
        "tensor `{tensor}` is stored as {dtype}; expected F32, F16, BF16, FP8 (F8_E4M3) with `weight_scale_inv` beside it, or MXFP4 \
             blocks with their scales\nhint: convert the checkpoint to BF16 first"
    )]
    Stored {
        /// The tensor.
        tensor: String,
        /// How it is stored.
        dtype: Dtype,
    },
    /// Experts of a layer are missing.
    #[error("`{tensor}` is made of {expected} experts, the checkpoint has {got} of them")]
    Experts {
        /// The tensor of the GGUF file.
        tensor: String,
        /// How many there should be.
        expected: u64,
        /// How many there are.
        got: u64,
    },
    /// A row is longer than can be held.
    #[error("`{tensor}` has rows of {elements} elements; at most {limit} are handled")]
    Row {
        /// The tensor of the GGUF file.
        tensor: String,
        /// Its row length.
        elements: u64,
        /// The limit.
        limit: u64,
    },
    /// The tokenizer cannot be written.
    #[error("{message}")]
    Vocabulary {
        /// What is wrong, and where.
        message: String,
    },
    /// llama.cpp splits text in ways it has names for; this tokenizer's way has none that is known.
    #[error(
        "`tokenizer.json` splits text in a way that llama.cpp has no known name for (its probe text gives {hash})\nhint: name one \
         in `preTokenizer`: {}",
        super::vocabulary::PRE_TOKENIZERS.join(", ")
    )]
    PreTokenizer {
        /// SHA-256 of the probe text's tokens, as llama.cpp computes it.
        hash: String,
    },
    /// A file of the model cannot be read.
    #[error("cannot read `{path}`: {source}", path = path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The checkpoint cannot be read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The file's layout was refused.
    #[error("the GGUF file cannot be laid out: {0}")]
    Layout(#[from] aw_gguf::LayoutError),
    /// No types could be chosen.
    #[error("no tensor types can be chosen: {0}")]
    Mix(#[from] aw_gguf::mix::MixError),
    /// A tensor cannot be stored in its type.
    #[error("tensor `{tensor}`: {source}")]
    Quantize {
        /// The tensor of the GGUF file.
        tensor: String,
        /// The reason; its row is counted within a part of the tensor.
        source: aw_gguf::QuantizeError,
    },
    /// The file cannot be written.
    #[error("cannot write the GGUF file: {0}")]
    Write(#[from] aw_gguf::WriteError),
    /// An importance matrix does not fit the model.
    #[error("the importance matrix has {got} columns for `{tensor}`, expected {expected}")]
    Importance {
        /// The tensor of the GGUF file.
        tensor: String,
        /// Its row length.
        expected: u64,
        /// What the matrix has.
        got: u64,
    },
    /// An importance matrix is of a model with another number of experts.
    #[error(
        "the importance matrix has {got} experts for `{tensor}`, expected {expected}\nhint: gather it on the model that is quantised"
    )]
    ImportanceExperts {
        /// The tensor of the GGUF file.
        tensor: String,
        /// Its matrices.
        expected: u64,
        /// What the matrix has.
        got: u64,
    },
    /// The caller wants no more.
    #[error("cancelled")]
    Cancelled,
}
