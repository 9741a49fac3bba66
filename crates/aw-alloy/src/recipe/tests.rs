#![allow(clippy::unwrap_used)]
use serde_json::{Value, json};

use super::*;

struct Pottery;

impl Vocabulary for Pottery {
    fn domains(&self) -> Vec<String> {
        vec!["glass".into(), "pottery".into()]
    }
    fn default_domains(&self) -> Vec<String> {
        vec!["pottery".into()]
    }
    fn stage_names(&self, domains: &[String]) -> Vec<String> {
        if domains.iter().any(|it| it == "pottery") { vec!["fire".into(), "glaze".into()] } else { Vec::new() }
    }
    fn stage_schema(&self, _: &[String], name: &str) -> StageSchema {
        match name {
            "fire" => StageSchema::Found(json!({"type": "object", "additionalProperties": false, "required": ["degrees"],
                "properties": {"degrees": {"type": "integer", "minimum": 600}, "kiln": {"enum": ["gas", "wood"]}}})),
            "blow" => StageSchema::Undeclared("glass".into()),
            _ => StageSchema::Unknown,
        }
    }
    fn root_members(&self, _: &[String]) -> Vec<(String, Value)> {
        vec![("clays".into(), json!({"type": "array", "items": {"type": "string"}}))]
    }
    fn type_byte(&self, _: &str) -> Option<u8> {
        Some(0xff)
    }
}

const GOOD: &str = "name: bowl\nversion: 1.0.0\nsource: {baseModel: clay, architecture: stoneware, grog: 0.50}\nclays: [red]\nstages:\n  - type: fire\n    degrees: 1240\n    notes: slowly\n";

fn problems(text: &str) -> Vec<String> {
    let problems = Recipe::read(text.as_bytes(), Notation::Yaml, &Pottery).unwrap_err();
    problems
        .iter()
        .map(|it| format!("{} {} {}", it.at.map(|at| at.to_string()).unwrap_or_default(), it.path, it.message))
        .collect()
}

#[test]
fn yaml_and_json_are_the_same_recipe() {
    let yaml = Recipe::read(GOOD.as_bytes(), Notation::Yaml, &Pottery).unwrap();
    let text = json::publish(yaml.node());
    assert!(text.contains("0.50"), "number spelling is kept: {text}");
    let json = Recipe::read(text.as_bytes(), Notation::Json, &Pottery).unwrap();
    assert_eq!(yaml.digest(), json.digest());
    assert_eq!(yaml.id(), json.id());
    assert_eq!(yaml.stages()[0].config, json!({"degrees": 1240}));
    assert_eq!(yaml.stages()[0].notes.as_deref(), Some("slowly"));
    assert_eq!(yaml.place("stages[0].degrees").unwrap().line, 7);
}

#[test]
fn every_problem_at_once_with_its_place() {
    let text = GOOD
        .replace("degrees: 1240", "degrees: 12\n    kilm: wood\n  - type: fier\n  - type: blow")
        .replace("clays: [red]", "clays: [3]\nresults: {}")
        .replace("1.0.0", "one");
    let found = problems(&text);
    for expected in
        ["version", "clays[0]", "`results`", "stages[0].degrees", "`kilm`", "unknown stage type `fier`", "domain `glass`"]
    {
        assert!(found.iter().any(|it| it.contains(expected)), "{expected} in {found:#?}");
    }
    assert!(found.iter().all(|it| it.starts_with("line ")), "{found:#?}");
    let mut sorted = found.clone();
    sorted.sort_by_key(|it| it.split([' ', ',']).nth(1).unwrap().parse::<u32>().unwrap());
    assert_eq!(found, sorted, "problems come in the order of the text");
}

#[test]
fn a_recipe_never_holds_what_a_run_learns() {
    for name in RUN_MEMBERS {
        let found = problems(&format!("{GOOD}{name}: null\n"));
        assert_eq!(found.len(), 1, "{name}: {found:?}");
        assert!(found[0].contains("only a run can know"), "{found:?}");
    }
}

#[test]
fn names_that_would_leave_a_folder_are_refused() {
    for name in ["../x", "a/b", "", ".hidden", "a b"] {
        assert!(!problems(&GOOD.replace("name: bowl", &format!("name: \"{name}\""))).is_empty(), "{name}");
    }
}
