//! Running queries for a focus node, and what their solutions say.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use oxrdf::vocab::xsd;
use oxrdf::{Graph, Literal, Term, TermRef, Variable};
use spareval::{QueryEvaluationError, QueryEvaluator, QueryResults, QuerySolution};

use super::SparqlConstraint;
use super::component::ComponentUse;
use super::dataset::{Data, Exhausted};
use super::prebind::{self, Bindings};
use super::query::{CURRENT_SHAPE, Query, SHAPES_GRAPH, THIS, VALUE};
use crate::limits::{Budget, LimitError};
use crate::path::Path;
use crate::shapes::{Shape, Shapes};
use crate::term::Short;
use crate::validate::{Engine, Fault, Sink, ValidateError};

/// What queries run on.
pub struct Queries<'a> {
    data: Data<'a>,
}

impl<'a> Queries<'a> {
    pub fn new(data: &'a Graph, shapes: &'a Shapes, budget: &'a Budget) -> Self {
        Self { data: Data { data, shapes: shapes.graph.as_ref(), budget, literal_bytes: shapes.limits.literal_bytes } }
    }

    /// The solutions of a SELECT, or one empty solution where an ASK is true.
    fn run(&self, query: &Query, bindings: &Bindings, most: usize) -> Result<Vec<QuerySolution>, Failure> {
        // Nothing of the evaluation is left behind when it is unwound, but for the budget, which is a number.
        let solutions = catch_unwind(AssertUnwindSafe(|| self.evaluate(query, bindings, most)));
        let solutions = solutions.unwrap_or_else(|panic| match panic.downcast::<Exhausted>() {
            Ok(exhausted) => Err(Failure::Limit(exhausted.0)),
            Err(other) => resume_unwind(other),
        });
        self.data.budget.met().map_or(solutions, |limit| Err(Failure::Limit(limit)))
    }

    fn evaluate(&self, query: &Query, bindings: &Bindings, most: usize) -> Result<Vec<QuerySolution>, Failure> {
        self.data.budget.spend(query.cost).map_err(Failure::Limit)?;
        let pattern = prebind::pattern(&query.pattern, bindings);
        let mut evaluator = QueryEvaluator::new();
        for term in bindings.values() {
            if let Term::BlankNode(node) = term {
                let value = term.clone();
                evaluator = evaluator.with_custom_function(prebind::name_of(node), move |_| Some(value.clone()));
            }
        }
        let query = match query.asks {
            true => spargebra::Query::Ask { dataset: None, pattern, base_iri: None },
            false => spargebra::Query::Select { dataset: None, pattern, base_iri: None },
        };
        match evaluator.prepare(&query).execute(self.data.clone())? {
            QueryResults::Boolean(true) => Ok(vec![QuerySolution::from((Vec::<Variable>::new(), Vec::new()))]),
            QueryResults::Solutions(solutions) => {
                let mut found = Vec::new();
                for solution in solutions {
                    if found.len() == most {
                        return Err(Failure::Limit(LimitError { what: "results", limit: most as u64, field: "results" }));
                    }
                    found.push(solution?);
                }
                Ok(found)
            }
            _ => Ok(Vec::new()),
        }
    }
}

/// Why a query came to no answer.
enum Failure {
    Limit(LimitError),
    Other(String),
}

impl From<QueryEvaluationError> for Failure {
    fn from(error: QueryEvaluationError) -> Self {
        match error {
            QueryEvaluationError::Dataset(error) => match error.downcast::<LimitError>() {
                Ok(limit) => Self::Limit(*limit),
                Err(other) => Self::Other(other.to_string()),
            },
            other => Self::Other(other.to_string()),
        }
    }
}

impl<'a> Engine<'a> {
    /// A value of `sh:sparql`: every solution is a result.
    pub fn sparql(
        &mut self,
        shape: &Shape,
        query: &SparqlConstraint,
        focus: TermRef<'a>,
        sink: &mut Sink,
    ) -> Result<(), ValidateError> {
        let component = crate::vocab::SPARQL_CONSTRAINT_COMPONENT.into_owned();
        let found =
            Found { component, source: Some(&query.node), messages: &query.messages, reason: "a SPARQL constraint is violated" };
        self.select(shape, &query.query, self.bindings(shape, focus), &found, focus, sink)
    }

    /// A use of a constraint component that the shapes graph declares.
    pub fn component(
        &mut self,
        shape: &Shape,
        used: &ComponentUse,
        focus: TermRef<'a>,
        values: &[TermRef<'a>],
        sink: &mut Sink,
    ) -> Result<(), ValidateError> {
        let reason = format!("a constraint of {} is violated", used.component);
        let found = Found { component: used.component.clone(), source: None, messages: &used.messages, reason: &reason };
        let mut bindings = self.bindings(shape, focus);
        bindings.extend(used.parameters.clone());
        if !used.query.asks {
            return self.select(shape, &used.query, bindings, &found, focus, sink);
        }
        for &value in values {
            bindings.insert(VALUE.into(), value.into_owned());
            let holds = self.solutions(shape, &used.query, &bindings)?;
            if holds.is_empty() {
                sink.add(shape, focus, || Fault {
                    path: shape.path.clone(),
                    value: Some(value.into_owned()),
                    component: found.component.clone(),
                    source_constraint: None,
                    messages: found.messages.iter().map(|m| filled(m, |name| bindings.get(name).cloned())).collect(),
                    reason: format!("{}: {reason}", Short(value)),
                    detail: Vec::new(),
                })?;
                if sink.is_full() {
                    break;
                }
            }
        }
        Ok(())
    }

    fn bindings(&self, shape: &Shape, focus: TermRef<'_>) -> Bindings {
        Bindings::from([
            (THIS.into(), focus.into_owned()),
            (CURRENT_SHAPE.into(), shape.node.clone()),
            (SHAPES_GRAPH.into(), super::SHAPES_GRAPH.into_owned().into()),
        ])
    }

    fn solutions(&self, shape: &Shape, query: &Query, bindings: &Bindings) -> Result<Vec<QuerySolution>, ValidateError> {
        self.queries.run(query, bindings, self.shapes.limits.results).map_err(|failure| match failure {
            Failure::Limit(limit) => limit.into(),
            Failure::Other(message) => ValidateError::Query { shape: shape.node.to_string(), message },
        })
    }

    fn select(
        &mut self,
        shape: &Shape,
        query: &Query,
        bindings: Bindings,
        found: &Found<'_>,
        focus: TermRef<'a>,
        sink: &mut Sink,
    ) -> Result<(), ValidateError> {
        for solution in self.solutions(shape, query, &bindings)? {
            if solution.get("failure").is_some_and(|term| *term == Literal::from(true).into()) {
                let message = format!("it reported a failure for {focus}");
                return Err(ValidateError::Query { shape: shape.node.to_string(), message });
            }
            let get = |name: &str| solution.get(name).cloned().or_else(|| bindings.get(name).cloned());
            let node_itself = || shape.path.is_none().then(|| focus.into_owned());
            let own_path = solution
                .get("path")
                .and_then(|term| if let Term::NamedNode(p) = term { Some(Path::Predicate(p.clone())) } else { None });
            sink.add(shape, focus, || Fault {
                path: own_path.or_else(|| shape.path.clone()),
                value: solution.get(VALUE).cloned().or_else(node_itself),
                component: found.component.clone(),
                source_constraint: found.source.cloned(),
                messages: match solution.get("message") {
                    Some(Term::Literal(message)) if message.datatype() == xsd::STRING || message.language().is_some() => {
                        vec![message.clone()]
                    }
                    _ => found.messages.iter().map(|message| filled(message, get)).collect(),
                },
                reason: found.reason.to_owned(),
                detail: Vec::new(),
            })?;
            if sink.is_full() {
                break;
            }
        }
        Ok(())
    }
}

/// What the results of one query have in common.
struct Found<'f> {
    component: oxrdf::NamedNode,
    source: Option<&'f Term>,
    messages: &'f [Literal],
    reason: &'f str,
}

/// A message with `{?name}` and `{$name}` replaced by values (SHACL, section 5.2.1).
fn filled(message: &Literal, value: impl Fn(&str) -> Option<Term>) -> Literal {
    let mut out = String::new();
    let mut rest = message.value();
    while let Some(open) = rest.find('{') {
        out.push_str(&rest[..open]);
        rest = &rest[open..];
        let name = rest.find('}').and_then(|close| Some((close, rest[1..close].strip_prefix(['?', '$'])?)));
        let known = name.and_then(|(close, name)| Some((close, value(name)?)));
        match known {
            Some((close, term)) => {
                match &term {
                    Term::Literal(literal) => out.push_str(literal.value()),
                    other => out.push_str(&other.to_string()),
                }
                rest = &rest[close + 1..];
            }
            None => {
                out.push('{');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    match message.language() {
        Some(language) => Literal::new_language_tagged_literal_unchecked(out, language),
        None => Literal::new_simple_literal(out),
    }
}
