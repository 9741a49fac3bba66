//! Criteria compared side by side, and budgets in their other spellings.

use std::fs;

use serde_json::Value;

use crate::support::Bench;

/// A recipe whose prune keeps a share, next to the same choice among those a comparison measures.
fn recipe(bench: &Bench, ratio: &str) -> String {
    let hash = |name: &str| aw_alloy::digest::Digest::of(bench.text(name).as_bytes()).hex();
    format!(
        "name: tiny-compare
version: 1.0.0
domains: [llm-forge]
source: {{ baseModel: model, architecture: olmoe }}
calibrationCorpora: [{{ id: code, path: code.jsonl, sha256: {} }}]
evaluationCorpora: [{{ id: prose, path: prose.jsonl, sha256: {} }}]
stages:
  - {{ type: expert-activation-profile, calibrationCorpus: code, maxLength: 128 }}
  - {{ type: expert-prune, strategy: expert-activation-norm, calibrationCorpus: code, keepRatio: {ratio} }}
  - type: eval
    maxLength: 128
    benchmarks:
      - name: perplexity
        subset: prose
        regression: {{ maxPercent: 10000, maxAbsolute: 100000, reason: nonsense may be predicted badly }}
  - type: criterion-comparison
    maxLength: 128
    resamples: 200
    evaluationCorpora: [prose]
    criteria:
      - {{ name: norm, strategy: expert-activation-norm, calibrationCorpus: code }}
      - {{ name: router L2, strategy: router-gate-l2 }}
      - {{ name: chance, strategy: random, seeds: [1, 2] }}
    budgets:
      - {{ keepRatio: {ratio} }}
      - {{ keepRatio: {ratio}, allocation: adaptive }}
",
        hash("code.jsonl"),
        hash("prose.jsonl")
    )
}

fn read(bench: &Bench, path: &str) -> Value {
    serde_json::from_slice(&fs::read(bench.path(path)).unwrap()).unwrap()
}

#[test]
fn a_masked_choice_costs_what_the_cut_model_costs_and_everything_is_shown() {
    let bench = Bench::new();
    bench.write("compare.yaml", &recipe(&bench, "0.5"));
    let ran = bench.run(&["run", "compare.yaml", "--out", "made", "--threads", "2"]).ends(0);
    for shown in ["prose: log-perplexity above the base's", "8 of 16 adaptive", "router L2", "kept experts in common, 8 of 16"] {
        assert!(ran.out.contains(shown), "{shown}: {}", ran.out);
    }
    assert!(bench.run(&["show", "made"]).ends(0).out.contains("prose: log-perplexity above the base's"));
    bench.run(&["verify", "made"]).ends(0);

    let found = read(&bench, "made/comparison/comparison.json");
    let results = found["corpora"][0]["results"].as_array().unwrap();
    assert_eq!(results.len(), 5, "three criteria, and chance has no adaptive budget");
    let document = read(&bench, "made/tiny-compare.alloy.json");
    let forged = document["results"]["benchmarks"][0]["metrics"]["forged"].as_f64().unwrap();
    let masked = results[0]["perplexity"].as_f64().unwrap();
    assert!((forged - masked).abs() <= 0.5e-4, "cut {forged}, masked {masked}");
    for result in results {
        let figure = |name: &str| result["excess"][name].as_f64().unwrap();
        assert!(figure("low") <= figure("estimate") && figure("estimate") <= figure("high"), "{result}");
    }
    let seeds: Vec<f64> = results[4]["excessBySeed"].as_array().unwrap().iter().map(|it| it.as_f64().unwrap()).collect();
    let mean = results[4]["excess"]["estimate"].as_f64().unwrap();
    assert!(seeds.len() == 2 && ((seeds[0] + seeds[1]) / 2.0 - mean).abs() < 1e-8, "{seeds:?} {mean}");
    for result in results {
        for samples in result["samples"].as_array().unwrap() {
            let bytes = fs::read(bench.path("made").join(samples["path"].as_str().unwrap())).unwrap();
            assert!(samples["sha256"].as_str().unwrap().contains(&aw_alloy::digest::Digest::of(&bytes).hex()), "{samples}");
        }
    }
    let total =
        |choice: &Value| choice["kept"].as_object().unwrap().values().map(|it| it.as_array().unwrap().len()).sum::<usize>();
    assert!(
        found["choices"].as_array().unwrap().iter().all(|choice| total(choice) == 4 * 8),
        "adaptive budgets keep as many in all"
    );
    for chart in
        ["experts.norm.8-of-16.svg", "experts.router-L2.8-of-16-adaptive.svg", "quality.prose.svg", "convergence.code.svg"]
    {
        let text = bench.text(&format!("made/comparison/{chart}"));
        assert!(text.starts_with("<svg") && text.contains("<title") && !text.contains("NaN"), "{chart}");
    }
}

#[test]
fn another_share_profiles_nothing_again() {
    let bench = Bench::new();
    bench.write("half.yaml", &recipe(&bench, "0.5"));
    bench.write("quarter.yaml", &recipe(&bench, "0.25"));
    bench.run(&["run", "half.yaml", "--out", "half", "--quiet"]).ends(0);
    let events = bench.run(&["run", "quarter.yaml", "--out", "quarter", "--json"]).ends(0).events();
    let stages = events.last().unwrap()["stages"].as_array().unwrap().clone();
    let cached: Vec<bool> = stages.iter().map(|stage| stage["cached"].as_bool().unwrap()).collect();
    assert_eq!(cached, [true, false, false, false], "{stages:?}");
    let config = read(&bench, "quarter/model/config.json");
    assert_eq!(config["num_experts"], 4);
}

#[test]
fn budgets_that_cannot_be_are_refused_with_their_place() {
    let bench = Bench::new();
    let good = recipe(&bench, "0.5");
    let refused = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        bench.write("case.yaml", &good.replacen(from, to, 1));
        bench.run(&["plan", "case.yaml"]).ends(3).err
    };
    for (from, to, said) in [
        ("keepRatio: 0.5 }", "keepPerLayer: [8, 8, 9, 8] }", "the list keeps 8 and 9 experts"),
        ("keepRatio: 0.5 }", "keepPerLayer: [8, 8, 8] }", "the model has 4 layers with experts"),
        ("keepRatio: 0.5 }", "keepRatio: 0.5, keepExperts: 8 }", "says twice"),
        ("keepRatio: 0.5 }", "keepRatio: 0.99 }", "nothing would be pruned"),
        ("      - { keepRatio: 0.5 }", "      - { keepRatio: 0.5, keepExpertsPerLayer: 8 }", "one of `keepRatio` and"),
        ("      - { keepRatio: 0.5 }", "      - { keepExpertsPerLayer: 16 }", "nothing to prune"),
        ("seeds: [1, 2]", "seeds: []", "needs seeds"),
        ("name: chance", "name: router-L2", "names another criterion"),
        ("evaluationCorpora: [prose]", "evaluationCorpora: [verse]", "no corpus `verse`"),
        (
            "maxLength: 128 }\n  - { type: expert-prune",
            "metric: activation_magnitude }\n  - { type: expert-prune",
            "does not say whether",
        ),
    ] {
        let said_instead = refused(from, to);
        assert!(said_instead.contains(said), "{to}: {said_instead}");
    }
    bench.write("even.yaml", &good.replacen("keepRatio: 0.5 }", "keepPerLayer: [8, 8, 8, 8] }", 1));
    bench.run(&["plan", "even.yaml"]).ends(0);
}
