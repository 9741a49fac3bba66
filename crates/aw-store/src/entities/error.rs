//! Why something could not be done with entities.

use std::path::PathBuf;

use super::collection::COLLECTIONS;
use super::draft::FIELDS;
use crate::disk::DiskError;

/// Why something could not be done with entities. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EntitiesError {
    /// A file or folder cannot be made or read.
    #[error("cannot open the entities: {0}")]
    Disk(#[from] DiskError),
    /// SQLite refused.
    #[error("the entities in `{}` cannot be {action}: {source}", path.display())]
    Sqlite {
        /// What was being done.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// Somebody else writes for longer than one waits.
    #[error("the entities in `{}` are being changed by another process", path.display())]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// The file holds something else.
    #[error("`{}` is not a file of entities", path.display())]
    NotEntities {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by a later version.
    #[error("the entities in `{}` have format {found}; this version reads and writes formats up to {known}", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// The newest known one.
        known: i64,
    },
    /// A row is not what this program writes.
    #[error("the entities in `{}` are damaged: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// No such collection.
    #[error("there is no collection `{name}`; there are {}", list(COLLECTIONS.iter().map(|collection| collection.name)))]
    UnknownCollection {
        /// The name, shortened.
        name: String,
    },
    /// Nothing is listed by that.
    #[error("entities cannot be listed by `{field}`; they can by {}", list(FIELDS.iter().map(|(field, _)| *field)))]
    UnknownField {
        /// What was asked for, shortened.
        field: String,
    },
    /// Not a place in a list.
    #[error("`{text}` is not a place in a list: expected what the page before gave")]
    Cursor {
        /// The text, shortened.
        text: String,
    },
    /// Not the end of a history.
    #[error("`{text}` is not the head of a history: expected `<sequence>:sha256:<64 hex digits>`")]
    NotAHead {
        /// The text, shortened.
        text: String,
    },
    /// The id breaks its collection's rule.
    #[error("`{id}` cannot be the id of a {singular}: expected {expected}")]
    Id {
        /// The id, shortened.
        id: String,
        /// What it should have been the id of.
        singular: &'static str,
        /// The rule.
        expected: &'static str,
    },
    /// The document is too long.
    #[error("the document has {bytes} bytes, at most {limit} are kept")]
    TooLarge {
        /// Its length.
        bytes: usize,
        /// The most.
        limit: usize,
    },
    /// It was changed meanwhile, or is not what was expected.
    #[error("{singular} `{id}` {}, expected {}", is_at(*.found), should_be(*.expected))]
    Conflict {
        /// What it is.
        singular: &'static str,
        /// Its id.
        id: String,
        /// The revision that was expected; 0 for none.
        expected: u64,
        /// The revision it is at; 0 when there is none.
        found: u64,
    },
    /// No such entity.
    #[error("there is no {what} with the id or name `{id}`")]
    NotFound {
        /// What was looked for.
        what: &'static str,
        /// The id or name, shortened.
        id: String,
    },
    /// It was deleted.
    #[error("{singular} `{id}` was deleted at revision {revision}")]
    Deleted {
        /// What it was.
        singular: &'static str,
        /// Its id.
        id: String,
        /// The revision that deleted it.
        revision: u64,
    },
    /// It has no such revision.
    #[error("{singular} `{id}` has no document at revision {revision}; its last revision is {last}")]
    NoRevision {
        /// What it is.
        singular: &'static str,
        /// Its id.
        id: String,
        /// The revision asked for.
        revision: u64,
        /// The last one.
        last: u64,
    },
    /// Several have that name.
    #[error("`{name}` names {} entities: {}", found.len(), list(found.iter().map(String::as_str)))]
    Ambiguous {
        /// The name, shortened.
        name: String,
        /// Collection and id of each, a few of them.
        found: Vec<String>,
    },
    /// The recipe an artifact names has no such version.
    #[error("recipe `{id}` has no version `{version}`; it has {}", list(found.iter().map(String::as_str)))]
    NoVersion {
        /// The recipe.
        id: String,
        /// The version asked for.
        version: String,
        /// Those it has.
        found: Vec<String>,
    },
}

impl EntitiesError {
    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Busy { .. } => Some("try again when it is done"),
            Self::NotEntities { .. } => Some("move the file away, or choose another home folder"),
            Self::Newer { .. } => Some("use the version of alloyworks that wrote it, or another home folder"),
            Self::Damaged { .. } => Some("`alloyworks data history --verify` says where; put a copy of the file in its place"),
            Self::Conflict { .. } => {
                Some("look at what changed with `alloyworks data history`, and say which revision yours replaces")
            }
            Self::NotFound { .. } => Some("`alloyworks data list` shows what is there"),
            Self::Deleted { .. } | Self::NoRevision { .. } => {
                Some("`alloyworks data history` shows its revisions; `data get --revision` gives the document of each")
            }
            Self::Ambiguous { .. } => Some("name one by its id"),
            Self::NoVersion { .. } => Some("add the recipe at that version with `alloyworks data upsert`"),
            _ => None,
        }
    }
}

fn is_at(found: u64) -> String {
    if found == 0 { "is not there".into() } else { format!("is at revision {found}") }
}

fn should_be(expected: u64) -> String {
    if expected == 0 { "none to be there".into() } else { format!("revision {expected}") }
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// The beginning of a text that somebody gave.
pub(super) fn shorten(text: &str) -> String {
    text.chars().take(80).collect()
}
