//! Formats of others: bundles, statements, bills of materials, pictures.

use std::fs;
use std::path::Path;

use aw_alloy::digest::Digest;
use aw_alloy::document::Document;
use aw_alloy::export::dsse::{Envelope, IN_TOTO};
use aw_alloy::export::model_signing::{self, Bundle, HashKind, Manifest, Material, SignError, SignatureState};
use aw_alloy::export::statement::Statement;
use aw_alloy::export::{cyclonedx, provenance, qr, verdicts};
use aw_alloy::signing::{Curve, SigningKey};
use aw_alloy::text::{Limits, Node, Problem, json};
use aw_alloy::tree::TreePath;
use serde_json::{Value, json};

fn key(curve: Curve) -> SigningKey {
    SigningKey::from_secret(curve, &vec![7; curve.secret_bytes()]).unwrap()
}

fn manifest() -> Manifest {
    let file = |path: &str| (TreePath::new(path).unwrap(), Digest::of(path.as_bytes()));
    Manifest::of_files("model", ["b", "a.b", "a/b", "ü"].map(file), vec![TreePath::new(".git").unwrap()])
}

fn cup() -> (Vec<u8>, String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/vectors/artifact/cup.alloy.json");
    (fs::read(path).unwrap(), "cup.alloy.json".into())
}

/// A bundle around a statement made by `change` from a good one, signed as it then is.
fn bundle(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let bytes = model_signing::sign(&manifest(), &key(Curve::P256)).unwrap();
    let mut bundle: Value = serde_json::from_slice(&bytes).unwrap();
    let envelope = Envelope::from_node(&Node::from_serde(&bundle["dsseEnvelope"]), "").unwrap();
    let mut statement: Value = serde_json::from_slice(&envelope.payload).unwrap();
    change(&mut statement);
    let envelope = Envelope::new(IN_TOTO, statement.to_string().into_bytes()).signed(&key(Curve::P256));
    bundle["dsseEnvelope"] = envelope.to_node().to_serde();
    bundle.to_string().into_bytes()
}

fn root_again(statement: &mut Value) {
    let digests: Vec<u8> = statement["predicate"]["resources"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|resource| aw_alloy::digest::from_hex(resource["digest"].as_str().unwrap()).unwrap_or_default())
        .collect();
    statement["subject"][0]["digest"]["sha256"] = json!(Digest::of(&digests).hex());
}

fn refused(bytes: &[u8]) -> Problem {
    Bundle::read(bytes).unwrap_err().remove(0)
}

#[test]
fn published_bundles_are_judged_right() {
    let Some(folder) = aw_testkit::shared("conformance/oms") else { return };
    let read = |name: &str| Bundle::read(&fs::read(folder.join("vectors").join(name)).unwrap());
    let all = |kind: &str| {
        let mut names: Vec<String> = fs::read_dir(folder.join("vectors").join(kind))
            .unwrap()
            .map(|entry| format!("{kind}/{}", entry.unwrap().file_name().to_string_lossy()))
            .collect();
        names.sort();
        names
    };
    for name in all("valid") {
        let bundle = read(&name).unwrap_or_else(|problems| panic!("{name}: {problems:?}"));
        assert_eq!(bundle.manifest.resources.len(), 2, "{name}");
        // None of them comes with a key to check it with.
        assert!(matches!(bundle.check_key(&[]), SignatureState::Unknown(_)), "{name}");
    }
    let expected = [
        ("invalid/empty.bundle.json", ""),
        ("invalid/missing-envelope.bundle.json", "dsseEnvelope"),
        ("invalid/missing-tlog-entries.bundle.json", "verificationMaterial.tlogEntries"),
        ("invalid/missing-verification-material.bundle.json", "verificationMaterial"),
        ("invalid-payload/wrong-predicate.bundle.json", "predicateType"),
    ];
    assert_eq!(all("invalid").into_iter().chain(all("invalid-payload")).collect::<Vec<_>>(), expected.map(|(name, _)| name));
    for (name, path) in expected {
        let problems = read(name).unwrap_err();
        assert!(problems.iter().any(|problem| problem.path == path), "{name}: {problems:?}");
    }
    assert!(matches!(read("valid/certificate.bundle.json").unwrap().material, Material::Certificates(chain) if chain.len() == 2));
    assert!(matches!(read("valid/sigstore.bundle.json").unwrap().material, Material::Sigstore));
    // Its roots are not there, and its certificates are signed in a way that is not read here.
    let certificate = read("valid/certificate.bundle.json").unwrap();
    assert!(
        matches!(certificate.check_certificate(&[]), SignatureState::Unknown(message) if message.contains("CN=intermediate-ca"))
    );
    let Material::Certificates(chain) = &certificate.material else { unreachable!("looked at above") };
    assert!(matches!(certificate.check_certificate(&chain[1..]), SignatureState::Unknown(_)));
    let mut changed = certificate.clone();
    changed.envelope.payload[0] ^= 1;
    assert!(matches!(changed.check_certificate(&chain[1..]), SignatureState::Bad(_)));
    // A key that is not the one named.
    let other = [key(Curve::P384).public()];
    assert!(matches!(read("valid/key.bundle.json").unwrap().check_key(&other), SignatureState::Bad(_)));
    eprintln!("conformance/oms: {} of {} bundles judged right", 3 + expected.len(), 3 + expected.len());
}

#[test]
fn what_is_written_has_the_published_form() {
    let Some(folder) = aw_testkit::shared("conformance/oms/schemas") else { return };
    let schema =
        |name: &str| -> Value { serde_json::from_slice(&fs::read(folder.join(format!("{name}.schema.json"))).unwrap()).unwrap() };
    // One schema that holds the four, so that their references lead somewhere without a network.
    let all: serde_json::Map<String, Value> =
        ["bundle", "envelope", "statement", "predicate"].map(|name| (name.to_owned(), schema(name))).into_iter().collect();
    let check = |name: &str, node: &Node| {
        let id = all[name]["$id"].clone();
        let whole = json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "$ref": id, "$defs": all});
        aw_alloy::text::Schema::compile(&whole).unwrap().check(node, "")
    };
    let bytes = model_signing::sign(&manifest(), &key(Curve::P384)).unwrap();
    let node = json::parse(&bytes, &Limits::DOCUMENT).unwrap();
    assert_eq!(check("bundle", &node), []);
    let payload = Envelope::from_node(node.get("dsseEnvelope").unwrap(), "").unwrap().payload;
    assert_eq!(check("statement", &json::parse(&payload, &Limits::DOCUMENT).unwrap()), []);
    assert!(!check("bundle", &Node::from_serde(&json!({}))).is_empty(), "the schemas refuse nothing");
}

#[test]
fn a_bundle_reads_back_and_only_its_key_fits() {
    for curve in [Curve::P256, Curve::P384] {
        let bytes = model_signing::sign(&manifest(), &key(curve)).unwrap();
        assert_eq!(bytes, model_signing::sign(&manifest(), &key(curve)).unwrap(), "the same bytes every time");
        let bundle = Bundle::read(&bytes).unwrap();
        assert_eq!(bundle.manifest, manifest());
        // By the names between the slashes, as the official program sorts.
        let order: Vec<&str> = bundle.manifest.resources.iter().map(|resource| resource.path.as_str()).collect();
        assert_eq!(order, ["a/b", "a.b", "b", "ü"]);
        assert_eq!(
            bundle.check_key(&[key(Curve::Ed25519).public(), key(curve).public()]),
            SignatureState::Good(key(curve).public())
        );
        let other = SigningKey::from_secret(curve, &vec![8; curve.secret_bytes()]).unwrap().public();
        assert!(matches!(bundle.check_key(&[other]), SignatureState::Bad(_)));
        assert!(
            matches!(bundle.check_key(&[]), SignatureState::Unknown(message) if message.contains(&model_signing::key_hint(&key(curve).public())))
        );
    }
    assert_eq!(model_signing::sign(&manifest(), &key(Curve::Ed25519)), Err(SignError::Ed25519));
}

#[test]
fn no_changed_byte_of_payload_or_signature_is_good() {
    let bytes = model_signing::sign(&manifest(), &key(Curve::P256)).unwrap();
    let whole = json::parse(&bytes, &Limits::DOCUMENT).unwrap();
    let envelope = Envelope::from_node(whole.get("dsseEnvelope").unwrap(), "").unwrap();
    let trusted = [key(Curve::P256).public()];
    assert_eq!(envelope.signers(&trusted).len(), 1);
    for at in 0..envelope.payload.len() {
        let mut changed = envelope.clone();
        changed.payload[at] ^= 1;
        assert!(changed.signers(&trusted).is_empty(), "byte {at} of the payload");
    }
    for at in 0..envelope.signatures[0].sig.len() {
        let mut changed = envelope.clone();
        changed.signatures[0].sig[at] ^= 1;
        assert!(changed.signers(&trusted).is_empty(), "byte {at} of the signature");
    }
    let appended = Envelope { payload: [&envelope.payload[..], b" "].concat(), ..envelope.clone() };
    let retyped = Envelope { payload_type: "application/json".into(), ..envelope };
    assert!(appended.signers(&trusted).is_empty() && retyped.signers(&trusted).is_empty());
}

#[test]
fn hostile_statements_are_refused_at_their_place_though_well_signed() {
    type Change = fn(&mut Value);
    let resource = |statement: &mut Value, name: &str| statement["predicate"]["resources"][1]["name"] = json!(name);
    let cases: &[(&str, &str, Change)] = &[
        ("path", "predicate.resources[1].name", |it| it["predicate"]["resources"][1]["name"] = json!("../b")),
        ("path", "predicate.resources[1].name", |it| it["predicate"]["resources"][1]["name"] = json!("/etc/passwd")),
        ("path", "predicate.resources[1].name", |it| it["predicate"]["resources"][1]["name"] = json!("a/./b")),
        ("path", "predicate.resources[1].name", |it| it["predicate"]["resources"][1]["name"] = json!("a\\..\\b")),
        ("path", "predicate.resources[1].name", |it| it["predicate"]["resources"][1]["name"] = json!("a\u{0}b")),
        ("duplicate", "predicate.resources[1].name", |it| it["predicate"]["resources"][1]["name"] = json!("a/b")),
        ("digest", "subject[0].digest.sha256", |it| {
            it["predicate"]["resources"].as_array_mut().unwrap().pop();
        }),
        ("digest", "subject[0].digest.sha256", |it| it["predicate"]["resources"].as_array_mut().unwrap().swap(0, 1)),
        ("digest", "subject[0].digest", |it| it["subject"][0]["digest"] = json!({"sha512": "00"})),
        ("digest", "predicate.resources[0].digest", |it| it["predicate"]["resources"][0]["digest"] = json!("00")),
        ("digest", "predicate.resources[0].digest", |it| {
            let upper = it["predicate"]["resources"][0]["digest"].as_str().unwrap().to_uppercase();
            it["predicate"]["resources"][0]["digest"] = json!(upper);
        }),
        ("algorithm", "predicate.resources[0].algorithm", |it| it["predicate"]["resources"][0]["algorithm"] = json!("md5")),
        ("algorithm", "predicate.serialization.hash_type", |it| it["predicate"]["serialization"]["hash_type"] = json!("md5")),
        ("method", "predicate.serialization.method", |it| it["predicate"]["serialization"]["method"] = json!("tensors")),
        ("shards", "predicate.serialization.shard_size", |it| it["predicate"]["serialization"]["shard_size"] = json!(5)),
        ("shards", "predicate.serialization.shard_size", |it| it["predicate"]["serialization"]["method"] = json!("shards")),
        ("path", "predicate.serialization.ignore_paths[0]", |it| {
            it["predicate"]["serialization"]["ignore_paths"] = json!(["./"])
        }),
        ("subject", "subject", |it| it["subject"] = json!([it["subject"][0], it["subject"][0]])),
        ("statement-type", "_type", |it| it["_type"] = json!("https://in-toto.io/Statement/v0.1")),
        ("predicate-type", "predicateType", |it| it["predicateType"] = json!("https://model_signing/Digests/v0.1")),
        ("unknown-field", "predicate.extra", |it| it["predicate"]["extra"] = json!(1)),
    ];
    for (index, (code, path, change)) in cases.iter().enumerate() {
        let problem = refused(&bundle(change));
        assert_eq!((problem.code, problem.path.as_str()), (*code, *path), "case {index}: {problem}");
    }
    // Good when nothing is changed, so that each case above is what was refused.
    assert!(Bundle::read(&bundle(|_| ())).is_ok());
    let escaped = bundle(|it| it["predicate"]["serialization"]["ignore_paths"] = json!(["../../model.sig", "x/", "./y"]));
    let manifest = Bundle::read(&escaped).unwrap().manifest;
    assert_eq!((manifest.ignored.len(), manifest.notes.len()), (2, 1), "{:?}", manifest.notes);
    assert!(manifest.ignores("x/z") && manifest.ignores("y") && !manifest.ignores("xz"));
    let named = refused(&bundle(|it| resource(it, "..")));
    assert!(named.message.contains("`..`"), "{named}");
}

#[test]
fn hostile_shards_are_refused() {
    let sharded = |names: &[&str]| {
        bundle(|it| {
            it["predicate"]["serialization"] =
                json!({"method": "shards", "hash_type": "sha256", "allow_symlinks": false, "shard_size": 10.0});
            let digest = Digest::of(b"").hex();
            let resource = |name: &&str| json!({"name": name, "algorithm": "sha256-sharded-10", "digest": digest});
            it["predicate"]["resources"] = names.iter().map(resource).collect();
            root_again(it);
        })
    };
    let good = Bundle::read(&sharded(&["a:0:10", "a:10:13", "b:0:1", "c/d:0:10"])).unwrap().manifest;
    assert_eq!((good.shard_bytes, good.resources[1].range), (Some(10), Some((10, 13))));
    assert_eq!(Bundle::read(&model_signing::sign(&good, &key(Curve::P256)).unwrap()).unwrap().manifest, good);
    for (code, names) in [
        ("shards", &["a:0:10", "a:11:13"][..]),
        ("shards", &["a:10:20"]),
        ("shards", &["a:0:10", "a:5:15"]),
        ("shards", &["a:0:5", "a:5:10"]),
        ("shards", &["a:0:11"]),
        ("shards", &["a:5:5"]),
        ("shards", &["a:+0:5"]),
        ("shards", &["a:-1:5"]),
        ("shards", &["a:0:99999999999999999999999"]),
        ("shards", &["a"]),
        ("path", &[":0:5"]),
        ("path", &["../a:0:5"]),
        ("path", &["a:0:5:0:5"]),
        ("shards", &["a:0:10", "a:0:10"]),
        ("duplicate", &["a:0:5", "b:0:5", "a:0:5"]),
    ] {
        assert_eq!(refused(&sharded(names)).code, code, "{names:?}");
    }
}

#[test]
fn hostile_bundles_are_refused_at_their_place() {
    let good: Value = serde_json::from_slice(&bundle(|_| ())).unwrap();
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut value = good.clone();
        change(&mut value);
        refused(value.to_string().as_bytes())
    };
    let cases: &[(&str, &str, &dyn Fn(&mut Value))] = &[
        ("media-type", "mediaType", &|it| it["mediaType"] = json!("application/vnd.dev.sigstore.bundle+json;version=0.1")),
        ("missing-field", "verificationMaterial", &|it| it["verificationMaterial"] = json!({})),
        ("missing-field", "verificationMaterial.publicKey", &|it| it["verificationMaterial"]["publicKey"] = json!({})),
        ("ambiguous", "verificationMaterial", &|it| it["verificationMaterial"]["certificate"] = json!({"rawBytes": "AA=="})),
        ("certificates", "verificationMaterial.x509CertificateChain.certificates", &|it| {
            it["verificationMaterial"] = json!({"x509CertificateChain": {"certificates": []}});
        }),
        ("base64", "verificationMaterial.x509CertificateChain.certificates[0].rawBytes", &|it| {
            it["verificationMaterial"] = json!({"x509CertificateChain": {"certificates": [{"rawBytes": "?"}]}});
        }),
        ("payload-type", "dsseEnvelope.payloadType", &|it| it["dsseEnvelope"]["payloadType"] = json!("application/json")),
        ("unknown-field", "dsseEnvelope.extra", &|it| it["dsseEnvelope"]["extra"] = json!(1)),
        ("unknown-field", "extra", &|it| it["extra"] = json!(1)),
        ("signatures", "dsseEnvelope.signatures", &|it| {
            let one = it["dsseEnvelope"]["signatures"][0].clone();
            it["dsseEnvelope"]["signatures"] = json!([one, one]);
        }),
        ("base64", "dsseEnvelope.payload", &|it| it["dsseEnvelope"]["payload"] = json!("e3 0=")),
    ];
    for (code, path, change) in cases {
        let problem = changed(change);
        assert_eq!((problem.code, problem.path.as_str()), (*code, *path), "{problem}");
    }
    // A name that occurs twice could be read in two ways.
    let twice = good.to_string().replacen("{\"mediaType\"", "{\"mediaType\":\"x\",\"mediaType\"", 1);
    assert!(refused(twice.as_bytes()).message.contains("twice"));
}

#[test]
fn provenance_names_every_file_of_the_artifact_and_what_it_was_made_of() {
    let (bytes, name) = cup();
    let statement = provenance::provenance(&bytes, &name).unwrap();
    let names: Vec<&str> = statement.subject.iter().filter_map(|subject| subject.name.as_deref()).collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/vectors/artifact");
    let mut beside: Vec<String> =
        aw_testkit::files(&folder).into_keys().filter(|file| file != "README.md" || names.contains(&"README.md")).collect();
    beside.sort();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, beside);
    for subject in &statement.subject {
        let content = fs::read(folder.join(subject.name.as_deref().unwrap())).unwrap();
        assert_eq!(subject.sha256(), Some(Digest::of(&content)), "{:?}", subject.name);
    }
    let predicate = Value::Object(statement.predicate.clone());
    let recipe = &predicate["buildDefinition"]["externalParameters"]["recipe"];
    assert!(recipe["stages"].is_array() && recipe["source"].is_object());
    assert!(recipe.get("results").is_none() && recipe.get("chain").is_none() && recipe.get("seal").is_none(), "{recipe}");
    assert!(predicate["buildDefinition"]["resolvedDependencies"].as_array().unwrap().len() > 1);
    assert!(predicate["runDetails"]["builder"]["id"].as_str().unwrap().starts_with("urn:alloyworks:node:ed25519:"));
    assert!(!predicate["runDetails"]["byproducts"].as_array().unwrap().is_empty());
    // In an envelope and out again.
    let envelope = statement.envelope().signed(&key(Curve::P256)).signed(&key(Curve::Ed25519));
    let read = Envelope::read(&envelope.to_bytes()).unwrap();
    assert_eq!(read.signers(&[key(Curve::P256).public(), key(Curve::Ed25519).public()]).len(), 2);
    assert_eq!(Statement::of(&read).unwrap(), statement);
    // Of what is not as it was sealed nothing is stated.
    let broken = String::from_utf8(bytes.clone()).unwrap().replacen("\"version\"", "\"versiom\"", 1);
    assert!(provenance::provenance(broken.as_bytes(), &name).is_err());
    assert!(provenance::provenance(b"{}", &name).is_err());
}

#[test]
fn statements_of_other_kinds_are_refused_by_name() {
    let (bytes, name) = cup();
    let statement = provenance::provenance(&bytes, &name).unwrap();
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut value = serde_json::to_value(&statement).unwrap();
        change(&mut value);
        Statement::of(&Envelope::new(IN_TOTO, value.to_string().into_bytes()))
    };
    assert!(changed(&|_| ()).is_ok());
    let cases: &[(&str, &dyn Fn(&mut Value))] = &[
        ("_type", &|it| it["_type"] = json!("https://in-toto.io/Statement/v0.1")),
        ("subject", &|it| it["subject"] = json!([])),
        ("subject[1]", &|it| it["subject"][1]["digest"] = json!({})),
        ("subject[1]", &|it| it["subject"][1]["name"] = it["subject"][0]["name"].clone()),
        ("predicate", &|it| it["predicate"] = json!([])),
    ];
    for (path, change) in cases {
        assert_eq!(changed(change).unwrap_err()[0].path, *path);
    }
    let other = Envelope::new("text/plain", b"{}".to_vec());
    assert_eq!(Statement::of(&other).unwrap_err()[0].code, "payload-type");
}

#[test]
fn verdicts_are_bound_to_their_document() {
    let (bytes, name) = cup();
    let record = |hash: &str| {
        json!({
            "format": "alloyworks.verdicts.v1", "artifact": {"name": "cup", "fileHash": hash}, "outcome": "not-applicable",
            "acceptance": {"outcome": "not-applicable", "criteria": []}, "gates": [],
        })
    };
    let state = |record: &Value| verdicts::statement(&bytes, &name, &Node::from_serde(record));
    let own = Digest::of(&bytes).to_string();
    let statement = state(&record(&own)).unwrap();
    assert_eq!(statement.subject[0].sha256(), Some(Digest::of(&bytes)));
    assert_eq!(statement.predicate["verdicts"], record(&own));
    assert_eq!(verdicts::of(&statement).unwrap().artifact.name, "cup");
    assert_eq!(state(&record(&Digest::of(b"").to_string())).unwrap_err()[0].path, "artifact.fileHash");
    assert_eq!(state(&json!([])).unwrap_err()[0].code, "wrong-type");
    let mut other = record(&own);
    other["format"] = json!("alloyworks.verdicts.v2");
    assert_eq!(state(&other).unwrap_err()[0].path, "format");
    let mut without = statement;
    without.predicate.clear();
    assert_eq!(verdicts::of(&without).unwrap_err()[0].path, "predicate.verdicts");
}

#[test]
fn bills_are_the_same_every_time_and_name_what_the_document_names() {
    let (bytes, name) = cup();
    let document = Document::read(&bytes).unwrap();
    let bill = cyclonedx::bill_of_materials(&document, &name);
    assert_eq!(bill, cyclonedx::bill_of_materials(&document, &name));
    let bill: Value = serde_json::from_slice(&bill).unwrap();
    let id = document.node().get("id").and_then(Node::as_str).unwrap().to_owned();
    assert_eq!(bill["serialNumber"], json!(format!("urn:uuid:{id}")));
    assert_eq!(bill["metadata"]["component"]["name"], json!(document.name()));
    assert_eq!(bill["metadata"]["component"]["type"], json!("machine-learning-model"));
}

#[test]
fn bills_of_published_documents_carry_their_scores_and_licence() {
    let Some(folder) = aw_testkit::shared("alloys") else { return };
    let name = "olmoe-1b-7b-compacted-5b.alloy.json";
    let document = Document::read(&fs::read(folder.join(name)).unwrap()).unwrap();
    let bill: Value = serde_json::from_slice(&cyclonedx::bill_of_materials(&document, name)).unwrap();
    let model = &bill["metadata"]["component"];
    assert_eq!(model["licenses"], json!([{"license": {"id": "Apache-2.0"}}]));
    let metrics = model["modelCard"]["quantitativeAnalysis"]["performanceMetrics"].as_array().unwrap();
    let score = document.node().get("results").unwrap().get("benchmarks").unwrap().as_array().unwrap()[0].get("score").unwrap();
    assert_eq!(metrics[0]["value"], json!(score.as_number().unwrap().lexeme()));
    assert_eq!(
        model["pedigree"]["ancestors"][0]["name"].as_str(),
        document.node().get("source").unwrap().get("baseModel").unwrap().as_str()
    );
}

#[test]
fn links_follow_the_format() {
    let of = |receipt: Value, page: Option<&str>| {
        let mut document = json!({"name": "a b", "source": {}});
        if !receipt.is_null() {
            document["receipt"] = receipt;
        }
        let document = Document::read(document.to_string().as_bytes()).unwrap();
        (qr::link(&document, page), document.file_hash().short())
    };
    let published =
        json!({"publications": [{"url": "https://h.example/o/m/"}], "verifyUrl": "https://v.example/verify#0123456789abcdef"});
    let address = "https%3A%2F%2Fh.example%2Fo%2Fm%2Fresolve%2Fmain%2Fa%20b.alloy.json";
    assert_eq!(of(published.clone(), None).0, format!("https://v.example/verify#{address}"));
    assert_eq!(of(published, Some("https://w.example/v")).0, format!("https://w.example/v#{address}"));
    let (link, short) = of(json!({}), Some("https://w.example/v"));
    assert_eq!(link, format!("https://w.example/v#{short}"));
    let (link, short) = of(Value::Null, None);
    assert_eq!(link, format!("alloyworks:a%20b@{short}"));
    let (bytes, _) = cup();
    let document = Document::read(&bytes).unwrap();
    let id = document.node().get("id").and_then(Node::as_str).unwrap();
    assert_eq!(qr::link(&document, None), format!("alloyworks:{id}@{}", document.file_hash().short()));
}

/// Reads a picture with programs that did not draw it.
fn read_picture(bytes: &[u8]) -> String {
    let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
    let (width, height) = (reader.info().width as usize, reader.info().height as usize);
    assert_eq!((reader.info().bit_depth, reader.info().color_type), (png::BitDepth::One, png::ColorType::Grayscale));
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let line = reader.next_frame(&mut pixels).unwrap().line_size;
    let grey = |x: usize, y: usize| if pixels[y * line + x / 8] & (0x80 >> (x % 8)) == 0 { 0 } else { 255 };
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(width, height, grey);
    let grids = image.detect_grids();
    assert_eq!(grids.len(), 1, "one code in the picture");
    grids[0].decode().unwrap().1
}

#[test]
fn pictures_read_back_as_their_link() {
    let long = format!("https://v.example/verify#{}", "%2F0123456789".repeat(40));
    for text in ["alloyworks:00000000-0000-8000-8000-000000000000@0123456789abcdef", "a", long.as_str()] {
        let picture = qr::Picture::of(text).unwrap();
        assert_eq!(read_picture(&picture.png()), text);
        // The SVG has a square for each dark module, and no other.
        let svg = picture.svg();
        let side: usize = svg.split("viewBox=\"0 0 ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
        let mut dark = vec![false; side * side];
        for square in svg.split("h1v1h-1z").filter_map(|part| part.rsplit('M').next()).filter(|part| !part.contains('"')) {
            let (x, y) = square.split_once(' ').unwrap();
            dark[y.parse::<usize>().unwrap() * side + x.parse::<usize>().unwrap()] = true;
        }
        let mut image =
            rqrr::PreparedImage::prepare_from_greyscale(
                side * 4,
                side * 4,
                |x, y| if dark[y / 4 * side + x / 4] { 0 } else { 255 },
            );
        assert_eq!(image.detect_grids()[0].decode().unwrap().1, text);
    }
    assert_eq!(qr::Picture::of(&"é".repeat(2000)).err().map(|error| error.bytes), Some(4000));
}

#[test]
fn hash_functions_of_a_manifest_are_closed() {
    assert_eq!(HashKind::ALL.map(HashKind::name), ["sha256", "blake2b", "blake3"]);
}
