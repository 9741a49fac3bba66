//! A real registry: ModelPack manifests, tags that do not move, stops at every step.

use std::cell::{Cell, RefCell};
use std::path::Path;

use aw_remote::oci::{Credentials as OciCredentials, Registry, Repository};
use aw_ship::{Bundle, Credentials, Publisher, ShipError, Step, Target, publisher};
use serde_json::Value;

use crate::fixture::*;
use crate::servers::{Running, registry};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

fn to(running: &Running, rest: &str, credentials: &Credentials) -> Vec<Box<dyn Publisher>> {
    let target = Target::parse(&format!("oci://127.0.0.1:{}/{rest}", running.port)).unwrap();
    vec![publisher(&target, credentials).unwrap()]
}

fn bundle(folder: &Path) -> Bundle {
    make(&folder.join("artifact"), &Making::default());
    Bundle::of_folder(&folder.join("artifact")).unwrap()
}

fn client(running: &Running, name: &str) -> Registry {
    Registry::new(Repository::parse(&format!("oci://127.0.0.1:{}/{name}", running.port), true).unwrap(), None)
}

fn manifest(running: &Running, name: &str, tag: &str) -> Value {
    serde_json::from_slice(&client(running, name).manifest(tag, MANIFEST).unwrap().unwrap().1).unwrap()
}

#[test]
fn what_a_registry_gets_is_a_model_pack() {
    let Some(running) = registry(false) else { return };
    let folder = tempfile::tempdir().unwrap();
    let bundle = bundle(folder.path());
    let targets = to(&running, "models/compact", &Credentials::default());
    let planned = Shop::default().look(&bundle, &targets).unwrap();
    assert!(!planned.plans[0].complete);
    let shipped = Shop::default().ship(&bundle, &targets).unwrap();
    let publication = &shipped.receipt.as_ref().unwrap().publications[0];
    assert_eq!(publication.url, planned.plans[0].url, "a dry run names the very digest");

    let found = manifest(&running, "models/compact", "1.0.0");
    assert_eq!(found["artifactType"], "application/vnd.cncf.model.manifest.v1+json");
    assert_eq!(found["config"]["mediaType"], "application/vnd.cncf.model.config.v1+json");
    let whole = aw_testkit::files(&folder.path().join("artifact"));
    let layers = found["layers"].as_array().unwrap();
    assert_eq!(layers.len(), whole.len());
    let kind = |path: &str| {
        let layer = layers.iter().find(|layer| layer["annotations"]["org.cncf.model.filepath"] == path).unwrap();
        layer["mediaType"].as_str().unwrap().to_owned()
    };
    assert_eq!(kind("gguf/compact-Q8_0.gguf"), "application/vnd.cncf.model.weight.v1.raw");
    assert_eq!(kind("model/config.json"), "application/vnd.cncf.model.weight.config.v1.raw");
    assert_eq!(kind("evaluation/samples.jsonl"), "application/vnd.cncf.model.dataset.v1.raw");
    assert_eq!(kind("README.md"), "application/vnd.cncf.model.doc.v1.raw");
    // Whoever pulls the layers by their paths has the artifact.
    let client = client(&running, "models/compact");
    for layer in layers {
        let digest = layer["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap();
        let mut bytes = Vec::new();
        let digest = aw_alloy::digest::Digest::from_hex(digest).unwrap();
        assert!(client.read_blob(&digest, layer["size"].as_u64().unwrap(), &mut bytes).unwrap());
        assert_eq!(bytes, whole[layer["annotations"]["org.cncf.model.filepath"].as_str().unwrap()]);
    }
    let digest = found["config"]["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap();
    let digest = aw_alloy::digest::Digest::from_hex(digest).unwrap();
    let config: Value = serde_json::from_slice(&client.blob(&digest, 1 << 20).unwrap().unwrap()).unwrap();
    valid(&config);
    let diffs: Vec<&str> = config["modelfs"]["diffIds"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    assert_eq!(diffs, layers.iter().map(|layer| layer["digest"].as_str().unwrap()).collect::<Vec<_>>());

    // Again, and from another place: the same digest, and nothing sent.
    let again = Shop::default().ship(&bundle, &targets).unwrap();
    assert_eq!((again.sent, again.receipt), (0, shipped.receipt));
    assert!(Shop::default().look(&bundle, &targets).unwrap().plans[0].complete);
}

/// Holds a configuration against the rules of the specification's schema (`schema/config-schema.json`).
fn valid(config: &Value) {
    let text = serde_json::json!({"type": "string"});
    let texts = serde_json::json!({"type": "array", "items": {"type": "string"}});
    let schema = serde_json::json!({
        "type": "object",
        "required": ["descriptor", "config", "modelfs"],
        "additionalProperties": false,
        "properties": {
            "descriptor": {"type": "object", "additionalProperties": false, "properties": {
                "createdAt": {"type": "string", "format": "date-time"}, "authors": texts, "family": text,
                "name": {"type": "string", "minLength": 1}, "docURL": text, "sourceURL": text, "datasetsURL": texts,
                "version": text, "revision": text, "vendor": text, "licenses": texts, "title": text, "description": text}},
            "config": {"type": "object", "additionalProperties": false, "properties": {
                "architecture": text, "format": text, "paramSize": text, "precision": text, "quantization": text,
                "capabilities": {"type": "object"}}},
            "modelfs": {"type": "object", "additionalProperties": false, "required": ["type", "diffIds"], "properties": {
                "type": {"enum": ["layers"]}, "diffIds": {"type": "array", "minItems": 1, "items": text}}},
        },
    });
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(config).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?} in {config:#}");
}

#[test]
fn a_tag_is_never_moved() {
    let Some(running) = registry(false) else { return };
    let folder = tempfile::tempdir().unwrap();
    let first = bundle(folder.path());
    let targets = to(&running, "models/compact:stable", &Credentials::default());
    Shop::default().ship(&first, &targets).unwrap();
    let before = manifest(&running, "models/compact", "stable");
    let other = tempfile::tempdir().unwrap();
    make(&other.path().join("artifact"), &Making { version: "1.0.1", ..Making::default() });
    let second = Bundle::of_folder(&other.path().join("artifact")).unwrap();
    assert!(Shop::default().look(&second, &targets).unwrap().plans[0].conflict.is_some());
    let error = Shop::default().ship(&second, &targets).unwrap_err();
    assert!(matches!(&error, ShipError::Taken { .. }), "{error}");
    assert_eq!(manifest(&running, "models/compact", "stable"), before);
}

#[test]
fn a_password_is_sent_and_shown_to_nobody() {
    let Some(running) = registry(true) else { return };
    let folder = tempfile::tempdir().unwrap();
    let bundle = bundle(folder.path());
    let with = |password: &str| Credentials {
        registry: Some(OciCredentials { user: "forge".into(), password: aw_remote::net::Secret::new(password).unwrap() }),
        ..Credentials::default()
    };
    let error = Shop::default().ship(&bundle, &to(&running, "models/compact", &Credentials::default())).unwrap_err();
    assert!(error.to_string().contains("password"), "{error}");
    let error = Shop::default().ship(&bundle, &to(&running, "models/compact", &with("not-the-secret"))).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("not-the-secret"), "{error}");
    let shipped = Shop::default().ship(&bundle, &to(&running, "models/compact", &with("secret"))).unwrap();
    assert!(!format!("{shipped:?} {:?}", with("secret")).contains("\"secret\""));
    for (name, bytes) in aw_testkit::files(folder.path()) {
        assert!(!String::from_utf8_lossy(&bytes).contains("secret"), "{name}");
    }
}

#[test]
fn stopped_before_every_step_a_registry_comes_to_the_same_manifest() {
    let Some(running) = registry(false) else { return };
    let folder = tempfile::tempdir().unwrap();
    let bundle = bundle(folder.path());
    let count = Cell::new(0_usize);
    let counts = |_: &Step| {
        count.set(count.get() + 1);
        true
    };
    let all = to(&running, "models/reference", &Credentials::default());
    Shop::default().with(&counts, |door| door.ship(&bundle, &all)).unwrap();
    std::fs::remove_file(bundle.sidecar("receipt")).unwrap();
    let expected = manifest(&running, "models/reference", "1.0.0");
    for stop in 0..count.get() {
        let name = format!("models/stop{stop}");
        let targets = to(&running, &name, &Credentials::default());
        let (at, sent) = (Cell::new(0), RefCell::new(Vec::new()));
        let stops = |step: &Step| {
            if step.what == "sent" {
                sent.borrow_mut().push(step.file.clone());
            }
            at.set(at.get() + 1);
            at.get() <= stop
        };
        Shop::default().with(&stops, |door| door.ship(&bundle, &targets)).unwrap_err();
        let shipped = Shop::default().ship(&bundle, &targets).unwrap();
        let whole: u64 = aw_testkit::files(&folder.path().join("artifact")).values().map(|bytes| bytes.len() as u64).sum();
        assert!(sent.borrow().is_empty() || shipped.sent < whole + 2000, "{stop}: what was sent is not sent again");
        assert_eq!(manifest(&running, &name, "1.0.0"), expected, "{stop}");
        std::fs::remove_file(bundle.sidecar("receipt")).unwrap();
    }
}

#[test]
fn a_file_in_parts_arrives_whole() {
    let Some(running) = registry(false) else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut making = Making::default();
    // More than two parts of 64 MiB, and not a whole number of them.
    let large: Vec<u8> = (0..140_000_001_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 11) as u8).collect();
    making.files.insert("gguf/large.gguf".into(), large);
    make(&folder.path().join("artifact"), &making);
    let bundle = Bundle::of_folder(&folder.path().join("artifact")).unwrap();
    let targets = to(&running, "models/large", &Credentials::default());
    // Stopped in the middle of it, and gone on with.
    let stops = |step: &Step| !(step.what == "sending" && step.bytes > 64 << 20);
    Shop::default().with(&stops, |door| door.ship(&bundle, &targets)).unwrap_err();
    let shipped = Shop::default().ship(&bundle, &targets).unwrap();
    assert!(shipped.sent >= 140_000_001, "it was read back too");
}

#[test]
fn another_client_pulls_the_artifact_by_its_tag() {
    let Some(python) = aw_testkit::python_with("oras") else { return };
    let Some(running) = registry(false) else { return };
    let folder = tempfile::tempdir().unwrap();
    Shop::default().ship(&bundle(folder.path()), &to(&running, "models/compact", &Credentials::default())).unwrap();
    let script = "import oras.client, sys\noras.client.OrasClient(hostname=sys.argv[1], insecure=True).pull(target=sys.argv[1] + '/' + sys.argv[2], outdir=sys.argv[3])";
    let host = format!("127.0.0.1:{}", running.port);
    let mut command = std::process::Command::new(python);
    command.args(["-c", script, &host, "models/compact:1.0.0"]).arg(folder.path().join("pulled")).env("NO_PROXY", "*");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(aw_testkit::files(&folder.path().join("pulled")), aw_testkit::files(&folder.path().join("artifact")));
}
