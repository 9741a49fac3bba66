//! What `--json` writes, held against the published schemas by a validator that is not ours.

use std::path::Path;

use jsonschema::Validator;
use serde_json::Value;

use crate::support::{Bench, finished};

fn published() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/commands.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn schema(command: &str, part: &str) -> Validator {
    let published = published();
    let command = published["commands"].as_array().unwrap().iter().find(|it| it["name"] == command).unwrap();
    jsonschema::validator_for(&command[part]).unwrap()
}

#[track_caller]
fn valid(validator: &Validator, document: &Value) {
    let errors: Vec<String> =
        validator.iter_errors(document).map(|error| format!("{} at {}", error, error.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{document:#}");
}

#[test]
fn every_command_answers_as_its_schema_says() {
    let (bench, _) = finished();
    bench.write("other.alloy.json", r#"{"name": "x", "source": {"baseModel": "m"}}"#);
    let cases: &[(&str, &[&str])] = &[
        ("forge/plan", &["plan", "recipe.yaml"]),
        ("forge/verify", &["verify", "made"]),
        ("forge/show", &["show", "made"]),
        ("forge/show", &["show", "made", "--card"]),
        ("forge/show", &["show", "recipe.yaml"]),
        ("forge/show", &["show", "other.alloy.json"]),
        ("store/gc", &["gc", "--dry-run"]),
        ("node/doctor", &["doctor"]),
    ];
    for (name, arguments) in cases {
        let ran = bench.run(&[arguments, &["--json"][..]].concat()).ends(0);
        let document = ran.json();
        valid(&schema(name, "result"), &document);
        // A schema that accepts everything would prove nothing.
        assert!(!schema(name, "result").is_valid(&serde_json::json!({})), "{name}");
        assert_eq!(ran.err, "", "{name}");
    }
}

#[test]
fn a_run_tells_events_and_ends_with_its_result() {
    let bench = Bench::new();
    let ran = bench.run(&["run", "recipe.yaml", "--out", "made", "--json"]).ends(0);
    let events = ran.events();
    let validator = schema("forge/run", "events");
    events.iter().for_each(|event| valid(&validator, event));
    assert!(!validator.is_valid(&serde_json::json!({"event": "sealed"})));
    let names: Vec<&str> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(names[0], "planned");
    let finished: Vec<&str> =
        names.iter().copied().filter(|name| ["stage-finished", "sealed", "placed", "result"].contains(name)).collect();
    assert_eq!(finished, ["stage-finished", "stage-finished", "stage-finished", "stage-finished", "sealed", "placed", "result"]);
    let last = events.last().unwrap();
    valid(&schema("forge/run", "result"), last);
    assert_eq!(last["output"], events[events.len() - 3]["output"], "the result's root is the sealed one");
    let values = &last["benchmarks"][0]["values"];
    assert!(
        ["base", "forged", "by chance"].iter().all(|name| values[name].as_f64().is_some_and(|value| value > 1.0)),
        "{values}"
    );
    assert_eq!(ran.err, "");
}

#[test]
fn an_error_is_a_document_too() {
    let bench = Bench::new();
    bench.write("broken.yaml", "name: x\nversions: 1\n");
    let error = jsonschema::validator_for(&published()["error"]).unwrap();
    let planned = bench.run(&["plan", "broken.yaml", "--json"]).ends(3).json();
    valid(&error, &planned["error"]);
    assert_eq!((&planned["error"]["code"], &planned["error"]["exitCode"]), (&"recipe-refused".into(), &3.into()));
    assert!(
        planned["error"]["problems"]
            .as_array()
            .unwrap()
            .iter()
            .any(|it| it["place"]["line"] == 2 && it["place"]["file"] == "broken.yaml")
    );
    let events = bench.run(&["run", "broken.yaml", "--json"]).ends(3).events();
    assert_eq!((events.len(), &events[0]["event"]), (1, &"error".into()));
    valid(&schema("forge/run", "events"), &events[0]);
}

#[test]
fn parameter_schemas_accept_what_the_flags_make() {
    let accept = |name: &str, text: &str| schema(name, "parameters").is_valid(&serde_json::from_str(text).unwrap());
    assert!(accept("forge/run", r#"{"recipe": "r.yaml", "threads": 2, "memoryLimit": "8GB"}"#));
    assert!(
        !accept("forge/run", r#"{"recipe": "r.yaml", "thread": 2}"#)
            && !accept("forge/run", r#"{"recipe": "r.yaml", "threads": 0}"#)
    );
}
