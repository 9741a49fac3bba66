//! The RDFC-1.0 suite: canonical forms, label maps, and the dataset that must be given up on.

use std::collections::BTreeMap;
use std::path::Path;

use aw_rdf::Dataset;
use aw_rdf::canonical::{Algorithm, CanonicalError, Limits, canonicalize};
use aw_testkit::shared;
use oxttl::NQuadsParser;
use serde_json::Value;

use super::{Outcome, judge};

fn run(folder: &Path, entry: &Value) -> Result<(), String> {
    let file = |member: &str| std::fs::read_to_string(folder.join(entry[member].as_str().unwrap())).unwrap();
    let input = file("action");
    let quads = NQuadsParser::new().for_slice(&input).map(|quad| quad.unwrap());
    let dataset: Dataset = quads.collect();
    let algorithm = match entry["hashAlgorithm"].as_str() {
        Some("SHA384") => Algorithm::Sha384,
        None => Algorithm::Sha256,
        other => panic!("unknown hash {other:?}"),
    };
    let found = canonicalize(&dataset, algorithm, &Limits::default());
    match (entry["type"].as_str().unwrap(), found) {
        ("rdfc:RDFC10EvalTest", Ok(found)) => {
            let expected = file("result");
            if found.nquads == expected { Ok(()) } else { Err(format!("got\n{}expected\n{expected}", found.nquads)) }
        }
        ("rdfc:RDFC10MapTest", Ok(found)) => {
            let expected: BTreeMap<String, String> = serde_json::from_str(&file("result")).unwrap();
            if found.labels == expected { Ok(()) } else { Err(format!("got {:?}, expected {expected:?}", found.labels)) }
        }
        ("rdfc:RDFC10NegativeEvalTest", Err(CanonicalError::Steps { .. })) => Ok(()),
        (kind, found) => Err(format!("{kind}: {:?}", found.map(|it| it.nquads))),
    }
}

#[test]
fn rdf_canon() {
    let Some(folder) = shared("conformance/rdf-canon") else { return };
    let manifest: Value = serde_json::from_slice(&std::fs::read(folder.join("manifest.jsonld")).unwrap()).unwrap();
    let outcomes: Vec<Outcome> = manifest["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| Outcome {
            id: entry["id"].as_str().unwrap().trim_start_matches('#').into(),
            name: entry["name"].as_str().unwrap().into(),
            result: run(&folder, entry),
        })
        .collect();
    judge("rdf-canon", &outcomes);
}
