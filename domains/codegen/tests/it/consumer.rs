//! Consumers: pinned, staged, adopted, rolled back; what is refused, and what is never lost.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use aw_alloy::keys::SecretKey;
use codegen::delivery::{
    Active, Artifact, ArtifactStore as _, Consumer, ConsumerError, Contents, Directory, Settings, ShelfStore, StoreError,
};
use codegen::model::Model;

use crate::artifacts::{artifact, contents, key, second, targets, third};
use crate::reference;

struct Place {
    _folder: tempfile::TempDir,
    store: ShelfStore<Directory>,
    consumer: Consumer,
    root: PathBuf,
    first: Artifact,
    second: Artifact,
    third: Artifact,
}

fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let store = Directory::new(folder.path().join("store"));
    let made = |model: &Model| {
        let made = artifact(model);
        store.publish(&made).unwrap();
        made
    };
    let (first, second, third) = (made(&reference::model()), made(&second()), made(&third()));
    let root = folder.path().join("consumer");
    fs::create_dir(&root).unwrap();
    Place { store, consumer: Consumer::new(&root), root, first, second, third, _folder: folder }
}

fn settings(targets: &[&str]) -> Settings {
    Settings {
        targets: targets.iter().map(|name| (*name).to_owned()).collect(),
        keys: vec![key().public()],
        ..Settings::default()
    }
}

impl Place {
    fn rust(&self) -> Vec<u8> {
        fs::read(self.root.join("generated/rust/data_platform_contracts.g.rs")).unwrap()
    }

    fn of(artifact: &Artifact) -> Vec<u8> {
        artifact.files().iter().find(|(path, _)| path.as_str().starts_with("rust/")).unwrap().1.clone()
    }
}

#[test]
fn a_version_is_staged_beside_and_adopted_by_one_flip() {
    let at = place();
    let staged = at.consumer.stage(&at.store, at.first.name(), &settings(&["rust"])).unwrap();
    assert_eq!((staged.pin.active, staged.is_new, staged.pin.out_dir.as_str()), (Active::Current, true, "generated/"));
    assert_eq!(at.rust(), Place::of(&at.first), "the first version is used at once");
    assert!(!at.root.join("generated/python").exists(), "only the targets that were asked for");

    let staged = at.consumer.stage(&at.store, at.second.name(), &Settings::default()).unwrap();
    assert_eq!((staged.pin.active, staged.deletions.len()), (Active::Previous, 0));
    assert_eq!(at.rust(), Place::of(&at.first), "what is staged is not used");
    assert_eq!(
        fs::read(staged.folder.join("rust/data_platform_contracts.g.rs")).unwrap(),
        Place::of(&at.second),
        "and can be compiled"
    );

    // No store from here on.
    assert_eq!(at.consumer.adopt().unwrap().active, Active::Current);
    assert_eq!(at.rust(), Place::of(&at.second));
    assert_eq!(at.consumer.rollback().unwrap().active, Active::Previous);
    assert_eq!(at.rust(), Place::of(&at.first));
    assert_eq!(at.consumer.rollback().unwrap().active, Active::Previous, "twice is once");
    at.consumer.adopt().unwrap();

    let third = at.consumer.stage(&at.store, at.third.name(), &Settings::default()).unwrap();
    assert_eq!(third.removed.len(), 1, "the version that nobody names goes at the next staging");
    let pin = at.consumer.pin().unwrap();
    assert_eq!((&pin.current.artifact, &pin.previous.as_ref().unwrap().artifact), (at.third.name(), at.second.name()));
    assert_eq!(at.rust(), Place::of(&at.second));
    let status = at.consumer.status().unwrap();
    assert!(status.settled && status.current.unwrap().is_whole() && status.previous.unwrap().is_whole());
    // The file is what the specification says.
    let text: serde_json::Value = serde_json::from_slice(&fs::read(at.root.join("forge.pin.json")).unwrap()).unwrap();
    assert_eq!(text["current"]["artifact"], at.third.name().to_string());
    assert_eq!(text["current"]["manifest_sha256"].as_str().unwrap().len(), 64);
    assert_eq!((&text["active"], &text["targets"]), (&"previous".into(), &serde_json::json!(["rust"])));
}

#[test]
fn staging_what_is_used_changes_nothing() {
    let at = place();
    at.consumer.stage(&at.store, at.first.name(), &settings(&["rust"])).unwrap();
    at.consumer.stage(&at.store, at.second.name(), &Settings::default()).unwrap();
    let again = at.consumer.stage(&at.store, at.second.name(), &Settings::default()).unwrap();
    assert_eq!((again.is_new, again.pin.active), (false, Active::Previous));
    at.consumer.adopt().unwrap();
    let used = at.consumer.stage(&at.store, at.second.name(), &Settings::default()).unwrap();
    assert_eq!((used.pin.active, used.pin.previous.unwrap().artifact), (Active::Current, at.first.name().clone()));
    at.consumer.rollback().unwrap();
    assert_eq!(at.rust(), Place::of(&at.first), "the way back is still there");
}

#[test]
fn files_that_vanish_are_listed_and_gone() {
    let at = place();
    let model = third();
    let mut more = targets(&model);
    more[1].files.push(("old.rs".to_owned(), b"// old\n".to_vec()));
    let made = Artifact::build(Contents { targets: more, forge_version: "0.1.1", ..contents(&model, &[]) }, &key()).unwrap();
    at.store.publish(&made).unwrap();
    at.consumer.stage(&at.store, made.name(), &settings(&["rust"])).unwrap();
    assert!(at.root.join("generated/rust/old.rs").exists());
    let staged = at.consumer.stage(&at.store, at.third.name(), &Settings::default()).unwrap();
    assert_eq!(staged.deletions, ["rust/old.rs"]);
    at.consumer.adopt().unwrap();
    assert!(!at.root.join("generated/rust/old.rs").exists());
}

#[test]
fn what_was_not_signed_by_a_known_key_is_not_staged() {
    let at = place();
    let stranger =
        Artifact::build(Contents { forge_version: "0.3.0", ..contents(&second(), &[]) }, &SecretKey::from_bytes(&[9; 32]))
            .unwrap();
    at.store.publish(&stranger).unwrap();
    let error = at.consumer.stage(&at.store, stranger.name(), &settings(&["rust"])).unwrap_err();
    assert!(error.to_string().contains("is by key"), "{error}");
    assert!(!at.root.join("forge.pin.json").exists() && !at.root.join("generated").exists());
    let nobody = Settings { keys: Vec::new(), ..settings(&["rust"]) };
    assert!(at.consumer.stage(&at.store, at.first.name(), &nobody).is_err(), "without keys nobody is known");
    // Keys may change with a staging.
    at.consumer.stage(&at.store, at.first.name(), &settings(&["rust"])).unwrap();
    let both = Settings { keys: vec![key().public(), SecretKey::from_bytes(&[9; 32]).public()], ..Settings::default() };
    at.consumer.stage(&at.store, stranger.name(), &both).unwrap();
    at.consumer.adopt().unwrap();
}

#[test]
fn what_is_pinned_is_what_is_fetched() {
    let at = place();
    at.consumer.stage(&at.store, at.first.name(), &settings(&["rust"])).unwrap();
    // A clone has the pin alone; the store has something else under the name by now.
    let other = tempfile::tempdir().unwrap();
    let store = Directory::new(other.path());
    let model = reference::model();
    let moved = Artifact::build(Contents { source_uri: "file:///other.ttl", ..contents(&model, &[]) }, &key()).unwrap();
    store.publish(&moved).unwrap();
    let clone = tempfile::tempdir().unwrap();
    fs::copy(at.root.join("forge.pin.json"), clone.path().join("forge.pin.json")).unwrap();
    let consumer = Consumer::new(clone.path());
    let error = consumer.restore(&store, false).unwrap_err();
    assert!(matches!(error, ConsumerError::Other { .. }), "{error}");
    assert!(!clone.path().join("generated").exists());
    assert!(consumer.restore(&at.store, false).unwrap().settled);
    assert_eq!(aw_testkit::files(&clone.path().join("generated")), aw_testkit::files(&at.root.join("generated")));
}

#[test]
fn nobodys_work_is_lost() {
    let at = place();
    at.consumer.stage(&at.store, at.first.name(), &settings(&["rust"])).unwrap();
    at.consumer.stage(&at.store, at.second.name(), &Settings::default()).unwrap();
    let edited = at.root.join("generated/rust/data_platform_contracts.g.rs");
    let own = at.root.join("generated/rust/mine.rs");
    fs::write(&edited, b"// mine now\n").unwrap();
    fs::write(&own, b"// mine\n").unwrap();
    let status = at.consumer.status().unwrap();
    let report = status.previous.unwrap();
    assert_eq!((report.edited.len(), report.foreign.as_slice()), (1, &["rust/mine.rs".to_owned()][..]));
    // The first version is in use and edited: going away from it is fine, and staging over it is not.
    at.consumer.adopt().unwrap();
    let error = at.consumer.rollback().unwrap_err();
    assert!(matches!(&error, ConsumerError::NotReady { .. }) && error.to_string().contains("restore"), "{error}");
    let error = at.consumer.stage(&at.store, at.third.name(), &Settings::default()).unwrap_err();
    assert!(matches!(&error, ConsumerError::Edited { what, .. } if what.contains("mine.rs")), "{error}");
    assert!(at.consumer.restore(&at.store, false).is_err());
    assert!(at.consumer.restore(&at.store, true).unwrap().previous.unwrap().is_whole());
    at.consumer.rollback().unwrap();
    assert_eq!(at.rust(), Place::of(&at.first));
    at.consumer.adopt().unwrap();
    fs::write(&own, b"// mine\n").unwrap();
    let discard = Settings { discard_edits: true, ..Settings::default() };
    at.consumer.stage(&at.store, at.third.name(), &discard).unwrap();
}

#[test]
fn nothing_is_written_where_something_else_is() {
    let at = place();
    let with = |out_dir: &str| Settings { out_dir: Some(out_dir.to_owned()), ..settings(&["rust"]) };
    let staged = |out_dir: &str| at.consumer.stage(&at.store, at.first.name(), &with(out_dir));
    for bad in ["../generated", "/tmp/generated", "a/../../b", "", ".forge/x", ".forge", "forge.pin.json", ".git/x", "a\\b"] {
        assert!(matches!(staged(bad), Err(ConsumerError::Pin(_))), "{bad}");
    }
    fs::create_dir(at.root.join("own")).unwrap();
    fs::write(at.root.join("own/file"), b"mine").unwrap();
    fs::write(at.root.join("file"), b"mine").unwrap();
    symlink("/tmp", at.root.join("away")).unwrap();
    for taken in ["own", "file", "away", "away/generated", "file/generated"] {
        let error = staged(taken).unwrap_err();
        assert!(matches!(error, ConsumerError::InTheWay { .. }), "{taken}: {error}");
        assert!(!at.root.join("forge.pin.json").exists(), "{taken}");
    }
    assert_eq!(fs::read(at.root.join("own/file")).unwrap(), b"mine");
    let deep = staged("src/contracts/generated/").unwrap();
    assert!(at.root.join("src/contracts/generated/rust/data_platform_contracts.g.rs").exists());
    assert_eq!(deep.pin.out_dir, "src/contracts/generated/");
    // The whole consumer may move.
    let moved = at.root.with_file_name("moved");
    fs::rename(&at.root, &moved).unwrap();
    assert!(moved.join("src/contracts/generated/rust/data_platform_contracts.g.rs").exists());
    let consumer = Consumer::new(&moved);
    consumer
        .stage(&at.store, at.first.name(), &Settings { out_dir: Some("generated".to_owned()), ..Settings::default() })
        .unwrap();
    assert!(moved.join("generated/rust").exists() && !moved.join("src/contracts/generated").exists());
}

#[test]
fn what_cannot_be_is_refused_by_name() {
    let at = place();
    let nowhere = Consumer::new(at.root.join("nowhere"));
    assert!(matches!(nowhere.adopt(), Err(ConsumerError::NoPin { .. })));
    assert!(!at.root.join("nowhere").exists(), "and nothing is made");
    let error = at.consumer.stage(&at.store, at.first.name(), &settings(&["rust", "csharp"])).unwrap_err();
    assert!(error.to_string().contains("has no target `csharp`; it has python, rust"), "{error}");
    let unknown = "ontology@0000000000000000+forge.0.1.0.wire".parse().unwrap();
    let error = at.consumer.stage(&at.store, &unknown, &settings(&["rust"])).unwrap_err();
    assert!(matches!(error, ConsumerError::Store(StoreError::Unknown { .. })), "{error}");
    assert!(at.consumer.stage(&at.store, at.first.name(), &settings(&[])).is_err(), "a target is needed");
    at.consumer.stage(&at.store, at.first.name(), &settings(&["rust"])).unwrap();
    assert!(matches!(at.consumer.rollback(), Err(ConsumerError::Nothing(..))));
    // A pin that says what cannot be.
    let path = at.root.join("forge.pin.json");
    let good = fs::read_to_string(&path).unwrap();
    for (from, to, said) in [
        ("\"active\": \"current\"", "\"active\": \"previous\"", "no previous version"),
        ("\"rust\"", "\"../x\"", "targets"),
        ("\"generated/\"", "\"../x\"", "out_dir"),
        ("\"active\"", "\"extra\": 1, \"active\"", "extra"),
    ] {
        let bad = good.replace(from, to);
        assert_ne!(bad, good, "{from}");
        fs::write(&path, bad).unwrap();
        let error = at.consumer.adopt().unwrap_err().to_string();
        assert!(error.contains("forge.pin.json") && error.contains(said), "{error}");
    }
}

#[test]
fn commands_at_the_same_time_wait_for_each_other() {
    let at = place();
    at.consumer.stage(&at.store, at.first.name(), &settings(&["rust"])).unwrap();
    at.consumer.stage(&at.store, at.second.name(), &Settings::default()).unwrap();
    std::thread::scope(|scope| {
        for number in 0..4 {
            let consumer = &at.consumer;
            scope.spawn(move || {
                for _ in 0..5 {
                    if number % 2 == 0 { consumer.adopt() } else { consumer.rollback() }.unwrap();
                }
            });
        }
        for _ in 0..200 {
            let seen = at.rust();
            assert!(seen == Place::of(&at.first) || seen == Place::of(&at.second), "always one whole version");
        }
    });
    assert!(at.consumer.status().unwrap().settled);
}
