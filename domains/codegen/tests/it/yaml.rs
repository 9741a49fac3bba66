//! The YAML front end.

use codegen::diagnostic::Diagnostic;
use codegen::input::{Format, Ontology, ReadOptions, read};
use codegen::model::{ModelDigest, Range, Scalar, StepKind, TriggerKind};

use crate::reference;

/// The reference model of the specification.
pub const REFERENCE: &str = "\
version: 1.0.0
namespace: Alloyworks.Reference.Contracts
objectTypes:
  - name: User
    annotations: {'rdfs:label': Platform user}
    fields:
      - {name: id, type: uuid}
      - {name: handle, type: string}
      - {name: createdAt, type: datetime}
    relations:
      - {name: documents, target: Document, cardinality: many}
  - name: Document
    annotations: {'http://www.w3.org/2000/01/rdf-schema#label': Knowledge document}
    fields:
      - {name: id, type: uuid}
      - {name: title, type: string}
      - {name: body, type: string, optional: true}
      - {name: wordCount, type: int}
      - {name: createdAt, type: datetime}
    relations:
      - {name: author, target: User, inverse: documents}
";

fn yaml(text: &str) -> Result<Ontology, Vec<Diagnostic>> {
    read(text.as_bytes(), Format::Yaml, &ReadOptions::default())
}

/// A model with one type whose body is given.
fn with_type(body: &str) -> String {
    format!("version: 1.0.0\nnamespace: A.B\nobjectTypes:\n  - name: Thing\n{body}")
}

#[track_caller]
fn refused(text: &str, expected: &[(&str, &str, &str)]) {
    let found = yaml(text).err().unwrap_or_else(|| panic!("accepted: {text}"));
    let seen: Vec<_> = found.iter().map(|it| (it.code.as_str(), it.subject.as_str(), it.message.as_str())).collect();
    assert_eq!(seen.len(), expected.len(), "{seen:#?}");
    for (code, subject, message) in expected {
        let hit = seen.iter().any(|it| it.0 == *code && it.1 == *subject && it.2.contains(message));
        assert!(hit, "expected {code} at {subject}: {message}\nin {seen:#?}");
    }
}

#[test]
fn the_reference_model_is_read() {
    let ontology = yaml(REFERENCE).unwrap();
    assert_eq!(ontology.model, reference::model());
    assert_eq!(ModelDigest::of(&ontology.model).to_string(), "d761e55d728951e15f61bb9ec19c0e70d636c25da74a842f76144a8447824670");
    assert!(ontology.diagnostics.is_empty() && ontology.graph_digest.is_none());
}

#[test]
fn everything_a_model_may_say_is_read() {
    let text = "\
version: 1.0.0
namespace: A
objectTypes:
  - name: Ticket
    renamedFrom: Issue
    annotations: {label: A ticket, note: \"1\"}
    fields:
      - {name: state, type: string, default: new}
      - {name: tags, type: 'string[]', renamedFrom: labels}
      - {name: counts, type: int, list: true}
      - {name: limit, type: long, default: 12}
      - {name: open, type: bool, default: true}
      - {name: extra, type: json, optional: true}
    stateProperty: state
    states: [new, in progress, done]
processes:
  - id: triage
    name: Triage
    trigger: {kind: message, subject: ticket.created}
    steps:
      - {name: look, kind: manual, agent: support, next: [choose]}
      - {name: choose, kind: decision, condition: urgent, next: [call, stop]}
      - {name: call, kind: call, calls: page}
      - {name: later, kind: wait, timeout: PT1H}
      - {name: stop, kind: end}
";
    let ontology = yaml(text).unwrap();
    let ticket = &ontology.model.types[0];
    assert_eq!((&*ticket.annotations["note"], ticket.states.len(), ticket.state_property.as_deref()), ("1", 3, Some("state")));
    let field = |name: &str| ticket.fields.iter().find(|field| field.name == name).unwrap();
    assert!(field("tags").list && field("counts").list && field("extra").optional);
    assert_eq!(field("limit").default.as_deref(), Some("12"));
    assert_eq!(field("open").default.as_deref(), Some("true"));
    assert_eq!(field("tags").range, Range::Scalar(Scalar::String));
    let process = &ontology.model.processes[0];
    assert_eq!((process.trigger.kind, process.steps[0].kind), (TriggerKind::Message, StepKind::Manual));
    assert_eq!(process.steps[0].performer.as_deref(), Some("support"));
    assert_eq!(process.steps[1].next, ["call", "stop"]);
    assert_eq!(ontology.renames.types["Ticket"], "Issue");
    assert_eq!(ontology.renames.members[&("Ticket".to_owned(), "tags".to_owned())], "labels");
}

#[test]
fn faults_are_told_together_with_their_places() {
    let text = "\
version: 1
objectTypes:
  - name: Thing
    feilds: []
    fields:
      - {name: a, type: strnig}
      - {name: b, type: string, optional: \"false\"}
      - {type: int}
      - {name: d, type: 'int[]', list: false}
    relations:
      - {name: e, cardinality: several}
processes:
  - {id: p, name: P, trigger: {kind: mesage}, steps: [{name: s, kind: servce, performer: a, agent: b}]}
";
    refused(
        text,
        &[
            ("E-YAML-KIND", "line 1, column 10", "the number `1`, expected a text; put it in quotes"),
            ("E-YAML-MISSING", "line 1, column 1", "`namespace`"),
            ("E-YAML-KEY", "line 4, column 5", "did you mean `fields`?"),
            ("E-SCALAR-UNKNOWN", "line 6, column 25", "did you mean `string`?"),
            ("E-YAML-KIND", "line 7, column 43", "the text `false`, expected true or false"),
            ("E-YAML-MISSING", "line 8, column 9", "`name`"),
            ("E-YAML-KIND", "line 9, column 40", "says list"),
            ("E-YAML-MISSING", "line 11, column 9", "`target`"),
            ("E-CARDINALITY-UNKNOWN", "line 11, column 32", "`one` or `many`"),
            ("E-TRIGGER-KIND", "line 13, column 38", "did you mean `message`?"),
            ("E-STEP-KIND", "line 13, column 71", "did you mean `service`?"),
            ("E-YAML-KEY", "line 13, column 100", "another name of `performer`"),
        ],
    );
}

#[test]
fn faults_of_the_model_have_places_too() {
    let text = with_type("    fields: [{name: a, type: int, default: x}]\n    relations: [{name: r, target: Other}]\n");
    refused(
        &text,
        &[("E-DEFAULT", "Thing.a", "line 5, column 14: the default `x`"), ("E-TARGET-UNKNOWN", "Thing.r", "line 6, column 17: ")],
    );
}

#[test]
fn annotations_that_mean_the_same_are_told() {
    refused(
        &with_type("    annotations: {label: a, 'rdfs:label': b}\n"),
        &[("E-ANNOTATION-TWICE", "line 5, column 29", "`label`")],
    );
}

#[test]
fn anchors_are_bounded_and_tags_refused() {
    let text = with_type("    fields: [{name: a, type: &t string}, {name: b, type: *t}]\n");
    assert_eq!(yaml(&text).unwrap().model.types[0].fields.len(), 2);
    refused(&with_type("    annotations: {a: !!str 1}\n"), &[("E-YAML-SYNTAX", "line 5, column 22", "tag")]);
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let ten = [format!("*a{}", level - 1).as_str(); 10].join(", ");
        bomb += &format!("a{level}: &a{level} [{ten}]\n");
    }
    refused(&bomb, &[("E-YAML-SYNTAX", "line 4, column 45", "too many values, expected at most 10000")]);
}

#[test]
fn bytes_that_are_no_text_and_texts_that_are_no_model_are_refused() {
    for (bytes, code, place) in [
        (&b"version: \xff"[..], "E-YAML-SYNTAX", "line 1"),
        (b"", "E-YAML-SYNTAX", "line 1, column 1"),
        (b"- a\n", "E-YAML-KIND", "line 1, column 1"),
        (b"a: [\n", "E-YAML-SYNTAX", "line 2, column 1"),
    ] {
        let found = read(bytes, Format::Yaml, &ReadOptions::default()).unwrap_err();
        assert_eq!((found[0].code.as_str(), found[0].subject.as_str()), (code, place), "{found:?}");
    }
}

#[test]
fn formats_are_stated_and_never_guessed() {
    for (sent, name, format) in [
        (Some("text/turtle; charset=utf-8"), "x", Some(Format::Turtle)),
        (Some("application/yaml"), "x.ttl", Some(Format::Yaml)),
        (Some("text/plain"), "a/x.YML", Some(Format::Yaml)),
        (None, "x.json-ld", Some(Format::JsonLd)),
        (None, "x.ntriples", Some(Format::NTriples)),
        (None, "x", None),
        (None, "x.json", None),
        (None, ".yaml", None),
        (None, "x.ttl/", None),
    ] {
        let found = Format::stated(sent, name);
        assert_eq!(found.as_ref().ok(), format.as_ref(), "{name}");
        assert!(format.is_some() || found.is_err_and(|fault| fault.code == "E-FORMAT-UNKNOWN"));
    }
}
