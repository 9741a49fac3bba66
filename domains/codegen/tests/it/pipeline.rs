//! The forge's functions as a surface calls them: from a file to contracts, no work twice, nothing destroyed unasked.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aw_alloy::keys::SecretKey;
use codegen::delivery::{ArtifactName, Consumer, Directory, Settings as ConsumerSettings};
use codegen::doctor::REFERENCE;
use codegen::forge::{FaultKind, Forge, GenerateRequest, IngestRequest, Reading, Settings, Targets};
use codegen::net::Network;
use codegen::smoke::Toolchain;
use codegen::source::{NoChange, Sources, file_uri};

use crate::server::Server;

/// A forge in a folder, without compilers.
pub fn forge(folder: &Path, out_root: Option<PathBuf>) -> Forge {
    forge_with(folder, out_root, Sources::default())
}

pub fn forge_with(folder: &Path, out_root: Option<PathBuf>, sources: Sources) -> Forge {
    Forge::new(settings(folder, out_root, sources))
}

fn settings(folder: &Path, out_root: Option<PathBuf>, sources: Sources) -> Settings {
    Settings {
        store: folder.join("store"),
        out_root,
        sources,
        toolchain: Toolchain::new(None, Vec::new(), folder.join("work")),
        artifacts: Arc::new(Directory::new(folder.join("artifacts"))),
        signing_key: Some(Arc::new(SecretKey::from_bytes(&[7; 32]))),
        upstream: None,
    }
}

fn written(folder: &Path, text: &str) -> String {
    let path = folder.join("reference.ttl");
    fs::write(&path, text).unwrap();
    file_uri(&path)
}

fn request(source: &str, folder: &Path) -> GenerateRequest {
    GenerateRequest { out: Some(folder.join("out")), ..GenerateRequest::of_source(source) }
}

/// The reference without the field `body`, as a next major version.
fn without_body() -> String {
    let kept: Vec<&str> = REFERENCE.lines().filter(|line| !line.starts_with(":Document__body")).collect();
    kept.join("\n").replace(" \"body\"", "").replace("1.0.0", "2.0.0")
}

#[test]
fn nothing_is_generated_twice_and_what_was_removed_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let (forge, source) = (forge(folder.path(), None), written(folder.path(), REFERENCE));
    let request = request(&source, folder.path());
    let first = forge.generate(&request).unwrap();
    assert_eq!(first.ontology.as_deref(), Some("ontology@d761e55d728951e1"));
    assert_eq!(first.targets.keys().collect::<Vec<_>>(), ["csharp", "python", "rust", "typescript"]);
    let rust = folder.path().join("out/rust/data_platform_contracts.g.rs");
    let bytes = fs::read(&rust).unwrap();

    assert_eq!(forge.generate(&request).unwrap().no_change, Some(NoChange::Graph));
    written(folder.path(), &format!("# the same, written anew\n{REFERENCE}"));
    assert_eq!(forge.generate(&request).unwrap().no_change, Some(NoChange::Graph));
    let remark = format!("{REFERENCE}\n:User rdfs:seeAlso \"elsewhere\" .\n");
    written(folder.path(), &remark);
    assert_eq!(forge.generate(&request).unwrap().no_change, Some(NoChange::Model), "the graph is another, the model is not");

    fs::remove_file(&rust).unwrap();
    assert_eq!(forge.generate(&request).unwrap().no_change, None);
    assert_eq!(fs::read(&rust).unwrap(), bytes);
    let sums = fs::read_to_string(folder.path().join("out/rust/SHA256SUMS")).unwrap();
    assert_eq!(sums, format!("{}  data_platform_contracts.g.rs\n", aw_alloy::digest::Digest::of(&bytes).hex()));
}

#[test]
fn what_destroys_is_refused_until_it_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (forge, source) = (forge(folder.path(), None), written(folder.path(), REFERENCE));
    let request = request(&source, folder.path());
    forge.generate(&request).unwrap();
    written(folder.path(), &without_body());
    let refused = forge.generate(&request).unwrap_err();
    assert_eq!(refused.kind, FaultKind::Destructive, "{refused}");
    assert!(refused.diagnostics.iter().any(|said| said.subject == "Document.body"), "{:?}", refused.diagnostics);
    let python = folder.path().join("out/python/data_platform_contracts.g.py");
    assert!(fs::read_to_string(&python).unwrap().contains("body"), "what was refused changed nothing");

    let unknown = GenerateRequest { allow_destructive: vec!["Document.boddy".to_owned()], ..request.clone() };
    assert!(matches!(forge.generate(&unknown).unwrap_err().kind, FaultKind::Destructive | FaultKind::Request));
    let named = GenerateRequest { allow_destructive: vec!["Document.body".to_owned()], ..request };
    let generated = forge.generate(&named).unwrap();
    assert_eq!(generated.change.unwrap().class, Some(codegen::diff::Class::Destructive));
    assert!(!fs::read_to_string(&python).unwrap().contains("body"));
}

#[test]
fn a_version_step_that_is_too_small_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (forge, source) = (forge(folder.path(), None), written(folder.path(), REFERENCE));
    forge.generate(&request(&source, folder.path())).unwrap();
    written(folder.path(), &without_body().replace("2.0.0", "1.0.1"));
    let named = GenerateRequest { allow_destructive: vec!["Document.body".to_owned()], ..request(&source, folder.path()) };
    let refused = forge.generate(&named).unwrap_err();
    assert_eq!((refused.kind, refused.diagnostics[0].code.as_str()), (FaultKind::Ontology, "E-VERSION-STEP"));
}

#[test]
fn requests_from_outside_write_below_the_root_alone() {
    let folder = tempfile::tempdir().unwrap();
    let source = written(folder.path(), REFERENCE);
    let forge = forge(folder.path(), Some(folder.path().join("root")));
    let to =
        |out: &str| forge.generate(&GenerateRequest { out: Some(PathBuf::from(out)), ..GenerateRequest::of_source(&source) });
    for outside in ["../up", "/tmp/elsewhere", "a/../../b"] {
        assert_eq!(to(outside).unwrap_err().kind, FaultKind::Forbidden, "{outside}");
    }
    to("team/contracts").unwrap();
    assert!(folder.path().join("root/team/contracts/rust").is_dir());
}

#[test]
fn what_is_published_is_adopted_and_rolled_back() {
    let folder = tempfile::tempdir().unwrap();
    let (forge, source) = (forge(folder.path(), None), written(folder.path(), REFERENCE));
    let targets = ["rust".to_owned()];
    let publish = |allow: &[&str]| {
        forge.generate(&GenerateRequest {
            publish: true,
            target: Targets::Several(targets.to_vec()),
            allow_unverified: targets.to_vec(),
            allow_destructive: allow.iter().map(ToString::to_string).collect(),
            ..GenerateRequest::of_source(&source)
        })
    };
    let first = publish(&[]).unwrap().artifact.unwrap();
    assert!(first.is_new);
    assert!(!publish(&[]).unwrap().artifact.unwrap().is_new, "the same again is the same");
    let unverified = GenerateRequest { publish: true, ..GenerateRequest::of_source(&source) };
    assert_eq!(
        forge.generate(&unverified).unwrap_err().kind,
        FaultKind::Smoke,
        "nothing compiled it, and nobody said that it may be so"
    );

    written(folder.path(), &without_body());
    assert_eq!(publish(&[]).unwrap_err().kind, FaultKind::Destructive);
    let second = publish(&["Document.body"]).unwrap().artifact.unwrap();

    let consumer = Consumer::new(folder.path().join("consumer"));
    fs::create_dir(folder.path().join("consumer")).unwrap();
    let store = Directory::new(folder.path().join("artifacts"));
    let keys = vec![SecretKey::from_bytes(&[7; 32]).public()];
    let settings = ConsumerSettings { targets: targets.to_vec(), keys, ..ConsumerSettings::default() };
    for artifact in [&first, &second] {
        let name: ArtifactName = artifact.artifact.parse().unwrap();
        consumer.stage(&store, &name, &settings).unwrap();
    }
    let file = folder.path().join("consumer/generated/rust/data_platform_contracts.g.rs");
    let uses_body = || fs::read_to_string(&file).unwrap().contains("body");
    assert!(uses_body(), "staging flips nothing");
    consumer.adopt().unwrap();
    assert!(!uses_body());
    consumer.rollback().unwrap();
    assert!(uses_body());
    let manifest = fs::read_to_string(
        walk(&folder.path().join("artifacts")).into_iter().find(|path| manifest_of(path, &second.artifact)).unwrap(),
    )
    .unwrap();
    assert!(manifest.contains("\"allowed_destructive\":[\"Document.body\"]") && manifest.contains("Document.body"), "{manifest}");
}

/// Every file below a folder.
fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

fn manifest_of(path: &Path, artifact: &str) -> bool {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.starts_with('{') && text.contains("\"allowed_destructive\":") && text.contains(&format!("\"artifact\":\"{artifact}\""))
}

#[test]
fn versions_are_taken_in_once_and_given_out_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let forge = forge(folder.path(), None);
    let turtle = IngestRequest { content_type: Some("text/turtle; charset=utf-8".to_owned()), ..IngestRequest::default() };
    assert_eq!(forge.snapshot(None).unwrap_err().kind, FaultKind::Missing);
    let first = forge.ingest(REFERENCE.as_bytes(), &turtle).unwrap();
    assert!(first.is_new && first.version == "1.0.0");
    let snapshot = forge.snapshot(None).unwrap();
    assert_eq!((snapshot.graph_digest, snapshot.version.as_str()), (first.graph_digest, "1.0.0"));

    // What was given out is taken for the same, and gives the same model.
    let n_triples = IngestRequest { content_type: Some("application/n-triples".to_owned()), ..IngestRequest::default() };
    assert!(!forge.ingest(&snapshot.n_triples, &n_triples).unwrap().is_new);
    assert_eq!(forge.generate(&GenerateRequest::of_source(&first.source)).unwrap().ontology, Some(first.ontology));

    let relabelled = REFERENCE.replace("Platform user", "User of the platform");
    assert_eq!(forge.ingest(relabelled.as_bytes(), &turtle).unwrap_err().kind, FaultKind::Ontology, "the version has to move");
    assert_eq!(forge.ingest(without_body().as_bytes(), &turtle).unwrap_err().kind, FaultKind::Destructive);
    let named = IngestRequest { allow_destructive: vec!["Document.body".to_owned()], ..turtle.clone() };
    assert!(forge.ingest(without_body().as_bytes(), &named).unwrap().is_new);
    assert_eq!(forge.snapshot(None).unwrap().version, "2.0.0");
    assert_eq!(forge.snapshot(Some("1.0.0")).unwrap().n_triples, snapshot.n_triples);
    for none in ["3.0.0", "../store", ""] {
        assert_eq!(forge.snapshot(Some(none)).unwrap_err().kind, FaultKind::Missing, "{none:?}");
    }
    for (bytes, kind) in [(&b""[..], FaultKind::Ontology), (b"not turtle", FaultKind::Ontology)] {
        assert_eq!(forge.ingest(bytes, &turtle).unwrap_err().kind, kind);
    }
    assert_eq!(forge.ingest(b"x", &IngestRequest::default()).unwrap_err().kind, FaultKind::Format);
}

#[test]
fn requests_that_are_none_say_what_would_be_one() {
    let folder = tempfile::tempdir().unwrap();
    let (forge, source) = (forge(folder.path(), None), written(folder.path(), REFERENCE));
    let base = GenerateRequest::of_source(&source);
    let wrong = [
        (GenerateRequest { target: Targets::One("java".to_owned()), ..base.clone() }, "csharp"),
        (GenerateRequest { profile: "wired".to_owned(), ..base.clone() }, "wire"),
        (GenerateRequest { allow_destructive: vec!["User".to_owned()], ..base.clone() }, "nothing was generated before"),
        (GenerateRequest { source: "ontology.ttl".to_owned(), ..base.clone() }, "file://"),
        (
            GenerateRequest { reading: Reading { lossy_ranges: vec!["x".to_owned()], ..Reading::default() }, ..base },
            "<iri>=string",
        ),
    ];
    for (request, expected) in wrong {
        let fault = forge.generate(&request).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Request, "{fault}");
        assert!(fault.to_string().contains(expected), "{fault}");
    }
}

#[test]
fn the_upstream_is_asked_once_for_all_who_ask_whether_the_forge_is_ready() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(|_| (503, vec![], b"closed".to_vec()));
    let network = Network { private: true, ..Network::default() };
    let settings = settings(folder.path(), None, Sources { network, ..Sources::default() });
    let forge = Forge::new(Settings { upstream: Some(server.url("/ontology.ttl")), ..settings });
    for _ in 0..3 {
        let health = forge.health();
        assert!(!health.is_ready());
        assert!(health.dependencies[1].reason.as_ref().unwrap().contains("closed"), "{health:?}");
    }
    assert_eq!(server.asked.lock().unwrap().len(), 1);
}
