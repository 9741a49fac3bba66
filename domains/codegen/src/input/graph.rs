//! RDF: from documents to a graph, from the graph to a model.

use std::collections::{BTreeMap, BTreeSet};

use aw_alloy::digest::Digest;
use aw_rdf::oxrdf::{BlankNode, NamedOrBlankNode, Term as RdfTerm, Triple};
use aw_rdf::{Places, Triples, canonical};

use super::rdf::{self, Statements, vocabulary};
use super::{Accounting, Document, Draft, Facts, Format, Ontology, ReadOptions, Renames, Vocabulary, forge, ontology, shapes};
use crate::diagnostic::{self, Diagnostic};

/// What a front end finds while it reads a graph.
pub(super) struct Reading<'a> {
    pub(super) statements: &'a Statements<'a>,
    pub(super) options: &'a ReadOptions,
    pub(super) found: Vec<Diagnostic>,
    pub(super) renames: Renames,
    pub(super) facts: Facts,
    /// Ranges of the caller's that occurred.
    pub(super) lossy: BTreeSet<String>,
    /// The IRI each type and member comes from, by pointer.
    pub(super) sources: BTreeMap<String, String>,
    /// Diagnostics that were let go for their number, and whether errors are among them.
    untold: (usize, bool),
}

/// Beyond so many times the limit of diagnostics, the least important half is let go and counted.
const COLLECTED: usize = 4;

impl Reading<'_> {
    pub(super) fn tell(&mut self, code: &'static str, subject: &str, message: impl Into<String>) {
        self.found.push(Diagnostic::new(code, subject, message));
        let most = self.options.limits.diagnostics.saturating_mul(COLLECTED).max(COLLECTED);
        if self.found.len() > most {
            diagnostic::sort(&mut self.found);
            self.found.sort_by_key(|it| it.severity);
            let rest = self.found.split_off(self.found.len().min(most / 2));
            self.untold.0 += rest.len();
            self.untold.1 |= rest.iter().any(Diagnostic::is_error);
        }
    }
}

pub(super) fn read(bytes: &[u8], format: Format, options: &ReadOptions) -> Result<Draft, Vec<Diagnostic>> {
    let (graph, mut found) = parse(bytes, format, options)?;
    let graph_digest = canonical::graph_digest(&graph, &options.limits.canonical)
        .map_err(|fault| vec![Diagnostic::new("E-GRAPH-POISONED", "document", fault.to_string())])?;
    let statements = Statements::of(&graph);
    let vocabulary = choose(&statements, options, &mut found).map_err(|fault| vec![fault])?;
    found.extend(shapes::check(&graph, vocabulary != Vocabulary::Ontology, options));
    if found.iter().any(Diagnostic::is_error) {
        let lines = lines(bytes, format, options, &BTreeMap::new(), &found);
        placed(&mut found, &lines);
        return Err(found);
    }
    let mut reading = Reading {
        statements: &statements,
        options,
        found,
        renames: Renames::default(),
        facts: Facts::default(),
        lossy: BTreeSet::new(),
        sources: BTreeMap::new(),
        untold: (0, false),
    };
    let model = match vocabulary {
        Vocabulary::Ontology => ontology::read(&mut reading),
        Vocabulary::Forge | Vocabulary::Auto => forge::read(&mut reading),
    };
    rdf::tell(&statements, &mut reading.found);
    let Reading { found: mut diagnostics, renames, facts, lossy, sources, untold, .. } = reading;
    if untold.0 > 0 {
        let code = if untold.1 { "E-MORE" } else { "W-MORE" };
        diagnostics.push(Diagnostic::new(code, "document", format!("at least {} more diagnostics are not listed", untold.0)));
    }
    let accounting = Accounting {
        triples: statements.all().len(),
        mapped: statements.count(rdf::Fate::Mapped),
        reported: statements.count(rdf::Fate::Reported),
    };
    let lines = lines(bytes, format, options, &sources, &diagnostics);
    placed(&mut diagnostics, &lines);
    if diagnostics.iter().any(Diagnostic::is_error) {
        return Err(diagnostics);
    }
    let places = sources.into_iter().map(|(pointer, iri)| {
        let line = lines.get(&iri).map(|line| format!("{line}: ")).unwrap_or_default();
        (pointer, format!("{line}{}", rdf::shown(&iri)))
    });
    let ontology = Ontology {
        model,
        renames,
        graph_digest: Some(Digest::from_bytes(graph_digest)),
        facts,
        lossy_ranges: lossy.into_iter().collect(),
        accounting,
        diagnostics,
    };
    Ok(Draft { ontology, places: places.collect() })
}

/// Says in each message where its subject stands.
fn placed(diagnostics: &mut [Diagnostic], lines: &BTreeMap<String, String>) {
    for diagnostic in diagnostics {
        if let Some(line) = lines.get(&diagnostic.subject) {
            diagnostic.message = format!("{line}: {}", diagnostic.message);
        }
    }
}

/// The graph of a document and its imports, with what they hold beside it.
fn parse(bytes: &[u8], format: Format, options: &ReadOptions) -> Result<(Triples, Vec<Diagnostic>), Vec<Diagnostic>> {
    let mut found = Vec::new();
    let mut graph = document("document", bytes, format, options, &mut found);
    for (number, Document { name, bytes, format }) in options.imports.iter().enumerate() {
        let other = document(name, bytes, *format, options, &mut found);
        if graph.len() + other.len() > options.limits.rdf.triples {
            let message = format!("the documents together have more than {} statements", options.limits.rdf.triples);
            found.push(Diagnostic::new("E-RDF-SYNTAX", name, message));
            break;
        }
        for triple in other {
            graph.insert(apart(triple, number));
        }
    }
    match found.iter().any(Diagnostic::is_error) {
        true => Err(found),
        false => Ok((graph, found)),
    }
}

/// A triple whose blank nodes are none of another document.
fn apart(triple: Triple, number: usize) -> Triple {
    let blank = |blank: &BlankNode| BlankNode::new_unchecked(format!("i{number}{}", blank.as_str()));
    let subject = match &triple.subject {
        NamedOrBlankNode::BlankNode(node) => NamedOrBlankNode::BlankNode(blank(node)),
        other => other.clone(),
    };
    let object = match &triple.object {
        RdfTerm::BlankNode(node) => RdfTerm::BlankNode(blank(node)),
        other => other.clone(),
    };
    Triple { subject, predicate: triple.predicate, object }
}

fn document(name: &str, bytes: &[u8], format: Format, options: &ReadOptions, found: &mut Vec<Diagnostic>) -> Triples {
    let Some(format) = format.rdf() else {
        let message = "an import of an RDF document is YAML; expected Turtle, N-Triples or JSON-LD";
        found.push(Diagnostic::new("E-FORMAT-UNKNOWN", name, message));
        return Triples::new();
    };
    let place = |place: Option<aw_rdf::Place>| match (name, place) {
        ("document", Some(place)) => place.to_string(),
        (_, Some(place)) => format!("{name}, {place}"),
        (_, None) => name.to_owned(),
    };
    match aw_rdf::read(bytes, format, &options.limits.rdf, options.base.as_deref()) {
        Ok(read) => {
            found.extend(
                read.remarks.into_iter().map(|it| Diagnostic::new("W-IGNORED", place(it.place), it.omission.to_string())),
            );
            read.graph
        }
        Err(problems) => {
            found.extend(problems.into_iter().map(|it| Diagnostic::new("E-RDF-SYNTAX", place(it.place), it.fault.to_string())));
            Triples::new()
        }
    }
}

/// Which front end reads a graph.
fn choose(statements: &Statements<'_>, options: &ReadOptions, found: &mut Vec<Diagnostic>) -> Result<Vocabulary, Diagnostic> {
    if options.vocabulary != Vocabulary::Auto {
        return Ok(options.vocabulary);
    }
    let model = |iri: &str| vocabulary::forge_name(iri) == Some("Model");
    let mut terms = statements.all().iter().flat_map(|statement| [Some(statement.predicate), statement.object.iri()]).flatten();
    if statements.all().iter().any(|it| it.predicate == vocabulary::RDF_TYPE && it.object.iri().is_some_and(model)) {
        let message = "the document has an f:Model and is read as the forge vocabulary";
        found.push(Diagnostic::new("I-VOCABULARY", "document", message));
        return Ok(Vocabulary::Forge);
    }
    if let Some(term) = terms.find(|iri| vocabulary::forge_name(iri).is_some()) {
        let message = format!(
            "the document uses {} and has no f:Model; expected an f:Model, or to be told whether it is the forge vocabulary or an ontology",
            vocabulary::short(term)
        );
        return Err(Diagnostic::new("E-VOCABULARY-AMBIGUOUS", "document", message));
    }
    let message = "the document uses nothing of the forge vocabulary and is read as an ontology as it is found";
    found.push(Diagnostic::new("I-VOCABULARY", "document", message));
    Ok(Vocabulary::Ontology)
}

/// The lines of the IRIs that errors and warnings are about, and of those that parts of the model come from.
fn lines(
    bytes: &[u8],
    format: Format,
    options: &ReadOptions,
    sources: &BTreeMap<String, String>,
    diagnostics: &[Diagnostic],
) -> BTreeMap<String, String> {
    let Some(format) = format.rdf() else { return BTreeMap::new() };
    let told = diagnostics.iter().filter(|it| it.is_error() || it.code != "W-IGNORED").map(|it| &it.subject);
    let wanted: BTreeSet<String> = told.chain(sources.values()).cloned().collect();
    let places = Places::of(bytes, format, options.base.as_deref(), &wanted);
    places.into_iter().map(|(iri, place)| (iri, format!("line {}", place.line))).collect()
}
