//! From RDF to [`Path`].

use oxrdf::vocab::rdf;
use oxrdf::{Graph, NamedNodeRef, TermRef};

use super::Path;
use crate::limits::Limits;
use crate::problem::ProblemKind;
use crate::term::{iri, node, objects};
use crate::{list, vocab};

/// Why a path was refused.
pub type Fault = (ProblemKind, String);

/// Reads the path at `at`.
///
/// A blank node with `rdf:first` is a sequence, whatever else it holds: the other forms are blank nodes of a single triple.
pub fn parse<'g>(graph: &'g Graph, at: TermRef<'g>, limits: &Limits) -> Result<Path, Fault> {
    Parser { graph, limits, above: Vec::new(), size: 0 }.path(at)
}

/// Makes a path of one operand.
type Operator = fn(Box<Path>) -> Path;

struct Parser<'g, 'l> {
    graph: &'g Graph,
    limits: &'l Limits,
    /// The path nodes this one is within.
    above: Vec<TermRef<'g>>,
    size: usize,
}

impl<'g> Parser<'g, '_> {
    fn path(&mut self, at: TermRef<'g>) -> Result<Path, Fault> {
        self.size += 1;
        if self.size > self.limits.path_size {
            return Err((
                ProblemKind::Limit,
                format!("the path has more than {} operators and predicates", self.limits.path_size),
            ));
        }
        if let Some(predicate) = iri(at) {
            return Ok(Path::Predicate(predicate.into_owned()));
        }
        if node(at).is_none() {
            return Err((ProblemKind::IllFormed, format!("{at} is not a path; a path is an IRI or a blank node")));
        }
        if self.above.contains(&at) {
            return Err((ProblemKind::IllFormed, format!("the path contains itself at {at}")));
        }
        if self.above.len() == self.limits.path_depth {
            return Err((ProblemKind::Limit, format!("the path is nested deeper than {}", self.limits.path_depth)));
        }
        self.above.push(at);
        let path = self.blank(at);
        self.above.pop();
        path
    }

    fn blank(&mut self, at: TermRef<'g>) -> Result<Path, Fault> {
        if objects(self.graph, at, rdf::FIRST).next().is_some() {
            return self.several(at, "sequence").map(Path::Sequence);
        }
        let forms: [(NamedNodeRef<'_>, Operator); 4] = [
            (vocab::INVERSE_PATH, Path::Inverse),
            (vocab::ZERO_OR_MORE_PATH, Path::ZeroOrMore),
            (vocab::ONE_OR_MORE_PATH, Path::OneOrMore),
            (vocab::ZERO_OR_ONE_PATH, Path::ZeroOrOne),
        ];
        let mut found = None;
        let mut count = 0;
        for (predicate, form) in forms {
            for inner in objects(self.graph, at, predicate) {
                count += 1;
                found = Some((inner, Some(form)));
            }
        }
        for inner in objects(self.graph, at, vocab::ALTERNATIVE_PATH) {
            count += 1;
            found = Some((inner, None));
        }
        match (count, found) {
            (1, Some((inner, Some(form)))) => Ok(form(Box::new(self.path(inner)?))),
            (1, Some((inner, None))) => self.several(inner, "alternative").map(Path::Alternative),
            (0, _) => Err((
                ProblemKind::IllFormed,
                format!(
                    "{at} is not a path: neither a list nor sh:inversePath, sh:alternativePath, sh:zeroOrMorePath, sh:oneOrMorePath or sh:zeroOrOnePath"
                ),
            )),
            _ => Err((ProblemKind::IllFormed, format!("{at} is {count} paths at once; a path node has exactly one operator"))),
        }
    }

    fn several(&mut self, head: TermRef<'g>, what: &str) -> Result<Vec<Path>, Fault> {
        let most = self.limits.path_size;
        let members = list::members(self.graph, head, most).map_err(|why| (ProblemKind::IllFormed, why))?;
        if members.len() < 2 {
            return Err((
                ProblemKind::IllFormed,
                format!("the {what} path at {head} has {} members; at least two are needed", members.len()),
            ));
        }
        members.into_iter().map(|member| self.path(member)).collect()
    }
}
