//! A run halts when a cycle made the result much worse, says so in a report, and goes on when the recipe allows it.
//!
//! Fired once a pot is burnt 2, twice 9, three times 28; unfired 1. So the first cycle costs 1.0, which is not more than 1.0.

use aw_foundry::{RunError, verify_folder};
use aw_testkit::files;
use serde_json::{Value, json};

use crate::pottery::Workshop;

fn recipe(cycles: u32, rate: &str) -> String {
    format!(
        "name: cup\nversion: 1.0.0\ncycles: {cycles}\nsource: {{baseModel: source, architecture: stoneware}}\nstages:\n  \
         - {{type: fire, degrees: 1000}}\n  - {{type: rate{rate}}}\n  - {{type: pack}}\n"
    )
}

const ALLOWED: &str = ", regression: {maxPercent: 200, maxAbsolute: 7, reason: it is meant to be dark}";

#[test]
fn every_cycle_is_measured_and_one_cycle_once() {
    let shop = Workshop::new();
    let steps = |cycles, rate| {
        let plan = shop.plan(&recipe(cycles, rate)).unwrap();
        plan.steps.iter().map(|step| format!("{} {}", step.stage_type, step.cycle)).collect::<Vec<_>>()
    };
    assert_eq!(steps(1, ""), ["fire 1", "rate 1", "pack 1"]);
    assert_eq!(steps(3, ""), ["fire 1", "rate 1", "fire 2", "rate 2", "fire 3", "rate 3", "pack 1"]);
}

#[test]
fn a_regression_halts_the_run_and_leaves_a_report_instead_of_an_artifact() {
    let shop = Workshop::new();
    let error = shop.run(&recipe(3, "")).unwrap_err();
    let RunError::RegressionHalt { index, stage, verdict, report } = &error else { panic!("{error}") };
    assert_eq!((*index, stage.as_str(), verdict.failures().count()), (1, "rate", 1));
    assert!(error.to_string().ends_with("`burnt` went from 2 to 9, by 7"), "{error}");
    assert!(error.hint().unwrap().contains("REGRESSION_HALT.json"));
    assert_eq!(shop.ran(), 4, "the third cycle did not run");
    assert!(!shop.out().exists());
    assert_eq!(*report, shop.out().with_file_name("out.REGRESSION_HALT.json"));
    let said: Value = serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap();
    for (name, value) in [
        ("halted_at_cycle", json!(2)),
        ("cycle_ppls", json!([1.0, 2.0, 9.0])),
        ("regression_ratio", json!(3.5)),
        ("regression_absolute", json!(7.0)),
        ("ratio_threshold", json!(0.1)),
        ("absolute_threshold", json!(1.0)),
        ("model", json!("source")),
        ("domain", json!("pottery")),
    ] {
        assert_eq!(said[name], value, "{name}");
    }
    // What finished is in the store: the same recipe halts again at once.
    assert!(matches!(shop.run(&recipe(3, "")), Err(RunError::RegressionHalt { .. })));
    assert_eq!(shop.ran(), 0);
    assert!(shop.store.list_kept().unwrap().is_empty(), "nothing was kept");
}

#[test]
fn an_artifact_that_is_there_stays_when_a_later_run_halts() {
    let shop = Workshop::new();
    shop.run(&recipe(1, "")).unwrap();
    let before = files(&shop.out());
    assert!(shop.run(&recipe(2, "")).is_err());
    assert_eq!(files(&shop.out()), before);
}

#[test]
fn a_recipe_may_allow_it_and_the_artifact_says_so() {
    let shop = Workshop::new();
    assert!(shop.run(&recipe(2, "")).is_err());
    assert!(shop.out().with_file_name("out.REGRESSION_HALT.json").exists());
    let run = shop.run(&recipe(2, ALLOWED)).unwrap();
    let stage = &run.artifact.node().get("stages").unwrap().as_array().unwrap()[1];
    let reason = stage.get("regression").and_then(|it| it.get("reason")).and_then(|it| it.as_str());
    assert_eq!(reason, Some("it is meant to be dark"));
    assert!(!shop.out().with_file_name("out.REGRESSION_HALT.json").exists(), "the report of a run that did not come to this");
    let links: Vec<(String, u32)> = run.artifact.chain().links.iter().map(|link| (link.stage_type.clone(), link.cycle)).collect();
    let expected = [("fire", 1), ("rate", 1), ("fire", 2), ("rate", 2), ("pack", 1)];
    assert_eq!(links, expected.map(|(stage, cycle)| (stage.to_owned(), cycle)));
    let verdict = verify_folder(&shop.out(), &[], 1).unwrap();
    assert_eq!(verdict.verification.findings, [], "the links of every measurement replay");
    // What is allowed is a limit too: the third cycle costs 19, which is 211 %.
    assert!(matches!(shop.run(&recipe(3, ALLOWED)), Err(RunError::RegressionHalt { .. })));
}
