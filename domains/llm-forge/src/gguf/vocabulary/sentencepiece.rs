//! A SentencePiece model, `tokenizer.model`: the few fields of its protocol buffer that a vocabulary needs.
//!
//! # Source
//! `sentencepiece_model.proto` of SentencePiece; `_create_vocab_sentencepiece` of `conversion/base.py` of llama.cpp.

use std::collections::BTreeMap;
use std::path::Path;

use aw_gguf::Strings;
use serde::Deserialize;

use super::{GgufError, TokenType, Tokens, Vocabulary, bytes, json, looks_special};

#[derive(Deserialize, Default)]
#[serde(default)]
struct Settings {
    added_tokens_decoder: BTreeMap<String, Added>,
}

#[derive(Deserialize)]
struct Added {
    content: String,
    #[serde(default)]
    special: bool,
}

/// The tokens that `tokenizer.json` adds.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Further {
    added_tokens: Vec<Numbered>,
}

#[derive(Deserialize)]
struct Numbered {
    id: u64,
    #[serde(flatten)]
    token: Added,
}

struct Piece {
    text: String,
    score: f32,
    kind: TokenType,
}

/// Reads the vocabulary, and the tokens that the files beside it add.
pub(super) fn read(folder: &Path, size: u32, kind: Vocabulary) -> Result<Tokens, GgufError> {
    let refused = |message: String| GgufError::Vocabulary { message };
    let file = bytes(folder, "tokenizer.model")?.unwrap_or_default();
    let mut pieces = pieces(&file).ok_or_else(|| refused("`tokenizer.model` is not a SentencePiece model".into()))?;
    if pieces.len() > size as usize {
        let message = format!("`tokenizer.model` has {} pieces, the model has embeddings for {size}", pieces.len());
        return Err(refused(message));
    }
    while pieces.len() < size as usize {
        pieces.push(Piece { text: format!("[PAD{}]", pieces.len()), score: -10_000.0, kind: TokenType::Unused });
    }
    let mut put = |id: u64, text: String, kind| match pieces.get_mut(usize::try_from(id).unwrap_or(usize::MAX)) {
        Some(piece) => {
            *piece = Piece { text, score: -1000.0, kind };
            Ok(())
        }
        None => Err(refused(format!("token `{text}` has id {id}, expected ids below {size}"))),
    };
    let added: BTreeMap<String, u64> = json(folder, "added_tokens.json")?.unwrap_or_default();
    for (text, id) in added {
        put(id, text, TokenType::UserDefined)?;
    }
    let settings: Settings = json(folder, "tokenizer_config.json")?.unwrap_or_default();
    let of_json: Further = match kind {
        Vocabulary::Phi => json(folder, "tokenizer.json")?.unwrap_or_default(),
        Vocabulary::SentencePiece | Vocabulary::Bpe | Vocabulary::Glm => Further::default(),
    };
    let mut further = Vec::new();
    for (id, token) in settings.added_tokens_decoder {
        let id: u64 = id.parse().map_err(|_| refused(format!("`tokenizer_config.json`: `{id}` is not a token's id")))?;
        further.push(Numbered { id, token });
    }
    further.extend(of_json.added_tokens);
    for Numbered { id, token } in further {
        let as_stated = kind == Vocabulary::Phi;
        if token.special || (!as_stated && looks_special(&token.content)) {
            put(id, token.content, TokenType::Control)?;
        } else if as_stated {
            put(id, token.content, TokenType::UserDefined)?;
        } else {
            put(id, token.content.replace('\u{2581}', " "), TokenType::UserDefined)?;
        }
    }
    let mut texts = Strings::default();
    pieces.iter().for_each(|piece| texts.push(&piece.text));
    let types = pieces.iter().map(|piece| piece.kind as i32).collect();
    Ok(Tokens { texts, types, scores: Some(pieces.iter().map(|piece| piece.score).collect()) })
}

/// The pieces of a model, in their order; `None` for anything malformed.
fn pieces(file: &[u8]) -> Option<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut reader = Fields(file);
    while let Some((number, field)) = reader.next()? {
        if let (1, Field::Bytes(bytes)) = (number, field) {
            pieces.push(piece(bytes)?);
        }
    }
    (!pieces.is_empty()).then_some(pieces)
}

fn piece(bytes: &[u8]) -> Option<Piece> {
    let mut piece = Piece { text: String::new(), score: 0.0, kind: TokenType::Normal };
    let mut reader = Fields(bytes);
    while let Some((number, field)) = reader.next()? {
        match (number, field) {
            (1, Field::Bytes(text)) => piece.text = std::str::from_utf8(text).ok()?.to_owned(),
            (2, Field::Four(bits)) => piece.score = f32::from_bits(bits),
            (3, Field::Number(kind)) => {
                piece.kind = match kind {
                    // Defined by the model's author: found like any other piece.
                    1 | 4 => TokenType::Normal,
                    2 => TokenType::Unknown,
                    3 => TokenType::Control,
                    5 => TokenType::Unused,
                    6 => TokenType::Byte,
                    _ => return None,
                };
            }
            _ => {}
        }
    }
    Some(piece)
}

enum Field<'a> {
    Number(u64),
    Four(u32),
    Eight,
    Bytes(&'a [u8]),
}

/// The fields of a protocol buffer message.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// The next field; `Some(None)` at the end, `None` when it is malformed.
    #[expect(clippy::option_option, reason = "end and error are told apart")]
    fn next(&mut self) -> Option<Option<(u64, Field<'a>)>> {
        if self.0.is_empty() {
            return Some(None);
        }
        let tag = self.number()?;
        let field = match tag & 7 {
            0 => Field::Number(self.number()?),
            1 => {
                self.take(8)?;
                Field::Eight
            }
            2 => {
                let len = usize::try_from(self.number()?).ok()?;
                Field::Bytes(self.take(len)?)
            }
            5 => Field::Four(u32::from_le_bytes(self.take(4)?.try_into().ok()?)),
            _ => return None,
        };
        Some(Some((tag >> 3, field)))
    }

    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }
}
