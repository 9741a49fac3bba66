//! A folder as target: whole or not at all, the same again, gone on with after every step, together with others.

use std::cell::Cell;
use std::path::Path;

use aw_ship::{Bundle, Judgement, Receipt, ShipError, Step};
use aw_testkit::files;

use crate::fixture::*;

fn bundle(folder: &Path) -> Bundle {
    make(&folder.join("artifact"), &Making::default());
    Bundle::of_folder(&folder.join("artifact")).unwrap()
}

#[test]
fn a_folder_gets_exactly_the_artifact_and_the_receipt_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (bundle, shelf) = (bundle(folder.path()), folder.path().join("shelf"));
    let before = files(&folder.path().join("artifact"));
    let shipped = Shop::default().ship(&bundle, &to_folder(&shelf)).unwrap();
    assert_eq!(shipped.decision.judgement, Judgement::Ship, "{:?}", shipped.decision.reasons);
    assert_eq!(files(&version(&shelf)), before, "what is published is the artifact, byte for byte");
    assert_eq!(files(&folder.path().join("artifact")), before, "and the artifact is as it was");
    let receipt = Receipt::read(&std::fs::read(folder.path().join("artifact.receipt.json")).unwrap()).unwrap();
    assert_eq!(receipt.signer().unwrap(), door_key().public());
    assert_eq!(receipt.publications.len(), 1);
    assert_eq!(receipt.publications[0].files.len(), before.len());
    assert_eq!(receipt.publications[0].files.last().unwrap().path, "README.md", "the card goes last");
    assert_eq!(receipt.decision, shipped.decision.digest());
    let again = Shop::default().ship(&bundle, &to_folder(&shelf)).unwrap();
    assert_eq!((again.sent, again.receipt.unwrap()), (0, receipt), "the same again sends nothing and changes nothing");
}

#[test]
fn a_dry_run_says_what_would_be_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (bundle, shelf) = (bundle(folder.path()), folder.path().join("shelf"));
    let before = files(folder.path());
    let shop = Shop::default();
    let looked = shop.look(&bundle, &to_folder(&shelf)).unwrap();
    assert_eq!(files(folder.path()), before);
    let plan = &looked.plans[0];
    let total: u64 = plan.files.iter().map(|file| file.bytes).sum();
    assert_eq!((plan.complete, plan.bytes_to_send, plan.conflict.as_ref()), (false, total, None));
    let shipped = shop.ship(&bundle, &to_folder(&shelf)).unwrap();
    assert_eq!(looked.decision, shipped.decision, "the same bundle, the same decision");
    let after = shop.look(&bundle, &to_folder(&shelf)).unwrap();
    assert_eq!((after.plans[0].complete, after.plans[0].bytes_to_send), (true, 0));
}

#[test]
fn stopped_before_every_step_it_comes_to_the_same_end() {
    let reference = tempfile::tempdir().unwrap();
    Shop::default().ship(&bundle(reference.path()), &to_folder(&reference.path().join("shelf"))).unwrap();
    let count = Cell::new(0_usize);
    let counted = tempfile::tempdir().unwrap();
    let counts = |_: &Step| {
        count.set(count.get() + 1);
        true
    };
    let other = bundle(counted.path());
    Shop::default().with(&counts, |door| door.ship(&other, &to_folder(&counted.path().join("shelf")))).unwrap();
    assert!(count.get() > 20, "{}", count.get());
    for stop in 0..count.get() {
        let folder = tempfile::tempdir().unwrap();
        let (bundle, shelf) = (bundle(folder.path()), folder.path().join("shelf"));
        let at = Cell::new(0);
        let stops = |_: &Step| {
            at.set(at.get() + 1);
            at.get() <= stop
        };
        let error = Shop::default().with(&stops, |door| door.ship(&bundle, &to_folder(&shelf))).unwrap_err();
        assert!(matches!(error, ShipError::Cancelled), "{stop}: {error}");
        Shop::default().ship(&bundle, &to_folder(&shelf)).unwrap();
        assert_eq!(files(&version(&shelf)), files(&version(&reference.path().join("shelf"))), "{stop}");
        let receipt = |root: &Path| Receipt::read(&std::fs::read(root.join("artifact.receipt.json")).unwrap()).unwrap();
        let (mine, theirs) = (receipt(folder.path()), receipt(reference.path()));
        assert_eq!(mine.publications[0].files, theirs.publications[0].files, "{stop}");
        assert_eq!(mine.publications.len(), 1, "{stop}");
        let left = std::fs::read_dir(&shelf).unwrap().count();
        assert_eq!(left, 1, "{stop}: nothing half-made is left");
    }
}

#[test]
fn what_was_copied_before_a_stop_is_not_copied_again() {
    let folder = tempfile::tempdir().unwrap();
    let (bundle, shelf) = (bundle(folder.path()), folder.path().join("shelf"));
    let total: u64 = files(&folder.path().join("artifact")).values().map(|bytes| bytes.len() as u64).sum();
    let stops = |step: &Step| step.what != "commit";
    Shop::default().with(&stops, |door| door.ship(&bundle, &to_folder(&shelf))).unwrap_err();
    let shipped = Shop::default().ship(&bundle, &to_folder(&shelf)).unwrap();
    assert_eq!(shipped.sent, 0, "of {total} bytes");
}

#[test]
fn what_is_published_is_never_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let (bundle, shelf) = (bundle(folder.path()), folder.path().join("shelf"));
    Shop::default().ship(&bundle, &to_folder(&shelf)).unwrap();
    let file = version(&shelf).join("README.md");
    std::fs::write(&file, "other").unwrap();
    let error = Shop::default().ship(&bundle, &to_folder(&shelf)).unwrap_err();
    assert!(matches!(&error, ShipError::Taken { .. }) && error.to_string().contains("README.md"), "{error}");
    assert!(Shop::default().look(&bundle, &to_folder(&shelf)).unwrap().plans[0].conflict.is_some());
    std::fs::write(&file, "# compact\n").unwrap();
    std::fs::write(version(&shelf).join("extra"), "x").unwrap();
    let error = Shop::default().ship(&bundle, &to_folder(&shelf)).unwrap_err();
    assert!(error.to_string().contains("extra"), "{error}");
}

#[test]
fn many_at_once_publish_once() {
    let folder = tempfile::tempdir().unwrap();
    let bundles: Vec<Bundle> = (0..4)
        .map(|number| {
            let place = folder.path().join(format!("artifact{number}"));
            make(&place, &Making::default());
            Bundle::of_folder(&place).unwrap()
        })
        .collect();
    let shelf = folder.path().join("shelf");
    std::thread::scope(|scope| {
        for bundle in &bundles {
            scope.spawn(|| {
                // Whoever finds the folder taken by another at this moment tries again, as an operator would.
                loop {
                    match Shop::default().ship(bundle, &to_folder(&shelf)) {
                        Err(ShipError::Busy { .. }) => std::thread::yield_now(),
                        other => break drop(other.unwrap()),
                    }
                }
            });
        }
    });
    assert_eq!(files(&version(&shelf)), files(&folder.path().join("artifact0")));
    // One bundle is shipped by one process at a time.
    let nested = Shop::default().with(&|step| step.what != "prepare", |door| {
        let other = tempfile::tempdir().unwrap();
        door.ship(&bundles[0], &to_folder(other.path()))
    });
    assert!(nested.is_err());
}

/// Refuses every change of the disk from the n-th on: a process that died there. Gives how many there were.
fn dies_at(step: usize) -> (aw_disk::faults::Watched, std::rc::Rc<Cell<usize>>) {
    let seen = std::rc::Rc::new(Cell::new(0));
    let count = seen.clone();
    let watched = aw_disk::faults::watch_thread(move |_| {
        count.set(count.get() + 1);
        if count.get() > step { Err(std::io::Error::from(std::io::ErrorKind::StorageFull)) } else { Ok(()) }
    });
    (watched, seen)
}

#[test]
fn dead_at_every_change_of_the_disk_it_comes_to_the_same_end() {
    let reference = tempfile::tempdir().unwrap();
    let whole = {
        let other = bundle(reference.path());
        let (_watched, seen) = dies_at(usize::MAX);
        Shop::default().ship(&other, &to_folder(&reference.path().join("shelf"))).unwrap();
        assert!(seen.get() > 50, "{}", seen.get());
        seen.get()
    };
    for step in 0..whole {
        let folder = tempfile::tempdir().unwrap();
        let (bundle, shelf) = (bundle(folder.path()), folder.path().join("shelf"));
        {
            let (_watched, _) = dies_at(step);
            // The last steps undo what is not needed any more; a failure there is none of the whole.
            let died = Shop::default().ship(&bundle, &to_folder(&shelf));
            assert!(died.is_err() || step + 3 > whole, "{step} of {whole}");
        }
        Shop::default().ship(&bundle, &to_folder(&shelf)).unwrap();
        assert_eq!(files(&version(&shelf)), files(&folder.path().join("artifact")), "{step}");
        let receipt = Receipt::read(&std::fs::read(folder.path().join("artifact.receipt.json")).unwrap()).unwrap();
        assert_eq!((receipt.publications.len(), receipt.signer().is_ok()), (1, true), "{step}");
    }
}
