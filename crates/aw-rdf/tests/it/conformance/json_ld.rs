//! The JSON-LD 1.1 suite, to RDF.

use std::path::Path;

use aw_rdf::canonical::{Limits as Work, nquads};
use aw_rdf::{Dataset, Fault, Format, Limits, read_dataset};
use aw_testkit::shared;
use oxttl::NQuadsParser;
use serde_json::Value;

use super::{Outcome, judge};

fn run(folder: &Path, entry: &Value) -> Result<(), String> {
    let input = entry["input"].as_str().unwrap();
    // One input is named by the folder of another suite, which has the same file.
    let bytes = std::fs::read(folder.join(input.replace("expand/", "toRdf/"))).unwrap();
    let base =
        entry["option"]["base"].as_str().map_or_else(|| format!("https://w3c.github.io/json-ld-api/tests/{input}"), Into::into);
    let found = read_dataset(&bytes, Format::JsonLd, &Limits::default(), Some(&base));
    let kinds: Vec<&str> = entry["@type"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    let found = match found {
        Ok(_) if kinds.contains(&"jld:NegativeEvaluationTest") => return Err("accepted".into()),
        Err(problems) if kinds.contains(&"jld:NegativeEvaluationTest") => {
            let expected = entry["expectErrorCode"].as_str().unwrap();
            return match &problems[0].fault {
                Fault::JsonLd { code, .. } if *code == expected && problems[0].place.is_some() => Ok(()),
                _ => Err(format!("{}; expected {expected}", problems[0])),
            };
        }
        Ok(found) => found,
        Err(problems) => return Err(problems[0].to_string()),
    };
    if kinds.contains(&"jld:PositiveSyntaxTest") {
        return Ok(());
    }
    assert!(kinds.contains(&"jld:PositiveEvaluationTest"), "unknown type of test {kinds:?}");
    let expected = std::fs::read_to_string(folder.join(entry["expect"].as_str().unwrap())).unwrap();
    // Test results with blank nodes as properties are no N-Quads.
    let expected: Result<Dataset, _> = NQuadsParser::new().lenient().for_slice(&expected).collect();
    let expected = expected.map_err(|error| error.to_string())?;
    let form = |dataset| nquads(dataset, &Work::default()).unwrap();
    let (got, expected) = (form(&found), form(&expected));
    if got == expected { Ok(()) } else { Err(format!("got\n{got}expected\n{expected}")) }
}

#[test]
fn json_ld() {
    let Some(folder) = shared("conformance/json-ld") else { return };
    let manifest: Value = serde_json::from_slice(&std::fs::read(folder.join("toRdf-manifest.jsonld")).unwrap()).unwrap();
    let outcomes: Vec<Outcome> = manifest["sequence"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| Outcome {
            id: entry["@id"].as_str().unwrap().trim_start_matches('#').into(),
            name: entry["name"].as_str().unwrap().into(),
            result: run(&folder, entry),
        })
        .collect();
    judge("json-ld", &outcomes);
}
