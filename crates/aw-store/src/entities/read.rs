//! Looking at entities.

use std::collections::BTreeMap;

use aw_alloy::digest::Digest;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::Entities;
use super::collection::{COLLECTIONS, Collection, collection};
use super::draft::Notation;
use super::entry::{self, Change, Entry, read_facts, signed, whole};
use super::error::{EntitiesError, shorten};
use super::open::explain;

/// An entity as it is now, or was at a revision; without the bytes of its document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entity {
    /// The entry that created it. Orders lists.
    pub created: u64,
    /// The entry that made it what it is.
    pub head: u64,
    /// Its collection.
    pub collection: &'static Collection,
    /// Its id, unique in the collection.
    pub id: String,
    /// How often it changed, from 1.
    pub revision: u64,
    /// Its name.
    pub name: String,
    /// How its document is written.
    pub notation: Notation,
    /// SHA-256 of the document's RFC 8785 form.
    pub digest: Digest,
    /// SHA-256 of the document's bytes.
    pub document: Digest,
    /// The document's size.
    pub bytes: u64,
    /// What it can be listed by.
    pub facts: BTreeMap<String, String>,
    /// When it appeared.
    pub created_at: String,
    /// When it changed last.
    pub updated_at: String,
}

/// The columns an entity is read from, in order.
pub(super) const COLUMNS: &str = "e.created, e.head, e.collection, e.id, e.revision, e.name, e.notation, e.digest, e.document, e.bytes, \
                                  e.facts, e.created_at, e.updated_at";

impl Entity {
    /// Reads [`COLUMNS`].
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let odd = |column: usize, text: &str| {
            let why = format!("`{}` is nothing this program writes", shorten(text));
            rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, why.into())
        };
        let text = |column: usize| row.get::<_, String>(column);
        let digest = |column: usize| text(column).and_then(|text| text.parse().map_err(|_| odd(column, &text)));
        let (name, notation, facts) = (text(2)?, text(6)?, text(10)?);
        Ok(Self {
            created: whole(row, 0)?,
            head: whole(row, 1)?,
            collection: collection(&name).map_err(|_| odd(2, &name))?,
            id: text(3)?,
            revision: whole(row, 4)?,
            name: text(5)?,
            notation: Notation::named(&notation).ok_or_else(|| odd(6, &notation))?,
            digest: digest(7)?,
            document: digest(8)?,
            bytes: whole(row, 9)?,
            facts: read_facts(10, &facts)?,
            created_at: text(11)?,
            updated_at: text(12)?,
        })
    }
}

/// A recipe that an artifact names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedRecipe {
    /// The last revision with that version.
    pub revision: u64,
    /// SHA-256 of its RFC 8785 form.
    pub digest: Digest,
    /// How many different documents the recipe had under that one version.
    pub variants: usize,
}

impl Entities {
    /// The entity with that id and its document.
    ///
    /// # Errors
    /// [`EntitiesError::NotFound`], or [`EntitiesError::Deleted`] when it was there once.
    pub fn get(&self, collection: &'static Collection, id: &str) -> Result<(Entity, Vec<u8>), EntitiesError> {
        match current(&self.connection, collection, id).map_err(|source| self.explain(source))? {
            Some(entity) => {
                let bytes = self.document(entity.head)?;
                if Digest::of(&bytes) != entity.document {
                    let what = format!("the document of {} `{id}` is not what its digest says", collection.singular);
                    return Err(EntitiesError::Damaged { path: self.path.clone(), what });
                }
                Ok((entity, bytes))
            }
            None => Err(self.gone(collection, id)?),
        }
    }

    /// What the entity with that id was at a revision, and its document then.
    ///
    /// # Errors
    /// [`EntitiesError::NoRevision`] when it has no such revision, or that one deleted it.
    pub fn get_revision(
        &self,
        collection: &'static Collection,
        id: &str,
        revision: u64,
    ) -> Result<(Entry, Vec<u8>), EntitiesError> {
        let sql = format!("SELECT {} FROM history WHERE collection = ?1 AND id = ?2 AND revision = ?3", entry::COLUMNS);
        let found = self
            .connection
            .prepare_cached(&sql)
            .and_then(|mut it| it.query_row(params![collection.name, id, signed(revision)], Entry::read).optional())
            .map_err(|source| self.explain(source))?;
        let last = self.last_revision(collection, id)?;
        match found {
            Some(entry) if entry.document.is_some() => {
                let bytes = self.document(entry.sequence)?;
                if entry.document != Some(Digest::of(&bytes).to_string()) {
                    let what = format!("the document of entry {} is not what its digest says", entry.sequence);
                    return Err(EntitiesError::Damaged { path: self.path.clone(), what });
                }
                Ok((entry, bytes))
            }
            _ if last == 0 => Err(EntitiesError::NotFound { what: collection.singular, id: shorten(id) }),
            _ => Err(EntitiesError::NoRevision { singular: collection.singular, id: shorten(id), revision, last }),
        }
    }

    /// Finds what an id or a name means, in one collection or in all. An id wins over a name.
    ///
    /// # Errors
    /// [`EntitiesError::NotFound`], [`EntitiesError::Deleted`], or [`EntitiesError::Ambiguous`] when it means several.
    pub fn find(&self, within: Option<&'static Collection>, text: &str) -> Result<Entity, EntitiesError> {
        let collections = || COLLECTIONS.iter().filter(|it| within.is_none_or(|within| within == *it));
        let mut found = Vec::new();
        for collection in collections() {
            found.extend(current(&self.connection, collection, text).map_err(|source| self.explain(source))?);
        }
        if found.is_empty() {
            let sql = format!("SELECT {COLUMNS} FROM entities AS e WHERE e.name = ?1 AND e.collection = ?2 LIMIT 9");
            for collection in collections() {
                let rows = self.rows(&sql, params![text, collection.name])?;
                found.extend(rows);
            }
        }
        match found.len() {
            1 => Ok(found.remove(0)),
            0 => {
                for collection in collections() {
                    if let deleted @ EntitiesError::Deleted { .. } = self.gone(collection, text)? {
                        return Err(deleted);
                    }
                }
                let what = within.map_or("entity", |collection| collection.singular);
                Err(EntitiesError::NotFound { what, id: shorten(text) })
            }
            _ => {
                let found = found.iter().take(9).map(|entity| format!("{} {}", entity.collection.singular, entity.id)).collect();
                Err(EntitiesError::Ambiguous { name: shorten(text), found })
            }
        }
    }

    /// The collection and last revision of an id that is or was in use.
    ///
    /// # Errors
    /// [`EntitiesError::NotFound`] when it never was; [`EntitiesError::Ambiguous`] when several collections have it.
    pub fn find_past(&self, within: Option<&'static Collection>, id: &str) -> Result<(&'static Collection, u64), EntitiesError> {
        let mut found = Vec::new();
        for collection in COLLECTIONS.iter().filter(|it| within.is_none_or(|within| within == *it)) {
            let last = self.last_revision(collection, id)?;
            if last > 0 {
                found.push((collection, last));
            }
        }
        match found.as_slice() {
            [one] => Ok(*one),
            [] => Err(EntitiesError::NotFound { what: within.map_or("entity", |it| it.singular), id: shorten(id) }),
            several => {
                let found = several.iter().map(|(collection, _)| format!("{} {id}", collection.singular)).collect();
                Err(EntitiesError::Ambiguous { name: shorten(id), found })
            }
        }
    }

    /// The entries of one entity, newest first, those before revision `before`, at most `limit`.
    ///
    /// # Errors
    /// [`EntitiesError`] when the file does not cooperate or is damaged.
    pub fn history(
        &self,
        collection: &'static Collection,
        id: &str,
        before: Option<u64>,
        limit: u64,
    ) -> Result<Vec<Entry>, EntitiesError> {
        let sql = format!(
            "SELECT {} FROM history WHERE collection = ?1 AND id = ?2 AND revision < ?3 ORDER BY revision DESC LIMIT ?4",
            entry::COLUMNS
        );
        let before = before.map_or(i64::MAX, signed);
        let entries = self.connection.prepare_cached(&sql).and_then(|mut statement| {
            statement.query_map(params![collection.name, id, before, signed(limit)], Entry::read)?.collect()
        });
        entries.map_err(|source| self.explain(source))
    }

    /// Finds the recipe an artifact names. A recipe that was deleted resolves no more.
    ///
    /// # Errors
    /// [`EntitiesError::NotFound`] and [`EntitiesError::Deleted`] for the recipe, [`EntitiesError::NoVersion`] for its version.
    ///
    /// # Source
    /// The alloy format, section 10; the foundry and line, section 1.2.
    pub fn resolve_recipe(&self, id: &str, version: &str) -> Result<ResolvedRecipe, EntitiesError> {
        let recipes = collection("recipes")?;
        if current(&self.connection, recipes, id).map_err(|source| self.explain(source))?.is_none() {
            return Err(self.gone(recipes, id)?);
        }
        let entries = self.history(recipes, id, None, u64::MAX)?;
        let kept: Vec<(&Entry, Digest)> =
            entries.iter().filter_map(|entry| Some((entry, entry.digest.as_ref()?.parse().ok()?))).collect();
        let has = |entry: &Entry| entry.facts.get("version").cloned();
        let fitting: Vec<_> = kept.iter().filter(|(entry, _)| has(entry).as_deref() == Some(version)).collect();
        match fitting.first() {
            Some((entry, digest)) => {
                let variants = fitting.iter().map(|(_, digest)| digest).collect::<std::collections::BTreeSet<_>>().len();
                Ok(ResolvedRecipe { revision: entry.revision, digest: *digest, variants })
            }
            None => {
                let mut found: Vec<String> = kept.iter().filter_map(|(entry, _)| has(entry)).collect();
                found.dedup();
                Err(EntitiesError::NoVersion { id: shorten(id), version: shorten(version), found })
            }
        }
    }

    /// Why there is no entity with that id now.
    fn gone(&self, collection: &'static Collection, id: &str) -> Result<EntitiesError, EntitiesError> {
        let last = self.history(collection, id, None, 1)?;
        Ok(match last.first() {
            Some(entry) if Change::named(&entry.change) == Some(Change::Delete) => {
                EntitiesError::Deleted { singular: collection.singular, id: shorten(id), revision: entry.revision }
            }
            Some(entry) => EntitiesError::Damaged {
                path: self.path.clone(),
                what: format!("{} `{}` is in history and not among the entities", collection.singular, entry.id),
            },
            None => EntitiesError::NotFound { what: collection.singular, id: shorten(id) },
        })
    }

    fn last_revision(&self, collection: &Collection, id: &str) -> Result<u64, EntitiesError> {
        let sql = "SELECT coalesce(max(revision), 0) FROM history WHERE collection = ?1 AND id = ?2";
        let last = self.connection.query_row(sql, [collection.name, id], |row| whole(row, 0));
        last.map_err(|source| self.explain(source))
    }

    fn document(&self, sequence: u64) -> Result<Vec<u8>, EntitiesError> {
        let sql = "SELECT content FROM history WHERE sequence = ?1";
        let bytes = self.connection.query_row(sql, [signed(sequence)], |row| row.get(0)).optional();
        bytes.map_err(|source| self.explain(source))?.ok_or_else(|| EntitiesError::Damaged {
            path: self.path.clone(),
            what: format!("entry {sequence} is not in history"),
        })
    }

    pub(super) fn rows(&self, sql: &str, values: impl rusqlite::Params) -> Result<Vec<Entity>, EntitiesError> {
        let rows = self.connection.prepare_cached(sql).and_then(|mut it| it.query_map(values, Entity::read)?.collect());
        rows.map_err(|source| self.explain(source))
    }

    pub(super) fn explain(&self, source: rusqlite::Error) -> EntitiesError {
        explain("read", &self.path, source)
    }
}

/// The entity with that id.
pub(super) fn current(connection: &Connection, collection: &Collection, id: &str) -> rusqlite::Result<Option<Entity>> {
    let sql = format!("SELECT {COLUMNS} FROM entities AS e WHERE e.collection = ?1 AND e.id = ?2");
    connection.prepare_cached(&sql)?.query_row([collection.name, id], Entity::read).optional()
}
