//! One change, as history has it.

use std::collections::BTreeMap;

use aw_alloy::digest::Digest;
use aw_alloy::keys::{PublicKey, SecretKey, Signature, SignatureVerdict};
use aw_alloy::text::{Node, canonical};
use rusqlite::Row;
use serde_json::json;

/// What entries are hashed and signed as.
const CONTEXT: &str = "alloyworks/entity-history/v1";

/// What the first entry names as the one before it.
pub(super) const NOTHING_BEFORE: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

/// What happened to an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It appeared.
    Create,
    /// Its document or what is said of it changed.
    Update,
    /// It went; its history stays.
    Delete,
    /// It was made from another one.
    Fork,
    /// It was made from a document of another program.
    Import,
}

impl Change {
    const ALL: [Self; 5] = [Self::Create, Self::Update, Self::Delete, Self::Fork, Self::Import];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Fork => "fork",
            Self::Import => "import",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|change| change.name() == name)
    }
}

/// One change, without the bytes of the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the history of all entities, from 1.
    pub sequence: u64,
    /// The collection's name.
    pub collection: String,
    /// The entity's id.
    pub id: String,
    /// The entity's revision after it.
    pub revision: u64,
    /// What happened.
    pub change: String,
    /// The entity's name after it.
    pub name: String,
    /// How the document is written; `None` when it was deleted.
    pub notation: Option<String>,
    /// SHA-256 of the document's RFC 8785 form.
    pub digest: Option<String>,
    /// SHA-256 of the document's bytes.
    pub document: Option<String>,
    /// What the entity can be listed by after it.
    pub facts: BTreeMap<String, String>,
    /// The public key of who did it.
    pub actor: String,
    /// When, by the clock of who did it.
    pub at: String,
    /// Hash of the entry before.
    pub previous: String,
    /// Its own hash.
    pub hash: String,
    /// Signature of the actor, in hex.
    pub signature: String,
}

/// The columns an entry is read from, in order.
pub(super) const COLUMNS: &str =
    "sequence, collection, id, revision, change, name, notation, digest, document, facts, actor, at, previous, hash, signature";

impl Entry {
    /// Reads [`COLUMNS`]. Facts that are not written as this program writes them are an error.
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let facts: String = row.get(9)?;
        Ok(Self {
            sequence: whole(row, 0)?,
            collection: row.get(1)?,
            id: row.get(2)?,
            revision: whole(row, 3)?,
            change: row.get(4)?,
            name: row.get(5)?,
            notation: row.get(6)?,
            digest: row.get(7)?,
            document: row.get(8)?,
            facts: read_facts(9, &facts)?,
            actor: row.get(10)?,
            at: row.get(11)?,
            previous: row.get(12)?,
            hash: row.get(13)?,
            signature: row.get(14)?,
        })
    }

    /// What is hashed and signed: everything but hash and signature, as RFC 8785 JSON.
    pub(super) fn message(&self) -> Vec<u8> {
        let members = json!({
            "sequence": self.sequence,
            "collection": self.collection,
            "id": self.id,
            "revision": self.revision,
            "change": self.change,
            "name": self.name,
            "notation": self.notation,
            "digest": self.digest,
            "document": self.document,
            "facts": self.facts,
            "actor": self.actor,
            "at": self.at,
            "previous": self.previous,
        });
        canonical::to_bytes(&Node::from_serde(&members)).expect("texts and small whole numbers have a canonical form")
    }

    /// The hash it should have.
    pub(super) fn expected_hash(message: &[u8]) -> String {
        let mut framed = Vec::with_capacity(CONTEXT.len() + 1 + message.len());
        framed.extend_from_slice(CONTEXT.as_bytes());
        framed.push(0);
        framed.extend_from_slice(message);
        Digest::of(&framed).to_string()
    }

    /// Gives it the hash and signature it should have.
    pub(super) fn sign(&mut self, key: &SecretKey) {
        let message = self.message();
        self.hash = Self::expected_hash(&message);
        self.signature = key.sign(CONTEXT, &message).value;
    }

    /// Holds the signature against the actor it names.
    pub(super) fn verify_signature(&self, message: &[u8]) -> Result<PublicKey, String> {
        let signature =
            Signature { algorithm: Signature::EDDSA.into(), public_key: self.actor.clone(), value: self.signature.clone() };
        match signature.verify(CONTEXT, message) {
            SignatureVerdict::Good(key) => Ok(key),
            SignatureVerdict::Bad(why) | SignatureVerdict::Unknown(why) => Err(why),
        }
    }
}

/// Reads facts, which must be written as this program writes them.
pub(super) fn read_facts(column: usize, text: &str) -> rusqlite::Result<BTreeMap<String, String>> {
    let odd = |why: String| rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, why.into());
    let facts: BTreeMap<String, String> = serde_json::from_str(text).map_err(|error| odd(error.to_string()))?;
    if super::draft::facts_text(&facts) == text { Ok(facts) } else { Err(odd("the facts are written in another way".into())) }
}

/// Reads a whole number that is not negative.
pub(super) fn whole(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let value: i64 = row.get(column)?;
    u64::try_from(value).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, value))
}

/// A whole number as SQLite has them.
pub(super) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
