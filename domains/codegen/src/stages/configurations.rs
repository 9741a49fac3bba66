//! What recipes say of the stages.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

/// Configuration of `read-ontology`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ReadOntology {
    /// What RDF is read as.
    #[serde(default)]
    pub(crate) vocabulary: VocabularyName,
    /// The model's version, for ontologies that do not say it.
    pub(crate) ontology_version: Option<String>,
    /// The namespace of generated code, for ontologies that do not say it.
    pub(crate) namespace: Option<String>,
    /// Ranges without a scalar of their own, as `<iri>=scalar`.
    #[serde(default)]
    pub(crate) lossy_ranges: Vec<String>,
    /// Shapes the ontology has to satisfy besides the built-in ones.
    #[serde(default)]
    pub(crate) shapes: Vec<PinnedFile>,
    /// Whether what is ignored is an error.
    #[serde(default)]
    pub(crate) strict: bool,
}

/// What RDF is read as.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum VocabularyName {
    /// The constrained forge vocabulary.
    #[default]
    Forge,
    /// Ontologies as they are found: RDFS, OWL, SHACL, schema.org.
    Ontology,
}

/// A file beside the recipe and what it must hold.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PinnedFile {
    /// Its path, relative to the recipe.
    #[schemars(length(min = 1))]
    pub(crate) path: String,
    /// SHA-256 of its bytes.
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"))]
    pub(crate) sha256: String,
}

/// Configuration of `generate`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Generate {
    /// Names of targets; every language when not given, and `sql` where there are bindings.
    pub(crate) targets: Option<Vec<String>>,
    /// How members are named in JSON: `wire` or `plain`.
    #[serde(default)]
    pub(crate) profile: ProfileName,
    /// Templates that write the files of a language in place of the built-in renderer, by the language's target.
    #[serde(default)]
    pub(crate) templates: BTreeMap<String, PinnedFile>,
    /// Where types are in databases, as YAML or JSON.
    pub(crate) sql_bindings: Option<PinnedFile>,
}

/// How members are named in JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ProfileName {
    /// As the ontology declares them, in every language.
    #[default]
    Wire,
    /// As each language writes its members.
    Plain,
}

/// Configuration of `contract-diff`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ContractDiff {
    /// The older model: `model/model.json` of an earlier artifact.
    pub(crate) base: PinnedFile,
    /// What may be destroyed, by name.
    #[serde(default)]
    pub(crate) allow_destructive: Vec<String>,
}

/// Configuration of `smoke-compile`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SmokeCompile {
    /// Targets that may go unchecked where there is no compiler for them.
    #[serde(default)]
    pub(crate) allow_unverified: Vec<String>,
}
