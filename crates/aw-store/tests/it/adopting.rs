//! Taking files into the store.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use aw_alloy::digest::Digest;
use aw_store::{AdoptError, AdoptFolderError, Fault, PutTreeError, SourceError, no_hook};

use crate::support::{Bench, fill, put, tree_of};

#[test]
fn a_file_is_moved_not_copied_and_becomes_read_only() {
    let bench = Bench::new();
    let writer = bench.store.writer().unwrap();
    let file = writer.scratch_folder().unwrap().join("out");
    fs::write(&file, b"abc").unwrap();
    let inode = fs::metadata(&file).unwrap().ino();
    writer.adopt(&file, Digest::of(b"abc"), 3).unwrap();
    let blob = fs::metadata(bench.store.blob_path(&Digest::of(b"abc"))).unwrap();
    assert_eq!((blob.ino(), blob.permissions().mode() & 0o777, blob.nlink()), (inode, 0o444, 1));
    assert!(!file.exists());
}

#[test]
fn a_file_that_is_not_what_was_said_is_refused() {
    let bench = Bench::new();
    let writer = bench.store.writer().unwrap();
    let folder = writer.scratch_folder().unwrap();
    fs::write(folder.join("file"), b"abc").unwrap();
    symlink(folder.join("file"), folder.join("link")).unwrap();
    let digest = Digest::of(b"abc");
    let error = writer.adopt(&folder.join("file"), digest, 4).unwrap_err();
    assert!(error.to_string().ends_with("expected 4 bytes, found 3"), "{error}");
    assert!(matches!(writer.adopt(&folder.join("link"), digest, 3), Err(AdoptError::NotAFile { .. })));
    assert!(matches!(writer.adopt(&folder, digest, 3), Err(AdoptError::NotAFile { .. })));
    assert!(!bench.store.blob_path(&digest).exists());
}

#[test]
fn a_file_with_another_name_elsewhere_is_copied_so_that_none_can_write_to_the_blob() {
    let bench = Bench::new();
    let outside = bench.home.path().join("outside");
    fs::write(&outside, b"abc").unwrap();
    let writer = bench.store.writer().unwrap();
    let folder = writer.scratch_folder().unwrap();
    fs::hard_link(&outside, folder.join("file")).unwrap();
    let tree = writer.adopt_folder(&folder, 1, &mut no_hook).unwrap();
    fs::write(&outside, b"xyz").unwrap();
    assert_eq!(bench.store.check_bytes(&tree, 1, &mut no_hook).unwrap(), []);
}

#[test]
fn a_blob_passed_on_under_a_hard_link_stays_the_blob() {
    let bench = Bench::new();
    let tree = bench.put(&[("a", b"abc")]);
    let blob = bench.store.blob_path(&Digest::of(b"abc"));
    let inode = fs::metadata(&blob).unwrap().ino();
    let writer = bench.store.writer().unwrap();
    let folder = writer.scratch_folder().unwrap();
    fs::hard_link(&blob, folder.join("passed-on")).unwrap();
    let next = writer.adopt_folder(&folder, 1, &mut no_hook).unwrap();
    assert_eq!(next, tree_of(&[("passed-on", b"abc")]));
    assert_eq!(fs::metadata(&blob).unwrap().ino(), inode);
    assert_eq!(bench.store.check(&tree).unwrap(), []);
}

#[test]
fn a_folder_with_a_link_is_refused_before_anything_moves() {
    let bench = Bench::new();
    let writer = bench.store.writer().unwrap();
    let folder = writer.scratch_folder().unwrap();
    fill(&folder, &[("a", b"1"), ("z", b"2")]);
    symlink("a", folder.join("link")).unwrap();
    let error = writer.adopt_folder(&folder, 2, &mut no_hook).unwrap_err();
    assert!(matches!(&error, AdoptFolderError::Source(SourceError::Link { path }) if path.ends_with("link")), "{error}");
    assert!(folder.join("a").exists() && folder.join("z").exists());
}

#[test]
fn many_files_become_the_tree_they_were() {
    let bench = Bench::new();
    let names: Vec<String> = (0..300).map(|n| format!("part-{}/{n}", n % 7)).collect();
    // Contents repeat, so that some files meet a blob that another thread's file became.
    let contents: Vec<Vec<u8>> = (0..300usize).map(|n| vec![b'x'; n % 90]).collect();
    let files: Vec<(&str, &[u8])> =
        names.iter().zip(&contents).map(|(name, content)| (name.as_str(), content.as_slice())).collect();
    let tree = bench.put(&files);
    assert_eq!(tree, tree_of(&files));
    assert_eq!(bench.store.check(&tree).unwrap(), []);
    assert_eq!(bench.store.check_bytes(&tree, 2, &mut no_hook).unwrap(), []);
}

#[test]
fn what_is_written_through_is_hashed_on_the_way() {
    let bench = Bench::new();
    let writer = bench.store.writer().unwrap();
    let content: Vec<u8> = (0..1_000_003u32).map(|n| (n % 251) as u8).collect();
    let mut blob = writer.create_blob().unwrap();
    for part in content.chunks(77_777) {
        blob.write_all(part).unwrap();
    }
    let finished = blob.store().unwrap();
    assert_eq!((finished.digest, finished.bytes), (Digest::of(&content), content.len() as u64));
    assert_eq!(bench.store.read_blob(&finished.digest, 2_000_000).unwrap().unwrap(), content);
    assert!(bench.store.read_blob(&finished.digest, 1_000_000).is_err(), "longer than the reader allows");
    drop(writer.create_blob().unwrap());
    drop(writer);
    assert_eq!(fs::read_dir(bench.store.root().join("scratch")).unwrap().count(), 1, "nothing but the lock is left");
}

#[test]
fn a_tree_is_not_put_while_a_content_is_missing() {
    let bench = Bench::new();
    let writer = bench.store.writer().unwrap();
    put(&writer, &[("a", b"here")]);
    let tree = tree_of(&[("a", b"here"), ("b", b"absent")]);
    match writer.put_tree(&tree).unwrap_err() {
        PutTreeError::Incomplete { faults, .. } => {
            assert!(matches!(&faults[..], [Fault::Missing { path, .. }] if path.as_str() == "b"), "{faults:?}");
        }
        other => panic!("{other}"),
    }
    // The list alone may be written down, for files that live elsewhere.
    assert_eq!(writer.put_manifest(&tree).unwrap(), tree.root());
    assert_eq!(bench.store.check_root(&tree.root()).unwrap().1.len(), 1);
}
