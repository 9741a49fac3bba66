//! Finished parts of a line: what is written beside them, in the log and in rework.

use std::cell::Cell;
use std::path::Path;

use aw_ship::{Judgement, Policy, ShipError, Step};
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
    let bundle = part(root.path(), "compact").unwrap();
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
    let bundle = part(reference.path(), "compact").unwrap();
    Shop::default().with(&counts, |door| door.ship(&bundle, &to_folder(shelf.path()))).unwrap();
    let expected = files(&reference.path().join("line"));
    for stop in 0..count.get() {
        let root = tempfile::tempdir().unwrap();
        line(root.path(), &Making::default());
        std::fs::remove_dir_all(version(shelf.path())).unwrap();
        let bundle = part(root.path(), "compact").unwrap();
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
    let bundle = part(root.path(), "compact.alloy.json").unwrap();
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
    let told: Vec<_> =
        entries.iter().map(|entry| [&entry["outcome"], &entry["alloy"]].map(|text| text.as_str().unwrap())).collect();
    assert_eq!(told, [["rework", "compact.refused1.alloy.json"], ["ship_refused", "compact.alloy.json"]]);
    assert!(entries[1]["reasons"][0].as_str().unwrap().contains("acceptance/"));
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
    let bundle = part(root.path(), "compact").unwrap();
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
        let bundle = part(root.path(), "compact").unwrap();
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
        let error = part(root.path(), "compact").unwrap_err();
        assert!(matches!(error, ShipError::Bundle { .. }), "{forged}: {error}");
    }
    let root = tempfile::tempdir().unwrap();
    line(root.path(), &Making::default());
    for name in ["../finished/compact", "compact/x", ".compact", "none", ""] {
        assert!(part(root.path(), name).is_err(), "{name}");
    }
}

#[test]
fn work_that_was_moved_to_a_cold_tier_still_ships_and_no_other_link_is_followed() {
    // What stands in `cold` beside the root, where the link stands, where it leads, and whether that is right.
    let cases = [
        ("line-anvil/compact", "work/compact", "../cold/line-anvil/compact", true),
        ("compact", "work/compact", "../cold/compact", true),
        ("compact", "work/other", "../cold/compact", false),
        ("", "work/compact", "../cold", false),
        ("../elsewhere/compact", "work/compact", "../elsewhere/compact", false),
        ("../elsewhere/compact", "work/compact", "../cold/../elsewhere/compact", false),
        ("compact", "work/compact", "../cold/gone", false),
    ];
    for (moved, link, target, is_right) in cases {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        line(&root, &Making::default());
        std::fs::create_dir_all(folder.path().join("cold")).unwrap();
        let to = folder.path().join("cold").join(moved);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        if moved.is_empty() {
            std::fs::remove_dir(&to).unwrap();
        }
        std::fs::rename(root.join("work/compact"), &to).unwrap();
        std::os::unix::fs::symlink(folder.path().join("root").join(target), root.join(link)).unwrap();
        let result = serde_json::json!({"forged_dir": format!("{link}/artifact")});
        std::fs::write(root.join("line/finished/compact.result.json"), result.to_string()).unwrap();
        let found = part(&root, "compact");
        if is_right {
            let shipped = Shop::default().ship(&found.unwrap(), &to_folder(&folder.path().join("shelf"))).unwrap();
            assert_eq!(shipped.decision.judgement, Judgement::Ship, "{:?}", rules(&shipped));
            assert_eq!(files(&version(&folder.path().join("shelf"))), files(&to.join("artifact")));
        } else {
            let error = found.unwrap_err().to_string();
            assert!(error.contains("link"), "{link} {target}: {error}");
        }
    }
    // Behind the link none is followed either.
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    line(&root, &Making::default());
    let to = folder.path().join("cold/compact");
    std::fs::create_dir_all(&to).unwrap();
    std::fs::rename(root.join("work/compact/artifact"), folder.path().join("artifact")).unwrap();
    std::os::unix::fs::symlink(folder.path().join("artifact"), to.join("artifact")).unwrap();
    std::fs::remove_dir(root.join("work/compact")).unwrap();
    std::os::unix::fs::symlink(&to, root.join("work/compact")).unwrap();
    assert!(part(&root, "compact").unwrap_err().to_string().contains("is a link"));
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
        let bundle = part(root, "compact").unwrap();
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
        let log = log(root.path());
        for outcome in ["rework", "ship_refused"] {
            assert_eq!(log.iter().filter(|entry| entry["outcome"] == outcome).count(), 1, "{outcome} {limit}");
        }
        assert_eq!(std::fs::read_dir(root.path().join("line/finished")).unwrap().count(), 5, "{limit}");
    }
}
