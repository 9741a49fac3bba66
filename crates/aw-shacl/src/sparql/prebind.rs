//! Pre-binding (SHACL, appendix A): each pre-bound variable is replaced by its value wherever it stands.
//!
//! A blank node cannot be written in a query: there it would be a variable. In patterns it is therefore an IRI of a scheme of our own,
//! which the dataset takes for the blank node; in expressions a function without arguments, which returns it.

use std::collections::BTreeMap;

use oxrdf::{Literal, NamedNode, Term, Variable};
use spargebra::algebra::{AggregateExpression, Expression, Function, GraphPattern, OrderExpression};
use spargebra::term::{NamedNodePattern, TermPattern, TriplePattern};

/// What IRIs of our own begin with.
const OURS: &str = "urn:x-aw-shacl:";
const BLANK: &str = "urn:x-aw-shacl:blank:";
/// Stands where a predicate or graph would have to be a literal: it matches nothing.
const NOTHING: &str = "urn:x-aw-shacl:nothing";

/// The values of pre-bound variables, by name.
pub type Bindings = BTreeMap<String, Term>;

/// What an IRI that a pattern holds stands for; none for IRIs of others.
pub fn stands_for(iri: &str) -> Option<Term> {
    if let Some(label) = iri.strip_prefix(BLANK) {
        Some(oxrdf::BlankNode::new_unchecked(label).into())
    } else {
        (iri == NOTHING).then(|| Literal::from("").into())
    }
}

/// Queries must not use the IRIs that stand for something here.
pub fn check_names(pattern: &GraphPattern) -> Result<(), String> {
    let text = pattern.to_string();
    if text.contains(OURS) { Err(format!("IRIs that begin with {OURS} are reserved")) } else { Ok(()) }
}

/// The function that returns a blank node in expressions, and the IRI that stands for it in patterns.
pub fn name_of(node: &oxrdf::BlankNode) -> NamedNode {
    NamedNode::new_unchecked(format!("{BLANK}{}", node.as_str()))
}

/// The pattern with every variable of `bindings` replaced.
pub fn pattern(pattern: &GraphPattern, bindings: &Bindings) -> GraphPattern {
    Prebind { bindings }.pattern(pattern)
}

struct Prebind<'b> {
    bindings: &'b Bindings,
}

impl Prebind<'_> {
    fn value(&self, variable: &Variable) -> Option<&Term> {
        self.bindings.get(variable.as_str())
    }

    fn term(&self, term: &TermPattern) -> TermPattern {
        let TermPattern::Variable(variable) = term else { return term.clone() };
        match self.value(variable) {
            Some(Term::NamedNode(node)) => node.clone().into(),
            Some(Term::Literal(literal)) => literal.clone().into(),
            Some(Term::BlankNode(node)) => name_of(node).into(),
            #[allow(unreachable_patterns, reason = "terms of RDF 1.2, when another crate asks for them")]
            Some(_) => NamedNode::new_unchecked(NOTHING).into(),
            None => term.clone(),
        }
    }

    fn name(&self, name: &NamedNodePattern) -> NamedNodePattern {
        let NamedNodePattern::Variable(variable) = name else { return name.clone() };
        match self.value(variable) {
            Some(Term::NamedNode(node)) => node.clone().into(),
            Some(_) => NamedNode::new_unchecked(NOTHING).into(),
            None => name.clone(),
        }
    }

    fn pattern(&self, pattern: &GraphPattern) -> GraphPattern {
        let boxed = |inner: &GraphPattern| Box::new(self.pattern(inner));
        match pattern {
            GraphPattern::Bgp { patterns } => GraphPattern::Bgp {
                patterns: patterns
                    .iter()
                    .map(|t| TriplePattern {
                        subject: self.term(&t.subject),
                        predicate: self.name(&t.predicate),
                        object: self.term(&t.object),
                    })
                    .collect(),
            },
            GraphPattern::Path { subject, path, object } => {
                GraphPattern::Path { subject: self.term(subject), path: path.clone(), object: self.term(object) }
            }
            GraphPattern::Join { left, right } => GraphPattern::Join { left: boxed(left), right: boxed(right) },
            GraphPattern::LeftJoin { left, right, expression } => GraphPattern::LeftJoin {
                left: boxed(left),
                right: boxed(right),
                expression: expression.as_ref().map(|e| self.expression(e)),
            },
            GraphPattern::Filter { expr, inner } => GraphPattern::Filter { expr: self.expression(expr), inner: boxed(inner) },
            GraphPattern::Union { left, right } => GraphPattern::Union { left: boxed(left), right: boxed(right) },
            GraphPattern::Graph { name, inner } => GraphPattern::Graph { name: self.name(name), inner: boxed(inner) },
            GraphPattern::Extend { inner, variable, expression } => {
                GraphPattern::Extend { inner: boxed(inner), variable: variable.clone(), expression: self.expression(expression) }
            }
            GraphPattern::OrderBy { inner, expression } => GraphPattern::OrderBy {
                inner: boxed(inner),
                expression: expression
                    .iter()
                    .map(|e| match e {
                        OrderExpression::Asc(e) => OrderExpression::Asc(self.expression(e)),
                        OrderExpression::Desc(e) => OrderExpression::Desc(self.expression(e)),
                    })
                    .collect(),
            },
            GraphPattern::Project { inner, variables } => {
                // A pre-bound variable is in no pattern any more, and in every solution.
                let bind = |inner, variable: &Variable| match self.value(variable) {
                    Some(value) => GraphPattern::Extend {
                        inner: Box::new(inner),
                        variable: variable.clone(),
                        expression: Self::constant(value),
                    },
                    None => inner,
                };
                let inner = variables.iter().fold(self.pattern(inner), bind);
                GraphPattern::Project { inner: Box::new(inner), variables: variables.clone() }
            }
            GraphPattern::Distinct { inner } => GraphPattern::Distinct { inner: boxed(inner) },
            GraphPattern::Reduced { inner } => GraphPattern::Reduced { inner: boxed(inner) },
            GraphPattern::Slice { inner, start, length } => {
                GraphPattern::Slice { inner: boxed(inner), start: *start, length: *length }
            }
            GraphPattern::Group { inner, variables, aggregates } => GraphPattern::Group {
                inner: boxed(inner),
                variables: variables.clone(),
                aggregates: aggregates.iter().map(|(name, a)| (name.clone(), self.aggregate(a))).collect(),
            },
            // Refused when the query was read.
            GraphPattern::Minus { .. } | GraphPattern::Values { .. } | GraphPattern::Service { .. } => pattern.clone(),
        }
    }

    fn aggregate(&self, aggregate: &AggregateExpression) -> AggregateExpression {
        match aggregate {
            AggregateExpression::CountSolutions { .. } => aggregate.clone(),
            AggregateExpression::FunctionCall { name, expr, distinct } => {
                AggregateExpression::FunctionCall { name: name.clone(), expr: self.expression(expr), distinct: *distinct }
            }
        }
    }

    fn constant(term: &Term) -> Expression {
        match term {
            Term::NamedNode(node) => node.clone().into(),
            Term::Literal(literal) => literal.clone().into(),
            Term::BlankNode(node) => Expression::FunctionCall(Function::Custom(name_of(node)), Vec::new()),
            #[allow(unreachable_patterns, reason = "terms of RDF 1.2, when another crate asks for them")]
            _ => NamedNode::new_unchecked(NOTHING).into(),
        }
    }

    fn expression(&self, expression: &Expression) -> Expression {
        let boxed = |e: &Expression| Box::new(self.expression(e));
        let all = |es: &[Expression]| es.iter().map(|e| self.expression(e)).collect();
        match expression {
            Expression::NamedNode(_) | Expression::Literal(_) => expression.clone(),
            Expression::Variable(variable) => self.value(variable).map_or_else(|| expression.clone(), Self::constant),
            Expression::Bound(variable) => match self.value(variable) {
                Some(_) => Literal::from(true).into(),
                None => expression.clone(),
            },
            Expression::Or(a, b) => Expression::Or(boxed(a), boxed(b)),
            Expression::And(a, b) => Expression::And(boxed(a), boxed(b)),
            Expression::Equal(a, b) => Expression::Equal(boxed(a), boxed(b)),
            Expression::SameTerm(a, b) => Expression::SameTerm(boxed(a), boxed(b)),
            Expression::Greater(a, b) => Expression::Greater(boxed(a), boxed(b)),
            Expression::GreaterOrEqual(a, b) => Expression::GreaterOrEqual(boxed(a), boxed(b)),
            Expression::Less(a, b) => Expression::Less(boxed(a), boxed(b)),
            Expression::LessOrEqual(a, b) => Expression::LessOrEqual(boxed(a), boxed(b)),
            Expression::In(a, list) => Expression::In(boxed(a), all(list)),
            Expression::Add(a, b) => Expression::Add(boxed(a), boxed(b)),
            Expression::Subtract(a, b) => Expression::Subtract(boxed(a), boxed(b)),
            Expression::Multiply(a, b) => Expression::Multiply(boxed(a), boxed(b)),
            Expression::Divide(a, b) => Expression::Divide(boxed(a), boxed(b)),
            Expression::UnaryPlus(a) => Expression::UnaryPlus(boxed(a)),
            Expression::UnaryMinus(a) => Expression::UnaryMinus(boxed(a)),
            Expression::Not(a) => Expression::Not(boxed(a)),
            Expression::Exists(pattern) => Expression::Exists(Box::new(self.pattern(pattern))),
            Expression::If(a, b, c) => Expression::If(boxed(a), boxed(b), boxed(c)),
            Expression::Coalesce(list) => Expression::Coalesce(all(list)),
            Expression::FunctionCall(function, list) => Expression::FunctionCall(function.clone(), all(list)),
        }
    }
}

/// The expressions directly within one; not those of an EXISTS.
pub fn operands(expression: &Expression) -> Vec<&Expression> {
    match expression {
        Expression::NamedNode(_)
        | Expression::Literal(_)
        | Expression::Variable(_)
        | Expression::Bound(_)
        | Expression::Exists(_) => Vec::new(),
        Expression::Or(a, b)
        | Expression::And(a, b)
        | Expression::Equal(a, b)
        | Expression::SameTerm(a, b)
        | Expression::Greater(a, b)
        | Expression::GreaterOrEqual(a, b)
        | Expression::Less(a, b)
        | Expression::LessOrEqual(a, b)
        | Expression::Add(a, b)
        | Expression::Subtract(a, b)
        | Expression::Multiply(a, b)
        | Expression::Divide(a, b) => vec![a, b],
        Expression::In(a, list) => std::iter::once(&**a).chain(list).collect(),
        Expression::UnaryPlus(a) | Expression::UnaryMinus(a) | Expression::Not(a) => vec![a],
        Expression::If(a, b, c) => vec![a, b, c],
        Expression::Coalesce(list) | Expression::FunctionCall(_, list) => list.iter().collect(),
    }
}

/// The expression of an ORDER BY.
pub fn ordered(order: &OrderExpression) -> &Expression {
    match order {
        OrderExpression::Asc(expression) | OrderExpression::Desc(expression) => expression,
    }
}

/// The expression an aggregate is over; none for `COUNT(*)`.
pub fn aggregated(aggregate: &AggregateExpression) -> Option<&Expression> {
    if let AggregateExpression::FunctionCall { expr, .. } = aggregate { Some(expr) } else { None }
}
