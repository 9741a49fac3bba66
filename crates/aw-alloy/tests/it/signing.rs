//! `integrity.signature` against signatures made by others, and against everything that could be taken for one.
//!
//! The documents of `spec/vectors/signature/cases.json` were signed by OpenSSL, their payloads made by Python: see `make.py` there.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use aw_alloy::Moment;
use aw_alloy::artifact::Severity;
use aw_alloy::keys::SecretKey;
use aw_alloy::signing::{
    Algorithm, Attestation, Curve, Expected, KeyRegistry, SigningKey, Standing, VerificationKey, base64, payload, payload_digest,
    sign, verify,
};
use aw_alloy::text::{Limits, Node, canonical, json as json_text};
use serde_json::{Value, json};

use crate::cups;

struct Cases {
    all: Value,
    registry: KeyRegistry,
    now: Moment,
}

impl Cases {
    fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/vectors/signature/cases.json");
        let all: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let registry = KeyRegistry::read(&serde_json::to_vec(&all["registry"]).unwrap()).unwrap();
        let now = Moment::read(all["now"].as_str().unwrap()).unwrap();
        Self { all, registry, now }
    }

    fn expected(&self) -> Expected<'_> {
        Expected { registry: Some(&self.registry), audience: None, nonce: None, now: self.now }
    }

    fn document(&self, name: &str) -> Node {
        let case = self.all["cases"].as_array().unwrap().iter().find(|case| case["name"] == name).unwrap();
        Node::from_serde(&case["document"])
    }

    fn key(&self, name: &str) -> SigningKey {
        SigningKey::from_pem(self.all["testKeys"][name]["testKey"].as_str().unwrap()).unwrap()
    }
}

/// Why a signature is not good, in one text.
fn why(checked: &aw_alloy::signing::Checked) -> String {
    checked.findings.iter().map(|finding| finding.message.clone()).collect::<Vec<_>>().join("; ")
}

fn edit(node: &Node, change: impl FnOnce(&mut Value)) -> Node {
    let mut value = node.to_serde();
    change(&mut value);
    Node::from_serde(&value)
}

#[test]
fn signatures_made_by_openssl_are_judged_as_they_should_be() {
    let cases = Cases::read();
    let mut judged = BTreeSet::new();
    for case in cases.all["cases"].as_array().unwrap() {
        let checked = verify(&Node::from_serde(&case["document"]), &cases.expected());
        let expected = match case["verdict"].as_str().unwrap() {
            "good" => Standing::Good,
            "bad" => Standing::Bad,
            _ => Standing::Unknown,
        };
        assert_eq!(checked.standing, expected, "{}: {}", case["name"], why(&checked));
        assert_eq!(checked.findings.is_empty(), expected == Standing::Good, "{}", case["name"]);
        judged.insert(case["verdict"].as_str().unwrap());
    }
    assert_eq!(judged.len(), 3);
    assert!(cases.all["cases"].as_array().unwrap().len() > 80);
}

#[test]
fn without_a_registry_nothing_is_good_and_bad_stays_bad() {
    let cases = Cases::read();
    for case in cases.all["cases"].as_array().unwrap() {
        let document = Node::from_serde(&case["document"]);
        let checked = verify(&document, &Expected { registry: None, ..cases.expected() });
        let lone = case["name"] == "another key carried" || case["name"] == "another key signed and named";
        match case["verdict"].as_str().unwrap() {
            "bad" if !lone => assert_eq!(checked.standing, Standing::Bad, "{}", case["name"]),
            "good" => {
                assert_eq!(checked.standing, Standing::Unknown, "{}", case["name"]);
                assert!(why(&checked).contains("revocation was not checked"), "{}", why(&checked));
            }
            _ => assert_ne!(checked.standing, Standing::Good, "{}", case["name"]),
        }
    }
}

#[test]
fn the_payload_is_the_rules() {
    let cases = Cases::read();
    let document = cases.document("ES256, standard base64");
    let bytes = canonical::to_bytes(&payload(&document).unwrap()).unwrap();
    let hash = |digit: &str| format!("sha256:{}", digit.repeat(64));
    let alloy_hash = document.get("integrity").and_then(|it| it.get("alloyHash")).and_then(Node::as_str).unwrap();
    let nonce = document.get("integrity").and_then(|it| it.get("nonce")).and_then(Node::as_str).unwrap();
    let expected = format!(
        r#"{{"alloyHash":"{alloy_hash}","attestedAt":"2026-05-03T03:09:37.123Z","audience":"https://verifier.example","benchmarkResults":{{"größe é 😀":{{"score":0.1}},"humaneval":{{"baseScore":88.4,"metric":"pass@1","resultHash":"{}","score":85}},"perplexity":[{{"metric":null,"score":12,"subset":"code"}},{{"score":1e-7,"subset":"prose"}}]}},"codeHash":"{}","datasetHashes":["{}","{}"],"modelHash":"{}","nonce":"{nonce}"}}"#,
        hash("1"),
        hash("2"),
        hash("4"),
        hash("5"),
        hash("3"),
    );
    assert_eq!(String::from_utf8(bytes).unwrap(), expected);
    let bare = Node::from_serde(
        &json!({"name": "x", "integrity": {"nonce": null, "datasets": [], "code": {}}, "results": {"benchmarks": []}}),
    );
    let bytes = canonical::to_bytes(&payload(&bare).unwrap()).unwrap();
    assert_eq!(String::from_utf8(bytes).unwrap(), r#"{"benchmarkResults":{},"datasetHashes":[],"nonce":null}"#);
    assert_eq!(canonical::to_bytes(&payload(&Node::from_serde(&json!({"name": "x"}))).unwrap()).unwrap(), b"{}");
}

#[test]
fn what_keeps_a_payload_from_being_made_is_named() {
    let document = json!({
        "integrity": {"alloyHash": 1, "audience": [], "code": {"binaryHash": {}}, "datasets": [{"hash": 1}, {}, 3]},
        "results": {"benchmarks": [{"score": 1}, {"name": 3}, 4]},
    });
    let problems = payload(&Node::from_serde(&document)).unwrap_err();
    let paths: Vec<&str> = problems.iter().map(|problem| problem.path.as_str()).collect();
    let expected = [
        "integrity.alloyHash",
        "integrity.audience",
        "integrity.code.binaryHash",
        "integrity.datasets[0].hash",
        "integrity.datasets[1].hash",
        "integrity.datasets[2].hash",
        "results.benchmarks[0].name",
        "results.benchmarks[1].name",
        "results.benchmarks[2].name",
    ];
    assert_eq!(paths, expected);
    let paths = |document: Value| {
        let problems = payload(&Node::from_serde(&document)).unwrap_err();
        problems.into_iter().map(|problem| problem.path).collect::<Vec<_>>()
    };
    assert_eq!(
        paths(json!({"integrity": {"datasets": {}}, "results": {"benchmarks": "x"}})),
        ["integrity.datasets", "results.benchmarks"]
    );
    let twice = json!({"integrity": {"signature": {}}, "results": {"integrity": {"signature": {}}}});
    assert_eq!(paths(twice), ["results.integrity.signature"]);
}

/// A text with the same member twice, or with a number that readers disagree on, never comes to be signed or checked.
#[test]
fn texts_that_readers_disagree_on_are_not_read() {
    let cases = Cases::read();
    let text = json_text::compact(&cases.document("ES256, standard base64"));
    assert!(json_text::parse(text.as_bytes(), &Limits::DOCUMENT).is_ok());
    for (from, to) in [
        (r#""modelHash":"#, r#""modelHash":"sha256:0","modelHash":"#),
        (r#""score":85.0"#, r#""score":85.0,"score":99.0"#),
        (r#""value":"#, r#""value":"AAAA","value":"#),
        (r#""algorithm":"#, r#""alg\u006frithm":"none","algorithm":"#),
        (r#""score":85.0"#, r#""score":9007199254740993"#),
        (r#""score":85.0"#, r#""score":1e400"#),
        (r#""score":85.0"#, r#""score":NaN"#),
    ] {
        assert!(text.contains(from), "{from}");
        assert!(json_text::parse(text.replacen(from, to, 1).as_bytes(), &Limits::DOCUMENT).is_err(), "{to}");
    }
    // A program can build what no text can hold; it cannot be signed either.
    let document =
        edit(&cases.document("ES256, standard base64"), |it| it["results"]["benchmarks"][0]["score"] = json!(1_u64 << 53));
    assert_eq!(payload_digest(&document).unwrap_err()[0].code, "integer-range");
    assert_eq!(verify(&document, &cases.expected()).standing, Standing::Bad);
}

#[test]
fn nonce_and_audience_bind_to_who_asks() {
    let cases = Cases::read();
    let document = cases.document("EdDSA, standard base64");
    let nonce = base64::read(document.get("integrity").and_then(|it| it.get("nonce")).and_then(Node::as_str).unwrap()).unwrap();
    let check = |document: &Node, nonce: Option<&[u8]>, audience: Option<&str>| {
        verify(document, &Expected { nonce, audience, ..cases.expected() })
    };
    let both = check(&document, Some(&nonce), Some("https://verifier.example"));
    assert_eq!((both.standing, both.owner.as_deref()), (Standing::Good, Some("tests")));
    assert_eq!(both.notes.len(), 1, "{:?}", both.notes);
    assert_eq!(check(&document, None, None).notes.len(), 3);
    for audience in
        ["https://verifier.example/", "https://VERIFIER.example", "http://verifier.example", "https://verifier.example:443", ""]
    {
        assert_eq!(check(&document, Some(&nonce), Some(audience)).standing, Standing::Bad, "{audience}");
    }
    let mut other = nonce.clone();
    other[31] ^= 1;
    for nonce in [&other[..], &nonce[..31], &[nonce.as_slice(), &[0]].concat(), &[]] {
        assert_eq!(check(&document, Some(nonce), None).standing, Standing::Bad);
    }
    let bare = cases.document("minimal document");
    assert_eq!(check(&bare, None, None).standing, Standing::Good);
    assert_eq!(check(&bare, Some(&nonce), None).standing, Standing::Bad);
    assert_eq!(check(&bare, None, Some("https://verifier.example")).standing, Standing::Bad);
    let unsigned = edit(&document, |it| drop(it["integrity"].as_object_mut().unwrap().remove("signature")));
    assert_eq!(check(&unsigned, Some(&nonce), None).standing, Standing::Bad);
    assert_eq!(check(&unsigned, None, Some("https://verifier.example")).standing, Standing::Bad);
    assert_eq!(check(&unsigned, None, None).standing, Standing::Unknown);
    let asked_nothing = Expected { registry: None, ..cases.expected() };
    assert_eq!(verify(&unsigned, &asked_nothing).standing, Standing::Absent);
}

/// Links and seals are signed for a purpose that stands in front of the message; an attestation is over 32 bytes with nothing in front.
#[test]
fn a_signature_of_the_chain_is_no_attestation_and_the_reverse() {
    let cases = Cases::read();
    let document = cases.document("EdDSA, standard base64");
    let digest = payload_digest(&document).unwrap();
    // The worst case: the same key in both roles.
    let bytes = [7; 32];
    let (identity, key) = (SecretKey::from_bytes(&bytes), SigningKey::from_secret(Curve::Ed25519, &bytes).unwrap());
    for context in ["alloyworks.link.v1", "alloyworks.seal.v1", ""] {
        let signature = identity.sign(context, digest.as_bytes());
        let value = aw_alloy::digest::from_hex(&signature.value).unwrap();
        assert!(!key.public().accepts(digest.as_bytes(), &value), "{context}");
        let attested = aw_alloy::keys::Signature { value: aw_alloy::digest::to_hex(&key.sign(digest.as_bytes())), ..signature };
        let verdict = attested.verify(context, digest.as_bytes());
        assert!(matches!(verdict, aw_alloy::keys::SignatureVerdict::Bad(_)), "{context}");
    }
    // The seal of an artifact, taken over as its attestation.
    let artifact = cups::artifact(
        "name: cup\nversion: 1.0.0\nsource: {baseModel: clay, architecture: stoneware}\nstages:\n  - {type: fire}\n",
        vec![cups::entry("clay", b"clay")],
        vec![cups::Did::default()],
        None,
    );
    let seal = artifact.seal_member().unwrap().signature;
    let seal_value = aw_alloy::digest::from_hex(&seal.value).unwrap();
    let mut node = artifact.node().clone();
    let attestation = Attestation { key: &cases.key("EdDSA"), at: cases.now, nonce: None, audience: None };
    sign(&mut node, &attestation).unwrap();
    assert_eq!(verify(&node, &cases.expected()).standing, Standing::Good);
    let taken = edit(&node, |it| {
        let public = aw_alloy::digest::from_hex(&seal.public_key).unwrap();
        let spki = [&aw_alloy::digest::from_hex("302a300506032b6570032100").unwrap()[..], &public].concat();
        it["integrity"]["signature"]["publicKey"] = json!(base64::standard(&spki));
        it["integrity"]["signature"]["value"] = json!(base64::standard(&seal_value));
    });
    assert_eq!(verify(&taken, &cases.expected()).standing, Standing::Bad);
}

/// The same bytes under every other name of an algorithm: never good.
#[test]
fn no_signature_is_good_under_another_algorithm() {
    let cases = Cases::read();
    for name in ["ES256", "ES384", "EdDSA"] {
        let document = cases.document(&format!("{name}, standard base64"));
        let others = Algorithm::IN_USE.into_iter().chain(Algorithm::RESERVED).map(|it| it.name().to_owned());
        let spellings =
            ["", "es256", "Es256", "eddsa", "EDDSA", "Ed25519", "ES512", "ES256\0", "HS256", "none"].map(str::to_owned);
        for other in others.chain(spellings).filter(|other| other != name) {
            let document = edit(&document, |it| it["integrity"]["signature"]["algorithm"] = json!(other));
            let checked = verify(&document, &cases.expected());
            let in_use = Algorithm::IN_USE.iter().any(|it| it.name() == other);
            let expected = if in_use { Standing::Bad } else { Standing::Unknown };
            assert_eq!(checked.standing, expected, "{name} as {other}");
        }
        // Nor where the registry has it so, too.
        let mut registry = cases.all["registry"].clone();
        for entry in registry["keys"].as_array_mut().unwrap() {
            entry["algorithm"] = json!("ML-DSA-65");
        }
        let registry = KeyRegistry::read(registry.to_string().as_bytes()).unwrap();
        assert_eq!(verify(&document, &Expected { registry: Some(&registry), ..cases.expected() }).standing, Standing::Bad);
    }
}

#[test]
fn what_we_sign_is_good_and_repeats() {
    let cases = Cases::read();
    let nonce = base64::url(&[9; 16]);
    for name in ["ES256", "ES384", "EdDSA"] {
        let key = cases.key(name);
        let unsigned = edit(&cases.document("minimal document"), |it| drop(it.as_object_mut().unwrap().remove("integrity")));
        let attestation = Attestation { key: &key, at: cases.now, nonce: Some(&nonce), audience: Some("https://a.example") };
        let mut document = unsigned.clone();
        sign(&mut document, &attestation).unwrap();
        let expected = Expected { nonce: Some(&[9; 16]), audience: Some("https://a.example"), ..cases.expected() };
        let checked = verify(&document, &expected);
        assert_eq!(checked.standing, Standing::Good, "{name}: {}", why(&checked));
        assert_eq!(checked.key_id.as_deref(), cases.all["testKeys"][name]["keyId"].as_str());
        // The same letters in another spelling are another audience.
        let mut spelled = unsigned.clone();
        sign(&mut spelled, &Attestation { audience: Some("https://caf\u{e9}.example"), ..attestation }).unwrap();
        for (audience, standing) in
            [("https://caf\u{e9}.example", Standing::Good), ("https://cafe\u{301}.example", Standing::Bad)]
        {
            assert_eq!(verify(&spelled, &Expected { audience: Some(audience), ..cases.expected() }).standing, standing);
        }
        let mut again = unsigned.clone();
        sign(&mut again, &attestation).unwrap();
        assert_eq!(document, again, "RFC 6979 and RFC 8032 leave nothing to chance");
        let before = document.clone();
        assert_eq!(sign(&mut document, &attestation).unwrap_err()[0].code, "signed-already");
        assert_eq!(document, before);
        let mut short = unsigned.clone();
        let nonce = base64::url(&[9; 15]);
        assert_eq!(sign(&mut short, &Attestation { nonce: Some(&nonce), ..attestation }).unwrap_err()[0].path, "nonce");
        assert_eq!(sign(&mut short, &Attestation { audience: Some("a\nb"), ..attestation }).unwrap_err()[0].path, "audience");
        assert_eq!(short, unsigned);
        let mut stale = edit(&unsigned, |it| it["integrity"] = json!({"alloyHash": "sha256:0"}));
        assert_eq!(sign(&mut stale, &attestation).unwrap_err()[0].path, "integrity.alloyHash");
    }
}

#[test]
fn trust_levels_are_claims() {
    let cases = Cases::read();
    let document = cases.document("ES256, standard base64");
    for (level, chain, word) in [
        ("self-attested", json!([]), None),
        ("verified", json!([]), Some("no certificate chain")),
        ("verified", json!(["-----BEGIN CERTIFICATE-----"]), Some("not checked here")),
        ("enclave", json!([]), Some("trusted hardware")),
        ("Verified", json!([]), Some("no such level")),
    ] {
        let claimed = edit(&document, |it| {
            it["integrity"]["trustLevel"] = json!(level);
            it["integrity"]["signature"]["certificateChain"] = chain.clone();
        });
        let checked = verify(&claimed, &cases.expected());
        assert_eq!(checked.standing, Standing::Good, "the level is outside the signed payload");
        match word {
            None => assert!(checked.findings.is_empty()),
            Some(word) => {
                assert!(why(&checked).contains("claimed, not proven") && why(&checked).contains(word), "{}", why(&checked));
                assert_eq!(checked.findings[0].severity, Severity::Unknown);
            }
        }
    }
}

/// Keys are read in the forms other programs write and in no others; a secret is in no message.
#[test]
fn forms_of_keys() {
    let cases = Cases::read();
    for name in ["ES256", "ES384", "EdDSA"] {
        let key = cases.key(name);
        let again = SigningKey::from_pem(&key.to_pem()).unwrap();
        assert_eq!(again.public(), key.public());
        assert_eq!(key.curve().algorithm().name(), name);
        let public = key.public();
        let der = public.to_der();
        for text in [public.to_pem(), base64::standard(&der), base64::url(&der)] {
            assert_eq!(VerificationKey::read(&text).unwrap(), public);
        }
        assert!(VerificationKey::from_der(&[&der[..], &[0]].concat()).is_err());
        assert!(VerificationKey::from_der(&der[..der.len() - 1]).is_err());
        assert!(VerificationKey::read(&key.to_pem()).is_err(), "a secret key is no public key");
        assert!(SigningKey::from_pem(&public.to_pem()).is_err());
        let secret: String = key.to_pem().lines().nth(1).unwrap().chars().skip(40).take(20).collect();
        let pem = key.to_pem().replace("PRIVATE", "ENCRYPTED PRIVATE");
        let error = format!("{0:?} {0} {key:?}", SigningKey::from_pem(&pem).unwrap_err());
        assert!(!error.contains(&secret));
        for broken in [key.to_pem().replace("-----END", "----END"), format!("{}x", key.to_pem().as_str()), "x".repeat(5000)] {
            assert!(SigningKey::from_pem(&broken).is_err());
        }
    }
    assert!(SigningKey::from_secret(Curve::P256, &[0; 32]).is_err());
    assert!(SigningKey::from_secret(Curve::P256, &[255; 32]).is_err());
    assert!(SigningKey::from_secret(Curve::P384, &[1; 32]).is_err());
    // A point of small order: every message would have a signature.
    let weak = [&aw_alloy::digest::from_hex("302a300506032b6570032100").unwrap()[..], &[0; 32]].concat();
    assert!(VerificationKey::from_der(&weak).is_err());
}

/// RFC 6979, A.2.5 and A.2.6: the signatures of `sample` and `test` with SHA-256 and SHA-384.
#[test]
fn rfc_6979() {
    let hex = |text: &str| aw_alloy::digest::from_hex(&text.to_lowercase()).unwrap();
    let p256 = "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721";
    let p384 = "6B9D3DAD2E1B8C1C05B19875B6659F4DE23C3B667BF297BA9AA47740787137D896D5724E4C70A825F872C9EA60D2EDF5";
    for (curve, secret, message, r, s) in [
        (
            Curve::P256,
            p256,
            "sample",
            "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716",
            "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8",
        ),
        (
            Curve::P256,
            p256,
            "test",
            "F1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367",
            "019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083",
        ),
        (
            Curve::P384,
            p384,
            "sample",
            "94EDBB92A5ECB8AAD4736E56C691916B3F88140666CE9FA73D64C4EA95AD133C81A648152E44ACF96E36DD1E80FABE46",
            "99EF4AEB15F178CEA1FE40DB2603138F130E740A19624526203B6351D0A3A94FA329C145786E679E7B82C71A38628AC8",
        ),
        (
            Curve::P384,
            p384,
            "test",
            "8203B63D3C853E8D77227FB377BCF7B7B772E97892A80F36AB775D509D7A5FEB0542A7F0812998DA8F1DD3CA3CF023DB",
            "DDD0760448D42D8A43AF45AF836FCE4DE8BE06B485E9B61B827C2F13173923E06A739F040649A667BF3B828246BAA5A5",
        ),
    ] {
        let key = SigningKey::from_secret(curve, &hex(secret)).unwrap();
        let raw = [hex(r), hex(s)].concat();
        assert!(key.public().accepts(message.as_bytes(), &raw), "{curve:?} {message}");
        let der = key.sign(message.as_bytes());
        let (r, s) = (hex(r), hex(s));
        let integer = |bytes: &[u8]| {
            let start = bytes.iter().position(|byte| *byte != 0).unwrap();
            let lead: &[u8] = if bytes[start] & 0x80 == 0 { &[] } else { &[0] };
            let body = [lead, &bytes[start..]].concat();
            [&[2, u8::try_from(body.len()).unwrap()][..], &body].concat()
        };
        let body = [integer(&r), integer(&s)].concat();
        assert_eq!(der, [&[0x30, u8::try_from(body.len()).unwrap()][..], &body].concat(), "{curve:?} {message}");
    }
}

/// The `openssl` program reads our keys and accepts our signatures, and we accept its.
#[test]
fn openssl_agrees() {
    if Command::new("openssl").arg("version").output().is_err() {
        eprintln!("skipped: no `openssl` program");
        return;
    }
    let cases = Cases::read();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let run = |arguments: &[&str]| {
        let done = Command::new("openssl").args(arguments).output().unwrap();
        assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
        done.stdout
    };
    std::fs::write(path("message"), [5; 32]).unwrap();
    for (name, hash) in [("ES256", Some("-sha256")), ("ES384", Some("-sha384")), ("EdDSA", None)] {
        let key = cases.key(name);
        std::fs::write(path("key"), key.to_pem().as_bytes()).unwrap();
        std::fs::write(path("public"), key.public().to_pem()).unwrap();
        std::fs::write(path("ours"), key.sign(&[5; 32])).unwrap();
        assert_eq!(String::from_utf8(run(&["pkey", "-in", &path("key"), "-pubout"])).unwrap(), key.public().to_pem());
        match hash {
            Some(hash) => {
                run(&["dgst", hash, "-verify", &path("public"), "-signature", &path("ours"), &path("message")]);
                run(&["dgst", hash, "-sign", &path("key"), "-out", &path("theirs"), &path("message")]);
            }
            None => {
                let (key, public) = (path("key"), path("public"));
                run(&[
                    "pkeyutl",
                    "-verify",
                    "-pubin",
                    "-inkey",
                    &public,
                    "-rawin",
                    "-in",
                    &path("message"),
                    "-sigfile",
                    &path("ours"),
                ]);
                run(&["pkeyutl", "-sign", "-inkey", &key, "-rawin", "-in", &path("message"), "-out", &path("theirs")]);
            }
        }
        assert!(key.public().accepts(&[5; 32], &std::fs::read(path("theirs")).unwrap()), "{name}");
    }
}
