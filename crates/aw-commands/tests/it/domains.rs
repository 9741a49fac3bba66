//! The built-in domains together: which stage belongs to whom, and what their schemas take.

use aw_alloy::document::{Document, validate};
use aw_alloy::recipe::{Notation, Recipe, Vocabulary};
use aw_commands::built_in;
use aw_domain::{Executor, RegistryError, StageLookup};
use serde_json::{Value, json};

fn document(domains: Option<Value>, stages: Value) -> Value {
    let mut document =
        json!({"name": "a", "version": "1.0.0", "source": {"baseModel": "m", "architecture": "a"}, "stages": stages});
    if let Some(domains) = domains {
        document["domains"] = domains;
    }
    document
}

/// Code and path of each problem of a document.
fn found(document: &Value) -> Vec<String> {
    let bytes = serde_json::to_vec(document).unwrap();
    let problems = validate(&Document::read(&bytes).unwrap(), &built_in().unwrap());
    problems.iter().map(|problem| format!("{} {}", problem.code, problem.path)).collect()
}

fn signature() -> Value {
    json!({"algorithm": "ES256", "publicKey": "a2V5", "value": "c2ln"})
}

fn photograph() -> Value {
    json!([
        {"type": "capture", "sensorId": "s-1", "gpsHash": format!("sha256:{}", "0".repeat(64)), "exif": {"iso": 100}, "signature": signature()},
        {"type": "edit", "tool": "t", "operation": "crop", "parameters": {"width": 100}, "signature": signature(), "notes": "n"},
        {"type": "publish", "platform": "p", "postId": "1", "qrEmbed": true, "signature": signature()},
    ])
}

fn ticket() -> Value {
    json!([
        {"type": "issued", "venue": "v", "eventId": "e", "seat": "A1", "holder": "h", "issuerSignature": signature(),
            "issuedAt": "2026-01-02T03:04:05Z"},
        {"type": "transferred", "fromHolder": "h", "toHolder": "i", "fromSignature": signature(), "toSignature": signature(),
            "transferredAt": "2026-01-02T03:04:05.5+01:00"},
        {"type": "scanned", "gate": "g", "scannerId": "s", "scannerSignature": signature(), "decision": "deny",
            "scannedAt": "2026-01-02T03:04:05Z"},
    ])
}

#[test]
fn four_domains_are_built_in_and_one_is_the_default() {
    let registry = built_in().unwrap();
    assert_eq!(registry.ids(), ["codegen", "llm-forge", "photo-provenance", "ticketing"]);
    assert_eq!(registry.default_domains(), ["llm-forge"]);
    for (domain, type_byte) in [("codegen", 0xff), ("llm-forge", 0x01), ("photo-provenance", 0xff), ("ticketing", 0xff)] {
        assert_eq!(registry.type_byte(domain), Some(type_byte));
    }
    for domain in ["photo-provenance", "ticketing"] {
        let declared = registry.stage_types(domain).unwrap().all(|stage| matches!(stage.executor, Executor::DeclaredOnly));
        assert!(declared, "{domain}");
    }
    match registry.domain("photo") {
        Err(RegistryError::Unknown { id, registered }) => assert_eq!((id.as_str(), registered), ("photo", registry.ids())),
        _ => panic!("an unknown id was resolved"),
    }
}

#[test]
fn a_stage_belongs_to_the_domains_a_document_declares() {
    let photo = Some(json!(["photo-provenance"]));
    assert!(found(&document(photo.clone(), photograph())).is_empty());
    assert!(found(&document(Some(json!(["ticketing"])), ticket())).is_empty());
    // A document that declares none means llm-forge: known types of other domains are told apart from unknown ones.
    let capture = json!([photograph()[0], {"type": "captures"}]);
    assert_eq!(found(&document(None, capture.clone())), ["undeclared-domain stages[0].type", "unknown-stage stages[1].type"]);
    assert_eq!(found(&document(photo, json!([{"type": "train"}]))), ["undeclared-domain stages[0].type"]);
    // Both have a `publish`: the first declared domain that has it is meant.
    let publish = json!([{"type": "publish", "org": "o"}]);
    assert!(found(&document(Some(json!(["llm-forge", "photo-provenance"])), publish.clone())).is_empty());
    assert!(!found(&document(Some(json!(["photo-provenance", "llm-forge"])), publish)).is_empty());
    let registry = built_in().unwrap();
    let both = ["ticketing".to_owned(), "llm-forge".to_owned()];
    assert!(matches!(registry.stage(&both, "scanned"), StageLookup::Found(_)));
    assert!(matches!(registry.stage(&both, "capture"), StageLookup::Undeclared { domain: "photo-provenance" }));
}

#[test]
fn domains_and_type_bytes_must_be_there_and_fit() {
    for (domains, type_byte, expected) in [
        (json!([]), None, "domains"),
        (json!(["LLM-forge"]), None, "domains[0]"),
        (json!(["photo-provenance", "vision"]), None, "domains[1]"),
        (json!(["photo-provenance"]), Some("0x01"), "typeByte"),
    ] {
        let mut document = document(Some(domains), photograph());
        if let Some(byte) = type_byte {
            document["typeByte"] = json!(byte);
        }
        let found = found(&document);
        assert!(found.iter().any(|it| it.ends_with(&format!(" {expected}"))), "{expected} in {found:?}");
    }
    let mut fits = document(Some(json!(["ticketing"])), ticket());
    fits["typeByte"] = json!("0xFF");
    assert!(found(&fits).is_empty());
}

#[test]
fn each_member_of_the_small_domains_is_held() {
    let cases: [(&str, Value, usize, &str, Option<Value>); 24] = [
        ("photo-provenance", photograph(), 0, "sensorId", None),
        ("photo-provenance", photograph(), 0, "sensorId", Some(json!(""))),
        ("photo-provenance", photograph(), 0, "gpsHash", Some(json!("52.5,13.4"))),
        ("photo-provenance", photograph(), 0, "exif", Some(json!([]))),
        ("photo-provenance", photograph(), 0, "signature", None),
        ("photo-provenance", photograph(), 0, "signature", Some(json!("c2ln"))),
        ("photo-provenance", photograph(), 1, "tool", None),
        ("photo-provenance", photograph(), 1, "operation", None),
        ("photo-provenance", photograph(), 1, "parameters", Some(json!("crop"))),
        ("photo-provenance", photograph(), 2, "platform", None),
        ("photo-provenance", photograph(), 2, "postId", Some(json!(1))),
        ("photo-provenance", photograph(), 2, "qrEmbed", Some(json!("yes"))),
        ("ticketing", ticket(), 0, "venue", None),
        ("ticketing", ticket(), 0, "eventId", None),
        ("ticketing", ticket(), 0, "seat", Some(json!(1))),
        ("ticketing", ticket(), 0, "holder", None),
        ("ticketing", ticket(), 0, "issuerSignature", None),
        ("ticketing", ticket(), 0, "issuedAt", Some(json!("yesterday"))),
        ("ticketing", ticket(), 1, "toHolder", None),
        ("ticketing", ticket(), 1, "fromSignature", None),
        ("ticketing", ticket(), 1, "toSignature", None),
        ("ticketing", ticket(), 1, "transferredAt", None),
        ("ticketing", ticket(), 2, "decision", Some(json!("maybe"))),
        ("ticketing", ticket(), 2, "scannedAt", Some(json!("2026-01-02"))),
    ];
    for (domain, mut stages, index, member, value) in cases {
        let stage = stages[index].as_object_mut().unwrap();
        match value {
            Some(value) => stage.insert(member.into(), value),
            None => stage.remove(member),
        };
        let found = found(&document(Some(json!([domain])), stages));
        // The core may say the same of a time or a hash; nothing else may be said.
        let expected = format!(" stages[{index}].{member}");
        assert!(!found.is_empty() && found.iter().all(|it| it.ends_with(&expected)), "{domain} {member}: {found:?}");
    }
}

/// Declared stages parse in recipes; only planning says that they cannot run.
#[test]
fn recipes_of_the_small_domains_parse() {
    let registry = built_in().unwrap();
    for (domain, stages) in [("photo-provenance", photograph()), ("ticketing", ticket())] {
        let text = serde_json::to_vec(&document(Some(json!([domain])), stages)).unwrap();
        assert_eq!(Recipe::read(&text, Notation::Json, &registry).unwrap().stages().len(), 3);
        let mut alone = document(Some(json!([domain])), Value::Null);
        alone.as_object_mut().unwrap().remove("stages");
        alone["target"] = json!({"domain": "code"});
        let problems = Recipe::read(&serde_json::to_vec(&alone).unwrap(), Notation::Json, &registry).unwrap_err();
        assert_eq!((problems.len(), problems[0].code, problems[0].path.as_str()), (1, "not-derivable", "target"));
    }
}
