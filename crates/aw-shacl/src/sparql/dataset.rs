//! The data graph as the default graph of queries, the shapes graph as a named one.

use std::hash::{Hash, Hasher};
use std::rc::Rc;

use oxrdf::{Graph, Term, TermRef, TripleRef};
use spareval::{InternalQuad, QueryableDataset};

use super::SHAPES_GRAPH;
use super::prebind::stands_for;
use crate::limits::{Budget, LimitError};
use crate::term::{iri, literal, node};

/// What queries read. Every term and triple they touch is a step of the budget.
#[derive(Clone)]
pub struct Data<'a> {
    pub data: &'a Graph,
    pub shapes: Option<&'a Graph>,
    pub budget: &'a Budget,
    /// [`crate::Limits::literal_bytes`].
    pub literal_bytes: usize,
}

/// A term in a row of an evaluation.
pub struct Held<'a> {
    term: Origin<'a>,
    budget: &'a Budget,
}

/// A term of a graph, or one a query made.
#[derive(Clone)]
enum Origin<'a> {
    Graph(TermRef<'a>),
    Query(Rc<Term>),
}

/// What unwinds the evaluation of a query that went past its budget.
pub struct Exhausted(pub LimitError);

impl Clone for Held<'_> {
    /// Rows are made by cloning terms, and this is the only place where the evaluator lets us count rows: products of large tables are
    /// built in memory before anything else is asked of the dataset. A clone cannot fail, so the evaluation is unwound; the panic
    /// hook does not run, and [`super::Queries`] catches it.
    fn clone(&self) -> Self {
        if let Err(limit) = self.budget.spend(1) {
            std::panic::resume_unwind(Box::new(Exhausted(limit)));
        }
        Self { term: self.term.clone(), budget: self.budget }
    }
}

impl Held<'_> {
    fn as_ref(&self) -> TermRef<'_> {
        match &self.term {
            Origin::Graph(term) => *term,
            Origin::Query(term) => (**term).as_ref(),
        }
    }
}

impl PartialEq for Held<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.as_ref() == other.as_ref()
    }
}

impl Eq for Held<'_> {}

impl Hash for Held<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_ref().hash(state);
    }
}

type Quad<'a> = Result<InternalQuad<Held<'a>>, LimitError>;

impl<'a> Data<'a> {
    fn triples(
        graph: &'a Graph,
        subject: Option<TermRef<'_>>,
        predicate: Option<TermRef<'_>>,
        object: Option<TermRef<'_>>,
    ) -> Option<Vec<TripleRef<'a>>> {
        // A literal as subject, or anything but an IRI as predicate, is in no triple.
        let subject = subject.map_or(Some(None), |subject| node(subject).map(Some))?;
        let predicate = predicate.map_or(Some(None), |predicate| iri(predicate).map(Some))?;
        let has_predicate = |t: &TripleRef<'_>| predicate.is_none_or(|p| p == t.predicate);
        Some(match (subject, predicate, object) {
            (Some(s), _, Some(o)) => graph.triples_for_subject(s).filter(|t| t.object == o).filter(has_predicate).collect(),
            (Some(s), _, None) => graph.triples_for_subject(s).filter(has_predicate).collect(),
            (None, _, Some(o)) => graph.triples_for_object(o).filter(has_predicate).collect(),
            (None, Some(p), None) => graph.triples_for_predicate(p).collect(),
            (None, None, None) => graph.iter().collect(),
        })
    }

    fn quads(
        &self,
        subject: Option<&Held<'a>>,
        predicate: Option<&Held<'a>>,
        object: Option<&Held<'a>>,
        graph_name: Option<Option<&Held<'a>>>,
    ) -> Result<Vec<InternalQuad<Held<'a>>>, LimitError> {
        let is_shapes = |name: &Held<'_>| iri(name.as_ref()) == Some(SHAPES_GRAPH);
        let (graph, name) = match graph_name {
            Some(None) => (Some(self.data), None),
            Some(Some(name)) => (self.shapes.filter(|_| is_shapes(name)), Some(self.shapes_graph())),
            None => (self.shapes, Some(self.shapes_graph())),
        };
        self.budget.spend(1)?;
        let Some(graph) = graph else { return Ok(Vec::new()) };
        let [subject, predicate, object] = [subject, predicate, object].map(|term| term.map(Held::as_ref));
        let triples = Self::triples(graph, subject, predicate, object).unwrap_or_default();
        self.budget.spend(triples.len() as u64)?;
        let quad = |t: TripleRef<'a>| InternalQuad {
            subject: self.held(t.subject.into()),
            predicate: self.held(t.predicate.into()),
            object: self.held(t.object),
            graph_name: name.clone(),
        };
        Ok(triples.into_iter().map(quad).collect())
    }

    fn held(&self, term: TermRef<'a>) -> Held<'a> {
        Held { term: Origin::Graph(term), budget: self.budget }
    }

    fn shapes_graph(&self) -> Held<'a> {
        self.held(SHAPES_GRAPH.into())
    }

    /// A step, and more for a long text: queries can make texts longer and longer.
    fn touch(&self, term: TermRef<'_>) -> Result<(), LimitError> {
        let length = literal(term).map_or(0, |literal| literal.value().len());
        if length > self.literal_bytes {
            return Err(self.budget.meet(LimitError {
                what: "bytes in one literal of a query",
                limit: self.literal_bytes as u64,
                field: "literal_bytes",
            }));
        }
        self.budget.spend(1 + length as u64 / 8)
    }
}

impl<'a> QueryableDataset<'a> for Data<'a> {
    type InternalTerm = Held<'a>;
    type Error = LimitError;

    fn internal_quads_for_pattern(
        &self,
        subject: Option<&Held<'a>>,
        predicate: Option<&Held<'a>>,
        object: Option<&Held<'a>>,
        graph_name: Option<Option<&Held<'a>>>,
    ) -> impl Iterator<Item = Quad<'a>> + use<'a> {
        let (found, error) = match self.quads(subject, predicate, object, graph_name) {
            Ok(found) => (found, None),
            Err(error) => (Vec::new(), Some(Err(error))),
        };
        found.into_iter().map(Ok).chain(error)
    }

    fn internal_named_graphs(&self) -> impl Iterator<Item = Result<Held<'a>, LimitError>> + use<'a> {
        self.shapes.map(|_| Ok(self.shapes_graph())).into_iter()
    }

    fn contains_internal_graph_name(&self, name: &Held<'a>) -> Result<bool, LimitError> {
        Ok(self.shapes.is_some() && iri(name.as_ref()) == Some(SHAPES_GRAPH))
    }

    fn internalize_term(&self, term: Term) -> Result<Held<'a>, LimitError> {
        self.touch(term.as_ref())?;
        let stands_for = if let Term::NamedNode(node) = &term { stands_for(node.as_str()) } else { None };
        Ok(Held { term: Origin::Query(Rc::new(stands_for.unwrap_or(term))), budget: self.budget })
    }

    fn externalize_term(&self, term: Held<'a>) -> Result<Term, LimitError> {
        self.touch(term.as_ref())?;
        Ok(term.as_ref().into_owned())
    }
}
