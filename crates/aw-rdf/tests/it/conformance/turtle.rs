//! The RDF 1.1 suites of Turtle and N-Triples.

use std::path::Path;

use aw_rdf::{Format, Limits, canonical, read};
use aw_testkit::shared;

use super::manifest::{Entry, entries};
use super::{Outcome, judge};

fn run(folder: &Path, base: &str, entry: &Entry, format: Format) -> Result<(), String> {
    let bytes = std::fs::read(folder.join(&entry.action)).unwrap();
    let base = format!("{base}{}", entry.action);
    let found = read(&bytes, format, &Limits::default(), (format == Format::Turtle).then_some(&base));
    let positive = match entry.kind.as_str() {
        "TestTurtlePositiveSyntax" | "TestNTriplesPositiveSyntax" | "TestTurtleEval" => true,
        "TestTurtleNegativeSyntax" | "TestNTriplesNegativeSyntax" | "TestTurtleNegativeEval" => false,
        other => panic!("unknown type of test {other}"),
    };
    let graph = match (found, positive) {
        (Ok(document), true) => document.graph,
        (Err(problems), false) => {
            let place = problems[0].place.map(|it| it.line);
            return place.map(|_| ()).ok_or_else(|| format!("refused without a place: {}", problems[0]));
        }
        (Ok(_), false) => return Err("accepted".into()),
        (Err(problems), true) => return Err(problems[0].to_string()),
    };
    if let Some(result) = &entry.result {
        let bytes = std::fs::read(folder.join(result)).unwrap();
        let expected = read(&bytes, Format::NTriples, &Limits::default(), None).unwrap().graph;
        let form = |graph: &aw_rdf::Triples| canonical::ntriples(graph, &canonical::Limits::default()).unwrap();
        let (got, expected) = (form(&graph), form(&expected));
        if got != expected {
            return Err(format!("got\n{got}expected\n{expected}"));
        }
    }
    Ok(())
}

fn suite(name: &str, format: Format) {
    let Some(folder) = shared(&format!("conformance/{name}")) else { return };
    let base = format!("https://w3c.github.io/rdf-tests/rdf/rdf11/{name}/");
    let outcomes: Vec<Outcome> = entries(&folder)
        .into_iter()
        .map(|entry| Outcome { result: run(&folder, &base, &entry, format), id: entry.id, name: entry.name })
        .collect();
    judge(name, &outcomes);
}

#[test]
fn turtle() {
    suite("rdf-turtle", Format::Turtle);
}

#[test]
fn ntriples() {
    suite("rdf-n-triples", Format::NTriples);
}
