//! What gc removes, and what it never does.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::{Duration, SystemTime};

use aw_alloy::digest::{Digest, StageKey};
use aw_alloy::tree::Tree;
use aw_store::{GcError, KeepError, Kept, KeptId, Link, Needs, StageRecords, StageState, Store};
use proptest::prelude::*;

use crate::support::{Bench, key, needs, put, tree_of};

fn kept(id: &str, needs: Needs) -> Kept {
    Kept { id: KeptId::new(id).unwrap(), name: format!("the artifact {id}"), needs, document: b"{\"a\": 1}\n".to_vec() }
}

/// File names without suffix, by folder of the store.
fn names(store: &Store, folder: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut waiting = vec![store.root().join(folder)];
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            found.insert(path.file_stem().unwrap().to_str().unwrap().to_owned());
        }
    }
    found
}

/// A random store: trees over a small pool of contents, and who needs which.
#[derive(Debug, Clone)]
struct World {
    /// Content numbers, by tree.
    trees: Vec<BTreeSet<u8>>,
    /// Tree numbers and loose content numbers, by stage.
    stages: Vec<(BTreeSet<usize>, BTreeSet<u8>)>,
    /// The same, by kept artifact, and whether it is let go again.
    kept: Vec<(BTreeSet<usize>, BTreeSet<u8>, bool)>,
    keep_stages: bool,
}

fn world() -> impl Strategy<Value = World> {
    let contents = || prop::collection::btree_set(0u8..12, 0..5);
    prop::collection::vec(contents(), 1..7).prop_flat_map(move |trees| {
        let some = prop::collection::btree_set(0..trees.len(), 0..3);
        let stages = prop::collection::vec((some.clone(), contents()), 0..5);
        let kept = prop::collection::vec((some, contents(), any::<bool>()), 0..4);
        (Just(trees), stages, kept, any::<bool>()).prop_map(|(trees, stages, kept, keep_stages)| World {
            trees,
            stages,
            kept,
            keep_stages,
        })
    })
}

fn content(n: u8) -> Vec<u8> {
    vec![n; usize::from(n)]
}

fn build(bench: &Bench, world: &World) -> Vec<Tree> {
    let writer = bench.store.writer().unwrap();
    let mut trees = Vec::new();
    for numbers in &world.trees {
        let files: Vec<(String, Vec<u8>)> = numbers.iter().map(|&n| (format!("f{n}"), content(n))).collect();
        let files: Vec<(&str, &[u8])> = files.iter().map(|(name, content)| (name.as_str(), content.as_slice())).collect();
        trees.push(put(&writer, &files));
    }
    let needs = |numbers: &BTreeSet<usize>, blobs: &BTreeSet<u8>| Needs {
        trees: numbers.iter().map(|&n| trees[n].root()).collect(),
        blobs: blobs.iter().map(|&n| writer.put_bytes(&content(n)).unwrap()).collect(),
        manifests: Vec::new(),
    };
    for (n, (numbers, blobs)) in world.stages.iter().enumerate() {
        writer.record_stage(&key(n.to_string().as_bytes()), &needs(numbers, blobs), b"").unwrap();
    }
    for (n, (numbers, blobs, _)) in world.kept.iter().enumerate() {
        writer.keep(&kept(&n.to_string(), needs(numbers, blobs))).unwrap();
    }
    for (n, (_, _, let_go)) in world.kept.iter().enumerate() {
        if *let_go {
            assert!(writer.unkeep(&KeptId::new(n.to_string()).unwrap()).unwrap());
        }
    }
    trees
}

/// Names of the trees and blobs that must be left, by plain set arithmetic.
fn expected(world: &World, trees: &[Tree]) -> (BTreeSet<String>, BTreeSet<String>) {
    let from_stages = world.stages.iter().filter(|_| world.keep_stages).map(|(trees, blobs)| (trees, blobs));
    let from_kept = world.kept.iter().filter(|(_, _, let_go)| !let_go).map(|(trees, blobs, _)| (trees, blobs));
    let (mut roots, mut blobs) = (BTreeSet::new(), BTreeSet::new());
    for (numbers, loose) in from_stages.chain(from_kept) {
        for &n in numbers {
            roots.insert(trees[n].root().hex());
            blobs.extend(world.trees[n].iter().map(|&n| Digest::of(&content(n)).hex()));
        }
        blobs.extend(loose.iter().map(|&n| Digest::of(&content(n)).hex()));
    }
    (roots, blobs)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn nothing_needed_is_lost_and_everything_else_goes(world in world()) {
        let bench = Bench::new();
        let trees = build(&bench, &world);
        let policy = if world.keep_stages { StageRecords::Keep } else { StageRecords::Drop };
        let before = (names(&bench.store, "trees"), names(&bench.store, "blobs"));
        let foretold = bench.store.gc(policy, true).unwrap();
        prop_assert_eq!(&before, &(names(&bench.store, "trees"), names(&bench.store, "blobs")), "a dry run removes nothing");
        let report = bench.store.gc(policy, false).unwrap();
        prop_assert_eq!(&foretold, &report, "a dry run foretells the real one");

        let after = (names(&bench.store, "trees"), names(&bench.store, "blobs"));
        prop_assert_eq!(&after, &expected(&world, &trees));
        prop_assert_eq!(names(&bench.store, "stages").len(), if world.keep_stages { world.stages.len() } else { 0 });
        let removed = before.1.difference(&after.1).count() as u64;
        prop_assert_eq!(report.blobs.files, removed);
        prop_assert_eq!((report.damaged.len(), report.strangers.len()), (0, 0));
        for id in bench.store.list_kept().unwrap() {
            let found = bench.store.kept(&id).unwrap().unwrap();
            for root in &found.needs.trees {
                prop_assert_eq!(bench.store.check_root(root).unwrap().1, vec![]);
            }
        }
        let again = bench.store.gc(policy, false).unwrap();
        prop_assert_eq!(again.freed_bytes(), 0, "the second time there is nothing to do");
    }
}

#[test]
fn sizes_are_reported_and_what_others_still_link_is_told_apart() {
    let bench = Bench::new();
    let tree = bench.put(&[("a", &[1; 1000]), ("b", &[2; 300])]);
    let out = bench.home.path().join("out");
    let placed = bench.store.export(&tree_of(&[("a", &[1; 1000])]), &out, Link::HardLink).unwrap();
    let report = bench.store.gc(StageRecords::Keep, false).unwrap();
    let linked = if placed.hard_linked == 1 { 1000 } else { 0 };
    assert_eq!((report.blobs.bytes, report.blobs_linked_outside.bytes), (1300 - linked, linked));
    assert_eq!(report.trees.files, 1);
    assert_eq!(fs::read(out.join("a")).unwrap(), [1; 1000], "what was placed stays");
    assert_eq!(bench.store.check(&tree).unwrap().len(), 2);
}

#[test]
fn records_not_used_since_a_time_go() {
    let bench = Bench::new();
    let (old, new) = (bench.put(&[("a", b"old")]), bench.put(&[("a", b"new")]));
    let writer = bench.store.writer().unwrap();
    let long_ago = SystemTime::now() - Duration::from_secs(100_000);
    let keys: BTreeMap<&str, StageKey> = [("unused", key(b"1")), ("used", key(b"2"))].into();
    writer.record_stage(&keys["unused"], &needs(&[&old]), b"").unwrap();
    writer.record_stage(&keys["used"], &needs(&[&new]), b"").unwrap();
    for key in keys.values() {
        let path = bench.store.root().join("stages").join(format!("{}.record", key.hex()));
        fs::File::open(path).unwrap().set_times(fs::FileTimes::new().set_modified(long_ago)).unwrap();
    }
    assert!(matches!(writer.stage(&keys["used"]).unwrap(), StageState::Ready(_)), "a hit counts as a use");
    drop(writer);
    let report = bench.store.gc(StageRecords::KeepUsedSince(SystemTime::now() - Duration::from_secs(1000)), false).unwrap();
    assert_eq!((report.stages.files, report.blobs.files), (1, 1));
    assert!(matches!(bench.store.stage(&keys["unused"]).unwrap(), StageState::Absent));
    assert!(matches!(bench.store.stage(&keys["used"]).unwrap(), StageState::Ready(_)));
}

#[test]
fn gc_does_nothing_while_it_cannot_know_what_is_kept() {
    let bench = Bench::new();
    let tree = bench.put(&[("a", b"kept")]);
    bench.put(&[("a", b"not kept")]);
    bench.store.writer().unwrap().keep(&kept("x", needs(&[&tree]))).unwrap();
    let before = names(&bench.store, "blobs");
    let record = bench.store.root().join("kept/x.record");
    let good = fs::read(&record).unwrap();

    fs::write(&record, &good[..good.len() - 1]).unwrap();
    assert!(matches!(bench.store.gc(StageRecords::Drop, false), Err(GcError::Kept(_))));
    fs::rename(&record, bench.store.root().join("kept/x.bak")).unwrap();
    assert!(matches!(bench.store.gc(StageRecords::Drop, false), Err(GcError::Kept(_))));
    fs::rename(bench.store.root().join("kept/x.bak"), &record).unwrap();
    fs::write(&record, &good).unwrap();
    let manifest = bench.store.root().join("trees").join(format!("{}.json", tree.root().hex()));
    fs::rename(&manifest, bench.home.path().join("aside")).unwrap();
    let error = bench.store.gc(StageRecords::Drop, false).unwrap_err();
    assert!(matches!(&error, GcError::KeptTree { id, .. } if id.as_str() == "x"), "{error}");
    assert_eq!(names(&bench.store, "blobs"), before);

    fs::rename(bench.home.path().join("aside"), &manifest).unwrap();
    bench.store.gc(StageRecords::Drop, false).unwrap();
    assert_eq!(bench.store.check(&tree).unwrap(), []);
    assert_eq!(names(&bench.store, "blobs").len(), 1);
}

#[test]
fn damaged_stage_records_go_and_strangers_stay() {
    let bench = Bench::new();
    let tree = bench.put(&[("a", b"1")]);
    let key = key(b"key");
    bench.store.writer().unwrap().record_stage(&key, &needs(&[&tree]), b"").unwrap();
    fs::write(bench.store.root().join("stages").join(format!("{}.record", key.hex())), b"torn").unwrap();
    let strangers = ["stages/notes.txt", "trees/README", "blobs/zz", "sources/x"].map(|name| bench.store.root().join(name));
    for stranger in &strangers {
        fs::write(stranger, b"mine").unwrap();
    }
    let report = bench.store.gc(StageRecords::Keep, false).unwrap();
    assert_eq!((report.damaged.len(), report.stages.files, report.blobs.files), (1, 1, 1));
    let found: BTreeSet<_> = report.strangers.iter().collect();
    assert_eq!(found, strangers.iter().collect());
    assert!(strangers.iter().all(|stranger| fs::read(stranger).unwrap() == b"mine"));
}

#[test]
fn only_what_is_whole_can_be_kept_and_only_once() {
    let bench = Bench::new();
    let tree = bench.put(&[("a", b"1")]);
    let writer = bench.store.writer().unwrap();
    let absent = tree_of(&[("a", b"absent")]);
    assert!(matches!(writer.keep(&kept("x", needs(&[&absent]))), Err(KeepError::Incomplete { .. })));
    assert!(matches!(writer.keep(&Kept { name: "a\nb".into(), ..kept("x", needs(&[&tree])) }), Err(KeepError::Name { .. })));
    // A source whose files live elsewhere: its list of files is kept, and nothing else is asked for.
    writer.put_manifest(&absent).unwrap();
    let artifact = kept("x", Needs { manifests: vec![absent.root()], ..needs(&[&tree]) });
    writer.keep(&artifact).unwrap();
    writer.keep(&artifact).unwrap();
    assert_eq!(bench.store.kept(&artifact.id).unwrap().unwrap(), artifact);
    let error = writer.keep(&kept("x", needs(&[]))).unwrap_err();
    assert!(matches!(&error, KeepError::Taken { name, .. } if name == "the artifact x"), "{error}");
    drop(writer);
    bench.store.gc(StageRecords::Drop, false).unwrap();
    assert_eq!(names(&bench.store, "trees").len(), 2);
    let writer = bench.store.writer().unwrap();
    assert!(writer.unkeep(&artifact.id).unwrap());
    assert!(!writer.unkeep(&artifact.id).unwrap());
    for bad in ["", "A", "../x", ".x", "a/b", "a b", "é", &"x".repeat(129)] {
        assert!(KeptId::new(bad).is_err(), "{bad}");
    }
}
