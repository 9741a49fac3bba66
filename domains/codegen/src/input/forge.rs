//! The constrained forge vocabulary: an `f:Model`, classes, datatype properties and object properties.
//!
//! | code | what is wrong |
//! |---|---|
//! | `E-MODEL-HEADER` | there is no f:Model, or several |
//! | `E-TERM` | a term of the forge vocabulary does not belong where it stands, or says something else than it may |
//! | `E-DOMAIN` | a property has no domain, several, or one that is no declared class |
//! | `E-RANGE-UNKNOWN` | a field's range has no scalar |
//! | `E-TARGET-UNKNOWN` | a relation's range is not one declared class |
//! | `E-LIST` | a list is no proper RDF list, or holds something else than texts |
//! | `E-ORDER` | an order names what is not there, or names it twice |
//! | `E-NAME-PREFIX` | what stands before `__` is not the name of the domain |
//! | `E-NAME-COLLISION` | two classes, or two properties of one class, have one name |
//! | `W-RANGE-LOSSY` | a scalar holds less than its range |
//! | `W-TEXT-DROPPED` | of several texts of one kind one is kept |
//! | `W-CONSTRAINT` | something that constrains data, without a counterpart |
//! | `W-IGNORED` | statements outside the vocabulary |
//!
//! The built-in shapes are applied before: what violates them (`E-SHAPE`) never gets here, and `E-MODEL-HEADER`, `E-DOMAIN` and
//! `E-TARGET-UNKNOWN` say so should the shapes ever be changed.
//!
//! RDF has no form for processes: what looks like one is told of as ignored.
//!
//! # Source
//! Codegen, sections 3, 5 and 14.

mod classes;
mod properties;
mod values;

pub(super) use properties::scalar;

use super::graph::Reading;
use super::rdf::vocabulary::{RDF_TYPE, forge_name, short};
use super::rdf::{Node, Statement, shown};
use crate::model::Model;

/// Terms that say something of their own, and what they are said of.
const TERMS: [(&str, &str); 15] = [
    ("version", "an f:Model"),
    ("namespace", "an f:Model"),
    ("typeOrder", "an f:Model"),
    ("fieldOrder", "a class"),
    ("relationOrder", "a class"),
    ("stateProperty", "a class"),
    ("states", "a class"),
    ("optional", "a datatype property"),
    ("default", "a datatype property"),
    ("list", "a datatype property"),
    ("cardinality", "an object property"),
    ("inverse", "an object property"),
    ("renamedFrom", "a class or property"),
    ("processes", "nothing: processes are written in YAML"),
    ("processOrder", "nothing: processes are written in YAML"),
];

/// Reads the model of a graph.
pub(super) fn read(reading: &mut Reading<'_>) -> Model {
    let header = header(reading);
    let mut model = Model {
        version: header.version.unwrap_or_default(),
        namespace: header.namespace.unwrap_or_default(),
        ..Model::default()
    };
    let mut classes = classes::declared(reading);
    properties::read(&mut classes, reading);
    model.types = classes::finish(classes, header.order.as_deref(), reading);
    misplaced(reading);
    model
}

struct Header {
    version: Option<String>,
    namespace: Option<String>,
    order: Option<Vec<String>>,
}

fn header(reading: &mut Reading<'_>) -> Header {
    let statements = reading.statements;
    let is_model =
        |it: &&Statement<'_>| it.predicate == RDF_TYPE && it.object.iri().is_some_and(|iri| forge_name(iri) == Some("Model"));
    let typed: Vec<Statement<'_>> = statements.all().iter().filter(is_model).copied().collect();
    let mut subjects: Vec<Node<'_>> = typed.iter().map(|it| it.subject).collect();
    subjects.dedup();
    typed.iter().for_each(|it| statements.map(it));
    let [subject] = subjects.as_slice() else {
        let listed: Vec<String> = subjects.iter().filter_map(|it| it.iri()).take(5).map(shown).collect();
        let message = match subjects.len() {
            0 => "no subject has the type f:Model; expected one, with f:version and f:namespace".to_owned(),
            count => format!("{count} subjects have the type f:Model, expected one: {}", listed.join(", ")),
        };
        // What they say is part of this fault.
        subjects.iter().flat_map(|it| statements.about(*it)).for_each(|it| statements.report(it));
        reading.tell("E-MODEL-HEADER", "document", message);
        return Header { version: None, namespace: None, order: None };
    };
    let pointer = subject.iri().unwrap_or("f:Model");
    let version = required(*subject, pointer, "version", reading);
    let namespace = required(*subject, pointer, "namespace", reading);
    for (given, own, what) in
        [(&reading.options.version, &version, "version"), (&reading.options.namespace, &namespace, "namespace")]
    {
        if let (Some(given), Some(own)) = (given, own)
            && given != own
        {
            let message = format!("the {what} is `{own}`, and `{given}` was asked for");
            reading.found.push(crate::diagnostic::Diagnostic::new("E-MODEL-HEADER", pointer, message));
        }
    }
    Header { version, namespace, order: values::texts(*subject, pointer, "typeOrder", reading) }
}

fn required<'a>(subject: Node<'a>, pointer: &str, name: &str, reading: &mut Reading<'a>) -> Option<String> {
    let before = reading.found.len();
    let text = values::text(subject, pointer, name, reading);
    if text.is_none() && reading.found.len() == before {
        reading.tell("E-MODEL-HEADER", pointer, format!("the f:Model has no f:{name}, expected one"));
    }
    text
}

/// Terms with a meaning of their own that stand where they have none.
fn misplaced(reading: &mut Reading<'_>) {
    let statements = reading.statements;
    for statement in statements.all().iter().filter(|it| statements.fate(it) == super::rdf::Fate::Open) {
        let Some(name) = forge_name(statement.predicate) else { continue };
        let Some((_, owner)) = TERMS.iter().find(|(term, _)| *term == name) else { continue };
        let subject = statement.subject.iri().unwrap_or("blank nodes");
        statements.report(statement);
        reading.tell("E-TERM", subject, format!("{} is said of {owner}", short(statement.predicate)));
    }
}
