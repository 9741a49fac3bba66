//! What is read, what is refused, and where it is said to be.

use std::collections::BTreeSet;

use aw_rdf::{Fault, Format, Limits, Place, Places, canonical, read};

fn problems(text: &str, format: Format) -> Vec<String> {
    read(text.as_bytes(), format, &Limits::default(), None).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn formats_are_stated_and_never_guessed() {
    assert_eq!(Format::stated(Some("Text/Turtle; charset=utf-8"), "x.nt"), Ok(Format::Turtle));
    assert_eq!(Format::stated(Some("application/octet-stream"), "a.b/ontology.JSONLD"), Ok(Format::JsonLd));
    assert_eq!(Format::stated(None, "dir.ttl/name.ntriples"), Ok(Format::NTriples));
    for (media_type, name) in [(None, "ontology"), (None, "dir.ttl/ontology"), (Some("text/html"), "x.html"), (None, ".ttl")] {
        let error = Format::stated(media_type, name).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains("text/turtle"), "{error}");
    }
}

#[test]
fn a_repeated_statement_counts_once_and_prefixes_are_told() {
    let text = "@prefix ex: <http://e/> .\n@base <http://base/> .\nex:a ex:b <c>, <c> .\nex:a ex:b <http://base/c> .\n";
    let document = read(text.as_bytes(), Format::Turtle, &Limits::default(), None).unwrap();
    assert_eq!(document.graph.len(), 1);
    assert_eq!(document.prefixes.into_iter().collect::<Vec<_>>(), [("ex".to_owned(), "http://e/".to_owned())]);
}

#[test]
fn turtle_and_ntriples_of_one_graph_have_one_digest() {
    let turtle = "\u{feff}@prefix : <http://e/> . :a :b [ :c (1 'x'@en) ] .";
    let graph = read(turtle.as_bytes(), Format::Turtle, &Limits::default(), None).unwrap().graph;
    let lines = canonical::ntriples(&graph, &canonical::Limits::default()).unwrap();
    let again = read(lines.as_bytes(), Format::NTriples, &Limits::default(), None).unwrap().graph;
    let digest = |graph| canonical::graph_digest(graph, &canonical::Limits::default()).unwrap();
    assert_eq!(digest(&graph), digest(&again));
}

#[test]
fn blank_nodes_have_the_same_names_each_time() {
    let text = "[] <a:p> [ <a:q> _:x ] . _:x <a:r> () .";
    let names = || {
        let graph = read(text.as_bytes(), Format::Turtle, &Limits::default(), None).unwrap().graph;
        let mut lines: Vec<String> = graph.iter().map(|triple| triple.to_string()).collect();
        lines.sort();
        lines
    };
    let expected = names();
    assert!(expected[0].starts_with("_:b0 ") && expected[2].starts_with("_:b2 "), "{expected:?}");
    assert!(expected.iter().all(|it| !it.contains("_:x")), "{expected:?}");
    for _ in 0..20 {
        assert_eq!(names(), expected);
    }
}

#[test]
fn problems_have_places() {
    assert_eq!(problems("<a:s> <a:p>\n  é:x .", Format::Turtle)[0].split(": ").next(), Some("line 2, column 3"));
    let found = problems("<a:s> <a:p> <a:o> .\nnonsense\n<a:s> <a:p> <a:o> .\n<a:s> 'x' <a:o> .\n", Format::NTriples);
    let lines: BTreeSet<&str> = found.iter().map(|it| it.split(',').next().unwrap()).collect();
    assert_eq!(lines.into_iter().collect::<Vec<_>>(), ["line 2", "line 4"], "{found:?}");
    let found = read(b"<a:s> <a:p> 'caf\xe9' .", Format::Turtle, &Limits::default(), None).unwrap_err();
    assert_eq!((found[0].place, &found[0].fault), (Some(Place { line: 1, column: 17 }), &Fault::Encoding { offset: 16 }));
    let relative = problems("<a:s> <a:p> <o> .", Format::Turtle);
    assert!(relative[0].starts_with("line 1, column 13"), "{relative:?}");
    let base = read(b"", Format::Turtle, &Limits::default(), Some("not absolute")).unwrap_err();
    assert!(base[0].to_string().contains("not absolute"), "{base:?}");
}

#[test]
fn subjects_have_places() {
    let text = "@prefix ex: <http://e/> . # ex:x\nPREFIX f: <f#>\nBASE <http://other/>\nex:a a ex:x ; ex:p '''ex:b .\n''', 1.5, .5 .\n  ex:b ex:p ex:a .f:c\n ex:p ex:a,\n<http://e/d>.\n<d> ex:p [ ex:p ex:z ] .\nex:a ex:p ex:q .";
    let wanted: BTreeSet<String> =
        ["http://e/a", "http://e/b", "http://base/f#c", "http://other/d", "http://e/d", "http://e/z"].map(Into::into).into();
    let found = Places::of(text.as_bytes(), Format::Turtle, Some("http://base/x"), &wanted);
    let found: Vec<String> = found.iter().map(|(iri, place)| format!("{iri} {}:{}", place.line, place.column)).collect();
    assert_eq!(found, ["http://base/f#c 6:19", "http://e/a 4:1", "http://e/b 6:3", "http://other/d 9:1"]);
}
