//! Opening the file, and bringing it up to date.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

use super::Entities;
use super::error::EntitiesError;
use crate::disk::At as _;
use crate::store::open_lock;
use aw_disk::Lock;

/// `AWen`: what says that a SQLite file is one of ours.
const APPLICATION: i64 = 0x4157_656e;

/// How long a process waits for another one that writes.
const PATIENCE: Duration = Duration::from_secs(30);

/// What brings a file from each format to the next, oldest first. Never edited once released; what changes is a new one.
pub(super) const MIGRATIONS: &[&str] = &[include_str!("migrations/0001_entities.sql"), include_str!("migrations/0002_facts.sql")];

impl Entities {
    /// Opens `<home>/entities.sqlite`, making it if there is none and bringing an older one up to date.
    ///
    /// # Errors
    /// [`EntitiesError`] when the file cannot be made, is something else, or was written by a later version.
    pub fn open(home: &Path) -> Result<Self, EntitiesError> {
        let home = std::path::absolute(home).at("find", home)?;
        std::fs::create_dir_all(&home).at("create the folder", &home)?;
        let path = home.join("entities.sqlite");
        // One at a time: two that switch a new file to write-ahead logging at once would not wait for each other.
        let lock = home.join("entities.lock");
        let _alone = Lock::exclusive(open_lock(&lock)?, &lock)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let opened = Connection::open_with_flags(&path, flags);
        let mut connection = opened.map_err(|source| explain("opened", &path, source))?;
        prepare(&mut connection, &path)?;
        Ok(Self { connection, path })
    }
}

/// Sets a connection up, and migrates.
fn prepare(connection: &mut Connection, path: &Path) -> Result<(), EntitiesError> {
    let at = |source| explain("opened", path, source);
    connection.busy_timeout(PATIENCE).map_err(at)?;
    // The file may come from elsewhere: what is written in its schema is given no powers.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true).map_err(at)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false).map_err(at)?;
    let pragma = |name| connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0)).map_err(at);
    let (application, format, tables) = (pragma("application_id")?, pragma("user_version")?, pragma("schema_version")?);
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    if application != APPLICATION && (tables != 0 || format != 0 || application != 0) {
        return Err(EntitiesError::NotEntities { path: path.to_owned() });
    }
    if format > known {
        return Err(EntitiesError::Newer { path: path.to_owned(), found: format, known });
    }
    connection.pragma_update(None, "journal_mode", "WAL").map_err(at)?;
    connection.pragma_update(None, "synchronous", "FULL").map_err(at)?;
    connection.pragma_update(None, "foreign_keys", true).map_err(at)?;
    connection.pragma_update(None, "cache_size", -16_000).map_err(at)?;
    migrate(connection, MIGRATIONS).map_err(|source| explain("brought up to date", path, source))
}

/// Applies the migrations that are missing, all in one transaction.
pub(super) fn migrate(connection: &mut Connection, migrations: &[&str]) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let format: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let done = usize::try_from(format).unwrap_or(usize::MAX);
    if done >= migrations.len() {
        return Ok(());
    }
    for migration in &migrations[done..] {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "user_version", signed_len(migrations))?;
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    Transaction::commit(transaction)
}

fn signed_len(migrations: &[&str]) -> i64 {
    i64::try_from(migrations.len()).unwrap_or(i64::MAX)
}

/// What SQLite said, as one of our errors.
pub(super) fn explain(action: &'static str, path: &Path, source: rusqlite::Error) -> EntitiesError {
    let path: PathBuf = path.to_owned();
    match source.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => EntitiesError::Busy { path },
        Some(ErrorCode::NotADatabase) => EntitiesError::NotEntities { path },
        Some(ErrorCode::DatabaseCorrupt) => EntitiesError::Damaged { path, what: source.to_string() },
        _ => match source {
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..) => EntitiesError::Damaged { path, what: source.to_string() },
            source => EntitiesError::Sqlite { action, path, source },
        },
    }
}
