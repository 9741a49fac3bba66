//! Every transition once, and what it leaves.

use std::fs;

use aw_line::{
    Cancelled, Claimed, Failed, Finished, LineError, NewPart, Outcome, Position, Recovered, Root, Station, Turn, WorkerLock,
    WorkerName, waiting,
};

use crate::support::{files, line, log, name, new};

fn taken(root: &Root, part: &str) -> WorkerLock {
    let worker = WorkerLock::take(root, WorkerName::default()).unwrap();
    assert_eq!(root.hold().unwrap().claim(&name(part), &worker, None, false).unwrap(), Claimed::Taken);
    worker
}

#[test]
fn a_part_goes_through_the_line_with_all_that_belongs_to_it() {
    let (_folder, root) = line(&["a"]);
    fs::write(root.station(Station::Intake).join("a.notes.txt"), "mine").unwrap();
    let worker = taken(&root, "a");
    assert_eq!(files(&root), ["assembly/.a.owner", "assembly/a.alloy.json", "assembly/a.notes.txt"]);
    let finished = Finished {
        forged_dir: Root::artifact(&name("a")),
        model_hash: Some("sha256:1".into()),
        sidecars: vec![("artifact.json".into(), b"{}".to_vec())],
        ..Finished::default()
    };
    root.hold().unwrap().finish(&name("a"), &finished).unwrap();
    assert_eq!(
        files(&root),
        ["finished/a.alloy.json", "finished/a.artifact.json", "finished/a.notes.txt", "finished/a.result.json"]
    );
    let result = fs::read(root.station(Station::Finished).join("a.result.json")).unwrap();
    let result: serde_json::Value = serde_json::from_slice(&result).unwrap();
    assert_eq!((&result["forged_dir"], &result["published"]), (&"work/a/artifact".into(), &false.into()));
    assert_eq!(log(&root), ["enqueued a.alloy.json", "started a.alloy.json", "finished a.alloy.json"]);
    drop(worker);
    assert!(!root.pid_file(&WorkerName::default()).exists());
}

#[test]
fn a_failed_part_comes_back_without_its_mark_and_keeps_its_errors() {
    let (_folder, root) = line(&["a"]);
    let worker = taken(&root, "a");
    let held = root.hold().unwrap();
    assert_eq!(held.recover(&name("a"), 3).unwrap(), Recovered::Again(name("a.retry1")));
    assert_eq!(held.claim(&name("a.retry1"), &worker, None, false).unwrap(), Claimed::Taken);
    held.fail(&name("a.retry1"), &Failed { stage: Some("prune".into()), ..Failed::new("too few experts") }).unwrap();
    assert_eq!(files(&root), ["rework/a.retry1.alloy.json", "rework/a.retry1.error.json"]);
    assert_eq!(held.retry(&name("a.retry1")).unwrap(), name("a"));
    assert_eq!(files(&root), ["intake/a.alloy.json", "intake/a.error.1.json"]);
    assert_eq!(held.claim(&name("a"), &worker, None, false).unwrap(), Claimed::Taken);
    held.fail(&name("a"), &Failed::new("again")).unwrap();
    held.retry(&name("a")).unwrap();
    assert_eq!(files(&root), ["intake/a.alloy.json", "intake/a.error.1.json", "intake/a.error.2.json"]);
    let error: serde_json::Value =
        serde_json::from_slice(&fs::read(root.station(Station::Intake).join("a.error.1.json")).unwrap()).unwrap();
    assert_eq!((&error["error"], &error["retries"], &error["stage"]), (&"too few experts".into(), &1.into(), &"prune".into()));
}

#[test]
fn recoveries_end_in_rework() {
    let (_folder, root) = line(&["a"]);
    let worker = taken(&root, "a");
    let held = root.hold().unwrap();
    assert_eq!(held.recover_dead(3, None).unwrap(), [], "its worker lives");
    drop(held);
    drop(worker);
    let held = root.hold().unwrap();
    assert_eq!(held.recover_dead(0, None).unwrap(), [(name("a"), Recovered::Exhausted)]);
    assert_eq!(files(&root), ["rework/a.alloy.json", "rework/a.error.json"]);
}

#[test]
fn parts_are_parked_cancelled_and_taken_back() {
    let (_folder, root) = line(&["a", "b", "c"]);
    fs::write(root.station(Station::Intake).join("a.notes.txt"), "mine").unwrap();
    let held = root.hold().unwrap();
    held.defer(&name("a"), Some("later")).unwrap();
    assert_eq!(files(&root), ["deferred/a.alloy.json", "deferred/a.notes.txt", "intake/b.alloy.json", "intake/c.alloy.json"]);
    held.undefer(&name("a"), None).unwrap();
    held.defer(&name("b"), None).unwrap();
    assert_eq!(held.cancel(&name("b"), None).unwrap(), Cancelled::Removed);
    assert_eq!(held.cancel(&name("a"), Some("wrong")).unwrap(), Cancelled::Removed);
    assert_eq!(files(&root), ["intake/c.alloy.json"]);
    assert!(matches!(held.cancel(&name("a"), None), Err(LineError::NotThere { .. })));
    drop(held);
    let _worker = taken(&root, "c");
    assert_eq!(root.hold().unwrap().cancel(&name("c"), None).unwrap(), Cancelled::Asked);
    assert!(root.station(Station::Assembly).join(".c.cancel").exists());
    let counts = log(&root);
    assert_eq!(counts.iter().filter(|line| line.starts_with("cancelled")).count(), 2);
}

#[test]
fn a_stem_is_on_the_line_once() {
    let (_folder, root) = line(&["a"]);
    let outcomes = root.enqueue(&[new("a"), new("b"), new("b")], Turn::Last).unwrap();
    assert!(matches!(&outcomes[0], Err(LineError::Duplicate { station: Station::Intake, .. })), "{outcomes:?}");
    assert!(outcomes[1].is_ok() && outcomes[2].is_err());
    let worker = taken(&root, "a");
    root.hold().unwrap().recover(&name("a"), 3).unwrap();
    assert!(root.enqueue(&[new("a")], Turn::Last).unwrap()[0].is_err(), "the mark does not make it another");
    assert_eq!(files(&root), ["intake/a.retry1.alloy.json", "intake/b.alloy.json"]);
    drop(worker);
}

#[test]
fn bad_parts_are_refused_with_their_place() {
    let (_folder, root) = line(&[]);
    for (part, expected) in [
        (NewPart { bytes: b"{\n oops".to_vec(), ..new("a") }, "line 2"),
        (NewPart { bytes: b"[]".to_vec(), ..new("a") }, "no JSON object"),
        (NewPart { name: name("a.retry1"), ..new("a") }, "retry mark"),
    ] {
        let error = root.enqueue(&[part], Turn::Last).unwrap().remove(0).unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains("a."), "{error}");
    }
    assert_eq!(files(&root), Vec::<String>::new());
}

#[test]
fn the_order_is_that_of_arrival_until_somebody_changes_it() {
    let (_folder, root) = line(&["d", "c", "b"]);
    let order = || waiting(&root).unwrap().into_iter().map(|(_, name)| name.to_string()).collect::<Vec<_>>();
    assert_eq!(order(), ["d", "c", "b"]);
    root.enqueue(&[new("x"), new("y")], Turn::First).unwrap();
    assert_eq!(order(), ["x", "y", "d", "c", "b"]);
    let held = root.hold().unwrap();
    for (part, position, expected) in [
        ("b", Position::First, ["b", "x", "y", "d", "c"]),
        ("x", Position::Last, ["b", "y", "d", "c", "x"]),
        ("x", Position::Before(name("y")), ["b", "x", "y", "d", "c"]),
        ("b", Position::After(name("d")), ["x", "y", "d", "b", "c"]),
        ("c", Position::After(name("c")), ["x", "y", "d", "b", "c"]),
    ] {
        held.reorder(&name(part), &position).unwrap();
        assert_eq!(order(), expected, "{part} {position:?}");
    }
    // All at one time: ties are by name, and a place between two is made all the same.
    let time = std::time::SystemTime::now();
    for stem in ["b", "c", "d", "x", "y"] {
        aw_disk::set_modified(&root.part(Station::Intake, &name(stem)), time).unwrap();
    }
    held.reorder(&name("y"), &Position::Before(name("c"))).unwrap();
    assert_eq!(order(), ["b", "y", "c", "d", "x"]);
    assert!(matches!(held.reorder(&name("none"), &Position::First), Err(LineError::NotThere { .. })));
}

#[test]
fn a_second_worker_of_one_name_is_refused() {
    let (_folder, root) = line(&[]);
    let first = WorkerLock::take(&root, WorkerName::default()).unwrap();
    let error = WorkerLock::take(&root, WorkerName::default()).unwrap_err();
    assert!(matches!(error, LineError::WorkerAlive { pid, .. } if pid == std::process::id()), "{error}");
    let other = WorkerLock::take(&root, "two".parse().unwrap()).unwrap();
    let text = fs::read_to_string(root.pid_file(first.name())).unwrap();
    assert_eq!(text, format!("{} {}\n", first.process().pid, first.process().start));
    drop((first, other));
    // A dead one's file, and garbage in its place, are replaced.
    for left in ["1 1\n", "", "garbage"] {
        fs::write(root.pid_file(&WorkerName::default()), left).unwrap();
        drop(WorkerLock::take(&root, WorkerName::default()).unwrap());
    }
}

#[test]
fn what_is_refused_stands_in_rework_under_a_name_of_its_own() {
    let (_folder, root) = line(&["a"]);
    let held = root.hold().unwrap();
    for n in 1..3 {
        let name = held.refuse("a", "refused", b"{}", &Failed::new("gate 5")).unwrap();
        assert_eq!(name.to_string(), format!("a.refused{n}"));
    }
    assert_eq!(files(&root).len(), 5);
    assert_eq!(held.refused("a", "refused").unwrap(), [name("a.refused1"), name("a.refused2")]);
    // A long stem is cut, so that the whole stays a name; its refusals are found again all the same.
    let long = "x".repeat(aw_line::STEM_BYTES_MAX);
    let cut = held.refuse(&long, "refused", b"{}", &Failed::new("gate 5")).unwrap();
    assert_eq!(held.refused(&long, "refused").unwrap(), [cut]);
    assert_eq!(held.refused("x", "refused").unwrap(), []);
    assert_eq!(held.retry(&name("a.refused1")).unwrap(), name("a.refused1"));
    assert!(matches!(log(&root).last().unwrap().as_str(), "promoted_from_rework a.refused1.alloy.json"));
    assert!(matches!(held.refuse("../a", "refused", b"{}", &Failed::new("x")), Err(LineError::Name(_))));
}

#[test]
fn listings_show_parts_and_report_the_rest() {
    let (_folder, root) = line(&["a", "b"]);
    let intake = root.station(Station::Intake);
    fs::write(intake.join("a.origin.json"), "{}").unwrap();
    fs::write(intake.join("b.alloy.json"), "{\"name\":\"b").unwrap();
    fs::write(intake.join("stray.json"), "").unwrap();
    fs::write(intake.join("a.retry0.alloy.json"), "").unwrap();
    fs::write(intake.join("a.retry1.alloy.json"), "{}").unwrap();
    fs::write(intake.join(".hidden.tmp"), "").unwrap();
    fs::create_dir(intake.join("folder.alloy.json")).unwrap();
    std::os::unix::fs::symlink("a.alloy.json", intake.join("link.alloy.json")).unwrap();
    let listing = root.list(Station::Intake).unwrap();
    // The clock that stamps files is coarse: two written in a row may have one time.
    let mut parts: Vec<_> = listing.parts.iter().map(|part| (part.name.to_string(), part.sidecars.len())).collect();
    parts.sort();
    assert_eq!(parts, [("a".into(), 1), ("a.retry1".into(), 0), ("b".into(), 0)]);
    let odd: Vec<_> = listing.oddities.iter().map(|odd| odd.path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(odd, ["a.retry0.alloy.json", "a.retry1.alloy.json", "folder.alloy.json", "link.alloy.json", "stray.json"]);
    let part = |text: &str| listing.parts.iter().find(|part| part.name == name(text)).unwrap();
    assert_eq!(part("a").summary(&root).unwrap().title.as_deref(), Some("a"));
    assert!(part("b").summary(&root).unwrap_err().reason.contains("line 1"));
    assert_eq!(root.duplicates().unwrap().len(), 1);
}

#[test]
fn the_log_names_what_happened() {
    let (_folder, root) = line(&["a"]);
    let evicted = Outcome::Evicted { path: "work/x".into(), bytes: 1, action: "deleted".into() };
    root.hold().unwrap().note(std::slice::from_ref(&evicted)).unwrap();
    assert_eq!(root.throughput().last(1).unwrap().0[0].outcome, evicted);
}
