//! Folders outside the store.

use std::ffi::OsStr;
use std::fs::{self, FileTimes};
use std::io::{Seek, SeekFrom, Write as _};
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use aw_alloy::tree::TreePath;
use aw_store::{HashedFolder, IndexState, SourceError, SourceOptions, StageRecords, no_hook};

use crate::support::{Bench, fill, tree_of};

const FILES: &[(&str, &[u8])] = &[("config.json", b"{}"), ("deep/er/file", b"x"), ("model.safetensors", &[7; 100_000])];
/// Longer than the margin within which a stamp is not trusted.
const SETTLE: Duration = Duration::from_millis(2_100);

fn source(bench: &Bench) -> PathBuf {
    let folder = bench.home.path().join("source");
    fill(&folder, FILES);
    folder
}

fn hash(bench: &Bench, folder: &Path) -> Result<HashedFolder, SourceError> {
    bench.store.hash_folder(folder, &SourceOptions::default(), &mut no_hook)
}

#[test]
fn an_unchanged_folder_is_not_read_again_and_a_changed_file_is() {
    let bench = Bench::new();
    let folder = source(&bench);
    let options = SourceOptions::default();
    let peek = bench.store.peek_folder(&folder, &options).unwrap();
    assert_eq!((peek.tree, peek.to_hash.len(), peek.to_hash_bytes, peek.index), (None, 3, 100_003, IndexState::Absent));
    let first = hash(&bench, &folder).unwrap();
    assert_eq!((first.tree.clone(), first.hashed_files, first.hashed_bytes), (tree_of(FILES), 3, 100_003));

    // Hashed in the moment it was written: a further write could hide behind the same stamp, so it is read again.
    assert_eq!(hash(&bench, &folder).unwrap().hashed_files, 3);

    std::thread::sleep(SETTLE);
    assert_eq!(hash(&bench, &folder).unwrap().hashed_files, 3, "what was hashed too soon is not trusted later either");
    let settled = hash(&bench, &folder).unwrap();
    assert_eq!((settled.hashed_files, settled.index, &settled.tree), (0, IndexState::Read, &first.tree));
    assert_eq!(bench.store.peek_folder(&folder, &options).unwrap().tree, Some(first.tree));
    assert_eq!(
        bench.store.hash_folder(&folder, &SourceOptions { trust_index: false, ..options }, &mut no_hook).unwrap().hashed_files,
        3
    );

    // Same size, and the modification time put back: the status-change time still tells.
    let path = folder.join("model.safetensors");
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    let mut file = fs::File::options().write(true).open(&path).unwrap();
    file.seek(SeekFrom::Start(50_000)).unwrap();
    file.write_all(&[8]).unwrap();
    file.set_times(FileTimes::new().set_modified(modified)).unwrap();
    let peek = bench.store.peek_folder(&folder, &SourceOptions::default()).unwrap();
    assert!(matches!(&peek.to_hash[..], [(path, 100_000)] if path.as_str() == "model.safetensors"), "{peek:?}");
    let mut changed = vec![7; 100_000];
    changed[50_000] = 8;
    assert_eq!(hash(&bench, &folder).unwrap().tree, tree_of(&[FILES[0], FILES[1], ("model.safetensors", &changed)]));
}

#[test]
fn a_damaged_index_is_told_and_not_believed() {
    let bench = Bench::new();
    let folder = source(&bench);
    std::thread::sleep(SETTLE);
    hash(&bench, &folder).unwrap();
    assert_eq!(hash(&bench, &folder).unwrap().hashed_files, 0);
    let index = fs::read_dir(bench.store.root().join("sources")).unwrap().next().unwrap().unwrap().path();
    let text = fs::read_to_string(&index).unwrap();
    let digest = aw_alloy::digest::Digest::of(b"{}").to_string();
    fs::write(&index, text.replace(&digest, &aw_alloy::digest::Digest::of(b"lie").to_string())).unwrap();
    let hashed = hash(&bench, &folder).unwrap();
    assert!(matches!(hashed.index, IndexState::Damaged { .. }), "{:?}", hashed.index);
    assert_eq!((hashed.hashed_files, hashed.tree), (3, tree_of(FILES)));
}

#[test]
fn links_to_files_are_followed_as_model_caches_need() {
    let bench = Bench::new();
    let folder = bench.home.path().join("snapshots/abc");
    fill(&bench.home.path().join("blobs"), &[("0123", b"{}")]);
    fs::create_dir_all(&folder).unwrap();
    symlink("../../blobs/0123", folder.join("config.json")).unwrap();
    assert_eq!(hash(&bench, &folder).unwrap().tree, tree_of(&[("config.json", b"{}")]));
    // The link is part of the way: a folder reached through one is the same folder.
    symlink(&folder, bench.home.path().join("alias")).unwrap();
    assert_eq!(hash(&bench, &bench.home.path().join("alias")).unwrap().tree, tree_of(&[("config.json", b"{}")]));
    assert_eq!(fs::read_dir(bench.store.root().join("sources")).unwrap().count(), 1);
}

/// A folder with one thing in it that no tree can hold.
fn refused(make: impl FnOnce(&Path)) -> String {
    let bench = Bench::new();
    let folder = source(&bench);
    make(&folder);
    let error = hash(&bench, &folder).unwrap_err();
    error.to_string()
}

#[test]
fn what_no_tree_can_hold_is_refused_by_name() {
    let text = refused(|folder| symlink("..", folder.join("deep/er/up")).unwrap());
    assert!(text.contains("deep/er/up`: it is the folder `") && text.contains("/source/deep` again"), "{text}");
    let text = refused(|folder| symlink("me", folder.join("me")).unwrap());
    assert!(text.contains("cannot follow the link") && text.contains("/me`"), "{text}");
    let text = refused(|folder| symlink("gone", folder.join("link")).unwrap());
    assert!(text.contains("/link`: it is a symbolic link to `gone`, which does not exist"), "{text}");
    let text = refused(|folder| assert!(Command::new("mkfifo").arg(folder.join("pipe")).status().unwrap().success()));
    assert!(text.contains("/pipe`: expected a file or folder, found a named pipe"), "{text}");
    let text = refused(|folder| fs::write(folder.join(OsStr::from_bytes(b"\xff")), b"").unwrap());
    assert!(text.contains("expected a name in UTF-8"), "{text}");
    let text = refused(|folder| fs::write(folder.join("a\\b"), b"").unwrap());
    assert!(text.contains("it holds a backslash"), "{text}");
    let text = refused(|folder| fs::create_dir_all(folder.join("d/".repeat(80))).unwrap());
    assert!(text.contains("more than 64 folders deep"), "{text}");
}

#[test]
fn links_to_folders_cannot_make_a_small_folder_endless() {
    // Every level links twice to the next: 2^40 ways to the one file at the bottom.
    let bench = Bench::new();
    let folder = bench.home.path().join("source");
    for level in 0..40 {
        let here = folder.join(format!("level-{level}"));
        fs::create_dir_all(&here).unwrap();
        symlink(format!("../level-{}", level + 1), here.join("a")).unwrap();
        symlink(format!("../level-{}", level + 1), here.join("b")).unwrap();
    }
    fill(&folder, &[("level-40/file", b"x")]);
    let error = hash(&bench, &folder.join("level-0")).unwrap_err();
    assert!(matches!(error, SourceError::Again { .. }), "{error}");
}

#[test]
fn a_filter_leaves_out_files_and_whole_folders() {
    let bench = Bench::new();
    let folder = source(&bench);
    symlink("/nowhere", folder.join("deep/broken")).unwrap();
    let keep = |path: &TreePath| path.as_str() != "deep" && !path.as_str().ends_with(".json");
    let options = SourceOptions { filter: &keep, ..SourceOptions::default() };
    let hashed = bench.store.hash_folder(&folder, &options, &mut no_hook).unwrap();
    assert_eq!(hashed.tree, tree_of(&[FILES[2]]), "what is left out is not even looked at");
}

#[test]
fn what_was_hashed_before_a_cancellation_is_not_hashed_again() {
    let bench = Bench::new();
    let folder = bench.home.path().join("source");
    let contents: Vec<Vec<u8>> = (0..20u8).map(|n| vec![n; 1_000_000]).collect();
    for (n, content) in contents.iter().enumerate() {
        fill(&folder, &[(&format!("{n:02}"), content)]);
    }
    std::thread::sleep(SETTLE);
    let options = SourceOptions { threads: 1, ..SourceOptions::default() };
    let mut last = 0;
    let error = bench.store.hash_folder(&folder, &options, &mut |progress| {
        assert!(progress.done_bytes >= last && progress.total_bytes == 20_000_000);
        last = progress.done_bytes;
        if last >= 10_000_000 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert!(matches!(error, Err(SourceError::Cancelled { .. })), "{error:?}");
    let left = bench.store.peek_folder(&folder, &options).unwrap().to_hash.len();
    assert!((1..=11).contains(&left), "{left} files are still to hash");
    let hashed = hash(&bench, &folder).unwrap();
    assert_eq!((hashed.hashed_files as usize, hashed.tree.entries().len()), (left, 20));
}

#[test]
fn a_file_that_changes_while_it_is_read_is_an_error_that_names_it() {
    let bench = Bench::new();
    let folder = source(&bench);
    let path = folder.join("model.safetensors");
    let mut first = true;
    let error = bench.store.hash_folder(&folder, &SourceOptions::default(), &mut |_| {
        // The hook's first call comes after the folder was looked at and before any file is read.
        if std::mem::take(&mut first) {
            fs::File::options().append(true).open(&path).unwrap().write_all(b"more").unwrap();
        }
        ControlFlow::Continue(())
    });
    let error = error.unwrap_err();
    assert!(matches!(&error, SourceError::Changed { before_bytes: 100_000, after_bytes: 100_004, .. }), "{error}");
    assert!(error.to_string().contains("model.safetensors"), "{error}");
}

#[test]
fn gc_forgets_folders_that_are_gone() {
    let bench = Bench::new();
    let folder = source(&bench);
    hash(&bench, &folder).unwrap();
    assert_eq!(bench.store.gc(StageRecords::Keep, false).unwrap().sources.files, 0);
    fs::remove_dir_all(&folder).unwrap();
    assert_eq!(bench.store.gc(StageRecords::Keep, false).unwrap().sources.files, 1);
    assert!(hash(&bench, &folder).unwrap_err().to_string().contains("cannot find"));
}
