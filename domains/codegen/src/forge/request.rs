//! What is asked of the forge, and what it answers: the JSON of every surface.

use std::collections::BTreeMap;
use std::path::PathBuf;

use aw_alloy::digest::Digest;
use aw_alloy::keys::PublicKey;
use serde::{Deserialize, Serialize};

use crate::delivery;
use crate::diagnostic::Diagnostic;
use crate::diff::{Class, Diff, Step};
use crate::emit::Templates;
use crate::input::Vocabulary;
use crate::smoke::Smoke;
use crate::source::NoChange;

/// How an ontology is read, wherever it comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Reading {
    /// What RDF is read as; the forge vocabulary when not given.
    pub vocabulary: Option<Vocabulary>,
    /// The model's version, for ontologies that do not say it.
    pub version: Option<String>,
    /// The namespace of generated code, for ontologies that do not say it.
    pub namespace: Option<String>,
    /// Ranges without a scalar of their own, as `<iri>=scalar`.
    pub lossy_ranges: Vec<String>,
    /// Shapes the ontology has to satisfy besides the built-in ones: sources as the ontology itself.
    pub shapes: Vec<String>,
    /// Whether what is ignored is an error.
    pub strict: bool,
}

/// What is to be generated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct GenerateRequest {
    /// Where the ontology is.
    pub source: String,
    /// For which targets: a name, names, or `all`: the languages, `sql` where there are bindings, and `bpmn` and `cacao` where there are
    /// processes.
    #[serde(default, alias = "targets")]
    pub target: Targets,
    /// How members are named in JSON: `wire` or `plain`.
    #[serde(default = "wire")]
    pub profile: String,
    /// The folder that gets the files, a folder for each target.
    #[serde(default)]
    pub out: Option<PathBuf>,
    /// The state of the source that the caller has; `no_change` when it is still that.
    #[serde(default)]
    pub if_none_match: Option<String>,
    /// What may be destroyed, by name.
    #[serde(default)]
    pub allow_destructive: Vec<String>,
    /// Whether files are compiled; always done before they are published.
    #[serde(default)]
    pub smoke: bool,
    /// Whether an artifact is published.
    #[serde(default)]
    pub publish: bool,
    /// Targets that may be published although nothing compiled them.
    #[serde(default)]
    pub allow_unverified: Vec<String>,
    /// Where types are in databases, as YAML or JSON; the target `sql` is made of it.
    #[serde(default)]
    pub bindings: Option<String>,
    /// Templates that write files in place of the built-in renderers. Nobody hands them in over HTTP.
    #[serde(skip)]
    pub templates: Templates,
    /// How the ontology is read.
    #[serde(default, flatten)]
    pub reading: Reading,
}

fn wire() -> String {
    "wire".to_owned()
}

impl GenerateRequest {
    /// Every language of a source in the wire profile.
    pub fn of_source(source: &str) -> Self {
        Self {
            source: source.to_owned(),
            target: Targets::default(),
            profile: wire(),
            out: None,
            if_none_match: None,
            allow_destructive: Vec::new(),
            smoke: false,
            publish: false,
            allow_unverified: Vec::new(),
            bindings: None,
            templates: Templates::default(),
            reading: Reading::default(),
        }
    }
}

/// Names of targets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum Targets {
    /// One, or `all`.
    One(String),
    /// Several.
    Several(Vec<String>),
}

impl Default for Targets {
    fn default() -> Self {
        Self::One("all".to_owned())
    }
}

/// A generated file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct FileView {
    /// Its path, the target's folder in front.
    pub path: String,
    /// SHA-256 of its bytes.
    pub sha256: Digest,
    /// How many bytes it has.
    pub bytes: u64,
}

/// What was made for a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct TargetView {
    /// Its files.
    pub files: Vec<FileView>,
    /// What became of compiling them; `null` when that was not asked for.
    pub smoke: Option<Smoke>,
}

/// How much changed since what was generated last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ChangeView {
    /// The version generated before.
    pub from: String,
    /// The worst class; `null` when nothing differs.
    pub class: Option<Class>,
    /// The version step that is demanded.
    pub step: Step,
    /// How many differences there are.
    pub changes: usize,
}

impl From<&Diff> for ChangeView {
    fn from(diff: &Diff) -> Self {
        Self { from: diff.old.version.clone(), class: diff.class, step: diff.step, changes: diff.changes.len() }
    }
}

/// An artifact that was published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ArtifactView {
    /// Its name.
    pub artifact: String,
    /// Where it is.
    pub store: String,
    /// SHA-256 of its manifest: what a consumer pins.
    pub manifest_sha256: Digest,
    /// The key it is signed with: what a consumer's first `pin` is given as `--public-key`.
    pub signed_by: String,
    /// Whether it was not there before.
    pub is_new: bool,
}

impl ArtifactView {
    /// Says what a store did.
    pub fn of(published: &delivery::Published, store: String, signed_by: &PublicKey) -> Self {
        Self {
            artifact: published.name.to_string(),
            store,
            manifest_sha256: published.manifest_sha256,
            signed_by: signed_by.to_string(),
            is_new: published.is_new,
        }
    }
}

/// What generating came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Generated {
    /// Why nothing had to be generated; `null` when something was.
    pub no_change: Option<NoChange>,
    /// The state of the source, to ask with the next time.
    pub validator: Option<String>,
    /// `ontology@<key>`; `null` when the source itself did not change.
    pub ontology: Option<String>,
    /// The ontology's version.
    pub model_version: Option<String>,
    /// Identity of the model.
    pub model_digest: Option<Digest>,
    /// Identity of the graph, when it was RDF.
    pub graph_digest: Option<Digest>,
    /// How members are named in JSON.
    pub profile: String,
    /// What was made, by target.
    pub targets: BTreeMap<String, TargetView>,
    /// How it differs from what was generated last.
    pub change: Option<ChangeView>,
    /// What was published.
    pub artifact: Option<ArtifactView>,
    /// What is to be said about the ontology.
    pub diagnostics: Vec<Diagnostic>,
}

/// What checking an ontology found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Validated {
    /// `ontology@<key>`.
    pub ontology: String,
    /// Its version.
    pub model_version: String,
    /// Identity of the model.
    pub model_digest: Digest,
    /// Identity of the graph, when it was RDF.
    pub graph_digest: Option<Digest>,
    /// How many types it has.
    pub types: usize,
    /// How many enumerations.
    pub enumerations: usize,
    /// How many processes.
    pub processes: usize,
    /// How many triples were read.
    pub triples: usize,
    /// What is to be said about the ontology.
    pub diagnostics: Vec<Diagnostic>,
}

/// How an ontology is taken in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IngestRequest {
    /// The media type it was sent as.
    pub content_type: Option<String>,
    /// What may be destroyed, by name.
    pub allow_destructive: Vec<String>,
}

/// What taking an ontology in came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Ingested {
    /// Whether it was not there before.
    pub is_new: bool,
    /// Its version.
    pub version: String,
    /// `ontology@<key>`.
    pub ontology: String,
    /// Identity of the graph.
    pub graph_digest: Digest,
    /// Where the forge reads it from now on.
    pub source: String,
    /// How it differs from the version before.
    pub change: Option<ChangeView>,
    /// What is to be said about the ontology.
    pub diagnostics: Vec<Diagnostic>,
}

/// An ontology in its canonical form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Its version.
    pub version: String,
    /// Identity of the graph: SHA-256 of `n_triples`.
    pub graph_digest: Digest,
    /// The canonical N-Triples.
    pub n_triples: Vec<u8>,
}

/// Whether the forge can work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Health {
    /// Version of the forge.
    pub version: String,
    /// Targets it generates.
    pub targets: Vec<String>,
    /// The profile when none is asked for.
    pub profile: String,
    /// The ontology generated last.
    pub last_key: Option<String>,
    /// What it depends on.
    pub dependencies: Vec<Dependency>,
}

/// Something the forge depends on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Dependency {
    /// What it is.
    pub name: String,
    /// Whether it answers.
    pub ready: bool,
    /// Why not.
    pub reason: Option<String>,
}

impl Health {
    /// Whether everything it depends on answers.
    pub fn is_ready(&self) -> bool {
        self.dependencies.iter().all(|dependency| dependency.ready)
    }
}
