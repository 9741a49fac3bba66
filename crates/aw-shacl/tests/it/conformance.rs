//! The W3C's SHACL test suite: every test of its manifests, the report compared as a graph.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use aw_shacl::{Limits, Shapes};
use oxrdf::graph::CanonicalizationAlgorithm;
use oxrdf::vocab::rdf;
use oxrdf::{Graph, NamedNode, NamedNodeRef, NamedOrBlankNodeRef, Term, TermRef, Triple};
use oxttl::TurtleParser;

const BASE: &str = "http://suite.test/";
const MF: &str = "http://www.w3.org/2001/sw/DataAccess/tests/test-manifest#";
const SHT: &str = "http://www.w3.org/ns/shacl-test#";
const SH: &str = "http://www.w3.org/ns/shacl#";

/// Tests that are expected to fail, with the reason. Who makes one of them pass removes it here.
const EXPECTED_FAILURES: [(&str, &str); 0] = [];

#[test]
fn every_core_test_of_the_suite() {
    run("core/manifest.ttl", 98);
}

#[cfg(feature = "sparql")]
#[test]
fn every_sparql_test_of_the_suite() {
    run("sparql/manifest.ttl", 22);
}

fn run(manifest: &str, tests: usize) {
    let Some(root) = aw_testkit::shared("conformance/shacl") else { return };
    let mut outcomes = BTreeMap::new();
    collect(&root, manifest, &mut outcomes);
    assert_eq!(outcomes.len(), tests, "tests in the suite");
    let passed = outcomes.values().filter(|outcome| outcome.is_ok()).count();
    eprintln!("SHACL {manifest}: {passed} of {} pass", outcomes.len());
    let mut wrong = Vec::new();
    for (name, outcome) in &outcomes {
        let expected = EXPECTED_FAILURES.iter().find(|(expected, _)| expected == name);
        match (outcome, expected) {
            (Err(_), Some((_, reason))) => eprintln!("fails as expected: {name}: {reason}"),
            (Err(why), None) => wrong.push(format!("{name} fails: {why}")),
            (Ok(()), Some(_)) => wrong.push(format!("{name} passes although it is expected to fail")),
            (Ok(()), None) => (),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn mf(local: &str) -> NamedNode {
    NamedNode::new_unchecked(format!("{MF}{local}"))
}

fn sht(local: &str) -> NamedNode {
    NamedNode::new_unchecked(format!("{SHT}{local}"))
}

fn sh(local: &str) -> NamedNode {
    NamedNode::new_unchecked(format!("{SH}{local}"))
}

/// The graph of a file; relative IRIs become `BASE` and the file's place in the suite.
fn load(root: &Path, name: &str) -> Graph {
    let text = std::fs::read(root.join(name)).unwrap_or_else(|why| panic!("{name}: {why}"));
    let parser = TurtleParser::new().with_base_iri(format!("{BASE}{name}")).unwrap();
    parser.for_slice(&text).collect::<Result<_, _>>().unwrap_or_else(|why| panic!("{name}: {why}"))
}

fn only<'g>(graph: &'g Graph, subject: TermRef<'_>, predicate: &NamedNode) -> TermRef<'g> {
    let found: Vec<_> = graph.objects_for_subject_predicate(subject_of(subject), predicate).collect();
    assert_eq!(found.len(), 1, "{subject} {predicate}");
    found[0]
}

fn subject_of(term: TermRef<'_>) -> NamedOrBlankNodeRef<'_> {
    match term {
        TermRef::NamedNode(node) => node.into(),
        TermRef::BlankNode(node) => node.into(),
        other => panic!("{other} is no subject"),
    }
}

fn file(iri: TermRef<'_>) -> String {
    let TermRef::NamedNode(iri) = iri else { panic!("{iri} is no file") };
    iri.as_str().strip_prefix(BASE).unwrap().to_owned()
}

fn collect(root: &PathBuf, name: &str, outcomes: &mut BTreeMap<String, Result<(), String>>) {
    let graph = load(root, name);
    for included in graph.triples_for_predicate(&mf("include")) {
        collect(root, &file(included.object), outcomes);
    }
    for entries in graph.triples_for_predicate(&mf("entries")) {
        let mut at = entries.object;
        while at != TermRef::from(rdf::NIL) {
            let test = only(&graph, at, &rdf::FIRST.into_owned());
            outcomes.insert(file(test), outcome(root, &graph, test));
            at = only(&graph, at, &rdf::REST.into_owned());
        }
    }
}

fn outcome(root: &Path, graph: &Graph, test: TermRef<'_>) -> Result<(), String> {
    let action = only(graph, test, &mf("action"));
    let result = only(graph, test, &mf("result"));
    // The graph of the test itself is not parsed again, so that its blank nodes are the same in shapes, data and expected report.
    let this = file(test);
    let this = this.rsplit_once('/').unwrap().0.to_owned();
    let read = |what: &str| {
        let name = file(only(graph, action, &sht(what)));
        let is_this = graph.contains(oxrdf::TripleRef::new(
            NamedNodeRef::new_unchecked(&format!("{BASE}{name}")),
            rdf::TYPE,
            &mf("Manifest"),
        ));
        assert!(name.starts_with(&this));
        if is_this { graph.clone() } else { load(root, &name) }
    };
    let (data, shapes) = (read("dataGraph"), read("shapesGraph"));
    let report = Shapes::parse(&shapes, &Limits::default())
        .map_err(|why| why.to_string())
        .and_then(|shapes| shapes.validate(&data).map_err(|why| why.to_string()));
    let report = match (result == TermRef::from(sht("Failure").as_ref()), report) {
        (true, Err(_)) => return Ok(()),
        (true, Ok(_)) => return Err("a failure is expected, and there was none".into()),
        (false, report) => report?,
    };
    let expected = comparable(graph, result, true);
    let messages = expected.triples_for_predicate(&sh("resultMessage")).next().is_some();
    let produced = report.to_graph();
    let node = produced.subject_for_predicate_object(rdf::TYPE, &sh("ValidationReport")).unwrap();
    let produced = comparable(&produced, node.into(), messages);
    if expected == produced {
        return Ok(());
    }
    let lines = |graph: &Graph| {
        let mut lines: Vec<_> = graph.iter().map(|t| format!("  {t}")).collect();
        lines.sort();
        lines.join("\n")
    };
    Err(format!("expected\n{}\nfound\n{}", lines(&expected), lines(&produced)))
}

/// What the suite compares of a report: its results with the predicates of section 3.6, messages only where some are expected.
/// Blank nodes of data and shapes become IRIs, so that they have to be the same ones; the rest is made canonical.
fn comparable(graph: &Graph, report: TermRef<'_>, messages: bool) -> Graph {
    let mut compared = Graph::new();
    let mut insert = |s: TermRef<'_>, p: NamedNodeRef<'_>, o: Term| {
        compared.insert(&Triple::new(subject_of(s).into_owned(), p.into_owned(), o));
    };
    let report = subject_of(report);
    insert(report.into(), sh("conforms").as_ref(), only(graph, report.into(), &sh("conforms")).into_owned());
    let same = ["focusNode", "value", "sourceShape", "sourceConstraint", "sourceConstraintComponent", "resultSeverity"].map(sh);
    for result in graph.objects_for_subject_predicate(report, &sh("result")) {
        insert(report.into(), sh("result").as_ref(), result.into_owned());
        for triple in graph.triples_for_subject(subject_of(result)) {
            let predicate = triple.predicate.into_owned();
            if same.contains(&predicate) {
                let object = match triple.object {
                    TermRef::BlankNode(node) => NamedNode::new_unchecked(format!("urn:blank:{}", node.as_str())).into(),
                    other => other.into_owned(),
                };
                insert(result, triple.predicate, object);
            } else if predicate == rdf::TYPE || (messages && predicate == sh("resultMessage")) {
                insert(result, triple.predicate, triple.object.into_owned());
            } else if predicate == sh("resultPath") {
                insert(result, triple.predicate, triple.object.into_owned());
                let mut left = vec![triple.object];
                let mut seen = HashSet::new();
                while let Some(at) = left.pop().filter(|at| seen.insert(*at)) {
                    if let TermRef::BlankNode(_) = at {
                        for triple in graph.triples_for_subject(subject_of(at)) {
                            insert(at, triple.predicate, triple.object.into_owned());
                            left.push(triple.object);
                        }
                    }
                }
            }
        }
    }
    compared.canonicalize(CanonicalizationAlgorithm::Unstable);
    compared
}
