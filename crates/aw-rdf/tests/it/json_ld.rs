//! JSON-LD without the suites: what is left out is told, with its place, and nothing is fetched.

use std::collections::BTreeSet;

use aw_rdf::{Fault, Format, Limits, Omission, Places, canonical, read};

const CUP: &str = r#"{
  "@context": {"ex": "http://e/", "name": "ex:name", "holds": {"@id": "ex:holds", "@type": "@id"}, "off": null},
  "@id": "ex:cup",
  "name": ["cup", {"@value": "Tasse", "@language": "de", "@direction": "ltr"}],
  "holds": {"ex:millilitres": 200, "ex:warm": true, "ex:list": {"@list": [1.5, 1e30, {"@id": "no iri"}]}},
  "colour": "red",
  "off": 1,
  "@graph": [{"@id": "ex:a", "name": "in a graph"}]
}"#;

#[test]
fn what_rdf_has_no_place_for_is_told() {
    let document = read(CUP.as_bytes(), Format::JsonLd, &Limits::default(), None).unwrap();
    let remarks: Vec<String> = document.remarks.iter().map(ToString::to_string).collect();
    let expected = [
        "line 4, column 19: `@direction` is left out: strings of RDF 1.1 have no direction",
        "line 5, column 86: `no iri` is left out: no correct absolute IRI, so that no statement can hold it",
        "line 6, column 3: `colour` is left out: no term of the context, and no absolute IRI",
        "line 7, column 3: `off` is left out: the context switches it off",
        "the named graph <http://e/cup> with 1 statements is not read; only the default graph is",
    ];
    assert_eq!(remarks, expected);
    assert_eq!(document.prefixes["ex"], "http://e/");
    let turtle = "@prefix ex: <http://e/> . ex:cup ex:name 'cup', 'Tasse'@de ; ex:holds [ ex:millilitres 200 ; ex:warm true ; ex:list _:l ] .
        _:l <http://www.w3.org/1999/02/22-rdf-syntax-ns#first> 1.5E0 ; <http://www.w3.org/1999/02/22-rdf-syntax-ns#rest> [
        <http://www.w3.org/1999/02/22-rdf-syntax-ns#first> 1.0E30 ; <http://www.w3.org/1999/02/22-rdf-syntax-ns#rest> [
        <http://www.w3.org/1999/02/22-rdf-syntax-ns#rest> () ] ] .";
    let form = |graph| canonical::ntriples(graph, &canonical::Limits::default()).unwrap();
    let turtle = read(turtle.as_bytes(), Format::Turtle, &Limits::default(), None).unwrap();
    assert_eq!(form(&document.graph), form(&turtle.graph));
}

#[test]
fn remarks_are_counted_where_they_are_many() {
    let members: Vec<String> = (0..1_000).map(|it| format!("\"m{it}\": 1")).collect();
    let document = read(format!("{{{}}}", members.join(",")).as_bytes(), Format::JsonLd, &Limits::default(), None).unwrap();
    assert_eq!(document.remarks.len(), 101);
    assert_eq!(document.remarks[100].omission, Omission::More { count: 900 });
}

#[test]
fn contexts_elsewhere_are_named_and_not_fetched() {
    for (context, iri) in [
        (r#""https://schema.org/""#, "https://schema.org/"),
        (r#"["context.jsonld"]"#, "http://base/context.jsonld"),
        (r#"{"@import": "file:///etc/passwd"}"#, "file:///etc/passwd"),
        (r#"{"t": {"@id": "a:t", "@context": "http://169.254.169.254/"}}"#, "http://169.254.169.254/"),
    ] {
        let text = format!("{{\n\"@context\": {context}}}");
        let problems = read(text.as_bytes(), Format::JsonLd, &Limits::default(), Some("http://base/x")).unwrap_err();
        assert_eq!(problems[0].fault, Fault::RemoteContext { iri: iri.into() });
        assert_eq!(problems[0].place.unwrap().line, 2);
    }
}

#[test]
fn problems_have_places() {
    for (text, expected) in [
        ("{\n \"a\": 1,\n \"a\": 2}", "line 3, column 2: `a` stands twice in one object"),
        ("[1,\n2", "line 2, column 2: "),
        ("", "line 1, column 1: "),
        ("{} {}", "line 1, column 4: "),
        ("[1e999]", "line 1, column 2: 1e999 is no number"),
        ("{\"@id\":\n 1}", "line 2, column 2: expected `@id` to be a string (invalid @id value)"),
        (
            "{\"@context\": {\n\"é\": {\"@id\": \"a:b\", \"@typo\": 1}}}",
            "line 2, column 21: `@typo` in the definition of `é`; expected @id,",
        ),
    ] {
        let found = read(text.as_bytes(), Format::JsonLd, &Limits::default(), None).unwrap_err()[0].to_string();
        assert!(found.starts_with(expected), "{text}: {found}");
    }
}

#[test]
fn subjects_have_places() {
    let wanted: BTreeSet<String> = ["http://e/cup", "http://e/a", "http://e/none"].map(Into::into).into();
    let found = Places::of(CUP.as_bytes(), Format::JsonLd, None, &wanted);
    let found: Vec<String> = found.iter().map(|(iri, place)| format!("{iri} {place}")).collect();
    assert_eq!(found, ["http://e/a line 8, column 14", "http://e/cup line 1, column 1"]);
}
