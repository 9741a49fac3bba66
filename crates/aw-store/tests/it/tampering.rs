//! Bytes that someone changed where they rest.

use std::fs::{self, FileTimes, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use aw_alloy::digest::Digest;
use aw_store::{Fault, Found, Kept, KeptError, KeptId, Link, Manifest, PlaceError, StageState, no_hook};

use crate::support::{Bench, key, needs, skipped, tree_of};

const FILES: &[(&str, &[u8])] = &[("a", b"first"), ("b/c", b"second")];

/// Writes over a file as a careless editor would, in place.
fn overwrite(path: &Path, content: &[u8]) {
    fs::set_permissions(path, Permissions::from_mode(0o644)).unwrap();
    fs::write(path, content).unwrap();
}

/// Puts mode and time back, as nobody does by accident.
fn cover_up(path: &Path, like: &fs::Metadata) {
    fs::File::open(path).unwrap().set_times(FileTimes::new().set_modified(like.modified().unwrap())).unwrap();
    fs::set_permissions(path, like.permissions()).unwrap();
}

#[test]
fn an_edit_through_a_hard_link_makes_the_stage_run_again() {
    let bench = Bench::new();
    let tree = bench.put(FILES);
    let key = key(b"key");
    let writer = bench.store.writer().unwrap();
    writer.record_stage(&key, &needs(&[&tree]), b"record").unwrap();
    let out = bench.home.path().join("out");
    let placed = bench.store.materialise(&tree, &out, Link::HardLink).unwrap();
    assert_eq!(placed.hard_linked + placed.reflinked, 2);
    if placed.reflinked > 0 {
        skipped("this file system reflinks, so there is no hard link to edit through");
        return;
    }

    overwrite(&out.join("a"), b"FIRST");
    let StageState::Damaged(faults) = writer.stage(&key).unwrap() else { panic!("the edit was not seen") };
    let expected = Found::Content { digest: Digest::of(b"FIRST"), bytes: 5 };
    assert!(
        matches!(&faults[..], [Fault::Modified { path, found, .. }] if path.as_str() == "a" && *found == expected),
        "{faults:?}"
    );
    // The writer dropped it: from now on it is missing, and the person's file is theirs.
    assert!(!bench.store.blob_path(&Digest::of(b"first")).exists());
    assert_eq!(fs::read(out.join("a")).unwrap(), b"FIRST");
    assert!(
        matches!(bench.store.stage(&key).unwrap(), StageState::Damaged(faults) if matches!(faults[..], [Fault::Missing { .. }]))
    );

    bench.put(FILES);
    assert!(matches!(bench.store.stage(&key).unwrap(), StageState::Ready(record) if record.record == b"record"));
}

#[test]
fn every_kind_of_change_is_seen_by_a_look_or_by_hashing() {
    let bench = Bench::new();
    let tree = bench.put(FILES);
    let blob = bench.store.blob_path(&Digest::of(b"first"));
    let untouched = fs::metadata(&blob).unwrap();

    // Touched, but the same: no fault.
    fs::set_permissions(&blob, Permissions::from_mode(0o644)).unwrap();
    fs::File::open(&blob).unwrap().set_times(FileTimes::new().set_modified(std::time::SystemTime::now())).unwrap();
    assert_eq!(bench.store.check(&tree).unwrap(), []);

    // Longer, with mode and time put back: a look is enough, because the size is known.
    overwrite(&blob, b"first and more");
    cover_up(&blob, &untouched);
    assert_eq!(bench.store.check(&tree).unwrap().len(), 1);

    // Same size, with mode and time put back: only hashing sees it.
    overwrite(&blob, b"FIRST");
    cover_up(&blob, &untouched);
    assert_eq!(bench.store.check(&tree).unwrap(), []);
    let faults = bench.store.check_bytes(&tree, 2, &mut no_hook).unwrap();
    assert!(matches!(&faults[..], [Fault::Modified { path, .. }] if path.as_str() == "a"), "{faults:?}");
    assert_eq!(
        faults[0].to_string(),
        format!(
            "the content of `a` was changed in the store (`{}`): expected {} in 5 bytes, found {} in 5 bytes",
            blob.display(),
            Digest::of(b"first"),
            Digest::of(b"FIRST")
        )
    );

    // A link to the right bytes is not the blob: it could be made to lead elsewhere.
    let elsewhere = bench.home.path().join("elsewhere");
    fs::write(&elsewhere, b"first").unwrap();
    fs::remove_file(&blob).unwrap();
    symlink(&elsewhere, &blob).unwrap();
    for faults in [bench.store.check(&tree).unwrap(), bench.store.check_bytes(&tree, 2, &mut no_hook).unwrap()] {
        assert!(matches!(&faults[..], [Fault::Modified { found: Found::NotAFile, .. }]), "{faults:?}");
    }
    // Putting the right bytes again replaces the link, and does not write through it.
    bench.put(FILES);
    assert_eq!(bench.store.check(&tree).unwrap(), []);
    assert!(fs::symlink_metadata(&blob).unwrap().is_file());
}

#[test]
fn a_folder_where_a_blob_should_be_is_put_aside() {
    let bench = Bench::new();
    let blob = bench.store.blob_path(&Digest::of(b"first"));
    fs::create_dir_all(blob.join("inside")).unwrap();
    let tree = bench.put(FILES);
    assert_eq!(bench.store.check_bytes(&tree, 1, &mut no_hook).unwrap(), []);
}

#[test]
fn what_another_writer_has_repaired_is_not_discarded() {
    let bench = Bench::new();
    let tree = bench.put(FILES);
    let blob = bench.store.blob_path(&Digest::of(b"first"));
    overwrite(&blob, b"FIRST");
    let faults = bench.store.check(&tree).unwrap();
    // Between the look and the discarding, another process put the right bytes.
    bench.put(FILES);
    bench.store.writer().unwrap().discard(&faults).unwrap();
    assert_eq!(bench.store.check_bytes(&tree, 1, &mut no_hook).unwrap(), []);
}

#[test]
fn a_changed_blob_is_never_placed() {
    let bench = Bench::new();
    let tree = bench.put(FILES);
    overwrite(&bench.store.blob_path(&Digest::of(b"second")), b"SECOND");
    for link in [Link::Copy, Link::Reflink, Link::HardLink] {
        let out = bench.home.path().join("out");
        let error = bench.store.export(&tree, &out, link).unwrap_err();
        assert!(
            matches!(&error, PlaceError::Fault { fault, .. } if matches!(&**fault, Fault::Modified { path, .. } if path.as_str() == "b/c")),
            "{error}"
        );
        assert_eq!(fs::read_dir(bench.home.path()).unwrap().count(), 1, "only the store is there, no half-filled folder");
    }
}

#[test]
fn hostile_lists_of_files_are_refused() {
    let bench = Bench::new();
    let tree = bench.put(FILES);
    let place = bench.store.root().join("trees").join(format!("{}.json", tree.root().hex()));
    let good = fs::read_to_string(&place).unwrap();
    let digest = Digest::of(b"first");
    let cases = [
        good.replace("\"a\"", "\"../../../escaped\""),
        good.replace("\"a\"", "\"/etc/escaped\""),
        good.replace("\"a\"", "\"b\\\\..\\\\escaped\""),
        good.replace("\"a\"", "\"b\""),
        good.replace("\"a\"", "\"b/c\""),
        good.replace("\"a\"", "\"another\""),
        good.replace(":5}", ":6}"),
        good.replace(&digest.to_string(), &Digest::of(b"FIRST").to_string()),
        good.replace(":5}", ":5,\"mode\":\"setuid\"}"),
        good.replacen('[', "[[[[[[", 1),
        good[..good.len() / 2].to_owned(),
        String::new(),
        "[]".to_owned(),
    ];
    for case in cases {
        assert_ne!(case, good);
        fs::write(&place, &case).unwrap();
        let found = bench.store.tree(&tree.root()).unwrap();
        assert!(matches!(found, Manifest::Fault(Fault::BadTree { .. })), "{case}: {found:?}");
    }
    // Putting the tree again repairs it.
    bench.put(FILES);
    assert_eq!(bench.store.tree(&tree.root()).unwrap(), Manifest::Whole(tree_of(FILES)));
}

#[test]
fn edited_records_are_seen_whatever_byte_was_edited() {
    let bench = Bench::new();
    let tree = bench.put(FILES);
    let writer = bench.store.writer().unwrap();
    let (key, other, id) = (key(b"key"), key(b"other"), KeptId::new("id").unwrap());
    writer.record_stage(&key, &needs(&[&tree]), b"record").unwrap();
    writer.keep(&Kept { id: id.clone(), name: "n".into(), needs: needs(&[&tree]), document: b"{}".to_vec() }).unwrap();
    let stage = bench.store.root().join("stages").join(format!("{}.record", key.hex()));
    let kept = bench.store.root().join("kept/id.record");
    for (place, is_stage) in [(stage, true), (kept, false)] {
        let good = fs::read(&place).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            fs::write(&place, &bad).unwrap();
            if is_stage {
                let state = bench.store.stage(&key).unwrap();
                assert!(
                    matches!(&state, StageState::Damaged(faults) if matches!(faults[..], [Fault::BadRecord { .. }])),
                    "byte {at}: {state:?}"
                );
            } else {
                assert!(matches!(bench.store.kept(&id), Err(KeptError::Damaged { .. })), "byte {at}");
            }
        }
        fs::write(&place, &good).unwrap();
    }
    // A good record under another name is not that name's.
    fs::copy(
        bench.store.root().join("stages").join(format!("{}.record", key.hex())),
        bench.store.root().join("stages").join(format!("{}.record", other.hex())),
    )
    .unwrap();
    assert!(matches!(bench.store.stage(&other).unwrap(), StageState::Damaged(_)));
    assert!(matches!(bench.store.stage(&key).unwrap(), StageState::Ready(_)));
}
