//! Entities: recipes, artifacts, corpora, baselines and keys, with everything that ever happened to them.
//!
//! One SQLite file, `<home>/entities.sqlite`. A change is an entry in `history`, which is only ever added to: each entry names the
//! hash of the one before and is signed by who made it. What is there now follows from history, and
//! [`Entities::verify_history`] says whether it does. An older copy of the whole file is as sound as the file was then: whoever
//! must notice that keeps the [`Head`] of the newer one.
//!
//! Readers and writers of many processes share the file; writers take turns. What documents mean, and which are good, is the
//! caller's: it hands in a [`Draft`].
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use aw_store::entities::{Author, Change, Draft, Entities, Expect, Notation, Query, Words, collection};
//! use aw_alloy::{digest::Digest, keys::SecretKey};
//!
//! let home = tempfile::tempdir()?;
//! let mut entities = Entities::open(home.path())?;
//! let author = Author { key: &SecretKey::from_bytes(&[7; 32]), now: std::time::SystemTime::now() };
//! let bytes = br#"{"id": "prose", "path": "prose.jsonl"}"#.to_vec();
//! let draft = Draft {
//!     id: "prose".into(),
//!     name: "prose".into(),
//!     notation: Notation::Json,
//!     digest: Digest::of(br#"{"id":"prose","path":"prose.jsonl"}"#),
//!     bytes,
//!     facts: [("author".to_owned(), "us".to_owned())].into(),
//!     words: Words { text: "English prose".into(), ..Words::default() },
//! };
//! let put = entities.write(&author, |batch| batch.put(collection("corpora")?, &draft, Expect::Any, Change::Create))?;
//! assert_eq!((put.entity.revision, put.change), (1, Some(Change::Create)));
//!
//! let page = entities.list(&Query { words: Some("english".into()), limit: 10, ..Query::default() })?;
//! assert_eq!(page.entities, [put.entity]);
//! assert!(entities.verify_history(None)?.findings.is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! # Source
//! The foundry and line, section 1; the alloy format, section 10.

mod collection;
mod draft;
mod entry;
mod error;
mod list;
mod open;
mod read;
mod verify;
mod write;

use std::path::{Path, PathBuf};

use rusqlite::Connection;

pub use collection::{COLLECTIONS, Collection, IdRule, collection};
pub use draft::{Draft, FIELDS, Notation, Words};
pub use entry::{Change, Entry};
pub use error::EntitiesError;
pub use list::{EntityPage, Query};
pub use read::{Entity, ResolvedRecipe};
pub use verify::{Finding, Head, HistoryReport};
pub use write::{Author, Batch, Expect, Put};

/// The entities of one home folder.
pub struct Entities {
    connection: Connection,
    path: PathBuf,
}

impl std::fmt::Debug for Entities {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entities").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Entities {
    /// The file they lie in.
    pub fn path(&self) -> &Path {
        &self.path
    }
}
