//! Properties: fields and relations of the classes in their domains.

use super::super::graph::Reading;
use super::super::rdf::vocabulary::{
    OWL_DATATYPE_PROPERTY, OWL_OBJECT_PROPERTY, RDF_TYPE, RDFS_DOMAIN, RDFS_RANGE, XSD, forge_name, short,
};
use super::super::rdf::{Node, Statement, shown};
use super::classes::Classes;
use super::values;
use crate::model::{Cardinality, Field, Range, Relation, Scalar, local_name, member_name};

/// The scalar of a range, and what it loses.
///
/// # Source
/// Codegen, section 3.
pub(in super::super) fn scalar(iri: &str) -> Option<(Scalar, Option<&'static str>)> {
    if let Some(name) = forge_name(iri) {
        return match name {
            "uuid" => Some((Scalar::Uuid, None)),
            "json" => Some((Scalar::Json, None)),
            _ => None,
        };
    }
    Some(match iri.strip_prefix(XSD)? {
        "string" => (Scalar::String, None),
        "int" => (Scalar::Int, None),
        "integer" => (Scalar::Int, Some("it is unbounded, an int has 32 bits")),
        "long" => (Scalar::Long, None),
        "float" | "double" => (Scalar::Float, None),
        "decimal" => (Scalar::Float, Some("it is exact, a float is not")),
        "boolean" => (Scalar::Bool, None),
        "dateTime" => (Scalar::Datetime, None),
        "date" => (Scalar::Datetime, Some("it has no time, a datetime has")),
        _ => return None,
    })
}

pub(super) fn read<'a>(classes: &mut Classes<'a>, reading: &mut Reading<'a>) {
    let statements = reading.statements;
    for statement in statements.all().iter().filter(|it| it.predicate == RDF_TYPE) {
        let relation = match statement.object.iri() {
            Some(OWL_DATATYPE_PROPERTY) => false,
            Some(OWL_OBJECT_PROPERTY) => true,
            _ => continue,
        };
        let Node::Iri(iri) = statement.subject else { continue };
        statements.map(statement);
        reading.facts.properties.insert(iri.to_owned());
        if relation && statements.is_a(statement.subject, OWL_DATATYPE_PROPERTY) {
            reading.tell(
                "E-TERM",
                iri,
                "the property is an owl:DatatypeProperty and an owl:ObjectProperty; expected one of them",
            );
            continue;
        }
        let domain = domain(statement.subject, iri, classes, reading);
        let Some(place) = domain else {
            // What is said of it is still read, so that all its faults are told at once.
            member(statement.subject, iri, relation, classes, reading);
            continue;
        };
        let name = named(iri, classes.all[place].iri, reading);
        let class = &mut classes.all[place];
        if let Some(other) = class.members.insert(name.clone(), iri) {
            let message = format!("{} and {} both are named `{}`", shown(other), shown(iri), name.escape_debug());
            reading.tell("E-NAME-COLLISION", iri, message);
            continue;
        }
        let pointer = (class.object.name.clone(), name.clone());
        reading.sources.insert(format!("{}.{name}", pointer.0), iri.to_owned());
        if let Some(former) = values::text(statement.subject, iri, "renamedFrom", reading) {
            reading.renames.members.insert(pointer, former);
        }
        match member(statement.subject, iri, relation, classes, reading) {
            Some(Member::Field(field)) => classes.all[place].object.fields.push(Field { name, ..field }),
            Some(Member::Relation(relation)) => classes.all[place].object.relations.push(Relation { name, ..relation }),
            None => {}
        }
    }
}

/// A member without its name.
enum Member {
    Field(Field),
    Relation(Relation),
}

fn member<'a>(subject: Node<'a>, iri: &str, relation: bool, classes: &Classes<'a>, reading: &mut Reading<'a>) -> Option<Member> {
    if relation {
        self::relation(subject, iri, classes, reading).map(Member::Relation)
    } else {
        field(subject, iri, reading).map(Member::Field)
    }
}

/// The name of a property, without the class it may carry before `__`.
fn named(iri: &str, class: &str, reading: &mut Reading<'_>) -> String {
    let local = local_name(iri);
    let name = member_name(iri);
    let prefix = local.strip_suffix(name).and_then(|before| before.strip_suffix("__"));
    if let Some(prefix) = prefix.filter(|prefix| *prefix != local_name(class)) {
        let message = format!(
            "the name begins with `{}__`, and the domain is {}; expected `{}__`",
            prefix.escape_debug(),
            shown(class),
            local_name(class).escape_debug()
        );
        reading.tell("E-NAME-PREFIX", iri, message);
    }
    name.to_owned()
}

/// The one class a property belongs to.
fn domain<'a>(subject: Node<'a>, iri: &str, classes: &Classes<'a>, reading: &mut Reading<'a>) -> Option<usize> {
    let domains = reading.statements.said(subject, RDFS_DOMAIN);
    domains.iter().for_each(|it| reading.statements.map(it));
    let [Statement { object, .. }] = domains else {
        reading.tell("E-DOMAIN", iri, format!("the property has {} domains, expected one", domains.len()));
        return None;
    };
    let place = object.iri().and_then(|class| classes.places.get(class)).copied();
    match (place, object.iri()) {
        (Some(_), Some(class)) => drop(reading.facts.domains.insert((iri.to_owned(), class.to_owned()))),
        (None, Some(class)) => {
            reading.tell(
                "E-DOMAIN",
                iri,
                format!("the domain {} is no class declared here; expected an owl:Class", shown(class)),
            );
        }
        _ => reading.tell("E-DOMAIN", iri, "the domain is no IRI, expected a declared owl:Class"),
    }
    place
}

fn field<'a>(subject: Node<'a>, iri: &str, reading: &mut Reading<'a>) -> Option<Field> {
    let scalar = range(subject, iri, reading);
    let field = Field {
        name: String::new(),
        range: Range::Scalar(scalar.unwrap_or(Scalar::Json)),
        optional: values::flag(subject, iri, "optional", reading),
        list: values::flag(subject, iri, "list", reading),
        default: values::text(subject, iri, "default", reading),
    };
    scalar.map(|_| field)
}

fn range<'a>(subject: Node<'a>, iri: &str, reading: &mut Reading<'a>) -> Option<Scalar> {
    let ranges = reading.statements.said(subject, RDFS_RANGE);
    ranges.iter().for_each(|it| reading.statements.map(it));
    let [Statement { object, .. }] = ranges else {
        reading.tell("E-RANGE-UNKNOWN", iri, format!("the property has {} ranges, expected one", ranges.len()));
        return None;
    };
    let Some(range) = object.iri() else {
        reading.tell("E-RANGE-UNKNOWN", iri, "the range is no IRI, expected a datatype");
        return None;
    };
    reading.facts.ranges.insert((iri.to_owned(), range.to_owned()));
    if let Some(scalar) = reading.options.lossy_ranges.get(range) {
        reading.lossy.insert(format!("{range}={}", scalar.name()));
        return Some(*scalar);
    }
    match scalar(range) {
        Some((scalar, lossy)) => {
            if let Some(loss) = lossy {
                let message = format!("the range {} becomes {}: {loss}", short(range), scalar.name());
                reading.tell("W-RANGE-LOSSY", iri, message);
            }
            Some(scalar)
        }
        None => {
            let message = format!(
                "the range {} has no scalar; expected one of the specification, or a lossy range such as `{}=string`",
                short(range),
                range.escape_debug()
            );
            reading.tell("E-RANGE-UNKNOWN", iri, message);
            None
        }
    }
}

fn relation<'a>(subject: Node<'a>, iri: &str, classes: &Classes<'a>, reading: &mut Reading<'a>) -> Option<Relation> {
    let target = target(subject, iri, classes, reading);
    let cardinality = match values::text(subject, iri, "cardinality", reading).as_deref() {
        None | Some("one") => Cardinality::One,
        Some("many") => Cardinality::Many,
        Some(other) => {
            let shown: String = other.chars().take(80).flat_map(char::escape_debug).collect();
            reading.tell("E-TERM", iri, format!("f:cardinality is `{shown}`, expected `one` or `many`"));
            Cardinality::One
        }
    };
    let inverse = values::one(subject, iri, "inverse", reading).map(|value| match value.iri() {
        Some(inverse) => member_name(inverse).to_owned(),
        None => value.literal().map(|literal| literal.value().to_owned()).unwrap_or_default(),
    });
    target.map(|target| Relation { name: String::new(), targets: vec![target], cardinality, inverse })
}

fn target<'a>(subject: Node<'a>, iri: &str, classes: &Classes<'a>, reading: &mut Reading<'a>) -> Option<String> {
    let ranges = reading.statements.said(subject, RDFS_RANGE);
    ranges.iter().for_each(|it| reading.statements.map(it));
    let [Statement { object, .. }] = ranges else {
        reading.tell("E-TARGET-UNKNOWN", iri, format!("the property has {} ranges, expected one", ranges.len()));
        return None;
    };
    let Some(range) = object.iri() else {
        reading.tell("E-TARGET-UNKNOWN", iri, "the range is no IRI, expected a declared owl:Class");
        return None;
    };
    reading.facts.ranges.insert((iri.to_owned(), range.to_owned()));
    let place = classes.places.get(range);
    if place.is_none() {
        let message = format!("the range {} is no class declared here; expected an owl:Class", shown(range));
        reading.tell("E-TARGET-UNKNOWN", iri, message);
    }
    place.map(|place| classes.all[*place].object.name.clone())
}
