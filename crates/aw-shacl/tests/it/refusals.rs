//! Shapes that are refused, each with its code, its node and what would be right; hostile ones in bounded time.

use std::fmt::Write as _;

use aw_shacl::{Limits, Shapes, ValidateError};

use crate::support::{graph, shapes, validate};

/// The shapes are refused with a problem of this code, whose text holds `says`.
fn refuse(text: &str, code: &str, says: &str) {
    let why = match shapes(text) {
        Ok(_) => panic!("accepted: {text}"),
        Err(why) => why.to_string(),
    };
    assert!(why.lines().any(|line| line.starts_with(code) && line.contains(says)), "{text}: {why}");
}

/// One constraint of a property shape with a target.
fn ill_formed(constraint: &str, says: &str) {
    refuse(
        &format!("ex:S a sh:PropertyShape ; sh:targetNode ex:a ; sh:path ex:p ; {constraint} ."),
        "E-SHAPE-ILL-FORMED at <http://example.org/S>",
        says,
    );
}

#[test]
fn ill_formed_parameters() {
    ill_formed("sh:minCount 'x'", "integer");
    ill_formed("sh:minCount 1, 2", "at most one");
    ill_formed("sh:minCount '1'^^xsd:int", "xsd:integer");
    ill_formed("sh:datatype xsd:string, xsd:integer", "2 values");
    ill_formed("sh:datatype 'x'", "IRI");
    ill_formed("sh:nodeKind ex:Strange", "sh:BlankNode");
    ill_formed("sh:class 'x'", "IRI");
    ill_formed("sh:minInclusive ex:b", "literal");
    ill_formed("sh:pattern '('", "without");
    ill_formed("sh:pattern 1", "string");
    ill_formed("sh:pattern 'a', 'b'", "2 values");
    ill_formed("sh:pattern 'a' ; sh:flags 'z'", "no flag");
    ill_formed("sh:languageIn ( 1 )", "string");
    ill_formed("sh:languageIn 'en'", "not a list");
    ill_formed("sh:uniqueLang 'yes'", "true or false");
    ill_formed("sh:and ex:notalist", "no <http://www.w3.org/1999/02/22-rdf-syntax-ns#first>");
    ill_formed("sh:or ( 1 )", "must be a shape");
    ill_formed("sh:not 1", "must be a shape");
    ill_formed("sh:node [ sh:path ex:q ]", "node shape");
    ill_formed("sh:property [ sh:class ex:C ]", "no sh:path");
    ill_formed("sh:qualifiedValueShape [ sh:class ex:C ]", "counts nothing");
    ill_formed("sh:equals 1", "IRI");
    ill_formed("sh:closed true ; sh:ignoredProperties ( 1 )", "IRI");
    ill_formed("sh:in 1", "not a list");
    ill_formed("sh:severity 'high'", "IRI");
    ill_formed("sh:message 1", "string");
    ill_formed("sh:deactivated 1", "true or false");
    ill_formed("sh:targetClass 'x'", "IRI");
    ill_formed("sh:targetNode []", "IRI or a literal");
}

#[test]
fn ill_formed_kinds_of_shapes() {
    refuse("ex:S a sh:NodeShape ; sh:targetNode ex:a ; sh:path ex:p .", "E-SHAPE-ILL-FORMED", "a node shape has no path");
    refuse("ex:S a sh:PropertyShape ; sh:targetNode ex:a .", "E-SHAPE-ILL-FORMED", "exactly one path");
    refuse("ex:S a sh:PropertyShape ; sh:targetNode ex:a ; sh:path ex:p, ex:q .", "E-SHAPE-ILL-FORMED", "at most one");
    for constraint in ["sh:minCount 1", "sh:uniqueLang true", "sh:lessThan ex:q", "sh:qualifiedValueShape [ sh:class ex:C ]"] {
        refuse(
            &format!("ex:S a sh:NodeShape ; sh:targetNode ex:a ; {constraint} ."),
            "E-SHAPE-ILL-FORMED",
            "only property shapes",
        );
    }
    // A shape nobody uses is judged as well.
    refuse(
        "ex:S a sh:NodeShape ; sh:targetNode ex:a . ex:T sh:minLength 'x' .",
        "E-SHAPE-ILL-FORMED at <http://example.org/T>",
        "integer",
    );
}

#[test]
fn ill_formed_paths() {
    ill_formed("sh:property [ sh:path 1 ]".replace("sh:property [ sh:path 1 ]", "sh:minCount 'x'").as_str(), "integer");
    let path = |path: &str, says: &str| {
        refuse(&format!("ex:S a sh:PropertyShape ; sh:targetNode ex:a ; sh:path {path} ."), "E-SHAPE-ILL-FORMED", says);
    };
    path("1", "not a path");
    path("[]", "neither a list");
    path("( ex:p )", "at least two");
    path("[ sh:alternativePath ( ex:p ) ]", "at least two");
    path("[ sh:inversePath ex:p ; sh:zeroOrMorePath ex:q ]", "2 paths at once");
    path("_:b . _:b sh:inversePath _:b", "contains itself");
    path("_:b . _:b rdf:first ex:p ; rdf:rest _:b", "circle");
    path("_:b . _:b rdf:first ex:p, ex:q ; rdf:rest ( ex:p )", "more than one");
}

#[test]
fn what_is_unknown_is_refused_and_never_skipped() {
    refuse("ex:S a sh:NodeShape ; sh:targetNode ex:a ; sh:minlength 1 .", "E-SHAPE-UNSUPPORTED", "did you mean `sh:minLength`");
    refuse("ex:S a sh:NodeShape ; sh:targetNode ex:a ; sh:js [ ] .", "E-SHAPE-UNSUPPORTED", "JavaScript");
    refuse("ex:S a sh:NodeShape ; sh:targetNode ex:a ; sh:rule [ ] .", "E-SHAPE-UNSUPPORTED", "advanced");
    refuse("ex:S a sh:NodeShape ; sh:target [ ] .", "E-SHAPE-UNSUPPORTED", "advanced");
    refuse("ex:S a sh:NodeShape ; sh:targetNode ex:a . <urn:g> sh:entailment ex:RDFS .", "E-SHAPE-UNSUPPORTED", "entailment");
    refuse("ex:S a sh:NodeShape ; sh:targetNode ex:a ; sh:madeUp 1 .", "E-SHAPE-UNSUPPORTED", "sh:madeUp");
    // A slip of the pen that leaves no shape at all.
    refuse("ex:S a sh:NodeShape ; sh:targetNode ex:a . ex:T sh:targtClass ex:C .", "E-SHAPE-UNSUPPORTED", "sh:targetClass");
    // Data may say what it likes, and it is said.
    let read = shapes("ex:S a sh:NodeShape ; sh:targetNode ex:a . ex:a sh:madeUp 1 .").unwrap();
    assert!(read.remarks()[0].to_string().contains("sh:madeUp"));
}

#[test]
fn a_shapes_graph_that_targets_nothing_is_an_error() {
    refuse("ex:S a sh:NodeShape ; sh:class ex:C .", "E-SHAPE-NO-TARGETS", "no shape has a target");
    refuse("ex:a ex:p ex:b .", "E-SHAPE-NO-TARGETS", "nothing would be validated");
    refuse("", "E-SHAPE-NO-TARGETS", "no shape");
}

#[test]
fn recursion_is_refused_with_the_circle() {
    refuse(
        "ex:S a sh:NodeShape ; sh:targetNode ex:a ; sh:node ex:S .",
        "E-SHAPE-RECURSIVE",
        "<http://example.org/S> -> <http://example.org/S>",
    );
    refuse(
        "ex:S sh:targetNode ex:a ; sh:property ex:P . ex:P sh:path ex:p ; sh:or ( ex:Q ex:T ) . ex:T sh:not ex:S . ex:Q sh:class ex:C .",
        "E-SHAPE-RECURSIVE",
        "SHACL leaves",
    );
}

#[test]
fn every_problem_is_reported_at_once() {
    let why = shapes("ex:S sh:targetNode ex:a ; sh:datatype 1 ; sh:nodeKind 2 . ex:T sh:class 3 ; sh:frob 4 .").unwrap_err();
    assert_eq!(why.problems.len(), 4, "{why}");
}

#[test]
fn what_has_no_effect_is_remarked() {
    let read = shapes(
        "ex:S sh:targetNode ex:a ; sh:flags 'i' ; sh:ignoredProperties ( ex:p ) ; sh:qualifiedMinCount 1 . <urn:o> owl:imports <urn:x> .
         ex:P sh:path ex:p ; sh:uniqueLang '1'^^xsd:boolean .",
    )
    .unwrap();
    let remarks: Vec<_> = read.remarks().iter().map(ToString::to_string).collect();
    for says in ["sh:flags", "sh:ignoredProperties", "qualified", "owl:imports <urn:x>", "uniqueLang"] {
        assert!(remarks.iter().any(|remark| remark.contains(says)), "{says}: {remarks:?}");
    }
}

#[test]
fn deep_shapes_are_refused_without_deep_recursion() {
    let chain = |length: usize, last: &str| {
        let mut text = String::from("ex:S0 sh:targetNode ex:a .");
        for at in 0..length {
            let _ = writeln!(text, "ex:S{at} sh:node ex:S{} .", at + 1);
        }
        format!("{text} ex:S{length} {last} .")
    };
    assert!(validate(&chain(63, "sh:class ex:C"), "").unwrap().results.len() == 1);
    refuse(&chain(20_000, "sh:class ex:C"), "E-SHAPE-LIMIT", "deeper than 64");
    refuse(&chain(20_000, "sh:node ex:S0"), "E-SHAPE-RECURSIVE", "(19991 more)");
}

#[test]
fn deep_and_wide_paths_are_refused() {
    let nested = |depth: usize| "[ sh:zeroOrMorePath ".repeat(depth) + "ex:p" + &" ]".repeat(depth);
    let shape = |path: String| format!("ex:S a sh:PropertyShape ; sh:targetNode ex:a ; sh:path {path} ; sh:maxCount 0 .");
    assert!(shapes(&shape(nested(32))).is_ok());
    refuse(&shape(nested(33)), "E-SHAPE-LIMIT", "deeper than 32");
    // Thirty nodes that stand for two to the power of thirty predicates.
    let mut bomb = String::from("_:b0");
    for at in 0..30 {
        let _ = write!(bomb, " . _:b{at} sh:alternativePath ( _:b{} _:b{} )", at + 1, at + 1);
    }
    let text =
        format!("ex:S a sh:PropertyShape ; sh:targetNode ex:a ; sh:maxCount 0 ; sh:path {bomb} . _:b30 sh:inversePath ex:p .");
    refuse(&text, "E-SHAPE-LIMIT", "1024 operators");
}

#[test]
fn shapes_shared_two_ways_at_every_level_stay_polynomial() {
    let mut text = String::from("ex:S0 sh:targetNode ex:a .");
    for at in 0..60 {
        let _ = writeln!(text, "ex:S{at} sh:and ( ex:S{n} ex:S{n} ) ; sh:node ex:S{n} .", n = at + 1);
    }
    let mut limits = Limits::default();
    limits.steps = 2_000;
    let read = Shapes::parse(&graph(&(text + "ex:S60 sh:nodeKind sh:IRI .")), &limits).unwrap();
    assert!(read.validate(&graph("")).unwrap().conforms);
}

#[test]
fn too_many_steps_or_results_are_an_error_not_a_shorter_answer() {
    // Property shapes report what is below them each time they are reached, so sharing them is exponential by definition.
    let mut text = String::from("ex:S sh:targetNode ex:a ; sh:property ex:A0, ex:B0 .");
    for at in 0..40 {
        let n = at + 1;
        let _ = writeln!(
            text,
            "ex:A{at} sh:path ex:p ; sh:property ex:A{n}, ex:B{n} . ex:B{at} sh:path ex:p ; sh:property ex:A{n}, ex:B{n} ."
        );
    }
    let text = text + "ex:A40 sh:path ex:p ; sh:maxCount 5 . ex:B40 sh:path ex:p ; sh:maxCount 5 .";
    let mut limits = Limits::default();
    limits.steps = 100_000;
    let read = Shapes::parse(&graph(&text), &limits).unwrap();
    let why = read.validate(&graph("ex:a ex:p ex:a .")).unwrap_err();
    assert!(matches!(&why, ValidateError::Limit(limit) if limit.field == "steps"), "{why}");

    limits.results = 10;
    let read = Shapes::parse(&graph("ex:S a sh:NodeShape ; sh:targetSubjectsOf ex:p ; sh:class ex:C ."), &limits).unwrap();
    let data: String = (0..11).map(|i| format!("ex:n{i} ex:p 1 .")).collect();
    let why = read.validate(&graph(&data)).unwrap_err();
    assert!(matches!(&why, ValidateError::Limit(limit) if limit.field == "results"), "{why}");
}

#[test]
fn long_texts_are_cut_in_reasons_and_count_as_results() {
    let long = "x".repeat(100_000);
    let read = shapes(&format!("ex:S sh:targetNode ex:a ; sh:in ( '{long}' ) ; sh:message '{long}' .")).unwrap();
    assert!(read.validate(&graph("")).unwrap().results[0].reason.len() < 1100);
    let mut limits = Limits::default();
    limits.results = 50;
    let read = Shapes::parse(&graph(&format!("ex:S sh:targetNode ex:a ; sh:in () ; sh:message '{long}' .")), &limits).unwrap();
    assert!(matches!(read.validate(&graph("")).unwrap_err(), ValidateError::Limit(_)));
}

#[test]
fn long_chains_in_the_data_need_no_stack() {
    let data: String = (0..20_000).map(|i| format!("ex:n{i} ex:p ex:n{} .\n", i + 1)).collect();
    let shape = "ex:S a sh:PropertyShape ; sh:targetNode ex:n0 ; sh:path [ sh:oneOrMorePath ex:p ] ; sh:maxCount 19999 .";
    assert_eq!(validate(shape, &data).unwrap().results.len(), 1);
    let classes: String = (0..20_000).map(|i| format!("ex:c{} rdfs:subClassOf ex:c{i} .\n", i + 1)).collect();
    let report = validate(
        "ex:S sh:targetNode ex:a ; sh:class ex:c0 .",
        &format!("{classes} ex:a a ex:c20000 . ex:c0 rdfs:subClassOf ex:c5 ."),
    );
    assert!(report.unwrap().conforms);
}
