//! Which type each tensor of a file gets: the choice that llama.cpp makes for its named file types.
//!
//! The rules are those of `llama_tensor_get_type` and `tensor_allows_quantization` in `src/llama-quant.cpp` of build b11434, for
//! the file types of [`FileType`] and without overrides. They depend on names, on the number of layers, experts and heads, and on
//! the order in which llama.cpp visits the tensors.

mod file_type;
mod rules;

pub use file_type::FileType;

use crate::{Array, Metadata, TensorSpec, TensorType, Value};

/// What the rules ask of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// `general.architecture`.
    pub architecture: String,
    /// `<architecture>.block_count`: all layers, those that predict further tokens included.
    pub layers: u64,
    /// `<architecture>.expert_count`; 0 for a dense model.
    pub experts: u64,
    /// Attention heads of the first layer.
    pub heads: u64,
    /// Key and value heads of the first layer; 0 where it has no attention.
    pub kv_heads: u64,
}

/// Why no types could be chosen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MixError {
    /// A metadata key is missing or not a whole number.
    #[error("metadata key `{key}`: expected {expected}, got {got}")]
    Key {
        /// The key.
        key: String,
        /// What would be right.
        expected: &'static str,
        /// What is there.
        got: String,
    },
    /// A tensor of a feed-forward block does not say its layer, or one that the model does not have.
    #[error("tensor `{name}`: expected a name that begins with `blk.N.`, where N is below {layers}")]
    Layer {
        /// The tensor.
        name: String,
        /// Layers of the model.
        layers: u64,
    },
    /// A tensor without dimensions.
    #[error("tensor `{name}`: expected at least one dimension")]
    Dims {
        /// The tensor.
        name: String,
    },
}

impl Model {
    /// Reads what the rules ask from the metadata of a file.
    ///
    /// # Errors
    /// [`MixError::Key`] names a key that is missing or of the wrong type.
    pub fn from_metadata(metadata: &Metadata) -> Result<Self, MixError> {
        let architecture = match metadata.get("general.architecture") {
            Some(Value::String(name)) => name.clone(),
            other => return Err(wrong_key("general.architecture", "a string", other)),
        };
        let number = |suffix: &str, default: Option<u64>| {
            let key = format!("{architecture}.{suffix}");
            match (metadata.get(&key), default) {
                (None, Some(value)) => Ok(value),
                (other, _) => other.and_then(first_number).ok_or_else(|| wrong_key(&key, "a whole number", other)),
            }
        };
        let heads = number("attention.head_count", Some(0))?;
        Ok(Self {
            layers: number("block_count", None)?,
            experts: number("expert_count", Some(0))?,
            heads,
            kv_heads: number("attention.head_count_kv", Some(heads))?,
            architecture,
        })
    }
}

/// A number, or the first of a list that has one for each layer.
fn first_number(value: &Value) -> Option<u64> {
    match value {
        Value::Array(Array::U32(items)) => items.first().map(|item| u64::from(*item)),
        Value::Array(Array::I32(items)) => items.first().and_then(|item| u64::try_from(*item).ok()),
        other => other.as_u64(),
    }
}

fn wrong_key(key: &str, expected: &'static str, got: Option<&Value>) -> MixError {
    let got = got.map_or("nothing".to_owned(), |value| format!("a value of type {}", value.type_name()));
    MixError::Key { key: key.to_owned(), expected, got }
}

/// Chooses the type of every tensor.
///
/// `tensors` have the types of the unquantised file: tensors that are never quantised (norms, routers, one dimension) keep them.
/// An importance matrix makes no difference to these file types.
///
/// # Errors
/// [`MixError`] names a tensor that does not fit the model.
pub fn choose(file_type: FileType, model: &Model, tensors: &[TensorSpec]) -> Result<Vec<TensorType>, MixError> {
    rules::choose(file_type, model, tensors)
}
