//! How an artifact was made, as SLSA provenance: the recipe, what it was made from, who ran it, and which files came out.
//!
//! # Source
//! SLSA 1.0, "Provenance", predicate type `https://slsa.dev/provenance/v1`.

use serde_json::{Map, Value, json};

use super::statement::{Resource, Statement};
use crate::artifact::{ARTIFACT_SUFFIX, Artifact, ExpectedFile, Origin, verify};
use crate::digest::Digest;
use crate::recipe::RUN_MEMBERS;
use crate::text::Node;

/// The claim that the statement makes.
pub const PREDICATE_TYPE: &str = "https://slsa.dev/provenance/v1";
/// How to read the parameters: a recipe of this format, run by a foundry of this kind.
pub const BUILD_TYPE: &str = "urn:alloyworks:forge:v1";
/// What the digest of a tree is called where digests stand by algorithm.
///
/// # Source
/// `spec/tree.md`.
pub const TREE_DIGEST: &str = "alloyworksTreeV1";

/// Why an artifact has no provenance to state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the artifact is not as it was sealed, and provenance is only stated of one that is: {first}")]
pub struct NotSealed {
    /// The first thing that is wrong.
    pub first: String,
}

/// States the provenance of the artifact whose document has these bytes.
///
/// The subjects are the document and every file that must lie beside it.
///
/// # Errors
/// [`NotSealed`] when the document is no artifact or anything about its seal and chain is wrong.
pub fn provenance(document: &[u8], file_name: &str) -> Result<Statement, NotSealed> {
    let verification = verify(document, file_name, &[]);
    let wrong = verification.findings.first().map(|finding| format!("{}: {}", finding.place, finding.message));
    let (artifact, None, Some(signer)) = (verification.artifact, wrong.clone(), verification.signer) else {
        return Err(NotSealed { first: wrong.unwrap_or_else(|| "nobody sealed it".into()) });
    };
    let artifact = artifact.ok_or_else(|| NotSealed { first: "it is no artifact".into() })?;
    let mut subject = vec![Resource::file(format!("{}{ARTIFACT_SUFFIX}", artifact.name()), Digest::of(document))];
    subject.extend(verification.files.iter().map(|file| Resource::file(file.path.as_str(), file.digest)));
    let predicate = json!({
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": {"recipe": recipe(artifact.node())},
            "internalParameters": internal(&artifact),
            "resolvedDependencies": dependencies(&artifact),
        },
        "runDetails": {
            "builder": builder(&artifact, &signer.to_string()),
            "metadata": {"invocationId": format!("urn:uuid:{}", artifact.id()), "startedOn": artifact.text("forgedAt")},
            "byproducts": byproducts(&verification.files),
        },
    });
    let Value::Object(predicate) = predicate else { unreachable!("written as an object above") };
    Ok(Statement::new(PREDICATE_TYPE, subject, predicate))
}

/// The artifact's recipe: every member that is not what a run learned.
fn recipe(document: &Node) -> Value {
    let members = document.as_object().into_iter().flat_map(crate::text::Object::iter);
    let authored = members.filter(|member| member.name != "id" && !RUN_MEMBERS.contains(&member.name.as_str()));
    Value::Object(authored.map(|member| (member.name.clone(), member.value.to_serde())).collect())
}

/// What the foundry chose itself: the code of each stage.
fn internal(artifact: &Artifact) -> Value {
    let stage = |link: &crate::chain::Link| json!({"stage": link.stage_type, "codeVersion": link.code_version, "stageKey": link.stage_key});
    json!({"stages": artifact.chain().links.iter().map(stage).collect::<Vec<_>>()})
}

/// The source's tree, its files, and every file beside it that a stage read.
fn dependencies(artifact: &Artifact) -> Vec<Value> {
    let source = &artifact.chain().source;
    let uri = artifact.text("source.baseModel").map(|model| format!("urn:alloyworks:source:{}", percent_encode(model)));
    let mut tree = json!({"name": "source", "digest": {TREE_DIGEST: source.root.hex()}});
    if let Some(uri) = uri {
        tree["uri"] = json!(uri);
    }
    let mut all = vec![tree];
    let file = |name: String, digest: Digest| json!({"name": name, "digest": {"sha256": digest.hex()}});
    all.extend(source.files.entries().iter().map(|entry| file(format!("source/{}", entry.path), entry.digest)));
    let mut read: Vec<(&str, Digest)> = Vec::new();
    for (name, digest) in artifact.chain().links.iter().flat_map(|link| &link.read) {
        if let Some(name) = name.strip_prefix("file:").filter(|name| !read.contains(&(*name, *digest))) {
            read.push((name, *digest));
        }
    }
    all.extend(read.into_iter().map(|(name, digest)| file(format!("input/{name}"), digest)));
    all
}

fn builder(artifact: &Artifact, signer: &str) -> Value {
    let mut version = Map::new();
    if let Some(own) = artifact.text("integrity.code.version") {
        version.insert(artifact.text("integrity.code.runner").unwrap_or("runner").to_owned(), json!(own));
    }
    let mut builder = json!({"id": format!("urn:alloyworks:node:ed25519:{signer}")});
    if !version.is_empty() {
        builder["version"] = Value::Object(version);
    }
    let binary = artifact.text("integrity.code.binaryHash").and_then(|text| text.parse::<Digest>().ok());
    if let Some(binary) = binary {
        builder["builderDependencies"] = json!([{"name": "program", "digest": {"sha256": binary.hex()}}]);
    }
    builder
}

/// The files that say how the stages went.
fn byproducts(files: &[ExpectedFile]) -> Vec<Resource> {
    let records = files.iter().filter(|file| matches!(file.origin, Origin::Record(_)));
    records.map(|file| Resource::file(file.path.as_str(), file.digest)).collect()
}

/// A text as part of a URI: everything but letters, digits and `-._~` as `%XX`.
///
/// # Source
/// RFC 3986 section 2.
pub(super) fn percent_encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
