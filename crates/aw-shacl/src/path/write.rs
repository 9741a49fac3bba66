//! From [`Path`] to RDF, for reports.

use oxrdf::vocab::rdf;
use oxrdf::{BlankNode, Graph, NamedNodeRef, NamedOrBlankNode, Term, Triple};

use super::Path;
use crate::vocab;

/// Adds the path's triples to `graph`, with blank nodes from `fresh`, and returns its node.
pub fn write(path: &Path, graph: &mut Graph, fresh: &mut impl FnMut() -> BlankNode) -> Term {
    let (predicate, inner) = match path {
        Path::Predicate(predicate) => return predicate.clone().into(),
        Path::Sequence(paths) => return list(paths, graph, fresh),
        Path::Alternative(paths) => (vocab::ALTERNATIVE_PATH, list(paths, graph, fresh)),
        Path::Inverse(path) => (vocab::INVERSE_PATH, write(path, graph, fresh)),
        Path::ZeroOrMore(path) => (vocab::ZERO_OR_MORE_PATH, write(path, graph, fresh)),
        Path::OneOrMore(path) => (vocab::ONE_OR_MORE_PATH, write(path, graph, fresh)),
        Path::ZeroOrOne(path) => (vocab::ZERO_OR_ONE_PATH, write(path, graph, fresh)),
    };
    let node = fresh();
    graph.insert(&triple(&node, predicate, inner));
    node.into()
}

fn list(paths: &[Path], graph: &mut Graph, fresh: &mut impl FnMut() -> BlankNode) -> Term {
    let mut rest: Term = rdf::NIL.into_owned().into();
    for path in paths.iter().rev() {
        let first = write(path, graph, fresh);
        let node = fresh();
        graph.insert(&triple(&node, rdf::FIRST, first));
        graph.insert(&triple(&node, rdf::REST, rest));
        rest = node.into();
    }
    rest
}

fn triple(subject: &BlankNode, predicate: NamedNodeRef<'_>, object: Term) -> Triple {
    Triple::new(NamedOrBlankNode::from(subject.clone()), predicate.into_owned(), object)
}
