//! judge, show and a halted run, through the program.

use serde_json::Value;

use crate::support::{Bench, finished};

#[test]
fn judging_tells_every_criterion_and_gate_and_keeps_the_verdict() {
    let (bench, _) = finished();
    let judged = bench.run(&["judge", "made", "--corpora", ".", "--out", "verdict.json"]).ends(1);
    for expected in [
        "states no acceptance criteria",
        "integrity            verifies",
        "falsifiability       by chance.perplexity/prose",
        "FAIL    calibration-corpus, code.described: it has no `distributionSummary`",
        "gap     inference check: not run",
        "REFUSED made/tiny-test.alloy.json",
    ] {
        assert!(judged.out.contains(expected), "{expected}: {}", judged.out);
    }
    let kept = std::fs::read(bench.path("verdict.json")).unwrap();
    let answered = bench.run(&["judge", "made", "--corpora", ".", "--out", "again.json", "--json"]).ends(1).json();
    assert_eq!(std::fs::read(bench.path("again.json")).unwrap(), kept, "the same bytes");
    let kept: Value = serde_json::from_slice(&kept).unwrap();
    assert_eq!(answered["verdicts"], kept);
    assert_eq!(kept["artifact"]["name"], "tiny-test");
    // Without the folder of the corpora it cannot be told whether they are apart.
    let judged = bench.run(&["judge", "made/tiny-test.alloy.json"]).ends(1);
    assert!(judged.out.contains("code.present: its bytes were not handed in"), "{}", judged.out);
}

#[test]
fn an_artifact_that_was_changed_does_not_ship() {
    let bench = Bench::new();
    bench.run(&["run", "recipe.yaml", "--out", "made"]).ends(0);
    std::fs::remove_file(bench.path("made/README.md")).unwrap();
    let judged = bench.run(&["judge", "made", "--corpora", "."]).ends(1);
    assert!(judged.out.contains("FAIL    integrity, verifies: it is not what was sealed: card, `README.md`"), "{}", judged.out);
    assert!(judged.out.contains("0 % of") && judged.out.contains("broken"), "{}", judged.out);
    let signer = ["judge", "made", "--key", "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"];
    assert!(bench.run(&signer).ends(1).out.contains("seal: signed by key "));
}

#[test]
fn documents_of_others_are_shown_and_judged() {
    let bench = Bench::new();
    let document = r#"{"name": "x", "version": "1.0.0", "source": {"baseModel": "m"}, "stages": [{"type": "quant"}],
        "results": {"benchmarks": [{"name": "humaneval+", "score": 85.4, "baseScore": 88.4, "samplesPath": "s.jsonl", "resultHash": "HASH"}]},
        "acceptanceCriteria": {"benchmarks": {"humaneval_plus": {"min": 0.45, "anchorDelta": -3.0}}}}"#;
    let hash = bench.write("s.jsonl", "{}\n");
    let document = document.replace("HASH", &format!("sha256:{hash}"));
    bench.write("x.alloy.json", &document);
    let shown = bench.run(&["show", "x.alloy.json"]).ends(0);
    assert!(
        shown.out.contains("x 1.0.0 (document of another program)") && shown.out.contains("% of 3 elements"),
        "{}",
        shown.out
    );
    assert!(bench.run(&["show", "x.alloy.json", "--card"]).ends(3).err.contains("this document has none"));
    let judged = bench.run(&["judge", "x.alloy.json", "--json"]).ends(1).json();
    let criteria = judged["verdicts"]["acceptance"]["criteria"].as_array().unwrap();
    assert!(criteria.len() == 2 && criteria.iter().all(|it| it["outcome"] == "pass"), "{judged:#}");
    assert_eq!(criteria[0]["evidence"][1]["state"], "matches");
    bench.write("s.jsonl", "{}");
    let judged = bench.run(&["judge", "x.alloy.json"]).ends(1);
    assert!(judged.out.contains("`s.jsonl` is not the file that `results.benchmarks[0]` was measured from"), "{}", judged.out);
    bench.write("y.alloy.json", r#"{"name": "y", "source": {}}"#);
    assert!(bench.run(&["judge", "y.alloy.json"]).ends(5).out.contains("UNKNOWN"));
    bench.run(&["judge", "y.alloy.json", "--items", "humaneval"]).ends(2);
    bench.run(&["judge", "absent.alloy.json"]).ends(2);
    bench.write("z.alloy.json", "[]");
    bench.run(&["judge", "z.alloy.json"]).ends(3);
}

#[test]
fn a_run_that_regresses_halts_with_the_answer_no() {
    let bench = Bench::new();
    let limits = "regression: { maxPercent: 10000, maxAbsolute: 100000, reason: nonsense may be predicted badly }";
    let strict =
        bench.text("recipe.yaml").replace(limits, "regression: { maxPercent: 0, maxAbsolute: 0, reason: nothing may be lost }");
    bench.write("strict.yaml", &strict);
    let halted = bench.run(&["run", "strict.yaml", "--out", "made", "--json"]).ends(1).events();
    let error = halted.last().unwrap();
    assert_eq!((&error["code"], &error["exitCode"]), (&"regression-halt".into(), &1.into()));
    assert!(!bench.path("made").exists());
    let report: Value = serde_json::from_str(&bench.text("made.REGRESSION_HALT.json")).unwrap();
    assert_eq!((&report["benchmark"], &report["halted_at_cycle"]), (&"perplexity/prose".into(), &1.into()));
    assert!(report["regression_absolute"].as_f64().unwrap() > 0.0, "{report:#}");
    let unreasoned = strict.replace(", reason: nothing may be lost", "");
    bench.write("unreasoned.yaml", &unreasoned);
    assert!(bench.run(&["plan", "unreasoned.yaml"]).ends(3).err.contains("reason"));
}
