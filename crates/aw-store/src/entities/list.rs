//! Pages of entities: by collection, by facts, by words. Newest first, in the order they were created, which never changes.

use rusqlite::types::Value;

use super::Entities;
use super::collection::{COLLECTIONS, Collection};
use super::draft::{column, label};
use super::entry::signed;
use super::error::{EntitiesError, shorten};
use super::read::{COLUMNS, Entity};

/// What to list.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Only this collection.
    pub collection: Option<&'static Collection>,
    /// Only what has all these words, in any place and order. Plain text: nothing in it is an instruction.
    pub words: Option<String>,
    /// Only what has these facts: field and value.
    pub facts: Vec<(String, String)>,
    /// Only what comes after this place in the list.
    pub after: Option<String>,
    /// At most so many.
    pub limit: u32,
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntityPage {
    /// The entities.
    pub entities: Vec<Entity>,
    /// Where the next page starts; `None` when this is the last one.
    pub next: Option<String>,
}

impl Entities {
    /// Lists entities, newest first. An entity that is there while one turns pages is on exactly one of them.
    ///
    /// # Errors
    /// [`EntitiesError::UnknownField`] and [`EntitiesError::Cursor`] for what cannot be asked.
    pub fn list(&self, query: &Query) -> Result<EntityPage, EntitiesError> {
        let before = query.after.as_deref().map_or(Ok(i64::MAX), place)?;
        let wanted = i64::from(query.limit) + 1;
        let words = query.words.as_deref().map(phrases);
        if words.as_ref().is_some_and(Vec::is_empty) {
            return Ok(EntityPage { entities: Vec::new(), next: None });
        }
        let mut found = Vec::new();
        for collection in COLLECTIONS.iter().filter(|it| query.collection.is_none_or(|only| only == *it)) {
            // One fact has an index of its own; several, or facts with words, are met in the search index.
            found.extend(if words.is_some() || query.facts.len() > 1 {
                self.search(collection, words.as_deref().unwrap_or_default(), &query.facts, before, wanted)?
            } else {
                self.by_fact(collection, query.facts.first(), before, wanted)?
            });
        }
        found.sort_by_key(|entity| std::cmp::Reverse(entity.created));
        let more = found.len() > query.limit as usize;
        found.truncate(query.limit as usize);
        let next = found.last().filter(|_| more).map(|entity| entity.created.to_string());
        Ok(EntityPage { entities: found, next })
    }

    fn by_fact(
        &self,
        collection: &Collection,
        fact: Option<&(String, String)>,
        before: i64,
        limit: i64,
    ) -> Result<Vec<Entity>, EntitiesError> {
        let mut values: Vec<Value> = vec![collection.name.to_owned().into(), before.into(), limit.into()];
        let mut also = String::new();
        if let Some((field, value)) = fact {
            also = format!("AND e.{} = ?4", column(field)?);
            values.push(value.clone().into());
        }
        let sql = format!(
            "SELECT {COLUMNS} FROM entities AS e WHERE e.collection = ?1 {also} AND e.created < ?2 ORDER BY e.created DESC LIMIT ?3"
        );
        self.rows(&sql, rusqlite::params_from_iter(values))
    }

    fn search(
        &self,
        collection: &Collection,
        phrases: &[String],
        facts: &[(String, String)],
        before: i64,
        limit: i64,
    ) -> Result<Vec<Entity>, EntitiesError> {
        let mut labels = vec![label("", collection.name)];
        for (field, value) in facts {
            column(field)?;
            labels.push(label(field, value));
        }
        let mut expression = format!("labels : ({})", labels.join(" AND "));
        if !phrases.is_empty() {
            expression.push_str(&format!(" AND {{name summary description tags text}} : ({})", phrases.join(" AND ")));
        }
        let mut values: Vec<Value> = vec![expression.into(), before.into(), limit.into(), collection.name.to_owned().into()];
        let mut also = String::new();
        for (field, value) in facts {
            values.push(value.clone().into());
            also.push_str(&format!(" AND e.{} = ?{}", column(field)?, values.len()));
        }
        let sql = format!(
            "SELECT {COLUMNS} FROM search CROSS JOIN entities AS e ON e.created = search.rowid \
             WHERE search MATCH ?1 AND search.rowid < ?2 AND +e.collection = ?4{also} ORDER BY search.rowid DESC LIMIT ?3"
        );
        self.rows(&sql, rusqlite::params_from_iter(values))
    }
}

/// Each word in quotes, so that whatever is in it is text. Words without a letter or digit cannot be found and are left out when
/// there are others.
fn phrases(text: &str) -> Vec<String> {
    let apart = |c: char| c.is_whitespace() || c.is_control();
    let words = text.split(apart).filter(|word| word.chars().any(char::is_alphanumeric));
    words.map(|word| format!("\"{}\"", word.replace('"', "\"\""))).collect()
}

/// A place in a list, as [`EntityPage::next`] writes it.
fn place(text: &str) -> Result<i64, EntitiesError> {
    let number = text.parse::<u64>().ok().filter(|number| number.to_string() == text);
    number.map(signed).ok_or_else(|| EntitiesError::Cursor { text: shorten(text) })
}
