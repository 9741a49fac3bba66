//! SHACL shapes: read within their limits, told the same way twice, and validated against themselves in bounded time.
#![no_main]

use aw_shacl::{Limits, Shapes};
use libfuzzer_sys::fuzz_target;
use oxrdf::Graph;
use oxttl::TurtleParser;

/// What seeds leave out.
const PREFIXES: &[u8] = b"@prefix sh: <http://www.w3.org/ns/shacl#> . @prefix ex: <http://example.org/> . \
    @prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> . @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> . \
    @prefix xsd: <http://www.w3.org/2001/XMLSchema#> .\n";

fuzz_target!(|bytes: &[u8]| {
    let text = [PREFIXES, bytes].concat();
    // What stands before the first mistake is a graph too.
    let graph: Graph = TurtleParser::new().for_slice(&text).map_while(Result::ok).collect();
    let mut limits = Limits::default();
    limits.steps = 200_000;
    limits.results = 10_000;
    let (shapes, again) = (Shapes::parse(&graph, &limits), Shapes::parse(&graph, &limits));
    let shapes = match (shapes, again) {
        (Ok(shapes), Ok(again)) => {
            assert_eq!(shapes.remarks(), again.remarks());
            shapes
        }
        (Err(why), Err(again)) => {
            assert!(!why.problems.is_empty());
            return assert_eq!(why, again);
        }
        _ => panic!("once well-formed, once not"),
    };
    let Ok(report) = shapes.validate(&graph) else { return };
    assert_eq!(report.conforms, report.results.is_empty());
    assert_eq!(report, shapes.validate(&graph).expect("it was validated before"));
    assert_eq!(report.to_graph(), report.to_graph());
});
