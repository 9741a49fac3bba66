//! What runs, what does not run again, and what survives.

use std::os::unix::fs::PermissionsExt;
use std::sync::Mutex;

use aw_alloy::digest::Digest;
use aw_foundry::{Cached, Event, RunError};

use aw_testkit::files;

use crate::pottery::{RECIPE, Workshop};

#[test]
fn a_run_makes_an_artifact_and_the_same_run_does_nothing() {
    let shop = Workshop::new();
    let first = shop.run(RECIPE).unwrap();
    assert_eq!(shop.ran(), 3);
    let before = files(&shop.out());
    let names: Vec<&str> = before.keys().map(String::as_str).collect();
    assert_eq!(names, ["README.md", "clay", "cup.alloy.json", "records/00-fire/log", "red", "weights.json"]);
    assert_eq!(before["clay"], b"clay fired at 1000");

    let second = shop.run(RECIPE).unwrap();
    assert_eq!(shop.ran(), 0);
    assert!(second.unchanged && second.stages.iter().all(|stage| stage.cached));
    assert_eq!(files(&shop.out()), before, "not even a time stamp changes");
    assert_eq!(first.artifact.id(), second.artifact.id());
}

#[test]
fn two_folders_give_the_same_outputs() {
    let (one, other) = (Workshop::new(), Workshop::new());
    let (a, b) = (one.run(RECIPE).unwrap(), other.run(RECIPE).unwrap());
    assert_eq!(a.artifact.output(), b.artifact.output());
    assert_eq!(a.artifact.id(), b.artifact.id());
}

#[test]
fn only_what_a_change_reaches_runs_again() {
    let shop = Workshop::new();
    shop.run(RECIPE).unwrap();
    shop.ran();
    // Without `weigh`, `pack` reads the same pot and is found.
    shop.run(&RECIPE.replace("  - {type: weigh}\n", "")).unwrap();
    assert_eq!(shop.ran(), 0);
    shop.run(&RECIPE.replace("1000", "1001")).unwrap();
    assert_eq!(shop.ran(), 3);
    shop.settle();
    let plan = shop.plan(&RECIPE.replace("1000", "1002")).unwrap();
    let cached: Vec<Cached> = plan.steps.iter().map(|step| step.cached).collect();
    assert_eq!(cached, [Cached::Miss, Cached::Unknown, Cached::Unknown]);
    assert!(shop.plan(RECIPE).unwrap().steps.iter().all(|step| step.cached == Cached::Hit));
}

#[test]
fn a_failed_stage_keeps_what_finished_and_leaves_the_folder_alone() {
    let shop = Workshop::new();
    shop.run(RECIPE).unwrap();
    let before = files(&shop.out());
    shop.ran();
    let error = shop
        .run(&RECIPE.replace("  - {type: pack}", "  - {type: fire, degrees: 900, crack: true}\n  - {type: pack}"))
        .unwrap_err();
    assert_eq!(error.to_string(), "stage 3 (`fire`) failed: the pot cracked");
    assert_eq!(error.hint().as_deref(), Some("fire it cooler"));
    assert_eq!(shop.ran(), 1, "the stages before it were found");
    assert_eq!(files(&shop.out()), before);
}

#[test]
fn a_cancelled_run_goes_on_where_it_stopped() {
    let shop = Workshop::new();
    let finished = Mutex::new(0);
    let events = |event: Event| {
        if matches!(event, Event::StageFinished { .. }) {
            *finished.lock().unwrap() += 1;
        }
    };
    let error = shop.run_with(RECIPE, &|| *finished.lock().unwrap() == 2, &events).unwrap_err();
    assert!(matches!(error, RunError::Cancelled));
    assert!(!shop.out().exists());
    shop.ran();
    shop.run(RECIPE).unwrap();
    assert_eq!(shop.ran(), 1);
}

#[test]
fn a_changed_source_is_another_run() {
    let shop = Workshop::new();
    let first = shop.run(RECIPE).unwrap();
    std::fs::write(shop.folder.path().join("source/clay"), "mud!").unwrap();
    let second = shop.run(RECIPE).unwrap();
    assert_ne!(first.artifact.output(), second.artifact.output());
    assert_eq!(files(&shop.out())["clay"], b"mud! fired at 1000");
}

#[test]
fn a_file_of_the_source_that_changes_before_it_is_stored_is_named() {
    let shop = Workshop::new();
    let red = shop.folder.path().join("source/glaze/red");
    // The first stage reads the source where it lies; the second needs the file in the store.
    let events = |event: Event| {
        if matches!(event, Event::StageFinished { step: 1, .. }) {
            std::fs::write(&red, "rod").unwrap();
        }
    };
    let error = shop.run_with(RECIPE, &|| false, &events).unwrap_err();
    let [expected, found] = [&b"red"[..], b"rod"].map(Digest::of);
    assert_eq!(
        error.to_string(),
        format!("`glaze/red` of the source changed during the run: expected content {expected}, found {found}")
    );
    assert_eq!(error.hint().as_deref(), Some("leave the source alone while a recipe runs, then run again"));
    assert!(!shop.out().exists());
}

#[test]
fn a_file_changed_through_its_link_runs_the_stage_again() {
    let shop = Workshop::new();
    shop.run(RECIPE).unwrap();
    let before = files(&shop.out());
    shop.ran();
    let clay = shop.out().join("clay");
    std::fs::set_permissions(&clay, std::fs::Permissions::from_mode(0o644)).unwrap();
    std::fs::write(&clay, "forged by someone").unwrap();
    let again = shop.run(RECIPE).unwrap();
    assert_eq!(files(&shop.out())["clay"], before["clay"]);
    assert!(!again.stages.is_empty());
}

#[test]
fn a_folder_with_something_else_is_left_alone() {
    let shop = Workshop::new();
    std::fs::create_dir(shop.out()).unwrap();
    std::fs::write(shop.out().join("thesis.tex"), "years of work").unwrap();
    assert!(matches!(shop.run(RECIPE), Err(RunError::OutOccupied { .. })));
    assert_eq!(files(&shop.out()).len(), 1);
    assert_eq!(shop.ran(), 0, "refused before any work");
}

#[test]
fn another_key_seals_the_same_artifact_anew() {
    let mut shop = Workshop::new();
    let first = shop.run(RECIPE).unwrap();
    shop.key = aw_alloy::keys::SecretKey::from_bytes(&[10; 32]);
    let second = shop.run(RECIPE).unwrap();
    assert!(!second.unchanged);
    assert_eq!(first.artifact.id(), second.artifact.id());
    assert_eq!(second.artifact.seal_member().unwrap().signature.public_key, shop.key.public().to_string());
}
