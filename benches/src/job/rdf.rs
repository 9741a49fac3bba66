//! Jobs on RDF: reading Turtle, validating against shapes.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Instant;

use aw_alloy::digest::Digest;
use aw_rdf::oxrdf::{Graph, Term};
use aw_rdf::{Format, Limits, read};
use aw_shacl::{Shapes, ValidationResult};
use serde_json::{Value, json};

/// Reads a Turtle file, as the code generator does.
pub fn read_turtle(file: &Path) -> Result<Value, Box<dyn Error>> {
    let bytes = fs::read(file)?;
    let started = Instant::now();
    let document = read(&bytes, Format::Turtle, &Limits::default(), None).map_err(|problems| problems[0].clone())?;
    let seconds = started.elapsed().as_secs_f64();
    Ok(json!({"seconds": seconds, "triples": document.graph.len()}))
}

/// Validates a document and the model of SPDX against the model's shapes. The results are told as `validate_shapes.py` tells them.
pub fn validate(model: &Path, data: &Path) -> Result<Value, Box<dyn Error>> {
    let graph = |files: &[&Path]| -> Result<Graph, Box<dyn Error>> {
        let mut graph = Graph::new();
        for file in files {
            let document =
                read(&fs::read(file)?, Format::Turtle, &Limits::default(), None).map_err(|problems| problems[0].clone())?;
            graph.extend(&document.graph);
        }
        Ok(graph)
    };
    let (shapes, data) = (graph(&[model])?, graph(&[model, data])?);
    let started = Instant::now();
    let report = Shapes::parse(&shapes, &aw_shacl::Limits::default())?.validate(&data)?;
    let seconds = started.elapsed().as_secs_f64();
    let mut lines: Vec<String> = report.results.iter().map(line).collect();
    lines.sort();
    Ok(json!({"seconds": seconds, "results": lines.len(), "digest": Digest::of(lines.concat().as_bytes()).hex()}))
}

fn line(result: &ValidationResult) -> String {
    let shown = |term: &Term| if let Term::BlankNode(_) = term { "[]".into() } else { term.to_string() };
    let path = result.path.as_ref().map(ToString::to_string).unwrap_or_default();
    let value = result.value.as_ref().map(shown).unwrap_or_default();
    format!("{}\t{path}\t{value}\t{}\t{}\n", shown(&result.focus_node), result.component, result.severity)
}

/// An SPDX document of so many packages, each with a hash and a relationship to the one before; every tenth has no name of the right
/// datatype, no version as a string and a relationship of an unknown type.
pub fn spdx_document(packages: usize) -> String {
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
