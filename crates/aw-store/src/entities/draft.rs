//! A document on its way into a collection.

use std::collections::BTreeMap;

use aw_alloy::digest::Digest;
use aw_alloy::text::{Limits, Node, Value};

use super::collection::Collection;
use super::error::{EntitiesError, shorten};

/// What entities can be listed by, each with the column made of it. A new one is a line here and a migration.
pub const FIELDS: &[(&str, &str)] = &[
    ("algorithm", "fact_algorithm"),
    ("architecture", "fact_architecture"),
    ("author", "fact_author"),
    ("baseModel", "fact_base_model"),
    ("domain", "fact_domain"),
    ("license", "fact_license"),
    ("metric", "fact_metric"),
    ("origin", "fact_origin"),
    ("outcome", "fact_outcome"),
    ("owner", "fact_owner"),
    ("parent", "fact_parent"),
    ("recipeId", "fact_recipe_id"),
    ("recipeVersion", "fact_recipe_version"),
    ("state", "fact_state"),
    ("type", "fact_type"),
    ("version", "fact_version"),
];

/// The most bytes all facts of an entity have together.
const FACTS_MAX: usize = 64 << 10;

/// How a document is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notation {
    /// JSON.
    Json,
    /// YAML.
    Yaml,
}

impl Notation {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Yaml => "yaml",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        [Self::Json, Self::Yaml].into_iter().find(|notation| notation.name() == name)
    }
}

/// A document that its collection's reader has checked, with what the reader found in it.
///
/// The store knows no rules of documents: who makes a draft vouches for the document.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// How it is written.
    pub notation: Notation,
    /// Its exact bytes.
    pub bytes: Vec<u8>,
    /// SHA-256 of its RFC 8785 form.
    pub digest: Digest,
    /// What it can be listed by: members of [`FIELDS`]. Also what is said of the entity and not in the document.
    pub facts: BTreeMap<String, String>,
    /// What it can be found by.
    pub words: Words,
}

/// What a document can be found by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// A line or two for users.
    pub summary: String,
    /// Long text.
    pub description: String,
    /// Its tags.
    pub tags: String,
    /// Every other text in it.
    pub text: String,
}

impl Words {
    /// Takes them from a document's tree.
    pub fn of(node: &Node) -> Self {
        let own = |name: &str| node.get(name).and_then(Node::as_str).unwrap_or_default().to_owned();
        let mut words = Self { summary: own("userSummary"), description: own("description"), ..Self::default() };
        if let Some(tags) = node.get("tags") {
            gather(tags, &mut words.tags);
        }
        for member in node.as_object().into_iter().flatten() {
            if !matches!(member.name.as_str(), "name" | "userSummary" | "description" | "tags") {
                gather(&member.value, &mut words.text);
            }
        }
        words
    }
}

/// Adds every text below a node.
fn gather(node: &Node, words: &mut String) {
    match &node.value {
        Value::String(text) => {
            words.push_str(text);
            words.push('\n');
        }
        Value::Array(items) => items.iter().for_each(|item| gather(item, words)),
        Value::Object(object) => object.iter().for_each(|member| gather(&member.value, words)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

impl Draft {
    /// Holds it against what the store demands of every document.
    pub(super) fn check(&self, collection: &'static Collection) -> Result<(), EntitiesError> {
        if !collection.id.accepts(&self.id) {
            let (id, expected) = (shorten(&self.id), collection.id.words());
            return Err(EntitiesError::Id { id, singular: collection.singular, expected });
        }
        let limit = Limits::DOCUMENT.bytes;
        if self.bytes.len() > limit {
            return Err(EntitiesError::TooLarge { bytes: self.bytes.len(), limit });
        }
        let facts: usize = self.facts.iter().map(|(field, value)| field.len() + value.len()).sum();
        if facts + self.name.len() > FACTS_MAX {
            return Err(EntitiesError::TooLarge { bytes: facts + self.name.len(), limit: FACTS_MAX });
        }
        self.facts.keys().try_for_each(|field| column(field).map(drop))
    }
}

/// The column of a field.
pub(super) fn column(field: &str) -> Result<&'static str, EntitiesError> {
    let found = FIELDS.iter().find(|(name, _)| *name == field);
    found.map(|(_, column)| *column).ok_or_else(|| EntitiesError::UnknownField { field: shorten(field) })
}

/// Facts as they are written: JSON with its members sorted.
pub(super) fn facts_text(facts: &BTreeMap<String, String>) -> String {
    serde_json::to_string(facts).expect("texts have a JSON form")
}

/// The made-up word that stands for a fact in the search index.
pub(super) fn label(field: &str, value: &str) -> String {
    let mut text = Vec::with_capacity(field.len() + value.len() + 1);
    text.extend_from_slice(field.as_bytes());
    text.push(0);
    text.extend_from_slice(value.as_bytes());
    format!("x{}", Digest::of(&text).short())
}

/// The labels of an entity: its collection and its facts.
pub(super) fn labels(collection: &str, facts: &BTreeMap<String, String>) -> String {
    let facts = facts.iter().map(|(field, value)| label(field, value));
    [label("", collection)].into_iter().chain(facts).collect::<Vec<_>>().join(" ")
}
