//! What a store's folder may be.

use std::fs;

use aw_store::{OpenError, Store, free_bytes};

use crate::support::Bench;

#[test]
fn an_unknown_version_is_refused_and_left_alone() {
    let bench = Bench::new();
    fs::write(bench.store.root().join("format"), "alloyworks-store 2\n").unwrap();
    let error = Store::open(bench.home.path()).unwrap_err();
    assert!(matches!(&error, OpenError::UnknownFormat { found, .. } if found == "alloyworks-store 2"), "{error}");
    assert!(error.to_string().contains("this version reads and writes `alloyworks-store 1`"), "{error}");
    assert!(error.hint().unwrap().contains("another home"));
    assert_eq!(fs::read_to_string(bench.store.root().join("format")).unwrap(), "alloyworks-store 2\n");
}

#[test]
fn a_folder_of_something_else_is_refused_and_left_alone() {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("store")).unwrap();
    fs::write(home.path().join("store/shop.txt"), "cheese").unwrap();
    let error = Store::open(home.path()).unwrap_err();
    assert!(matches!(&error, OpenError::NotAStore { holds, .. } if holds == "shop.txt"), "{error}");
    assert_eq!(fs::read_dir(home.path().join("store")).unwrap().count(), 1);
}

#[test]
fn blobs_without_a_format_are_not_taken_for_a_store() {
    let bench = Bench::new();
    bench.put(&[("a", b"1")]);
    fs::remove_file(bench.store.root().join("format")).unwrap();
    assert!(matches!(Store::open(bench.home.path()), Err(OpenError::NotAStore { .. })));
}

#[test]
fn opening_again_and_many_times_at_once_is_harmless() {
    let home = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        let opened: Vec<_> = (0..8).map(|_| scope.spawn(|| Store::open(home.path()).map(drop))).collect();
        for open in opened {
            open.join().unwrap().unwrap();
        }
    });
}

#[test]
fn free_space_is_that_of_the_nearest_folder_that_exists() {
    let bench = Bench::new();
    let here = bench.store.free_bytes().unwrap();
    let there = free_bytes(&bench.home.path().join("not/yet/there")).unwrap();
    assert!(here > 0);
    // Others use the disk meanwhile: the same file system, give or take.
    assert!(here.abs_diff(there) < here / 2 + 1, "{here} and {there}");
}
