//! Stops the world before any single change to the disk, takes back what a power cut would take back, and looks at what is
//! left.
//!
//! The story each case tells: a process is at work, and just before its n-th change to the disk it is gone. Files that
//! were not synced lose their content; renames whose folder was not synced may be undone. Then another process opens
//! the store. What was acknowledged must be there; nothing may be there that is not what its name says.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::error::Error;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use aw_alloy::digest::{Digest, StageKey, TreeRoot};
use aw_alloy::tree::Tree;
use aw_disk::faults::{play, wrote};

use crate::{Kept, KeptId, Link, Manifest, Needs, StageRecords, StageState, Store, Writer};

/// What the work has been told is done, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Done {
    Nothing,
    FirstRecorded,
    Kept,
    FirstReplaced,
    SecondRecorded,
    Exported,
    Collected,
    LetGo,
    CollectedAll,
}

const FIRST: &[(&str, &str)] = &[("a", "one"), ("folder/b", "shared"), ("folder/c", "")];
const SECOND: &[(&str, &str)] = &[("a", "two"), ("b", "shared")];

fn key(name: &str) -> StageKey {
    StageKey::from_digest(Digest::of(name.as_bytes()))
}

fn tree_of(files: &[(&str, &str)]) -> Tree {
    let entry = |(path, text): &(&str, &str)| aw_alloy::tree::TreeEntry {
        path: path.parse().unwrap(),
        digest: Digest::of(text.as_bytes()),
        bytes: text.len() as u64,
    };
    Tree::new(files.iter().map(entry).collect()).unwrap()
}

fn put(writer: &Writer, files: &[(&str, &str)]) -> Result<Needs, Box<dyn Error>> {
    let folder = writer.scratch_folder()?;
    for (path, text) in files {
        fs::create_dir_all(folder.join(path).parent().unwrap())?;
        fs::write(folder.join(path), text)?;
        // A stage does not sync what it writes.
        wrote(&folder.join(path));
    }
    let tree = writer.adopt_folder(&folder, 1, &mut |_| ControlFlow::Continue(()))?;
    assert_eq!(tree, tree_of(files));
    Ok(Needs { trees: vec![tree.root()], ..Needs::default() })
}

fn artifact(needs: Needs) -> Kept {
    Kept { id: KeptId::new("artifact").unwrap(), name: "An artifact".into(), needs, document: b"{}".to_vec() }
}

fn work(home: &Path, done: &mut Done) -> Result<(), Box<dyn Error>> {
    let store = Store::open(home)?;
    let writer = store.writer()?;
    let first = put(&writer, FIRST)?;
    writer.record_stage(&key("first"), &first, b"1")?;
    *done = Done::FirstRecorded;
    let document = writer.put_bytes(b"the document")?;
    writer.keep(&artifact(Needs { blobs: vec![document], ..first.clone() }))?;
    *done = Done::Kept;
    writer.record_stage(&key("first"), &first, b"2")?;
    *done = Done::FirstReplaced;
    let second = put(&writer, SECOND)?;
    writer.record_stage(&key("second"), &second, b"3")?;
    *done = Done::SecondRecorded;
    store.export(&tree_of(FIRST), &home.join("exported"), Link::Copy)?;
    *done = Done::Exported;
    drop(writer);
    store.gc(StageRecords::Drop, false)?;
    *done = Done::Collected;
    store.writer()?.unkeep(&artifact(Needs::default()).id)?;
    *done = Done::LetGo;
    store.gc(StageRecords::Drop, false)?;
    *done = Done::CollectedAll;
    Ok(())
}

/// Holds what is left against what was acknowledged.
fn look(home: &Path, done: Done) {
    let store = Store::open(home).expect("the store opens again");
    drop(store.writer().expect("the store can be written again"));
    assert_eq!(fs::read_dir(store.root().join("scratch")).unwrap().count(), 1, "only the lock is left in scratch");
    for folder in fs::read_dir(store.root().join("blobs")).unwrap() {
        for blob in fs::read_dir(folder.unwrap().path()).unwrap() {
            let path = blob.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            assert_eq!(Digest::of(&fs::read(&path).unwrap()).hex(), name, "a blob is what its name says");
        }
    }
    for tree in fs::read_dir(store.root().join("trees")).unwrap() {
        let root =
            Digest::from_hex(tree.unwrap().path().file_stem().unwrap().to_str().unwrap()).map(TreeRoot::from_digest).unwrap();
        let (tree, faults) = store.check_root(&root).unwrap();
        assert!(tree.is_some() && faults.is_empty(), "a list of files is whole, and so are its files: {faults:?}");
    }
    for (name, since, records) in [("first", Done::FirstRecorded, ["1", "2"]), ("second", Done::SecondRecorded, ["3", "3"])] {
        match store.stage(&key(name)).unwrap() {
            StageState::Ready(found) => {
                let text = String::from_utf8(found.record).unwrap();
                assert!(records.contains(&text.as_str()), "{name}: {text}");
                assert!(
                    name != "first" || done < Done::FirstReplaced || text == "2",
                    "the record acknowledged last is the one found"
                );
            }
            StageState::Absent => assert!(done < since || done >= Done::Exported, "{name} was recorded and is lost"),
            StageState::Damaged(faults) => panic!("{name} is damaged: {faults:?}"),
        }
    }
    let kept = store.kept(&artifact(Needs::default()).id).expect("what is kept can be read");
    assert!(kept.is_some() || done < Done::Kept || done >= Done::Collected, "the kept artifact is lost");
    if let Some(kept) = kept {
        assert_eq!(store.tree(&kept.needs.trees[0]).unwrap(), Manifest::Whole(tree_of(FIRST)));
        assert_eq!(store.check(&tree_of(FIRST)).unwrap(), []);
        assert_eq!(store.read_blob(&kept.needs.blobs[0], 100).unwrap().unwrap(), b"the document");
    }
    let exported = home.join("exported");
    assert!(exported.is_dir() || done < Done::Exported);
    if exported.is_dir() {
        assert!(
            FIRST.iter().all(|(path, text)| fs::read_to_string(exported.join(path)).unwrap() == *text),
            "an export is whole or absent"
        );
    }
}

/// Works with the world stopping before step `stop_at`; returns how many steps there were.
fn run_until(stop_at: Option<usize>, undo_renames: bool) -> usize {
    // Nothing here needs a real disk, and syncing one a hundred thousand times is slow.
    let home = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let mut done = Done::Nothing;
    let (result, played) = play(stop_at, || work(home.path(), &mut done));
    assert_eq!(result.is_err(), played.stopped, "{result:?}");
    played.cut_power(undo_renames).unwrap();
    look(home.path(), done);
    // The work can be done again on what is left, to its end.
    let _ = fs::remove_dir_all(home.path().join("exported"));
    let (again, _) = play(None, || work(home.path(), &mut { Done::Nothing }));
    assert!(again.is_ok(), "{again:?}");
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 2, "beside the store is only the export, nothing half-made");
    played.steps
}

#[test]
fn a_power_cut_before_any_step_leaves_a_store_that_says_the_truth() {
    let steps = run_until(None, false);
    assert!(steps > 80, "the work has only {steps} steps: the hook is not called where the disk is changed");
    for stop_at in 0..steps {
        for undo_renames in [false, true] {
            run_until(Some(stop_at), undo_renames);
        }
    }
}
