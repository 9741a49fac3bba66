//! Small questions about RDF terms.

use std::cmp::Ordering;

use oxrdf::{Graph, LiteralRef, NamedNodeRef, NamedOrBlankNodeRef, TermRef};

/// The term as something that can be a subject.
pub fn node(term: TermRef<'_>) -> Option<NamedOrBlankNodeRef<'_>> {
    if let TermRef::NamedNode(node) = term {
        Some(node.into())
    } else if let TermRef::BlankNode(node) = term {
        Some(node.into())
    } else {
        None
    }
}

/// The term as a literal.
pub fn literal(term: TermRef<'_>) -> Option<LiteralRef<'_>> {
    if let TermRef::Literal(literal) = term { Some(literal) } else { None }
}

/// The term as an IRI.
pub fn iri(term: TermRef<'_>) -> Option<NamedNodeRef<'_>> {
    if let TermRef::NamedNode(node) = term { Some(node) } else { None }
}

/// The objects of a subject and predicate; none when the subject is a literal.
pub fn objects<'g>(graph: &'g Graph, subject: TermRef<'_>, predicate: NamedNodeRef<'_>) -> std::vec::IntoIter<TermRef<'g>> {
    let found = node(subject).map(|subject| graph.objects_for_subject_predicate(subject, predicate).collect::<Vec<_>>());
    found.unwrap_or_default().into_iter()
}

/// SPARQL's `str()`: nothing for blank nodes.
pub fn text(term: TermRef<'_>) -> Option<&str> {
    if let TermRef::NamedNode(node) = term { Some(node.as_str()) } else { literal(term).map(LiteralRef::value) }
}

/// A term as reasons show it: long texts are cut.
pub struct Short<'t>(pub TermRef<'t>);

impl std::fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const MOST: usize = 200;
        let shown = literal(self.0).filter(|literal| literal.value().len() > MOST);
        let Some(long) = shown else { return write!(f, "{}", self.0) };
        let cut = &long.value()[..long.value().floor_char_boundary(MOST)];
        write!(f, "{}... ({} bytes)", LiteralRef::new_simple_literal(cut), long.value().len())
    }
}

/// A total order of terms: IRIs, literals by text, blank nodes by label. It has nothing to do with SPARQL's `<`.
pub fn order(a: TermRef<'_>, b: TermRef<'_>) -> Ordering {
    fn key(term: TermRef<'_>) -> (u8, &str, &str, &str) {
        if let TermRef::NamedNode(node) = term {
            (0, node.as_str(), "", "")
        } else if let TermRef::Literal(literal) = term {
            (1, literal.value(), literal.datatype().as_str(), literal.language().unwrap_or(""))
        } else if let TermRef::BlankNode(node) = term {
            (2, node.as_str(), "", "")
        } else {
            (3, "", "", "")
        }
    }
    key(a).cmp(&key(b))
}
