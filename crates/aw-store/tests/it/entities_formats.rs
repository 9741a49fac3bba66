//! Files of every earlier format, and of a later one.

use std::fs;
use std::path::Path;

use aw_store::entities::{Entities, EntitiesError, Expect, Query};
use rusqlite::Connection;

use crate::entities_support::{Shelf, delete, draft, id, put};

/// The migrations, in order.
fn migrations() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/entities/migrations");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read_to_string(path).unwrap()).collect()
}

#[test]
fn a_file_of_every_earlier_format_is_brought_up_to_date_with_all_it_holds() {
    let migrations = migrations();
    let full = Shelf::filled();
    assert!(migrations.len() > 1);
    for format in 0..=migrations.len() {
        let home = tempfile::tempdir().unwrap();
        let raw = Connection::open(home.path().join("entities.sqlite")).unwrap();
        migrations[..format].iter().for_each(|migration| raw.execute_batch(migration).unwrap());
        raw.execute_batch(&format!("PRAGMA user_version = {format}")).unwrap();
        if format > 0 {
            raw.execute_batch("PRAGMA application_id = 0x4157656e").unwrap();
            raw.execute("ATTACH ?1 AS full", [full.home.path().join("entities.sqlite").to_str().unwrap()]).unwrap();
            let own =
                "created, head, collection, id, revision, name, notation, digest, document, bytes, facts, created_at, updated_at";
            raw.execute_batch(&format!(
                "INSERT INTO history SELECT * FROM full.history ORDER BY sequence;
                 INSERT INTO entities ({own}) SELECT {own} FROM full.entities;
                 INSERT INTO search (rowid, name) SELECT created, name FROM entities;"
            ))
            .unwrap();
        }
        drop(raw);
        let mut entities = Entities::open(home.path()).unwrap();
        let report = entities.verify_history(None).unwrap();
        assert_eq!(report.findings, [], "format {format}");
        assert_eq!(report.entries, if format == 0 { 0 } else { 6 });
        put(&mut entities, "recipes", &draft(&id(1), "recipe 1", "changed"), Expect::Any).unwrap();
        let facts = vec![("version".to_owned(), "1.0.0".to_owned())];
        let page = entities.list(&Query { facts, limit: 9, ..Query::default() }).unwrap();
        assert_eq!(page.entities.len(), if format == 0 { 1 } else { 3 });
        delete(&mut entities, "recipes", &id(1), Expect::Any).unwrap();
        assert_eq!(entities.verify_history(None).unwrap().findings, []);
    }
}

#[test]
fn a_file_of_a_later_format_is_refused_and_left_as_it_is() {
    let shelf = Shelf::filled();
    shelf.raw().execute_batch("PRAGMA user_version = 99").unwrap();
    let error = Entities::open(shelf.home.path()).unwrap_err();
    assert!(matches!(error, EntitiesError::Newer { found: 99, known: 2, .. }), "{error}");
    assert!(error.to_string().contains("have format 99; this version reads and writes formats up to 2"), "{error}");
    let format: i64 = shelf.raw().query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    assert_eq!(format, 99);
}
