//! Entities as their users see them.

use std::fs;

use aw_alloy::keys::SecretKey;
use aw_alloy::text::Limits;
use aw_store::entities::{
    Author, COLLECTIONS, Change, Draft, Entities, EntitiesError, Expect, FIELDS, IdRule, Notation, Query, collection,
};
use rusqlite::Connection;

use crate::entities_support::{Shelf, at, delete, draft, draft_of, id, key, of, open, put};

fn names(shelf: &Shelf, query: Query) -> Vec<String> {
    let query = Query { limit: if query.limit == 0 { 100 } else { query.limit }, ..query };
    shelf.entities.list(&query).unwrap().entities.into_iter().map(|entity| entity.name).collect()
}

fn words(text: &str) -> Query {
    Query { words: Some(text.into()), ..Query::default() }
}

#[test]
fn a_document_comes_back_to_the_byte_at_every_revision() {
    let mut shelf = Shelf::new();
    let documents = ["{\"a\": 1.0,\n \"b\":\t[]}", "{\"a\": 1,  \"b\": null}\r\n", "{\"a\":\"\\u00e9\"}"];
    for (revision, document) in (1..).zip(documents) {
        let put = shelf.put("recipes", &draft_of(&id(1), "one", document));
        assert_eq!((put.entity.revision, put.entity.created), (revision, 1));
    }
    assert_eq!(shelf.entities.get(of("recipes"), &id(1)).unwrap().1, documents[2].as_bytes());
    for (revision, document) in (1..).zip(documents) {
        let (entry, bytes) = shelf.entities.get_revision(of("recipes"), &id(1), revision).unwrap();
        assert_eq!((entry.revision, bytes.as_slice()), (revision, document.as_bytes()));
    }
    let error = shelf.entities.get_revision(of("recipes"), &id(1), 4).unwrap_err();
    assert!(matches!(error, EntitiesError::NoRevision { last: 3, .. }), "{error}");
    shelf.is_whole();
}

#[test]
fn what_did_not_change_makes_no_revision() {
    let mut shelf = Shelf::new();
    assert_eq!(shelf.put("recipes", &draft(&id(1), "one", "x")).change, Some(Change::Create));
    let again = shelf.put("recipes", &draft(&id(1), "one", "x"));
    assert_eq!((again.change, again.entity.revision), (None, 1));
    let mut said = draft(&id(1), "one", "x");
    said.facts.insert("origin".into(), "imported".into());
    let put = shelf.put("recipes", &said);
    assert_eq!((put.change, put.entity.revision), (Some(Change::Update), 2), "facts count as well");
}

#[test]
fn an_entity_that_moved_on_is_not_overwritten() {
    let mut shelf = Shelf::new();
    let one = |text: &str| draft(&id(1), "one", text);
    let conflict = |result: Result<_, EntitiesError>, expected: u64, found: u64| match result {
        Err(EntitiesError::Conflict { expected: e, found: f, .. }) => assert_eq!((e, f), (expected, found)),
        Err(other) => panic!("{other}"),
        Ok(()) => panic!("no conflict"),
    };
    conflict(put(&mut shelf.entities, "recipes", &one("a"), Expect::Revision(1)).map(drop), 1, 0);
    put(&mut shelf.entities, "recipes", &one("a"), Expect::Revision(0)).unwrap();
    conflict(put(&mut shelf.entities, "recipes", &one("b"), Expect::Revision(0)).map(drop), 0, 1);
    put(&mut shelf.entities, "recipes", &one("b"), Expect::Revision(1)).unwrap();
    conflict(put(&mut shelf.entities, "recipes", &one("c"), Expect::Revision(1)).map(drop), 1, 2);
    conflict(put(&mut shelf.entities, "recipes", &one("b"), Expect::Revision(1)).map(drop), 1, 2);
    conflict(delete(&mut shelf.entities, "recipes", &id(1), Expect::Revision(1)), 1, 2);
    let error = put(&mut shelf.entities, "recipes", &one("c"), Expect::Revision(1)).unwrap_err();
    assert_eq!(error.to_string(), format!("recipe `{}` is at revision 2, expected revision 1", id(1)));
    assert!(error.hint().unwrap().contains("data history"));
    shelf.is_whole();
}

#[test]
fn what_was_deleted_leaves_its_history_and_can_come_back() {
    let mut shelf = Shelf::new();
    shelf.put("recipes", &draft(&id(1), "one", "needle"));
    delete(&mut shelf.entities, "recipes", &id(1), Expect::Any).unwrap();
    assert_eq!(names(&shelf, words("needle")), Vec::<String>::new());
    let error = shelf.entities.get(of("recipes"), &id(1)).unwrap_err();
    assert!(matches!(error, EntitiesError::Deleted { revision: 2, .. }), "{error}");
    assert!(matches!(shelf.entities.find(None, &id(1)), Err(EntitiesError::Deleted { .. })));
    assert!(matches!(delete(&mut shelf.entities, "recipes", &id(1), Expect::Any), Err(EntitiesError::NotFound { .. })));
    shelf.entities.get_revision(of("recipes"), &id(1), 1).unwrap();
    let back = shelf.put("recipes", &draft(&id(1), "one", "needle"));
    assert_eq!((back.change, back.entity.revision), (Some(Change::Create), 3));
    let changes: Vec<String> =
        shelf.entities.history(of("recipes"), &id(1), None, 10).unwrap().into_iter().map(|entry| entry.change).collect();
    assert_eq!(changes, ["create", "delete", "create"]);
    assert_eq!(names(&shelf, words("needle")), ["one"]);
    shelf.is_whole();
}

#[test]
fn a_batch_is_made_whole_or_not_at_all() {
    let mut shelf = Shelf::filled();
    let before = shelf.entities.verify_history(None).unwrap();
    let author = Author { key: &key(), now: at(9) };
    let made: Result<(), EntitiesError> = shelf.entities.write(&author, |batch| {
        batch.put(of("recipes"), &draft(&id(8), "eight", "x"), Expect::Any, Change::Create)?;
        batch.delete(of("recipes"), &id(1), Expect::Any)?;
        batch.put(of("recipes"), &draft("not an id", "nine", "x"), Expect::Any, Change::Create)?;
        Ok(())
    });
    assert!(matches!(made, Err(EntitiesError::Id { .. })));
    assert_eq!(shelf.entities.verify_history(None).unwrap(), before);
    shelf.entities.get(of("recipes"), &id(1)).unwrap();
}

#[test]
fn an_id_wins_over_a_name_and_a_name_that_means_several_is_not_guessed() {
    let mut shelf = Shelf::new();
    shelf.put("recipes", &draft(&id(1), "same", "a"));
    shelf.put("artifacts", &draft(&id(2), "same", "b"));
    shelf.put("corpora", &draft("lone", "label", "c"));
    shelf.put("baselines", &draft("label", "other", "d"));
    assert_eq!(shelf.entities.find(None, "label").unwrap().collection.name, "baselines");
    assert_eq!(shelf.entities.find(Some(of("corpora")), "label").unwrap().id, "lone");
    let error = shelf.entities.find(None, "same").unwrap_err();
    assert!(error.to_string().contains(&format!("`recipe {}`, `artifact {}`", id(1), id(2))), "{error}");
    assert_eq!(shelf.entities.find(Some(of("recipes")), "same").unwrap().id, id(1));
    assert!(matches!(shelf.entities.find(None, "none"), Err(EntitiesError::NotFound { .. })));
}

#[test]
fn pages_hold_everything_once_whatever_happens_between_them() {
    let mut shelf = Shelf::new();
    for number in 0..25 {
        let document =
            format!("{{\"architecture\": \"{}\", \"n\": {number}, \"t\": \"all\"}}", ["olmoe", "llama"][number as usize % 2]);
        shelf.put(["recipes", "artifacts"][number as usize % 3 % 2], &draft_of(&id(number), &format!("n{number}"), &document));
    }
    let fact = || vec![("architecture".to_owned(), "olmoe".to_owned())];
    for (query, count) in [
        (Query::default(), 25_usize),
        (Query { facts: fact(), ..Query::default() }, 13),
        (words("all"), 25),
        (Query { facts: fact(), ..words("all") }, 13),
        (Query { collection: Some(of("recipes")), ..Query::default() }, 17),
        (Query { collection: Some(of("artifacts")), ..words("ALL") }, 8),
    ] {
        let (mut seen, mut after, mut turns) = (Vec::new(), None, 0);
        loop {
            let page = shelf.entities.list(&Query { limit: 4, after, ..query.clone() }).unwrap();
            seen.extend(page.entities.iter().map(|entity| entity.id.clone()));
            after = page.next;
            turns += 1;
            // Changed and new entities do not move the others.
            shelf.put(
                "recipes",
                &draft_of(&id(0), "n0", &format!("{{\"architecture\": \"olmoe\", \"t\": \"all {turns} {count}\"}}")),
            );
            if after.is_none() {
                break;
            }
        }
        let mut once = seen.clone();
        once.sort();
        once.dedup();
        assert_eq!((seen.len(), once.len(), turns), (count, count, count.div_ceil(4)), "{query:?}");
    }
    let limit_reached = shelf.entities.list(&Query { limit: 25, ..Query::default() }).unwrap();
    assert_eq!((limit_reached.entities.len(), limit_reached.next), (25, None));
    for odd in ["", "x", "-1", "01", "1 ", "99999999999999999999999"] {
        let error = shelf.entities.list(&Query { after: Some(odd.into()), limit: 1, ..Query::default() }).unwrap_err();
        assert!(matches!(error, EntitiesError::Cursor { .. }), "{odd}");
    }
}

#[test]
fn words_are_text_and_never_instructions() {
    let mut shelf = Shelf::new();
    shelf.put("recipes", &draft(&id(1), "Robert'); DROP TABLE history;--", "c++ and NEAR misses of gpt-4 \"quoted\" naïve"));
    shelf.put("recipes", &draft(&id(2), "% _ \" * NOT", "something else entirely"));
    let first = "Robert'); DROP TABLE history;--";
    for text in [
        "robert'); drop",
        "NEAR",
        "near misses",
        "misses NEAR",
        "gpt-4",
        "\"quoted\"",
        "quoted\"",
        "naive",
        "naïve",
        "c++",
        "AND",
        "* near",
        "(near",
    ] {
        assert_eq!(names(&shelf, words(text)), [first], "{text}");
    }
    for text in [
        "NEAR(near misses)x",
        "near OR else",
        "NOT near",
        "near*x",
        "name:robert",
        "labels:near",
        "gpt-5",
        "ne*",
        "^near else",
        "xyz",
        "{name} : robert",
    ] {
        assert_eq!(names(&shelf, words(text)), Vec::<String>::new(), "{text}");
    }
    for text in ["", " ", "*", "\"", "\"\"", "-", "()", "\0", "'", "^", "+ +", ":", "\u{301}", "\u{e000}"] {
        assert_eq!(names(&shelf, words(text)), Vec::<String>::new(), "{text:?}");
    }
    let all = Query { words: Some("near\0misses".into()), ..Query::default() };
    assert_eq!(names(&shelf, all), [first]);
    for value in ["' OR 1=1 --", "olmoe\0", "%", "*"] {
        for field in ["architecture", "version"] {
            let facts = vec![(field.to_owned(), value.to_owned())];
            assert_eq!(names(&shelf, Query { facts: facts.clone(), ..Query::default() }), Vec::<String>::new());
            assert_eq!(names(&shelf, Query { facts, ..words("near") }), Vec::<String>::new());
        }
    }
    let facts = vec![("version\" OR 1=1".to_owned(), "1".to_owned())];
    assert!(matches!(
        shelf.entities.list(&Query { facts, limit: 1, ..Query::default() }),
        Err(EntitiesError::UnknownField { .. })
    ));
    assert_eq!(shelf.entities.find(None, first).unwrap().id, id(1));
    shelf.is_whole();
}

#[test]
fn ids_that_could_be_paths_or_something_else_are_refused() {
    let mut shelf = Shelf::new();
    let uuid = id(0xabc);
    let long = "x".repeat(201);
    for odd in [
        "",
        "x",
        "../x",
        "/etc/passwd",
        &uuid.to_uppercase(),
        &uuid.replace('-', ""),
        &format!("{uuid}\n"),
        &format!("{uuid}/.."),
    ] {
        let error = put(&mut shelf.entities, "recipes", &draft(odd, "n", "t"), Expect::Any).unwrap_err();
        assert!(matches!(error, EntitiesError::Id { .. }), "{odd}: {error}");
    }
    for odd in ["", ".", "..", "a/b", "a\\b", "a\0b", "a\nb", " a", "a ", "\u{85}", &long] {
        let error = put(&mut shelf.entities, "corpora", &draft(odd, "n", "t"), Expect::Any).unwrap_err();
        assert!(matches!(error, EntitiesError::Id { .. }), "{odd}: {error}");
    }
    for fine in ["a", "calibration corpus v2.jsonl", "humaneval+", "日本"] {
        put(&mut shelf.entities, "corpora", &draft(fine, "n", "t"), Expect::Any).unwrap();
    }
    assert!(matches!(collection("recipe"), Err(EntitiesError::UnknownCollection { .. })));
    assert!(COLLECTIONS.iter().any(|it| it.id == IdRule::Label));
    shelf.is_whole();
}

#[test]
fn documents_beyond_the_bounds_are_refused() {
    let mut shelf = Shelf::new();
    let large = Draft { bytes: vec![b' '; 100_000_000], ..draft(&id(1), "n", "t") };
    let error = put(&mut shelf.entities, "recipes", &large, Expect::Any).unwrap_err();
    assert!(matches!(error, EntitiesError::TooLarge { bytes: 100_000_000, limit } if limit == Limits::DOCUMENT.bytes), "{error}");
    let mut wordy = draft(&id(1), "n", "t");
    wordy.facts.insert("author".into(), "x".repeat(70_000));
    assert!(matches!(put(&mut shelf.entities, "recipes", &wordy, Expect::Any), Err(EntitiesError::TooLarge { .. })));
    let mut unknown = draft(&id(1), "n", "t");
    unknown.facts.insert("colour".into(), "blue".into());
    assert!(matches!(put(&mut shelf.entities, "recipes", &unknown, Expect::Any), Err(EntitiesError::UnknownField { .. })));
    assert_eq!(shelf.entities.verify_history(None).unwrap().entries, 0);
}

#[test]
fn a_recipe_resolves_by_id_and_version_or_says_why_not() {
    let mut shelf = Shelf::new();
    let at_version =
        |version: &str, text: &str| draft_of(&id(1), "r", &format!("{{\"version\": \"{version}\", \"t\": \"{text}\"}}"));
    shelf.put("recipes", &at_version("1.0.0", "a"));
    shelf.put("recipes", &at_version("1.0.0", "b"));
    shelf.put("recipes", &at_version("1.1.0", "b"));
    let old = shelf.entities.resolve_recipe(&id(1), "1.0.0").unwrap();
    assert_eq!((old.revision, old.variants, old.digest), (2, 2, at_version("1.0.0", "b").digest));
    assert_eq!(shelf.entities.resolve_recipe(&id(1), "1.1.0").unwrap().variants, 1);
    match shelf.entities.resolve_recipe(&id(1), "2.0.0").unwrap_err() {
        EntitiesError::NoVersion { found, .. } => assert_eq!(found, ["1.1.0", "1.0.0"]),
        other => panic!("{other}"),
    }
    assert!(matches!(shelf.entities.resolve_recipe(&id(2), "1.0.0"), Err(EntitiesError::NotFound { .. })));
    delete(&mut shelf.entities, "recipes", &id(1), Expect::Any).unwrap();
    assert!(matches!(shelf.entities.resolve_recipe(&id(1), "1.0.0"), Err(EntitiesError::Deleted { .. })));
}

#[test]
fn every_entry_says_who_made_it() {
    let mut shelf = Shelf::filled();
    let other = SecretKey::from_bytes(&[9; 32]);
    let author = Author { key: &other, now: at(5) };
    let put =
        |batch: &mut aw_store::entities::Batch<'_>| batch.put(of("keys"), &draft("k", "k", "t"), Expect::Any, Change::Import);
    shelf.entities.write(&author, put).unwrap();
    let report = shelf.entities.verify_history(None).unwrap();
    assert_eq!(report.findings, []);
    assert_eq!(report.signers[&key().public().to_string()], 6);
    assert_eq!(report.signers[&other.public().to_string()], 1);
    assert_eq!((report.entries, report.entities), (7, 4));
    let entry = &shelf.entities.history(of("keys"), "k", None, 1).unwrap()[0];
    assert_eq!((entry.change.as_str(), entry.at.as_str()), ("import", "2023-11-14T22:13:25.000Z"));
}

#[test]
fn files_that_are_something_else_are_left_alone() {
    for (content, expected) in
        [(&b"SQLite format 3\0but no more"[..], "is not a file of entities"), (b"hello, this is text", "is not a file")]
    {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("entities.sqlite");
        fs::write(&path, content).unwrap();
        let error = Entities::open(home.path()).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(fs::read(&path).unwrap(), content);
    }
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("entities.sqlite");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE letters (text)").unwrap();
    assert!(matches!(Entities::open(home.path()).unwrap_err(), EntitiesError::NotEntities { .. }));
}

#[test]
fn facts_have_columns_in_the_file_and_notations_come_back() {
    let mut shelf = Shelf::new();
    let mut yaml = draft(&id(1), "y", "t");
    yaml.notation = Notation::Yaml;
    yaml.facts = FIELDS.iter().map(|(field, _)| ((*field).to_owned(), format!("a {field}"))).collect();
    shelf.put("recipes", &yaml);
    assert_eq!(shelf.entities.get(of("recipes"), &id(1)).unwrap().0.notation, Notation::Yaml);
    for (field, column) in FIELDS {
        let value: String = shelf.raw().query_row(&format!("SELECT {column} FROM entities"), [], |row| row.get(0)).unwrap();
        assert_eq!(value, format!("a {field}"));
        let facts = vec![((*field).to_owned(), value)];
        assert_eq!(names(&shelf, Query { facts, ..Query::default() }), ["y"]);
        let plan = format!(
            "EXPLAIN QUERY PLAN SELECT id FROM entities AS e WHERE collection = 'recipes' AND {column} = 'x' AND created < 9 ORDER BY created DESC LIMIT 3"
        );
        let plan: String = shelf.raw().query_row(&plan, [], |row| row.get(3)).unwrap();
        assert!(plan.contains(&format!("entities_by_{column}")), "{plan}");
    }
}

#[test]
fn a_second_opening_sees_what_the_first_wrote() {
    let shelf = Shelf::filled();
    let again = open(shelf.home.path());
    assert_eq!(again.verify_history(None).unwrap(), shelf.entities.verify_history(None).unwrap());
}
