//! SHACL-SPARQL beyond what the suite asks: blank nodes, components, messages, rules, and hostile queries.

use aw_shacl::{Limits, Shapes, ValidateError};

use crate::support::{graph, shapes, validate};

const DECLARE: &str = "<urn:p> sh:declare [ sh:prefix 'ex' ; sh:namespace 'http://example.org/'^^xsd:anyURI ] .";

fn select(query: &str) -> String {
    format!(
        "{DECLARE} ex:S a sh:NodeShape ; sh:targetSubjectsOf ex:p ; sh:sparql [ sh:prefixes <urn:p> ; sh:message 'v {{?value}} of {{$this}}' ; sh:select '''{query}''' ] ."
    )
}

fn refuse(query: &str, code: &str, says: &str) {
    let why = shapes(&select(query)).unwrap_err().to_string();
    assert!(why.starts_with(code) && why.contains(says), "{query}: {why}");
}

#[test]
fn a_blank_focus_node_is_that_very_node() {
    let data = "[] ex:p 1 . [] ex:p 2 ; ex:q [ ex:r 3 ] .";
    let query = "SELECT $this ?value WHERE { $this ex:p ?value ; ex:q ?b . ?b ex:r 3 . FILTER(isBlank($this) && $this != ?b && sameTerm($this, $this)) }";
    let report = validate(&select(query), data).unwrap();
    assert_eq!((report.checked(), report.results.len()), (2, 1));
    assert!(report.results[0].value.as_ref().unwrap().to_string().starts_with("\"2\""));
    let message = report.results[0].messages[0].value();
    assert!(message.starts_with("v 2 of _:"), "{message}");
}

#[test]
fn this_is_bound_in_every_corner_of_a_query() {
    let data = "ex:a ex:p 1, 2 ; ex:q 1 . ex:b ex:p 3 .";
    let values = |query: &str| {
        let report = validate(&select(query), data).unwrap();
        report
            .results
            .iter()
            .map(|r| format!("{} {}", r.focus_node, r.value.as_ref().unwrap()))
            .map(|t| t.replace("http://example.org/", "").replace("^^<http://www.w3.org/2001/XMLSchema#integer>", ""))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        values("SELECT $this ?value WHERE { $this ex:p ?value FILTER NOT EXISTS { $this ex:q ?value } }"),
        ["<a> \"2\"", "<b> \"3\""]
    );
    assert_eq!(
        values("SELECT $this (COUNT(?v) AS ?value) WHERE { $this ex:p ?v } GROUP BY $this HAVING (COUNT(?v) > 1)"),
        ["<a> \"2\""]
    );
    assert_eq!(
        values(
            "SELECT $this ?value WHERE { { SELECT $this (MAX(?v) AS ?value) WHERE { $this ex:p ?v } GROUP BY $this } FILTER(?value > 2) }"
        ),
        ["<b> \"3\""]
    );
    assert_eq!(
        values("SELECT $this ?value WHERE { OPTIONAL { $this ex:q ?value } FILTER(bound(?value) && bound($this)) }"),
        ["<a> \"1\""]
    );
    assert_eq!(
        values(
            "SELECT DISTINCT $this ?value WHERE { { $this ex:p ?value } UNION { $this ex:q ?value } FILTER(?value IN (1, 9)) } ORDER BY $this LIMIT 5"
        ),
        ["<a> \"1\""]
    );
}

#[test]
fn path_stands_for_any_path() {
    let shape = format!(
        "{DECLARE} ex:S a sh:PropertyShape ; sh:targetNode ex:a ; sh:path ( ex:p [ sh:inversePath ex:q ] ) ;
        sh:sparql [ sh:prefixes <urn:p> ; sh:select 'SELECT $this ?value WHERE {{ $this $PATH ?value }}' ] ."
    )
    .replace("{{", "{")
    .replace("}}", "}");
    let report = validate(&shape, "ex:a ex:p ex:m . ex:z ex:q ex:m .").unwrap();
    assert_eq!(report.results[0].value.as_ref().unwrap().to_string(), "<http://example.org/z>");
    assert_eq!(report.results[0].path.as_ref().unwrap().to_string(), "(<http://example.org/p>/^<http://example.org/q>)");
}

#[test]
fn a_component_of_the_shapes_graph() {
    let component = |validator: &str| {
        format!(
            "{DECLARE} ex:Component a sh:ConstraintComponent ; sh:parameter [ sh:path ex:limit ] ; {validator} .
            ex:S a sh:PropertyShape ; sh:targetNode ex:a ; sh:path ex:p ; ex:limit 5, 7 ."
        )
    };
    let ask = component("sh:validator [ sh:ask 'ASK { FILTER ($value < $limit) }' ; sh:message 'not below {$limit}' ]");
    let report = validate(&ask, "ex:a ex:p 4, 6 .").unwrap();
    assert_eq!(report.results.len(), 1);
    assert_eq!(report.results[0].messages[0].value(), "not below 5");
    assert_eq!(report.results[0].component.as_str(), "http://example.org/Component");

    let why = shapes(&component("sh:nodeValidator [ sh:select 'SELECT $this WHERE { }' ]")).unwrap_err().to_string();
    assert!(
        why.starts_with("E-SHAPE-UNSUPPORTED at <http://example.org/S>") && why.contains("no validator for property shapes"),
        "{why}"
    );
    let why = shapes(&component("sh:validator [ sh:select 'SELECT $this WHERE { }' ]")).unwrap_err().to_string();
    assert!(why.contains("sh:propertyValidator"), "{why}");
    let why = shapes(&component("sh:validator [ ex:js '' ]")).unwrap_err().to_string();
    assert!(why.contains("sh:ask or sh:select"), "{why}");
}

#[test]
fn queries_that_shacl_forbids_or_nobody_can_repeat_are_refused() {
    for (query, says) in [
        ("SELECT $this WHERE { $this ex:p ?v MINUS { $this ex:q ?v } }", "MINUS"),
        ("SELECT $this WHERE { VALUES ?v { 1 } }", "VALUES"),
        ("SELECT $this WHERE { SERVICE <urn:x> { ?a ?b ?c } }", "SERVICE"),
        ("SELECT $this WHERE { FILTER EXISTS { SERVICE <urn:x> { ?a ?b ?c } } }", "SERVICE"),
        ("SELECT $this WHERE { BIND(1 AS $this) }", "AS $this"),
        ("SELECT $this WHERE { { SELECT ?o WHERE { ?s ?p ?o } } }", "subquery"),
        ("SELECT ?x WHERE { ?x ex:p ?v }", "project"),
        ("SELECT $this FROM <urn:x> WHERE { $this ex:p ?v }", "FROM"),
        ("CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o }", "SELECT"),
        ("ASK { }", "SELECT"),
        ("SELECT $this WHERE {", "not a SPARQL query"),
        ("SELECT $this WHERE { $this nope:p ?v }", "not a SPARQL query"),
        ("SELECT $this WHERE { $this $PATH ?v }", "$PATH"),
        ("SELECT $this WHERE { ?s ?p <urn:x-aw-shacl:blank:b> }", "reserved"),
    ] {
        refuse(query, "E-SHAPE-ILL-FORMED", says);
    }
    let unions = "{ {} UNION {} }".repeat(9);
    refuse(&format!("SELECT $this WHERE {{ {unions} }}"), "E-SHAPE-LIMIT", "UNION");
    refuse("SELECT $this WHERE { BIND(REPLACE(REPLACE(\"a\", \".\", \"b\"), \".\", \"c\") AS ?x) }", "E-SHAPE-LIMIT", "REPLACE");
    refuse("SELECT $this WHERE { FILTER(NOW() > 1) }", "E-SHAPE-UNSUPPORTED", "same answer");
    refuse("SELECT $this WHERE { FILTER(RAND() > 0.5) }", "E-SHAPE-UNSUPPORTED", "same answer");
    refuse("SELECT $this WHERE { FILTER(ex:f($this)) }", "E-SHAPE-UNSUPPORTED", "no function");
}

#[test]
fn deep_and_huge_queries_are_refused_before_they_are_parsed() {
    refuse(&format!("SELECT $this WHERE {{ FILTER({}1{}) }}", "(".repeat(500), ")".repeat(500)), "E-SHAPE-ILL-FORMED", "nested");
    refuse(&format!("SELECT $this WHERE {{ FILTER(1{}) }}", "+1".repeat(3000)), "E-SHAPE-ILL-FORMED", "operators");
    refuse(&format!("SELECT $this WHERE {{ # {} \n }}", "x".repeat(70_000)), "E-SHAPE-LIMIT", "longer");
    let nots = |n: usize| format!("SELECT $this WHERE {{ FILTER({}1{}) }}", "!(".repeat(n), ")".repeat(n));
    refuse(&nots(7), "E-SHAPE-LIMIT", "negations");
    assert!(validate(&select(&nots(6)), "ex:a ex:p 1 .").unwrap().results.len() == 1);
    for (open, inner, close) in [
        ("OPTIONAL { ", "?a ?b ?c", " }"),
        ("FILTER EXISTS { ", "?a ?b ?c", " }"),
        ("{ ", "?a ?b ?c", " }"),
        ("?a ?b [ ?c ", "?d", " ] ."),
        ("?a ?b ( ", "?d", " ) ."),
        ("GRAPH $shapesGraph { ", "?a ?b ?c", " }"),
    ] {
        let nested = |n: usize| format!("SELECT $this WHERE {{ {}{inner}{} }}", open.repeat(n), close.repeat(n));
        refuse(&nested(40), "E-SHAPE-ILL-FORMED", "nested");
        // Not each of them is SPARQL; none may overflow the stack.
        if let Ok(read) = shapes(&select(&nested(15))) {
            read.validate(&graph("ex:a ex:p 1 .")).unwrap();
        }
    }
    let subqueries = format!("SELECT $this WHERE {{ {} ?a ?b ?c {} }}", "{ SELECT $this { ".repeat(7), "} }".repeat(7));
    assert!(validate(&select(&subqueries), "ex:a ex:p 1 .").unwrap().results.len() == 1);
    // At the bounds, on the stack of a test thread.
    let deep = format!("SELECT $this WHERE {{ FILTER({}1{}) }}", "(".repeat(14), ")".repeat(14));
    assert!(validate(&select(&deep), "ex:a ex:p 1 .").unwrap().results.len() == 1);
    let long = format!("SELECT $this WHERE {{ FILTER(1{}) }}", "||1".repeat(190));
    assert!(validate(&select(&long), "ex:a ex:p 1 .").unwrap().results.len() == 1);
    let sums = format!("SELECT $this WHERE {{ FILTER(1{} > 1) }}", "+1".repeat(390));
    assert!(validate(&select(&sums), "ex:a ex:p 1 .").unwrap().results.len() == 1);
}

#[test]
fn a_query_that_never_ends_meets_the_limit() {
    let data: String = (0..200).map(|i| format!("ex:n{i} ex:r {i} .")).collect::<String>() + "ex:a ex:p 1 .";
    let mut limits = Limits::default();
    limits.steps = 200_000;
    let doubling: String = (1..50).map(|i| format!("BIND(CONCAT(?t{}, ?t{}) AS ?t{i}) ", i - 1, i - 1)).collect();
    let doubling = format!("SELECT $this WHERE {{ BIND(\"ab\" AS ?t0) {doubling} FILTER(STRLEN(?t49) < 0) }}");
    for query in [
        "SELECT $this WHERE { ?a ex:r ?x . ?b ex:r ?y . ?c ex:r ?z . ?d ex:r ?w FILTER(?x + ?y + ?z + ?w < 0) }",
        "SELECT $this WHERE { ?a (ex:r|!ex:r)* ?x . ?b (ex:r|!ex:r)* ?y . ?c (ex:r|!ex:r)* ?z }",
        "SELECT $this (COUNT(*) AS ?value) WHERE { ?a ex:r ?x . ?b ex:r ?y . ?c ex:r ?z . ?d ex:r ?w } GROUP BY $this",
        "SELECT DISTINCT $this WHERE { ?a ex:r ?x . ?b ex:r ?y . ?c ex:r ?z . ?d ex:r ?w }",
        "SELECT DISTINCT $this WHERE { { SELECT $this { ?a ?b ?c } } { SELECT $this { ?a ?b ?c } } { SELECT $this { ?a ?b ?c } } }",
        "SELECT $this WHERE { { { ?a ex:r ?x } UNION { ?b ex:r ?x } } { ?c ex:r ?d } { ?e ex:r ?f } FILTER NOT EXISTS { ?g ex:r ?h } }",
        &doubling,
    ] {
        let read = Shapes::parse(&graph(&select(query)), &limits).unwrap();
        let Err(why) = read.validate(&graph(&data)) else { panic!("{query} ended") };
        assert!(matches!(why, ValidateError::Limit(_)), "{query}: {why}");
    }
}

#[test]
fn a_failure_that_a_query_reports_is_one() {
    let why = validate(&select("SELECT $this (true AS ?failure) WHERE { $this ex:p 1 }"), "ex:a ex:p 1 .").unwrap_err();
    assert!(matches!(why, ValidateError::Query { .. }), "{why}");
}
