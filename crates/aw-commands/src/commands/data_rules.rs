//! What each collection demands of its documents, in one place, and which collection a document belongs to.

use std::collections::BTreeMap;
use std::path::Path;

use aw_alloy::artifact::Artifact;
use aw_alloy::digest::{ContentId, Digest};
use aw_alloy::document::members::CorpusRef;
use aw_alloy::recipe::{Notation as RecipeNotation, Recipe, Vocabulary};
use aw_alloy::signing::KeyRegistry;
use aw_alloy::text::{Limits, Node, Object, Problem, Schema, canonical, json, yaml};
use aw_domain::Registry;
use aw_store::entities::{COLLECTIONS, Collection, Draft, Notation, Words, collection};
use serde_json::Value;

use super::data_support::in_file;
use crate::exit::ExitCode;
use crate::recipe_file::read_bounded;
use crate::report::Report;

/// A file that was read and is well-formed.
pub(super) struct Input<'a> {
    pub(super) path: &'a Path,
    pub(super) notation: Notation,
    pub(super) bytes: Vec<u8>,
    pub(super) node: Node,
}

impl<'a> Input<'a> {
    /// Reads a file; its name says how it is written.
    pub(super) fn read(path: &'a Path) -> Result<Self, Report> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        let notation = match name.rsplit_once('.').map(|(_, suffix)| suffix) {
            Some("yaml" | "yml") => Notation::Yaml,
            Some("json") => Notation::Json,
            _ => {
                let message = "the name of the file does not say what it is written in";
                let report = Report::new(ExitCode::Usage, "not-a-document", message).at(in_file(path));
                return Err(report.hint("a document's file ends in `.yaml`, `.yml` or `.json`"));
            }
        };
        let bytes = read_bounded(path, "document")?;
        let node = parse(&bytes, notation).map_err(|problem| {
            Report::problems(ExitCode::Refused, "document-refused", "the document is refused for", Some(path), vec![problem])
        })?;
        Ok(Self { path, notation, bytes, node })
    }

    /// The collection it belongs to by its content.
    pub(super) fn collection(&self) -> Result<&'static Collection, Report> {
        let has = |name: &str| self.node.get(name).is_some_and(|member| !member.is_null());
        let name = if has("keyId") && has("publicKey") {
            "keys"
        } else if has("source") && has("chain") {
            "artifacts"
        } else if has("source") && has("results") {
            let message = "the document tells of a run and has no chain: another program made it";
            let report = Report::new(ExitCode::Refused, "not-ours", message).at(in_file(self.path));
            return Err(report.hint(format!("take it in with `alloyworks data import {}`", self.path.display())));
        } else if has("source") {
            "recipes"
        } else if has("metric") {
            "baselines"
        } else if has("path") || has("contentHash") || has("hashSha256") {
            "corpora"
        } else {
            let message = "nothing in the document says what it is";
            let names: Vec<String> = COLLECTIONS.iter().map(|collection| format!("`{}`", collection.name)).collect();
            let report = Report::new(ExitCode::Usage, "which-collection", message).at(in_file(self.path));
            return Err(report.hint(format!("name its collection with `--collection`: {}", names.join(", "))));
        };
        Ok(collection(name)?)
    }

    /// Checks it as the document of a collection.
    pub(super) fn draft(self, collection: &'static Collection, registry: &Registry) -> Result<Draft, Report> {
        let path = self.path;
        draft(collection, self.node, self.notation, self.bytes, registry).map_err(|problems| {
            let what = format!("as a {}, the document is refused for", collection.singular);
            Report::problems(ExitCode::Refused, "document-refused", &what, Some(path), problems)
        })
    }
}

/// Parses a document.
pub(super) fn parse(bytes: &[u8], notation: Notation) -> Result<Node, Problem> {
    match notation {
        Notation::Json => json::parse(bytes, &Limits::DOCUMENT).map_err(Problem::from),
        Notation::Yaml => match std::str::from_utf8(bytes) {
            Ok(text) => yaml::parse(text, &Limits::DOCUMENT).map_err(Problem::from),
            Err(error) => {
                let message = format!("the document is not UTF-8 text: byte {} is not part of a character", error.valid_up_to());
                Err(Problem::new("syntax", "", message))
            }
        },
    }
}

/// Reads a document of a collection; says everything that is wrong with it.
pub(super) fn draft(
    collection: &Collection,
    node: Node,
    notation: Notation,
    bytes: Vec<u8>,
    registry: &Registry,
) -> Result<Draft, Vec<Problem>> {
    match collection.name {
        "recipes" => recipe_draft(&Recipe::from_node(node, registry)?, notation, bytes),
        "artifacts" => {
            let artifact = Artifact::read(&bytes).map_err(|error| vec![Problem::new("artifact", "", error.to_string())])?;
            artifact_draft(&artifact, bytes)
        }
        "corpora" => {
            let schema = if node.get("path").is_some() {
                member_schema(registry, "calibrationCorpora")
            } else {
                Some(Schema::compile(&schemars::schema_for!(CorpusRef).to_value()))
            };
            check(schema, &node, node.get("path").is_some())?;
            let id = node.get("id").or_else(|| node.get("name")).and_then(Node::as_str).unwrap_or_default().to_owned();
            named(id, node, notation, bytes)
        }
        "baselines" => {
            check(member_schema(registry, "priorMetricBaselines"), &node, true)?;
            let stated = node.get("id").or_else(|| node.get("name")).and_then(Node::as_str).map(str::to_owned);
            let id = match stated {
                Some(id) => id,
                None => ContentId::of(&digest(&node)?).to_string(),
            };
            named(id, node, notation, bytes)
        }
        "keys" => {
            let list: Node = [node.clone()].into_iter().collect();
            let registry: Object = [("asOf", Node::from("1970-01-01T00:00:00Z")), ("keys", list)].into_iter().collect();
            // The registry reads text of its own, whose lines are not the document's.
            let text = json::compact(&Node::from(registry));
            KeyRegistry::read(text.as_bytes()).map_err(|problems| {
                let problems = problems.into_iter().map(|problem| Problem { at: None, ..problem }).collect();
                below("keys[0]", problems)
            })?;
            let id = node.get("keyId").and_then(Node::as_str).unwrap_or_default().to_owned();
            let has = |name: &str| node.get(name).is_some_and(|member| !member.is_null());
            let state = match (has("revokedAt"), has("supersededBy")) {
                (true, _) => "revoked",
                (_, true) => "superseded",
                _ => "active",
            };
            let mut draft = named(id, node, notation, bytes)?;
            draft.facts.insert("state".into(), state.into());
            Ok(draft)
        }
        other => Err(vec![Problem::new("bug", "", format!("this is a bug: nothing reads documents of `{other}`"))]),
    }
}

/// A checked recipe.
pub(super) fn recipe_draft(recipe: &Recipe, notation: Notation, bytes: Vec<u8>) -> Result<Draft, Vec<Problem>> {
    let mut draft = plain(recipe.id(), recipe.root().name.clone(), recipe.node(), notation, bytes)?;
    draft.digest = recipe.digest();
    draft.facts.insert("origin".into(), "authored".into());
    draft.facts.insert("state".into(), "valid".into());
    if let Some(domain) = recipe.domains().first() {
        draft.facts.insert("domain".into(), domain.clone());
    }
    Ok(draft)
}

/// An artifact of this program.
pub(super) fn artifact_draft(artifact: &Artifact, bytes: Vec<u8>) -> Result<Draft, Vec<Problem>> {
    let id = artifact.id().to_string();
    let mut draft = plain(id, artifact.name().to_owned(), artifact.node(), Notation::Json, bytes)?;
    draft.facts.insert("origin".into(), "forged".into());
    Ok(draft)
}

fn named(id: String, node: Node, notation: Notation, bytes: Vec<u8>) -> Result<Draft, Vec<Problem>> {
    let name = node.get("name").and_then(Node::as_str).unwrap_or(&id).to_owned();
    plain(id, name, &node, notation, bytes)
}

/// A draft with the facts every document may state.
pub(super) fn plain(id: String, name: String, node: &Node, notation: Notation, bytes: Vec<u8>) -> Result<Draft, Vec<Problem>> {
    Ok(Draft { id, name, notation, bytes, digest: digest(node)?, facts: facts(node), words: Words::of(node) })
}

/// SHA-256 of the RFC 8785 form.
pub(super) fn digest(node: &Node) -> Result<Digest, Vec<Problem>> {
    let bytes = canonical::to_bytes(node).map_err(|error| vec![Problem::new("canonical", "", error.to_string())])?;
    Ok(Digest::of(&bytes))
}

/// What a document says that entities can be listed by.
fn facts(node: &Node) -> BTreeMap<String, String> {
    let text = |node: Option<&Node>| node.and_then(Node::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
    let own = |name: &str| text(node.get(name));
    let source = |name: &str| text(node.get("source").and_then(|source| source.get(name)));
    let metric = || own("metric").or_else(|| text(node.get("metric")?.get("name")));
    let domain = || text(node.get("domains").and_then(Node::as_array)?.first());
    let found = [
        ("algorithm", own("algorithm")),
        // An ensemble has no architecture of its own: its kind stands for it.
        ("architecture", source("architecture").or_else(|| own("type").filter(|_| node.get("source").is_some()))),
        ("author", own("author")),
        ("baseModel", source("baseModel")),
        ("domain", domain()),
        ("license", own("license")),
        ("metric", metric()),
        ("outcome", own("outcome")),
        ("owner", own("owner")),
        ("parent", own("parentRecipeId")),
        ("recipeId", own("recipeId")),
        ("recipeVersion", own("recipeVersion")),
        ("type", own("type")),
        ("version", own("version")),
    ];
    found.into_iter().filter_map(|(field, value)| Some((field.to_owned(), value?))).collect()
}

/// The schema of a root member that some domain adds.
fn member_schema(registry: &Registry, name: &str) -> Option<Result<Schema, aw_alloy::text::SchemaError>> {
    let members: Vec<(String, Value)> = registry.root_document_members(&registry.default_domains());
    members.into_iter().find(|(member, _)| member == name).map(|(_, schema)| Schema::compile(&schema))
}

/// Holds a document against a schema, or against that of a list it would be the only one of.
fn check(schema: Option<Result<Schema, aw_alloy::text::SchemaError>>, node: &Node, listed: bool) -> Result<(), Vec<Problem>> {
    let schema = match schema {
        Some(Ok(schema)) => schema,
        Some(Err(error)) => {
            return Err(vec![Problem::new("bug", "", format!("this is a bug: a schema does not compile: {error}"))]);
        }
        None => return Err(vec![Problem::new("unknown-domain", "", "no domain of this program knows such documents")]),
    };
    let problems = if listed {
        let list: Node = [node.clone()].into_iter().collect();
        below("[0]", schema.check(&list, ""))
    } else {
        schema.check(node, "")
    };
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

/// Paths within the one document that was put into a list.
fn below(list: &str, problems: Vec<Problem>) -> Vec<Problem> {
    let shorten = |mut problem: Problem| {
        if let Some(rest) = problem.path.strip_prefix(list) {
            problem.path = rest.trim_start_matches('.').to_owned();
        }
        problem
    };
    problems.into_iter().map(shorten).collect()
}

/// The notation as a recipe's reader names it.
pub(super) fn recipe_notation(notation: Notation) -> RecipeNotation {
    match notation {
        Notation::Json => RecipeNotation::Json,
        Notation::Yaml => RecipeNotation::Yaml,
    }
}
