//! Whatever is done to an artifact's folder is found, and the finding names the place.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use aw_alloy::keys::SecretKey;
use aw_foundry::verify_folder;

use aw_testkit::{files, write_files};

use crate::pottery::{RECIPE, Workshop};

fn findings(folder: &Path) -> Vec<String> {
    let verdict = verify_folder(folder, &[], 2).unwrap();
    verdict
        .verification
        .findings
        .iter()
        .map(|it| format!("{}: {}: {}", it.place, it.file.as_deref().unwrap_or("-"), it.message))
        .collect()
}

/// A copy whose bytes can be changed without reaching the store.
fn copy(shop: &Workshop) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    write_files(copy.path(), &files(&shop.out()));
    copy
}

#[test]
fn an_untouched_folder_is_good() {
    let shop = Workshop::new();
    shop.run(RECIPE).unwrap();
    assert_eq!(findings(&shop.out()), Vec::<String>::new());
    let trusted = verify_folder(&shop.out(), &[shop.key.public()], 1).unwrap();
    assert!(trusted.verification.findings.is_empty());
    let other = SecretKey::from_bytes(&[1; 32]).public();
    let wrong = verify_folder(&shop.out(), &[other], 1).unwrap();
    assert!(wrong.verification.findings[0].message.contains("signed by key"));
}

#[test]
fn any_bit_of_any_file() {
    let shop = Workshop::new();
    shop.run(RECIPE).unwrap();
    let expected = [
        ("README.md", "card"),
        ("clay", "link 0 (fire)"),
        ("records/00-fire/log", "record of link 0 (fire)"),
        ("red", "source"),
        ("weights.json", "link 1 (weigh)"),
    ];
    for (name, place) in expected {
        let copy = copy(&shop);
        let path = copy.path().join(name);
        for at in 0..fs::read(&path).unwrap().len() {
            let mut bytes = fs::read(&path).unwrap();
            bytes[at] ^= 1;
            fs::write(&path, &bytes).unwrap();
            let found = findings(copy.path());
            assert!(found.len() == 1 && found[0].starts_with(&format!("{place}: {name}: ")), "{name}: {found:?}");
            bytes[at] ^= 1;
            fs::write(&path, &bytes).unwrap();
        }
    }
}

#[test]
fn missing_extra_longer_and_odd_files() {
    let shop = Workshop::new();
    shop.run(RECIPE).unwrap();
    type Change<'a> = (&'a dyn Fn(&Path), &'a str);
    let changes: [Change<'_>; 6] = [
        (&|folder| fs::remove_file(folder.join("clay")).unwrap(), "link 0 (fire): clay: the file is missing"),
        (&|folder| fs::write(folder.join("extra"), "x").unwrap(), "folder: extra: the file is not part of the artifact"),
        (&|folder| fs::write(folder.join("red"), "redder").unwrap(), "source: red: the file has 6 bytes, expected 3"),
        (&|folder| fs::rename(folder.join("red"), folder.join("clay")).unwrap(), "source: red: the file is missing"),
        (&|folder| std::os::unix::fs::symlink("clay", folder.join("link")).unwrap(), "folder: link: expected a regular file"),
        (
            &|folder| fs::rename(folder.join("cup.alloy.json"), folder.join("mug.alloy.json")).unwrap(),
            "document: -: the file is named `mug.alloy.json`",
        ),
    ];
    for (change, expected) in changes {
        let copy = copy(&shop);
        change(copy.path());
        let found = findings(copy.path());
        assert!(found.iter().any(|it| it.starts_with(expected)), "{expected} in {found:#?}");
    }
}

#[test]
fn placed_files_cannot_be_written_by_accident() {
    let shop = Workshop::new();
    shop.run(RECIPE).unwrap();
    let mode = fs::metadata(shop.out().join("clay")).unwrap().permissions().mode();
    // Hard links are the store's own blobs; a reflink or a copy is the owner's to change.
    let links = std::os::unix::fs::MetadataExt::nlink(&fs::metadata(shop.out().join("clay")).unwrap());
    assert!(links == 1 || mode & 0o222 == 0, "a hard link is writable: {mode:o}");
}
