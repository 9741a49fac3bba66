//! The constrained forge vocabulary.

use codegen::diagnostic::{Diagnostic, Severity};
use codegen::input::{Format, Ontology, ReadOptions, Vocabulary, read};
use codegen::model::{Cardinality, ModelDigest, Scalar};

use crate::reference;

const PREFIXES: &str = "\
@prefix f: <urn:alloyworks:forge#> .
@prefix g: <http://agentarmy.dev/forge#> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
@prefix ex: <http://example.org/m#> .
";

/// The reference model of the specification; both vocabulary IRIs are in it.
pub const REFERENCE: &str = "\
ex:model a g:Model ; f:version \"1.0.0\" ; g:namespace \"Alloyworks.Reference.Contracts\" ; f:typeOrder (\"User\" \"Document\") .
ex:User a owl:Class ; rdfs:label \"Platform user\" ; f:fieldOrder (\"id\" \"handle\") .
ex:Document a owl:Class ; rdfs:label \"Knowledge document\" ; g:fieldOrder (\"id\" \"title\" \"body\" \"wordCount\" \"createdAt\") .
ex:User__id a owl:DatatypeProperty ; rdfs:domain ex:User ; rdfs:range f:uuid .
ex:handle a owl:DatatypeProperty ; rdfs:domain ex:User ; rdfs:range xsd:string .
ex:User__createdAt a owl:DatatypeProperty ; rdfs:domain ex:User ; rdfs:range xsd:dateTime .
ex:documents a owl:ObjectProperty ; rdfs:domain ex:User ; rdfs:range ex:Document ; f:cardinality \"many\" .
ex:Document__id a owl:DatatypeProperty ; rdfs:domain ex:Document ; rdfs:range g:uuid .
ex:title a owl:DatatypeProperty ; rdfs:domain ex:Document ; rdfs:range xsd:string .
ex:body a owl:DatatypeProperty ; rdfs:domain ex:Document ; rdfs:range xsd:string ; f:optional true .
ex:wordCount a owl:DatatypeProperty ; rdfs:domain ex:Document ; rdfs:range xsd:int .
ex:Document__createdAt a owl:DatatypeProperty ; rdfs:domain ex:Document ; rdfs:range xsd:dateTime .
ex:author a owl:ObjectProperty ; rdfs:domain ex:Document ; rdfs:range ex:User ; g:inverse \"documents\" .
";

const DIGEST: &str = "d761e55d728951e15f61bb9ec19c0e70d636c25da74a842f76144a8447824670";

/// Reads Turtle with the usual prefixes.
pub fn turtle(text: &str, options: &ReadOptions) -> Result<Ontology, Vec<Diagnostic>> {
    read(format!("{PREFIXES}{text}").as_bytes(), Format::Turtle, options)
}

fn forge(text: &str) -> Result<Ontology, Vec<Diagnostic>> {
    turtle(text, &ReadOptions::default())
}

/// A model with the class `A` and what else is given.
fn with(rest: &str) -> String {
    format!("ex:m a f:Model ; f:version \"1.0.0\" ; f:namespace \"N\" .\nex:A a owl:Class .\n{rest}")
}

fn codes(found: &[Diagnostic]) -> Vec<(&str, &str)> {
    found.iter().map(|it| (it.code.as_str(), it.subject.rsplit('#').next().unwrap())).collect()
}

#[track_caller]
fn refused(rest: &str, expected: &[(&str, &str)]) {
    let text = with(rest);
    let found = forge(&text).err().unwrap_or_else(|| panic!("accepted: {text}"));
    let errors: Vec<Diagnostic> = found.iter().filter(|it| it.is_error()).cloned().collect();
    assert_eq!(codes(&errors), expected, "{found:#?}");
}

#[track_caller]
fn warned(rest: &str, expected: &[(&str, &str)]) -> Ontology {
    let ontology = forge(&with(rest)).unwrap();
    assert_eq!(codes(&ontology.diagnostics), expected, "{:#?}", ontology.diagnostics);
    let accounting = ontology.accounting;
    assert_eq!(accounting.accounted(), accounting.triples);
    ontology
}

#[test]
fn the_reference_model_is_read_from_every_format() {
    let ontology = forge(REFERENCE).unwrap();
    assert_eq!(ontology.model, reference::model());
    assert_eq!(ModelDigest::of(&ontology.model).to_string(), DIGEST);
    assert_eq!((ontology.diagnostics.len(), ontology.accounting.reported), (0, 0), "{:?}", ontology.diagnostics);
    let graph =
        aw_rdf::read(format!("{PREFIXES}{REFERENCE}").as_bytes(), aw_rdf::Format::Turtle, &aw_rdf::Limits::default(), None);
    let lines = aw_rdf::canonical::ntriples(&graph.unwrap().graph, &aw_rdf::canonical::Limits::default()).unwrap();
    let again = read(lines.as_bytes(), Format::NTriples, &ReadOptions::default()).unwrap();
    assert_eq!(again.model, ontology.model);
    assert_eq!(again.graph_digest, ontology.graph_digest);
    let domains = &ontology.facts.domains;
    assert!(domains.contains(&("http://example.org/m#title".to_owned(), "http://example.org/m#Document".to_owned())));
    assert_eq!((domains.len(), ontology.facts.types.len(), ontology.facts.properties.len()), (10, 2, 10));
}

/// Equal models have the digest of the specification, whatever syntax they are in.
#[test]
fn json_ld_is_the_same_model() {
    let json = r#"{
      "@context": {
        "f": "http://agentarmy.dev/forge#", "ex": "http://example.org/m#", "owl": "http://www.w3.org/2002/07/owl#",
        "rdfs": "http://www.w3.org/2000/01/rdf-schema#", "xsd": "http://www.w3.org/2001/XMLSchema#", "label": "rdfs:label",
        "domain": {"@id": "rdfs:domain", "@type": "@id"}, "range": {"@id": "rdfs:range", "@type": "@id"},
        "typeOrder": {"@id": "f:typeOrder", "@container": "@list"}, "fieldOrder": {"@id": "f:fieldOrder", "@container": "@list"}
      },
      "@graph": [
        {"@id": "ex:author", "@type": "owl:ObjectProperty", "domain": "ex:Document", "range": "ex:User", "f:inverse": "documents"},
        {"@id": "ex:Document__createdAt", "@type": "owl:DatatypeProperty", "domain": "ex:Document", "range": "xsd:dateTime"},
        {"@id": "ex:wordCount", "@type": "owl:DatatypeProperty", "domain": "ex:Document", "range": "xsd:int"},
        {"@id": "ex:body", "@type": "owl:DatatypeProperty", "domain": "ex:Document", "range": "xsd:string", "f:optional": true},
        {"@id": "ex:title", "@type": "owl:DatatypeProperty", "domain": "ex:Document", "range": "xsd:string"},
        {"@id": "ex:Document__id", "@type": "owl:DatatypeProperty", "domain": "ex:Document", "range": "f:uuid"},
        {"@id": "ex:documents", "@type": "owl:ObjectProperty", "domain": "ex:User", "range": "ex:Document", "f:cardinality": "many"},
        {"@id": "ex:User__createdAt", "@type": "owl:DatatypeProperty", "domain": "ex:User", "range": "xsd:dateTime"},
        {"@id": "ex:handle", "@type": "owl:DatatypeProperty", "domain": "ex:User", "range": "xsd:string"},
        {"@id": "ex:User__id", "@type": "owl:DatatypeProperty", "domain": "ex:User", "range": "f:uuid"},
        {"@id": "ex:Document", "@type": "owl:Class", "label": "Knowledge document",
         "fieldOrder": ["id", "title", "body", "wordCount", "createdAt"]},
        {"@id": "ex:User", "@type": "owl:Class", "label": "Platform user", "fieldOrder": ["id", "handle"]},
        {"@id": "ex:model", "@type": "f:Model", "f:version": "1.0.0", "f:namespace": "Alloyworks.Reference.Contracts",
         "typeOrder": ["User", "Document"]}
      ]
    }"#;
    let ontology = read(json.as_bytes(), Format::JsonLd, &ReadOptions::default()).unwrap();
    assert_eq!(ModelDigest::of(&ontology.model).to_string(), DIGEST);
    assert!(ontology.diagnostics.is_empty());
}

/// The order of statements and the names of blank nodes mean nothing: 20 shuffles give one model and one digest.
#[test]
fn shuffled_statements_are_the_same_model() {
    let graph =
        aw_rdf::read(format!("{PREFIXES}{REFERENCE}").as_bytes(), aw_rdf::Format::Turtle, &aw_rdf::Limits::default(), None);
    let lines = aw_rdf::canonical::ntriples(&graph.unwrap().graph, &aw_rdf::canonical::Limits::default()).unwrap();
    let mut lines: Vec<String> = lines.lines().map(str::to_owned).collect();
    let first = forge(REFERENCE).unwrap();
    let mut state = 1_u64;
    for round in 0..20 {
        for at in (1..lines.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            lines.swap(at, (state >> 33) as usize % (at + 1));
        }
        let renamed = lines.join("\n").replace("_:c14n", &format!("_:z{round}x"));
        let again = read(renamed.as_bytes(), Format::NTriples, &ReadOptions::default()).unwrap();
        assert_eq!(ModelDigest::of(&again.model).to_string(), DIGEST);
        assert_eq!(again.graph_digest, first.graph_digest);
    }
}

/// The built-in shapes refuse these before a model is made.
#[test]
fn the_header_is_one() {
    for (text, told) in [
        ("ex:A a owl:Class .", "exactly one subject of type f:Model"),
        ("ex:m a f:Model ; f:namespace \"N\" .", "exactly one f:version"),
        ("ex:m a f:Model ; f:version \"1.0.0\" .", "exactly one f:namespace"),
        ("ex:m a f:Model ; f:version \"1.0.0\", \"1.1.0\" ; f:namespace \"N\" .", "exactly one f:version"),
        ("ex:m a f:Model ; f:version \"1.0.0\" ; g:version \"1.1.0\" ; f:namespace \"N\" .", "exactly one f:version"),
        ("ex:m a f:Model ; f:version \"1.0.0\" ; f:namespace \"N\" . ex:n a g:Model .", "exactly one subject of type f:Model"),
        ("ex:m a f:Model ; f:version \"1.0\" ; f:namespace \"N\" .", "a semantic version"),
        ("ex:m a f:Model ; f:version 1 ; f:namespace \"N\" .", "a semantic version"),
    ] {
        let found = forge(text).unwrap_err();
        assert!(found.iter().all(|it| it.code == "E-SHAPE" || !it.is_error()), "{text}: {found:#?}");
        assert!(found.iter().any(|it| it.code == "E-SHAPE" && it.message.contains(told)), "{text}: {found:#?}");
    }
}

#[test]
fn properties_have_one_domain_and_one_range() {
    let class = "ex:B a owl:Class .\n";
    let shape = |rest: &str| {
        let found = forge(&with(rest)).unwrap_err();
        assert!(
            found.iter().any(|it| it.code == "E-SHAPE" && it.subject.ends_with("#p") && it.message.starts_with("line ")),
            "{found:#?}"
        );
    };
    shape("ex:p a owl:DatatypeProperty ; rdfs:range xsd:int .");
    shape(&format!("{class}ex:p a owl:DatatypeProperty ; rdfs:domain ex:A, ex:B ; rdfs:range xsd:int ."));
    shape("ex:p a owl:DatatypeProperty ; rdfs:domain ex:C ; rdfs:range xsd:int .");
    shape("ex:p a owl:DatatypeProperty ; rdfs:domain ex:A .");
    shape("ex:p a owl:DatatypeProperty ; rdfs:domain ex:A ; rdfs:range xsd:int, xsd:long .");
    shape("ex:p a owl:ObjectProperty ; rdfs:domain ex:A .");
    shape("ex:p a owl:ObjectProperty ; rdfs:domain ex:A ; rdfs:range ex:C .");
    shape("ex:p a owl:ObjectProperty ; rdfs:domain ex:A ; rdfs:range [] .");
    shape("ex:p a owl:ObjectProperty ; rdfs:domain ex:A ; rdfs:range ex:A ; f:cardinality \"some\" .");
    shape("ex:p a owl:ObjectProperty ; rdfs:domain ex:A ; rdfs:range ex:A ; f:inverse \"a\" ; g:inverse \"b\" .");
    refused("ex:p a owl:DatatypeProperty ; rdfs:domain ex:A ; rdfs:range xsd:duration .", &[("E-RANGE-UNKNOWN", "p")]);
    let both = "ex:p a owl:ObjectProperty, owl:DatatypeProperty ; rdfs:domain ex:A ; rdfs:range ex:A .";
    refused(both, &[("E-RANGE-UNKNOWN", "p"), ("E-TERM", "p")]);
}

#[test]
fn the_callers_shapes_are_applied_too() {
    let with_shapes = |shapes: &str| {
        let bytes = format!("{PREFIXES}@prefix sh: <http://www.w3.org/ns/shacl#> .\n{shapes}").into_bytes();
        let document = codegen::input::Document { name: "own.ttl".to_owned(), bytes, format: Format::Turtle };
        turtle(&with(""), &ReadOptions { shapes: vec![document], ..ReadOptions::default() })
    };
    let shape = |severity: &str| {
        format!(
            "ex:S a sh:NodeShape ; sh:targetClass owl:Class ; sh:property \
             [ sh:path rdfs:label ; sh:minCount 1 ; sh:severity sh:{severity} ; sh:message \"name it\" ] ."
        )
    };
    let found = with_shapes(&shape("Violation")).unwrap_err();
    assert_eq!((found[0].code.as_str(), found[0].subject.as_str()), ("E-SHAPE", "http://example.org/m#A"));
    assert!(found[0].message.contains("name it"), "{found:?}");
    assert_eq!(with_shapes(&shape("Warning")).unwrap().diagnostics[0].code, "W-SHAPE");
    assert_eq!(with_shapes(&shape("Info")).unwrap().diagnostics[0].code, "I-SHAPE");
    assert_eq!(with_shapes("ex:S a sh:NodeShape .").unwrap_err()[0].code, "E-SHAPE-NO-TARGETS");
    let odd = "ex:S a sh:NodeShape ; sh:targetClass owl:Class ; sh:shrugs 3 .";
    assert_eq!(with_shapes(odd).unwrap_err()[0].code, "E-SHAPE-UNSUPPORTED");
    let nothing = "ex:S a sh:NodeShape ; sh:targetClass ex:Nothing ; sh:closed false .";
    assert_eq!(with_shapes(nothing).unwrap().diagnostics[0].code, "W-SHAPE-VACUOUS");
    assert_eq!(with_shapes("ex:S a").unwrap_err()[0].code, "E-RDF-SYNTAX");
}

#[test]
fn ranges_that_lose_something_are_told() {
    for (range, scalar, lossy) in [
        ("xsd:integer", Scalar::Int, true),
        ("xsd:decimal", Scalar::Float, true),
        ("xsd:date", Scalar::Datetime, true),
        ("xsd:double", Scalar::Float, false),
        ("g:json", Scalar::Json, false),
        ("xsd:long", Scalar::Long, false),
    ] {
        let text = format!("ex:p a owl:DatatypeProperty ; rdfs:domain ex:A ; rdfs:range {range} .");
        let expected: &[_] = if lossy { &[("W-RANGE-LOSSY", "p")] } else { &[] };
        let ontology = warned(&text, expected);
        assert_eq!(ontology.model.types[0].fields[0].range, codegen::model::Range::Scalar(scalar));
    }
    let mut options = ReadOptions::default();
    options.lossy_ranges.insert("http://example.org/m#odd".to_owned(), Scalar::String);
    let ontology = turtle(&with("ex:p a owl:DatatypeProperty ; rdfs:domain ex:A ; rdfs:range ex:odd ."), &options).unwrap();
    assert_eq!(ontology.lossy_ranges, ["http://example.org/m#odd=string"]);
}

#[test]
fn names_and_prefixes() {
    let field = |name: &str| format!("ex:{name} a owl:DatatypeProperty ; rdfs:domain ex:A ; rdfs:range xsd:int .\n");
    assert_eq!(warned(&field("A__p"), &[]).model.types[0].fields[0].name, "p");
    refused(&field("B__p"), &[("E-NAME-PREFIX", "B__p")]);
    refused(&(field("A__p") + &field("p")), &[("E-NAME-COLLISION", "p")]);
    refused(&(field("a_b") + &field("aB")), &[("E-NAME-COLLISION", "A.a_b")]);
    refused("ex:B__C a owl:Class .", &[("E-NAME-TYPE", "B__C")]);
    refused("<http://other.org/A> a owl:Class .", &[("E-NAME-COLLISION", "http://other.org/A")]);
    refused("<http://other.org/a%2F..%2Fb> a owl:Class .", &[("E-NAME-TYPE", "a%2F..%2Fb")]);
}

#[test]
fn values_of_terms_are_checked() {
    let field = |rest: &str| format!("ex:p a owl:DatatypeProperty ; rdfs:domain ex:A ; rdfs:range xsd:int ; {rest} .");
    refused(&field("f:optional \"false\""), &[("E-TERM", "p")]);
    refused(&field("f:optional true, false"), &[("E-TERM", "p")]);
    refused(&field("f:optional true ; f:list true"), &[("E-FIELD-LIST-OPTIONAL", "A.p")]);
    refused(&field("f:default \"x\""), &[("E-DEFAULT", "A.p")]);
    refused(&field("f:cardinality \"many\""), &[("E-TERM", "p")]);
    refused("ex:A f:optional true .", &[("E-TERM", "A")]);
    let ontology = warned(&field("f:default 7 ; f:renamedFrom \"q\""), &[]);
    assert_eq!(ontology.model.types[0].fields[0].default.as_deref(), Some("7"));
    assert_eq!(ontology.renames.members[&("A".to_owned(), "p".to_owned())], "q");
    let relation =
        "ex:A f:renamedFrom \"Old\" . ex:p a owl:ObjectProperty ; rdfs:domain ex:A ; rdfs:range ex:A ; f:inverse ex:A__p .";
    let ontology = warned(relation, &[]);
    let made = &ontology.model.types[0].relations[0];
    assert_eq!((made.cardinality, made.inverse.as_deref()), (Cardinality::One, Some("p")));
    assert_eq!(ontology.renames.types["A"], "Old");
}

#[test]
fn orders_are_proper_lists_of_what_is_there() {
    let fields = "ex:a a owl:DatatypeProperty ; rdfs:domain ex:A ; rdfs:range xsd:int . \
                  ex:b a owl:DatatypeProperty ; rdfs:domain ex:A ; rdfs:range xsd:int . \
                  ex:c a owl:DatatypeProperty ; rdfs:domain ex:A ; rdfs:range xsd:int .\n";
    let ontology = warned(&format!("{fields}ex:A f:fieldOrder (\"c\") ."), &[]);
    let names: Vec<&str> = ontology.model.types[0].fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(names, ["c", "a", "b"]);
    refused("ex:A f:fieldOrder (\"c\") .", &[("E-ORDER", "A")]);
    refused(&format!("{fields}ex:A f:fieldOrder (\"c\" \"c\") ."), &[("E-ORDER", "A")]);
    refused(&format!("{fields}ex:A f:fieldOrder \"c\" ."), &[("E-LIST", "A")]);
    refused(&format!("{fields}ex:A f:fieldOrder (ex:c) ."), &[("E-LIST", "A")]);
    refused(&format!("{fields}ex:A f:fieldOrder (\"a\"), (\"b\") ."), &[("E-SHAPE", "A")]);
    let rdf = "@prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> .\n";
    for list in [
        "ex:A f:fieldOrder _:l . _:l rdf:first \"a\" ; rdf:rest _:l .",
        "ex:A f:fieldOrder _:l . _:l rdf:first \"a\" ; rdf:rest _:k . _:k rdf:first \"b\" ; rdf:rest _:l .",
        "ex:A f:fieldOrder _:l . _:l rdf:first \"a\" .",
        "ex:A f:fieldOrder _:l . _:l rdf:first \"a\", \"b\" ; rdf:rest () .",
        "ex:A f:fieldOrder _:l ; f:relationOrder _:l . _:l rdf:first \"a\" ; rdf:rest () .",
    ] {
        let found = forge(&format!("{rdf}{}", with(&format!("{fields}{list}")))).unwrap_err();
        assert!(found.iter().any(|it| it.code == "E-LIST"), "{list}: {found:#?}");
    }
}

#[test]
fn states_and_annotations() {
    let text = "ex:A f:stateProperty \"s\" ; f:states (\"new\" \"done\") ; f:owner \"team\" ; rdfs:comment \"c\" ; \
                rdfs:label \"B\"@de, \"C\"@en, \"A\"@fr . ex:s a owl:DatatypeProperty ; rdfs:domain ex:A ; rdfs:range xsd:string .";
    let ontology = warned(text, &[("W-TEXT-DROPPED", "A")]);
    let made = &ontology.model.types[0];
    assert_eq!((made.states.as_slice(), made.state_property.as_deref()), (&["new".to_owned(), "done".to_owned()][..], Some("s")));
    assert_eq!((&*made.annotations["label"], &*made.annotations["owner"], &*made.annotations["comment"]), ("C", "team", "c"));
    assert_eq!(ontology.accounting.reported, 2);
    let label = |text: &str| warned(text, &[("W-TEXT-DROPPED", "A")]).model.types[0].annotations["label"].clone();
    assert_eq!(label("ex:A rdfs:label \"z\", \"a\"@en ."), "z");
    assert_eq!(label("ex:A rdfs:label \"z\"@nl, \"a\"@pt ."), "z");
}

#[test]
fn everything_else_is_told_and_strict_refuses_it() {
    let text = "ex:A rdfs:subClassOf [ a owl:Restriction ; owl:onProperty ex:p ; owl:someValuesFrom ex:A ] ; rdfs:seeAlso ex:x . \
                ex:ind a ex:A ; rdfs:label \"x\" . ex:P a f:Process .";
    let ontology = warned(
        text,
        &[("W-CONSTRAINT", "A"), ("W-CONSTRAINT", "A"), ("W-IGNORED", "A"), ("W-IGNORED", "P"), ("W-IGNORED", "ind")],
    );
    assert!(ontology.diagnostics[2].message.contains("3 statements"), "{:#?}", ontology.diagnostics);
    assert_eq!(ontology.accounting.reported, 8);
    let strict = ReadOptions { strict: true, ..ReadOptions::default() };
    let found = turtle(&with(text), &strict).unwrap_err();
    assert!(found.iter().all(|it| it.code.starts_with("W-") && it.severity == Severity::Error));
}

#[test]
fn the_vocabulary_is_chosen_where_it_can_be_told() {
    let auto = ReadOptions { vocabulary: Vocabulary::Auto, ..ReadOptions::default() };
    let ontology = turtle(&with(""), &auto).unwrap();
    assert!(ontology.diagnostics[0].message.contains("forge vocabulary"));
    let found = turtle("ex:A a owl:Class ; f:fieldOrder () .", &auto).unwrap_err();
    assert_eq!(found[0].code, "E-VOCABULARY-AMBIGUOUS");
    let given = ReadOptions { version: Some("1.0.0".into()), namespace: Some("N".into()), ..auto };
    let ontology = turtle("ex:A a owl:Class ; rdfs:label \"A\" .", &given).unwrap();
    assert_eq!(ontology.diagnostics[0].code, "I-VOCABULARY");
    assert_eq!(ontology.model.types[0].name, "A");
}

#[test]
fn faults_of_syntax_have_places() {
    let found = forge("ex:A a owl:Class").unwrap_err();
    assert_eq!(found[0].code, "E-RDF-SYNTAX");
    assert!(found[0].subject.starts_with("line "), "{found:?}");
    let found = forge(&with("ex:p a owl:DatatypeProperty ; rdfs:domain ex:A ; rdfs:range ex:q .")).unwrap_err();
    assert!(found[0].message.starts_with("line 9: "), "{found:?}");
}

#[test]
fn poisoned_graphs_end_soon() {
    use std::fmt::Write as _;
    let mut text = with("");
    // A complete graph of blank nodes that cannot be told apart.
    for a in 0..40 {
        for b in 0..40 {
            writeln!(text, "_:n{a} ex:p _:n{b} .").unwrap();
        }
    }
    let options = ReadOptions::default();
    let found = turtle(&text, &options).unwrap_err();
    assert_eq!(found[0].code, "E-GRAPH-POISONED");
    let mut options = ReadOptions::default();
    options.limits.rdf.triples = 1000;
    let found = turtle(&text, &options).unwrap_err();
    assert_eq!(found[0].code, "E-RDF-SYNTAX");
}
