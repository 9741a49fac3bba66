//! From expanded items to RDF statements (JSON-LD 1.1 API, sections 7 and 8). Nodes are written as they come: the node map of the
//! text would only bring together what a graph brings together anyway.

use std::collections::HashMap;

use oxrdf::vocab::{rdf, xsd};
use oxrdf::{BlankNode, GraphName, Literal, NamedNode, NamedOrBlankNode, Quad, Term};

use super::iri::is_blank;
use super::object::{self, Id, Item, Object, Scalar};
use super::{Error, Reader, Result};
use crate::Places;
use crate::intake::Intake;

const JSON: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#JSON";

/// Writes the statements of a document into the intake, and notes where the wanted subjects stand.
pub(super) fn write(
    reader: &mut Reader<'_>,
    intake: &mut Intake<'_>,
    places: Option<&mut Places<'_>>,
    items: &[Item<'_>],
) -> Result<()> {
    let mut writer = Writer { reader, intake, places, labels: HashMap::new(), blanks: 0 };
    for item in items {
        writer.term(item, Some(&GraphName::DefaultGraph))?;
    }
    Ok(())
}

struct Writer<'w, 'r, 'i, 'p> {
    reader: &'w mut Reader<'r>,
    intake: &'w mut Intake<'i>,
    places: Option<&'w mut Places<'p>>,
    labels: HashMap<String, BlankNode>,
    blanks: u64,
}

impl Writer<'_, '_, '_, '_> {
    fn blank(&mut self) -> BlankNode {
        self.blanks += 1;
        BlankNode::new_unchecked(format!("b{}", self.blanks))
    }

    /// A node by its IRI or label; none where it is no correct IRI.
    fn named(&mut self, iri: &str, at: usize) -> Option<NamedOrBlankNode> {
        if is_blank(iri) {
            if let Some(node) = self.labels.get(iri) {
                return Some(node.clone().into());
            }
            let node = self.blank();
            self.labels.insert(iri.to_owned(), node.clone());
            return Some(node.into());
        }
        self.iri(iri, at).map(Into::into)
    }

    fn iri(&mut self, iri: &str, at: usize) -> Option<NamedNode> {
        match NamedNode::new(iri) {
            Ok(node) => Some(node),
            Err(_) => {
                self.reader.omit(iri, "no correct absolute IRI, so that no statement can hold it", at);
                None
            }
        }
    }

    fn state(
        &mut self,
        subject: Option<NamedOrBlankNode>,
        predicate: Option<NamedNode>,
        object: Option<Term>,
        graph: Option<&GraphName>,
        at: usize,
    ) -> Result<()> {
        let (Some(subject), Some(predicate), Some(object), Some(graph)) = (subject, predicate, object, graph) else {
            return Ok(());
        };
        self.intake.quad(Quad::new(subject, predicate, object, graph.clone())).map_err(|fault| Error { at, fault })
    }

    fn predicate(&mut self, name: &str, at: usize) -> Option<NamedNode> {
        if is_blank(name) {
            self.reader.omit(name, "a blank node is no property in RDF", at);
            return None;
        }
        self.iri(name, at)
    }

    /// The term of an item, after the statements about it.
    fn term(&mut self, item: &Item<'_>, graph: Option<&GraphName>) -> Result<Option<Term>> {
        match item {
            Item::Node(object) => Ok(self.node(object, graph)?.map(Into::into)),
            Item::Value(literal) => Ok(self.literal(literal).map(Into::into)),
            Item::List(items) => self.list(items, graph).map(Some),
        }
    }

    fn node(&mut self, object: &Object<'_>, graph: Option<&GraphName>) -> Result<Option<NamedOrBlankNode>> {
        let at = object.at;
        let subject = match &object.id {
            Id::Given(iri) => self.named(iri, at),
            Id::Absent => Some(self.blank().into()),
            Id::Ignored => {
                self.reader.omit("@id", "names like a keyword are reserved", at);
                None
            }
        };
        if let (Some(places), Some(NamedOrBlankNode::NamedNode(node)), false) = (&mut self.places, &subject, object.is_bare()) {
            places.found(node.as_str().to_owned(), at);
        }
        for kind in &object.types {
            let kind = self.named(kind, at).map(Into::into);
            self.state(subject.clone(), Some(rdf::TYPE.into_owned()), kind, graph, at)?;
        }
        for (name, items) in &object.properties {
            let predicate = self.predicate(name, at);
            for item in items {
                let value = self.term(item, graph)?;
                self.state(subject.clone(), predicate.clone(), value, graph, at)?;
            }
        }
        for (name, items) in &object.reverse {
            let predicate = self.predicate(name, at);
            for item in items {
                if let Item::Node(other) = item {
                    let other = self.node(other, graph)?;
                    self.state(other, predicate.clone(), subject.clone().map(Into::into), graph, at)?;
                }
            }
        }
        if let Some(items) = &object.graph {
            let name = subject.clone().map(GraphName::from);
            for item in items {
                self.term(item, name.as_ref())?;
            }
        }
        for item in &object.included {
            self.term(item, graph)?;
        }
        Ok(subject)
    }

    fn list(&mut self, items: &[Item<'_>], graph: Option<&GraphName>) -> Result<Term> {
        let nil = Term::from(rdf::NIL.into_owned());
        let cells: Vec<BlankNode> = items.iter().map(|_| self.blank()).collect();
        for (place, item) in items.iter().enumerate() {
            let at = place_of(item);
            let cell = Some(NamedOrBlankNode::from(cells[place].clone()));
            let value = self.term(item, graph)?;
            self.state(cell.clone(), Some(rdf::FIRST.into_owned()), value, graph, at)?;
            let rest = cells.get(place + 1).map_or_else(|| nil.clone(), |it| it.clone().into());
            self.state(cell, Some(rdf::REST.into_owned()), Some(rest), graph, at)?;
        }
        Ok(cells.first().map_or(nil, |it| it.clone().into()))
    }

    fn literal(&mut self, literal: &object::Literal<'_>) -> Option<Literal> {
        let at = literal.at;
        if literal.direction {
            self.reader.omit("@direction", "strings of RDF 1.1 have no direction", at);
        }
        let json = literal.datatype.as_deref() == Some("@json");
        let datatype = match &literal.datatype {
            Some(_) if json => Some(NamedNode::new_unchecked(JSON)),
            Some(iri) => Some(self.iri(iri, at)?),
            None => None,
        };
        let typed = |text: String, usual: oxrdf::NamedNodeRef<'_>| {
            Literal::new_typed_literal(text, datatype.clone().unwrap_or_else(|| usual.into_owned()))
        };
        Some(match literal.value {
            Scalar::Json(node) => typed(node.canonical(), xsd::STRING),
            Scalar::Bool(value) => typed(value.to_string(), xsd::BOOLEAN),
            Scalar::Number(number) => {
                let double = datatype.as_ref().is_some_and(|it| *it == xsd::DOUBLE);
                match integer(number).filter(|_| !double) {
                    Some(text) => typed(text, xsd::INTEGER),
                    None => typed(double_text(number), xsd::DOUBLE),
                }
            }
            Scalar::Text(text) => match &literal.language {
                Some(language) => match Literal::new_language_tagged_literal(text, &**language) {
                    Ok(literal) => literal,
                    Err(_) => {
                        self.reader.omit(language, "no correct language tag, so that no literal can have it", at);
                        return None;
                    }
                },
                None => typed(text.to_owned(), xsd::STRING),
            },
        })
    }
}

fn place_of(item: &Item<'_>) -> usize {
    match item {
        Item::Node(object) => object.at,
        Item::Value(literal) => literal.at,
        Item::List(items) => items.first().map_or(0, place_of),
    }
}

/// A JSON number as an `xsd:integer`, all its digits kept, if it is a whole number below 10^21.
fn integer(number: &str) -> Option<String> {
    let digits = number.strip_prefix('-').unwrap_or(number);
    if digits.bytes().all(|it| it.is_ascii_digit()) {
        let short = digits.len() <= 21;
        return short.then(|| if digits == "0" { "0".into() } else { number.to_owned() });
    }
    let value: f64 = number.parse().ok()?;
    let whole = value % 1.0 == 0.0 && value.abs() < 1e21;
    whole.then(|| if value == 0.0 { "0".into() } else { format!("{value:.0}") })
}

/// A JSON number in the canonical form of `xsd:double`: 15 digits behind the point, less the zeros at the end.
fn double_text(number: &str) -> String {
    let value: f64 = number.parse().unwrap_or_default();
    let text = format!("{value:.15E}");
    let (digits, exponent) = text.split_once('E').unwrap_or((&text, "0"));
    let digits = digits.trim_end_matches('0');
    let zero = if digits.ends_with('.') { "0" } else { "" };
    format!("{digits}{zero}E{exponent}")
}
