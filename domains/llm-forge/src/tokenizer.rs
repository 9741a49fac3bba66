//! The model's own tokenizer, from its `tokenizer.json`.

use crate::families::Model;
use aw_alloy::digest::Digest;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Longest `tokenizer.json` accepted, in bytes; the largest published ones need some 35 MB.
pub const MAX_TOKENIZER_BYTES: u64 = 256 << 20;

/// A tokenizer that goes with one model.
///
/// Special tokens are added where the tokenizer's post-processor adds them, as the reference's `tokenizer(text)` does; padding
/// and truncation declared in the file are not applied, as there.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    vocab: usize,
    /// SHA-256 of `tokenizer.json`, in lower-case hexadecimal.
    pub sha256: String,
}

/// Why a text could not be turned into tokens.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenizerError {
    /// The file could not be read.
    #[error("cannot read tokenizer `{path}`: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file is longer than any tokenizer.
    #[error("tokenizer `{path}` is longer than {MAX_TOKENIZER_BYTES} bytes", path = path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// The file is no tokenizer.
    #[error("`{path}` is not a tokenizer: {source}", path = path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The reader's reason.
        source: tokenizers::Error,
    },
    /// The tokenizer could not encode a text.
    #[error("cannot encode the text: {source}")]
    Encode {
        /// The tokenizer's reason.
        source: tokenizers::Error,
    },
    /// The tokenizer could not turn tokens into a text.
    #[error("cannot turn tokens into text: {source}")]
    Decode {
        /// The tokenizer's reason.
        source: tokenizers::Error,
    },
    /// A token is not in the model's vocabulary.
    #[error("the tokenizer does not match the model: it gave token {token}, expected ids below {vocab}")]
    Mismatch {
        /// The token.
        token: u32,
        /// Size of the model's vocabulary.
        vocab: usize,
    },
    /// The config does not say how many embeddings the model has.
    #[error("`{path}`: `vocab_size` is missing; expected the number of embeddings", path = path.display())]
    NoVocab {
        /// The config file.
        path: PathBuf,
    },
    /// The tokenizer knows tokens the model has no embedding for.
    #[error("tokenizer `{path}` does not match the model: its token `{token}` has id {id}, expected ids below {vocab}", path = path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The token with the largest id.
        token: String,
        /// That id.
        id: u32,
        /// Size of the model's vocabulary.
        vocab: usize,
    },
}

impl Tokenizer {
    /// Opens `tokenizer.json` in a model's folder.
    ///
    /// # Errors
    /// When the file cannot be read, is no tokenizer, or knows tokens the model has no embedding for; when the config does not say how
    /// many it has.
    pub fn open(model: &Model) -> Result<Tokenizer, TokenizerError> {
        let vocab = model.vocab().ok_or_else(|| TokenizerError::NoVocab { path: model.folder.join("config.json") })?;
        Tokenizer::from_file(&model.folder.join("tokenizer.json"), vocab)
    }

    /// Opens a tokenizer file for a model with `vocab` embeddings.
    ///
    /// # Errors
    /// When the file cannot be read, is no tokenizer, or knows tokens beyond `vocab`.
    pub fn from_file(path: &Path, vocab: usize) -> Result<Tokenizer, TokenizerError> {
        let bytes = read_limited(path)?;
        let invalid = |source| TokenizerError::Invalid { path: path.to_owned(), source };
        let mut inner = tokenizers::Tokenizer::from_bytes(&bytes).map_err(invalid)?;
        inner.with_padding(None);
        inner.with_truncation(None).map_err(invalid)?;
        let largest = inner.get_vocab(true).into_iter().max_by_key(|(_, id)| *id);
        if let Some((token, id)) = largest.filter(|(_, id)| *id as usize >= vocab) {
            return Err(TokenizerError::TooLarge { path: path.to_owned(), token, id, vocab });
        }
        Ok(Tokenizer { inner, vocab, sha256: Digest::of(&bytes).hex() })
    }

    /// Turns a text into tokens.
    ///
    /// # Errors
    /// When the tokenizer fails or gives a token the model has no embedding for.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, TokenizerError> {
        let encoding = self.inner.encode_fast(text, true).map_err(|source| TokenizerError::Encode { source })?;
        let ids = encoding.get_ids();
        match ids.iter().find(|id| **id as usize >= self.vocab) {
            Some(token) => Err(TokenizerError::Mismatch { token: *token, vocab: self.vocab }),
            None => Ok(ids.to_vec()),
        }
    }

    /// Turns tokens into text, special tokens left out.
    ///
    /// # Errors
    /// When the tokenizer fails.
    pub fn decode(&self, tokens: &[u32]) -> Result<String, TokenizerError> {
        self.inner.decode(tokens, true).map_err(|source| TokenizerError::Decode { source })
    }
}

fn read_limited(path: &Path) -> Result<Vec<u8>, TokenizerError> {
    let failed = |source| TokenizerError::Io { path: path.to_owned(), source };
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(MAX_TOKENIZER_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_TOKENIZER_BYTES {
        return Err(TokenizerError::TooLong { path: path.to_owned() });
    }
    Ok(bytes)
}
