//! How long validation takes: an SPDX document of so many packages against the shapes of SPDX.
//!
//! ```text
//! cargo run --release -p aw-shacl --example validate_speed -- <spdx-3.0.1-model.ttl> 2000 /tmp/large.ttl
//! python xtask/parity/shacl.py time <spdx-3.0.1-model.ttl> /tmp/large.ttl | cut -f 1-5 | sort | diff - <(sort /tmp/large.ttl.tsv)
//! ```
//!
//! Writes the document, validates it together with the model, prints the times, and writes the results beside the document.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "an example")]

use std::fmt::Write as _;
use std::time::Instant;

use aw_shacl::{Limits, Shapes};
use oxrdf::{Graph, Term};
use oxttl::TurtleParser;

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [model, packages, out] = &arguments[..] else {
        panic!("give the model, how many packages, and where to write the document")
    };
    std::fs::write(out, document(packages.parse().unwrap())).unwrap();

    let start = Instant::now();
    let mut shapes = Graph::new();
    read(model, &mut shapes);
    let mut data = shapes.clone();
    read(out, &mut data);
    let parsed = start.elapsed();
    let start = Instant::now();
    let shapes = Shapes::parse(&shapes, &Limits::default()).unwrap();
    let report = shapes.validate(&data).unwrap();
    let validated = start.elapsed();

    let mut lines: Vec<_> = report.results.iter().map(line).collect();
    lines.sort();
    std::fs::write(format!("{out}.tsv"), lines.concat()).unwrap();
    let (results, nodes) = (report.results.len(), report.checked());
    println!("{} triples, {nodes} focus nodes, {results} results: read {parsed:.2?}, validated {validated:.2?}", data.len());
}

fn read(path: &str, graph: &mut Graph) {
    for triple in TurtleParser::new().for_slice(&std::fs::read(path).unwrap()) {
        graph.insert(&triple.unwrap());
    }
}

fn line(result: &aw_shacl::ValidationResult) -> String {
    let shown = |term: &Term| if let Term::BlankNode(_) = term { "[]".into() } else { term.to_string() };
    let path = result.path.as_ref().map(ToString::to_string).unwrap_or_default();
    let value = result.value.as_ref().map(shown).unwrap_or_default();
    format!("{}\t{path}\t{value}\t{}\t{}\n", shown(&result.focus_node), result.component, result.severity)
}

/// Packages, each with a hash and a relationship to the one before; every tenth has no name of the right datatype, no version as a string
/// and a relationship of an unknown type.
fn document(packages: usize) -> String {
    let mut text = String::from(
        "@prefix core: <https://spdx.org/rdf/3.0.1/terms/Core/> . @prefix software: <https://spdx.org/rdf/3.0.1/terms/Software/> .
         @prefix xsd: <http://www.w3.org/2001/XMLSchema#> . @prefix ex: <https://example.org/spdx/> .
         ex:made a core:CreationInfo ; core:specVersion \"3.0.1\" ; core:created \"2026-01-02T03:04:05Z\"^^xsd:dateTimeStamp ; core:createdBy ex:ada .
         ex:ada a core:Person ; core:creationInfo ex:made ; core:name \"Ada\" .\n",
    );
    for at in 0..packages {
        let (name, version, kind) = if at % 10 == 9 { ("1", "2.5", "swallows") } else { ("\"package\"", "\"1.0\"", "dependsOn") };
        let before = at.saturating_sub(1);
        let _ = writeln!(
            text,
            "ex:p{at} a software:Package ; core:creationInfo ex:made ; core:name {name} ; core:suppliedBy ex:ada ;
               core:verifiedUsing ex:h{at} ; software:packageVersion {version} ;
               software:downloadLocation \"https://example.org/{at}\"^^xsd:anyURI .
             ex:h{at} a core:Hash ; core:algorithm <https://spdx.org/rdf/3.0.1/terms/Core/HashAlgorithm/sha256> ; core:hashValue \"{at:x}\" .
             ex:r{at} a core:Relationship ; core:creationInfo ex:made ; core:from ex:p{at} ; core:to ex:p{before} ;
               core:relationshipType <https://spdx.org/rdf/3.0.1/terms/Core/RelationshipType/{kind}> ."
        );
    }
    text
}
