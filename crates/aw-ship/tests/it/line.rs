//! Finished parts of a line: what is written beside them, in the log and in rework.

use std::cell::Cell;
use std::path::Path;

use aw_ship::{Bundle, Judgement, Policy, ShipError, Step};
use aw_testkit::files;
use serde_json::Value;

use crate::fixture::*;

fn log(root: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(root.join("line/throughput.jsonl")).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn a_shipped_part_stays_where_it_is_with_receipt_result_and_log() {
    let root = tempfile::tempdir().unwrap();
    line(root.path(), &Making::default());
    let bundle = Bundle::of_part(root.path(), "compact").unwrap();
    let shelf = root.path().join("shelf");
    let shipped = Shop::default().ship(&bundle, &to_folder(&shelf)).unwrap();
    assert_eq!(shipped.decision.judgement, Judgement::Ship, "{:?}", rules(&shipped));
    let finished = root.path().join("line/finished");
    assert!(finished.join("compact.alloy.json").exists() && finished.join("compact.receipt.json").exists());
    let result = json(&finished.join("compact.result.json"));
    assert_eq!((result["published"].clone(), result["scores"]["quiz"].clone()), (true.into(), 75.0.into()));
    assert!(result["alloyChainHash"].as_str().unwrap().starts_with("sha256:"));
    assert_eq!(result["signatureBundle"]["signer"], door_key().public().to_string());
    let log = log(root.path());
    assert_eq!(log.len(), 1);
    assert_eq!((log[0]["outcome"].as_str(), log[0]["alloy"].as_str()), (Some("shipped"), Some("compact.alloy.json")));
    assert_eq!(log[0]["url"].as_str().map(Path::new), Some(version(&shelf).as_path()));
    // Again: nothing new anywhere.
    let before = files(root.path());
    Shop::default().ship(&bundle, &to_folder(&shelf)).unwrap();
    assert_eq!(files(root.path()), before);
}

#[test]
fn stopped_before_every_step_a_part_comes_to_the_same_records() {
    let reference = tempfile::tempdir().unwrap();
    line(reference.path(), &Making::default());
    let shelf = tempfile::tempdir().unwrap();
    let count = Cell::new(0_usize);
    let counts = |_: &Step| {
        count.set(count.get() + 1);
        true
    };
    let bundle = Bundle::of_part(reference.path(), "compact").unwrap();
    Shop::default().with(&counts, |door| door.ship(&bundle, &to_folder(shelf.path()))).unwrap();
    let expected = files(&reference.path().join("line"));
    for stop in 0..count.get() {
        let root = tempfile::tempdir().unwrap();
        line(root.path(), &Making::default());
        std::fs::remove_dir_all(version(shelf.path())).unwrap();
        let bundle = Bundle::of_part(root.path(), "compact").unwrap();
        let at = Cell::new(0);
        let stops = |_: &Step| {
            at.set(at.get() + 1);
            at.get() <= stop
        };
        Shop::default().with(&stops, |door| door.ship(&bundle, &to_folder(shelf.path()))).unwrap_err();
        Shop::default().ship(&bundle, &to_folder(shelf.path())).unwrap();
        assert_eq!(files(&root.path().join("line")), expected, "{stop}");
    }
}

#[test]
fn a_refusal_shows_in_rework_once_and_the_part_stays() {
    let root = tempfile::tempdir().unwrap();
    line(root.path(), &Making { meets: false, ..Making::default() });
    let bundle = Bundle::of_part(root.path(), "compact.alloy.json").unwrap();
    let shelf = root.path().join("shelf");
    let part = std::fs::read(root.path().join("line/finished/compact.alloy.json")).unwrap();
    for _ in 0..3 {
        let shipped = Shop::default().ship(&bundle, &to_folder(&shelf)).unwrap();
        assert_eq!(shipped.decision.judgement, Judgement::Refuse);
        assert_eq!(shipped.refusal.unwrap().rework.as_deref(), Some("compact.refused1.alloy.json"));
    }
    let rework = files(&root.path().join("line/rework"));
    let names: Vec<&str> = rework.keys().map(String::as_str).collect();
    assert_eq!(names, ["compact.refused1.alloy.json", "compact.refused1.error.json", "compact.refused1.refusal.json"]);
    assert_eq!(rework["compact.refused1.alloy.json"], part);
    let error: Value = serde_json::from_slice(&rework["compact.refused1.error.json"]).unwrap();
    assert!(error["error"].as_str().unwrap().contains("acceptance/") && error["stage"] == "ship", "{error}");
    assert_eq!(std::fs::read(root.path().join("line/finished/compact.alloy.json")).unwrap(), part);
    let entries = log(root.path());
    assert_eq!(entries.len(), 1, "{entries:?}");
    assert_eq!(entries[0]["outcome"], "ship_refused");
    assert!(entries[0]["reasons"][0].as_str().unwrap().contains("acceptance/"));
    assert!(!shelf.exists());
    // For another reason, another record.
    let shop = Shop { resolves: false, ..Shop::default() };
    let shipped = shop.ship(&bundle, &to_folder(&shelf)).unwrap();
    assert_eq!(shipped.refusal.unwrap().rework.as_deref(), Some("compact.refused2.alloy.json"));
}

#[test]
fn a_dry_run_writes_nothing_even_when_it_refuses() {
    let root = tempfile::tempdir().unwrap();
    line(root.path(), &Making { meets: false, ..Making::default() });
    let before = files(root.path());
    let bundle = Bundle::of_part(root.path(), "compact").unwrap();
    let looked = Shop::default().look(&bundle, &to_folder(&root.path().join("shelf"))).unwrap();
    assert_eq!(looked.decision.judgement, Judgement::Refuse);
    assert_eq!(files(root.path()), before);
    let shop = Shop { policy: Policy::Person, ..Shop::default() };
    assert!(shop.look(&bundle, &[]).is_ok());
    assert_eq!(files(root.path()), before);
}

#[test]
fn records_that_speak_of_another_artifact_refuse() {
    let changes: [(&str, &str, &str); 3] = [
        ("compact.artifact.json", "{}", "bundle/same-document"),
        ("compact.result.json", r#"{"forged_dir": "work/compact/artifact", "artifactId": "x"}"#, "bundle/same-artifact"),
        ("compact.result.json", r#"{"forged_dir": "work/compact/artifact", "recipeId": "x"}"#, "bundle/same-recipe"),
    ];
    for (name, text, rule) in changes {
        let root = tempfile::tempdir().unwrap();
        line(root.path(), &Making::default());
        std::fs::write(root.path().join("line/finished").join(name), text).unwrap();
        let bundle = Bundle::of_part(root.path(), "compact").unwrap();
        assert_eq!(rules(&Shop::default().look(&bundle, &[]).unwrap()), [rule]);
    }
}

#[test]
fn paths_that_lead_out_of_the_root_are_refused() {
    let outside = tempfile::tempdir().unwrap();
    make(&outside.path().join("artifact"), &Making::default());
    let out = outside.path().join("artifact");
    let link = |root: &Path| std::os::unix::fs::symlink(outside.path(), root.join("work/link")).unwrap();
    for (forged, tricks) in [
        ("../../artifact".to_owned(), false),
        (out.display().to_string(), false),
        ("work/link/artifact".to_owned(), true),
        ("work/none".to_owned(), false),
        (String::new(), false),
        ("work/compact/../../..".to_owned(), false),
    ] {
        let root = tempfile::tempdir().unwrap();
        line(root.path(), &Making::default());
        if tricks {
            link(root.path());
        }
        let result = serde_json::json!({"forged_dir": forged});
        std::fs::write(root.path().join("line/finished/compact.result.json"), result.to_string()).unwrap();
        let error = Bundle::of_part(root.path(), "compact").unwrap_err();
        assert!(matches!(error, ShipError::Bundle { .. }), "{forged}: {error}");
    }
    let root = tempfile::tempdir().unwrap();
    line(root.path(), &Making::default());
    for name in ["../finished/compact", "compact/x", ".compact", "none", ""] {
        assert!(Bundle::of_part(root.path(), name).is_err(), "{name}");
    }
}

#[test]
fn dead_at_every_change_of_the_disk_a_refusal_shows_once() {
    let steps = |root: &Path, limit: usize| {
        let seen = std::rc::Rc::new(Cell::new(0));
        let count = seen.clone();
        let watched = aw_disk::faults::watch_thread(move |_| {
            count.set(count.get() + 1);
            if count.get() > limit { Err(std::io::Error::from(std::io::ErrorKind::StorageFull)) } else { Ok(()) }
        });
        let bundle = Bundle::of_part(root, "compact").unwrap();
        let ended = Shop::default().ship(&bundle, &to_folder(&root.join("shelf")));
        drop(watched);
        (seen.get(), ended.is_ok())
    };
    let reference = tempfile::tempdir().unwrap();
    line(reference.path(), &Making { meets: false, ..Making::default() });
    let (whole, _) = steps(reference.path(), usize::MAX);
    assert!(whole > 20, "{whole}");
    for limit in 0..whole {
        let root = tempfile::tempdir().unwrap();
        line(root.path(), &Making { meets: false, ..Making::default() });
        assert!(!steps(root.path(), limit).1, "{limit} of {whole}");
        assert!(steps(root.path(), usize::MAX).1);
        let names =
            |root: &Path| files(&root.join("line/rework")).into_keys().filter(|name| !name.starts_with('.')).collect::<Vec<_>>();
        assert_eq!(names(root.path()), names(reference.path()), "{limit}");
        let refused = log(root.path()).iter().filter(|entry| entry["outcome"] == "ship_refused").count();
        assert_eq!(refused, 1, "{limit}");
        assert_eq!(std::fs::read_dir(root.path().join("line/finished")).unwrap().count(), 5, "{limit}");
    }
}
