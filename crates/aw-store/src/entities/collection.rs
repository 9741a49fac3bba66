//! The collections, in one list.

use super::error::EntitiesError;

/// One kind of entity.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Collection {
    /// Its name, in the plural.
    pub name: &'static str,
    /// One of them.
    pub singular: &'static str,
    /// What an id of it looks like.
    pub id: IdRule,
    /// Whether one can be forked into another.
    pub forks: bool,
}

/// What an id looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdRule {
    /// A UUID in lower case.
    Uuid,
    /// A short text that could be a file's name: no control characters, no `/` and `\`, no space at its ends.
    Label,
}

/// Every collection. A new one is a line here and a reader of its documents in the caller.
pub const COLLECTIONS: &[Collection] = &[
    Collection { name: "recipes", singular: "recipe", id: IdRule::Uuid, forks: true },
    Collection { name: "artifacts", singular: "artifact", id: IdRule::Uuid, forks: false },
    Collection { name: "corpora", singular: "corpus", id: IdRule::Label, forks: false },
    Collection { name: "baselines", singular: "baseline", id: IdRule::Label, forks: false },
    Collection { name: "keys", singular: "key", id: IdRule::Label, forks: false },
];

/// The most bytes a label has.
const LABEL_MAX: usize = 200;

/// The collection of that name.
///
/// # Errors
/// [`EntitiesError::UnknownCollection`], which lists them.
pub fn collection(name: &str) -> Result<&'static Collection, EntitiesError> {
    let found = COLLECTIONS.iter().find(|collection| collection.name == name);
    found.ok_or_else(|| EntitiesError::UnknownCollection { name: name.chars().take(80).collect() })
}

impl IdRule {
    /// Whether `id` keeps to the rule.
    pub fn accepts(self, id: &str) -> bool {
        match self {
            Self::Uuid => {
                let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
                let fits = |(at, byte): (usize, u8)| if matches!(at, 8 | 13 | 18 | 23) { byte == b'-' } else { digit(byte) };
                id.len() == 36 && id.bytes().enumerate().all(fits)
            }
            Self::Label => {
                let odd = |c: char| c.is_control() || matches!(c, '/' | '\\');
                !id.is_empty() && id.len() <= LABEL_MAX && id.trim() == id && !matches!(id, "." | "..") && !id.contains(odd)
            }
        }
    }

    /// The rule in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Uuid => "a UUID in lower case",
            Self::Label => {
                "1 to 200 bytes of text without control characters, `/` and `\\`, other than `.` and `..`, with no space at its ends"
            }
        }
    }
}
