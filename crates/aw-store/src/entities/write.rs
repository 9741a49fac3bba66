//! Changing entities: every change is an entry of history and what follows from it, in one transaction.

use std::path::PathBuf;
use std::time::SystemTime;

use aw_alloy::keys::SecretKey;
use rusqlite::{OptionalExtension as _, Transaction, TransactionBehavior, params};

use super::Entities;
use super::collection::Collection;
use super::draft::{Draft, facts_text, labels};
use super::entry::{Change, Entry, NOTHING_BEFORE, signed, whole};
use super::error::{EntitiesError, shorten};
use super::open::explain;
use super::read::{self, Entity};

/// Who changes something, and when.
pub struct Author<'a> {
    /// The key entries are signed with.
    pub key: &'a SecretKey,
    /// The time, from the caller's clock.
    pub now: SystemTime,
}

/// What an entity must be like for a change to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Anything, or nothing.
    Any,
    /// At this revision; 0 for none being there.
    Revision(u64),
}

/// What a change came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Put {
    /// The entity as it is now.
    pub entity: Entity,
    /// What was entered into history; `None` when nothing had changed.
    pub change: Option<Change>,
}

/// Changes that are made together or not at all.
pub struct Batch<'a> {
    transaction: Transaction<'a>,
    author: &'a Author<'a>,
    actor: String,
    at: String,
    last: (u64, String),
    path: PathBuf,
}

impl Entities {
    /// Makes changes together: all of them are on disk when this returns, or none is made. Waits for others who write.
    ///
    /// # Errors
    /// What `changes` gives, and [`EntitiesError`] when the file does not cooperate.
    pub fn write<T, E: From<EntitiesError>>(
        &mut self,
        author: &Author<'_>,
        changes: impl FnOnce(&mut Batch<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let path = self.path.clone();
        let at = |source| explain("changed", &path, source);
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(at)?;
        let last = transaction
            .query_row("SELECT sequence, hash FROM history ORDER BY sequence DESC LIMIT 1", [], |row| {
                Ok((whole(row, 0)?, row.get(1)?))
            })
            .optional()
            .map_err(at)?;
        let mut batch = Batch {
            transaction,
            author,
            actor: author.key.public().to_string(),
            at: humantime::format_rfc3339_millis(author.now).to_string(),
            last: last.unwrap_or_else(|| (0, NOTHING_BEFORE.into())),
            path: path.clone(),
        };
        let done = changes(&mut batch)?;
        batch.transaction.commit().map_err(at)?;
        Ok(done)
    }
}

impl Batch<'_> {
    /// Puts a document into a collection: a new entity, or the next revision of the one with its id. What is there already with the same
    /// bytes and facts stays as it is.
    ///
    /// `change` says what a new entity is entered as; a further revision is an update.
    ///
    /// # Errors
    /// [`EntitiesError::Conflict`] when the entity is not as expected; [`EntitiesError::Id`] and [`EntitiesError::TooLarge`] for
    /// documents that are not kept.
    pub fn put(
        &mut self,
        collection: &'static Collection,
        draft: &Draft,
        expect: Expect,
        change: Change,
    ) -> Result<Put, EntitiesError> {
        draft.check(collection)?;
        let current = self.expected(collection, &draft.id, expect)?;
        let document = aw_alloy::digest::Digest::of(&draft.bytes);
        let same = |entity: &Entity| {
            entity.document == document
                && entity.facts == draft.facts
                && entity.name == draft.name
                && entity.notation == draft.notation
        };
        if let Some(entity) = current.as_ref().filter(|entity| same(entity)) {
            return Ok(Put { entity: entity.clone(), change: None });
        }
        let change = if current.is_some() { Change::Update } else { change };
        let mut entry = self.entry(collection, &draft.id, change, &draft.name)?;
        entry.notation = Some(draft.notation.name().into());
        entry.digest = Some(draft.digest.to_string());
        entry.document = Some(document.to_string());
        entry.facts.clone_from(&draft.facts);
        let entry = self.append(entry, Some(&draft.bytes))?;
        let (created, created_at) = match &current {
            Some(entity) => (entity.created, entity.created_at.clone()),
            None => (entry.sequence, entry.at.clone()),
        };
        let entity = Entity {
            created,
            head: entry.sequence,
            collection,
            id: draft.id.clone(),
            revision: entry.revision,
            name: draft.name.clone(),
            notation: draft.notation,
            digest: draft.digest,
            document,
            bytes: draft.bytes.len() as u64,
            facts: draft.facts.clone(),
            created_at,
            updated_at: entry.at.clone(),
        };
        self.store(&entity, draft).map_err(|source| self.explain(source))?;
        Ok(Put { entity, change: Some(change) })
    }

    /// Deletes an entity. Its history stays, and a document with its id can be put again.
    ///
    /// # Errors
    /// [`EntitiesError::NotFound`] when there is none; [`EntitiesError::Conflict`] when it is not as expected.
    pub fn delete(&mut self, collection: &'static Collection, id: &str, expect: Expect) -> Result<Entry, EntitiesError> {
        let missing = || EntitiesError::NotFound { what: collection.singular, id: shorten(id) };
        let current = self.expected(collection, id, expect)?.ok_or_else(missing)?;
        let entry = self.entry(collection, id, Change::Delete, &current.name)?;
        let entry = self.append(entry, None)?;
        let remove = |sql: &str| self.transaction.prepare_cached(sql)?.execute([signed(current.created)]);
        remove("DELETE FROM search WHERE rowid = ?1").map_err(|source| self.explain(source))?;
        remove("DELETE FROM entities WHERE created = ?1").map_err(|source| self.explain(source))?;
        Ok(entry)
    }

    /// The entity with that id as it is within these changes.
    ///
    /// # Errors
    /// [`EntitiesError`] when the file does not cooperate.
    pub fn current(&self, collection: &'static Collection, id: &str) -> Result<Option<Entity>, EntitiesError> {
        read::current(&self.transaction, collection, id).map_err(|source| self.explain(source))
    }

    fn expected(&self, collection: &'static Collection, id: &str, expect: Expect) -> Result<Option<Entity>, EntitiesError> {
        let current = self.current(collection, id)?;
        let found = current.as_ref().map_or(0, |entity| entity.revision);
        match expect {
            Expect::Revision(expected) if expected != found => {
                Err(EntitiesError::Conflict { singular: collection.singular, id: shorten(id), expected, found })
            }
            _ => Ok(current),
        }
    }

    /// The entry of a change that is about to be made.
    fn entry(&self, collection: &Collection, id: &str, change: Change, name: &str) -> Result<Entry, EntitiesError> {
        let last: u64 = self
            .transaction
            .prepare_cached("SELECT coalesce(max(revision), 0) FROM history WHERE collection = ?1 AND id = ?2")
            .and_then(|mut statement| statement.query_row([collection.name, id], |row| whole(row, 0)))
            .map_err(|source| self.explain(source))?;
        Ok(Entry {
            sequence: self.last.0 + 1,
            collection: collection.name.into(),
            id: id.into(),
            revision: last + 1,
            change: change.name().into(),
            name: name.into(),
            notation: None,
            digest: None,
            document: None,
            facts: std::collections::BTreeMap::new(),
            actor: self.actor.clone(),
            at: self.at.clone(),
            previous: self.last.1.clone(),
            hash: String::new(),
            signature: String::new(),
        })
    }

    fn append(&mut self, mut entry: Entry, content: Option<&[u8]>) -> Result<Entry, EntitiesError> {
        entry.sign(self.author.key);
        let sql = "INSERT INTO history (sequence, collection, id, revision, change, name, notation, digest, document, content, facts, \
                   actor, at, previous, hash, signature) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)";
        let values = params![
            signed(entry.sequence),
            entry.collection,
            entry.id,
            signed(entry.revision),
            entry.change,
            entry.name,
            entry.notation,
            entry.digest,
            entry.document,
            content,
            facts_text(&entry.facts),
            entry.actor,
            entry.at,
            entry.previous,
            entry.hash,
            entry.signature,
        ];
        let inserted = self.transaction.prepare_cached(sql).and_then(|mut statement| statement.execute(values));
        inserted.map_err(|source| self.explain(source))?;
        self.last = (entry.sequence, entry.hash.clone());
        Ok(entry)
    }

    /// Writes what follows from an entry: the entity's row and its words.
    fn store(&self, entity: &Entity, draft: &Draft) -> rusqlite::Result<()> {
        let created = signed(entity.created);
        if entity.created != entity.head {
            self.transaction.prepare_cached("DELETE FROM search WHERE rowid = ?1")?.execute([created])?;
        }
        let sql = "INSERT INTO entities (created, head, collection, id, revision, name, notation, digest, document, bytes, facts, \
                   created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) \
                   ON CONFLICT (collection, id) DO UPDATE SET head = excluded.head, revision = excluded.revision, \
                   name = excluded.name, notation = excluded.notation, digest = excluded.digest, document = excluded.document, \
                   bytes = excluded.bytes, facts = excluded.facts, updated_at = excluded.updated_at";
        self.transaction.prepare_cached(sql)?.execute(params![
            created,
            signed(entity.head),
            entity.collection.name,
            entity.id,
            signed(entity.revision),
            entity.name,
            entity.notation.name(),
            entity.digest.to_string(),
            entity.document.to_string(),
            signed(entity.bytes),
            facts_text(&entity.facts),
            entity.created_at,
            entity.updated_at,
        ])?;
        let sql =
            "INSERT INTO search (rowid, name, summary, description, tags, text, labels) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let (words, labels) = (&draft.words, labels(entity.collection.name, &entity.facts));
        let values = params![created, entity.name, words.summary, words.description, words.tags, words.text, labels];
        self.transaction.prepare_cached(sql)?.execute(values).map(drop)
    }

    fn explain(&self, source: rusqlite::Error) -> EntitiesError {
        explain("changed", &self.path, source)
    }
}
