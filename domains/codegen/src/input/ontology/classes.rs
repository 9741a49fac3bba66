//! Classes: which there are, what each is, and what they are below.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::super::graph::Reading;
use super::super::rdf::vocabulary::{
    OWL_CLASS, OWL_DEPRECATED, RDF_PROPERTY, RDF_TYPE, RDFS_CLASS, RDFS_COMMENT, RDFS_DATATYPE, RDFS_LABEL, RDFS_LITERAL,
    RDFS_SUB_CLASS_OF, SCHEMA, SH_TARGET_CLASS, SKOS_DEFINITION, schema_name,
};
use super::super::rdf::{Node, choose, shown};
use super::{Budget, names, ranges};
use crate::model::{Scalar, local_name};

/// What a class is in the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A type with members.
    Type,
    /// A closed set of values, by the names the model gives them, with the IRI of each where it has one.
    Enumeration(Vec<(String, Option<String>)>),
    /// Values of a scalar, and what the scalar loses.
    Datatype(Scalar, Option<String>),
}

/// A class.
pub(super) struct Class {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// Superclasses that are declared, by IRI.
    pub(super) parents: BTreeSet<String>,
}

/// The classes of a graph.
pub(super) struct Classes<'a> {
    pub(super) all: BTreeMap<&'a str, Class>,
    /// Direct subclasses.
    pub(super) children: HashMap<&'a str, Vec<&'a str>>,
}

impl Classes<'_> {
    /// The name of a type.
    pub(super) fn type_name(&self, iri: &str) -> Option<&str> {
        self.all.get(iri).filter(|class| class.kind == Kind::Type).map(|class| class.name.as_str())
    }
}

const CLASS_TYPES: [&str; 3] = [RDFS_CLASS, OWL_CLASS, RDFS_DATATYPE];

/// The classes of a graph, each a type or a datatype yet.
pub(super) fn declared<'a>(reading: &mut Reading<'a>, budget: &mut Budget) -> Classes<'a> {
    let statements = reading.statements;
    let own = own_namespaces(reading);
    let mut classes = Classes { all: BTreeMap::new(), children: HashMap::new() };
    let mut found: BTreeSet<&str> = BTreeSet::new();
    for statement in statements.all() {
        let declares = statement.predicate == RDF_TYPE && statement.object.iri().is_some_and(|iri| CLASS_TYPES.contains(&iri));
        let declared = match statement.predicate {
            RDF_TYPE if declares => statement.subject.iri(),
            SH_TARGET_CLASS => statement.object.iri(),
            _ => continue,
        };
        let Some(iri) = declared else { continue };
        if statement.predicate == RDF_TYPE && is_mention(iri, &own, reading) {
            statements.report(statement);
            let message = "a class of another vocabulary, of which nothing is said, is left out";
            reading.tell("W-MENTIONED", iri, message);
            continue;
        }
        if declares {
            statements.map(statement);
        }
        found.insert(iri);
    }
    for iri in found {
        let name = names::class(iri, reading);
        reading.facts.types.insert(iri.to_owned());
        classes.all.insert(iri, Class { name, kind: Kind::Type, parents: BTreeSet::new() });
    }
    superclasses(&mut classes, reading);
    datatypes(&mut classes, reading, budget);
    classes
}

fn namespace(iri: &str) -> &str {
    &iri[..iri.len() - local_name(iri).len()]
}

/// The namespaces in which the graph says more of some class or property than that it is one; all, when there are none.
fn own_namespaces<'a>(reading: &Reading<'a>) -> Option<BTreeSet<&'a str>> {
    let statements = reading.statements;
    let mut own = BTreeSet::new();
    for statement in statements.all() {
        let Node::Iri(iri) = statement.subject else { break };
        let term = [RDF_PROPERTY].iter().chain(&CLASS_TYPES);
        if statement.predicate == RDF_TYPE
            && term.into_iter().any(|it| statement.object.iri() == Some(it))
            && statements.about(statement.subject).iter().any(|it| it.predicate != RDF_TYPE)
        {
            own.insert(namespace(iri));
        }
    }
    (!own.is_empty()).then_some(own)
}

/// Whether nothing is said of a term but its types, and it is of a namespace that is not the ontology's own.
pub(super) fn is_mention(iri: &str, own: &Option<BTreeSet<&str>>, reading: &Reading<'_>) -> bool {
    let bare = reading.statements.about_iri(iri).iter().all(|it| it.predicate == RDF_TYPE);
    bare && own.as_ref().is_some_and(|own| !own.contains(namespace(iri)))
}

/// As [`is_mention`], for a whole pass over properties.
pub(super) fn mentions<'a>(reading: &Reading<'a>) -> impl Fn(&str, &Reading<'a>) -> bool + use<'a> {
    let own = own_namespaces(reading);
    move |iri, reading| is_mention(iri, &own, reading)
}

fn superclasses<'a>(classes: &mut Classes<'a>, reading: &mut Reading<'a>) {
    let statements = reading.statements;
    for statement in statements.all().iter().filter(|it| it.predicate == RDFS_SUB_CLASS_OF) {
        let (Some(iri), Some(parent)) = (statement.subject.iri(), statement.object.iri()) else { continue };
        // Each class is below itself: that says nothing.
        let declared = classes.all.contains_key(parent) && parent != iri;
        let Some(class) = classes.all.get_mut(iri) else { continue };
        reading.facts.superclasses.insert((iri.to_owned(), parent.to_owned()));
        if declared {
            class.parents.insert(parent.to_owned());
            classes.children.entry(parent).or_default().push(iri);
        }
    }
}

/// Classes that are, or are below, a datatype.
fn datatypes<'a>(classes: &mut Classes<'a>, reading: &mut Reading<'a>, budget: &mut Budget) {
    let statements = reading.statements;
    let is_root = |iri: &str| {
        let types = statements.said_of_iri(iri, RDF_TYPE);
        let mut types = types.iter().filter_map(|it| it.object.iri());
        schema_name(iri) == Some("DataType") || types.any(|it| it == RDFS_DATATYPE || schema_name(it) == Some("DataType"))
    };
    let mut waiting: Vec<(&str, Option<Scalar>)> = Vec::new();
    let roots: Vec<&str> = classes.all.keys().copied().filter(|iri| is_root(iri)).collect();
    waiting.extend(roots.iter().rev().map(|iri| (*iri, None)));
    let literal = classes
        .all
        .keys()
        .copied()
        .filter(|iri| statements.said_of_iri(iri, RDFS_SUB_CLASS_OF).iter().any(|it| it.object.iri() == Some(RDFS_LITERAL)));
    waiting.extend(literal.map(|iri| (iri, None)));
    while let Some((iri, inherited)) = waiting.pop() {
        if !budget.spend(1, reading) || !matches!(classes.all.get(iri).map(|class| &class.kind), Some(Kind::Type)) {
            continue;
        }
        let own = ranges::datatype(iri, reading);
        let (scalar, loss) = match (own, inherited) {
            (Some(own), _) => own,
            (None, Some(scalar)) => (scalar, Some(format!("{} is narrower", shown(iri)))),
            (None, None) => continue,
        };
        if let Some(class) = classes.all.get_mut(iri) {
            class.kind = Kind::Datatype(scalar, loss);
        }
        let children = classes.children.get(iri).into_iter().flatten().rev();
        waiting.extend(children.map(|child| (*child, Some(scalar))));
        for base in SCHEMA {
            let link =
                statements.said_of_iri(iri, RDF_TYPE).iter().find(|it| it.object.iri() == Some(&format!("{base}DataType")));
            link.into_iter().for_each(|it| statements.map(it));
        }
    }
}

/// What people call a class, and what else the model keeps of it.
pub(super) fn annotations<'a>(iri: &'a str, reading: &mut Reading<'a>) -> BTreeMap<String, String> {
    let statements = reading.statements;
    let subject = Node::Iri(iri);
    let mut found = BTreeMap::new();
    for (name, predicate) in [("label", RDFS_LABEL), ("comment", RDFS_COMMENT), ("definition", SKOS_DEFINITION)] {
        let texts = statements.said(subject, predicate);
        let Some(chosen) = choose(texts) else { continue };
        statements.map(chosen);
        found.insert(name.to_owned(), chosen.object.literal().map(|it| it.value().to_owned()).unwrap_or_default());
        if texts.len() > 1 {
            let languages: Vec<&str> = texts
                .iter()
                .filter(|it| it.id != chosen.id)
                .map(|it| it.object.literal().and_then(|it| it.language()).unwrap_or("untagged"))
                .take(20)
                .collect();
            texts.iter().for_each(|it| statements.report(it));
            let message = format!("{} more texts of {name} are left out: {}", texts.len() - 1, languages.join(", "));
            reading.tell("W-TEXT-DROPPED", iri, message);
        }
    }
    deprecation(subject, iri, "type", reading).into_iter().for_each(|(name, text)| drop(found.insert(name, text)));
    found
}

/// That a term is deprecated or superseded, as annotations; told of.
pub(super) fn deprecation<'a>(subject: Node<'a>, iri: &str, what: &str, reading: &mut Reading<'a>) -> Vec<(String, String)> {
    let statements = reading.statements;
    let mut found = Vec::new();
    let fate = |statement: &_| if what == "type" { statements.map(statement) } else { statements.report(statement) };
    if let Some(said) = statements
        .said(subject, OWL_DEPRECATED)
        .iter()
        .find(|it| it.object.literal().is_some_and(|it| matches!(it.value(), "true" | "1")))
    {
        fate(said);
        found.push(("deprecated".to_owned(), "true".to_owned()));
        reading.tell("W-DEPRECATED", iri, format!("the {what} is deprecated and stays in the model"));
    }
    let mut by: Vec<&str> = Vec::new();
    for base in SCHEMA {
        for said in statements.said(subject, &format!("{base}supersededBy")) {
            fate(said);
            by.extend(said.object.iri());
        }
    }
    if !by.is_empty() {
        let listed: Vec<&str> = by.iter().map(|iri| local_name(iri)).collect();
        reading.tell("W-DEPRECATED", iri, format!("the {what} is superseded by {} and stays in the model", listed.join(", ")));
        found.push(("supersededBy".to_owned(), listed.join(", ")));
    }
    found
}
