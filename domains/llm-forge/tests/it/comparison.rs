//! The comparison stage, from profile to charts, on the tiny model of the repository.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use aw_alloy::digest::Digest;
use aw_domain::{Context, Executor, Failure, Inputs, Output, Stage};
use serde_json::{Value, json};

use crate::vocabulary::registry;

fn stage(name: &str) -> Arc<dyn Stage> {
    let registry = registry();
    let found = registry.stage_types("llm-forge").unwrap().find(|stage| stage.name == name).unwrap();
    match &found.executor {
        Executor::Here(stage) => Arc::clone(stage),
        Executor::DeclaredOnly => panic!("`{name}` does not run"),
    }
}

fn run(name: &str, config: &Value, inputs: &Inputs, out: &Path) -> Result<Output, Failure> {
    let scratch = tempfile::tempdir().unwrap();
    fs::create_dir_all(out).unwrap();
    let clock = || "2026-01-01T00:00:00Z".to_owned();
    let mut context = Context::new(out.to_owned(), scratch.path().to_owned(), 2, None, &|| false, &|_| {}, &clock);
    stage(name).run(config, inputs, &mut context)
}

/// Words in an order that repeats never, of two kinds.
fn corpus(words: &[&str]) -> String {
    let example = |index: usize| {
        let text: Vec<&str> = (0..24).map(|at| words[(index * 7 + at * at) % words.len()]).collect();
        format!("{}\n", json!({"text": text.join(" ")}))
    };
    (0..12).map(example).collect()
}

/// What a foundry would hand to the stages.
fn inputs(folder: &Path, folders: &[(&str, &Path)], files: &[&str]) -> Inputs {
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recipes/tiny-moe/model");
    let file = |name: &&str| ((*name).to_owned(), folder.join(format!("{name}.jsonl")));
    let digest = |name: &&str| ((*name).to_owned(), Digest::of(&fs::read(folder.join(format!("{name}.jsonl"))).unwrap()));
    Inputs {
        folders: folders
            .iter()
            .map(|(name, path)| ((*name).to_owned(), path.to_path_buf()))
            .chain([("model".to_owned(), model.clone())])
            .collect(),
        source: Some(model),
        files: files.iter().map(file).collect(),
        digests: files.iter().map(digest).collect::<BTreeMap<_, _>>(),
        source_label: "tiny".into(),
        ..Inputs::default()
    }
}

#[test]
fn criteria_are_compared_drawn_and_equal_in_every_run() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("code.jsonl"), corpus(&["def", "return", "(x)", "+", "for", "in", "range", "0"])).unwrap();
    fs::write(folder.path().join("prose.jsonl"), corpus(&["the", "river", "went", "slowly", "and", "she", "saw"])).unwrap();
    let profiled = folder.path().join("profiled");
    let profile = json!({"calibrationCorpus": "code", "maxLength": 128});
    run("expert-activation-profile", &profile, &inputs(folder.path(), &[], &["code"]), &profiled).unwrap();

    let config = json!({
        "maxLength": 128, "resamples": 500, "evaluationCorpora": ["prose"],
        "criteria": [
            {"name": "count", "strategy": "calibration-aware-activation-count", "calibrationCorpus": "code"},
            {"name": "norm", "strategy": "expert-activation-norm", "calibrationCorpus": "code"},
            {"name": "count again", "strategy": "calibration-aware-activation-count", "calibrationCorpus": "code"},
            {"name": "router L2", "strategy": "router-gate-l2"},
            {"name": "chance", "strategy": "random", "seeds": [1, 2]},
        ],
        "budgets": [{"keepRatio": 0.5}, {"keepExpertsPerLayer": 4}, {"keepRatio": 0.5, "allocation": "adaptive"}],
    });
    let importance = profiled.join("importance/code");
    let inputs = inputs(folder.path(), &[("importance/code", &importance)], &["prose"]);
    let ran = RefCell::new(Vec::new());
    for name in ["first", "second"] {
        let out = folder.path().join(name);
        ran.borrow_mut().push(run("criterion-comparison", &config, &inputs, &out).unwrap());
    }
    let ran = ran.into_inner();
    assert_eq!(ran[0].writes, ran[1].writes, "equal inputs gave other files");
    assert_eq!(ran[0].measurements, ran[1].measurements);

    let found: Value =
        serde_json::from_slice(&fs::read(folder.path().join("first/comparison/comparison.json")).unwrap()).unwrap();
    let results = found["corpora"][0]["results"].as_array().unwrap();
    assert_eq!(results.len(), 5 * 3 - 1, "chance has no adaptive budget");
    for result in results {
        let figure = |name: &str| result["excess"][name].as_f64().unwrap();
        assert!(figure("low") <= figure("estimate") && figure("estimate") <= figure("high"), "{result}");
        let base = found["corpora"][0]["basePerplexity"].as_f64().unwrap();
        let excess = (result["perplexity"].as_f64().unwrap() / base).ln();
        assert!((excess - figure("estimate")).abs() < 1e-7, "{result}: {excess}");
    }
    let of = |criterion: &str| {
        results.iter().filter(|it| it["criterion"] == criterion).map(|it| it["samples"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(of("count"), of("count again"), "the same experts are measured once");
    // The base, four criteria of two seeds at most at three budgets, of which one criterion repeats another.
    let passes = ran[0].observations["forwardPasses"].as_u64().unwrap();
    assert!(passes <= 1 + 3 * 3 + 2 * 2, "{passes}");

    let kept =
        |choice: &Value| choice["kept"].as_object().unwrap().values().map(|it| it.as_array().unwrap().len()).sum::<usize>();
    for choice in found["choices"].as_array().unwrap() {
        let expected = if choice["budget"] == "4 of 16" { 4 * 4 } else { 4 * 8 };
        assert_eq!(kept(choice), expected, "{choice}");
    }
    let text = |name: &str| fs::read_to_string(folder.path().join("first/comparison").join(name)).unwrap();
    assert!(text("comparison.txt").contains("prose: log-perplexity above the base's"));
    for chart in
        ["experts.norm.8-of-16.svg", "experts.router-L2.8-of-16-adaptive.svg", "quality.prose.svg", "convergence.code.svg"]
    {
        let svg = text(chart);
        assert!(svg.starts_with("<svg") && svg.contains("<title") && !svg.contains("NaN"), "{chart}: {svg}");
    }
    let tables = ran[0].measurements["tables"].as_array().unwrap();
    assert_eq!(tables.len(), 1 + 3, "one of the corpus, one a budget");
    assert_eq!(tables[0]["rows"].as_array().unwrap().len(), 5);
}
