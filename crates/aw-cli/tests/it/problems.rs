//! What is wrong with a recipe: all of it, each at its place, with what would be right.

use crate::support::Bench;

#[test]
fn every_problem_is_told_at_its_place_with_a_remedy() {
    let bench = Bench::new();
    let text = bench
        .text("recipe.yaml")
        .replace("version: 1.2.3", "version: 1.2.3\nreciept: yes")
        .replace("strategy: calibration-aware-activation-count", "strategy: calibration-aware-activation")
        .replace("keepExpertsPerLayer: 8", "keepExpertPerLayer: 8")
        .replace("type: package", "type: pakage");
    bench.write("broken.yaml", &text);
    let ran = bench.run(&["plan", "broken.yaml"]).ends(3);
    let line = |needle: &str| 1 + text.lines().position(|line| line.contains(needle)).unwrap();
    let column = |needle: &str| 1 + text.lines().find_map(|line| line.find(needle)).unwrap();
    for (needle, expected) in [
        ("reciept", "unknown field `reciept`"),
        ("keepExpertPerLayer", "unknown field `keepExpertPerLayer`"),
        ("pakage", "unknown stage type `pakage`"),
    ] {
        let place = format!("broken.yaml:{}:{}: ", line(needle), column(needle));
        let found = ran.err.lines().find(|text| text.contains(expected)).unwrap_or_else(|| panic!("{expected}: {}", ran.err));
        assert!(found.starts_with(&place), "expected {place}, found {found}");
    }
    for hint in ["`keepExpertsPerLayer`", "`package`", "`calibration-aware-activation-count`"] {
        assert!(ran.err.lines().any(|text| text.starts_with("  hint: ") && text.contains(hint)), "{hint}: {}", ran.err);
    }
    assert!(ran.err.contains("error: the recipe is refused for 4 problems"), "{}", ran.err);
    assert_eq!(ran.out, "");
}

#[test]
fn text_that_is_no_yaml_says_where_it_stops() {
    let bench = Bench::new();
    bench.write("broken.yaml", "name: x\nversion: [1\n");
    let ran = bench.run(&["plan", "broken.yaml"]).ends(3);
    assert!(ran.err.starts_with("broken.yaml:"), "{}", ran.err);
    bench.write("twice.json", r#"{"name": "x", "name": "y"}"#);
    let ran = bench.run(&["plan", "twice.json"]).ends(3);
    assert!(ran.err.contains("twice.json:1:15: ") && ran.err.contains("`name` appears twice"), "{}", ran.err);
}

#[test]
fn what_a_recipe_points_to_is_looked_at_before_any_work() {
    let bench = Bench::new();
    let recipe = bench.text("recipe.yaml");
    let cases: &[(&str, String, &str)] = &[
        ("a digest that is none", recipe.replace("sha256: ", "sha256: 00"), "sha256"),
        ("an absent corpus", recipe.replace("path: code.jsonl", "path: cod.jsonl"), "cod.jsonl` cannot be read"),
        ("an absent model", recipe.replace("baseModel: model", "baseModel: nowhere"), "nowhere"),
        ("too few experts", recipe.replace("keepExpertsPerLayer: 8", "keepExpertsPerLayer: 1"), "stages[1]"),
        ("another family", recipe.replace("olmoe", "mixtral"), "source"),
    ];
    for (what, text, expected) in cases {
        bench.write("case.yaml", text);
        let planned = bench.run(&["plan", "case.yaml"]).ends(3);
        let ran = bench.run(&["run", "case.yaml", "--out", "made"]).ends(3);
        assert!(planned.err.contains("case.yaml:"), "{what}: {}", planned.err);
        assert!(planned.err.contains(expected), "{what}: {}", planned.err);
        assert_eq!(planned.err, ran.err, "{what}: plan and run refuse alike");
        assert!(!bench.path("made").exists(), "{what}");
    }
}

#[test]
fn a_pinned_corpus_that_changed_is_refused_with_both_digests() {
    let bench = Bench::new();
    let other = bench.write("code.jsonl", "{\"text\": \"other\"}\n");
    let ran = bench.run(&["plan", "recipe.yaml"]).ends(3);
    assert!(ran.err.contains(&other) && ran.err.contains("another content than the recipe pins"), "{}", ran.err);
}

#[test]
fn too_little_memory_is_refused_by_plan_not_met_by_a_crash() {
    let bench = Bench::new();
    let ran = bench.run(&["plan", "recipe.yaml", "--memory-limit", "1MB"]).ends(3);
    assert!(ran.err.contains("the limit is 1000000") && ran.err.contains("--memory-limit"), "{}", ran.err);
}
