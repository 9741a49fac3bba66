//! SPDX 3.0.1, whose shapes are classes of OWL, against what pySHACL reports (`xtask/parity/shacl.py` writes the goldens anew).

use std::path::Path;

use aw_shacl::{Limits, Shapes};
use oxrdf::{Graph, NamedNodeRef, NamedOrBlankNodeRef, Term};
use oxttl::TurtleParser;

/// What this crate reports and pySHACL does not: rdflib knows no wrong forms of `xsd:dateTimeStamp`, which needs an offset
/// (XML Schema 1.1, part 2, section 3.4.28).
const MORE_THAN_PYSHACL: [&str; 1] = ["<https://example.org/spdx/contains>\t<https://spdx.org/rdf/3.0.1/terms/Core/startTime>\t\
     \"2026-01-02T03:04:05\"^^<http://www.w3.org/2001/XMLSchema#dateTimeStamp>\t\
     <http://www.w3.org/ns/shacl#DatatypeConstraintComponent>\t<http://www.w3.org/ns/shacl#Violation>\t\
     <https://spdx.org/rdf/3.0.1/terms/Core/Relationship>"];

fn read(path: &Path, graph: &mut Graph) {
    for triple in TurtleParser::new().for_slice(&std::fs::read(path).unwrap()) {
        graph.insert(&triple.unwrap());
    }
}

#[test]
fn the_violations_are_those_of_pyshacl() {
    let Some(ontologies) = aw_testkit::shared("ontologies") else { return };
    let model = ontologies.join("spdx-3.0.1-model.ttl");
    let mut graph = Graph::new();
    read(&model, &mut graph);
    let shapes = Shapes::parse(&graph, &Limits::default()).unwrap_or_else(|why| panic!("{why}"));
    for name in ["valid", "faulty"] {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/spdx");
        let mut data = graph.clone();
        read(&golden.join(name).with_extension("ttl"), &mut data);
        let report = shapes.validate(&data).unwrap();
        assert!(report.checked() > 10, "{name}: {} focus nodes", report.checked());
        let mut found: Vec<_> = report.results.iter().map(|result| line(result, &graph)).collect();
        found.sort();
        let text = std::fs::read_to_string(golden.join(name).with_extension("tsv")).unwrap();
        let mut expected: Vec<_> = text.lines().map(str::to_owned).collect();
        if name == "faulty" {
            expected.extend(MORE_THAN_PYSHACL.map(str::to_owned));
        }
        expected.sort();
        assert_eq!(found, expected, "{name}");
        assert_eq!(report.conforms, name == "valid");
        eprintln!("SPDX {name}: {} results, {} focus nodes", found.len(), report.checked());
    }
}

/// The line that `xtask/parity/shacl.py` writes for a result.
fn line(result: &aw_shacl::ValidationResult, shapes: &Graph) -> String {
    let shown = |term: &Term| if let Term::BlankNode(_) = term { "[]".into() } else { term.to_string() };
    let path = result.path.as_ref().map(ToString::to_string).unwrap_or_default();
    let value = result.value.as_ref().map(shown).unwrap_or_default();
    let property = NamedNodeRef::new_unchecked("http://www.w3.org/ns/shacl#property");
    let owner = match &result.source_shape {
        Term::BlankNode(_) => match shapes.subject_for_predicate_object(property, result.source_shape.as_ref()) {
            Some(NamedOrBlankNodeRef::NamedNode(owner)) => owner.to_string(),
            other => panic!("{other:?}"),
        },
        other => other.to_string(),
    };
    let component = result.component.to_string();
    let mut columns = vec![shown(&result.focus_node), path, value, component, result.severity.to_string(), owner];
    columns.extend(result.messages.iter().map(ToString::to_string));
    columns.join("\t")
}
