//! What a reader refuses, and why.

use thiserror::Error;

use super::{Mark, Problem};

/// Says what was wrong with a text, and where.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("{at}: {kind}")]
#[non_exhaustive]
pub struct SyntaxError {
    /// Where it was found.
    pub at: Mark,
    /// What it was.
    pub kind: SyntaxErrorKind,
}

/// Names the ways in which a text can be unreadable.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum SyntaxErrorKind {
    /// The text is larger than [`Limits::bytes`](super::Limits::bytes).
    #[error("the text has {bytes} bytes, expected at most {limit}")]
    TooLarge {
        /// The text's size.
        bytes: usize,
        /// The largest size allowed.
        limit: usize,
    },
    /// Arrays and objects are nested deeper than [`Limits::depth`](super::Limits::depth).
    #[error("arrays and objects are nested too deep, expected at most {limit} levels")]
    TooDeep {
        /// The deepest nesting allowed.
        limit: u32,
    },
    /// There are more values than [`Limits::nodes`](super::Limits::nodes).
    #[error("there are too many values, expected at most {limit}")]
    TooManyNodes {
        /// The most values allowed.
        limit: usize,
    },
    /// A byte is not part of any UTF-8 character.
    #[error("byte 0x{byte:02x} at offset {offset} is not UTF-8")]
    NotUtf8 {
        /// The first offending byte.
        byte: u8,
        /// Its offset in the text, from 0.
        offset: usize,
    },
    /// The text starts with a byte order mark.
    #[error("the text starts with a byte order mark, expected plain UTF-8")]
    ByteOrderMark,
    /// Something stood where something else was expected.
    #[error("unexpected {found}, expected {expected}")]
    Unexpected {
        /// What stood there.
        found: String,
        /// What could have stood there.
        expected: &'static str,
        /// How to put it right, where that can be guessed.
        hint: Option<&'static str>,
    },
    /// Text follows the one value a document holds.
    #[error("unexpected {found} after the document's value, expected the end of the text")]
    Trailing {
        /// What follows.
        found: String,
    },
    /// An object has two members of one name.
    #[error("member `{name}` appears twice, first at {first}")]
    Duplicate {
        /// The name.
        name: String,
        /// Where it was first.
        first: Mark,
    },
    /// A number is spelled in a way JSON does not have.
    #[error("number `{lexeme}` is not spelled as in JSON: {reason}")]
    NumberSpelling {
        /// The number as spelled.
        lexeme: String,
        /// What is wrong with the spelling.
        reason: &'static str,
        /// How to put it right, where that is known.
        hint: Option<String>,
    },
    /// A whole number that not every implementation reads exactly.
    #[error("integer `{lexeme}` is out of range, expected -9007199254740991 to 9007199254740991")]
    IntegerRange {
        /// The number as spelled.
        lexeme: String,
    },
    /// A number that is not finite, by name or by size.
    #[error("number `{lexeme}` is not finite")]
    NotFinite {
        /// The number as spelled.
        lexeme: String,
    },
    /// A control character stands unescaped in a string.
    #[error("unescaped control character U+{code:04X} in a string, expected `\\u{code:04x}`")]
    ControlCharacter {
        /// The character's code.
        code: u8,
    },
    /// An escape sequence JSON does not have.
    #[error("unknown escape `{escape}` in a string, expected one of `\\\"` `\\\\` `\\/` `\\b` `\\f` `\\n` `\\r` `\\t` `\\uXXXX`")]
    Escape {
        /// The escape as written.
        escape: String,
    },
    /// Half a surrogate pair, which is no character.
    #[error("escape `{escape}` is half a surrogate pair, expected a high half followed by a low one")]
    LoneSurrogate {
        /// The escape as written.
        escape: String,
    },
    /// The YAML scanner refused the text.
    #[error("not readable as YAML: {reason}")]
    Yaml {
        /// What the scanner said.
        reason: String,
    },
    /// A YAML construct that has no JSON meaning.
    #[error("{construct} is not accepted, expected plain JSON-like YAML")]
    YamlConstruct {
        /// What stood there.
        construct: String,
        /// What to write instead.
        hint: &'static str,
    },
    /// A mapping key that is not a string.
    #[error("mapping key `{key}` is {kind}, expected a string")]
    KeyNotString {
        /// The key as written.
        key: String,
        /// What it is read as.
        kind: &'static str,
    },
    /// There is no document in the text.
    #[error("the text holds no value")]
    Empty,
}

impl SyntaxErrorKind {
    /// Returns the stable code of this kind of error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too-large",
            Self::TooDeep { .. } => "too-deep",
            Self::TooManyNodes { .. } => "too-many-values",
            Self::NotUtf8 { .. } => "not-utf8",
            Self::ByteOrderMark => "byte-order-mark",
            Self::Unexpected { .. } => "unexpected-text",
            Self::Trailing { .. } => "trailing-text",
            Self::Duplicate { .. } => "duplicate-member",
            Self::NumberSpelling { .. } => "number-spelling",
            Self::IntegerRange { .. } => "integer-range",
            Self::NotFinite { .. } => "not-finite",
            Self::ControlCharacter { .. } => "control-character",
            Self::Escape { .. } => "unknown-escape",
            Self::LoneSurrogate { .. } => "lone-surrogate",
            Self::Yaml { .. } => "not-yaml",
            Self::YamlConstruct { .. } => "yaml-construct",
            Self::KeyNotString { .. } => "key-not-string",
            Self::Empty => "empty-text",
        }
    }

    /// Returns how to put it right, where that can be told.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::ByteOrderMark => "save the file as UTF-8 without a byte order mark",
            Self::Trailing { .. } => "a document holds one value; remove what follows or put both in one array",
            Self::Duplicate { .. } => "remove or rename one of the two",
            Self::IntegerRange { .. } => "write a larger number as a string",
            Self::NotFinite { .. } => "JSON has finite numbers only; leave the member out or write `null`",
            Self::KeyNotString { .. } => "put the key in quotes",
            Self::Empty => "write one value, such as `{}`",
            Self::YamlConstruct { hint, .. } => hint,
            Self::Yaml { reason } if reason.contains("Unicode character escape") => {
                "write the character itself or `\\U` and eight digits"
            }
            Self::NumberSpelling { hint, .. } => return hint.clone(),
            Self::Unexpected { hint, .. } => return hint.map(str::to_owned),
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

impl SyntaxErrorKind {
    /// Places this kind of error.
    pub(crate) fn at(self, at: Mark) -> SyntaxError {
        SyntaxError { at, kind: self }
    }
}

impl From<SyntaxError> for Problem {
    fn from(error: SyntaxError) -> Self {
        let problem = Self::new(error.kind.code(), "", error.kind.to_string()).at(error.at);
        Self { hint: error.kind.hint(), ..problem }
    }
}
