//! Somebody edits the file behind the library's back.

use std::fs;

use aw_alloy::keys::SecretKey;
use aw_store::entities::{Author, Change, Entities, EntitiesError, Expect, Head};
use rusqlite::Connection;

use crate::entities_support::{Shelf, at, draft, id, of};

/// Takes the guards of history away, as somebody who can write the file can.
fn unguarded(shelf: &Shelf) -> Connection {
    let raw = shelf.raw();
    let guards = "DROP TRIGGER history_is_not_changed; DROP TRIGGER history_is_not_deleted; DROP TRIGGER history_grows_at_its_end; PRAGMA foreign_keys = OFF;";
    raw.execute_batch(guards).unwrap();
    raw
}

/// Puts the guards back, so that their absence is not what gives the change away.
fn guard_again(raw: &Connection) {
    let fresh = Shelf::new();
    let triggers: Vec<String> = fresh
        .raw()
        .prepare("SELECT sql FROM sqlite_schema WHERE type = 'trigger'")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(triggers.len(), 3);
    triggers.iter().for_each(|sql| raw.execute_batch(sql).unwrap());
}

/// What is found after `edit` and nothing else.
fn found_after(edit: &str) -> Vec<&'static str> {
    let shelf = Shelf::filled();
    shelf.is_whole();
    let raw = unguarded(&shelf);
    raw.execute_batch(edit).unwrap();
    guard_again(&raw);
    shelf.codes()
}

#[test]
fn the_file_itself_refuses_to_change_history() {
    let shelf = Shelf::filled();
    let raw = shelf.raw();
    let copy = "SELECT sequence, collection, id, revision, change, 'other', notation, digest, document, content, facts, actor, at, previous, hash, signature FROM history";
    for (sql, expected) in [
        ("UPDATE history SET name = 'x' WHERE sequence = 2".to_owned(), "history is not changed"),
        ("DELETE FROM history WHERE sequence = 6".to_owned(), "history is not deleted"),
        ("DELETE FROM history".to_owned(), "history is not deleted"),
        (format!("REPLACE INTO history {copy} WHERE sequence = 2"), "history grows at its end only"),
        (format!("INSERT OR REPLACE INTO history {copy} WHERE sequence = 6"), "history grows at its end only"),
        (
            format!("INSERT INTO history {copy} WHERE sequence = 2 ON CONFLICT DO UPDATE SET name = 'x'"),
            "history grows at its end only",
        ),
        (format!("INSERT OR IGNORE INTO history {copy} WHERE sequence = 2"), "history grows at its end only"),
        (
            format!(
                "INSERT INTO history SELECT 7, collection, id, 9, {} FROM history WHERE sequence = 2",
                "change, name, notation, digest, document, content, facts, actor, at, previous, hash, signature"
            ),
            "history grows",
        ),
    ] {
        let error = raw.execute_batch(&sql).unwrap_err();
        assert!(error.to_string().contains(expected), "{sql}: {error}");
    }
    drop(raw);
    shelf.is_whole();
}

#[test]
fn an_edited_entry_is_found() {
    for column in ["name", "id", "collection", "at", "actor", "change", "digest", "document", "notation"] {
        let value = match column {
            "id" => id(77),
            "collection" => "artifacts".into(),
            "actor" => SecretKey::from_bytes(&[9; 32]).public().to_string(),
            "change" => "import".into(),
            "notation" => "yaml".into(),
            _ => "sha256:1".into(),
        };
        let codes = found_after(&format!("UPDATE history SET {column} = '{value}' WHERE sequence = 2"));
        assert!(codes.contains(&"hash") && codes.contains(&"signature"), "{column}: {codes:?}");
    }
    assert!(found_after("UPDATE history SET revision = 5 WHERE sequence = 1").contains(&"hash"));
    assert!(found_after("UPDATE history SET facts = '{\"version\":\"2.0.0\"}' WHERE sequence = 1").contains(&"hash"));
    assert!(
        found_after("UPDATE history SET facts = '{ \"version\":\"1.0.0\"}' WHERE sequence = 1").contains(&"entry"),
        "another spelling"
    );
    assert!(
        found_after("UPDATE history SET signature = (SELECT signature FROM history WHERE sequence = 1) WHERE sequence = 2")
            .contains(&"signature")
    );
    assert_eq!(found_after("UPDATE history SET hash = 'sha256:00' WHERE sequence = 6"), ["hash"]);
    assert_eq!(found_after("UPDATE history SET hash = 'sha256:00' WHERE sequence = 5"), ["hash", "previous"]);
}

#[test]
fn an_edited_document_is_found_and_not_handed_out() {
    let edit = "UPDATE history SET content = CAST(replace(CAST(content AS TEXT), 'first', 'worst') AS BLOB) WHERE sequence = 1";
    assert_eq!(found_after(edit), ["document"]);
    assert_eq!(found_after("UPDATE history SET content = NULL WHERE sequence = 1"), ["document", "entity"]);
    let shelf = Shelf::filled();
    unguarded(&shelf).execute_batch(edit).unwrap();
    assert!(matches!(shelf.entities.get(of("recipes"), &id(1)), Err(EntitiesError::Damaged { .. })));
    assert!(matches!(shelf.entities.get_revision(of("recipes"), &id(1), 1), Err(EntitiesError::Damaged { .. })));
}

#[test]
fn a_removed_entry_is_found() {
    // The last one: the entity it deleted is in neither.
    assert_eq!(found_after("DELETE FROM history WHERE sequence = 6"), ["entity"]);
    // The last two: an entity is ahead of history.
    assert_eq!(found_after("DELETE FROM history WHERE sequence >= 5"), ["entity"]);
    // One in the middle, with and without closing the gap.
    assert!(found_after("DELETE FROM history WHERE sequence = 3").starts_with(&["change", "gap", "previous"]));
    let closed = "DELETE FROM history WHERE sequence = 5; UPDATE history SET sequence = 5 WHERE sequence = 6;";
    assert!(found_after(closed).contains(&"previous"));
    assert!(found_after("DELETE FROM history").contains(&"entity"));
}

#[test]
fn entries_that_changed_places_are_found() {
    let swap = "UPDATE history SET sequence = 99 WHERE sequence = 2; UPDATE history SET sequence = 2 WHERE sequence = 4; \
                UPDATE history SET sequence = 4 WHERE sequence = 99;";
    let codes = found_after(swap);
    assert!(codes.contains(&"hash") && codes.contains(&"previous"), "{codes:?}");
}

#[test]
fn entities_that_history_does_not_have_are_found() {
    assert_eq!(found_after("UPDATE entities SET name = 'other' WHERE created = 1"), ["entity"]);
    assert_eq!(found_after("UPDATE entities SET facts = '{\"version\":\"9.0.0\"}' WHERE created = 1"), ["entity"]);
    assert_eq!(found_after("UPDATE entities SET head = 4 WHERE created = 1"), ["entity"]);
    assert_eq!(
        found_after(
            "UPDATE entities SET revision = 1, head = 2, digest = (SELECT digest FROM history WHERE sequence = 2), document = (SELECT document FROM history WHERE sequence = 2), bytes = (SELECT length(content) FROM history WHERE sequence = 2) WHERE created = 2"
        ),
        ["entity"],
        "an older revision"
    );
    assert_eq!(found_after("UPDATE entities SET created_at = 'x' WHERE created = 1"), ["entity"]);
    assert_eq!(found_after("DELETE FROM entities WHERE created = 1"), ["entity", "search"]);
    assert_eq!(found_after("DELETE FROM search WHERE rowid = 1"), ["search"]);
    let second = "INSERT INTO entities SELECT 3, head, collection, '00000000-0000-4000-8000-0000000000ff', revision, name, notation, digest, document, bytes, facts, created_at, updated_at FROM entities WHERE created = 1";
    let second = second.replace("INTO entities SELECT", "INTO entities (created, head, collection, id, revision, name, notation, digest, document, bytes, facts, created_at, updated_at) SELECT");
    assert_eq!(found_after(&second), ["entity", "search"]);
}

#[test]
fn guards_that_are_gone_and_strangers_in_the_schema_are_found() {
    let shelf = Shelf::filled();
    drop(unguarded(&shelf));
    assert_eq!(shelf.codes(), ["guards"]);
    assert_eq!(shelf.findings().len(), 3);
    let shelf = Shelf::filled();
    shelf.raw().execute_batch("CREATE TABLE notes (text); DROP INDEX entities_by_name;").unwrap();
    assert_eq!(shelf.findings().len(), 2);
    let shelf = Shelf::filled();
    shelf.raw().execute_batch("ANALYZE").unwrap();
    shelf.is_whole();
}

#[test]
fn an_older_copy_of_the_file_is_found_against_a_remembered_head() {
    let mut shelf = Shelf::filled();
    let file = shelf.home.path().join("entities.sqlite");
    shelf.raw().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let older = fs::read(&file).unwrap();
    let head = |shelf: &Shelf| shelf.entities.verify_history(None).unwrap().head.unwrap();
    let before = head(&shelf);
    shelf.put("recipes", &draft(&id(9), "nine", "x"));
    let after = head(&shelf);
    assert_eq!(after.sequence, before.sequence + 1);
    // History that grew still has the head somebody kept, and both spellings agree.
    assert_eq!(shelf.entities.verify_history(Some(&before)).unwrap().findings, []);
    assert_eq!(after.to_string().parse::<Head>().unwrap(), after);

    let other = tempfile::tempdir().unwrap();
    fs::write(other.path().join("entities.sqlite"), older).unwrap();
    let replaced = Entities::open(other.path()).unwrap();
    assert_eq!(replaced.verify_history(None).unwrap().findings, [], "sound in itself");
    let findings = replaced.verify_history(Some(&after)).unwrap().findings;
    assert_eq!(findings.iter().map(|finding| finding.code).collect::<Vec<_>>(), ["head"]);
    for odd in ["", "7", "7:", "7:sha256:00", "07:sha256:", "x:y"] {
        assert!(odd.parse::<Head>().is_err(), "{odd}");
    }
}

#[test]
fn a_history_written_anew_has_another_signer_and_another_head() {
    let shelf = Shelf::filled();
    let head = shelf.entities.verify_history(None).unwrap().head.unwrap();
    let forger = SecretKey::from_bytes(&[66; 32]);
    let mut forged = Shelf::new();
    let author = Author { key: &forger, now: at(0) };
    for number in 1..=6 {
        let draft = draft(&id(number), "forged", "x");
        forged.entities.write(&author, |batch| batch.put(of("recipes"), &draft, Expect::Any, Change::Create)).unwrap();
    }
    let report = forged.entities.verify_history(Some(&head)).unwrap();
    assert_eq!(report.signers.keys().collect::<Vec<_>>(), [&forger.public().to_string()]);
    assert_eq!(report.findings.len(), 1, "the head that was kept: {:?}", report.findings);
}

#[test]
fn a_file_full_of_rubbish_is_told_and_not_trusted() {
    let shelf = Shelf::filled();
    let raw = unguarded(&shelf);
    raw.execute_batch(
        "UPDATE history SET facts = 'nonsense', previous = '', hash = '', signature = '', actor = '' WHERE sequence = 1;
         UPDATE history SET sequence = -5 WHERE sequence = 2;
         UPDATE entities SET collection = 'pets', digest = 'x', facts = '{}' WHERE created = 4;",
    )
    .unwrap();
    let _ = shelf.entities.verify_history(None).map(|report| assert!(!report.findings.is_empty()));
    let query = aw_store::entities::Query { limit: 9, ..Default::default() };
    let _ = shelf.entities.list(&query);
    // Bytes of the file itself, at many places.
    raw.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    drop(raw);
    let bytes = fs::read(shelf.home.path().join("entities.sqlite")).unwrap();
    for place in (0..bytes.len()).step_by(997) {
        let home = tempfile::tempdir().unwrap();
        let mut other = bytes.clone();
        other[place] ^= 0x55;
        fs::write(home.path().join("entities.sqlite"), other).unwrap();
        if let Ok(entities) = Entities::open(home.path()) {
            let _ = entities.verify_history(None);
            let _ = entities.list(&query);
            let _ = entities.get(of("recipes"), &id(1));
        }
    }
}
