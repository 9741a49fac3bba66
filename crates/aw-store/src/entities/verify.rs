//! Whether history is whole, and what is there now is what it says.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use aw_alloy::digest::Digest;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, Row};

use super::Entities;
use super::collection::COLLECTIONS;
use super::entry::{self, Change, Entry, NOTHING_BEFORE, signed, whole};
use super::error::EntitiesError;
use super::open::{MIGRATIONS, migrate};

/// More findings than this say nothing new.
const FINDINGS_MAX: usize = 1000;

/// The end of history at some time: whoever keeps it notices when the file is replaced by an older copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The last entry's number.
    pub sequence: u64,
    /// The last entry's hash.
    pub hash: Digest,
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.sequence, self.hash)
    }
}

impl FromStr for Head {
    type Err = EntitiesError;

    /// Reads `<sequence>:sha256:<64 hex>`.
    fn from_str(text: &str) -> Result<Self, EntitiesError> {
        let parts = text.split_once(':').and_then(|(sequence, hash)| Some((sequence.parse().ok()?, hash.parse().ok()?)));
        match parts.map(|(sequence, hash)| Self { sequence, hash }) {
            Some(head) if head.to_string() == text => Ok(head),
            _ => Err(EntitiesError::NotAHead { text: super::error::shorten(text) }),
        }
    }
}

/// Something that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// A stable code, such as `hash`.
    pub code: &'static str,
    /// The entry concerned, where it is one.
    pub sequence: Option<u64>,
    /// What is wrong.
    pub message: String,
}

/// What was found out about a history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryReport {
    /// Entries.
    pub entries: u64,
    /// Entities there now.
    pub entities: u64,
    /// The end of history; `None` when it is empty.
    pub head: Option<Head>,
    /// Who signed how many entries. Whether they may is the caller's to say.
    pub signers: BTreeMap<String, u64>,
    /// Everything that is wrong, at most a thousand.
    pub findings: Vec<Finding>,
}

impl HistoryReport {
    fn find(&mut self, code: &'static str, sequence: Option<u64>, message: impl Into<String>) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(Finding { code, sequence, message: message.into() });
        }
    }
}

/// What history says of one entity so far.
struct Past {
    revision: u64,
    created: u64,
    created_at: String,
    head: u64,
    there: bool,
}

impl Entities {
    /// Goes through all of history: hashes, signatures, documents, the order of revisions, and whether the entities are exactly what
    /// follows from it. `remembered` is the head somebody kept; history must still have it.
    ///
    /// Reads everything once and keeps a few dozen bytes an entity.
    ///
    /// # Errors
    /// [`EntitiesError`] when the file cannot be read; what is wrong with its contents is in the report.
    pub fn verify_history(&self, remembered: Option<&Head>) -> Result<HistoryReport, EntitiesError> {
        // One look at the file, whatever others write meanwhile.
        let look = self.connection.unchecked_transaction().map_err(|source| self.explain(source))?;
        let mut report = HistoryReport::default();
        let verified = guards(&look, &mut report)
            .and_then(|()| structure(&look, &mut report))
            .and_then(|()| chain(&look, remembered, &mut report))
            .and_then(|past| now(&look, &past, &mut report));
        verified.map_err(|source| self.explain(source))?;
        Ok(report)
    }
}

/// The schema is what the migrations make: nobody took a guard away or put something beside it.
fn guards(connection: &Connection, report: &mut HistoryReport) -> rusqlite::Result<()> {
    let mut fresh = Connection::open_in_memory_with_flags(OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    migrate(&mut fresh, MIGRATIONS)?;
    let (found, expected) = (schema(connection)?, schema(&fresh)?);
    for (name, sql) in &expected {
        match found.get(name) {
            Some(other) if other == sql => {}
            Some(_) => report.find("guards", None, format!("the schema's `{}` is another one", name.1)),
            None => report.find("guards", None, format!("the schema's {} `{}` is gone", name.0, name.1)),
        }
    }
    for name in found.keys().filter(|name| !expected.contains_key(*name)) {
        report.find("guards", None, format!("the schema has a {} `{}` that does not belong there", name.0, name.1));
    }
    Ok(())
}

type Schema = BTreeMap<(String, String), Option<String>>;

fn schema(connection: &Connection) -> rusqlite::Result<Schema> {
    // What SQLite itself keeps for ANALYZE comes and goes.
    let sql = "SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_stat%'";
    connection.prepare(sql)?.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)))?.collect()
}

/// SQLite's own look at the file: pages, indexes against tables, the search index.
fn structure(connection: &Connection, report: &mut HistoryReport) -> rusqlite::Result<()> {
    let mut statement = connection.prepare("PRAGMA integrity_check(20)")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let said: String = row.get(0)?;
        if said != "ok" {
            report.find("structure", None, format!("SQLite says of the file: {said}"));
        }
    }
    Ok(())
}

/// Follows the chain from the first entry to the last; gives what it says of each entity.
fn chain(
    connection: &Connection,
    remembered: Option<&Head>,
    report: &mut HistoryReport,
) -> rusqlite::Result<BTreeMap<(String, String), Past>> {
    let mut past: BTreeMap<(String, String), Past> = BTreeMap::new();
    let (mut next, mut previous) = (1, NOTHING_BEFORE.to_owned());
    let mut still_there = false;
    let mut statement = connection.prepare(&format!("SELECT {}, content FROM history ORDER BY sequence", entry::COLUMNS))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        report.entries += 1;
        let sequence = whole(row, 0)?;
        if sequence != next {
            report.find("gap", Some(sequence), format!("entry {next} should come here, entry {sequence} does"));
        }
        next = sequence + 1;
        let entry = match Entry::read(row) {
            Ok(entry) => entry,
            Err(error) => {
                report.find("entry", Some(sequence), format!("the entry cannot be read: {error}"));
                continue;
            }
        };
        if entry.previous != previous {
            report.find("previous", Some(sequence), "the entry does not follow from the one before it");
        }
        still_there |= remembered.is_some_and(|head| head.sequence == sequence && head.hash.to_string() == entry.hash);
        sound(&entry, row, report)?;
        fits(&entry, &mut past, report);
        report.head = entry.hash.parse().ok().map(|hash| Head { sequence, hash });
        previous = entry.hash;
    }
    if let Some(head) = remembered.filter(|_| !still_there) {
        let message = format!(
            "history does not hold the remembered head, entry {}: the file is another one or an older copy",
            head.sequence
        );
        report.find("head", None, message);
    }
    Ok(past)
}

/// The entry's hash, signature and document.
fn sound(entry: &Entry, row: &Row<'_>, report: &mut HistoryReport) -> rusqlite::Result<()> {
    let at = Some(entry.sequence);
    let message = entry.message();
    if Entry::expected_hash(&message) != entry.hash {
        report.find("hash", at, "the entry is not what its hash covers");
    }
    match entry.verify_signature(&message) {
        Ok(_) => *report.signers.entry(entry.actor.clone()).or_default() += 1,
        Err(why) => report.find("signature", at, why),
    }
    let found = match row.get_ref(15)? {
        ValueRef::Blob(bytes) => Some(Digest::of(bytes).to_string()),
        ValueRef::Null => None,
        _ => Some(String::new()),
    };
    if found != entry.document {
        report.find("document", at, "the document is not the one the entry was made for");
    }
    Ok(())
}

/// Whether the entry can follow what came before of the same entity.
fn fits(entry: &Entry, past: &mut BTreeMap<(String, String), Past>, report: &mut HistoryReport) {
    let at = Some(entry.sequence);
    if !COLLECTIONS.iter().any(|collection| collection.name == entry.collection && collection.id.accepts(&entry.id)) {
        report.find("entity", at, format!("`{} {}` is no entity", entry.collection, entry.id));
    }
    let before = past.get(&(entry.collection.clone(), entry.id.clone()));
    let (there, revision) = before.map_or((false, 0), |past| (past.there, past.revision));
    if entry.revision != revision + 1 {
        report.find("revision", at, format!("revision {} follows revision {revision}", entry.revision));
    }
    let change = Change::named(&entry.change);
    let possible = match change {
        Some(Change::Update | Change::Delete) => there,
        Some(Change::Create | Change::Fork | Change::Import) => !there,
        None => false,
    };
    let deletes = change == Some(Change::Delete);
    if !possible || deletes != entry.document.is_none() {
        report.find("change", at, format!("`{}` cannot be what happened to {} `{}`", entry.change, entry.collection, entry.id));
    }
    let (created, created_at) = match before.filter(|past| past.there) {
        Some(past) => (past.created, past.created_at.clone()),
        None => (entry.sequence, entry.at.clone()),
    };
    let now = Past { revision: entry.revision, created, created_at, head: entry.sequence, there: !deletes };
    past.insert((entry.collection.clone(), entry.id.clone()), now);
}

/// Whether the entities are what history ends with.
fn now(connection: &Connection, past: &BTreeMap<(String, String), Past>, report: &mut HistoryReport) -> rusqlite::Result<()> {
    let sql = "SELECT e.created, e.head, e.collection, e.id, e.revision, e.created_at, \
               h.sequence IS NOT NULL AND e.collection IS h.collection AND e.id IS h.id AND e.revision IS h.revision \
               AND e.name IS h.name AND e.notation IS h.notation AND e.digest IS h.digest AND e.document IS h.document \
               AND e.bytes IS length(h.content) AND e.facts IS h.facts AND e.updated_at IS h.at, \
               d.id IS NOT NULL \
               FROM entities AS e LEFT JOIN history AS h ON h.sequence = e.head LEFT JOIN search_docsize AS d ON d.id = e.created";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut seen = 0;
    while let Some(row) = rows.next()? {
        report.entities += 1;
        let key: (String, String) = (row.get(2)?, row.get(3)?);
        let says = past.get(&key).filter(|past| past.there);
        let (created, head, revision): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(4)?);
        let created_at: String = row.get(5)?;
        let agrees: bool = row.get(6)?;
        match says {
            None => report.find("entity", None, format!("{} `{}` is there, and history does not have it", key.0, key.1)),
            Some(past) => {
                seen += 1;
                let same = (created, head, revision) == (signed(past.created), signed(past.head), signed(past.revision))
                    && created_at == past.created_at
                    && agrees;
                if !same {
                    report.find("entity", Some(past.head), format!("{} `{}` is not what history ends with", key.0, key.1));
                }
            }
        }
        let found: bool = row.get(7)?;
        if !found {
            report.find("search", None, format!("{} `{}` cannot be found by its words", key.0, key.1));
        }
    }
    if seen < past.values().filter(|past| past.there).count() {
        let there = |key: &(String, String)| {
            let sql = "SELECT count(*) FROM entities WHERE collection = ?1 AND id = ?2";
            connection.query_row(sql, [&key.0, &key.1], |row| row.get::<_, i64>(0))
        };
        for (key, past) in past.iter().filter(|(_, past)| past.there) {
            if there(key)? == 0 {
                report.find("entity", Some(past.head), format!("{} `{}` is in history and not there", key.0, key.1));
            }
        }
    }
    let strays: i64 = connection.query_row(
        "SELECT count(*) FROM search_docsize WHERE id NOT IN (SELECT created FROM entities)",
        [],
        |row| row.get(0),
    )?;
    if strays > 0 {
        report.find("search", None, format!("the search index has words of {strays} entities that are not there"));
    }
    Ok(())
}
