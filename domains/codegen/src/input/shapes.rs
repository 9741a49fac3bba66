//! Shapes a graph has to satisfy before a model is made of it: the built-in ones of the forge vocabulary, and the caller's.
//!
//! | code | what it says |
//! |---|---|
//! | `E-SHAPE` | a violation |
//! | `W-SHAPE`, `I-SHAPE` | a result of the severity sh:Warning or sh:Info |
//! | `E-SHAPE-UNSUPPORTED`, `E-SHAPE-ILL-FORMED`, `E-SHAPE-RECURSIVE`, `E-SHAPE-NO-TARGETS`, `E-SHAPE-LIMIT` | shapes that cannot be applied |
//! | `W-SHAPE-VACUOUS` | shapes whose targets gave not one node: nothing was checked |
//!
//! # Source
//! Codegen, section 7.

use aw_rdf::Triples;
use aw_rdf::oxrdf::{Graph, NamedNode, NamedNodeRef, NamedOrBlankNode, NamedOrBlankNodeRef, Term, TermRef, Triple};
use aw_shacl::{Limits, Shapes, ValidationResult};

use super::ReadOptions;
use super::rdf::vocabulary::{FORGE, SH, short};
use crate::diagnostic::Diagnostic;

const BUILT_IN: &[u8] = include_bytes!("shapes.ttl");

/// Everything that shapes find wrong with a graph; the built-in ones are applied to the forge vocabulary only.
pub(super) fn check(graph: &Triples, forge: bool, options: &ReadOptions) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    if !forge && options.shapes.is_empty() {
        return found;
    }
    let data = one_vocabulary(graph);
    if forge {
        apply("built-in shapes", BUILT_IN, aw_rdf::Format::Turtle, &data, options, &mut found);
    }
    for document in &options.shapes {
        match document.format.rdf() {
            Some(format) => apply(&document.name, &document.bytes, format, &data, options, &mut found),
            None => {
                let message = "shapes are YAML; expected Turtle, N-Triples or JSON-LD";
                found.push(Diagnostic::new("E-FORMAT-UNKNOWN", &document.name, message));
            }
        }
    }
    found
}

fn apply(name: &str, bytes: &[u8], format: aw_rdf::Format, data: &Graph, options: &ReadOptions, found: &mut Vec<Diagnostic>) {
    let read = match aw_rdf::read(bytes, format, &options.limits.rdf, options.base.as_deref()) {
        Ok(read) => read,
        Err(problems) => {
            found.extend(problems.iter().map(|it| Diagnostic::new("E-RDF-SYNTAX", name, it.to_string())));
            return;
        }
    };
    let shapes = match Shapes::parse(&one_vocabulary(&read.graph), &Limits::default()) {
        Ok(shapes) => shapes,
        Err(error) => {
            found.extend(error.problems.iter().map(|it| {
                let node = it.node.as_ref().map(|node| format!("{}: ", term(node))).unwrap_or_default();
                Diagnostic::new(it.kind.code(), name, format!("{node}{}", it.message))
            }));
            return;
        }
    };
    match shapes.validate(data) {
        Ok(report) => {
            if report.checked() == 0 {
                let message = "the targets of the shapes are not in the graph: nothing was checked";
                found.push(Diagnostic::new("W-SHAPE-VACUOUS", name, message));
            }
            found.extend(report.results.iter().map(result));
        }
        Err(error) => found.push(Diagnostic::new("E-SHAPE-LIMIT", name, error.to_string())),
    }
}

fn result(result: &ValidationResult) -> Diagnostic {
    let code = match result.severity.as_str().strip_prefix(SH) {
        Some("Warning") => "W-SHAPE",
        Some("Info") => "I-SHAPE",
        _ => "E-SHAPE",
    };
    let subject = match &result.focus_node {
        Term::NamedNode(iri) => iri.as_str().to_owned(),
        _ => "blank nodes".to_owned(),
    };
    let said: Vec<&str> = result.messages.iter().map(|it| it.value()).collect();
    let mut message = if said.is_empty() { result.reason.clone() } else { format!("{} ({})", said.join("; "), result.reason) };
    if let Some(path) = &result.path {
        message += &format!(", path {path}");
    }
    if let Some(value) = &result.value {
        message += &format!(", value {}", term(value));
    }
    if let Term::NamedNode(shape) = &result.source_shape {
        message += &format!(", shape {}", short(shape.as_str()));
    }
    Diagnostic::new(code, subject, message)
}

/// A term as a message shows it, without the names of blank nodes, which mean nothing.
fn term(term: &Term) -> String {
    match term {
        Term::NamedNode(iri) => short(iri.as_str()),
        Term::BlankNode(_) => "a blank node".to_owned(),
        Term::Literal(literal) => {
            format!("`{}`", literal.value().chars().take(200).flat_map(char::escape_debug).collect::<String>())
        }
        #[allow(unreachable_patterns, reason = "RDF 1.2 has terms that are triples, when some crate asks for them")]
        other => other.to_string(),
    }
}

/// The graph with the published vocabulary IRI replaced by the vocabulary's own.
fn one_vocabulary(graph: &Triples) -> Graph {
    let own = |iri: NamedNodeRef<'_>| match iri.as_str().strip_prefix(FORGE[1]) {
        Some(name) => NamedNode::new_unchecked(format!("{}{name}", FORGE[0])),
        None => iri.into_owned(),
    };
    let mut replaced = Graph::new();
    for triple in graph {
        let subject = match triple.subject {
            NamedOrBlankNodeRef::NamedNode(iri) => NamedOrBlankNode::NamedNode(own(iri)),
            other => other.into_owned(),
        };
        let object = match triple.object {
            TermRef::NamedNode(iri) => Term::NamedNode(own(iri)),
            other => other.into_owned(),
        };
        replaced.insert(&Triple { subject, predicate: own(triple.predicate), object });
    }
    replaced
}
