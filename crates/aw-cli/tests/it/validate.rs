//! `validate`: recipes, documents of this program and documents of others.

use aw_testkit::{files, shared};
use serde_json::Value;

use crate::support::{Bench, finished};

/// Code, path and line of everything in a list.
fn listed(list: &Value) -> Vec<(String, String, u64)> {
    let one = |it: &Value| {
        (it["code"].as_str().unwrap().to_owned(), it["path"].as_str().unwrap().to_owned(), it["line"].as_u64().unwrap_or(0))
    };
    list.as_array().unwrap().iter().map(one).collect()
}

#[test]
fn what_this_program_reads_and_makes_is_valid() {
    let (bench, _) = finished();
    let ran = bench.run(&["validate", "recipe.yaml", "made/tiny-test.alloy.json", "--json"]).ends(0).json();
    let kinds: Vec<&str> = ran["files"].as_array().unwrap().iter().map(|file| file["kind"].as_str().unwrap()).collect();
    assert_eq!((kinds, &ran["problems"]), (vec!["recipe", "artifact"], &0.into()), "{ran:#}");
    assert_eq!((&ran["files"][1]["name"], &ran["files"][1]["version"]), (&"tiny-test".into(), &"1.2.3".into()));
    assert_eq!(ran["remarks"], 0, "{ran:#}");
    let text = bench.run(&["validate", "made/tiny-test.alloy.json"]).ends(0).out;
    assert!(text.starts_with("VALID") && text.contains("artifact tiny-test 1.2.3: 0 problems, 0 remarks"), "{text}");
}

#[test]
fn every_problem_of_every_file_is_listed_at_its_place() {
    let bench = Bench::new();
    let recipe = bench
        .text("recipe.yaml")
        .replace("version: 1.2.3", "version: 1.2.x")
        .replace("keepExpertsPerLayer", "keepExpertPerLayer");
    bench.write("spoiled.yaml", &recipe);
    bench.write("broken.alloy.json", "{\"name\": \"x\",\n \"source\": }");
    let document = "{\n  \"name\": \"x\",\n  \"version\": \"1.0.0\",\n  \"source\": {\"baseModel\": \"b\", \"architecture\": \"a\"},\n  \
                    \"stages\": [{\"type\": \"prune\", \"strategy\": \"entropy\", \"level\": 0.95}, {\"type\": \"scanned\"}, {\"type\": \"mix\"}],\n  \"_note\": 1\n}\n";
    bench.write("forge-alloy.json", document);
    let ran = bench.run(&["validate", "--json", "spoiled.yaml", "broken.alloy.json", "forge-alloy.json"]).ends(1).json();
    let [recipe, broken, document] = ran["files"].as_array().unwrap().as_slice() else { panic!("{ran:#}") };
    let at = |code: &str, path: &str, line: u64| (code.to_owned(), path.to_owned(), line);
    let found = listed(&recipe["problems"]);
    assert!(found.contains(&at("pattern-mismatch", "version", 2)), "{found:?}");
    assert!(found.iter().any(|it| it.0 == "unknown-field" && it.1 == "stages[1].keepExpertPerLayer"), "{found:?}");
    assert_eq!((listed(&broken["problems"]).len(), &broken["name"]), (1, &Value::Null), "{broken:#}");
    assert_eq!(
        listed(&document["problems"]),
        [
            at("out-of-range", "stages[0].level", 5),
            at("undeclared-domain", "stages[1].type", 5),
            at("unknown-stage", "stages[2].type", 5)
        ]
    );
    assert_eq!(listed(&document["remarks"]), [at("stray-member", "_note", 6)]);
    let text = bench.run(&["validate", "forge-alloy.json"]).ends(1).out;
    for expected in [
        "problem forge-alloy.json:5:",
        "`stages[0].level`",
        "[out-of-range]",
        "remark  forge-alloy.json:6:12: `_note`",
        "INVALID",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let as_recipe = bench.run(&["validate", "--as", "recipe", "forge-alloy.json", "--json"]).ends(1).json();
    assert!(listed(&as_recipe["files"][0]["problems"]).contains(&at("unknown-field", "_note", 6)), "{as_recipe:#}");
    bench.run(&["validate", "nothing.yaml"]).ends(2);
    bench.run(&["validate", "code.jsonl"]).ends(2);
    bench.run(&["validate"]).ends(2);
}

#[test]
fn documents_of_others_are_valid_but_for_the_one_with_invented_hashes() {
    let Some(folder) = shared("alloys") else { return };
    let bench = Bench::new();
    let names: Vec<String> = files(&folder).into_keys().filter(|name| name.ends_with(".alloy.json")).collect();
    let paths: Vec<String> = names.iter().map(|name| folder.join(name).to_string_lossy().into_owned()).collect();
    let arguments = ["validate", "--json"].into_iter().chain(paths.iter().map(String::as_str)).collect::<Vec<_>>();
    let ran = bench.run(&arguments).ends(1).json();
    assert!(names.len() >= 27, "{}", names.len());
    for (name, file) in names.iter().zip(ran["files"].as_array().unwrap()) {
        let expected = if name.ends_with("balanced-executed.alloy.json") { 5 } else { 0 };
        let found = listed(&file["problems"]);
        assert!(found.len() == expected && found.iter().all(|it| it.0 == "malformed-hash"), "{name}: {found:?}");
    }
}
