//! Published ontologies: read whole, and the same graph in each format they are published in.

use std::collections::BTreeSet;
use std::path::Path;

use aw_rdf::canonical::{self, graph_digest};
use aw_rdf::{Document, Format, Limits, read};
use aw_testkit::shared;

fn document(path: &Path) -> Document {
    let name = path.file_name().unwrap().to_str().unwrap();
    read(&std::fs::read(path).unwrap(), Format::of_name(name).unwrap(), &Limits::default(), None).unwrap()
}

#[test]
fn each_is_read_written_and_read_again() {
    let Some(folder) = shared("ontologies") else { return };
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
    paths.retain(|it| Format::of_name(it.to_str().unwrap()).is_some() && !it.to_str().unwrap().contains("-context."));
    paths.sort();
    assert!(paths.len() >= 8, "{paths:?}");
    for path in paths {
        let Document { graph, prefixes, remarks } = document(&path);
        let name = path.file_name().unwrap().to_string_lossy();
        eprintln!("{name}: {} triples, {} prefixes, {} remarks", graph.len(), prefixes.len(), remarks.len());
        assert!(graph.len() > 100 && remarks.is_empty(), "{name}: {remarks:?}");
        let work = canonical::Limits::default();
        let lines = canonical::ntriples(&graph, &work).unwrap();
        assert_eq!(lines.lines().count(), graph.len(), "{name}");
        let again = read(lines.as_bytes(), Format::NTriples, &Limits::default(), None).unwrap();
        assert_eq!(graph_digest(&again.graph, &work), graph_digest(&graph, &work), "{name}");
    }
}

#[test]
fn turtle_and_json_ld_of_schema_org_are_one_graph() {
    let Some(folder) = shared("ontologies") else { return };
    let lines = |name: &str| canonical::ntriples(&document(&folder.join(name)).graph, &canonical::Limits::default()).unwrap();
    let (turtle, json) = (lines("schemaorg-30.0.ttl"), lines("schemaorg-30.0.jsonld"));
    let (turtle, json): (BTreeSet<&str>, BTreeSet<&str>) = (turtle.lines().collect(), json.lines().collect());
    assert_eq!(turtle.difference(&json).take(3).collect::<Vec<_>>(), Vec::<&&str>::new(), "only in Turtle");
    assert_eq!(json.difference(&turtle).take(3).collect::<Vec<_>>(), Vec::<&&str>::new(), "only in JSON-LD");
}
