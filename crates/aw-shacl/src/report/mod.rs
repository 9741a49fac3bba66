//! What a validation found.

mod graph;

use std::cmp::Ordering;
use std::fmt;

use oxrdf::{Literal, NamedNode, Term};

use crate::path::Path;
use crate::term::order;
use crate::vocab;

/// A validation report (SHACL, section 3.6).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Whether there are no results, of whatever severity.
    pub conforms: bool,
    /// The results in a stable order: focus node, path, component, value, severity, source shape, messages.
    ///
    /// The labels of blank nodes decide only between results that are otherwise the same.
    pub results: Vec<ValidationResult>,
    /// How many focus nodes each shape with a target had, in the order of the shapes' nodes. A shape without any demanded nothing.
    pub focus_nodes: Vec<FocusNodes>,
}

/// How many nodes the targets of one shape gave.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FocusNodes {
    /// The shape.
    pub shape: Term,
    /// Its focus nodes, each counted once.
    pub count: usize,
    /// Whether the shape is deactivated, so that its focus nodes were not checked.
    pub deactivated: bool,
}

/// One result (SHACL, section 3.6.2).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ValidationResult {
    /// The node that was checked.
    pub focus_node: Term,
    /// The path of the property shape, or the predicate a query or a closed shape names.
    pub path: Option<Path>,
    /// The value that is wrong, where there is one.
    pub value: Option<Term>,
    /// `sh:Violation` unless the shape says otherwise; any IRI.
    pub severity: NamedNode,
    /// The messages of the shape or of the query, with its variables filled in.
    pub messages: Vec<Literal>,
    /// What is wrong, in English, from the constraint itself.
    pub reason: String,
    /// The shape.
    pub source_shape: Term,
    /// The SPARQL constraint within the shape.
    pub source_constraint: Option<Term>,
    /// The kind of constraint.
    pub component: NamedNode,
    /// For `sh:node`: why the value does not conform to that shape.
    pub detail: Vec<ValidationResult>,
}

impl Report {
    pub(crate) fn new(mut results: Vec<ValidationResult>, focus_nodes: Vec<FocusNodes>) -> Self {
        sort(&mut results);
        Self { conforms: results.is_empty(), results, focus_nodes }
    }

    /// Focus nodes of all shapes that were checked. A report that conforms with none has shown nothing.
    pub fn checked(&self) -> usize {
        self.focus_nodes.iter().filter(|f| !f.deactivated).map(|f| f.count).sum()
    }

    /// The results that block: those of severity `sh:Violation`.
    pub fn violations(&self) -> impl Iterator<Item = &ValidationResult> {
        self.results.iter().filter(|result| result.severity.as_ref() == vocab::VIOLATION)
    }
}

fn sort(results: &mut [ValidationResult]) {
    for result in results.iter_mut() {
        sort(&mut result.detail);
    }
    results.sort_by(|a, b| {
        unlabelled(&a.focus_node, &b.focus_node)
            .then_with(|| a.path.as_ref().map(ToString::to_string).cmp(&b.path.as_ref().map(ToString::to_string)))
            .then_with(|| a.component.cmp(&b.component))
            .then_with(|| both(a.value.as_ref(), b.value.as_ref(), unlabelled))
            .then_with(|| a.severity.cmp(&b.severity))
            .then_with(|| unlabelled(&a.source_shape, &b.source_shape))
            .then_with(|| a.messages.iter().map(Literal::value).cmp(b.messages.iter().map(Literal::value)))
            .then_with(|| labelled(&a.focus_node, &b.focus_node))
            .then_with(|| both(a.value.as_ref(), b.value.as_ref(), labelled))
            .then_with(|| labelled(&a.source_shape, &b.source_shape))
            .then_with(|| a.reason.cmp(&b.reason))
    });
}

fn labelled(a: &Term, b: &Term) -> Ordering {
    order(a.as_ref(), b.as_ref())
}

/// As if all blank nodes were the same one.
fn unlabelled(a: &Term, b: &Term) -> Ordering {
    match (a, b) {
        (Term::BlankNode(_), Term::BlankNode(_)) => Ordering::Equal,
        _ => labelled(a, b),
    }
}

/// None before some.
fn both(a: Option<&Term>, b: Option<&Term>, by: fn(&Term, &Term) -> Ordering) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => by(a, b),
        _ => a.is_some().cmp(&b.is_some()),
    }
}

impl fmt::Display for ValidationResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = vocab::local(self.severity.as_str()).unwrap_or(self.severity.as_str());
        write!(f, "{severity} at {}", self.focus_node)?;
        if let Some(path) = &self.path {
            write!(f, ", {path}")?;
        }
        write!(f, ": {}", self.reason)?;
        for message in &self.messages {
            write!(f, " ({})", message.value())?;
        }
        Ok(())
    }
}
