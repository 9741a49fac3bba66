//! SHACL node shapes as the source of members.

use std::collections::{BTreeMap, BTreeSet};

use super::super::graph::Reading;
use super::super::rdf::vocabulary::{
    RDF_TYPE, SH, SH_BLANK_NODE, SH_BLANK_NODE_OR_IRI, SH_CLASS, SH_DATATYPE, SH_DEACTIVATED, SH_IN, SH_IRI, SH_LITERAL,
    SH_MAX_COUNT, SH_MIN_COUNT, SH_NODE, SH_NODE_KIND, SH_NODE_SHAPE, SH_OR, SH_PATH, SH_PROPERTY, SH_TARGET_CLASS,
};
use super::super::rdf::{Node, Statement};
use super::classes::{Classes, Kind};
use super::expressions::{self, Place};
use super::members::Members;
use super::{Budget, properties};
use crate::model::{Range, Scalar};

/// Reads the property shapes of every type's shapes.
pub(super) fn read<'a>(classes: &Classes<'a>, members: &mut Members<'a>, reading: &mut Reading<'a>, budget: &mut Budget) {
    let statements = reading.statements;
    let mut shapes: BTreeMap<&'a str, Vec<Node<'a>>> = BTreeMap::new();
    for statement in statements.all() {
        let class = match statement.predicate {
            SH_TARGET_CLASS => statement.object.iri(),
            SH_PROPERTY => statement.subject.iri(),
            _ => continue,
        };
        let Some((class, _)) = class.and_then(|class| classes.all.get_key_value(class)) else { continue };
        if classes.type_name(class).is_none() {
            continue;
        }
        let of = shapes.entry(class).or_default();
        if of.last() != Some(&statement.subject) {
            of.push(statement.subject);
        }
        if statement.predicate == SH_TARGET_CLASS {
            statements.map(statement);
        }
    }
    for (class, shapes) in shapes {
        for shape in shapes {
            if deactivated(shape, reading) {
                continue;
            }
            let is_shape = statements.said(shape, RDF_TYPE).iter().filter(|it| it.object.iri() == Some(SH_NODE_SHAPE));
            is_shape.for_each(|it| statements.map(it));
            for link in statements.said(shape, SH_PROPERTY) {
                let Some(property) = link.object.node().filter(|_| budget.spend(1, reading)) else { continue };
                if deactivated(property, reading) {
                    continue;
                }
                if self::property(class, property, classes, members, reading, budget) {
                    statements.map(link);
                }
            }
        }
    }
}

fn deactivated<'a>(shape: Node<'a>, reading: &Reading<'a>) -> bool {
    let said = reading.statements.said(shape, SH_DEACTIVATED);
    said.iter().any(|it| it.object.literal().is_some_and(|it| matches!(it.value(), "true" | "1")))
}

/// Reads one property shape; false when its path is none that a member can have.
fn property<'a>(
    class: &'a str,
    shape: Node<'a>,
    classes: &Classes<'a>,
    members: &mut Members<'a>,
    reading: &mut Reading<'a>,
    budget: &mut Budget,
) -> bool {
    let statements = reading.statements;
    let [path] = statements.said(shape, SH_PATH) else { return false };
    let Some(iri) = path.object.iri().filter(|iri| *iri != RDF_TYPE) else { return false };
    let ranges = ranges(shape, iri, classes, reading, budget);
    let listed = listed(shape, iri, &ranges, classes, reading);
    let counts: Vec<(bool, Statement<'a>, u64)> = [(true, SH_MIN_COUNT), (false, SH_MAX_COUNT)]
        .iter()
        .flat_map(|(min, predicate)| statements.said(shape, predicate).iter().map(move |it| (*min, *it)))
        .filter_map(|(min, said)| {
            properties::count(said.object, class, "a count of values", reading).map(|count| (min, said, count))
        })
        .collect();
    if counts.iter().any(|(min, _, count)| !min && *count == 0) {
        return false;
    }
    statements.map(path);
    let property_shape = format!("{SH}PropertyShape");
    let typed = statements.said(shape, RDF_TYPE).iter().filter(|it| it.object.iri() == Some(property_shape.as_str()));
    typed.for_each(|it| statements.map(it));
    let slot = members.slot(class, iri);
    if !ranges.is_empty() && !slot.narrow(ranges) {
        reading.tell("W-NARROWED", iri, "property shapes of one type say different values; the first is kept");
    }
    slot.values.extend(listed);
    for (min, said, count) in counts {
        if min {
            slot.at_least(count);
        } else {
            slot.at_most(count);
        }
        // What a list cannot say stays for the report of what was ignored.
        let expressed = if min { count <= 1 } else { count == 1 };
        if expressed {
            statements.map(&said);
        }
    }
    true
}

/// What a property shape says its values are.
fn ranges<'a>(
    shape: Node<'a>,
    iri: &str,
    classes: &Classes<'a>,
    reading: &mut Reading<'a>,
    budget: &mut Budget,
) -> BTreeSet<Range> {
    let statements = reading.statements;
    let mut found = BTreeSet::new();
    for (predicate, literal) in [(SH_CLASS, false), (SH_DATATYPE, true)] {
        for said in statements.said(shape, predicate) {
            let place = Place { property: iri, literal };
            let values = expressions::values(said.object, &place, classes, reading, budget);
            if !values.ranges.is_empty() {
                statements.map(said);
                found.extend(values.ranges);
            }
        }
    }
    for said in statements.said(shape, SH_NODE) {
        let Some(node) = said.object.node() else { continue };
        let own = node.iri().into_iter();
        let names: Vec<Range> = own
            .chain(statements.iris(node, SH_TARGET_CLASS))
            .filter_map(|class| classes.type_name(class))
            .map(|name| Range::Type(name.to_owned()))
            .collect();
        if !names.is_empty() {
            statements.map(said);
            found.extend(names);
        }
    }
    if let [said] = statements.said(shape, SH_OR)
        && let Ok(list) = statements.list(said.object)
        && let Some(alternatives) = expressions::shapes(&list.elements, iri, classes, reading, budget)
    {
        statements.map(said);
        list.parts.iter().for_each(|it| statements.map(it));
        found.extend(alternatives);
    }
    kind(shape, &mut found, reading);
    found
}

/// Whether values are literals or not: says what they are where nothing else does, and is otherwise part of what they are.
fn kind<'a>(shape: Node<'a>, found: &mut BTreeSet<Range>, reading: &Reading<'a>) {
    let statements = reading.statements;
    let [said] = statements.said(shape, SH_NODE_KIND) else { return };
    let of_literals = match said.object.iri() {
        Some(SH_LITERAL) => true,
        Some(SH_IRI | SH_BLANK_NODE | SH_BLANK_NODE_OR_IRI) => false,
        _ => return,
    };
    let is_literal = |range: &Range| matches!(range, Range::Scalar(_));
    if found.is_empty() && !of_literals {
        found.insert(Range::Scalar(Scalar::String));
        statements.map(said);
    } else if !found.is_empty() && found.iter().all(|range| is_literal(range) == of_literals) {
        statements.map(said);
    }
}

/// The literals a property shape lists; a list of an enumeration's own values is part of the enumeration.
fn listed<'a>(
    shape: Node<'a>,
    iri: &str,
    ranges: &BTreeSet<Range>,
    classes: &Classes<'a>,
    reading: &mut Reading<'a>,
) -> Vec<String> {
    let statements = reading.statements;
    let [said] = statements.said(shape, SH_IN) else { return Vec::new() };
    let list = match statements.list(said.object) {
        Ok(list) => list,
        Err(fault) => {
            reading.tell("E-LIST", iri, format!("sh:in: {fault}"));
            return Vec::new();
        }
    };
    let literals: Option<Vec<String>> = list.elements.iter().map(|it| it.literal().map(|it| it.value().to_owned())).collect();
    let all_values = || {
        let iris: Option<BTreeSet<&str>> = list.elements.iter().map(|it| it.iri()).collect();
        let names: BTreeSet<&String> =
            ranges.iter().filter_map(|range| if let Range::Enumeration(name) = range { Some(name) } else { None }).collect();
        let values = classes.all.values().filter(|class| names.contains(&class.name)).flat_map(|class| match &class.kind {
            Kind::Enumeration(values) => values.as_slice(),
            _ => &[],
        });
        let values: BTreeSet<&str> = values.filter_map(|(_, iri)| iri.as_deref()).collect();
        iris.is_some_and(|iris| !iris.is_empty() && iris == values)
    };
    let literals = literals.filter(|literals| !literals.is_empty());
    if literals.is_some() || all_values() {
        statements.map(said);
        list.parts.iter().for_each(|it| statements.map(it));
    }
    literals.unwrap_or_default()
}
