//! Ontologies as they are found.

use codegen::diagnostic::Diagnostic;
use codegen::input::{Document, Format, Ontology, ReadOptions, Vocabulary, read};
use codegen::model::{Cardinality, Field, ModelDigest, ObjectType, Range, Relation, Scalar};

use crate::forge::turtle;

fn options() -> ReadOptions {
    let (version, namespace) = (Some("1.0.0".to_owned()), Some("Found".to_owned()));
    ReadOptions { vocabulary: Vocabulary::Ontology, version, namespace, ..ReadOptions::default() }
}

const MORE: &str = "\
@prefix sh: <http://www.w3.org/ns/shacl#> .
@prefix schema: <https://schema.org/> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> .
";

fn found(text: &str) -> Result<Ontology, Vec<Diagnostic>> {
    turtle(&format!("{MORE}{text}"), &options())
}

#[track_caller]
fn ontology(text: &str) -> Ontology {
    let ontology = found(text).unwrap_or_else(|found| panic!("{found:#?}"));
    assert_eq!(ontology.accounting.accounted(), ontology.accounting.triples);
    ontology
}

fn object<'o>(ontology: &'o Ontology, name: &str) -> &'o ObjectType {
    ontology.model.object_type(name).unwrap_or_else(|| panic!("no type {name} in {:#?}", ontology.model))
}

fn field<'o>(ontology: &'o Ontology, of: &str, name: &str) -> &'o Field {
    object(ontology, of)
        .fields
        .iter()
        .find(|it| it.name == name)
        .unwrap_or_else(|| panic!("no {name}: {:#?}", object(ontology, of)))
}

fn relation<'o>(ontology: &'o Ontology, of: &str, name: &str) -> &'o Relation {
    object(ontology, of)
        .relations
        .iter()
        .find(|it| it.name == name)
        .unwrap_or_else(|| panic!("no {name}: {:#?}", object(ontology, of)))
}

fn has(ontology: &Ontology, code: &str, subject: &str) -> bool {
    ontology.diagnostics.iter().any(|it| it.code == code && it.subject.ends_with(subject))
}

#[track_caller]
fn refused(text: &str, code: &str, told: &str) {
    let found = found(text).err().unwrap_or_else(|| panic!("accepted: {text}"));
    assert!(found.iter().any(|it| it.code == code && it.message.contains(told)), "{found:#?}");
}

#[test]
fn classes_properties_and_superclasses() {
    let ontology = ontology(
        "ex:Animal a rdfs:Class ; rdfs:label \"Animal\" .
         ex:Dog a owl:Class ; rdfs:subClassOf ex:Animal, ex:Animal ; rdfs:comment \"Barks.\" .
         ex:Cat a owl:Class ; rdfs:subClassOf ex:Animal, <http://other.org/Thing> .
         ex:name a rdf:Property ; rdfs:domain ex:Animal ; rdfs:range xsd:string .
         ex:age a owl:DatatypeProperty, owl:FunctionalProperty ; rdfs:domain ex:Animal ; rdfs:range xsd:int .
         ex:chases a owl:ObjectProperty ; schema:domainIncludes ex:Dog, ex:Cat ; schema:rangeIncludes ex:Cat, ex:Dog .
         ex:tag a rdf:Property ; rdfs:domain [ a owl:Class ; owl:unionOf (ex:Dog ex:Cat) ] ; rdfs:range xsd:string, ex:Cat .",
    );
    assert_eq!(object(&ontology, "Dog").extends, ["Animal"]);
    assert_eq!(object(&ontology, "Dog").annotations["comment"], "Barks.");
    assert!(has(&ontology, "W-SUPERCLASS-LOST", "Cat"));
    assert!(field(&ontology, "Animal", "name").list);
    let age = field(&ontology, "Animal", "age");
    assert_eq!((age.list, age.optional, &age.range), (false, true, &Range::Scalar(Scalar::Int)));
    let chases = relation(&ontology, "Cat", "chases");
    assert_eq!((chases.targets.as_slice(), chases.cardinality), (&["Cat".to_owned(), "Dog".to_owned()][..], Cardinality::Many));
    assert_eq!(
        field(&ontology, "Dog", "tag").range,
        Range::OneOf(vec![Range::Scalar(Scalar::String), Range::Type("Cat".into())])
    );
    assert_eq!(ontology.facts.superclasses.len(), 3);
    assert_eq!(ontology.facts.domains.len(), 6);
    assert_eq!(ontology.facts.ranges.len(), 6);
}

#[test]
fn restrictions_are_members() {
    let ontology = ontology(
        "ex:Record a owl:Class ; rdfs:label \"r\" ; rdfs:subClassOf
           [ a owl:Restriction ; owl:onProperty ex:topic ; owl:allValuesFrom ex:Topic ],
           [ a owl:Restriction ; owl:onProperty ex:topic ; owl:cardinality \"1\"^^xsd:nonNegativeInteger ],
           [ a owl:Restriction ; owl:onProperty ex:note ; owl:someValuesFrom xsd:string ],
           [ a owl:Restriction ; owl:onProperty ex:code ; owl:onDataRange xsd:string ; owl:qualifiedCardinality 1 ; owl:maxCardinality 1 ],
           [ a owl:Restriction ; owl:onProperty ex:odd ; owl:hasValue 3 ] .
         ex:Both a owl:Class ; rdfs:label \"b\" ; owl:equivalentClass [ a owl:Class ; owl:intersectionOf (
           ex:Record [ a owl:Restriction ; owl:onProperty ex:size ; owl:allValuesFrom xsd:long ] ) ] .
         ex:Topic a owl:Class ; rdfs:label \"t\" .",
    );
    let topic = relation(&ontology, "Record", "topic");
    assert_eq!((topic.targets.as_slice(), topic.cardinality), (&["Topic".to_owned()][..], Cardinality::One));
    assert_eq!(
        (field(&ontology, "Record", "note").list, &field(&ontology, "Record", "note").range),
        (true, &Range::Scalar(Scalar::String))
    );
    let code = field(&ontology, "Record", "code");
    assert_eq!((code.list, code.optional), (false, false));
    assert_eq!(object(&ontology, "Both").extends, ["Record"]);
    assert_eq!(field(&ontology, "Both", "size").range, Range::Scalar(Scalar::Long));
    assert!(has(&ontology, "W-IGNORED", "Record"));
    assert!(object(&ontology, "Record").fields.iter().all(|it| it.name != "odd"));
    refused(
        "ex:A a owl:Class ; rdfs:label \"a\" ; rdfs:subClassOf [ owl:onProperty ex:p ; owl:minCardinality \"many\" ] .",
        "E-CARDINALITY-VALUE",
        "`many`",
    );
}

#[test]
fn shapes_are_members() {
    let ontology = ontology(
        "ex:PersonShape a sh:NodeShape ; sh:targetClass ex:Person ;
           sh:property [ sh:path ex:name ; sh:datatype xsd:string ; sh:minCount 1 ; sh:maxCount 1 ; sh:nodeKind sh:Literal ],
             [ sh:path ex:email ; sh:nodeKind sh:IRI ],
             [ sh:path ex:colour ; sh:in (\"red\" \"blue\") ; sh:maxCount 1 ],
             [ sh:path ex:id ; sh:or ([ sh:datatype xsd:string ] [ sh:datatype xsd:integer ]) ; sh:maxCount 1 ],
             [ sh:path ex:home ; sh:node ex:AddressShape ; sh:maxCount 1 ],
             [ sh:path [ sh:inversePath ex:name ] ; sh:minCount 1 ],
             [ sh:path ex:gone ; sh:deactivated true ; sh:datatype xsd:string ] .
         ex:AddressShape a sh:NodeShape ; sh:targetClass ex:Address ; sh:property [ sh:path ex:street ; sh:datatype xsd:string ] .",
    );
    let name = field(&ontology, "Person", "name");
    assert_eq!((name.optional, name.list), (false, false));
    assert_eq!(field(&ontology, "Person", "email").range, Range::Scalar(Scalar::String));
    assert_eq!(field(&ontology, "Person", "colour").range, Range::Enumeration("PersonColour".into()));
    assert_eq!(ontology.model.enumerations[0].values, ["red", "blue"]);
    let id = field(&ontology, "Person", "id");
    assert_eq!(id.range, Range::OneOf(vec![Range::Scalar(Scalar::String), Range::Scalar(Scalar::Int)]));
    assert_eq!(relation(&ontology, "Person", "home").targets, ["Address"]);
    assert!(has(&ontology, "W-RANGE-LOSSY", "id"));
    assert!(object(&ontology, "Person").fields.iter().all(|it| it.name != "gone"));
    assert!(has(&ontology, "W-IGNORED", "PersonShape"));
}

#[test]
fn what_constrains_data_and_is_lost_is_named_with_its_place() {
    let text = "ex:A a owl:Class ; rdfs:label \"a\" ; owl:disjointWith ex:B ; owl:hasKey (ex:p) ;
            rdfs:subClassOf [ a owl:Restriction ; owl:onProperty ex:p ; owl:hasValue \"x\" ] ,
                [ a owl:Restriction ; owl:onProperty ex:q ; owl:maxQualifiedCardinality 2 ; owl:onClass ex:B ] ,
                [ owl:complementOf ex:B ] .
         ex:B a owl:Class ; rdfs:label \"b\" ; rdfs:seeAlso <http://elsewhere/> .
         ex:p a owl:DatatypeProperty ; rdfs:domain ex:A ; rdfs:range xsd:string ; rdfs:subPropertyOf ex:q .
         ex:q a owl:ObjectProperty, owl:TransitiveProperty ; rdfs:domain ex:A ; rdfs:range ex:B ; owl:propertyChainAxiom (ex:q ex:q) .
         ex:S a sh:NodeShape ; sh:targetClass ex:A ; sh:closed true ;
             sh:property [ sh:path ex:p ; sh:pattern \"^a\\u202E+$\" ; sh:minLength 2 ; sh:maxCount 7 ; sh:name \"p\" ] .";
    let ontology = ontology(text);
    let told: Vec<(&str, &str)> = ontology
        .diagnostics
        .iter()
        .filter(|it| it.code == "W-CONSTRAINT")
        .map(|it| (it.subject.rsplit('#').next().unwrap(), it.message.split(" has no counterpart").next().unwrap()))
        .collect();
    let expected = [
        ("A", "of ex:p, owl:hasValue `x`"),
        ("A", "of ex:q, owl:maxQualifiedCardinality `2`"),
        ("A", "owl:complementOf ex:B"),
        ("A", "owl:disjointWith ex:B"),
        ("A", "owl:hasKey an expression"),
        ("S", "of ex:p, sh:maxCount `7`"),
        ("S", "of ex:p, sh:minLength `2`"),
        ("S", "of ex:p, sh:pattern `^a\\u{202e}+$`"),
        ("S", "sh:closed `true`"),
        ("p", "rdfs:subPropertyOf ex:q"),
        ("q", "owl:propertyChainAxiom an expression"),
        ("q", "rdf:type owl:TransitiveProperty"),
    ];
    for (subject, what) in expected {
        let words = what.split(' ').map(|word| match word.strip_prefix("ex:").map(|name| (name, name.trim_end_matches(','))) {
            Some((name, bare)) => format!("<http://example.org/m#{bare}>{}", &name[bare.len()..]),
            None => word.to_owned(),
        });
        let what = words.collect::<Vec<_>>().join(" ");
        let found = told.iter().any(|(about, said)| *about == subject && said.starts_with("line ") && said.ends_with(&what));
        assert!(found, "{subject}: {what}\n{told:#?}");
    }
    assert!(has(&ontology, "W-IGNORED", "#B") && has(&ontology, "W-IGNORED", "#S"), "seeAlso and sh:name constrain nothing");
    let strict = ReadOptions { strict: true, ..options() };
    assert!(turtle(&format!("{MORE}{text}"), &strict).unwrap_err().iter().any(|it| it.code == "W-CONSTRAINT" && it.is_error()));
}

#[test]
fn enumerations_of_every_kind() {
    let ontology = ontology(
        "ex:Size a owl:Class ; rdfs:label \"s\" ; owl:oneOf (ex:small ex:large) .
         ex:Mood a owl:Class ; rdfs:label \"m\" ; owl:equivalentClass [ a owl:Class ; owl:oneOf (ex:happy ex:sad) ] .
         ex:Flavour a owl:Class ; rdfs:label \"f\" . ex:sweet a ex:Flavour, owl:NamedIndividual . ex:sour a ex:Flavour, owl:NamedIndividual .
         schema:Enumeration a rdfs:Class ; rdfs:label \"e\" . ex:Status a rdfs:Class ; rdfs:subClassOf schema:Enumeration .
         ex:Sub a rdfs:Class ; rdfs:subClassOf ex:Status . ex:on a ex:Status . ex:off a ex:Sub .
         ex:Thing a owl:Class ; rdfs:label \"t\" . ex:it a ex:Thing, owl:NamedIndividual .
         ex:size a owl:ObjectProperty ; rdfs:domain ex:Thing ; rdfs:range ex:Size .
         ex:state a owl:ObjectProperty ; rdfs:domain ex:Thing ; rdfs:range ex:Status, ex:Thing .",
    );
    let values: Vec<(&str, Vec<&str>)> =
        ontology.model.enumerations.iter().map(|it| (it.name.as_str(), it.values.iter().map(String::as_str).collect())).collect();
    let expected = [
        ("Flavour", vec!["sour", "sweet"]),
        ("Mood", vec!["happy", "sad"]),
        ("Size", vec!["small", "large"]),
        ("Status", vec!["off", "on"]),
        ("Sub", vec!["off"]),
    ];
    assert_eq!(values, expected);
    assert_eq!(field(&ontology, "Thing", "size").range, Range::Enumeration("Size".into()));
    assert_eq!(
        field(&ontology, "Thing", "state").range,
        Range::OneOf(vec![Range::Enumeration("Status".into()), Range::Type("Thing".into())])
    );
    assert!(has(&ontology, "W-SUPERCLASS-LOST", "Status"));
    assert!(has(&ontology, "W-IGNORED", "it"), "an individual of a type with members is data");
}

#[test]
fn datatypes() {
    let ontology = ontology(
        "ex:A a owl:Class ; rdfs:label \"a\" .
         ex:Code a rdfs:Datatype ; owl:onDatatype xsd:string .
         ex:p a owl:DatatypeProperty ; rdfs:domain ex:A ; rdfs:range ex:Code .
         ex:q a owl:DatatypeProperty ; rdfs:domain ex:A ; rdfs:range rdfs:Literal .
         ex:r a owl:DatatypeProperty ; rdfs:domain ex:A .
         ex:s a owl:ObjectProperty ; rdfs:domain ex:A ; rdfs:range <http://other.org/Agent> .
         ex:t a rdf:Property ; rdfs:domain ex:A ; rdfs:range schema:Date, schema:DateTime .",
    );
    let range = |name: &str| field(&ontology, "A", name).range.clone();
    assert_eq!(range("p"), Range::Scalar(Scalar::String));
    assert_eq!(range("q"), Range::Scalar(Scalar::Json));
    assert_eq!(range("r"), Range::Scalar(Scalar::Json));
    assert_eq!(range("s"), Range::Scalar(Scalar::String));
    assert_eq!(range("t"), Range::Scalar(Scalar::Datetime));
    for (code, subject) in
        [("W-RANGE-LOSSY", "#p"), ("W-RANGE-LOSSY", "#q"), ("W-RANGE-ABSENT", "#r"), ("W-RANGE-EXTERNAL", "#s")]
    {
        assert!(has(&ontology, code, subject), "{code} {subject}: {:#?}", ontology.diagnostics);
    }
    let unknown = "ex:A a owl:Class ; rdfs:label \"a\" . ex:p a owl:DatatypeProperty ; rdfs:domain ex:A ; rdfs:range ex:Odd .";
    refused(unknown, "E-RANGE-UNKNOWN", "`http://example.org/m#Odd=string`");
}

#[test]
fn members_are_inherited_once() {
    let ontology = ontology(
        "ex:A a owl:Class ; rdfs:label \"a\" . ex:B a owl:Class ; rdfs:subClassOf ex:A .
         ex:p a owl:ObjectProperty ; rdfs:domain ex:A, ex:B ; rdfs:range ex:A .
         ex:q a owl:DatatypeProperty ; rdfs:domain ex:A ; rdfs:range xsd:string .
         ex:B rdfs:subClassOf [ a owl:Restriction ; owl:onProperty ex:q ; owl:maxCardinality 1 ] .",
    );
    assert!(object(&ontology, "B").relations.is_empty() && object(&ontology, "B").fields.is_empty());
    assert!(has(&ontology, "W-NARROWED", "#q"));
    refused(
        "ex:A a owl:Class ; rdfs:label \"a\" . ex:B a owl:Class ; rdfs:subClassOf ex:A .
         ex:p a owl:DatatypeProperty ; rdfs:domain ex:A ; rdfs:range xsd:string .
         <http://example.org/n#p> a owl:DatatypeProperty ; rdfs:domain ex:B ; rdfs:range xsd:string .",
        "E-NAME-COLLISION",
        "<http://example.org/m#p>",
    );
}

#[test]
fn inverses_are_kept_where_they_hold() {
    let text = "ex:A a owl:Class ; rdfs:label \"a\" . ex:B a owl:Class ; rdfs:label \"b\" .
         ex:bs a owl:ObjectProperty ; rdfs:domain ex:A ; rdfs:range ex:B ; owl:inverseOf ex:as .
         ex:as a owl:ObjectProperty ; rdfs:domain ex:B ; rdfs:range ex:A .\n";
    let both = ontology(text);
    assert_eq!(relation(&both, "A", "bs").inverse.as_deref(), Some("as"));
    assert_eq!(relation(&both, "B", "as").inverse.as_deref(), Some("bs"));
    let partial =
        ontology(&format!("{text}ex:C a owl:Class ; rdfs:label \"c\" . ex:bs rdfs:range ex:C . ex:as rdfs:range ex:C ."));
    assert_eq!(relation(&partial, "A", "bs").inverse, None);
}

#[test]
fn names_that_cannot_be_are_changed_and_never_numbered() {
    let text = "<http://example.org/m/3DModel> a owl:Class ; rdfs:label \"3\" . ex:person a owl:Class ; rdfs:label \"p\" .
                <http://example.org/m/2d> a rdf:Property ; rdfs:domain ex:person ; rdfs:range xsd:string .\n";
    let changed = ontology(text);
    assert_eq!(object(&changed, "N3DModel").annotations["label"], "3");
    assert_eq!(field(&changed, "Person", "n2d").range, Range::Scalar(Scalar::String));
    assert!(has(&changed, "W-RENAMED", "3DModel") && has(&changed, "W-RENAMED", "2d"));
    refused(&format!("{text}ex:Person a owl:Class ; rdfs:label \"q\" ."), "E-NAME-COLLISION", "<http://example.org/m#Person>");
    let mut named = options();
    named.names.insert("http://example.org/m#person".to_owned(), "Human".to_owned());
    let both = format!("{MORE}{text}ex:Person a owl:Class ; rdfs:label \"q\" .");
    assert!(turtle(&both, &named).unwrap().model.object_type("Human").is_some());
    refused("<http://example.org/m/> a owl:Class ; rdfs:label \"x\" .", "E-NAME-TYPE", "ends in nothing");
}

#[test]
fn superclasses_that_lead_back_are_refused_with_their_places() {
    let text = "ex:A a owl:Class ; rdfs:subClassOf ex:B . ex:B a owl:Class ; rdfs:subClassOf ex:A .";
    refused(text, "E-SUBCLASS-CYCLE", "`A` extends `B` extends `A`");
    refused(text, "E-SUBCLASS-CYCLE", "<http://example.org/m#A>");
    let own = ontology("ex:A a owl:Class ; rdfs:subClassOf ex:A ; rdfs:label \"a\" .");
    assert!(object(&own, "A").extends.is_empty());
}

#[test]
fn version_and_namespace_come_from_the_ontology_or_the_caller() {
    let plain = ReadOptions { vocabulary: Vocabulary::Ontology, ..ReadOptions::default() };
    let found = turtle("ex:A a owl:Class ; rdfs:label \"a\" .", &plain).unwrap_err();
    let codes: Vec<&str> = found.iter().map(|it| it.code.as_str()).collect();
    assert_eq!(codes, ["E-NAMESPACE-MISSING", "E-VERSION-MISSING"]);
    let header = "@prefix vann: <http://purl.org/vocab/vann/> .
        ex:o a owl:Ontology ; owl:versionInfo \"3\" ; vann:preferredNamespacePrefix \"cat\" ; owl:imports <http://other.org/> .
        ex:A a owl:Class ; rdfs:label \"a\" .";
    let ontology = turtle(header, &plain).unwrap();
    assert_eq!((ontology.model.version.as_str(), ontology.model.namespace.as_str()), ("3.0.0", "Cat"));
    assert!(has(&ontology, "W-IMPORT-NOT-READ", "#o") && has(&ontology, "I-VERSION", "document"));
}

#[test]
fn deprecated_terms_stay_and_are_told() {
    let ontology = ontology(
        "ex:A a owl:Class ; owl:deprecated true ; schema:supersededBy ex:B . ex:B a owl:Class ; rdfs:label \"b\" .
         ex:p a rdf:Property ; rdfs:domain ex:A ; rdfs:range xsd:string ; schema:supersededBy ex:q .",
    );
    assert_eq!(object(&ontology, "A").annotations["deprecated"], "true");
    assert_eq!(object(&ontology, "A").annotations["supersededBy"], "B");
    assert!(has(&ontology, "W-DEPRECATED", "#p"));
}

#[test]
fn hostile_ontologies_end_soon() {
    use std::fmt::Write as _;
    // Domains and ranges that multiply.
    let mut text = String::from("ex:C a owl:Class ; rdfs:label \"c\" .\n");
    for at in 0..600 {
        writeln!(text, "ex:C{at} a owl:Class . ex:p{at} a rdf:Property .").unwrap();
    }
    for property in 0..60 {
        for class in 0..600 {
            writeln!(text, "ex:p{property} rdfs:domain ex:C{class} ; rdfs:range ex:C{class} .").unwrap();
        }
    }
    refused(&text, "E-MODEL-SIZE", "multiply");
    let lists = "ex:A a owl:Class ; rdfs:label \"a\" . ex:p a rdf:Property ; rdfs:domain [ owl:unionOf _:l ] .
        _:l rdf:first ex:A ; rdf:rest _:l .";
    refused(lists, "E-LIST", "more than once");
    let nested = format!(
        "ex:A a owl:Class ; rdfs:label \"a\" . ex:p a rdf:Property ; rdfs:domain ex:A ; rdfs:range {}ex:A{} .",
        "[ owl:unionOf (".repeat(30),
        ") ]".repeat(30)
    );
    assert!(has(&ontology(&nested), "W-RANGE-ABSENT", "#p"));
}

/// Where the real ontologies lie; a test without them says so.
fn shared(name: &str) -> Option<Vec<u8>> {
    Some(std::fs::read(aw_testkit::shared("ontologies")?.join(name)).unwrap())
}

#[allow(clippy::print_stdout, reason = "what became of a real ontology is told")]
fn real(name: &str, format: Format, options: &ReadOptions) -> Option<Ontology> {
    let ontology = read(&shared(name)?, format, options).unwrap_or_else(|found| {
        let errors: Vec<&Diagnostic> = found.iter().filter(|it| it.is_error()).take(20).collect();
        panic!("{name}: {errors:#?}")
    });
    let told = ontology.accounting;
    assert_eq!(told.accounted(), told.triples, "{name}");
    println!(
        "{name}: {} triples, {} mapped, {} reported; {} types, {} enumerations, {} members, {} diagnostics",
        told.triples,
        told.mapped,
        told.reported,
        ontology.model.types.len(),
        ontology.model.enumerations.len(),
        ontology.model.types.iter().map(|it| it.fields.len() + it.relations.len()).sum::<usize>(),
        ontology.diagnostics.len(),
    );
    Some(ontology)
}

fn named(version: &str, namespace: &str) -> ReadOptions {
    ReadOptions { version: Some(version.to_owned()), namespace: Some(namespace.to_owned()), ..options() }
}

#[test]
fn schema_org() {
    let Some(ontology) = real("schemaorg-30.0.ttl", Format::Turtle, &named("30.0.0", "Schema.Org")) else { return };
    assert_eq!(ontology.accounting.triples, 17_949);
    // 933 classes of its own, of which 18 are datatypes or below one.
    let (types, enumerations) = (ontology.model.types.len(), ontology.model.enumerations.len());
    assert_eq!(types + enumerations, 933 - 18, "types {types}, enumerations {enumerations}");
    assert!(ontology.model.object_type("N3DModel").is_some());
    assert_eq!(relation(&ontology, "CreativeWork", "author").targets, ["Organization", "Person"]);
    let days = ontology.model.enumerations.iter().find(|it| it.name == "DayOfWeek").unwrap();
    assert_eq!((days.values.len(), days.values[0].as_str()), (8, "Friday"));
    assert_eq!(object(&ontology, "Person").extends, ["Thing"]);
    assert!(field(&ontology, "Thing", "name").list);
}

#[test]
fn spdx() {
    let Some(ontology) = real("spdx-3.0.1-model.ttl", Format::Turtle, &named("3.0.1", "Spdx")) else { return };
    assert_eq!(ontology.accounting.triples, 3_569);
    assert_eq!((ontology.model.types.len(), ontology.model.enumerations.len()), (67, 23));
    let created = field(&ontology, "CreationInfo", "created");
    assert_eq!((created.optional, created.list, &created.range), (false, false, &Range::Scalar(Scalar::Datetime)));
    assert_eq!(relation(&ontology, "Element", "creationInfo").cardinality, Cardinality::One);
    assert_eq!(field(&ontology, "Relationship", "relationshipType").range, Range::Enumeration("RelationshipType".into()));
    assert_eq!(object(&ontology, "AIPackage").extends, ["Package"]);
}

#[test]
fn dcat() {
    let own = ReadOptions { vocabulary: Vocabulary::Auto, ..ReadOptions::default() };
    let Some(ontology) = real("dcat3.ttl", Format::Turtle, &own) else { return };
    assert_eq!((ontology.model.version.as_str(), ontology.model.namespace.as_str()), ("3.0.0", "Dcat"));
    assert_eq!(relation(&ontology, "CatalogRecord", "primaryTopic").cardinality, Cardinality::One);
    assert_eq!(object(&ontology, "Catalog").extends, ["Dataset"]);
}

#[test]
fn sosa() {
    let Some(bytes) = shared("sosa-observation.ttl") else { return };
    let imports = vec![Document { name: "sosa-observation.ttl".to_owned(), bytes, format: Format::Turtle }];
    let both = ReadOptions { imports, ..named("1.0.0", "Sosa") };
    let ontology = real("sosa-common.ttl", Format::Turtle, &both).unwrap();
    assert!(relation(&ontology, "Observation", "hasFeatureOfInterest").targets.contains(&"FeatureOfInterest".to_owned()));
    assert_eq!(ontology.model.types.len(), 14);
    // A blank node of one document is none of the other's: 369 and 258 triples, of which 50 are in both.
    assert_eq!(ontology.accounting.triples, 577);
}

/// The same ontology from another syntax is the same model.
#[test]
fn syntax_does_not_matter() {
    let options = named("30.0.0", "Schema.Org");
    let Some(turtle) = real("schemaorg-30.0.ttl", Format::Turtle, &options) else { return };
    let json = real("schemaorg-30.0.jsonld", Format::JsonLd, &options).unwrap();
    assert_eq!(ModelDigest::of(&turtle.model), ModelDigest::of(&json.model));
}
