//! Classes and datatypes that are written out instead of named.

use std::collections::BTreeSet;

use super::super::graph::Reading;
use super::super::rdf::vocabulary::{
    OWL_CLASS, OWL_ON_DATATYPE, OWL_ONE_OF, OWL_UNION_OF, RDF_TYPE, RDFS_CLASS, RDFS_DATATYPE, SH_CLASS, SH_DATATYPE,
};
use super::super::rdf::{Node, Statement, Term};
use super::Budget;
use super::classes::Classes;
use super::ranges;
use crate::model::Range;

/// Unions within unions are followed this deep.
const DEPTH_MAX: usize = 16;

/// What values are: alternatives, or literals among which they are.
#[derive(Default)]
pub(super) struct Values {
    pub(super) ranges: BTreeSet<Range>,
    pub(super) literals: Vec<String>,
}

/// Whom an expression is about, and how it is read.
pub(super) struct Place<'p> {
    /// The IRI that messages are about.
    pub(super) property: &'p str,
    /// Whether values are literals.
    pub(super) literal: bool,
}

/// The IRIs that an expression names: itself, or those of its union.
pub(super) fn named<'a>(term: Term<'a>, reading: &mut Reading<'a>, budget: &mut Budget) -> Vec<&'a str> {
    let mut found = Vec::new();
    let mut waiting = vec![(term, 0)];
    while let Some((term, depth)) = waiting.pop() {
        if !budget.spend(1, reading) {
            break;
        }
        match term.node() {
            Some(Node::Iri(iri)) => found.push(iri),
            Some(node) if depth < DEPTH_MAX => {
                if let Some(elements) = union(node, OWL_UNION_OF, reading) {
                    waiting.extend(elements.into_iter().rev().map(|it| (it, depth + 1)));
                }
            }
            _ => {}
        }
    }
    found
}

/// What values of an expression are; what cannot be told stays for the report of what was ignored.
pub(super) fn values<'a>(
    term: Term<'a>,
    place: &Place<'_>,
    classes: &Classes<'a>,
    reading: &mut Reading<'a>,
    budget: &mut Budget,
) -> Values {
    let mut found = Values::default();
    collect(term, place, 0, &mut found, classes, reading, budget);
    found
}

fn collect<'a>(
    term: Term<'a>,
    place: &Place<'_>,
    depth: usize,
    found: &mut Values,
    classes: &Classes<'a>,
    reading: &mut Reading<'a>,
    budget: &mut Budget,
) {
    let Some(node) = term.node().filter(|_| budget.spend(1, reading) && depth < DEPTH_MAX) else { return };
    let statements = reading.statements;
    if let Node::Iri(iri) = node {
        found.ranges.extend(ranges::named(iri, place.literal, place.property, classes, reading));
        return;
    }
    if let [base] = statements.said(node, OWL_ON_DATATYPE) {
        mark_types(node, reading);
        statements.map(base);
        collect(base.object, place, depth + 1, found, classes, reading, budget);
        return;
    }
    if let Some(elements) = union(node, OWL_UNION_OF, reading) {
        for element in elements {
            collect(element, place, depth + 1, found, classes, reading, budget);
        }
        return;
    }
    // Values that are listed one by one: literals only; individuals belong to enumerations.
    let [listed] = statements.said(node, OWL_ONE_OF) else { return };
    let Ok(list) = statements.list(listed.object) else { return };
    let texts: Option<Vec<String>> = list.elements.iter().map(|it| it.literal().map(|it| it.value().to_owned())).collect();
    if let Some(texts) = texts {
        mark_types(node, reading);
        statements.map(listed);
        list.parts.iter().for_each(|it| statements.map(it));
        found.literals.extend(texts);
    }
}

/// The elements of a list that a node says with a predicate; a list that is none is a fault.
pub(super) fn union<'a>(node: Node<'a>, predicate: &str, reading: &mut Reading<'a>) -> Option<Vec<Term<'a>>> {
    let statements = reading.statements;
    let [said] = statements.said(node, predicate) else { return None };
    match statements.list(said.object) {
        Ok(list) => {
            mark_types(node, reading);
            statements.map(said);
            list.parts.iter().for_each(|it| statements.map(it));
            Some(list.elements)
        }
        Err(fault) => {
            let subject = super::super::rdf::vocabulary::short(predicate);
            reading.tell("E-LIST", &subject, fault);
            None
        }
    }
}

/// That a written-out class is one is part of it.
fn mark_types<'a>(node: Node<'a>, reading: &Reading<'a>) {
    let statements = reading.statements;
    let plain = |it: &&Statement<'_>| it.object.iri().is_some_and(|iri| matches!(iri, OWL_CLASS | RDFS_CLASS | RDFS_DATATYPE));
    statements.said(node, RDF_TYPE).iter().filter(plain).for_each(|it| statements.map(it));
}

/// The alternatives of an `sh:or` whose shapes each say a class or a datatype and nothing else.
pub(super) fn shapes<'a>(
    list: &[Term<'a>],
    property: &str,
    classes: &Classes<'a>,
    reading: &mut Reading<'a>,
    budget: &mut Budget,
) -> Option<BTreeSet<Range>> {
    let statements = reading.statements;
    let single = |term: &Term<'a>| match statements.about(term.node()?) {
        [said] if matches!(said.predicate, SH_CLASS | SH_DATATYPE) => Some(*said),
        _ => None,
    };
    let said: Vec<Statement<'a>> = list.iter().map(single).collect::<Option<_>>()?;
    let mut found = BTreeSet::new();
    for statement in said {
        statements.map(&statement);
        let place = Place { property, literal: statement.predicate == SH_DATATYPE };
        found.extend(values(statement.object, &place, classes, reading, budget).ranges);
    }
    Some(found)
}
