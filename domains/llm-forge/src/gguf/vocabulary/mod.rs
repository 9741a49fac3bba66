//! A model's tokenizer as GGUF metadata.

mod bpe;
mod known;
mod sentencepiece;
mod special;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use aw_gguf::{Metadata, Strings};
use serde::de::DeserializeOwned;

pub use known::PRE_TOKENIZERS;

use super::error::GgufError;
use super::hparams::Hparams;
use super::rules::Vocabulary;

/// Longest tokenizer file accepted, in bytes.
const FILE_BYTES_MAX: u64 = 256 << 20;

/// What a token is, as llama.cpp numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TokenType {
    Normal = 1,
    Unknown = 2,
    Control = 3,
    UserDefined = 4,
    Unused = 5,
    Byte = 6,
}

/// The tokens of a model, by id.
struct Tokens {
    texts: Strings,
    types: Vec<i32>,
    scores: Option<Vec<f32>>,
}

/// Writes a model's vocabulary into the metadata.
///
/// # Source
/// `set_vocab` of `conversion/base.py` of llama.cpp.
pub(crate) fn write(
    folder: &Path,
    kind: Vocabulary,
    hparams: &Hparams,
    pre_tokenizer: Option<&str>,
    metadata: &mut Metadata,
) -> Result<(), GgufError> {
    let size = hparams.count("vocab_size")?;
    if matches!(kind, Vocabulary::SentencePiece | Vocabulary::Phi) && folder.join("tokenizer.model").is_file() {
        let tokens = sentencepiece::read(folder, size, kind)?;
        metadata.set("tokenizer.ggml.model", "llama");
        metadata.set("tokenizer.ggml.pre", "default");
        put(tokens, metadata);
        let settings: serde_json::Value = json(folder, "tokenizer_config.json")?.unwrap_or_default();
        let prefix = settings.get("add_prefix_space").and_then(serde_json::Value::as_bool);
        if let Some(prefix) = prefix.filter(|_| kind == Vocabulary::SentencePiece) {
            metadata.set("tokenizer.ggml.add_space_prefix", prefix);
        }
        return special::write(folder, hparams, false, None, metadata);
    }
    let (tokens, file, pre) = bpe::read(folder, size, pre_tokenizer)?;
    metadata.set("tokenizer.ggml.model", "gpt2");
    metadata.set("tokenizer.ggml.pre", pre);
    put(tokens, metadata);
    special::write(folder, hparams, true, Some((&file, kind)), metadata)
}

fn put(tokens: Tokens, metadata: &mut Metadata) {
    metadata.set("tokenizer.ggml.tokens", tokens.texts);
    if let Some(scores) = tokens.scores {
        metadata.set("tokenizer.ggml.scores", scores);
    }
    metadata.set("tokenizer.ggml.token_type", tokens.types);
}

/// Reads a JSON file of the tokenizer; `None` where there is none.
fn json<T: DeserializeOwned>(folder: &Path, name: &str) -> Result<Option<T>, GgufError> {
    let Some(bytes) = bytes(folder, name)? else { return Ok(None) };
    let parsed = serde_json::from_slice(&bytes);
    parsed.map(Some).map_err(|error| GgufError::Vocabulary { message: format!("`{name}` is not a tokenizer's: {error}") })
}

/// Reads a file of the tokenizer; `None` where there is none.
fn bytes(folder: &Path, name: &str) -> Result<Option<Vec<u8>>, GgufError> {
    let path = folder.join(name);
    let failed = |source| GgufError::Read { path: path.clone(), source };
    if !path.is_file() {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    File::open(&path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)).map_err(failed)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(GgufError::Vocabulary { message: format!("`{name}` is longer than {FILE_BYTES_MAX} bytes") });
    }
    Ok(Some(bytes))
}

/// Says whether a token is one that models put between texts, whatever its file says of it.
///
/// # Source
/// `does_token_look_special` of `conversion/base.py` of llama.cpp.
fn looks_special(token: &str) -> bool {
    let within = |open: &str, close: &str| token.starts_with(open) && token.ends_with(close);
    matches!(token, "<pad>" | "<mask>" | "<2mass>" | "[@BOS@]")
        || within("<|", "|>")
        || within("<｜", "｜>")
        || within("<unused", ">")
}
