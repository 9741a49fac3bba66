//! Whatever is done to an artifact, `verify` says no, and says where.

use std::fs;
use std::path::{Path, PathBuf};

use aw_testkit::{files, write_files};
use serde_json::Value;

use crate::support::{Bench, Ran, finished, run};

const DOCUMENT: &str = "tiny-test.alloy.json";

/// A copy of the finished artifact whose bytes can be changed without reaching the store.
struct Copy {
    bench: &'static Bench,
    folder: tempfile::TempDir,
}

impl Copy {
    fn new() -> Self {
        let (bench, _) = finished();
        let folder = tempfile::tempdir().unwrap();
        write_files(folder.path(), &files(&bench.path("made")));
        Self { bench, folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn verify(&self, more: &[&str]) -> Ran {
        let folder = self.folder.path().to_str().unwrap();
        run(self.bench.command(&[&["verify", folder, "--threads", "1"], more].concat()))
    }

    /// Changes the document as JSON, keeping the form it is published in.
    fn edit(&self, edit: impl FnOnce(&mut Value)) {
        let path = self.path(DOCUMENT);
        let mut document: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        edit(&mut document);
        let node = aw_alloy::text::Node::from_serde(&document);
        fs::write(&path, format!("{}\n", aw_alloy::text::json::publish(&node))).unwrap();
    }
}

/// Flips the lowest bit of the byte at `at`; the same again puts it back.
fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn one_flipped_bit_in_any_file() {
    let copy = Copy::new();
    copy.verify(&[]).ends(0);
    let names: Vec<String> = files(copy.folder.path()).into_keys().collect();
    assert!(names.len() >= 8, "{names:?}");
    for name in names.iter().filter(|name| *name != DOCUMENT) {
        let path = copy.path(name);
        let length = usize::try_from(fs::metadata(&path).unwrap().len()).unwrap();
        for at in [0, length / 2, length - 1] {
            flip(&path, at);
            let ran = copy.verify(&[]).ends(1);
            let found = ran.out.lines().find(|line| line.starts_with("BAD ") && line.contains(name.as_str()));
            assert!(found.is_some_and(|line| line.contains("content differs")), "{name}: {}", ran.out);
            flip(&path, at);
        }
    }
    copy.verify(&[]).ends(0);
}

#[test]
fn one_flipped_bit_anywhere_in_the_document() {
    let copy = Copy::new();
    let path = copy.path(DOCUMENT);
    let length = usize::try_from(fs::metadata(&path).unwrap().len()).unwrap();
    for step in 0..150 {
        // A prime stride meets every kind of member.
        let at = step * 7919 % length;
        flip(&path, at);
        let ran = copy.verify(&[]);
        assert!(ran.code == Some(1) && ran.out.contains("BAD "), "byte {at}: {:?}\n{}{}", ran.code, ran.out, ran.err);
        flip(&path, at);
    }
}

#[test]
fn missing_and_extra_files() {
    let copy = Copy::new();
    for name in files(copy.folder.path()).keys().filter(|name| *name != DOCUMENT) {
        let (path, aside) = (copy.path(name), copy.folder.path().with_extension("aside"));
        fs::rename(&path, &aside).unwrap();
        let ran = copy.verify(&[]).ends(1);
        assert!(ran.out.contains(&format!("{name}: the file is missing")), "{name}: {}", ran.out);
        fs::rename(&aside, &path).unwrap();
    }
    fs::write(copy.path("records/extra"), "x").unwrap();
    let ran = copy.verify(&[]).ends(1);
    assert!(ran.out.contains("records/extra: the file is not part of the artifact"), "{}", ran.out);
    fs::remove_file(copy.path("records/extra")).unwrap();
    fs::remove_file(copy.path(DOCUMENT)).unwrap();
    let ran = copy.verify(&[]).ends(5);
    assert!(ran.err.contains("0 artifact documents"), "{}", ran.err);
}

fn twice(document: &mut Value) {
    let first = document["chain"]["links"][0].clone();
    document["chain"]["links"].as_array_mut().unwrap().insert(1, first);
}

#[test]
fn an_edited_chain_is_named_link_by_link() {
    type Case = (&'static str, fn(&mut Value), &'static str);
    let cases: &[Case] = &[
        ("two links swapped", |it| it["chain"]["links"].as_array_mut().unwrap().swap(0, 1), "link 1 (expert-prune)"),
        ("the last link cut off", |it| drop(it["chain"]["links"].as_array_mut().unwrap().pop()), "seal"),
        ("a link twice", twice, "link 0 (expert-activation-profile)"),
        ("a better result", |it| it["chain"]["links"][2]["measurements"]["better"] = 1.into(), "link 2 (eval)"),
        (
            "another time",
            |it| it["chain"]["links"][0]["observations"]["seconds"] = 1.into(),
            "link 0 (expert-activation-profile)",
        ),
        ("another strategy", |it| it["stages"][1]["strategy"] = "reap".into(), "link 1 (expert-prune)"),
        ("another source", |it| it["chain"]["source"]["files"][0]["bytes"] = 1.into(), "source"),
        ("a better score", |it| it["results"]["benchmarks"][0]["metrics"]["forged"] = 1.into(), "seal"),
        ("no seal", |it| drop(it.as_object_mut().unwrap().remove("seal")), "seal"),
    ];
    for (what, edit, place) in cases {
        let copy = Copy::new();
        copy.edit(edit);
        let ran = copy.verify(&[]).ends(1);
        let found = ran.out.lines().any(|line| line.starts_with("BAD ") && line[8..].starts_with(place));
        assert!(found, "{what}, expected {place}:\n{}", ran.out);
    }
}

#[test]
fn a_signature_of_an_unknown_kind_is_neither_good_nor_bad() {
    let copy = Copy::new();
    copy.edit(|document| document["seal"]["signature"]["algorithm"] = "ML-DSA-65".into());
    let ran = copy.verify(&[]).ends(5);
    assert!(ran.out.contains("UNKNOWN") && !ran.out.contains("BAD ") && !ran.out.contains("GOOD"), "{}", ran.out);
}

#[test]
fn an_honest_artifact_of_somebody_else_is_not_ours() {
    let copy = Copy::new();
    let bench = Bench::new();
    let theirs = bench.run(&["run", "recipe.yaml", "--out", "made", "--json"]).ends(0).events().pop().unwrap();
    let (their_key, out) = (theirs["publicKey"].as_str().unwrap(), bench.path("made"));
    let ours = copy.verify(&["--json"]).ends(0).json();
    let our_key = ours["signer"].as_str().unwrap();
    assert_eq!(theirs["artifact"], ours["artifact"], "the same content");
    run(bench.command(&["verify", out.to_str().unwrap(), "--key", their_key])).ends(0);
    let ran = run(bench.command(&["verify", out.to_str().unwrap(), "--key", our_key])).ends(1);
    assert!(ran.out.contains("BAD ") && ran.out.contains("signed by key"), "{}", ran.out);
    run(bench.command(&["verify", out.to_str().unwrap(), "--key", our_key, "--key", their_key])).ends(0);
    let unchecked = copy.verify(&[]).ends(0);
    assert!(unchecked.out.contains("signer not checked against a key you trust"), "{}", unchecked.out);
}
