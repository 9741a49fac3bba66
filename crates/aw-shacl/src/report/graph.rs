//! A report as RDF.

use oxrdf::vocab::{rdf, xsd};
use oxrdf::{BlankNode, Graph, Literal, NamedNode, NamedNodeRef, NamedOrBlankNode, Term, Triple};

use super::{Report, ValidationResult};
use crate::{path, vocab};

impl Report {
    /// The report as a graph with one `sh:ValidationReport`.
    ///
    /// A result carries the messages of its shape as `sh:resultMessage`, and its reason where the shape has none. Blank nodes of the
    /// report itself are named `report`, `report1`, ...; those of data and shapes keep their labels, and a label of theirs that
    /// begins like this gets a new number here instead.
    pub fn to_graph(&self) -> Graph {
        let mut taken = std::collections::HashSet::new();
        self.results.iter().for_each(|result| labels(result, &mut taken));
        let mut writer = Writer { graph: Graph::new(), next: 0, taken };
        let report: NamedOrBlankNode = writer.fresh().into();
        writer.add(&report, rdf::TYPE, vocab::VALIDATION_REPORT.into_owned());
        writer.add(&report, vocab::CONFORMS, Literal::new_typed_literal(self.conforms.to_string(), xsd::BOOLEAN));
        for result in &self.results {
            writer.result(&report, vocab::RESULT, result);
        }
        writer.graph
    }
}

fn labels(result: &ValidationResult, taken: &mut std::collections::HashSet<String>) {
    let terms = [Some(&result.focus_node), result.value.as_ref(), Some(&result.source_shape), result.source_constraint.as_ref()];
    for term in terms.into_iter().flatten() {
        if let Term::BlankNode(node) = term {
            taken.insert(node.as_str().to_owned());
        }
    }
    result.detail.iter().for_each(|detail| labels(detail, taken));
}

struct Writer {
    graph: Graph,
    next: usize,
    taken: std::collections::HashSet<String>,
}

impl Writer {
    fn fresh(&mut self) -> BlankNode {
        loop {
            let label = if self.next == 0 { "report".to_owned() } else { format!("report{}", self.next) };
            self.next += 1;
            if !self.taken.contains(&label) {
                return BlankNode::new_unchecked(label);
            }
        }
    }

    fn add(&mut self, subject: &NamedOrBlankNode, predicate: NamedNodeRef<'_>, object: impl Into<Term>) {
        self.graph.insert(&Triple::new(subject.clone(), predicate.into_owned(), object));
    }

    fn result(&mut self, parent: &NamedOrBlankNode, predicate: NamedNodeRef<'_>, result: &ValidationResult) {
        let node: NamedOrBlankNode = self.fresh().into();
        self.add(parent, predicate, Term::from(node.clone()));
        self.add(&node, rdf::TYPE, vocab::VALIDATION_RESULT.into_owned());
        self.add(&node, vocab::FOCUS_NODE, result.focus_node.clone());
        if let Some(path) = &result.path {
            let mut graph = std::mem::take(&mut self.graph);
            let path = path::write(path, &mut graph, &mut || self.fresh());
            self.graph = graph;
            self.add(&node, vocab::RESULT_PATH, path);
        }
        if let Some(value) = &result.value {
            self.add(&node, vocab::VALUE, value.clone());
        }
        self.add(&node, vocab::RESULT_SEVERITY, NamedNode::clone(&result.severity));
        self.add(&node, vocab::SOURCE_SHAPE, result.source_shape.clone());
        self.add(&node, vocab::SOURCE_CONSTRAINT_COMPONENT, result.component.clone());
        if let Some(constraint) = &result.source_constraint {
            self.add(&node, vocab::SOURCE_CONSTRAINT, constraint.clone());
        }
        for message in &result.messages {
            self.add(&node, vocab::RESULT_MESSAGE, message.clone());
        }
        if result.messages.is_empty() {
            self.add(&node, vocab::RESULT_MESSAGE, Literal::new_simple_literal(&result.reason));
        }
        for detail in &result.detail {
            self.result(&node, vocab::DETAIL, detail);
        }
    }
}
