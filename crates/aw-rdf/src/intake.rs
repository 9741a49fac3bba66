//! Statements on their way into a graph: counted, measured, and their blank nodes named in order of appearance.

use std::collections::{BTreeMap, HashMap};

use oxrdf::{
    BlankNode, Dataset, GraphName, GraphNameRef, NamedOrBlankNode, NamedOrBlankNodeRef, Quad, QuadRef, Term, TermRef, Triple,
};

use crate::problem::{Fault, Omission, Remark};
use crate::{Document, Limits, Triples};

/// Collects a document's statements within its limits.
pub(crate) struct Intake<'a> {
    limits: &'a Limits,
    triples: Triples,
    /// Statements of other graphs, by name.
    named: BTreeMap<String, usize>,
    /// All graphs, when they are wanted.
    whole: Option<Dataset>,
    statements: usize,
    text: usize,
    blank: HashMap<BlankNode, BlankNode>,
}

/// What a document declares besides its statements, and leaves out.
#[derive(Debug, Default)]
pub(crate) struct Declared {
    /// Prefixes by name.
    pub prefixes: BTreeMap<String, String>,
    /// In the order of the document.
    pub remarks: Vec<Remark>,
    /// How many remarks are not in the list.
    pub more: usize,
}

/// A limit that does not hold any more.
fn above(what: &'static str, limit: usize) -> Fault {
    Fault::Limit { what, limit }
}

impl<'a> Intake<'a> {
    /// For the default graph alone.
    pub fn new(limits: &'a Limits) -> Self {
        let (triples, named, blank) = (Triples::new(), BTreeMap::new(), HashMap::new());
        Self { limits, triples, named, whole: None, statements: 0, text: 0, blank }
    }

    /// For all graphs.
    pub fn whole(limits: &'a Limits) -> Self {
        Self { whole: Some(Dataset::new()), ..Self::new(limits) }
    }

    /// Counts text that is held for the document besides its statements.
    pub fn text(&mut self, bytes: usize) -> Result<(), Fault> {
        self.text = self.text.saturating_add(bytes);
        if self.text > self.limits.text { Err(above("bytes of all terms, written out", self.limits.text)) } else { Ok(()) }
    }

    /// Takes one statement.
    pub fn quad(&mut self, mut quad: Quad) -> Result<(), Fault> {
        self.statements += 1;
        if self.statements > self.limits.triples {
            return Err(above("statements", self.limits.triples));
        }
        self.measure(quad.as_ref())?;
        if let NamedOrBlankNode::BlankNode(node) = &mut quad.subject {
            self.rename(node);
        }
        if let Term::BlankNode(node) = &mut quad.object {
            self.rename(node);
        }
        if let GraphName::BlankNode(node) = &mut quad.graph_name {
            self.rename(node);
        }
        match (&mut self.whole, &quad.graph_name) {
            (Some(dataset), _) => {
                dataset.insert(&quad);
            }
            (None, GraphName::DefaultGraph) => {
                self.triples.insert(Triple::from(quad));
            }
            (None, name) => *self.named.entry(name.to_string()).or_default() += 1,
        }
        Ok(())
    }

    fn measure(&mut self, quad: QuadRef<'_>) -> Result<(), Fault> {
        let iri = |node: oxrdf::NamedNodeRef<'_>| node.as_str().len();
        let subject = match quad.subject {
            NamedOrBlankNodeRef::NamedNode(node) => iri(node),
            NamedOrBlankNodeRef::BlankNode(node) => node.as_str().len(),
        };
        let (object, literal) = match quad.object {
            TermRef::NamedNode(node) => (iri(node), 0),
            TermRef::BlankNode(node) => (node.as_str().len(), 0),
            TermRef::Literal(it) => (iri(it.datatype()), it.value().len() + it.language().map_or(0, str::len)),
        };
        let graph = match quad.graph_name {
            GraphNameRef::NamedNode(node) => iri(node),
            GraphNameRef::BlankNode(node) => node.as_str().len(),
            GraphNameRef::DefaultGraph => 0,
        };
        let lengths = [subject, iri(quad.predicate), object, graph];
        if lengths.iter().any(|it| *it > self.limits.iri) {
            return Err(above("bytes of an IRI or blank node label", self.limits.iri));
        }
        if literal > self.limits.literal {
            return Err(above("bytes of a literal", self.limits.literal));
        }
        self.text(lengths.iter().sum::<usize>() + literal)
    }

    /// Gives a blank node its name here: `b0`, `b1` and so on in the order of asking, so that the same document gives the same names.
    fn rename(&mut self, node: &mut BlankNode) {
        let next = self.blank.len();
        *node = self.blank.entry(node.clone()).or_insert_with(|| BlankNode::new_unchecked(format!("b{next}"))).clone();
    }

    /// The default graph, with a remark about each other one.
    pub fn document(self, declared: Declared) -> Document {
        let Declared { prefixes, mut remarks, more } = declared;
        let named = self.named.into_iter();
        remarks
            .extend(named.map(|(name, statements)| Remark { place: None, omission: Omission::NamedGraph { name, statements } }));
        let kept = self.limits.reports;
        let count = more + remarks.len().saturating_sub(kept);
        if count > 0 {
            remarks.truncate(kept);
            remarks.push(Remark { place: None, omission: Omission::More { count } });
        }
        Document { graph: self.triples, prefixes, remarks }
    }

    /// All graphs.
    pub fn dataset(self) -> Dataset {
        self.whole.unwrap_or_default()
    }
}
