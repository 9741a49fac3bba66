//! Properties: which there are, where each belongs and what its values are.

use std::collections::{BTreeMap, BTreeSet};

use super::super::graph::Reading;
use super::super::rdf::vocabulary::{
    OWL_DATATYPE_PROPERTY, OWL_FUNCTIONAL_PROPERTY, OWL_INVERSE_OF, OWL_OBJECT_PROPERTY, OWL_THING, RDF_PROPERTY, RDF_TYPE,
    RDFS_DOMAIN, RDFS_RANGE, RDFS_RESOURCE, SCHEMA, short,
};
use super::super::rdf::{Node, Statement, Term, shown};
use super::classes::{self, Classes, Kind};
use super::expressions::{self, Place, Values};
use super::members::Members;
use super::{Budget, names};

/// A property.
pub(super) struct Property<'a> {
    pub(super) name: String,
    /// Its values are literals; objects; or either.
    pub(super) literal: Option<bool>,
    /// It has at most one value.
    pub(super) functional: bool,
    /// Statements of its domains and ranges.
    pub(super) domains: Vec<Statement<'a>>,
    pub(super) ranges: Vec<Statement<'a>>,
    /// Statements of its inverses.
    pub(super) inverses: Vec<Statement<'a>>,
}

/// The properties of a graph by IRI.
pub(super) type Properties<'a> = BTreeMap<&'a str, Property<'a>>;

const PROPERTY_TYPES: [&str; 4] = [RDF_PROPERTY, OWL_DATATYPE_PROPERTY, OWL_OBJECT_PROPERTY, OWL_FUNCTIONAL_PROPERTY];

/// The properties of a graph: subjects that are declared to be one, or that have a domain or range.
pub(super) fn declared<'a>(classes: &Classes<'a>, reading: &mut Reading<'a>) -> Properties<'a> {
    let statements = reading.statements;
    let mentions = classes::mentions(reading);
    let mut found: BTreeSet<&str> = BTreeSet::new();
    let includes = |predicate: &str, name: &str| SCHEMA.iter().any(|base| predicate.strip_prefix(base) == Some(name));
    for statement in statements.all() {
        let Node::Iri(iri) = statement.subject else { break };
        let is_type = statement.predicate == RDF_TYPE && statement.object.iri().is_some_and(|it| PROPERTY_TYPES.contains(&it));
        let implied = matches!(statement.predicate, RDFS_DOMAIN | RDFS_RANGE)
            || includes(statement.predicate, "domainIncludes")
            || includes(statement.predicate, "rangeIncludes");
        if !(is_type || implied) || classes.all.contains_key(iri) {
            continue;
        }
        if is_type && mentions(iri, reading) {
            statements.report(statement);
            reading.tell("W-MENTIONED", iri, "a property of another vocabulary, of which nothing is said, is left out");
            continue;
        }
        found.insert(iri);
    }
    let mut properties = Properties::new();
    for iri in found {
        let subject = Node::Iri(iri);
        let said = |predicates: &[String]| -> Vec<Statement<'a>> {
            predicates.iter().flat_map(|predicate| statements.said(subject, predicate)).copied().collect()
        };
        let with_schema = |predicate: &str, name: &str| {
            let mut all = vec![predicate.to_owned()];
            all.extend(SCHEMA.iter().map(|base| format!("{base}{name}")));
            all
        };
        let literal = match (statements.is_a(subject, OWL_DATATYPE_PROPERTY), statements.is_a(subject, OWL_OBJECT_PROPERTY)) {
            (true, false) => Some(true),
            (false, true) => Some(false),
            _ => None,
        };
        reading.facts.properties.insert(iri.to_owned());
        let property = Property {
            name: names::member(iri, reading),
            literal,
            functional: statements.is_a(subject, OWL_FUNCTIONAL_PROPERTY),
            domains: said(&with_schema(RDFS_DOMAIN, "domainIncludes")),
            ranges: said(&with_schema(RDFS_RANGE, "rangeIncludes")),
            inverses: said(&with_schema(OWL_INVERSE_OF, "inverseOf")),
        };
        for statement in property.ranges.iter() {
            reading.facts.ranges.extend(statement.object.iri().map(|range| (iri.to_owned(), range.to_owned())));
        }
        properties.insert(iri, property);
    }
    properties
}

/// Puts every property into the types of its domain.
pub(super) fn place<'a>(
    properties: &Properties<'a>,
    classes: &Classes<'a>,
    members: &mut Members<'a>,
    reading: &mut Reading<'a>,
    budget: &mut Budget,
) {
    let statements = reading.statements;
    for (iri, property) in properties {
        let mut elsewhere: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
        for statement in &property.domains {
            let mut placed = false;
            for class in expressions::named(statement.object, reading, budget) {
                reading.facts.domains.insert(((*iri).to_owned(), class.to_owned()));
                let code = match classes.all.get(class).map(|class| &class.kind) {
                    Some(Kind::Type) => {
                        members.slot(class, iri);
                        placed = true;
                        continue;
                    }
                    Some(_) => "W-DOMAIN-VALUE",
                    None if matches!(class, OWL_THING | RDFS_RESOURCE) => "W-NO-DOMAIN",
                    None => "W-DOMAIN-EXTERNAL",
                };
                elsewhere.entry(code).or_default().push(short(class));
            }
            if placed {
                statements.map(statement);
            } else if statement.object.iri().is_some() {
                statements.report(statement);
            }
        }
        for (code, mut classes) in elsewhere {
            classes.sort();
            let count = classes.len();
            classes.truncate(10);
            let why = match code {
                "W-DOMAIN-VALUE" => "are values here and have no members",
                "W-NO-DOMAIN" => "are everything, and the member is put nowhere for that",
                _ => "are no classes declared here",
            };
            reading.tell(code, iri, format!("of the domain, {} {why} ({count})", classes.join(", ")));
        }
        classes::deprecation(Node::Iri(iri), iri, "property", reading);
    }
}

/// What values of a property are, wherever it belongs.
pub(super) fn values<'a>(
    iri: &str,
    property: &Property<'a>,
    classes: &Classes<'a>,
    reading: &mut Reading<'a>,
    budget: &mut Budget,
) -> Values {
    let mut found = Values::default();
    let place = Place { property: iri, literal: property.literal == Some(true) };
    for statement in &property.ranges {
        let values = expressions::values(statement.object, &place, classes, reading, budget);
        if !values.ranges.is_empty() || !values.literals.is_empty() {
            reading.statements.map(statement);
        }
        found.ranges.extend(values.ranges);
        found.literals.extend(values.literals);
    }
    found
}

/// That a property is placed makes what declares it part of the model; one that is not is told of.
pub(super) fn declare<'a>(iri: &'a str, property: &Property<'a>, placed: bool, reading: &mut Reading<'a>) {
    let statements = reading.statements;
    if placed {
        let declares = |it: &&Statement<'_>| it.object.iri().is_some_and(|it| PROPERTY_TYPES.contains(&it));
        statements.said(Node::Iri(iri), RDF_TYPE).iter().filter(declares).for_each(|it| statements.map(it));
        return;
    }
    let about = statements.about(Node::Iri(iri));
    about.iter().for_each(|it| statements.report(it));
    let why = if property.domains.is_empty() { "has no domain" } else { "has no domain among the types here" };
    let message = format!("{} {why} and is in no type; its {} statements are not in the model", shown(iri), about.len());
    reading.tell("W-NO-DOMAIN", iri, message);
}

/// The IRIs of a property's inverses.
pub(super) fn inverses<'a>(property: &Property<'a>) -> impl Iterator<Item = (&'a str, Statement<'a>)> {
    let iris: Vec<(&'a str, Statement<'a>)> = property.inverses.iter().filter_map(|it| Some((it.object.iri()?, *it))).collect();
    iris.into_iter()
}

/// The whole number a literal is.
pub(super) fn count<'a>(term: Term<'a>, subject: &str, what: &str, reading: &mut Reading<'a>) -> Option<u64> {
    let number = term.literal().and_then(|literal| literal.value().trim_start_matches('+').parse().ok());
    if number.is_none() {
        let text: String =
            term.literal().map(|it| it.value().chars().take(40).flat_map(char::escape_debug).collect()).unwrap_or_default();
        reading.tell("E-CARDINALITY-VALUE", subject, format!("{what} is `{text}`, expected a whole number"));
    }
    number
}
