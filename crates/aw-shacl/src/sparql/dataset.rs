//! The data graph as the default graph of queries, the shapes graph as a named one.

use std::hash::{Hash, Hasher};
use std::rc::Rc;

use oxrdf::{Graph, NamedNodeRef, Term, TermRef, TripleRef};
use spareval::{InternalQuad, QueryableDataset};

use super::SHAPES_GRAPH;
use super::prebind::stands_for;
use crate::limits::{Budget, LimitError};
use crate::term::{iri, node};

/// What queries read. Every term and triple they touch is a step of the budget.
#[derive(Clone)]
pub struct Data<'a> {
    pub data: &'a Graph,
    pub shapes: Option<&'a Graph>,
    pub budget: Rc<Budget>,
}

/// A term of a graph, or one a query made.
#[derive(Clone)]
pub enum Held<'a> {
    Graph(TermRef<'a>),
    Query(Rc<Term>),
}

impl Held<'_> {
    fn as_ref(&self) -> TermRef<'_> {
        match self {
            Self::Graph(term) => *term,
            Self::Query(term) => (**term).as_ref(),
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
            Some(Some(name)) => (self.shapes.filter(|_| is_shapes(name)), Some(shapes_graph())),
            None => (self.shapes, Some(shapes_graph())),
        };
        self.budget.spend(1)?;
        let Some(graph) = graph else { return Ok(Vec::new()) };
        let [subject, predicate, object] = [subject, predicate, object].map(|term| term.map(Held::as_ref));
        let triples = Self::triples(graph, subject, predicate, object).unwrap_or_default();
        self.budget.spend(triples.len() as u64)?;
        let quad = |t: TripleRef<'a>| InternalQuad {
            subject: Held::Graph(t.subject.into()),
            predicate: Held::Graph(t.predicate.into()),
            object: Held::Graph(t.object),
            graph_name: name.clone(),
        };
        Ok(triples.into_iter().map(quad).collect())
    }
}

fn shapes_graph<'a>() -> Held<'a> {
    Held::Graph(NamedNodeRef::into(SHAPES_GRAPH))
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
        self.shapes.map(|_| Ok(shapes_graph())).into_iter()
    }

    fn contains_internal_graph_name(&self, name: &Held<'a>) -> Result<bool, LimitError> {
        Ok(self.shapes.is_some() && iri(name.as_ref()) == Some(SHAPES_GRAPH))
    }

    fn internalize_term(&self, term: Term) -> Result<Held<'a>, LimitError> {
        self.budget.spend(1)?;
        let stands_for = if let Term::NamedNode(node) = &term { stands_for(node.as_str()) } else { None };
        Ok(Held::Query(Rc::new(stands_for.unwrap_or(term))))
    }

    fn externalize_term(&self, term: Held<'a>) -> Result<Term, LimitError> {
        self.budget.spend(1)?;
        Ok(term.as_ref().into_owned())
    }
}
