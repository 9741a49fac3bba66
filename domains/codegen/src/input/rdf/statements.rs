//! Statements by subject, and the fate of each.

use std::cell::Cell;
use std::collections::HashMap;
use std::ops::Range;

use aw_rdf::Triples;
use aw_rdf::oxrdf::{LiteralRef, NamedOrBlankNodeRef, TermRef};

/// An IRI or a blank node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Node<'a> {
    Iri(&'a str),
    Blank(&'a str),
}

impl<'a> Node<'a> {
    /// The IRI it is.
    pub(crate) fn iri(self) -> Option<&'a str> {
        match self {
            Self::Iri(iri) => Some(iri),
            Self::Blank(_) => None,
        }
    }
}

/// What a statement says of its subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Term<'a> {
    Node(Node<'a>),
    Literal(LiteralRef<'a>),
}

impl<'a> Term<'a> {
    /// The IRI or blank node it is.
    pub(crate) fn node(self) -> Option<Node<'a>> {
        match self {
            Self::Node(node) => Some(node),
            Self::Literal(_) => None,
        }
    }

    /// The IRI it is.
    pub(crate) fn iri(self) -> Option<&'a str> {
        self.node().and_then(Node::iri)
    }

    /// As [`Self::iri`], for going through lists.
    pub(crate) fn iri_of(&self) -> Option<&'a str> {
        self.iri()
    }

    /// The literal it is.
    pub(crate) fn literal(self) -> Option<LiteralRef<'a>> {
        match self {
            Self::Node(_) => None,
            Self::Literal(literal) => Some(literal),
        }
    }

    fn key(&self) -> (u8, &'a str, &'a str, &'a str) {
        match self {
            Self::Node(Node::Iri(iri)) => (0, iri, "", ""),
            Self::Node(Node::Blank(name)) => (1, name, "", ""),
            Self::Literal(literal) => (2, literal.value(), literal.datatype().as_str(), literal.language().unwrap_or("")),
        }
    }
}

/// One triple.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Statement<'a> {
    /// Its number, by which its fate is kept.
    pub(crate) id: usize,
    pub(crate) subject: Node<'a>,
    pub(crate) predicate: &'a str,
    pub(crate) object: Term<'a>,
}

/// What became of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Nothing yet.
    Open,
    /// The model expresses it.
    Mapped,
    /// A diagnostic tells of it.
    Reported,
}

/// All statements of a graph, sorted by subject, predicate and object; IRIs come before blank nodes, whose order means nothing.
pub(crate) struct Statements<'a> {
    all: Vec<Statement<'a>>,
    subjects: HashMap<Node<'a>, Range<usize>>,
    fates: Vec<Cell<Fate>>,
    /// How many statements have a blank node as their object.
    uses: HashMap<Node<'a>, u32>,
}

impl<'a> Statements<'a> {
    pub(crate) fn of(graph: &'a Triples) -> Self {
        let node = |subject| match subject {
            NamedOrBlankNodeRef::NamedNode(iri) => Node::Iri(iri.as_str()),
            NamedOrBlankNodeRef::BlankNode(blank) => Node::Blank(blank.as_str()),
        };
        let term = |object| match object {
            TermRef::NamedNode(iri) => Term::Node(Node::Iri(iri.as_str())),
            TermRef::BlankNode(blank) => Term::Node(Node::Blank(blank.as_str())),
            TermRef::Literal(literal) => Term::Literal(literal),
        };
        let read = graph.iter().map(|triple| Statement {
            id: 0,
            subject: node(triple.subject),
            predicate: triple.predicate.as_str(),
            object: term(triple.object),
        });
        let mut all: Vec<Statement<'a>> = read.collect();
        all.sort_unstable_by(|a, b| (a.subject, a.predicate, a.object.key()).cmp(&(b.subject, b.predicate, b.object.key())));
        let mut subjects: HashMap<Node<'a>, Range<usize>> = HashMap::new();
        let mut uses: HashMap<Node<'a>, u32> = HashMap::new();
        for (id, statement) in all.iter_mut().enumerate() {
            statement.id = id;
            subjects.entry(statement.subject).or_insert(id..id).end = id + 1;
            if let Some(blank @ Node::Blank(_)) = statement.object.node() {
                *uses.entry(blank).or_default() += 1;
            }
        }
        let fates = vec![Cell::new(Fate::Open); all.len()];
        Self { all, subjects, fates, uses }
    }

    /// All statements.
    pub(crate) fn all(&self) -> &[Statement<'a>] {
        &self.all
    }

    /// What is said of a subject.
    pub(crate) fn about(&self, subject: Node<'a>) -> &[Statement<'a>] {
        self.subjects.get(&subject).map_or(&[], |range| &self.all[range.clone()])
    }

    /// What is said of a subject with one predicate.
    pub(crate) fn said(&self, subject: Node<'a>, predicate: &str) -> &[Statement<'a>] {
        let about = self.about(subject);
        let from = about.partition_point(|statement| statement.predicate < predicate);
        let length = about[from..].partition_point(|statement| statement.predicate == predicate);
        &about[from..from + length]
    }

    /// What is said of an IRI that may outlive, or be older than, the graph.
    pub(crate) fn about_iri(&self, iri: &str) -> &[Statement<'a>] {
        let from = self.all.partition_point(|it| it.subject.iri().is_some_and(|subject| subject < iri));
        let length = self.all[from..].partition_point(|it| it.subject.iri() == Some(iri));
        &self.all[from..from + length]
    }

    /// What is said of such an IRI with one predicate.
    pub(crate) fn said_of_iri(&self, iri: &str, predicate: &str) -> &[Statement<'a>] {
        let about = self.about_iri(iri);
        let from = about.partition_point(|it| it.predicate < predicate);
        let length = about[from..].partition_point(|it| it.predicate == predicate);
        &about[from..from + length]
    }

    /// The IRIs said with one predicate.
    pub(crate) fn iris(&self, subject: Node<'a>, predicate: &str) -> impl Iterator<Item = &'a str> {
        self.said(subject, predicate).iter().filter_map(|statement| statement.object.iri())
    }

    /// Whether a subject has a type.
    pub(crate) fn is_a(&self, subject: Node<'a>, class: &str) -> bool {
        self.iris(subject, super::vocabulary::RDF_TYPE).any(|iri| iri == class)
    }

    /// How many statements have a blank node as their object.
    pub(crate) fn uses(&self, node: Node<'a>) -> u32 {
        self.uses.get(&node).copied().unwrap_or(0)
    }

    /// The model expresses a statement.
    pub(crate) fn map(&self, statement: &Statement<'_>) {
        self.fates[statement.id].set(Fate::Mapped);
    }

    /// A diagnostic tells of a statement, unless the model expresses it.
    pub(crate) fn report(&self, statement: &Statement<'_>) {
        if self.fate(statement) == Fate::Open {
            self.fates[statement.id].set(Fate::Reported);
        }
    }

    /// What became of a statement.
    pub(crate) fn fate(&self, statement: &Statement<'_>) -> Fate {
        self.fates[statement.id].get()
    }

    /// How many statements had a fate.
    pub(crate) fn count(&self, fate: Fate) -> usize {
        self.fates.iter().filter(|it| it.get() == fate).count()
    }
}
