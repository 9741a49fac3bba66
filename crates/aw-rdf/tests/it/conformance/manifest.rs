//! Manifests in Turtle, read with the reader they test.

use std::path::Path;

use aw_rdf::oxrdf::{Graph, NamedNodeRef, NamedOrBlankNode, Term, TermRef, vocab::rdf};
use aw_rdf::{Format, Limits, read};

const MF: &str = "http://www.w3.org/2001/sw/DataAccess/tests/test-manifest#";

/// One test of a manifest.
pub struct Entry {
    /// The fragment of its IRI.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The local name of its type.
    pub kind: String,
    /// File of its input.
    pub action: String,
    /// File of its expected result.
    pub result: Option<String>,
}

/// The tests of a folder, in the order of its manifest.
pub fn entries(folder: &Path) -> Vec<Entry> {
    let bytes = std::fs::read(folder.join("manifest.ttl")).unwrap();
    let graph = read(&bytes, Format::Turtle, &Limits::default(), Some("http://manifest/manifest.ttl")).unwrap().graph.to_graph();
    let list = graph.triples_for_predicate(NamedNodeRef::new_unchecked(&format!("{MF}entries"))).next().unwrap();
    let mut entries = Vec::new();
    let mut rest = list.object.into_owned();
    while let Term::BlankNode(node) = rest {
        let node = NamedOrBlankNode::from(node);
        let first = graph.object_for_subject_predicate(&node, rdf::FIRST).unwrap().into_owned();
        entries.push(entry(&graph, &first));
        rest = graph.object_for_subject_predicate(&node, rdf::REST).unwrap().into_owned();
    }
    entries
}

fn entry(graph: &Graph, test: &Term) -> Entry {
    let Term::NamedNode(test) = test else { panic!("{test} is no IRI") };
    let object = |predicate: &str| graph.object_for_subject_predicate(test, NamedNodeRef::new_unchecked(predicate));
    let text = |term: TermRef<'_>| match term {
        TermRef::NamedNode(node) => node.as_str().rsplit(['#', '/']).next().unwrap().to_owned(),
        TermRef::Literal(literal) => literal.value().to_owned(),
        TermRef::BlankNode(node) => node.as_str().to_owned(),
    };
    Entry {
        id: text(test.into()),
        name: object(&format!("{MF}name")).map(text).unwrap_or_default(),
        kind: text(object(rdf::TYPE.as_str()).unwrap()),
        action: text(object(&format!("{MF}action")).unwrap()),
        result: object(&format!("{MF}result")).map(text),
    }
}
