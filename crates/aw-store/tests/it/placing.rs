//! Placing trees in folders.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use aw_alloy::digest::Digest;
use aw_alloy::tree::Tree;
use aw_store::{Fault, Link, PlaceError, no_hook};

use crate::support::{Bench, listed, read_folder, skipped};

const FILES: &[(&str, &[u8])] = &[("a", b"first"), ("b/c/d", b"second"), ("b/e", b""), ("same", b"first")];

#[test]
fn every_way_gives_the_same_files() {
    let bench = Bench::new();
    let tree = bench.put(FILES);
    for (n, link) in [Link::Copy, Link::Reflink, Link::HardLink].into_iter().enumerate() {
        for (export, name) in [(false, "materialised"), (true, "exported")] {
            let out = bench.home.path().join(format!("{name}-{n}"));
            let placed =
                if export { bench.store.export(&tree, &out, link) } else { bench.store.materialise(&tree, &out, link) }.unwrap();
            assert_eq!(read_folder(&out), listed(FILES), "{link:?}");
            assert_eq!(placed.copied + placed.reflinked + placed.hard_linked, 4);
            match link {
                Link::Copy => assert_eq!((placed.copied, placed.copied_bytes), (4, 16)),
                Link::Reflink => assert_eq!(placed.hard_linked, 0),
                Link::HardLink => assert_eq!(placed.copied, 0, "one file system: nothing needs copying"),
            }
            let blob = fs::metadata(bench.store.blob_path(&Digest::of(b"first"))).unwrap();
            let file = fs::metadata(out.join("a")).unwrap();
            assert_eq!(blob.ino() == file.ino(), placed.hard_linked > 0);
            assert_eq!(file.permissions().mode() & 0o222 == 0, placed.hard_linked > 0, "what people own they can write");
        }
    }
    assert_eq!(bench.store.check(&tree).unwrap(), []);
}

#[test]
fn a_copy_is_independent_of_the_store() {
    let bench = Bench::new();
    let tree = bench.put(FILES);
    for link in [Link::Copy, Link::Reflink] {
        let out = bench.home.path().join("out");
        bench.store.export(&tree, &out, link).unwrap();
        fs::write(out.join("a"), b"mine").unwrap();
        fs::remove_dir_all(&out).unwrap();
        assert_eq!(bench.store.check_bytes(&tree, 1, &mut no_hook).unwrap(), []);
    }
}

#[test]
fn whatever_is_in_the_way_stays() {
    let bench = Bench::new();
    let tree = bench.put(FILES);
    let (folder, file, link) = (bench.home.path().join("folder"), bench.home.path().join("file"), bench.home.path().join("link"));
    fs::create_dir(&folder).unwrap();
    fs::write(&file, b"mine").unwrap();
    symlink(bench.home.path().join("nowhere"), &link).unwrap();
    for out in [&folder, &file, &link] {
        let error = bench.store.export(&tree, out, Link::Copy).unwrap_err();
        assert!(matches!(error, PlaceError::Occupied { .. }), "{error}");
        assert!(error.to_string().ends_with("something is already there"), "{error}");
    }
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    assert_eq!(fs::read(&file).unwrap(), b"mine");
    assert!(!bench.home.path().join("nowhere").exists(), "nothing was written through the link");
    assert_eq!(fs::read_dir(bench.home.path()).unwrap().count(), 4, "the store and the three, no half-filled folder");
}

#[test]
fn a_missing_content_leaves_nothing_behind() {
    let bench = Bench::new();
    let tree = bench.put(FILES);
    fs::remove_file(bench.store.blob_path(&Digest::of(b"second"))).unwrap();
    let error = bench.store.materialise(&tree, &bench.home.path().join("out"), Link::HardLink).unwrap_err();
    assert!(
        matches!(&error, PlaceError::Fault { fault, .. } if matches!(&**fault, Fault::Missing { path, .. } if path.as_str() == "b/c/d")),
        "{error}"
    );
    assert!(error.hint().unwrap().contains("run the recipe again"));
    assert_eq!(fs::read_dir(bench.home.path()).unwrap().count(), 1);
}

#[test]
fn a_folder_whose_parent_is_missing_is_an_error_that_names_it() {
    let bench = Bench::new();
    let out = bench.home.path().join("no/such/out");
    let error = bench.store.export(&Tree::default(), &out, Link::Copy).unwrap_err();
    assert!(error.to_string().contains("no/such/out"), "{error}");
}

#[test]
fn the_empty_tree_is_an_empty_folder() {
    let bench = Bench::new();
    let out = bench.home.path().join("out");
    bench.store.export(&Tree::default(), &out, Link::Copy).unwrap();
    assert_eq!(fs::read_dir(&out).unwrap().count(), 0);
}

#[test]
fn another_file_system_gets_copies() {
    let bench = Bench::new();
    let memory = Path::new("/dev/shm");
    let elsewhere = match tempfile::tempdir_in(memory) {
        Ok(folder) if fs::metadata(folder.path()).unwrap().dev() != fs::metadata(bench.home.path()).unwrap().dev() => folder,
        _ => {
            skipped("no second file system to write to");
            return;
        }
    };
    let tree = bench.put(FILES);
    let placed = bench.store.export(&tree, &elsewhere.path().join("out"), Link::HardLink).unwrap();
    assert_eq!((placed.copied, placed.hard_linked, placed.reflinked), (4, 0, 0));
    assert_eq!(read_folder(&elsewhere.path().join("out")), listed(FILES));
}

#[test]
fn many_at_once_to_one_place_leave_one_whole_folder() {
    let bench = Bench::new();
    let tree = bench.put(FILES);
    let out = bench.home.path().join("out");
    let placed = std::thread::scope(|scope| {
        let all: Vec<_> = (0..8).map(|_| scope.spawn(|| bench.store.export(&tree, &out, Link::Copy))).collect();
        let results: Vec<_> = all.into_iter().map(|one| one.join().unwrap()).collect();
        for error in results.iter().filter_map(|result| result.as_ref().err()) {
            assert!(matches!(error, PlaceError::Occupied { .. } | PlaceError::Underway { .. }), "{error}");
        }
        results.iter().filter(|result| result.is_ok()).count()
    });
    assert_eq!(placed, 1);
    assert_eq!(read_folder(&out), listed(FILES));
    assert_eq!(fs::read_dir(bench.home.path()).unwrap().count(), 2, "the store and the folder, nothing half-filled");
}
