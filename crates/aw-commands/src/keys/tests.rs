#![allow(clippy::unwrap_used)]

use std::os::unix::fs::PermissionsExt;

use aw_alloy::signing::{Attestation, Expected, Standing, sign, verify};
use aw_alloy::text::Node;
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::report::Report;

const DAY: i64 = 86_400;

fn day(days: i64) -> Moment {
    Moment::read("2026-01-01T00:00:00Z").unwrap().after(days * DAY)
}

struct Home {
    folder: TempDir,
    keys: Keyring,
}

fn home() -> Home {
    let folder = tempfile::tempdir().unwrap();
    Home { keys: Keyring::new(folder.path()), folder }
}

impl Home {
    fn create(&self, name: &str, at: Moment) -> Result<OwnKey, KeyringError> {
        self.keys.create(name, Curve::P256, "tests", "tests", at)
    }

    fn sign(&self, name: &str, at: Moment) -> Node {
        let (key, _) = self.keys.signing_key(name, at).unwrap();
        let mut document = Node::from_serde(&json!({"name": "cup", "source": {}, "stages": []}));
        sign(&mut document, &Attestation { key: &key, at, nonce: None, audience: None }).unwrap();
        document
    }

    fn standing(&self, document: &Node, now: Moment) -> Standing {
        let registry = self.keys.registry(now).unwrap();
        verify(document, &Expected { registry: Some(&registry), audience: None, nonce: None, now }).standing
    }

    fn secrets(&self) -> Vec<PathBuf> {
        let files = self.keys.files().unwrap();
        files.into_iter().map(|(name, id)| self.keys.secret_file(&name, &id)).collect()
    }
}

/// Everything that is said of an error, to people and to programs.
fn said(error: KeyringError) -> String {
    let debug = format!("{error:?} {error}");
    format!("{debug} {:?}", Report::from(error))
}

#[test]
fn a_life_of_keys() {
    let home = home();
    let first = home.create("release", day(0)).unwrap();
    assert_eq!(first.entry.expires_at, day(90));
    let (early, late) = (home.sign("release", day(1)), home.sign("release", day(80)));
    assert!(matches!(home.create("release", day(1)), Err(KeyringError::Taken { .. })));
    assert!(matches!(home.keys.signing_key("release", day(91)), Err(KeyringError::OutsideItsTime { .. })));
    // Rotated on day 70: what the old key signed before counts, what it signs afterwards does not.
    let (old, new) = home.keys.rotate("release", day(70)).unwrap();
    assert_eq!(
        (old.entry.key_id.as_str(), old.entry.superseded_by.as_deref()),
        (first.entry.key_id.as_str(), Some(&*new.entry.key_id))
    );
    assert_eq!((old.entry.superseded_at, new.entry.expires_at), (Some(day(70)), day(160)));
    assert_eq!((home.standing(&early, day(75)), home.standing(&late, day(85))), (Standing::Good, Standing::Bad));
    assert_eq!(home.keys.find("release", day(75)).unwrap().entry.key_id, new.entry.key_id);
    assert!(matches!(home.keys.signing_key(&first.entry.key_id, day(75)), Err(KeyringError::Superseded { .. })));
    assert!(matches!(home.keys.rotate(&first.entry.key_id, day(75)), Err(KeyringError::Superseded { .. })));
    // A key that has run out can be rotated, too.
    let (_, third) = home.keys.rotate("release", day(170)).unwrap();
    let document = home.sign("release", day(171));
    assert_eq!(home.standing(&document, day(172)), Standing::Good);
    // Revoked: nothing it signed counts, it never comes back, and its name is free.
    home.keys.revoke("release", Some("lost"), day(173)).unwrap();
    assert_eq!(home.standing(&document, day(174)), Standing::Bad);
    for outcome in [home.keys.signing_key("release", day(174)).map(drop), home.keys.rotate("release", day(174)).map(drop)] {
        assert!(matches!(outcome, Err(KeyringError::Revoked { .. })));
    }
    assert!(home.keys.revoke(&third.entry.key_id, None, day(175)).is_err());
    home.keys.revoke(&new.entry.key_id, None, day(175)).unwrap();
    home.keys.revoke(&old.entry.key_id, None, day(175)).unwrap();
    let fourth = home.create("release", day(176)).unwrap();
    assert_eq!(home.keys.signing_key("release", day(177)).unwrap().1.entry.key_id, fourth.entry.key_id);
    assert_eq!(home.keys.keys(day(177)).unwrap().len(), 4);
    assert!(home.keys.strays(day(177)).unwrap().is_empty());
}

#[test]
fn secrets_are_private_stay_where_they_are_and_are_said_nowhere() {
    let home = home();
    for (name, curve) in [("a", Curve::P256), ("b", Curve::P384), ("c", Curve::Ed25519)] {
        home.keys.create(name, curve, "tests", "tests", day(0)).unwrap();
        assert_eq!(home.keys.signing_key(name, day(1)).unwrap().0.curve(), curve);
    }
    for path in home.secrets() {
        let name = path.parent().unwrap().file_name().unwrap().to_str().unwrap();
        let pem = fs::read_to_string(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
        let secret: String = pem.lines().nth(1).unwrap().chars().skip(24).take(20).collect();
        private_file::write_new(&path, b"another").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), pem, "a key was replaced");
        for mode in [0o640, 0o604, 0o660, 0o644] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = home.keys.signing_key(name, day(1)).unwrap_err();
            assert!(matches!(error, KeyringError::Open { .. }));
            assert!(!said(error).contains(&secret));
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        for broken in [pem.replace("PRIVATE", "RSA PRIVATE"), pem.replacen("\n", "\n!", 1), String::new(), pem.repeat(40)] {
            fs::write(&path, broken).unwrap();
            let error = home.keys.signing_key(name, day(1)).unwrap_err();
            assert!(matches!(error, KeyringError::NotAKey { .. }));
            assert!(!said(error).contains(&secret));
        }
        fs::write(&path, &pem).unwrap();
        let (key, own) = home.keys.signing_key(name, day(1)).unwrap();
        assert!(!format!("{key:?} {own:?}").contains(&secret));
        assert!(!home.keys.registry(day(1)).unwrap().to_text().contains(&secret));
    }
    // Somebody swaps two secrets.
    let (a, c) = (&home.secrets()[0], &home.secrets()[2]);
    fs::copy(c, a).unwrap();
    assert!(matches!(home.keys.signing_key("a", day(1)), Err(KeyringError::NotTheKey { .. })));
    let left = fs::read_dir(home.folder.path().join("keys")).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap());
    assert!(left.into_iter().all(|name| !name.ends_with(".tmp")));
}

#[test]
fn names_that_keys_do_not_have() {
    let home = home();
    for name in ["", "identity", "Release", "a b", "../x", "a/b", ".x", "-x", "é", "0123456789abcdef", &"a".repeat(65)] {
        assert!(matches!(home.create(name, day(0)), Err(KeyringError::Name { .. })), "{name:?}");
    }
    assert!(matches!(home.keys.find("release", day(0)), Err(KeyringError::Unknown { .. })));
    assert!(!home.folder.path().join("keys").exists(), "looking makes nothing");
}

#[test]
fn of_keys_made_at_once_none_is_lost() {
    let home = home();
    std::thread::scope(|scope| {
        for index in 0..8 {
            let home = &home;
            scope.spawn(move || home.create(&format!("key-{index}"), day(0)).unwrap());
        }
        let same: Vec<_> = (0..4).map(|_| scope.spawn(|| home.create("same", day(0)).is_ok())).collect();
        assert_eq!(same.into_iter().filter(|_| true).map(|it| it.join().unwrap()).filter(|made| *made).count(), 1);
    });
    assert_eq!(home.keys.keys(day(0)).unwrap().len(), 9);
}

#[test]
fn a_secret_without_an_entry_is_no_key() {
    let home = home();
    home.create("release", day(0)).unwrap();
    let stray = home.keys.secret_file("other", "0123456789abcdef");
    private_file::write_new(&stray, fs::read(&home.secrets()[0]).unwrap().as_slice()).unwrap();
    assert_eq!(home.keys.keys(day(0)).unwrap().len(), 1);
    assert_eq!(home.keys.strays(day(0)).unwrap(), [stray]);
    assert!(home.keys.signing_key("other", day(0)).is_err());
    home.create("other", day(0)).unwrap();
}

#[test]
fn registries_travel_and_only_grow() {
    let (ours, theirs) = (home(), home());
    theirs.create("release", day(0)).unwrap();
    let document = theirs.sign("release", day(1));
    let export = |at: Moment| {
        let path = theirs.folder.path().join(format!("export-{at}.json"));
        fs::write(&path, theirs.keys.own_registry(at).unwrap().to_text()).unwrap();
        path
    };
    assert_eq!(ours.standing(&document, day(2)), Standing::Unknown);
    let early = export(day(2));
    assert_eq!(ours.keys.import(&early, day(2)).unwrap().added, 1);
    assert_eq!(ours.standing(&document, day(3)), Standing::Good);
    // Ours as of the import: after the key's end nothing can be told any more.
    assert_eq!(ours.standing(&document, day(95)), Standing::Unknown);
    theirs.keys.revoke("release", None, day(5)).unwrap();
    assert_eq!(ours.keys.import(&export(day(6)), day(6)).unwrap().changed, 1);
    assert_eq!(ours.standing(&document, day(7)), Standing::Bad);
    assert_eq!(ours.keys.import(&early, day(8)).unwrap().unchanged, 1);
    assert_eq!(ours.standing(&document, day(9)), Standing::Bad, "an old copy brought a revoked key back");
    // Others' keys are not ours: they do not leave with them, nor can they be revoked here.
    assert!(ours.keys.own_registry(day(9)).unwrap().entries().is_empty());
    assert!(matches!(
        ours.keys.revoke(&theirs.keys.keys(day(9)).unwrap()[0].entry.key_id, None, day(9)),
        Err(KeyringError::Unknown { .. })
    ));
    // A damaged registry is not taken for an empty one.
    let own = theirs.folder.path().join("keys/registry.json");
    let text = fs::read_to_string(&own).unwrap();
    fs::write(&own, &text[..text.len() / 2]).unwrap();
    assert!(matches!(theirs.create("another", day(9)), Err(KeyringError::Registry { .. })));
    assert!(matches!(theirs.keys.registry(day(9)), Err(KeyringError::Registry { .. })));
}
