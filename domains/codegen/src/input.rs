//! Reading an ontology: from bytes of a stated format to a checked model.
//!
//! [`read`] is the one entry point. YAML has a front end of its own; RDF is read as [`Vocabulary`] says: by the constrained forge vocabulary,
//! or as ontologies are found (RDFS, OWL, SHACL, schema.org).
//!
//! # Source
//! Codegen, sections 3 to 7.

mod forge;
mod format;
mod graph;
mod ontology;
mod rdf;
mod shapes;
mod yaml;

use std::collections::BTreeMap;

use aw_alloy::digest::Digest;

pub use crate::diff::{Facts, Renames};
pub use format::Format;

use crate::diagnostic::{self, Diagnostic, Severity};
use crate::model::{Model, Scalar, check};

/// How an ontology is to be read.
#[derive(Clone, Debug, Default)]
pub struct ReadOptions {
    /// What RDF is read as.
    pub vocabulary: Vocabulary,
    /// The model's version, for ontologies without an `f:Model`; one that has another version is refused.
    pub version: Option<String>,
    /// The model's namespace, for ontologies without an `f:Model`; one that has another namespace is refused.
    pub namespace: Option<String>,
    /// What relative IRIs are resolved against.
    pub base: Option<String>,
    /// Other documents of the same ontology (what it imports): nothing is fetched while reading.
    pub imports: Vec<Document>,
    /// Ranges without a scalar of their own, by IRI, and the scalar that stands for them.
    pub lossy_ranges: BTreeMap<String, Scalar>,
    /// Names for classes, properties and individuals by IRI, in place of those their IRIs end with (ontologies as they are found).
    pub names: BTreeMap<String, String>,
    /// Shapes the graph has to satisfy, besides the built-in ones.
    pub shapes: Vec<Document>,
    /// Whether what is ignored is an error.
    pub strict: bool,
    /// What may be read.
    pub limits: Limits,
}

/// What RDF is read as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Vocabulary {
    /// The constrained forge vocabulary with its `f:Model`.
    #[default]
    Forge,
    /// An ontology as it is found: RDFS, OWL, SHACL, schema.org's own terms.
    Ontology,
    /// The forge vocabulary when any of it is used, else an ontology; a diagnostic says which.
    Auto,
}

/// Bytes in a stated format.
#[derive(Clone, Debug)]
pub struct Document {
    /// What it is called in diagnostics.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Their format.
    pub format: Format,
}

/// Bounds of one reading.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bounds of each RDF document.
    pub rdf: aw_rdf::Limits,
    /// Bounds of the canonical form.
    pub canonical: aw_rdf::canonical::Limits,
    /// Bounds of a YAML document.
    pub yaml: aw_alloy::text::Limits,
    /// Most diagnostics of one reading; what is beyond is counted in one more.
    pub diagnostics: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            rdf: aw_rdf::Limits::default(),
            canonical: aw_rdf::canonical::Limits::default(),
            yaml: aw_alloy::text::Limits::DOCUMENT,
            diagnostics: 20_000,
        }
    }
}

/// An ontology that was read: a checked model and what else it says.
#[derive(Clone, Debug)]
pub struct Ontology {
    /// The model; [`check`] finds nothing wrong with it.
    pub model: Model,
    /// Former names, for comparing with an older model.
    pub renames: Renames,
    /// SHA-256 of the canonical form of the graph; none for YAML.
    pub graph_digest: Option<Digest>,
    /// What the graph states of classes and properties, by IRI, for comparing ontologies; empty for YAML.
    pub facts: Facts,
    /// The ranges the caller mapped that occurred, as `<iri>=scalar`, sorted.
    pub lossy_ranges: Vec<String>,
    /// How many triples went where.
    pub accounting: Accounting,
    /// What was lost or is worth knowing; no errors. Sorted.
    pub diagnostics: Vec<Diagnostic>,
}

/// Where the triples of a graph went: each is in the model or in a diagnostic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accounting {
    /// All triples.
    pub triples: usize,
    /// Those the model expresses.
    pub mapped: usize,
    /// Those a diagnostic tells of.
    pub reported: usize,
}

impl Accounting {
    /// Triples that went somewhere; all of them.
    pub const fn accounted(&self) -> usize {
        self.mapped + self.reported
    }
}

/// What a front end makes: an ontology whose model is yet to be checked.
struct Draft {
    ontology: Ontology,
    /// Where parts of the model stand, by the subjects that [`check`] gives them.
    places: BTreeMap<String, String>,
}

/// Reads an ontology.
///
/// # Errors
/// Everything that is wrong with it, sorted, with the warnings that were found on the way.
pub fn read(bytes: &[u8], format: Format, options: &ReadOptions) -> Result<Ontology, Vec<Diagnostic>> {
    let draft: Result<Draft, Vec<Diagnostic>> = match format {
        Format::Yaml => yaml::read(bytes, options),
        Format::Turtle | Format::NTriples | Format::JsonLd => graph::read(bytes, format, options),
    };
    let Draft { mut ontology, places } = draft.map_err(|found| told(found, options))?;
    for mut fault in check(&ontology.model) {
        if let Some(place) = places.get(&fault.subject) {
            fault.message = format!("{place}: {}", fault.message);
        }
        ontology.diagnostics.push(fault);
    }
    if options.strict {
        for diagnostic in
            ontology.diagnostics.iter_mut().filter(|diagnostic| matches!(diagnostic.code.as_str(), "W-IGNORED" | "W-CONSTRAINT"))
        {
            diagnostic.severity = Severity::Error;
        }
    }
    ontology.diagnostics = told(std::mem::take(&mut ontology.diagnostics), options);
    match ontology.diagnostics.iter().any(Diagnostic::is_error) {
        true => Err(ontology.diagnostics),
        false => Ok(ontology),
    }
}

/// Diagnostics in their order, no more than the limit; errors are kept before others.
fn told(mut diagnostics: Vec<Diagnostic>, options: &ReadOptions) -> Vec<Diagnostic> {
    diagnostic::sort(&mut diagnostics);
    let limit = options.limits.diagnostics;
    if diagnostics.len() > limit {
        diagnostics.sort_by_key(|diagnostic| diagnostic.severity);
        let rest = diagnostics.split_off(limit);
        let errors = rest.iter().filter(|diagnostic| diagnostic.is_error()).count();
        diagnostic::sort(&mut diagnostics);
        let code = if errors > 0 { "E-MORE" } else { "W-MORE" };
        let message = format!("{} more diagnostics, {errors} of them errors, are not listed", rest.len());
        diagnostics.push(Diagnostic::new(code, "document", message));
    }
    diagnostics
}
