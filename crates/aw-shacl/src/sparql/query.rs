//! A query read from a shapes graph, with the rules SHACL has for it.

use oxrdf::{NamedNodeRef, Variable};
use spargebra::SparqlParser;
use spargebra::algebra::{Expression, Function, GraphPattern};

use super::prefixes::prefixes;
use super::{prebind, text};
use crate::path::Path;
use crate::problem::ProblemKind;
use crate::shapes::Reader;
use crate::vocab;

/// Variables that are bound before a query runs, beside the parameters of components (SHACL, section 5.3.1).
pub const THIS: &str = "this";
pub const SHAPES_GRAPH: &str = "shapesGraph";
pub const CURRENT_SHAPE: &str = "currentShape";
pub const VALUE: &str = "value";

/// A query that was parsed and may be run.
#[derive(Clone, Debug)]
pub struct Query {
    pub pattern: GraphPattern,
    /// Whether it asks; else it selects.
    pub asks: bool,
    /// Steps of preparing it for one focus node: the evaluator's planning is quadratic in the operators.
    pub cost: u64,
}

impl Query {
    /// Reads the query that is the value of `property` at the current node.
    ///
    /// `parameters` are the variables a constraint component binds beside those that SHACL names.
    pub fn read(
        reader: &mut Reader<'_, '_>,
        property: NamedNodeRef<'_>,
        path: Option<&Path>,
        parameters: &[String],
    ) -> Option<Self> {
        let value = reader.one(property)?;
        let text = reader.string(property, value)?;
        let prefixes = prefixes(reader);
        match Self::parse(&text, property == vocab::ASK, path, parameters, prefixes, reader.limits.text_bytes) {
            Ok(query) => Some(query),
            Err((kind, why)) => {
                reader.problem(kind, property, None, why);
                None
            }
        }
    }

    fn parse(
        text: &str,
        asks: bool,
        path: Option<&Path>,
        parameters: &[String],
        prefixes: impl IntoIterator<Item = (String, String)>,
        most: usize,
    ) -> Result<Self, (ProblemKind, String)> {
        let ill_formed = |why: String| (ProblemKind::IllFormed, why);
        if text.len() > most {
            return Err((ProblemKind::Limit, format!("the query is longer than {most} bytes")));
        }
        let path = path.map(|path| if path.predicate().is_some() { path.to_string() } else { format!("({path})") });
        let (text, operators) = text::prepare(text, path.as_deref()).map_err(ill_formed)?;
        let mut parser = SparqlParser::new();
        for (prefix, namespace) in prefixes {
            let bad = |why| ill_formed(format!("the namespace of prefix `{prefix}` is not an IRI: {why}"));
            parser = parser.with_prefix(&prefix, &namespace).map_err(bad)?;
        }
        let query = parser.parse_query(&text).map_err(|why| ill_formed(format!("not a SPARQL query: {why}")))?;
        let (pattern, dataset, is_ask) = match query {
            spargebra::Query::Select { pattern, dataset, .. } => (pattern, dataset, false),
            spargebra::Query::Ask { pattern, dataset, .. } => (pattern, dataset, true),
            _ => return Err(ill_formed("only SELECT and ASK queries can be constraints".into())),
        };
        if is_ask != asks {
            let (wanted, found) = if asks { ("an ASK", "SELECT") } else { ("a SELECT", "ASK") };
            return Err(ill_formed(format!("{wanted} query is needed, and this is {found}")));
        }
        if dataset.is_some() {
            return Err(ill_formed("FROM is not allowed: the data graph and the shapes graph are what there is".into()));
        }
        let rules = Rules { asks, parameters, negations: 0 };
        let bare = bare_unions(&pattern);
        if bare > BARE_UNIONS {
            return Err((
                ProblemKind::Limit,
                format!("there are more than {BARE_UNIONS} UNIONs with a branch without a triple pattern"),
            ));
        }
        rules.top(&pattern)?;
        prebind::check_names(&pattern).map_err(ill_formed)?;
        Ok(Self { pattern, asks, cost: 100 + operators * operators })
    }
}

/// Negations within negations: the evaluator's planning doubles with each.
const NEGATIONS: usize = 6;

/// Unions with a branch that binds nothing: each doubles rows without a term in them, which nobody counts.
const BARE_UNIONS: usize = 8;
/// Bytes a REPLACE may put in the place of one match: it multiplies what it is given.
const REPLACEMENT: usize = 64;

/// What SHACL forbids in queries with pre-bound variables (appendix A), and what would make two runs differ.
struct Rules<'p> {
    asks: bool,
    parameters: &'p [String],
    /// How many this part of the query is within.
    negations: usize,
}

type Checked = Result<(), (ProblemKind, String)>;

impl Rules<'_> {
    fn is_bound(&self, variable: &Variable) -> bool {
        let name = variable.as_str();
        [THIS, SHAPES_GRAPH, CURRENT_SHAPE].contains(&name) || self.must_project(name)
    }

    /// Those a subquery may not hide: all that are bound, but for the two optional ones.
    fn must_project(&self, name: &str) -> bool {
        name == THIS || (self.asks && name == VALUE) || self.parameters.iter().any(|p| p == name)
    }

    /// The outermost pattern of a query, down to its projection.
    fn top(&self, pattern: &GraphPattern) -> Checked {
        match pattern {
            GraphPattern::Distinct { inner } | GraphPattern::Reduced { inner } | GraphPattern::Slice { inner, .. } => {
                self.top(inner)
            }
            GraphPattern::Project { inner, variables } => {
                if !self.asks && !variables.iter().any(|v| v.as_str() == THIS) {
                    return Err((ProblemKind::IllFormed, "the query must project the variable $this".into()));
                }
                self.pattern(inner)
            }
            other => self.pattern(other),
        }
    }

    fn pattern(&self, pattern: &GraphPattern) -> Checked {
        let ill_formed = |why: &str| Err((ProblemKind::IllFormed, why.to_owned()));
        match pattern {
            GraphPattern::Bgp { .. } | GraphPattern::Path { .. } => Ok(()),
            GraphPattern::Minus { .. } => ill_formed("MINUS is not allowed with pre-bound variables; use FILTER NOT EXISTS"),
            GraphPattern::Values { .. } => ill_formed("VALUES is not allowed with pre-bound variables; use FILTER with IN"),
            GraphPattern::Service { .. } => ill_formed("SERVICE is not allowed with pre-bound variables"),
            GraphPattern::Join { left, right } | GraphPattern::Union { left, right } => {
                self.pattern(left)?;
                self.pattern(right)
            }
            GraphPattern::LeftJoin { left, right, expression } => {
                self.pattern(left)?;
                self.pattern(right)?;
                expression.as_ref().map_or(Ok(()), |e| self.expression(e))
            }
            GraphPattern::Filter { expr, inner } => {
                self.expression(expr)?;
                self.pattern(inner)
            }
            GraphPattern::Graph { inner, .. }
            | GraphPattern::Distinct { inner }
            | GraphPattern::Reduced { inner }
            | GraphPattern::Slice { inner, .. } => self.pattern(inner),
            GraphPattern::Extend { inner, variable, expression } => {
                if self.is_bound(variable) {
                    return Err((
                        ProblemKind::IllFormed,
                        format!("`AS ${}` is not allowed: the variable is pre-bound", variable.as_str()),
                    ));
                }
                self.expression(expression)?;
                self.pattern(inner)
            }
            GraphPattern::OrderBy { inner, expression } => {
                expression.iter().try_for_each(|e| self.expression(prebind::ordered(e)))?;
                self.pattern(inner)
            }
            GraphPattern::Project { inner, variables } => {
                let projects = |name: &str| variables.iter().any(|v| v.as_str() == name);
                let names = [THIS, VALUE].into_iter().chain(self.parameters.iter().map(String::as_str));
                if let Some(hidden) = names.filter(|name| self.must_project(name)).find(|name| !projects(name)) {
                    let message = format!("a subquery must return the pre-bound variable ${hidden}");
                    return Err((ProblemKind::IllFormed, message));
                }
                self.pattern(inner)
            }
            GraphPattern::Group { inner, aggregates, .. } => {
                for (_, aggregate) in aggregates {
                    prebind::aggregated(aggregate).map_or(Ok(()), |e| self.expression(e))?;
                }
                self.pattern(inner)
            }
        }
    }

    fn expression(&self, expression: &Expression) -> Checked {
        if let Expression::FunctionCall(function, arguments) = expression {
            self.function(function, arguments)?;
        }
        if let Expression::Not(inner) = expression {
            if self.negations == NEGATIONS {
                return Err((ProblemKind::Limit, format!("negations are nested deeper than {NEGATIONS}")));
            }
            return Rules { negations: self.negations + 1, ..*self }.expression(inner);
        }
        if let Expression::Exists(pattern) = expression {
            return self.pattern(pattern);
        }
        prebind::operands(expression).into_iter().try_for_each(|operand| self.expression(operand))
    }

    fn function(&self, function: &Function, arguments: &[Expression]) -> Checked {
        match function {
            Function::Replace => {
                let short = matches!(arguments.get(2), Some(Expression::Literal(by)) if by.value().len() <= REPLACEMENT);
                if short && !arguments.iter().any(replaces) {
                    return Ok(());
                }
                let message =
                    format!("REPLACE needs a literal of at most {REPLACEMENT} bytes as replacement, and no REPLACE within");
                Err((ProblemKind::Limit, message))
            }
            Function::Now | Function::Rand | Function::Uuid | Function::StrUuid | Function::BNode => Err((
                ProblemKind::Unsupported,
                format!("{function} is not supported: the same data must always give the same answer"),
            )),
            Function::Custom(name) => {
                let casts = ["boolean", "dateTime", "decimal", "double", "float", "integer", "string"];
                let cast = name.as_str().strip_prefix("http://www.w3.org/2001/XMLSchema#");
                if cast.is_some_and(|cast| casts.contains(&cast)) {
                    return Ok(());
                }
                Err((ProblemKind::Unsupported, format!("there is no function {name}")))
            }
            _ => Ok(()),
        }
    }
}

fn replaces(expression: &Expression) -> bool {
    matches!(expression, Expression::FunctionCall(Function::Replace, _))
        || prebind::operands(expression).into_iter().any(replaces)
}

/// Unions with a branch that no triple pattern is in. Patterns within expressions make no rows.
fn bare_unions(pattern: &GraphPattern) -> usize {
    fn matches_triples(pattern: &GraphPattern) -> bool {
        match pattern {
            GraphPattern::Bgp { patterns } => !patterns.is_empty(),
            GraphPattern::Path { .. } => true,
            other => parts(other).into_iter().any(matches_triples),
        }
    }
    let own = match pattern {
        GraphPattern::Union { left, right } => usize::from(!matches_triples(left) || !matches_triples(right)),
        _ => 0,
    };
    own + parts(pattern).into_iter().map(bare_unions).sum::<usize>()
}

/// The patterns directly within one.
fn parts(pattern: &GraphPattern) -> Vec<&GraphPattern> {
    match pattern {
        GraphPattern::Bgp { .. } | GraphPattern::Path { .. } | GraphPattern::Values { .. } => Vec::new(),
        GraphPattern::Join { left, right }
        | GraphPattern::LeftJoin { left, right, .. }
        | GraphPattern::Union { left, right }
        | GraphPattern::Minus { left, right } => vec![left, right],
        GraphPattern::Filter { inner, .. }
        | GraphPattern::Graph { inner, .. }
        | GraphPattern::Extend { inner, .. }
        | GraphPattern::OrderBy { inner, .. }
        | GraphPattern::Project { inner, .. }
        | GraphPattern::Distinct { inner }
        | GraphPattern::Reduced { inner }
        | GraphPattern::Slice { inner, .. }
        | GraphPattern::Group { inner, .. }
        | GraphPattern::Service { inner, .. } => vec![inner],
    }
}
