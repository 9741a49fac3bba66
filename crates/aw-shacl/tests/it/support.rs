//! Turtle in, graphs and reports out.

use aw_shacl::{Limits, Report, Shapes, ShapesError, ValidateError};
use oxrdf::Graph;
use oxttl::TurtleParser;

/// Prefixes every text of these tests may use.
pub const PREFIXES: &str = "@prefix sh: <http://www.w3.org/ns/shacl#> . @prefix ex: <http://example.org/> . \
    @prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> . @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> . \
    @prefix owl: <http://www.w3.org/2002/07/owl#> . @prefix xsd: <http://www.w3.org/2001/XMLSchema#> .\n";

/// The graph of a Turtle text with [`PREFIXES`].
pub fn graph(text: &str) -> Graph {
    let text = format!("{PREFIXES}{text}");
    TurtleParser::new().for_slice(&text).collect::<Result<_, _>>().unwrap_or_else(|why| panic!("{why}\n{text}"))
}

/// The shapes of a Turtle text.
pub fn shapes(text: &str) -> Result<Shapes, ShapesError> {
    Shapes::parse(&graph(text), &Limits::default())
}

/// The report on data; both as Turtle.
pub fn validate(shapes_text: &str, data: &str) -> Result<Report, ValidateError> {
    shapes(shapes_text).unwrap_or_else(|why| panic!("{why}")).validate(&graph(data))
}
