//! Classes and what is said of them.

use std::collections::{BTreeMap, HashMap};

use super::super::graph::Reading;
use super::super::rdf::vocabulary::{OWL_CLASS, RDF_TYPE, RDFS_COMMENT, RDFS_LABEL, forge_name, short};
use super::super::rdf::{Node, Statement, choose, shown};
use super::{TERMS, values};
use crate::model::{Field, ObjectType, Relation, local_name};

/// A declared class, and the members found so far.
pub(super) struct Class<'a> {
    pub(super) iri: &'a str,
    pub(super) object: ObjectType,
    /// The property each member comes from.
    pub(super) members: BTreeMap<String, &'a str>,
}

/// The classes of a graph in the order of their IRIs, and where each is.
pub(super) struct Classes<'a> {
    pub(super) all: Vec<Class<'a>>,
    pub(super) places: HashMap<&'a str, usize>,
}

/// The classes of a graph; of two of one name, the second is told of and left out.
pub(super) fn declared<'a>(reading: &mut Reading<'a>) -> Classes<'a> {
    let statements = reading.statements;
    let mut classes = Classes { all: Vec::new(), places: HashMap::new() };
    let mut names: HashMap<&str, &str> = HashMap::new();
    for statement in statements.all().iter().filter(|it| it.predicate == RDF_TYPE && it.object.iri() == Some(OWL_CLASS)) {
        // Unnamed classes are outside the vocabulary.
        let Node::Iri(iri) = statement.subject else { continue };
        statements.map(statement);
        reading.facts.types.insert(iri.to_owned());
        let name = local_name(iri);
        if let Some(other) = names.insert(name, iri) {
            let message = format!("{} and {} both are named `{}`", shown(other), shown(iri), name.escape_debug());
            reading.tell("E-NAME-COLLISION", iri, message);
            continue;
        }
        reading.sources.insert(name.to_owned(), iri.to_owned());
        classes.places.insert(iri, classes.all.len());
        let object = ObjectType { name: name.to_owned(), ..ObjectType::default() };
        classes.all.push(Class { iri, object, members: BTreeMap::new() });
    }
    classes
}

/// The object types, with everything said of their classes, in the model's order.
pub(super) fn finish<'a>(classes: Classes<'a>, order: Option<&[String]>, reading: &mut Reading<'a>) -> Vec<ObjectType> {
    let types: Vec<ObjectType> = classes.all.into_iter().map(|class| describe(class, reading)).collect();
    values::arrange(types, order, |object| &object.name, "f:Model", "typeOrder", reading)
}

fn describe<'a>(class: Class<'a>, reading: &mut Reading<'a>) -> ObjectType {
    let Class { iri, mut object, .. } = class;
    let subject = Node::Iri(iri);
    annotations(subject, iri, &mut object, reading);
    let fields = values::texts(subject, iri, "fieldOrder", reading);
    let relations = values::texts(subject, iri, "relationOrder", reading);
    object.state_property = values::text(subject, iri, "stateProperty", reading);
    object.states = values::texts(subject, iri, "states", reading).unwrap_or_default();
    if let Some(former) = values::text(subject, iri, "renamedFrom", reading) {
        reading.renames.types.insert(object.name.clone(), former);
    }
    object.fields.sort_by(|a, b| a.name.cmp(&b.name));
    object.relations.sort_by(|a, b| a.name.cmp(&b.name));
    object.fields = values::arrange(object.fields, fields.as_deref(), field_name, iri, "fieldOrder", reading);
    object.relations = values::arrange(object.relations, relations.as_deref(), relation_name, iri, "relationOrder", reading);
    object
}

fn field_name(field: &Field) -> &str {
    &field.name
}

fn relation_name(relation: &Relation) -> &str {
    &relation.name
}

/// Label, comment, and every other literal of the forge vocabulary under its own name.
fn annotations<'a>(subject: Node<'a>, iri: &str, object: &mut ObjectType, reading: &mut Reading<'a>) {
    let statements = reading.statements;
    let mut texts: BTreeMap<String, Vec<Statement<'_>>> = BTreeMap::new();
    for statement in statements.about(subject).iter().filter(|it| it.object.literal().is_some()) {
        let name = match statement.predicate {
            RDFS_LABEL => "label",
            RDFS_COMMENT => "comment",
            predicate => match forge_name(predicate) {
                Some(name) if !name.is_empty() && !TERMS.iter().any(|(term, _)| *term == name) => name,
                _ => continue,
            },
        };
        texts.entry(name.to_owned()).or_default().push(*statement);
    }
    for (name, texts) in texts {
        let Some(chosen) = choose(&texts) else { continue };
        let text = chosen.object.literal().map(|literal| literal.value().to_owned()).unwrap_or_default();
        let dropped: Vec<&Statement<'_>> = texts.iter().filter(|it| it.id != chosen.id).collect();
        statements.map(chosen);
        dropped.iter().for_each(|it| statements.report(it));
        if let Some(first) = dropped.first() {
            let languages: Vec<&str> = dropped
                .iter()
                .take(10)
                .map(|it| it.object.literal().and_then(|it| it.language()).unwrap_or("untagged"))
                .collect();
            let message =
                format!("{} more texts of {} are left out: {}", dropped.len(), short(first.predicate), languages.join(", "));
            reading.tell("W-TEXT-DROPPED", iri, message);
        }
        object.annotations.insert(name, text);
    }
}
