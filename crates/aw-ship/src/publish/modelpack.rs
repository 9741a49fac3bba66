//! CNCF ModelPack: an artifact as an OCI manifest of `application/vnd.cncf.model.manifest.v1+json`, a raw layer a file.
//!
//! # Source
//! github.com/modelpack/model-spec: `specs-go/v1/mediatype.go`, `specs-go/v1/annotations.go`, `schema/config-schema.json`.

use std::collections::BTreeMap;

use aw_alloy::artifact::CARD_FILE;
use aw_alloy::digest::Digest;
use aw_alloy::text::Node;
use aw_alloy::tree::TreePath;
use aw_remote::oci::MANIFEST_TYPE;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::contents::{ContentFile, Contents};

/// What kind of artifact it is.
pub(crate) const ARTIFACT_TYPE: &str = "application/vnd.cncf.model.manifest.v1+json";
/// Media type of the configuration.
pub(crate) const CONFIG_TYPE: &str = "application/vnd.cncf.model.config.v1+json";
/// The annotation that names a layer's file.
pub(crate) const FILE_PATH: &str = "org.cncf.model.filepath";
/// The annotation that describes it.
const FILE_METADATA: &str = "org.cncf.model.file.metadata+json";
/// The annotation that other tools of registries show.
const TITLE: &str = "org.opencontainers.image.title";

/// A manifest of image-spec 1.1.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Manifest {
    schema_version: u32,
    media_type: String,
    artifact_type: String,
    config: Descriptor,
    pub(crate) layers: Vec<Descriptor>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

/// Content by its digest.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    media_type: String,
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) annotations: BTreeMap<String, String>,
}

/// The kind of layer a file is, by its name.
pub(crate) fn kind(path: &TreePath) -> &'static str {
    let path = path.as_str();
    let name = path.rsplit('/').next().unwrap_or(path);
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).unwrap_or_default();
    let tokenizer = ["tokenizer", "special_tokens", "added_tokens", "vocab", "merges", "chat_template", "generation_config"];
    match ending.as_str() {
        "safetensors" | "gguf" | "onnx" | "mlx" => "application/vnd.cncf.model.weight.v1.raw",
        _ if name == "config.json" || name.ends_with(".safetensors.index.json") => {
            "application/vnd.cncf.model.weight.config.v1.raw"
        }
        _ if tokenizer.iter().any(|word| name.starts_with(word)) => "application/vnd.cncf.model.weight.config.v1.raw",
        "jinja" => "application/vnd.cncf.model.weight.config.v1.raw",
        "jsonl" | "parquet" | "csv" => "application/vnd.cncf.model.dataset.v1.raw",
        "py" | "rs" | "ts" | "js" | "cs" | "sql" | "toml" | "bpmn" => "application/vnd.cncf.model.code.v1.raw",
        _ => "application/vnd.cncf.model.doc.v1.raw",
    }
}

/// The configuration: what kind of model it is, and the digests of its layers in order.
pub(crate) fn config(contents: &Contents) -> Vec<u8> {
    let node = contents.artifact.node();
    let text = |path: &str| contents.artifact.text(path).filter(|text| !text.is_empty()).map(str::to_owned);
    let mut descriptor = Map::new();
    let mut say = |name: &str, value: Option<String>| drop(value.map(|value| descriptor.insert(name.into(), Value::from(value))));
    say("createdAt", text("forgedAt"));
    say("family", text("source.architecture"));
    say("name", Some(contents.artifact.name().to_owned()));
    say("version", Some(contents.version().to_owned()));
    say("title", text("recipeName"));
    say("description", text("description"));
    say("docURL", text("methodologyPaperUrl"));
    say("revision", Some(contents.artifact.id().to_string()));
    say("vendor", text("author"));
    for (name, value) in [("authors", text("author")), ("licenses", text("license"))] {
        if let Some(value) = value {
            descriptor.insert(name.to_owned(), json!([value]));
        }
    }
    let mut model = Map::new();
    if let Some(architecture) = text("source.architecture") {
        model.insert("architecture".into(), Value::from(architecture));
    }
    let formats: Vec<&str> = [("gguf", ".gguf"), ("safetensors", ".safetensors"), ("onnx", ".onnx")]
        .into_iter()
        .filter(|(_, ending)| contents.files.iter().any(|file| file.path.as_str().ends_with(ending)))
        .map(|(name, _)| name)
        .collect();
    if let Some(format) = formats.first() {
        model.insert("format".into(), Value::from(*format));
    }
    if let Some(billions) = node.get("forgedParamsB").and_then(Node::as_f64).filter(|billions| *billions > 0.0) {
        model.insert("paramSize".into(), Value::from(format!("{billions}b")));
    }
    let diff_ids: Vec<String> = contents.files.iter().map(|file| file.digest.to_string()).collect();
    let config = json!({
        "descriptor": descriptor,
        "modelfs": { "type": "layers", "diffIds": diff_ids },
        "config": model,
    });
    serde_json::to_vec(&config).expect("texts and numbers have a JSON form")
}

/// The manifest. The same contents give the same bytes.
pub(crate) fn manifest(contents: &Contents, config: &[u8]) -> Vec<u8> {
    let config = Descriptor {
        media_type: CONFIG_TYPE.to_owned(),
        digest: Digest::of(config),
        size: config.len() as u64,
        annotations: BTreeMap::new(),
    };
    let layers = contents.files.iter().map(|file| layer(contents, file)).collect();
    let mut annotations = BTreeMap::from([
        (TITLE.to_owned(), contents.artifact.name().to_owned()),
        ("org.opencontainers.image.version".to_owned(), contents.version().to_owned()),
    ]);
    for (name, path) in [("created", "forgedAt"), ("licenses", "license"), ("description", "userSummary")] {
        if let Some(text) = contents.artifact.text(path).filter(|text| !text.is_empty()) {
            annotations.insert(format!("org.opencontainers.image.{name}"), text.to_owned());
        }
    }
    let document = Manifest {
        schema_version: 2,
        media_type: MANIFEST_TYPE.to_owned(),
        artifact_type: ARTIFACT_TYPE.to_owned(),
        config,
        layers,
        annotations,
    };
    serde_json::to_vec(&document).expect("texts and numbers have a JSON form")
}

fn layer(contents: &Contents, file: &ContentFile) -> Descriptor {
    let name = file.path.as_str().rsplit('/').next().unwrap_or_default();
    // What a file is on some disk does not belong to what is published: it is everybody's to read, and as old as the artifact.
    let metadata = json!({
        "name": name, "mode": 0o644, "uid": 0, "gid": 0, "size": file.bytes,
        "mtime": contents.artifact.text("forgedAt").unwrap_or("1970-01-01T00:00:00Z"), "typeflag": b'0',
    });
    let annotations = BTreeMap::from([
        (FILE_PATH.to_owned(), file.path.to_string()),
        (FILE_METADATA.to_owned(), metadata.to_string()),
        (TITLE.to_owned(), file.path.to_string()),
    ]);
    let media_type = if file.path.as_str() == CARD_FILE { "application/vnd.cncf.model.doc.v1.raw" } else { kind(&file.path) };
    Descriptor { media_type: media_type.to_owned(), digest: file.digest, size: file.bytes, annotations }
}
