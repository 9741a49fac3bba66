//! Validation of a data graph against shapes.

mod constraint;
mod focus;
mod sink;
mod values;

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use oxrdf::{Graph, TermRef};

use crate::limits::{Budget, LimitError};
use crate::path::follow;
use crate::report::{FocusNodes, Report};
use crate::shapes::{Shape, ShapeId, Shapes};
use crate::term::objects;

pub use sink::Fault;
pub use sink::Sink;

/// Why a validation came to no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValidateError {
    /// It took more than allowed.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// No thread could be started for the evaluation of queries.
    #[error("no thread for evaluating queries: {0}")]
    Thread(String),
    /// A query failed (SHACL, section 3.4): the shape it belongs to, and why.
    #[error("the query of {shape} failed: {message}")]
    Query {
        /// The shape or constraint.
        shape: String,
        /// Why.
        message: String,
    },
}

impl Shapes {
    /// Validates every focus node of every shape with a target in `data`.
    ///
    /// Only what `data` states counts: subclasses are those of its own `rdfs:subClassOf`. When the shapes graph is the ontology too, the
    /// data graph is the union of both.
    ///
    /// # Errors
    /// When a limit is met or a query fails; then there is no answer, neither that the data conforms nor that it does not.
    pub fn validate(&self, data: &Graph) -> Result<Report, ValidateError> {
        #[cfg(feature = "sparql")]
        if self.graph.is_some() {
            return crate::sparql::with_stack(|| self.validate_here(data));
        }
        self.validate_here(data)
    }

    fn validate_here(&self, data: &Graph) -> Result<Report, ValidateError> {
        let budget = Budget::new(self.limits.steps);
        let mut engine = Engine::new(self, data, &budget);
        let mut sink = Sink::collect(self.limits.results);
        let mut counts = Vec::new();
        for (id, shape) in self.shapes.iter().enumerate().filter(|(_, shape)| !shape.targets.is_empty()) {
            let nodes = engine.focus_nodes(shape)?;
            let (count, deactivated) = (nodes.len(), shape.deactivated);
            counts.push(FocusNodes { shape: shape.node.clone(), count, deactivated });
            for node in nodes {
                engine.check(id, node, &mut sink)?;
            }
        }
        Ok(Report::new(sink.into_results(), counts))
    }
}

/// What is kept while one data graph is validated.
pub struct Engine<'a> {
    pub shapes: &'a Shapes,
    pub data: &'a Graph,
    pub budget: &'a Budget,
    /// Which nodes conform to which shapes, as far as somebody asked.
    known: HashMap<(ShapeId, TermRef<'a>), bool>,
    /// The classes below a class, itself included.
    below: HashMap<TermRef<'a>, Rc<HashSet<TermRef<'a>>>>,
    #[cfg(feature = "sparql")]
    pub queries: crate::sparql::Queries<'a>,
}

impl<'a> Engine<'a> {
    fn new(shapes: &'a Shapes, data: &'a Graph, budget: &'a Budget) -> Self {
        Self {
            shapes,
            data,
            #[cfg(feature = "sparql")]
            queries: crate::sparql::Queries::new(data, shapes, budget),
            budget,
            known: HashMap::new(),
            below: HashMap::new(),
        }
    }

    /// Validates one node against one shape. The sink is told what is wrong until it wants no more.
    pub fn check(&mut self, id: ShapeId, focus: TermRef<'a>, sink: &mut Sink) -> Result<(), ValidateError> {
        let shape: &'a Shape = &self.shapes.shapes[id];
        if shape.deactivated {
            return Ok(());
        }
        self.budget.spend(1 + shape.constraints.len() as u64)?;
        let values = match &shape.path {
            Some(path) => follow(self.data, path, focus, self.budget)?,
            None => vec![focus],
        };
        for constraint in &shape.constraints {
            self.constraint(shape, constraint, focus, &values, sink)?;
            if sink.is_full() {
                break;
            }
        }
        Ok(())
    }

    /// Whether a node conforms to a shape: it has no results, of whatever severity.
    pub fn conforms(&mut self, id: ShapeId, node: TermRef<'a>) -> Result<bool, ValidateError> {
        if let Some(&known) = self.known.get(&(id, node)) {
            self.budget.spend(1)?;
            return Ok(known);
        }
        let mut sink = Sink::first();
        self.check(id, node, &mut sink)?;
        let conforms = !sink.is_full();
        self.known.insert((id, node), conforms);
        Ok(conforms)
    }

    /// Whether a node is a SHACL instance of a class.
    pub fn is_instance(&mut self, node: TermRef<'a>, class: TermRef<'a>) -> Result<bool, ValidateError> {
        let below = self.below(class)?;
        let types = objects(self.data, node, oxrdf::vocab::rdf::TYPE);
        let mut looked = 0;
        let found = types.inspect(|_| looked += 1).any(|class| below.contains(&class));
        self.budget.spend(1 + looked)?;
        Ok(found)
    }
}
