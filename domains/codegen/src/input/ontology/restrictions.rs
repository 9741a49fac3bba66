//! OWL restrictions on classes, and classes that are intersections.

use super::super::graph::Reading;
use super::super::rdf::vocabulary::{
    OWL_ALL_VALUES_FROM, OWL_CARDINALITY, OWL_EQUIVALENT_CLASS, OWL_INTERSECTION_OF, OWL_MAX_CARDINALITY, OWL_MAX_QUALIFIED,
    OWL_MIN_CARDINALITY, OWL_MIN_QUALIFIED, OWL_ON_CLASS, OWL_ON_DATA_RANGE, OWL_ON_PROPERTY, OWL_QUALIFIED, OWL_RESTRICTION,
    OWL_SOME_VALUES_FROM, RDF_TYPE, RDFS_SUB_CLASS_OF,
};
use super::super::rdf::{Node, Statement, shown};
use super::classes::{Classes, Kind};
use super::expressions::{self, Place};
use super::members::Members;
use super::{Budget, properties};

/// Reads what types are below or equal to: superclasses, restrictions and intersections of them.
pub(super) fn read<'a>(classes: &mut Classes<'a>, members: &mut Members<'a>, reading: &mut Reading<'a>, budget: &mut Budget) {
    let statements = reading.statements;
    let iris: Vec<&'a str> = classes.all.keys().copied().collect();
    for iri in iris {
        let links: Vec<Statement<'a>> = [RDFS_SUB_CLASS_OF, OWL_EQUIVALENT_CLASS]
            .iter()
            .flat_map(|predicate| statements.said(Node::Iri(iri), predicate))
            .copied()
            .collect();
        for link in links {
            if !budget.spend(1, reading) {
                return;
            }
            match link.object.node() {
                Some(Node::Iri(parent)) if link.predicate == RDFS_SUB_CLASS_OF => {
                    superclass(iri, parent, &link, classes, reading)
                }
                Some(node @ Node::Blank(_)) if classes.type_name(iri).is_some() => {
                    expression(iri, node, &link, classes, members, reading, budget);
                }
                _ => {}
            }
        }
    }
}

/// A superclass by name: kept between classes of one kind.
fn superclass<'a>(iri: &str, parent: &str, link: &Statement<'a>, classes: &Classes<'a>, reading: &mut Reading<'a>) {
    let statements = reading.statements;
    let kind = |iri: &str| classes.all.get(iri).map(|class| &class.kind);
    let Some(own) = kind(iri) else { return };
    let why = match (own, kind(parent)) {
        _ if iri == parent => return statements.map(link),
        (Kind::Type, Some(Kind::Type))
        | (Kind::Enumeration(_), Some(Kind::Enumeration(_)))
        | (Kind::Datatype(..), Some(Kind::Datatype(..))) => {
            return statements.map(link);
        }
        (Kind::Datatype(..), _) => "a scalar has no superclass",
        (Kind::Enumeration(_), _) => "an enumeration has no superclass with members",
        (Kind::Type, Some(Kind::Enumeration(_))) => "the superclass is an enumeration, the type has no values",
        (Kind::Type, Some(Kind::Datatype(..))) => "the superclass is a scalar",
        (Kind::Type, None) => "the superclass is not declared here",
    };
    statements.report(link);
    reading.tell("W-SUPERCLASS-LOST", iri, format!("{} is left out: {why}", shown(parent)));
}

fn expression<'a>(
    iri: &'a str,
    node: Node<'a>,
    link: &Statement<'a>,
    classes: &mut Classes<'a>,
    members: &mut Members<'a>,
    reading: &mut Reading<'a>,
    budget: &mut Budget,
) {
    let statements = reading.statements;
    if !statements.said(node, OWL_ON_PROPERTY).is_empty() {
        if restriction(iri, node, classes, members, reading, budget) {
            statements.map(link);
        }
        return;
    }
    let Some(elements) = expressions::union(node, OWL_INTERSECTION_OF, reading) else { return };
    statements.map(link);
    for element in elements {
        match element.node() {
            Some(Node::Iri(parent)) if parent != iri && classes.type_name(parent).is_some() => {
                if let Some(class) = classes.all.get_mut(iri) {
                    class.parents.insert(parent.to_owned());
                }
                reading.facts.superclasses.insert((iri.to_owned(), parent.to_owned()));
            }
            Some(Node::Iri(other)) => {
                reading.tell("W-SUPERCLASS-LOST", iri, format!("{} is left out: it is no type here", shown(other)));
            }
            Some(blank) => {
                let read = restriction(iri, blank, classes, members, reading, budget);
                if !read {
                    reading.tell("W-IGNORED", iri, "a part of an owl:intersectionOf has no counterpart in the model");
                }
            }
            None => {}
        }
    }
}

/// Reads a restriction; false when nothing of it is in the model.
fn restriction<'a>(
    iri: &'a str,
    node: Node<'a>,
    classes: &Classes<'a>,
    members: &mut Members<'a>,
    reading: &mut Reading<'a>,
    budget: &mut Budget,
) -> bool {
    let statements = reading.statements;
    let [on] = statements.said(node, OWL_ON_PROPERTY) else { return false };
    let Some(property) = on.object.iri() else { return false };
    let place = Place { property, literal: false };
    let mut read = false;
    for said in statements.about(node) {
        let counted = matches!(said.predicate, OWL_MIN_CARDINALITY | OWL_MAX_CARDINALITY | OWL_CARDINALITY);
        let qualified = matches!(said.predicate, OWL_MIN_QUALIFIED | OWL_MAX_QUALIFIED | OWL_QUALIFIED);
        match said.predicate {
            OWL_ALL_VALUES_FROM | OWL_SOME_VALUES_FROM | OWL_ON_CLASS | OWL_ON_DATA_RANGE => {
                let values = expressions::values(said.object, &place, classes, reading, budget);
                if values.ranges.is_empty() && values.literals.is_empty() {
                    continue;
                }
                let slot = members.slot(iri, property);
                slot.values.extend(values.literals);
                if said.predicate == OWL_ALL_VALUES_FROM {
                    if !slot.narrow(values.ranges) {
                        continue;
                    }
                } else {
                    slot.some.extend(values.ranges);
                }
                if said.predicate == OWL_SOME_VALUES_FROM {
                    slot.at_least(1);
                }
            }
            _ if counted || qualified => {
                let Some(count) = properties::count(said.object, iri, "a cardinality", reading) else { continue };
                // Of a kind of values, at most so many does not bound all values.
                let (least, most) = match said.predicate {
                    OWL_CARDINALITY => (count, Some(count)),
                    OWL_MAX_CARDINALITY => (0, Some(count)),
                    OWL_MAX_QUALIFIED => continue,
                    _ => (count, None),
                };
                if most == Some(0) {
                    continue;
                }
                let slot = members.slot(iri, property);
                slot.at_least(least);
                most.into_iter().for_each(|most| slot.at_most(most));
            }
            _ => continue,
        }
        read = true;
        statements.map(said);
    }
    if read {
        statements.map(on);
        let is_restriction = statements.said(node, RDF_TYPE).iter().filter(|it| it.object.iri() == Some(OWL_RESTRICTION));
        is_restriction.for_each(|it| statements.map(it));
    }
    read
}
