//! Every constraint component, once satisfied and once violated; targets, severity, messages.

use aw_shacl::Report;

use crate::support::validate;

/// Local names of the components of all results of `ex:S`, a property shape at `ex:p`, on `ex:a`.
fn found(constraint: &str, data: &str) -> Vec<String> {
    let shape = format!("ex:S a sh:PropertyShape ; sh:targetNode ex:a ; sh:path ex:p ; {constraint} .");
    let report = validate(&shape, data).unwrap();
    components(&report)
}

fn components(report: &Report) -> Vec<String> {
    let local = |iri: &str| iri.rsplit('#').next().unwrap().trim_end_matches("ConstraintComponent").to_owned();
    report.results.iter().map(|result| local(result.component.as_str())).collect()
}

/// `good` has no result and `bad` exactly one, of `component`.
fn check(component: &str, constraint: &str, good: &str, bad: &str) {
    assert_eq!(found(constraint, good), Vec::<String>::new(), "{constraint} on {good}");
    assert_eq!(found(constraint, bad), [component], "{constraint} on {bad}");
}

#[test]
fn value_types() {
    check(
        "Class",
        "sh:class ex:C",
        "ex:a ex:p ex:b . ex:b a ex:D . ex:D rdfs:subClassOf ex:C .",
        "ex:a ex:p ex:b . ex:b a ex:D .",
    );
    check("Class", "sh:class ex:C", "", "ex:a ex:p 1 .");
    check("Datatype", "sh:datatype xsd:integer", "ex:a ex:p 1 .", "ex:a ex:p 1.0 .");
    check("Datatype", "sh:datatype xsd:byte", "ex:a ex:p '127'^^xsd:byte .", "ex:a ex:p '128'^^xsd:byte .");
    check("Datatype", "sh:datatype rdf:langString", "ex:a ex:p 'x'@en .", "ex:a ex:p 'x' .");
    check("Datatype", "sh:datatype xsd:string", "ex:a ex:p 'x' .", "ex:a ex:p ex:x .");
    check("NodeKind", "sh:nodeKind sh:IRI", "ex:a ex:p ex:b .", "ex:a ex:p [] .");
    check("NodeKind", "sh:nodeKind sh:BlankNodeOrLiteral", "ex:a ex:p [], 1 .", "ex:a ex:p ex:b .");
    check("NodeKind", "sh:nodeKind sh:Literal", "ex:a ex:p 1 .", "ex:a ex:p ex:b .");
}

#[test]
fn counts() {
    check("MinCount", "sh:minCount 2", "ex:a ex:p 1, 2 .", "ex:a ex:p 1 .");
    check("MaxCount", "sh:maxCount 1", "ex:a ex:p 1 .", "ex:a ex:p 1, 01 .");
    check("MinCount", "sh:minCount 1", "ex:a ex:p 1 .", "");
}

#[test]
fn ranges_compare_values() {
    check("MinInclusive", "sh:minInclusive 9", "ex:a ex:p 10, 9.0, '1e1'^^xsd:double .", "ex:a ex:p 8.9 .");
    check("MinExclusive", "sh:minExclusive 9", "ex:a ex:p 10 .", "ex:a ex:p 9.0 .");
    check(
        "MaxInclusive",
        "sh:maxInclusive '2020-01-31'^^xsd:date",
        "ex:a ex:p '2020-01-31'^^xsd:date .",
        "ex:a ex:p '2020-02-01'^^xsd:date .",
    );
    check("MaxExclusive", "sh:maxExclusive 9", "ex:a ex:p 8 .", "ex:a ex:p '8' .");
    check("MinInclusive", "sh:minInclusive 9", "", "ex:a ex:p ex:b .");
    check(
        "MaxInclusive",
        "sh:maxInclusive 123456789012345678901234567890",
        "ex:a ex:p 123456789012345678901234567890 .",
        "ex:a ex:p 123456789012345678901234567891 .",
    );
}

#[test]
fn strings() {
    check("MinLength", "sh:minLength 2", "ex:a ex:p 'éé', 12 .", "ex:a ex:p 'é' .");
    check("MaxLength", "sh:maxLength 2", "ex:a ex:p 'éé' .", "ex:a ex:p ex:b .");
    check("MaxLength", "sh:maxLength 2", "", "ex:a ex:p [] .");
    check(
        "Pattern",
        "sh:pattern '^B' ; sh:flags 'i'",
        "ex:a ex:p 'bob', ex:b2 .".replace(", ex:b2", "").as_str(),
        "ex:a ex:p 'abc' .",
    );
    check("Pattern", "sh:pattern 'example'", "ex:a ex:p ex:b .", "ex:a ex:p [] .");
    check("LanguageIn", "sh:languageIn ('en' 'de')", "ex:a ex:p 'x'@en-GB, 'y'@de .", "ex:a ex:p 'x'@fr .");
    check("LanguageIn", "sh:languageIn ('en')", "", "ex:a ex:p 'x' .");
    check("UniqueLang", "sh:uniqueLang true", "ex:a ex:p 'x'@en, 'x'@de, 'y', 'z' .", "ex:a ex:p 'x'@en, 'y'@EN .");
}

#[test]
fn pairs_of_properties() {
    check("Equals", "sh:equals ex:q", "ex:a ex:p 1 ; ex:q 1 .", "ex:a ex:p 1 .");
    check("Equals", "sh:equals ex:q", "", "ex:a ex:q 1 .");
    check("Disjoint", "sh:disjoint ex:q", "ex:a ex:p 1 ; ex:q 2 .", "ex:a ex:p 1 ; ex:q 1 .");
    check("LessThan", "sh:lessThan ex:q", "ex:a ex:p 1 ; ex:q 2 .", "ex:a ex:p 1 ; ex:q 1 .");
    check("LessThanOrEquals", "sh:lessThanOrEquals ex:q", "ex:a ex:p 1 ; ex:q 1 .", "ex:a ex:p 1 ; ex:q 'x' .");
}

#[test]
fn logic() {
    let (one, two) = ("[ sh:class ex:C ]", "[ sh:class ex:D ]");
    let both = "ex:a ex:p ex:b . ex:b a ex:C, ex:D .";
    let first = "ex:a ex:p ex:b . ex:b a ex:C .";
    let none = "ex:a ex:p ex:b .";
    check("Not", &format!("sh:not {one}"), none, first);
    check("And", &format!("sh:and ({one} {two})"), both, first);
    check("Or", &format!("sh:or ({one} {two})"), first, none);
    check("Xone", &format!("sh:xone ({one} {two})"), first, both);
    check("Xone", &format!("sh:xone ({one} {two})"), first, none);
    check("Node", &format!("sh:node {one}"), first, none);
    check("MinCount", "sh:property [ sh:path ex:q ; sh:minCount 1 ]", "ex:a ex:p ex:b . ex:b ex:q 1 .", none);
}

#[test]
fn qualified_shapes() {
    let one = "sh:qualifiedValueShape [ sh:class ex:C ] ; sh:qualifiedMinCount 1 ; sh:qualifiedMaxCount 1";
    check("QualifiedMinCount", one, "ex:a ex:p ex:b, ex:c . ex:b a ex:C .", "ex:a ex:p ex:c .");
    check("QualifiedMaxCount", one, "ex:a ex:p ex:b . ex:b a ex:C .", "ex:a ex:p ex:b, ex:c . ex:b a ex:C . ex:c a ex:C .");

    let hand = |disjoint: &str| {
        format!(
            "ex:S a sh:NodeShape ; sh:targetNode ex:a ;
               sh:property [ sh:path ex:p ; {disjoint} sh:qualifiedValueShape [ sh:class ex:C ] ; sh:qualifiedMinCount 1 ] ;
               sh:property [ sh:path ex:p ; {disjoint} sh:qualifiedValueShape [ sh:class ex:D ] ; sh:qualifiedMinCount 1 ] ."
        )
    };
    let data = "ex:a ex:p ex:b . ex:b a ex:C, ex:D .";
    assert_eq!(components(&validate(&hand(""), data).unwrap()), Vec::<String>::new());
    let disjoint = validate(&hand("sh:qualifiedValueShapesDisjoint true ;"), data).unwrap();
    assert_eq!(components(&disjoint), ["QualifiedMinCount", "QualifiedMinCount"]);
}

#[test]
fn closed_has_in() {
    let closed = |ignored: &str| {
        format!(
            "ex:S a sh:NodeShape ; sh:targetNode ex:a ; sh:closed true ; {ignored} sh:property [ sh:path ex:p ; sh:minCount 0 ] ."
        )
    };
    let data = "ex:a ex:p 1 ; ex:q 2 .";
    let report = validate(&closed(""), data).unwrap();
    assert_eq!(components(&report), ["Closed"]);
    assert_eq!(report.results[0].path.as_ref().unwrap().to_string(), "<http://example.org/q>");
    assert_eq!(report.results[0].value.as_ref().unwrap().to_string(), "\"2\"^^<http://www.w3.org/2001/XMLSchema#integer>");
    assert!(validate(&closed("sh:ignoredProperties ( ex:q ) ;"), data).unwrap().conforms);
    check("HasValue", "sh:hasValue 1", "ex:a ex:p 1, 2 .", "ex:a ex:p 01 .");
    check("In", "sh:in ( 1 ex:b 'x'@en )", "ex:a ex:p 1, ex:b, 'x'@en .", "ex:a ex:p 'x' .");
    check("In", "sh:in ()", "", "ex:a ex:p 1 .");
}

#[test]
fn paths() {
    let reached = |path: &str, expected: &[&str]| {
        let shape = format!("ex:S a sh:PropertyShape ; sh:targetNode ex:a ; sh:path {path} ; sh:in () .");
        let data = "ex:a ex:p ex:b, ex:c . ex:b ex:q ex:d . ex:c ex:q ex:d . ex:d ex:p ex:a . ex:z ex:p ex:a .";
        let report = validate(&shape, data).unwrap();
        let names: Vec<_> = report.results.iter().map(|r| r.value.as_ref().unwrap().to_string()).collect();
        let names: Vec<_> = names.iter().map(|n| n.trim_start_matches("<http://example.org/").trim_end_matches('>')).collect();
        assert_eq!(names, expected, "{path}");
    };
    reached("ex:p", &["b", "c"]);
    reached("[ sh:inversePath ex:p ]", &["d", "z"]);
    reached("( ex:p ex:q )", &["d"]);
    reached("[ sh:alternativePath ( ex:p [ sh:inversePath ex:p ] ) ]", &["b", "c", "d", "z"]);
    reached("[ sh:zeroOrMorePath [ sh:alternativePath ( ex:p ex:q ) ] ]", &["a", "b", "c", "d"]);
    reached("[ sh:oneOrMorePath ( ex:p ex:q ex:p ) ]", &["a"]);
    reached("[ sh:zeroOrOnePath ex:p ]", &["a", "b", "c"]);
    reached("[ sh:inversePath ( ex:p ex:q ) ]", &[]);
    reached("( ex:p ex:q [ sh:inversePath ( ex:p ex:q ) ] )", &["a"]);
    reached("[ sh:inversePath [ sh:zeroOrMorePath ex:p ] ]", &["a", "d", "z"]);
}

#[test]
fn targets_give_focus_nodes_and_the_report_counts_them() {
    let focus = |target: &str, expected: &[&str]| {
        let shape = format!("ex:S a sh:NodeShape ; {target} ; sh:in () .");
        let data = "ex:a a ex:D ; ex:p ex:b . ex:c a ex:C . ex:D rdfs:subClassOf ex:C .";
        let report = validate(&shape, data).unwrap();
        let names: Vec<_> = report.results.iter().map(|r| r.focus_node.to_string()).collect();
        let expected: Vec<_> = expected.iter().map(|name| format!("<http://example.org/{name}>")).collect();
        assert_eq!(names, expected, "{target}");
        assert_eq!((report.checked(), report.focus_nodes.len()), (expected.len(), 1));
    };
    focus("sh:targetNode ex:unheard", &["unheard"]);
    focus("sh:targetClass ex:C", &["a", "c"]);
    focus("sh:targetSubjectsOf ex:p", &["a"]);
    focus("sh:targetObjectsOf ex:p", &["b"]);
    focus("sh:targetNode ex:a ; sh:targetSubjectsOf ex:p", &["a"]);
    focus("sh:targetClass ex:Nothing", &[]);
}

#[test]
fn a_shape_that_is_a_class_of_rdfs_or_owl_is_for_its_instances() {
    for class in ["rdfs:Class", "owl:Class", "ex:Meta"] {
        let shape =
            format!("ex:Meta rdfs:subClassOf rdfs:Class . ex:C a {class} ; sh:property [ sh:path ex:p ; sh:minCount 1 ] .");
        let report = validate(&shape, "ex:a a ex:C .").unwrap();
        assert_eq!(components(&report), ["MinCount"], "{class}");
    }
}

#[test]
fn severity_messages_and_what_is_switched_off() {
    let report = validate(
        "ex:S a sh:NodeShape ; sh:targetNode ex:a ; sh:class ex:C ; sh:severity sh:Warning ; sh:message 'no'@en, 'nein'@de ;
           sh:property [ sh:path ex:p ; sh:minCount 1 ; sh:deactivated true ] .",
        "",
    )
    .unwrap();
    assert!(!report.conforms && report.violations().count() == 0);
    let messages: Vec<_> = report.results[0].messages.iter().map(ToString::to_string).collect();
    assert_eq!(messages, ["\"nein\"@de", "\"no\"@en"]);
    let off = validate("ex:S a sh:NodeShape ; sh:targetNode ex:a ; sh:class ex:C ; sh:deactivated true .", "").unwrap();
    assert!(off.conforms && off.checked() == 0 && off.focus_nodes[0].deactivated);
}

#[test]
fn a_result_of_node_says_why_in_detail() {
    let report =
        validate("ex:S a sh:NodeShape ; sh:targetNode ex:a ; sh:node ex:T . ex:T a sh:NodeShape ; sh:class ex:C ; sh:nodeKind sh:Literal .", "")
            .unwrap();
    assert_eq!(components(&report), ["Node"]);
    assert_eq!(report.results[0].detail.len(), 2);
    let graph = report.to_graph();
    assert_eq!(graph.triples_for_predicate(oxrdf::NamedNodeRef::new("http://www.w3.org/ns/shacl#detail").unwrap()).count(), 2);
}

#[test]
fn the_report_is_the_same_every_time() {
    let shape = "ex:S a sh:NodeShape ; sh:targetSubjectsOf ex:p ; sh:property [ sh:path ex:p ; sh:class ex:C ; sh:maxCount 1 ] .";
    let forward: String = (0..50).map(|i| format!("ex:n{} ex:p ex:m{i}, ex:m{} .\n", i % 7, i + 1)).collect();
    let backward: String = forward.lines().rev().map(|line| format!("{line}\n")).collect();
    let results = |data: &str| validate(shape, data).unwrap().results.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(results(&forward), results(&backward));
    assert!(results(&forward).len() > 20);
}
