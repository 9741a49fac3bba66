//! An artifact as a machine-learning bill of materials.
//!
//! # Source
//! CycloneDX 1.6, the JSON format.

use serde_json::{Map, Value, json};

use super::licenses;
use crate::artifact::{Artifact, ExpectedFile, Origin, verify};
use crate::digest::{ContentId, Digest, from_hex};
use crate::document::Document;
use crate::text::{Node, json as json_text};

/// The bill of a document of any origin, published or forged here. Equal documents give equal bytes.
///
/// `files` are those that lie beside an artifact's document; what a document says of itself is stated as it is, nothing is verified.
pub fn bill_of_materials(document: &Document, file_name: &str) -> Vec<u8> {
    let root = document.node();
    let files = verify(document.to_bytes(), file_name, &[]).files;
    let artifact = Artifact::read(document.to_bytes()).ok();
    let serial =
        artifact.as_ref().map_or_else(|| ContentId::of(&document.file_hash()).to_string(), |artifact| artifact.id().to_string());
    let mut metadata = Map::new();
    set(&mut metadata, "timestamp", timestamp(root).map(Value::from));
    set(&mut metadata, "tools", tools(root));
    metadata.insert("component".into(), model(document, &serial, artifact.as_ref()));
    let components = components(root, &files, document, file_name);
    let mut bill =
        json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "serialNumber": format!("urn:uuid:{serial}"), "version": 1});
    bill["metadata"] = Value::Object(metadata);
    bill["components"] = Value::Array(components);
    let text = json_text::publish(&Node::from_serde(&bill));
    format!("{text}\n").into_bytes()
}

fn set(object: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    object.extend(value.map(|value| (name.to_owned(), value)));
}

fn text<'a>(node: &'a Node, path: &str) -> Option<&'a str> {
    path.split('.').try_fold(node, |node, name| node.get(name))?.as_str().filter(|text| !text.is_empty())
}

fn items<'a>(node: &'a Node, path: &str) -> &'a [Node] {
    path.split('.').try_fold(node, |node, name| node.get(name)).and_then(Node::as_array).unwrap_or_default()
}

/// When it was made, where that is told in the one spelling the format takes.
fn timestamp(root: &Node) -> Option<String> {
    let told = text(root, "forgedAt").or_else(|| text(root, "results.completedAt")).or_else(|| text(root, "receipt.issuedAt"))?;
    crate::Moment::read(told).map(|moment| moment.to_string())
}

fn tools(root: &Node) -> Option<Value> {
    let code = root.get("integrity").or_else(|| root.get("results")?.get("integrity"))?.get("code")?;
    let mut tool = json!({"type": "application", "name": text(code, "runner")?});
    if let Some(version) = text(code, "version") {
        tool["version"] = json!(version);
    }
    if let Some(hash) = text(code, "binaryHash").and_then(sha256) {
        tool["hashes"] = json!([hash]);
    }
    Some(json!({"components": [tool]}))
}

/// A digest as the format has it; `None` for what is no SHA-256, of which published documents have some.
fn sha256(text: &str) -> Option<Value> {
    let hex = text.strip_prefix("sha256:").unwrap_or(text).to_ascii_lowercase();
    from_hex(&hex).filter(|bytes| bytes.len() == 32)?;
    Some(json!({"alg": "SHA-256", "content": hex}))
}

fn hash(digest: &Digest) -> Value {
    json!([{"alg": "SHA-256", "content": digest.hex()}])
}

fn model(document: &Document, serial: &str, artifact: Option<&Artifact>) -> Value {
    let root = document.node();
    let mut model = json!({"type": "machine-learning-model", "bom-ref": "model", "name": document.name()});
    let object = model.as_object_mut().expect("written as an object");
    set(object, "version", text(root, "recipeVersion").or_else(|| text(root, "version")).map(Value::from));
    set(object, "publisher", text(root, "author").map(Value::from));
    set(object, "description", text(root, "userSummary").or_else(|| text(root, "description")).map(Value::from));
    set(object, "licenses", text(root, "license").map(license));
    set(
        object,
        "hashes",
        text(root, "integrity.modelHash")
            .or_else(|| text(root, "results.integrity.modelHash"))
            .and_then(sha256)
            .map(|hash| json!([hash])),
    );
    set(object, "pedigree", ancestors(root, artifact));
    set(object, "externalReferences", references(root));
    let mut properties = vec![
        json!({"name": "alloyworks:document:id", "value": serial}),
        json!({"name": "alloyworks:document:sha256", "value": document.file_hash().hex()}),
    ];
    if let Some(artifact) = artifact {
        properties.push(json!({"name": "alloyworks:output:root", "value": artifact.output().to_string()}));
    }
    object.insert("modelCard".into(), card(root));
    object.insert("properties".into(), Value::Array(properties));
    set(
        object,
        "tags",
        Some(items(root, "tags")).filter(|tags| !tags.is_empty()).map(|tags| {
            let tags: Vec<&str> = tags.iter().filter_map(Node::as_str).collect();
            json!(tags)
        }),
    );
    model
}

fn license(text: &str) -> Value {
    match licenses::spdx(text) {
        Some(id) => json!([{"license": {"id": id}}]),
        None => json!([{"license": {"name": text}}]),
    }
}

/// What it was made from.
fn ancestors(root: &Node, artifact: Option<&Artifact>) -> Option<Value> {
    let base = text(root, "source.baseModel")?;
    let mut ancestor = json!({"type": "machine-learning-model", "name": base});
    let object = ancestor.as_object_mut().expect("written as an object");
    set(object, "version", text(root, "source.revision").map(Value::from));
    set(object, "licenses", text(root, "source.license").map(license));
    if let Some(artifact) = artifact {
        let source = &artifact.chain().source;
        let property = json!({"name": "alloyworks:tree:root", "value": source.root.to_string()});
        object.insert("properties".into(), json!([property]));
        let file = |entry: &crate::tree::TreeEntry| json!({"type": "file", "name": entry.path, "hashes": hash(&entry.digest)});
        object.insert("components".into(), source.files.entries().iter().map(file).collect());
    }
    Some(json!({"ancestors": [ancestor]}))
}

fn references(root: &Node) -> Option<Value> {
    let published = items(root, "receipt.publications").iter().filter_map(|publication| text(publication, "url"));
    let published = published.map(|url| json!({"type": "distribution", "url": url}));
    let paper = text(root, "methodologyPaperUrl").map(|url| json!({"type": "documentation", "url": url}));
    let all: Vec<Value> = published.chain(paper).collect();
    (!all.is_empty()).then(|| json!(all))
}

fn card(root: &Node) -> Value {
    let mut parameters = Map::new();
    set(&mut parameters, "modelArchitecture", text(root, "source.architecture").map(Value::from));
    let corpora: Vec<Value> = corpora(root).map(|(index, _)| json!({"ref": format!("corpus-{index}")})).collect();
    set(&mut parameters, "datasets", Some(corpora).filter(|corpora| !corpora.is_empty()).map(Value::from));
    let mut card = Map::new();
    card.insert("modelParameters".into(), Value::Object(parameters));
    let metrics: Vec<Value> = items(root, "results.benchmarks").iter().flat_map(metrics).collect();
    if !metrics.is_empty() {
        card.insert("quantitativeAnalysis".into(), json!({"performanceMetrics": metrics}));
    }
    let limitations: Vec<&str> = items(root, "limitations").iter().filter_map(Node::as_str).collect();
    if !limitations.is_empty() {
        card.insert("considerations".into(), json!({"technicalLimitations": limitations}));
    }
    Value::Object(card)
}

/// A benchmark's measurements: the score and the base's beside it, or every number of its open bag.
fn metrics(benchmark: &Node) -> Vec<Value> {
    let Some(name) = text(benchmark, "name") else { return Vec::new() };
    let kind = |what: Option<&str>| what.map_or_else(|| name.to_owned(), |what| format!("{name} {what}"));
    let of = |slice: &str| match text(benchmark, "subset") {
        Some(subset) => format!("{slice}, {subset}"),
        None => slice.to_owned(),
    };
    let number = |node: &Node| node.as_number().map(|number| number.lexeme().to_owned());
    let metric = |kind: String, slice: &str, value: String| json!({"type": kind, "value": value, "slice": of(slice)});
    let measured = text(benchmark, "metric");
    let mut found = Vec::new();
    if let Some(score) = benchmark.get("score").and_then(number) {
        found.push(metric(kind(measured), "this model", score));
        let base = benchmark.get("baseScore").and_then(number);
        found.extend(base.map(|score| metric(kind(measured), "the base model in the same pipeline", score)));
        return found;
    }
    let bag = benchmark.get("metrics").and_then(Node::as_object).into_iter().flat_map(crate::text::Object::iter);
    for member in bag {
        found.extend(number(&member.value).map(|value| metric(kind(Some(&member.name)), "this model", value)));
    }
    found
}

/// The corpora a recipe names, with their position.
fn corpora(root: &Node) -> impl Iterator<Item = (usize, &Node)> {
    ["calibrationCorpora", "evaluationCorpora"].into_iter().flat_map(|name| items(root, name)).enumerate()
}

fn components(root: &Node, files: &[ExpectedFile], document: &Document, file_name: &str) -> Vec<Value> {
    let corpus = |(index, corpus): (usize, &Node)| {
        let name = text(corpus, "name").or_else(|| text(corpus, "id")).unwrap_or("corpus");
        let mut data = json!({"type": "data", "bom-ref": format!("corpus-{index}"), "name": name, "data": [{"type": "dataset", "name": name}]});
        let digest = ["sha256", "contentHash", "hashSha256"].into_iter().find_map(|member| sha256(text(corpus, member)?));
        if let Some(hash) = digest {
            data["hashes"] = json!([hash]);
        }
        data
    };
    let mut all: Vec<Value> = corpora(root).map(corpus).collect();
    all.push(json!({"type": "file", "bom-ref": "document", "name": file_name, "hashes": hash(&document.file_hash())}));
    let of = |file: &ExpectedFile| {
        let from = match &file.origin {
            Origin::Source => "the source".to_owned(),
            other => other.to_string(),
        };
        json!({
            "type": "file", "bom-ref": format!("file:{}", file.path), "name": file.path, "hashes": hash(&file.digest),
            "properties": [{"name": "alloyworks:origin", "value": from}],
        })
    };
    all.extend(files.iter().map(of));
    if files.is_empty() {
        // Documents of other origins list their weight files themselves.
        let listed = ["integrity.fileHashes", "results.integrity.fileHashes"].into_iter().flat_map(|path| items(root, path));
        all.extend(listed.filter_map(|file| {
            let name = text(file, "filename")?;
            Some(json!({"type": "file", "bom-ref": format!("file:{name}"), "name": name, "hashes": [sha256(text(file, "sha256")?)?]}))
        }));
    }
    all
}
