//! What the commands of the area `data` share: opening the entities, views of them, facts on a command line.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::SystemTime;

use aw_alloy::keys::SecretKey;
use aw_store::entities::{Author, Collection, Entities, EntitiesError, Entity, Entry, Expect, collection};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::exit::ExitCode;
use crate::identity;
use crate::report::{Place, Report};

/// The entities of the home folder.
pub(super) fn open(environment: &Environment) -> Result<Entities, Report> {
    Ok(Entities::open(environment.home())?)
}

/// The key that signs changes; the first one makes it.
pub(super) fn key(environment: &Environment) -> Result<SecretKey, Report> {
    Ok(identity::load_or_create(&environment.identity_file())?)
}

/// Who changes something now.
pub(super) fn author(key: &SecretKey) -> Author<'_> {
    Author { key, now: SystemTime::now() }
}

/// The collection that was named, if one was.
pub(super) fn within(name: Option<&str>) -> Result<Option<&'static Collection>, Report> {
    Ok(name.map(collection).transpose()?)
}

/// The revision that was named, if one was.
pub(super) fn expect(revision: Option<u64>) -> Expect {
    revision.map_or(Expect::Any, Expect::Revision)
}

/// A fact as a command line has it: `field=value`.
pub(super) fn fact(text: &str) -> Result<(String, String), Report> {
    match text.split_once('=') {
        Some((field, value)) if !field.is_empty() => Ok((field.to_owned(), value.to_owned())),
        _ => {
            let message = format!("`{text}` is not a field and its value");
            Err(Report::new(ExitCode::Usage, "where", message).hint("write it as in `--where architecture=olmoe`"))
        }
    }
}

/// Where something is wrong when all that is known is the file.
pub(super) fn in_file(path: &Path) -> Place {
    Place { file: Some(path.display().to_string()), ..Place::default() }
}

impl From<EntitiesError> for Report {
    fn from(error: EntitiesError) -> Self {
        use EntitiesError as E;
        let (exit, code) = match &error {
            E::Disk(_) | E::Sqlite { .. } => (ExitCode::Environment, "entities"),
            E::Busy { .. } => (ExitCode::Environment, "entities-busy"),
            E::NotEntities { .. } | E::Newer { .. } => (ExitCode::Environment, "entities-format"),
            E::Damaged { .. } => (ExitCode::Environment, "entities-damaged"),
            E::UnknownCollection { .. } => (ExitCode::Usage, "unknown-collection"),
            E::UnknownField { .. } => (ExitCode::Usage, "unknown-field"),
            E::Cursor { .. } | E::NotAHead { .. } => (ExitCode::Usage, "parameters"),
            E::NotFound { .. } => (ExitCode::Usage, "not-found"),
            E::Deleted { .. } => (ExitCode::Usage, "deleted"),
            E::NoRevision { .. } => (ExitCode::Usage, "no-revision"),
            E::Ambiguous { .. } => (ExitCode::Usage, "ambiguous"),
            E::Conflict { .. } => (ExitCode::Refused, "conflict"),
            E::Id { .. } => (ExitCode::Refused, "id"),
            E::TooLarge { .. } => (ExitCode::Refused, "too-large"),
            E::NoVersion { .. } => (ExitCode::Refused, "no-version"),
            _ => (ExitCode::Environment, "entities"),
        };
        Self::from_error(exit, code, &error).hint_if(error.hint())
    }
}

/// An entity, without its document.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EntityView {
    /// Its collection.
    pub collection: String,
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// How often it changed, from 1.
    pub revision: u64,
    /// SHA-256 of its document's RFC 8785 form: equal for equal content.
    pub digest: String,
    /// SHA-256 of its document's bytes.
    pub document: String,
    /// The document's size.
    pub bytes: u64,
    /// How the document is written: `json` or `yaml`.
    pub notation: String,
    /// What it can be listed by.
    pub facts: BTreeMap<String, String>,
    /// When it appeared.
    pub created_at: String,
    /// When it changed last.
    pub updated_at: String,
}

impl From<&Entity> for EntityView {
    fn from(entity: &Entity) -> Self {
        Self {
            collection: entity.collection.name.into(),
            id: entity.id.clone(),
            name: entity.name.clone(),
            revision: entity.revision,
            digest: entity.digest.to_string(),
            document: entity.document.to_string(),
            bytes: entity.bytes,
            notation: entity.notation.name().into(),
            facts: entity.facts.clone(),
            created_at: entity.created_at.clone(),
            updated_at: entity.updated_at.clone(),
        }
    }
}

/// A change, as history has it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EntryView {
    /// Its place in the history of all entities.
    pub sequence: u64,
    /// The entity's revision after it.
    pub revision: u64,
    /// What happened: `create`, `update`, `delete`, `fork` or `import`.
    pub change: String,
    /// The entity's name after it.
    pub name: String,
    /// The version the document states.
    pub version: Option<String>,
    /// SHA-256 of the document's bytes; absent when it was deleted.
    pub document: Option<String>,
    /// The public key of who did it.
    pub actor: String,
    /// When.
    pub at: String,
    /// Hash of the entry before.
    pub previous: String,
    /// Its own hash.
    pub hash: String,
}

impl From<&Entry> for EntryView {
    fn from(entry: &Entry) -> Self {
        Self {
            sequence: entry.sequence,
            revision: entry.revision,
            change: entry.change.clone(),
            name: entry.name.clone(),
            version: entry.facts.get("version").cloned(),
            document: entry.document.clone(),
            actor: entry.actor.clone(),
            at: entry.at.clone(),
            previous: entry.previous.clone(),
            hash: entry.hash.clone(),
        }
    }
}
