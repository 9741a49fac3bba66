//! Stops the world before any single change to the disk, takes back what a power cut would take back, and looks at what is left.
//!
//! The story each case tells: a command is at work, and just before its n-th change to the disk it is gone. Files that were not synced
//! lose their content; renames whose folder was not synced are undone where they replaced nothing. What programs use must then be one
//! whole version, and the same command, given again, must come to the end it would have come to.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use aw_alloy::keys::SecretKey;

use super::consumer::{Active, Consumer, ConsumerError, Settings};
use super::{Artifact, ArtifactStore, Contents, Directory, Shelf as _, ShelfStore, TargetContents, Trust, fetch, verify};
use crate::model::Model;
use crate::smoke::Smoke;
use aw_disk::faults::play;

/// Runs work that is gone before its n-th change, for every n and both kinds of power cut; `check` looks at what is left.
fn at_every_step<T>(prepare: impl Fn() -> T, work: impl Fn(&T) -> bool, check: impl Fn(&T, usize)) {
    for undo_renames in [false, true] {
        for stop_at in 0.. {
            let place = prepare();
            let (done, played) = play(Some(stop_at), || work(&place));
            if !played.stopped {
                assert!(done && stop_at > 2, "the work is not done, or changes nothing");
                break;
            }
            assert!(!done, "the work says it is done when it was stopped at step {stop_at}");
            played.cut_power(undo_renames).unwrap();
            // Given again, nothing is really synced either.
            play(None, || check(&place, stop_at));
        }
    }
}

fn key() -> SecretKey {
    SecretKey::from_bytes(&[7; 32])
}

/// An artifact of two targets; `word` is what its files say.
fn artifact(word: &str) -> Artifact {
    let model = Model { version: "1.0.0".to_owned(), namespace: format!("Test.{word}"), ..Model::default() };
    let target = |name: &str, files: &[&str]| TargetContents {
        name: name.to_owned(),
        files: files.iter().map(|path| ((*path).to_owned(), format!("{name} {path} {word}\n").into_bytes())).collect(),
        smoke: Smoke::Passed { tool: "none".to_owned(), version: "1".to_owned() },
        removed_symbols: Vec::new(),
    };
    let contents = Contents {
        model: &model,
        graph_digest: None,
        forge_version: "0.1.0",
        profile: "wire",
        source_uri: "file:///model.ttl",
        targets: vec![target("python", &["a.py", "sub/b.py"]), target("rust", &["c.rs"])],
        allow_unverified: &[],
        base: None,
        allow_destructive: &[],
        lossy_ranges: &[],
        diagnostics: &[],
    };
    Artifact::build(contents, &key()).unwrap()
}

/// A store with three artifacts. Consumers only read it, so one serves all steps of a test.
struct Shop {
    _folder: tempfile::TempDir,
    store: ShelfStore<Directory>,
    artifacts: Vec<Artifact>,
}

impl Shop {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Directory::new(folder.path().join("store"));
        let artifacts: Vec<Artifact> = ROUND.iter().map(|word| artifact(word)).collect();
        for artifact in &artifacts {
            assert!(store.publish(artifact).unwrap().is_new);
        }
        Self { store, artifacts, _folder: folder }
    }
}

struct Place<'s> {
    _folder: tempfile::TempDir,
    shop: &'s Shop,
    consumer: Consumer,
    root: PathBuf,
}

const ROUND: [&str; 3] = ["One", "Two", "Three"];

fn settings(targets: &[&str]) -> Settings {
    Settings {
        targets: targets.iter().map(|name| (*name).to_owned()).collect(),
        keys: vec![key().public()],
        ..Settings::default()
    }
}

impl<'s> Place<'s> {
    fn new(shop: &'s Shop) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("consumer");
        fs::create_dir(&root).unwrap();
        Self { shop, consumer: Consumer::new(&root), root, _folder: folder }
    }

    fn stage(&self, number: usize, targets: &[&str]) -> Result<(), ConsumerError> {
        self.consumer.stage(&self.shop.store, self.shop.artifacts[number].name(), &settings(targets)).map(|_| ())
    }

    /// The word of the version that programs see, which must be whole; `None` when they see none.
    fn seen(&self, targets: &[&str]) -> Option<usize> {
        let folder = self.root.join("generated");
        folder.symlink_metadata().ok()?;
        let seen = aw_testkit::files(&folder);
        let found = self.shop.artifacts.iter().position(|artifact| {
            let expected: BTreeMap<String, Vec<u8>> = artifact
                .files()
                .iter()
                .filter(|(path, _)| path.as_str().split_once('/').is_none_or(|(first, _)| targets.contains(&first)))
                .map(|(path, bytes)| (path.to_string(), bytes.clone()))
                .collect();
            expected == seen
        });
        assert!(found.is_some(), "what programs see is no whole version: {:?}", seen.keys());
        found
    }

    /// Nothing lies about that the pin does not name.
    fn is_tidy(&self) {
        let status = self.consumer.status().unwrap();
        let versions = fs::read_dir(self.root.join(".forge/versions")).unwrap().count();
        assert_eq!(versions, status.pin.versions().count());
        assert!(!self.root.join(".forge/tmp").exists() || fs::read_dir(self.root.join(".forge/tmp")).unwrap().count() == 0);
        assert!(status.settled && status.current.unwrap().is_whole() && status.previous.is_none_or(|found| found.is_whole()));
    }
}

const BOTH: &[&str] = &["python", "rust"];
const ONE: &[&str] = &["python"];

#[test]
fn a_first_staging_that_was_cut_off_is_done_again() {
    let shop = Shop::new();
    let check = |place: &Place<'_>, step: usize| {
        assert!(matches!(place.seen(BOTH), None | Some(0)), "step {step}");
        place.stage(0, BOTH).unwrap();
        assert_eq!(place.seen(BOTH), Some(0));
        place.is_tidy();
    };
    at_every_step(|| Place::new(&shop), |place| place.stage(0, BOTH).is_ok(), check);
}

#[test]
fn staging_never_touches_what_is_used() {
    let shop = Shop::new();
    let prepare = || {
        let place = Place::new(&shop);
        place.stage(0, BOTH).unwrap();
        place.stage(1, BOTH).unwrap();
        place.consumer.adopt().unwrap();
        place
    };
    let check = |place: &Place<'_>, step: usize| {
        assert_eq!(place.seen(BOTH), Some(1), "step {step}");
        place.consumer.status().unwrap();
        place.stage(2, BOTH).unwrap();
        assert_eq!(place.seen(BOTH), Some(1), "step {step}");
        place.is_tidy();
        place.consumer.adopt().unwrap();
        assert_eq!(place.seen(BOTH), Some(2));
    };
    at_every_step(prepare, |place| place.stage(2, BOTH).is_ok(), check);
}

#[test]
fn a_flip_is_done_or_not() {
    let shop = Shop::new();
    let prepare = || {
        let place = Place::new(&shop);
        place.stage(0, BOTH).unwrap();
        place.stage(1, BOTH).unwrap();
        place
    };
    let adopted = || {
        let place = prepare();
        place.consumer.adopt().unwrap();
        place
    };
    at_every_step(
        prepare,
        |place| place.consumer.adopt().is_ok(),
        |place, step| {
            assert!(matches!(place.seen(BOTH), Some(0 | 1)), "step {step}");
            assert_eq!(place.consumer.adopt().unwrap().active, Active::Current);
            assert_eq!(place.seen(BOTH), Some(1));
        },
    );
    at_every_step(
        adopted,
        |place| place.consumer.rollback().is_ok(),
        |place, step| {
            assert!(matches!(place.seen(BOTH), Some(0 | 1)), "step {step}");
            assert_eq!(place.consumer.rollback().unwrap().active, Active::Previous);
            assert_eq!(place.seen(BOTH), Some(0));
            // The other way round too: a command that was cut off decides nothing for the next one.
            place.consumer.adopt().unwrap();
            assert_eq!(place.seen(BOTH), Some(1));
        },
    );
}

#[test]
fn other_targets_come_whole_or_not_at_all() {
    let shop = Shop::new();
    let prepare = || {
        let place = Place::new(&shop);
        place.stage(0, BOTH).unwrap();
        place
    };
    let check = |place: &Place<'_>, step: usize| {
        let folder = place.root.join("generated");
        let targets = if folder.join("rust").exists() { BOTH } else { ONE };
        assert_eq!(place.seen(targets), Some(0), "step {step}");
        place.stage(1, ONE).unwrap();
        assert_eq!(place.seen(ONE), Some(0), "step {step}");
        place.is_tidy();
    };
    at_every_step(prepare, |place| place.stage(1, ONE).is_ok(), check);
}

#[test]
fn a_clone_that_has_the_pin_alone_gets_the_rest() {
    let shop = Shop::new();
    let prepare = || {
        let place = Place::new(&shop);
        place.stage(0, BOTH).unwrap();
        place.stage(1, BOTH).unwrap();
        fs::remove_dir_all(place.root.join(".forge")).unwrap();
        fs::remove_file(place.root.join("generated")).unwrap();
        place
    };
    let check = |place: &Place<'_>, step: usize| {
        assert!(matches!(place.seen(BOTH), None | Some(0)), "step {step}");
        assert!(place.consumer.restore(&place.shop.store, false).unwrap().settled);
        assert_eq!(place.seen(BOTH), Some(0));
        place.is_tidy();
    };
    at_every_step(prepare, |place| place.consumer.restore(&place.shop.store, false).is_ok(), check);
}

#[test]
fn an_artifact_is_published_whole_or_not_at_all() {
    let prepare = || {
        let folder = tempfile::tempdir().unwrap();
        let store = Directory::new(folder.path().join("store"));
        (folder, store, artifact("Four"))
    };
    type Prepared = (tempfile::TempDir, ShelfStore<Directory>, Artifact);
    let check = |(_, store, artifact): &Prepared, step: usize| {
        let trusted = [key().public()];
        let whole = |when: &str| {
            let files = fetch(store, artifact.name(), |_| true).unwrap();
            assert_eq!(&files, artifact.files(), "step {step} {when}");
            verify(&files, Trust(&trusted), None).unwrap();
        };
        if store.index(artifact.name()).unwrap().is_some() {
            whole("before");
        }
        store.publish(artifact).unwrap();
        whole("after");
        assert_eq!(store.list().unwrap(), [artifact.name().clone()]);
        assert!(store.0.names("blobs/sha256").unwrap().len() <= artifact.files().len());
    };
    at_every_step(prepare, |(_, store, artifact)| store.publish(artifact).is_ok(), check);
}
