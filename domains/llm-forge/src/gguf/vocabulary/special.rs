//! Which tokens start, end and pad a text, and the chat template.
//!
//! # Source
//! `SpecialVocab` of `gguf-py/gguf/vocab.py` of llama.cpp.

use std::path::Path;

use aw_gguf::Metadata;
use serde_json::Value;

use super::bpe::TokenizerFile;
use super::{GgufError, Vocabulary, bytes, json};
use crate::gguf::hparams::Hparams;

/// A special token: its name in a tokenizer's files and its key.
const TOKENS: [(&str, &str); 7] = [
    ("bos", "tokenizer.ggml.bos_token_id"),
    ("eos", "tokenizer.ggml.eos_token_id"),
    ("unk", "tokenizer.ggml.unknown_token_id"),
    ("sep", "tokenizer.ggml.seperator_token_id"),
    ("pad", "tokenizer.ggml.padding_token_id"),
    ("cls", "tokenizer.ggml.cls_token_id"),
    ("mask", "tokenizer.ggml.mask_token_id"),
];

/// The tokens that GLM marks turns with.
const GLM: [(&str, &str); 4] = [
    ("[gMASK]", "tokenizer.ggml.bos_token_id"),
    ("<|user|>", "tokenizer.ggml.eot_token_id"),
    ("<|endoftext|>", "tokenizer.ggml.unknown_token_id"),
    ("<|observation|>", "tokenizer.ggml.eom_token_id"),
];

pub(super) fn write(
    folder: &Path,
    hparams: &Hparams,
    merges: bool,
    read: Option<(&TokenizerFile, Vocabulary)>,
    metadata: &mut Metadata,
) -> Result<(), GgufError> {
    let parsed: Option<TokenizerFile>;
    let (file, kind) = match read {
        Some((file, kind)) => (Some(file), Some(kind)),
        None => {
            parsed = json(folder, "tokenizer.json")?;
            (parsed.as_ref(), None)
        }
    };
    let settings: Value = json(folder, "tokenizer_config.json")?.unwrap_or_default();
    if let Some(file) = file.filter(|_| merges) {
        metadata.set("tokenizer.ggml.merges", file.merges());
    }
    let size = hparams.count("vocab_size")?;
    let content = |name: &str| {
        let entry = settings.get(name)?;
        entry.as_str().or_else(|| entry.get("content").and_then(Value::as_str)).map(str::to_owned)
    };
    let named = |name: &str| content(&format!("{name}_token"));
    for (name, key) in TOKENS {
        let token = match name {
            "bos" => named("bos").or_else(|| named("cls")),
            "eos" => named("eos").or_else(|| named("sep")),
            _ => named(name),
        };
        let listed = token.and_then(|token| file.and_then(|file| file.id(&token)));
        let stated = hparams.get(&format!("{name}_token_id")).and_then(first_id);
        if let Some(id) = listed.or(stated).filter(|id| *id < size) {
            metadata.set(key, id);
        }
    }
    if let Some(file) = file.filter(|_| kind == Some(Vocabulary::Glm)) {
        for (token, key) in GLM {
            if let Some(id) = file.id(token).filter(|_| metadata.get(key).is_none()) {
                metadata.set(key, id);
            }
        }
    }
    let added = file.and_then(|file| file.post_processor.as_ref()).map(Ends::of).unwrap_or_default();
    for (name, found) in [("bos", added.first), ("eos", added.last)] {
        let stated = settings.get(format!("add_{name}_token")).and_then(Value::as_bool);
        let adds = match found {
            Found::Token(token) => Some(named(name).is_none_or(|stated| stated == token)),
            Found::Never => Some(stated.filter(|_| added.settled.is_none()).unwrap_or(false)),
            Found::Unknown => stated,
        };
        if let Some(adds) = adds {
            metadata.set(format!("tokenizer.ggml.add_{name}_token"), adds);
        }
    }
    if let Some(template) = template(folder, &settings)? {
        metadata.set("tokenizer.chat_template", template);
    }
    Ok(())
}

/// An id, or the first of several.
fn first_id(value: &Value) -> Option<u32> {
    let value = value.as_array().and_then(|list| list.first()).unwrap_or(value);
    value.as_u64().and_then(|id| u32::try_from(id).ok())
}

/// What a tokenizer puts before and after a text.
#[derive(Default)]
struct Ends {
    first: Found,
    last: Found,
    settled: Option<()>,
}

#[derive(Default)]
enum Found {
    #[default]
    Unknown,
    Never,
    Token(String),
}

impl Ends {
    fn of(processor: &Value) -> Self {
        let mut ends = Self::default();
        let one = [processor.clone()];
        let all = processor.get("processors").and_then(Value::as_array).map_or(&one[..], Vec::as_slice);
        for processor in all {
            match processor.get("type").and_then(Value::as_str) {
                Some("ByteLevel") => {
                    for end in [&mut ends.first, &mut ends.last] {
                        if matches!(end, Found::Unknown) {
                            *end = Found::Never;
                        }
                    }
                    ends.settled = Some(());
                }
                Some("TemplateProcessing") => {
                    let single = processor.get("single").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
                    let token = |place: Option<&Value>| place?.pointer("/SpecialToken/id")?.as_str().map(str::to_owned);
                    if single.len() > 1 {
                        if let Some(first) = token(single.first()) {
                            ends.first = Found::Token(first);
                        }
                        if let Some(last) = token(single.last()) {
                            ends.last = Found::Token(last);
                        }
                    }
                }
                _ => {}
            }
        }
        ends
    }
}

/// The chat template: of `tokenizer_config.json`, else of a file beside it.
fn template(folder: &Path, settings: &Value) -> Result<Option<String>, GgufError> {
    let refused = |what: &str| GgufError::Vocabulary { message: format!("the chat template {what}") };
    match settings.get("chat_template").filter(|value| !value.is_null()) {
        Some(Value::String(text)) => return Ok(Some(text.clone())),
        // Several by name: the one that is used when none is asked for.
        Some(Value::Array(list)) => {
            let named = |name: &str| list.iter().find(|entry| entry.get("name").and_then(Value::as_str) == Some(name));
            let text = named("default").and_then(|entry| entry.get("template")).and_then(Value::as_str);
            return text.map(|text| Some(text.to_owned())).ok_or_else(|| refused("list has none named `default`"));
        }
        Some(_) => return Err(refused("in `tokenizer_config.json` is neither a text nor a list")),
        None => {}
    }
    if let Some(bytes) = bytes(folder, "chat_template.jinja")? {
        return String::from_utf8(bytes).map(Some).map_err(|_| refused("`chat_template.jinja` is not UTF-8"));
    }
    let file: Option<Value> = json(folder, "chat_template.json")?;
    Ok(file.and_then(|file| file.get("chat_template").and_then(Value::as_str).map(str::to_owned)))
}
