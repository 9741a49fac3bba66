//! Entities in a folder of their own, and small documents for them.

use std::path::Path;
use std::time::{Duration, SystemTime};

use aw_alloy::digest::Digest;
use aw_alloy::keys::SecretKey;
use aw_alloy::text::{Limits, canonical, json};
use aw_store::entities::{
    Author, Change, Collection, Draft, Entities, EntitiesError, Expect, Finding, Notation, Put, Words, collection,
};
use rusqlite::Connection;
use tempfile::TempDir;

pub struct Shelf {
    pub home: TempDir,
    pub entities: Entities,
}

pub fn key() -> SecretKey {
    SecretKey::from_bytes(&[3; 32])
}

pub fn of(name: &str) -> &'static Collection {
    collection(name).unwrap()
}

/// The id of that number.
pub fn id(number: u64) -> String {
    format!("00000000-0000-4000-8000-{number:012x}")
}

/// A draft as the store's callers make it, with the few facts the tests list by.
pub fn draft(id: &str, name: &str, text: &str) -> Draft {
    draft_of(id, name, &serde_json::json!({"name": name, "version": "1.0.0", "text": text}).to_string())
}

pub fn draft_of(id: &str, name: &str, document: &str) -> Draft {
    let node = json::parse(document.as_bytes(), &Limits::DOCUMENT).unwrap();
    let fact = |field: &str| Some((field.to_owned(), node.get(field)?.as_str()?.to_owned()));
    Draft {
        id: id.into(),
        name: name.into(),
        notation: Notation::Json,
        bytes: document.into(),
        digest: Digest::of(&canonical::to_bytes(&node).unwrap()),
        facts: ["version", "architecture", "license"].into_iter().filter_map(fact).collect(),
        words: Words::of(&node),
    }
}

/// A time that differs from number to number.
pub fn at(number: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + number)
}

pub fn open(home: &Path) -> Entities {
    Entities::open(home).unwrap()
}

pub fn put(entities: &mut Entities, collection: &str, draft: &Draft, expect: Expect) -> Result<Put, EntitiesError> {
    let author = Author { key: &key(), now: at(0) };
    entities.write(&author, |batch| batch.put(of(collection), draft, expect, Change::Create))
}

pub fn delete(entities: &mut Entities, collection: &str, id: &str, expect: Expect) -> Result<(), EntitiesError> {
    let author = Author { key: &key(), now: at(1) };
    entities.write(&author, |batch| batch.delete(of(collection), id, expect)).map(drop)
}

impl Shelf {
    pub fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let entities = open(home.path());
        Self { home, entities }
    }

    /// Six changes of four recipes.
    pub fn filled() -> Self {
        let mut shelf = Self::new();
        for number in 1..=4 {
            shelf.put("recipes", &draft(&id(number), &format!("recipe {number}"), "first"));
        }
        shelf.put("recipes", &draft(&id(2), "recipe 2", "second"));
        delete(&mut shelf.entities, "recipes", &id(3), Expect::Any).unwrap();
        shelf
    }

    pub fn put(&mut self, collection: &str, draft: &Draft) -> Put {
        put(&mut self.entities, collection, draft, Expect::Any).unwrap()
    }

    /// Another connection, without any of the library's care.
    pub fn raw(&self) -> Connection {
        Connection::open(self.home.path().join("entities.sqlite")).unwrap()
    }

    pub fn findings(&self) -> Vec<Finding> {
        self.entities.verify_history(None).unwrap().findings
    }

    /// The codes of what is wrong, each once.
    pub fn codes(&self) -> Vec<&'static str> {
        let mut codes: Vec<_> = self.findings().iter().map(|finding| finding.code).collect();
        codes.sort_unstable();
        codes.dedup();
        codes
    }

    #[track_caller]
    pub fn is_whole(&self) {
        assert_eq!(self.findings(), []);
    }
}
