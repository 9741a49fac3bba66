//! Constraint components that a shapes graph declares with SPARQL validators (SHACL, section 6).

use oxrdf::vocab::{rdf, xsd};
use oxrdf::{Graph, Literal, NamedNode, NamedNodeRef, TermRef};

use super::prebind::Bindings;
use super::query::{CURRENT_SHAPE, Query, SHAPES_GRAPH, THIS, VALUE};
use crate::path::Path;
use crate::problem::{Problem, ProblemKind};
use crate::shapes::{Reader, messages, subclasses};
use crate::term::{iri, literal, objects, order};
use crate::vocab;

/// A declared component.
#[derive(Debug)]
pub struct Declared<'g> {
    node: NamedNodeRef<'g>,
    parameters: Vec<Parameter<'g>>,
    /// For shapes of any kind, node shapes and property shapes.
    validators: [Option<TermRef<'g>>; 3],
}

#[derive(Debug)]
struct Parameter<'g> {
    predicate: NamedNodeRef<'g>,
    name: String,
    optional: bool,
}

/// A component as one shape uses it.
#[derive(Debug)]
pub struct ComponentUse {
    pub component: NamedNode,
    pub query: Query,
    /// The values of its parameters.
    pub parameters: Bindings,
    pub messages: Vec<Literal>,
}

/// The components of a graph, in the order of their names; those of SHACL itself are built in.
pub fn declared<'g>(graph: &'g Graph, problems: &mut Vec<Problem>) -> Vec<Declared<'g>> {
    let classes = subclasses(graph, vocab::CONSTRAINT_COMPONENT.into());
    let mut nodes: Vec<_> = classes
        .into_iter()
        .flat_map(|class| graph.subjects_for_predicate_object(rdf::TYPE, class))
        .filter_map(|node| iri(node.into()))
        .filter(|node| vocab::local(node.as_str()).is_none())
        .collect();
    nodes.sort_unstable();
    nodes.dedup();
    nodes.into_iter().filter_map(|node| component(graph, node, problems)).collect()
}

fn component<'g>(graph: &'g Graph, node: NamedNodeRef<'g>, problems: &mut Vec<Problem>) -> Option<Declared<'g>> {
    let mut wrong = |property: NamedNodeRef<'_>, message: String| {
        problems.push(Problem {
            kind: ProblemKind::IllFormed,
            node: Some(node.into_owned().into()),
            property: Some(property.into_owned()),
            value: None,
            message,
        });
    };
    let mut parameters = Vec::new();
    for at in objects(graph, node.into(), vocab::PARAMETER) {
        let paths: Vec<_> = objects(graph, at, vocab::PATH).collect();
        let Some(predicate) = paths.first().copied().and_then(iri).filter(|_| paths.len() == 1) else {
            wrong(vocab::PARAMETER, format!("the parameter {at} needs exactly one sh:path, an IRI"));
            continue;
        };
        let name = local_name(predicate.as_str());
        let reserved = [THIS, SHAPES_GRAPH, CURRENT_SHAPE, VALUE, "PATH"];
        if !is_variable(name) || reserved.contains(&name) {
            wrong(vocab::PARAMETER, format!("the local name of {predicate} cannot be a variable of a query"));
            continue;
        }
        let optional = objects(graph, at, vocab::OPTIONAL).filter_map(literal);
        let optional = optional.into_iter().any(|l| l.datatype() == xsd::BOOLEAN && l.value() == "true");
        parameters.push(Parameter { predicate, name: name.to_owned(), optional });
    }
    parameters.sort_by(|a, b| a.predicate.cmp(&b.predicate));
    if parameters.iter().all(|parameter| parameter.optional) {
        wrong(vocab::PARAMETER, "a constraint component needs a parameter that is not optional".into());
        return None;
    }
    if let Some(pair) = parameters.windows(2).find(|pair| pair[0].name == pair[1].name) {
        wrong(vocab::PARAMETER, format!("{} and {} have the same local name", pair[0].predicate, pair[1].predicate));
    }
    let validators = [vocab::VALIDATOR, vocab::NODE_VALIDATOR, vocab::PROPERTY_VALIDATOR].map(|property| {
        let mut values: Vec<_> = objects(graph, node.into(), property).collect();
        values.sort_by(|&a, &b| order(a, b));
        if values.len() > 1 {
            wrong(property, format!("{} values; one validator is needed", values.len()));
        }
        values.first().copied()
    });
    if validators.iter().all(Option::is_none) {
        wrong(vocab::VALIDATOR, "the component has no validator".into());
    }
    Some(Declared { node, parameters, validators })
}

/// What stands behind the last `#`, `/` or `:`, or less where that cannot begin a name.
fn local_name(iri: &str) -> &str {
    let at = iri.rfind(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))).map_or(0, |at| at + 1);
    &iri[iri.ceil_char_boundary(at)..]
}

fn is_variable(name: &str) -> bool {
    oxrdf::Variable::new(name).is_ok()
}

impl<'g> Declared<'g> {
    /// The predicates that make their subject a shape.
    pub fn parameters(&self) -> impl Iterator<Item = NamedNodeRef<'g>> + '_ {
        self.parameters.iter().map(|parameter| parameter.predicate)
    }

    /// How the current shape uses the component: once for each value of its only parameter, or once.
    pub fn uses(&self, reader: &mut Reader<'g, '_>, path: Option<&Path>) -> Vec<ComponentUse> {
        let values: Vec<_> = self.parameters.iter().map(|p| reader.values(p.predicate)).collect();
        if values.iter().all(Vec::is_empty) {
            return Vec::new();
        }
        if self.parameters.iter().zip(&values).any(|(p, values)| !p.optional && values.is_empty()) {
            reader.remark(format!("the constraint component {} is not used: a parameter is missing", self.node));
            return Vec::new();
        }
        let mut combinations = Vec::new();
        if let ([parameter], [values]) = (&self.parameters[..], &values[..]) {
            combinations.extend(values.iter().map(|value| Bindings::from([(parameter.name.clone(), value.into_owned())])));
        } else {
            for (parameter, values) in self.parameters.iter().zip(&values) {
                if values.len() > 1 {
                    let message =
                        format!("{} values; {} has several parameters, so each has at most one", values.len(), self.node);
                    reader.ill_formed(parameter.predicate, None, message);
                }
            }
            let bound = self
                .parameters
                .iter()
                .zip(&values)
                .filter_map(|(p, values)| Some((p.name.clone(), values.first()?.into_owned())));
            combinations.push(bound.collect());
        }
        let Some((query, messages)) = self.validator(reader, path) else { return Vec::new() };
        let component: NamedNode = self.node.into_owned();
        let used = |parameters| ComponentUse {
            component: component.clone(),
            query: query.clone(),
            parameters,
            messages: messages.clone(),
        };
        combinations.into_iter().map(used).collect()
    }

    fn validator(&self, reader: &mut Reader<'g, '_>, path: Option<&Path>) -> Option<(Query, Vec<Literal>)> {
        let own = self.validators[if path.is_some() { 2 } else { 1 }];
        let Some(validator) = own.or(self.validators[0]) else {
            let kind = if path.is_some() { "property" } else { "node" };
            let message = format!("the constraint component {} has no validator for {kind} shapes", self.node);
            let property = self.parameters[0].predicate;
            reader.problem(ProblemKind::Unsupported, property, None, message);
            return None;
        };
        let names: Vec<_> = self.parameters.iter().map(|parameter| parameter.name.clone()).collect();
        let shape = std::mem::replace(&mut reader.at, validator);
        let asks = objects(reader.graph, validator, vocab::ASK).next().is_some();
        let selects = objects(reader.graph, validator, vocab::SELECT).next().is_some();
        let found = match (asks, selects) {
            (true, false) => Query::read(reader, vocab::ASK, path, &names),
            (false, true) if own.is_some() => Query::read(reader, vocab::SELECT, path, &names),
            (false, true) => {
                let message = "a validator for all shapes asks; use sh:nodeValidator or sh:propertyValidator for a SELECT";
                reader.ill_formed(vocab::SELECT, None, message);
                None
            }
            _ => {
                reader.problem(ProblemKind::Unsupported, vocab::ASK, None, "a validator has one query: sh:ask or sh:select");
                None
            }
        };
        let messages = messages(reader);
        reader.at = shape;
        Some((found?, messages))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_names() {
        for (iri, expected) in
            [("http://e.org/#lang", "lang"), ("http://e.org/a/b", "b"), ("urn:x:p", "p"), ("http://e.org/é#ü", "ü")]
        {
            assert_eq!(local_name(iri), expected);
        }
        assert!(!is_variable("a-b") && !is_variable("") && is_variable("a1"));
    }
}
