//! Notifications: the specification's vectors, and everything that is refused.

use codegen::net::Secret;
use codegen::service::webhook::{Accepted, BODY_BYTES_MAX, Delivery, Memory, Mode, Refused, Rules};

const NOW: u64 = 1_767_225_600;
const ID: &str = "11111111-2222-4333-8444-555555555555";
const BODY: &[u8] = br#"{"event":"ontology.changed","version":"1.0.0"}"#;
const DATED: &str = "sha256=935345d2925f0381100f990814c98c954e5f7886714b93e95f0bfe2fb9a4691d";
const BODY_ONLY: &str = "sha256=f754e294b3bef260f2119273a120586dc0c455df295c22899a9287c9606f5f32";

fn rules(mode: Mode) -> Rules {
    Rules { mode, secrets: vec![Secret::new("test-secret").unwrap()], ..Rules::default() }
}

fn delivery<'a>() -> Delivery<'a> {
    Delivery { signature: Some(DATED), timestamp: Some("1767225600"), delivery: Some(ID), body: BODY }
}

#[test]
fn the_vectors_of_the_specification_are_accepted() {
    let Accepted::Event(event) = rules(Mode::Dated).accept(&delivery(), NOW, &mut Memory::default()).unwrap() else { panic!() };
    assert_eq!((event.event.as_str(), event.version.as_deref()), ("ontology.changed", Some("1.0.0")));
    let old = Delivery { signature: Some(BODY_ONLY), timestamp: None, delivery: None, body: BODY };
    assert!(matches!(rules(Mode::BodyOnly).accept(&old, 0, &mut Memory::default()), Ok(Accepted::Event(_))));
    let secret = Secret::new("test-secret").unwrap();
    assert_eq!(rules(Mode::Dated).sign(&secret, Some((NOW, ID)), BODY), DATED);
    assert_eq!(rules(Mode::BodyOnly).sign(&secret, None, BODY), BODY_ONLY);
}

#[test]
fn a_delivery_counts_once() {
    let rules = rules(Mode::Dated);
    let mut memory = Memory::default();
    for _ in 0..2 {
        let news = rules.accept(&delivery(), NOW, &mut memory);
        assert!(matches!(news, Ok(Accepted::Event(_))), "news until what it asks for is kept");
    }
    rules.remember(&delivery(), NOW, &mut memory).unwrap();
    for later in [0, 1, 300] {
        assert_eq!(rules.accept(&delivery(), NOW + later, &mut memory), Ok(Accepted::Duplicate));
    }
    // Sent with a clock ahead, a delivery could be sent again for longest: it is remembered for as long.
    let secret = Secret::new("test-secret").unwrap();
    let ahead = rules.sign(&secret, Some((NOW + 300, ID)), BODY);
    let stamp = (NOW + 300).to_string();
    let early = Delivery { signature: Some(&ahead), timestamp: Some(&stamp), ..delivery() };
    let mut memory = Memory::default();
    assert!(matches!(rules.accept(&early, NOW, &mut memory), Ok(Accepted::Event(_))));
    rules.remember(&early, NOW, &mut memory).unwrap();
    assert_eq!(rules.accept(&early, NOW + 600, &mut memory), Ok(Accepted::Duplicate));
    assert_eq!(rules.accept(&early, NOW + 601, &mut memory), Err(Refused::Window));
}

#[test]
fn what_is_not_a_holders_is_refused() {
    let rules = rules(Mode::Dated);
    let refused = |change: &dyn Fn(&mut Delivery<'static>)| {
        let mut changed = delivery();
        change(&mut changed);
        rules.accept(&changed, NOW, &mut Memory::default()).unwrap_err()
    };
    assert_eq!(refused(&|d| d.body = b"{\"event\":\"ontology.changed\",\"version\":\"1.0.1\"}"), Refused::Signature);
    assert_eq!(refused(&|d| d.signature = Some(BODY_ONLY)), Refused::Signature);
    assert_eq!(refused(&|d| d.timestamp = Some("1767225601")), Refused::Signature, "another time is another signature");
    assert_eq!(refused(&|d| d.delivery = Some("11111111-2222-4333-8444-555555555556")), Refused::Signature);
    for signature in [None, Some(""), Some("sha256="), Some(&DATED[7..]), Some("sha256=93"), Some("sha1=00")] {
        assert!(matches!(refused(&|d| d.signature = signature), Refused::Header { .. }), "{signature:?}");
    }
    let upper: &'static str = Box::leak(DATED.to_uppercase().replace("SHA256", "sha256").into_boxed_str());
    assert!(matches!(refused(&|d| d.signature = Some(upper)), Refused::Header { .. }), "digits are lower case");
    for timestamp in [None, Some(""), Some("-1"), Some("1767225600 "), Some("99999999999999999999")] {
        assert!(matches!(refused(&|d| d.timestamp = timestamp), Refused::Header { .. }), "{timestamp:?}");
    }
    for id in [None, Some(""), Some("1"), Some("11111111-2222-4333-8444-55555555555g"), Some("11111111222243338444555555555555")]
    {
        assert!(matches!(refused(&|d| d.delivery = id), Refused::Header { .. }), "{id:?}");
    }
    assert_eq!(rules.accept(&delivery(), NOW + 301, &mut Memory::default()), Err(Refused::Window));
    assert_eq!(rules.accept(&delivery(), NOW - 301, &mut Memory::default()), Err(Refused::Window));
    let long = vec![b' '; BODY_BYTES_MAX + 1];
    let long = Delivery { body: &long, ..delivery() };
    assert_eq!(rules.accept(&long, NOW, &mut Memory::default()), Err(Refused::TooLong));
    let closed = Rules::default().accept(&delivery(), NOW, &mut Memory::default()).unwrap_err();
    assert_eq!((closed.status(), closed), (500, Refused::NoSecret));
}

#[test]
fn a_signed_body_that_is_none_is_told_and_not_remembered() {
    let rules = rules(Mode::Dated);
    let secret = Secret::new("test-secret").unwrap();
    let mut memory = Memory::default();
    for body in [&b"{"[..], b"[]", b"{}", br#"{"event":"other"}"#, br#"{"event":"ontology.changed","extra":1}"#] {
        let signature = rules.sign(&secret, Some((NOW, ID)), body);
        let sent = Delivery { signature: Some(&signature), body, ..delivery() };
        let refused = rules.accept(&sent, NOW, &mut memory).unwrap_err();
        assert_eq!(refused.status(), 422, "{refused}");
    }
    assert!(matches!(rules.accept(&delivery(), NOW, &mut memory), Ok(Accepted::Event(_))));
}

#[test]
fn two_secrets_count_while_one_follows_another() {
    let mut rules = rules(Mode::Dated);
    rules.secrets.insert(0, Secret::new("next-secret").unwrap());
    assert!(rules.accept(&delivery(), NOW, &mut Memory::default()).is_ok());
    rules.secrets.pop();
    assert_eq!(rules.accept(&delivery(), NOW, &mut Memory::default()), Err(Refused::Signature));
}

#[test]
fn deliveries_are_remembered_over_a_restart_and_no_longer_than_they_count() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store/deliveries");
    let rules = rules(Mode::Dated);
    let mut memory = Memory::open(&file, NOW).unwrap();
    rules.accept(&delivery(), NOW, &mut memory).unwrap();
    rules.remember(&delivery(), NOW, &mut memory).unwrap();
    drop(memory);
    // The machine stopped while the next one was being written.
    let mut text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(text, format!("{NOW} {ID}\n"));
    text.push_str("1767225601 1111");
    std::fs::write(&file, &text).unwrap();
    let mut memory = Memory::open(&file, NOW + 300).unwrap();
    assert_eq!(rules.accept(&delivery(), NOW + 300, &mut memory), Ok(Accepted::Duplicate));
    drop(memory);
    drop(Memory::open(&file, NOW + 601).unwrap());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "", "what counts no more is gone");
    for bad in ["x\n".to_owned(), format!("{NOW}\n"), format!("{NOW} {ID}\n{NOW} 1\n"), format!("-1 {ID}\n")] {
        std::fs::write(&file, &bad).unwrap();
        let error = Memory::open(&file, NOW).unwrap_err().to_string();
        let line = bad.lines().count();
        assert!(error.contains(&format!("line {line}")) && error.contains("move the file away"), "{error}");
    }
}
