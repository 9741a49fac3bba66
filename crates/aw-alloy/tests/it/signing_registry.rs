//! Keys in time: registered, rotated, revoked, expired; and what a registry takes in.

use aw_alloy::Moment;
use aw_alloy::signing::{
    Algorithm, Attestation, Checked, Curve, Expected, KEY_LIFE_SECONDS, KeyEntry, KeyRegistry, MergeError, SigningKey, Standing,
    base64, sign, verify,
};
use aw_alloy::text::{Node, Object};
use serde_json::{Value, json};

const DAY: i64 = 86_400;

/// Day `days` of the story, which begins on 2026-01-01.
fn day(days: i64) -> Moment {
    Moment::read("2026-01-01T00:00:00Z").unwrap().after(days * DAY)
}

fn key(secret: u8) -> SigningKey {
    SigningKey::from_secret(Curve::P256, &[secret; 32]).unwrap()
}

fn entry(key: &SigningKey, from: Moment) -> KeyEntry {
    KeyEntry {
        key_id: key.public().id(),
        algorithm: Algorithm::Es256,
        public_key: base64::standard(&key.public().to_der()),
        owner: "tests".into(),
        registered_at: from,
        expires_at: from.after(KEY_LIFE_SECONDS),
        revoked_at: None,
        superseded_by: None,
        superseded_at: None,
        registration_authority: "tests".into(),
        revocation_reason: None,
        as_of: None,
        more: Object::new(),
    }
}

fn registry(keys: &[&SigningKey]) -> KeyRegistry {
    let mut registry = KeyRegistry::default();
    keys.iter().for_each(|key| registry.add(entry(key, day(0))).unwrap());
    registry
}

fn signed(key: &SigningKey, at: Moment) -> Node {
    let mut document = Node::from_serde(&json!({"name": "cup", "source": {"baseModel": "clay"}, "stages": [{"type": "fire"}]}));
    sign(&mut document, &Attestation { key, at, nonce: None, audience: None }).unwrap();
    document
}

fn check(document: &Node, registry: &KeyRegistry, now: Moment) -> Checked {
    verify(document, &Expected { registry: Some(registry), audience: None, nonce: None, now })
}

fn edited(document: &Node, change: impl FnOnce(&mut Value)) -> Node {
    let mut value = document.to_serde();
    change(&mut value);
    Node::from_serde(&value)
}

#[test]
fn a_revoked_key_counts_never() {
    let key = key(1);
    let mut registry = registry(&[&key]).as_of(day(20));
    let before = signed(&key, day(1));
    assert_eq!(check(&before, &registry, day(20)).standing, Standing::Good);
    registry.revoke(&key.public().id(), day(10), Some("lost")).unwrap();
    for at in [0, 1, 9, 10, 11, 89] {
        let checked = check(&signed(&key, day(at)), &registry, day(89));
        assert_eq!(checked.standing, Standing::Bad);
        assert!(checked.findings[0].message.contains("lost"), "{}", checked.findings[0].message);
    }
    let id = key.public().id();
    assert!(matches!(registry.revoke(&id, day(11), None), Err(MergeError::Revoked { .. })));
    assert!(matches!(registry.supersede(&id, "x", day(11)), Err(MergeError::Revoked { .. })));
    assert!(matches!(registry.add(entry(&key, day(12))), Err(MergeError::Conflict { .. })), "a revoked key comes back");
    assert!(matches!(registry.revoke("0", day(11), None), Err(MergeError::Unknown { .. })));
}

#[test]
fn a_superseded_key_counts_for_what_it_signed_before() {
    let (old, new) = (key(1), key(2));
    let mut registry = registry(&[&old, &new]).as_of(day(50));
    registry.supersede(&old.public().id(), &new.public().id(), day(30)).unwrap();
    let standing = |key: &SigningKey, at: Moment| check(&signed(key, at), &registry, day(50)).standing;
    assert_eq!(standing(&old, day(29)), Standing::Good);
    assert_eq!(standing(&old, Moment::read("2026-01-30T23:59:59.999Z").unwrap()), Standing::Good);
    assert_eq!(standing(&old, day(30)), Standing::Bad);
    assert_eq!(standing(&old, day(31)), Standing::Bad);
    assert_eq!(standing(&new, day(31)), Standing::Good);
    let again = registry.clone().supersede(&old.public().id(), "x", day(31));
    assert!(matches!(again, Err(MergeError::Superseded { .. })));

    // Without the instant it cannot be told.
    let mut value: Value = serde_json::from_str(&registry.to_text()).unwrap();
    value["keys"][0].as_object_mut().unwrap().remove("supersededAt");
    let unresolved = KeyRegistry::read(value.to_string().as_bytes()).unwrap();
    assert_eq!(check(&signed(&old, day(1)), &unresolved, day(50)).standing, Standing::Unknown);
    // Revocation comes first, whatever else is so.
    let mut both = registry.clone();
    both.revoke(&new.public().id(), day(40), None).unwrap();
    assert_eq!(check(&signed(&new, day(35)), &both, day(50)).standing, Standing::Bad);
}

#[test]
fn a_key_counts_in_its_time() {
    let key = key(1);
    let standing = |attested: Moment, as_of: Option<Moment>, now: Moment| {
        let registry = registry(&[&key]);
        let registry = as_of.into_iter().fold(registry, KeyRegistry::as_of);
        check(&signed(&key, attested), &registry, now).standing
    };
    assert_eq!(standing(day(-1), Some(day(1)), day(1)), Standing::Bad);
    assert_eq!(standing(day(0), Some(day(1)), day(1)), Standing::Good);
    assert_eq!(standing(day(90), Some(day(90)), day(90)), Standing::Good);
    assert_eq!(standing(day(91), Some(day(92)), day(92)), Standing::Bad);
    // Signed in time, checked after the key's end: only a registry of after that end can know of a revocation.
    assert_eq!(standing(day(1), Some(day(91)), day(100)), Standing::Good);
    assert_eq!(standing(day(1), Some(day(90)), day(100)), Standing::Unknown);
    assert_eq!(standing(day(1), None, day(100)), Standing::Unknown);
    assert_eq!(standing(day(1), None, day(50)), Standing::Good);
    // From the future, beyond what clocks differ.
    assert_eq!(standing(day(2), Some(day(1)), day(1)), Standing::Unknown);
    assert_eq!(standing(day(1).after(200), Some(day(1)), day(1)), Standing::Good);
}

#[test]
fn without_an_instant_of_its_own_a_signature_cannot_be_ordered() {
    let (old, new) = (key(1), key(2));
    let mut registry = registry(&[&old, &new]).as_of(day(50));
    registry.supersede(&old.public().id(), &new.public().id(), day(30)).unwrap();
    for key in [&old, &new] {
        for attested_at in [json!(null), json!("yesterday")] {
            let document = edited(&signed(key, day(1)), |it| {
                it["integrity"]["attestedAt"] = attested_at.clone();
            });
            // Signed anew over the edited payload, so that nothing else is wrong.
            let digest = aw_alloy::signing::payload_digest(&document).unwrap();
            let document = edited(&document, |it| {
                it["integrity"]["signature"]["value"] = json!(base64::standard(&key.sign(digest.as_bytes())));
            });
            assert_eq!(check(&document, &registry, day(50)).standing, Standing::Unknown);
        }
    }
}

#[test]
fn the_registered_key_is_the_one_that_counts() {
    let (mine, other) = (key(1), key(2));
    let document = signed(&other, day(1));
    // The thief's key under the owner's id.
    let stolen = edited(&document, |it| it["integrity"]["signature"]["keyId"] = json!(mine.public().id()));
    assert_eq!(check(&stolen, &registry(&[&mine]), day(1)).standing, Standing::Bad);
    assert_eq!(check(&stolen, &registry(&[&mine, &other]), day(1)).standing, Standing::Bad);
    assert_eq!(check(&document, &registry(&[&mine]), day(1)).standing, Standing::Unknown);
    assert_eq!(check(&document, &registry(&[&mine, &other]), day(1)).standing, Standing::Good);
}

#[test]
fn a_registry_is_written_and_read_with_everything_in_it() {
    let (old, new) = (key(1), key(2));
    let mut registry = registry(&[&old, &new]).as_of(day(5));
    registry.supersede(&old.public().id(), &new.public().id(), day(3)).unwrap();
    registry.revoke(&new.public().id(), day(4), Some("test \u{e9}")).unwrap();
    let mut value: Value = serde_json::from_str(&registry.to_text()).unwrap();
    let members: Vec<&str> = value["keys"][0].as_object().unwrap().keys().map(String::as_str).collect();
    let expected = [
        "keyId",
        "algorithm",
        "publicKey",
        "owner",
        "registeredAt",
        "expiresAt",
        "revokedAt",
        "supersededBy",
        "registrationAuthority",
        "supersededAt",
    ];
    assert_eq!(members, expected);
    value["keys"][0]["contact"] = json!({"mail": 1});
    let read = KeyRegistry::read(value.to_string().as_bytes()).unwrap();
    let again: Value = serde_json::from_str(&read.to_text()).unwrap();
    assert_eq!(again, value, "a member was lost");
    assert_eq!(KeyRegistry::read(registry.to_text().as_bytes()).unwrap(), registry);
}

#[test]
fn a_registry_that_is_wrong_says_where() {
    let good: Value = serde_json::from_str(&registry(&[&key(1)]).as_of(day(0)).to_text()).unwrap();
    let paths = |change: &dyn Fn(&mut Value)| {
        let mut value = good.clone();
        change(&mut value);
        let problems = KeyRegistry::read(value.to_string().as_bytes()).unwrap_err();
        problems.into_iter().map(|problem| problem.path).collect::<Vec<_>>()
    };
    for name in [
        "keyId",
        "algorithm",
        "publicKey",
        "owner",
        "registeredAt",
        "expiresAt",
        "revokedAt",
        "supersededBy",
        "registrationAuthority",
    ] {
        let gone = paths(&|it| drop(it["keys"][0].as_object_mut().unwrap().remove(name)));
        assert!(gone.contains(&format!("keys[0].{name}")), "{name}: {gone:?}");
        let wrong = paths(&|it| it["keys"][0][name] = json!(1));
        assert!(wrong.contains(&format!("keys[0].{name}")), "{name}: {wrong:?}");
    }
    // A member that only looks like the one that is asked for.
    assert_eq!(
        paths(&|it| {
            let entry = it["keys"][0].as_object_mut().unwrap();
            let revoked = entry.remove("revokedAt").unwrap();
            entry.insert("rev\u{43e}kedAt".into(), revoked);
        }),
        ["keys[0].revokedAt"]
    );
    assert_eq!(paths(&|it| it["keys"][0]["registeredAt"] = json!("today")), ["keys[0].registeredAt"]);
    assert_eq!(paths(&|it| it["keys"][0]["expiresAt"] = it["keys"][0]["registeredAt"].clone()), ["keys[0].expiresAt"]);
    assert_eq!(paths(&|it| it["keys"][0]["algorithm"] = json!("EdDSA")), ["keys[0].publicKey"]);
    assert_eq!(paths(&|it| it["keys"][0]["publicKey"] = json!("AAAA")), ["keys[0].publicKey"]);
    assert_eq!(paths(&|it| it["keys"][0]["supersededAt"] = json!("2026-01-01T00:00:00Z")), ["keys[0].supersededBy"]);
    let twice = paths(&|it| {
        let entry = it["keys"][0].clone();
        it["keys"].as_array_mut().unwrap().push(entry);
    });
    assert_eq!(twice, ["keys[1].keyId"]);
    assert_eq!(paths(&|it| it["key"] = json!([])), ["key"]);
    assert_eq!(paths(&|it| drop(it.as_object_mut().unwrap().remove("asOf"))), ["asOf"]);
    assert_eq!(paths(&|it| it["asOf"] = json!(null)), ["asOf"]);
    assert_eq!(paths(&|it| it["asOf"] = json!("now")), ["asOf"]);
    assert_eq!(paths(&|it| *it = json!([])), [""]);
    assert_eq!(paths(&|it| it["keys"] = json!({})), ["keys"]);
    assert_eq!(paths(&|it| it["keys"] = json!([1])), ["keys[0]"]);
    assert!(KeyRegistry::read(br#"{"asOf": "2026-01-01T00:00:00Z", "keys": [], "keys": []}"#).is_err());
    // A key of an algorithm that is only reserved is kept.
    let mut reserved = good.clone();
    reserved["keys"][0]["algorithm"] = json!("ML-DSA-65");
    reserved["keys"][0]["publicKey"] = json!("whatever it will be");
    assert!(KeyRegistry::read(reserved.to_string().as_bytes()).is_ok());
}

#[test]
fn what_is_known_of_a_key_only_grows() {
    let (old, new) = (key(1), key(2));
    let known = registry(&[&old]).as_of(day(1));
    let mut news = registry(&[&old, &new]).as_of(day(9));
    news.supersede(&old.public().id(), &new.public().id(), day(3)).unwrap();
    news.revoke(&new.public().id(), day(4), None).unwrap();
    let mut mine = known.clone();
    let merged = mine.merge(&news).unwrap();
    assert_eq!((merged.added, merged.changed, merged.unchanged), (1, 1, 0));
    let whole = mine.clone();
    // Old copies bring nothing back.
    for older in [&known, &registry(&[&old, &new]), &news] {
        let merged = mine.merge(older).unwrap();
        assert_eq!((merged.added, merged.changed), (0, 0));
        assert_eq!(mine, whole);
    }
    assert!(mine.get(&new.public().id()).unwrap().revoked_at.is_some());
    // The order of copies does not matter.
    let mut reversed = news.clone();
    reversed.merge(&known).unwrap();
    for id in [old.public().id(), new.public().id()] {
        let strip = |entry: &KeyEntry| KeyEntry { as_of: None, ..entry.clone() };
        assert_eq!(strip(reversed.get(&id).unwrap()), strip(mine.get(&id).unwrap()));
    }
    // Somebody else's key under a known id changes nothing at all.
    let mut forged: Value = serde_json::from_str(&registry(&[&new, &old]).as_of(day(1)).to_text()).unwrap();
    forged["keys"][1]["publicKey"] = json!(base64::standard(&key(3).public().to_der()));
    let forged = KeyRegistry::read(forged.to_string().as_bytes()).unwrap();
    let mut victim = known.clone();
    assert!(matches!(victim.merge(&forged), Err(MergeError::Conflict { member: "publicKey", .. })));
    assert_eq!(victim, known);
}
