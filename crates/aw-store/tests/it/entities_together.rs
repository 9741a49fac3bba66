//! Several who write at once, and those who are killed while they do.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use aw_store::entities::{EntitiesError, Expect};

use crate::entities_support::{delete, draft, id, of, open, put};

const CHILD: &str = "AW_STORE_TEST_ENTITIES_HOME";
const NUMBER: &str = "AW_STORE_TEST_ENTITIES_NUMBER";
const ROUNDS: u64 = 30;

#[test]
fn processes_that_write_at_once_lose_nothing() {
    const TEST: &str = "entities_together::processes_that_write_at_once_lose_nothing";
    if let Some(home) = std::env::var_os(CHILD) {
        let number: u64 = std::env::var_os(NUMBER).unwrap().to_str().unwrap().parse().unwrap();
        return write_beside_others(Path::new(&home), number);
    }
    let home = tempfile::tempdir().unwrap();
    let children: Vec<Child> = (0..4).map(|number| child(TEST, home.path(), number)).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let entities = open(home.path());
    let report = entities.verify_history(None).unwrap();
    assert_eq!(report.findings, []);
    // 25 of their own each, and 25 steps of the one they share.
    assert_eq!((report.entries, report.entities), (4 * 25 + 4 * 25, 4 * 25 + 1));
    let shared = entities.history(of("recipes"), &id(999), None, 1000).unwrap();
    let texts: BTreeSet<String> = shared.iter().map(|entry| entry.digest.clone().unwrap()).collect();
    assert_eq!((shared.len(), texts.len()), (100, 100), "every step is there once");
}

fn write_beside_others(home: &Path, number: u64) {
    let mut entities = open(home);
    for step in 0..25 {
        put(&mut entities, "recipes", &draft(&id(number * 100 + step), "own", "x"), Expect::Revision(0)).unwrap();
        // What everybody changes: look, change what was seen, look again when somebody was quicker.
        loop {
            let seen = entities.get(of("recipes"), &id(999)).map_or(0, |(entity, _)| entity.revision);
            let changed = draft(&id(999), "shared", &format!("step {step} of {number}"));
            match put(&mut entities, "recipes", &changed, Expect::Revision(seen)) {
                Ok(_) => break,
                Err(EntitiesError::Conflict { .. }) => {}
                Err(other) => panic!("{other}"),
            }
        }
    }
}

#[test]
fn a_killed_writer_leaves_a_sound_history_with_all_it_was_told_is_done() {
    const TEST: &str = "entities_together::a_killed_writer_leaves_a_sound_history_with_all_it_was_told_is_done";
    if let Some(home) = std::env::var_os(CHILD) {
        return write_for_ever(Path::new(&home));
    }
    let home = tempfile::tempdir().unwrap();
    for round in 0..ROUNDS {
        let before = acknowledged(home.path());
        let mut child = child(TEST, home.path(), round);
        let patience = Instant::now() + Duration::from_secs(60);
        while acknowledged(home.path()) == before && Instant::now() < patience {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_micros(round * 1_370 % 9_000));
        child.kill().unwrap();
        child.wait().unwrap();
        let done = acknowledged(home.path());
        assert!(done > before, "the child did nothing in its time");
        let entities = open(home.path());
        let report = entities.verify_history(None).unwrap();
        assert_eq!(report.findings, [], "round {round}");
        for number in before..done {
            match number % 3 {
                2 => assert!(matches!(entities.get(of("recipes"), &id(number)), Err(EntitiesError::Deleted { .. }))),
                _ => drop(entities.get(of("recipes"), &id(number)).unwrap()),
            }
        }
    }
}

fn write_for_ever(home: &Path) {
    let mut entities = open(home);
    let mut done = fs::File::options().append(true).create(true).open(home.join("acknowledged")).unwrap();
    for number in acknowledged(home).. {
        put(&mut entities, "recipes", &draft(&id(number), "killed", &"word ".repeat(number as usize % 3000)), Expect::Any)
            .unwrap();
        if number % 3 == 2 && entities.get(of("recipes"), &id(number)).is_ok() {
            delete(&mut entities, "recipes", &id(number), Expect::Any).unwrap();
        }
        done.write_all(format!("{number}\n").as_bytes()).unwrap();
    }
}

fn acknowledged(home: &Path) -> u64 {
    fs::read_to_string(home.join("acknowledged")).unwrap_or_default().lines().count() as u64
}

fn child(test: &str, home: &Path, number: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(CHILD, home)
        .env(NUMBER, number.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}
