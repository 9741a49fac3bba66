//! Byte-level BPE from `tokenizer.json`.

use std::collections::BTreeMap;
use std::path::Path;

use aw_alloy::digest::Digest;
use aw_gguf::Strings;
use serde::Deserialize;
use serde_json::Value;

use super::known::{BY_HASH, BY_SHAPE, PRE_TOKENIZERS, PROBE};
use super::{GgufError, TokenType, Tokens, bytes, looks_special};

/// What is read of `tokenizer.json`.
#[derive(Deserialize)]
pub(super) struct TokenizerFile {
    model: Bpe,
    #[serde(default)]
    pub(super) added_tokens: Vec<Added>,
    pub(super) pre_tokenizer: Option<Value>,
    pub(super) post_processor: Option<Value>,
    normalizer: Option<Value>,
}

#[derive(Deserialize)]
struct Bpe {
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    vocab: BTreeMap<String, u32>,
    #[serde(default)]
    merges: Vec<Merge>,
    #[serde(default)]
    byte_fallback: bool,
}

/// A token that is found before the text is split.
#[derive(Deserialize)]
pub(super) struct Added {
    pub(super) id: u32,
    pub(super) content: String,
    #[serde(default)]
    special: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Merge {
    Joined(String),
    Pair([String; 2]),
}

impl TokenizerFile {
    /// The merges as GGUF holds them: two parts and a space, which no part may hold itself.
    pub(super) fn merges(&self) -> Strings {
        let mut merges = Strings::default();
        for merge in &self.model.merges {
            match merge {
                Merge::Joined(text) => merges.push(text),
                Merge::Pair([left, right]) => {
                    merges.push(&format!("{} {}", left.replace(' ', "Ġ"), right.replace(' ', "Ġ")));
                }
            }
        }
        merges
    }

    pub(super) fn id(&self, token: &str) -> Option<u32> {
        self.added_tokens.iter().find(|added| added.content == token).map(|added| added.id)
    }
}

/// Reads the vocabulary and finds the name of how it splits text.
pub(super) fn read(folder: &Path, size: u32, named: Option<&str>) -> Result<(Tokens, TokenizerFile, String), GgufError> {
    let refused = |message: String| GgufError::Vocabulary { message };
    let bytes = bytes(folder, "tokenizer.json")?
        .ok_or_else(|| refused("the model has no `tokenizer.json`; a GGUF file holds its tokenizer".into()))?;
    let file: TokenizerFile =
        serde_json::from_slice(&bytes).map_err(|error| refused(format!("`tokenizer.json` is not a tokenizer: {error}")))?;
    if file.model.kind.as_deref().is_some_and(|kind| kind != "BPE") || file.model.byte_fallback {
        let kind = file.model.kind.as_deref().unwrap_or("BPE");
        let how = if file.model.byte_fallback { " with byte fallback (a converted SentencePiece model)" } else { "" };
        return Err(refused(format!(
            "`tokenizer.json` is {kind}{how}; expected byte-level BPE, or the `tokenizer.model` it was made from beside it"
        )));
    }
    if let Some(normalizer) = file.normalizer.as_ref().filter(|value| !value.is_null()) {
        let kind = normalizer.get("type").and_then(Value::as_str).unwrap_or("unknown");
        if kind != "NFC" {
            return Err(refused(format!(
                "`tokenizer.json` normalises text with `{kind}`, which llama.cpp does not for this tokenizer"
            )));
        }
    }
    let mut texts: Vec<Option<(&str, TokenType)>> = vec![None; size as usize];
    let mut put = |id: u32, text, kind| match texts.get_mut(id as usize) {
        // Added tokens may name one of the vocabulary again; two of the vocabulary never share a number.
        Some(Some((other, _))) if kind == TokenType::Normal => {
            Err(refused(format!("`tokenizer.json`: tokens `{other}` and `{text}` have the same id {id}")))
        }
        Some(place) => {
            *place = Some((text, kind));
            Ok(())
        }
        None => Err(refused(format!("`tokenizer.json`: token `{text}` has id {id}, expected ids below {size}"))),
    };
    for (text, id) in &file.model.vocab {
        put(*id, text, TokenType::Normal)?;
    }
    for added in &file.added_tokens {
        let control = added.special || looks_special(&added.content);
        put(added.id, &added.content, if control { TokenType::Control } else { TokenType::UserDefined })?;
    }
    let mut tokens = Tokens { texts: Strings::default(), types: Vec::with_capacity(texts.len()), scores: None };
    for (id, place) in texts.into_iter().enumerate() {
        match place {
            Some((text, TokenType::UserDefined)) => tokens.texts.push(&text.replace('\u{2581}', " ")),
            Some((text, _)) => tokens.texts.push(text),
            None => tokens.texts.push(&format!("[PAD{id}]")),
        }
        tokens.types.push(place.map_or(TokenType::Unused, |(_, kind)| kind) as i32);
    }
    let pre = pre_tokenizer(&bytes, &file, named)?;
    Ok((tokens, file, pre))
}

/// The name llama.cpp has for how this tokenizer splits text: the one that was given, else by what a probe text becomes, else by the
/// splitting the file describes.
fn pre_tokenizer(bytes: &[u8], file: &TokenizerFile, named: Option<&str>) -> Result<String, GgufError> {
    if let Some(name) = named {
        return if PRE_TOKENIZERS.contains(&name) {
            Ok(name.to_owned())
        } else {
            let message = format!("`{name}` is no pre-tokenizer of llama.cpp; those it has: {}", PRE_TOKENIZERS.join(", "));
            Err(GgufError::Vocabulary { message })
        };
    }
    let refused =
        |error: tokenizers::Error| GgufError::Vocabulary { message: format!("`tokenizer.json` cannot be used: {error}") };
    let tokenizer = tokenizers::Tokenizer::from_bytes(bytes).map_err(refused)?;
    let encoded = tokenizer.encode_fast(PROBE, true).map_err(refused)?;
    let ids: Vec<String> = encoded.get_ids().iter().map(ToString::to_string).collect();
    // The text of a list as Python writes it.
    let hash = Digest::of(format!("[{}]", ids.join(", ")).as_bytes()).hex();
    if let Some((_, name)) = BY_HASH.iter().find(|(known, _)| *known == hash) {
        return Ok((*name).to_owned());
    }
    let shape = file.pre_tokenizer.as_ref().unwrap_or(&Value::Null);
    match BY_SHAPE.iter().find(|(_, fits)| fits(shape)) {
        Some((name, _)) => Ok((*name).to_owned()),
        None => Err(GgufError::PreTokenizer { hash }),
    }
}
