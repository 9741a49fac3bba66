//! Classes whose instances are listed: enumerations.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::super::graph::Reading;
use super::super::rdf::vocabulary::{
    OWL_EQUIVALENT_CLASS, OWL_NAMED_INDIVIDUAL, OWL_ONE_OF, RDF_TYPE, RDFS_SUB_CLASS_OF, SH_PROPERTY, schema_name,
};
use super::super::rdf::{Node, Statement, Term, shown};
use super::classes::{Classes, Kind};
use super::properties::Properties;
use super::{Budget, expressions};
use crate::model::local_name;

/// Makes enumerations of the classes that are.
pub(super) fn find<'a>(classes: &mut Classes<'a>, properties: &Properties<'a>, reading: &mut Reading<'a>, budget: &mut Budget) {
    let statements = reading.statements;
    let domains = domains(properties, reading, budget);
    let mut instances: HashMap<&str, Vec<Statement<'a>>> = HashMap::new();
    for statement in statements.all().iter().filter(|it| it.predicate == RDF_TYPE) {
        if let Some(class) = statement.object.iri().filter(|iri| classes.all.contains_key(iri)) {
            instances.entry(class).or_default().push(*statement);
        }
    }
    let listed = one_of(classes, reading);
    let below = below_enumeration(classes, reading, budget);
    let mut found: BTreeMap<&str, Vec<Statement<'a>>> = BTreeMap::new();
    for (iri, class) in &classes.all {
        if class.kind != Kind::Type || domains.contains(iri) || !statements.said(Node::Iri(iri), SH_PROPERTY).is_empty() {
            continue;
        }
        let values = match below.contains(iri) {
            true => below_values(iri, classes, &instances, reading, budget),
            false => alone(iri, classes, &instances, reading),
        };
        if !values.is_empty() {
            found.insert(iri, values);
        }
    }
    for (iri, values) in found {
        let named =
            values.iter().filter_map(|it| it.subject.iri()).map(|iri| (name(iri, reading), Some(iri.to_owned()))).collect();
        for value in &values {
            statements.map(value);
            let individual =
                statements.said(value.subject, RDF_TYPE).iter().find(|it| it.object.iri() == Some(OWL_NAMED_INDIVIDUAL));
            individual.into_iter().for_each(|it| statements.map(it));
        }
        set(iri, named, classes, reading);
    }
    for (iri, (elements, parts)) in listed {
        parts.iter().for_each(|it| statements.map(it));
        set(iri, elements.iter().map(|iri| (name(iri, reading), Some((*iri).to_owned()))).collect(), classes, reading);
    }
}

/// The name of an individual: the caller's, else the end of its IRI.
fn name(iri: &str, reading: &Reading<'_>) -> String {
    reading.options.names.get(iri).cloned().unwrap_or_else(|| local_name(iri).to_owned())
}

fn set(iri: &str, mut values: Vec<(String, Option<String>)>, classes: &mut Classes<'_>, reading: &mut Reading<'_>) {
    let mut seen: BTreeMap<String, Option<String>> = BTreeMap::new();
    values.retain(|(name, source)| match seen.insert(name.clone(), source.clone()) {
        Some(other) if other != *source => {
            let shown = |iri: &Option<String>| iri.as_deref().map(shown).unwrap_or_default();
            let message = format!("the values {} and {} both are named `{}`", shown(&other), shown(source), name.escape_debug());
            reading.tell("E-NAME-COLLISION", iri, message);
            false
        }
        Some(_) => false,
        None => true,
    });
    if let Some(class) = classes.all.get_mut(iri) {
        class.kind = Kind::Enumeration(values);
    }
}

/// The classes in the domain of some property.
fn domains<'a>(properties: &Properties<'a>, reading: &mut Reading<'a>, budget: &mut Budget) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    for statement in properties.values().flat_map(|property| &property.domains) {
        found.extend(expressions::named(statement.object, reading, budget));
    }
    found
}

/// Classes that list their instances by owl:oneOf: the IRIs, and the statements that say so.
type Listed<'a> = BTreeMap<&'a str, (Vec<&'a str>, Vec<Statement<'a>>)>;

fn one_of<'a>(classes: &Classes<'a>, reading: &mut Reading<'a>) -> Listed<'a> {
    let statements = reading.statements;
    let mut found = Listed::new();
    for (iri, _) in classes.all.iter().filter(|(_, class)| class.kind == Kind::Type) {
        let direct = statements.said(Node::Iri(iri), OWL_ONE_OF).iter().map(|it| (None, *it));
        let equivalent = statements.said(Node::Iri(iri), OWL_EQUIVALENT_CLASS).iter();
        let within = equivalent.filter_map(|link| Some((link, link.object.node().filter(|it| it.iri().is_none())?)));
        let within = within.flat_map(|(link, node)| statements.said(node, OWL_ONE_OF).iter().map(move |it| (Some(*link), *it)));
        let Some((link, said)) = direct.chain(within).next() else { continue };
        match statements.list(said.object) {
            Ok(list) => {
                let iris: Option<Vec<&str>> = list.elements.iter().map(Term::iri_of).collect();
                let Some(iris) = iris.filter(|iris| !iris.is_empty()) else { continue };
                let types = statements.said(said.subject, RDF_TYPE).iter().filter(|_| link.is_some()).copied();
                let parts = list.parts.into_iter().chain([said]).chain(link).chain(types).collect();
                found.insert(iri, (iris, parts));
            }
            Err(fault) => reading.tell("E-LIST", iri, format!("owl:oneOf: {fault}")),
        }
    }
    found
}

/// Classes below schema:Enumeration.
fn below_enumeration<'a>(classes: &Classes<'a>, reading: &mut Reading<'a>, budget: &mut Budget) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut waiting: Vec<&str> = classes.all.keys().copied().filter(|iri| schema_name(iri) == Some("Enumeration")).collect();
    while let Some(iri) = waiting.pop() {
        for child in classes.children.get(iri).into_iter().flatten() {
            if budget.spend(1, reading) && found.insert(*child) {
                waiting.push(child);
            }
        }
    }
    found
}

/// The instances of a class and of those below it.
fn below_values<'a>(
    iri: &'a str,
    classes: &Classes<'a>,
    instances: &HashMap<&str, Vec<Statement<'a>>>,
    reading: &mut Reading<'a>,
    budget: &mut Budget,
) -> Vec<Statement<'a>> {
    let mut seen = BTreeSet::from([iri]);
    let mut waiting = vec![iri];
    let mut found: Vec<Statement<'a>> = Vec::new();
    while let Some(class) = waiting.pop() {
        let direct = instances.get(class).map(Vec::as_slice).unwrap_or_default();
        if !budget.spend(1 + direct.len(), reading) {
            break;
        }
        found.extend(direct.iter().filter(|it| it.subject.iri().is_some()));
        waiting.extend(classes.children.get(class).into_iter().flatten().filter(|child| seen.insert(child)));
    }
    found.sort_by_key(|it| (it.subject, it.id));
    found
}

/// The instances of a class that has nothing else: no superclass, no subclass, and only named individuals.
fn alone<'a>(
    iri: &str,
    classes: &Classes<'a>,
    instances: &HashMap<&str, Vec<Statement<'a>>>,
    reading: &Reading<'a>,
) -> Vec<Statement<'a>> {
    let statements = reading.statements;
    let direct = instances.get(iri).map(Vec::as_slice).unwrap_or_default();
    let lonely = !classes.children.contains_key(iri) && statements.said_of_iri(iri, RDFS_SUB_CLASS_OF).is_empty();
    let named = direct.iter().all(|it| it.subject.iri().is_some() && statements.is_a(it.subject, OWL_NAMED_INDIVIDUAL));
    if lonely && named { direct.to_vec() } else { Vec::new() }
}
