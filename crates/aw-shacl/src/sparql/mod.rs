//! SHACL-SPARQL: constraints written as queries (SHACL, sections 5 and 6), evaluated by `spareval`.

mod component;
mod dataset;
mod prebind;
mod prefixes;
mod query;
mod run;
mod text;

use oxrdf::{Literal, NamedNodeRef, Term};

use crate::path::Path;
use crate::problem::ProblemKind;
use crate::shapes::{Constraint, Reader, Shape, messages};
use crate::term::{node, objects};
use crate::validate::ValidateError;
use crate::vocab;

pub use component::{ComponentUse, Declared, declared};
pub use query::Query;
pub use run::Queries;

/// The name of the graph that queries see as `$shapesGraph`.
pub const SHAPES_GRAPH: NamedNodeRef<'static> = NamedNodeRef::new_unchecked("urn:x-aw-shacl:shapes-graph");

/// Bytes of stack for evaluating queries. `spareval` recurses over expressions, with some 20 KB a level without optimisation; a query
/// has a few hundred levels at most. Memory is used only as far as the stack grows.
const STACK: usize = 64 << 20;

/// Runs something on a thread with a stack that is large enough for every query that was accepted.
pub fn with_stack<T: Send>(work: impl FnOnce() -> Result<T, ValidateError> + Send) -> Result<T, ValidateError> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("shacl".into()).stack_size(STACK).spawn_scoped(scope, work);
        let thread = thread.map_err(|why| ValidateError::Thread(why.to_string()))?;
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// One value of `sh:sparql`.
#[derive(Debug)]
pub struct SparqlConstraint {
    pub node: Term,
    pub query: Query,
    pub messages: Vec<Literal>,
}

/// Reads what of the current shape is written in SPARQL: its `sh:sparql`, and the constraint components `declared` in the graph.
pub fn constraints<'g>(reader: &mut Reader<'g, '_>, declared: &[Declared<'g>], shape: &mut Shape) {
    for value in reader.values(vocab::SPARQL) {
        shape.constraints.extend(constraint(reader, value, shape.path.as_ref()).map(|c| Constraint::Sparql(Box::new(c))));
    }
    for component in declared {
        shape
            .constraints
            .extend(component.uses(reader, shape.path.as_ref()).into_iter().map(|c| Constraint::Component(Box::new(c))));
    }
}

fn constraint<'g>(reader: &mut Reader<'g, '_>, value: oxrdf::TermRef<'g>, path: Option<&Path>) -> Option<SparqlConstraint> {
    if node(value).is_none() {
        reader.ill_formed(vocab::SPARQL, Some(value), "the value must be a SPARQL constraint: an IRI or a blank node");
        return None;
    }
    let shape = std::mem::replace(&mut reader.at, value);
    let found = (|| {
        if objects(reader.graph, value, vocab::SELECT).next().is_none() {
            let message = "a SPARQL constraint has exactly one sh:select";
            reader.problem(ProblemKind::IllFormed, vocab::SELECT, None, message);
            return None;
        }
        let query = Query::read(reader, vocab::SELECT, path, &[])?;
        let messages = messages(reader);
        if value != shape && reader.boolean(vocab::DEACTIVATED) {
            return None;
        }
        Some(SparqlConstraint { node: value.into_owned(), query, messages })
    })();
    reader.at = shape;
    found
}
