//! Every rule of the stage table broken, one at a time: the document is refused for that and nothing else.

use aw_alloy::document::{Document, validate};
use aw_alloy::recipe::{Notation, Recipe};
use serde_json::{Value, json};

use crate::vocabulary::registry;

/// What is written in place of the member: nothing.
const LEFT_OUT: &str = "";

/// A stage type, a stage that is right, and what breaks it: member, what is written there, code, and where that is seen when deeper.
type Rules = (&'static str, &'static str, &'static [(&'static str, &'static str, &'static str)]);

/// The format's section 4, row by row.
const STAGES: &[Rules] = &[
    (
        "source-config",
        r#"{"contextLength": 8, "inputModalities": ["text", "vision", "audio"], "tokenizer": null, "targetBatchSize": 1, "targetDevices": []}"#,
        &[
            ("contextLength", "-1", "out-of-range"),
            ("contextLength", "1.5", "wrong-type"),
            ("inputModalities", "[\"smell\"]", "unknown-value"),
            ("inputModalities", "\"text\"", "wrong-type"),
            ("tokenizer", "1", "wrong-type"),
            ("targetBatchSize", "\"4\"", "wrong-type"),
            ("targetDevices", "[1]", "wrong-type"),
            ("notes", "[]", "wrong-type"),
        ],
    ),
    (
        "context-extend",
        r#"{"targetLength": 1024, "method": "dynamic-ntk", "trainingDataset": null, "trainingSteps": null}"#,
        &[
            ("targetLength", LEFT_OUT, "missing-field"),
            ("targetLength", "1023", "out-of-range"),
            ("targetLength", "null", "wrong-type"),
            ("method", LEFT_OUT, "missing-field"),
            ("method", "\"Yarn\"", "unknown-value"),
            ("trainingDataset", "{}", "wrong-type"),
            ("trainingSteps", "\"5\"", "wrong-type"),
        ],
    ),
    (
        "modality",
        r#"{"modality": "multimodal", "encoderModel": "e", "projectionArch": "cross-attention"}"#,
        &[
            ("modality", LEFT_OUT, "missing-field"),
            ("modality", "\"text\"", "unknown-value"),
            ("encoderModel", LEFT_OUT, "missing-field"),
            ("encoderModel", "null", "wrong-type"),
            ("projectionArch", "\"cnn\"", "unknown-value"),
            ("freezeBase", "1", "wrong-type"),
            ("freezeEncoder", "\"yes\"", "wrong-type"),
            ("projectionDim", "0.5", "wrong-type"),
        ],
    ),
    (
        "prune",
        r#"{"strategy": "per-layer-normalized-router-importance", "level": 0.9, "minHeadsPerLayer": 4}"#,
        &[
            ("strategy", LEFT_OUT, "missing-field"),
            ("strategy", "\"entropie\"", "unknown-value"),
            ("level", LEFT_OUT, "missing-field"),
            ("level", "0.91", "out-of-range"),
            ("level", "-0.01", "out-of-range"),
            ("level", "\"0.3\"", "wrong-type"),
            ("minHeadsPerLayer", "2.5", "wrong-type"),
            ("minKvHeadsPerLayer", "-1", "out-of-range"),
            ("analysisSteps", "null", "wrong-type"),
            ("perLayerNormalized", "\"true\"", "wrong-type"),
            ("defragMode", "1", "wrong-type"),
        ],
    ),
    (
        "train",
        r#"{"learningRate": "2e-4", "steps": 1, "batchSize": 64, "gradientAccumulation": 16, "sequenceLength": 131072, "maxGradientNorm": 10}"#,
        &[
            ("domain", "1", "wrong-type"),
            ("dataset", "[]", "wrong-type"),
            ("steps", "0", "out-of-range"),
            ("learningRate", "0.0002", "wrong-type"),
            ("learningRate", "\"fast\"", "pattern-mismatch"),
            ("batchSize", "0", "out-of-range"),
            ("batchSize", "65", "out-of-range"),
            ("gradientAccumulation", "0", "out-of-range"),
            ("gradientAccumulation", "17", "out-of-range"),
            ("scheduler", "\"cosinus\"", "unknown-value"),
            ("warmupRatio", "-0.1", "out-of-range"),
            ("warmupRatio", "1.1", "out-of-range"),
            ("weightDecay", "-0.1", "out-of-range"),
            ("weightDecay", "1.1", "out-of-range"),
            ("maxGradientNorm", "-1", "out-of-range"),
            ("maxGradientNorm", "10.1", "out-of-range"),
            ("precision", "\"fp8\"", "unknown-value"),
            ("sequenceLength", "127", "out-of-range"),
            ("sequenceLength", "131073", "out-of-range"),
            ("optimizations", "[\"magic\"]", "unknown-value"),
        ],
    ),
    (
        "lora",
        r#"{"rank": 256, "alpha": 512, "dropout": 1, "quantizeBits": 8, "epochs": 20, "batchSize": 64, "learningRate": "0.0001"}"#,
        &[
            ("rank", "0", "out-of-range"),
            ("rank", "257", "out-of-range"),
            ("alpha", "0", "out-of-range"),
            ("alpha", "513", "out-of-range"),
            ("dropout", "-0.1", "out-of-range"),
            ("dropout", "1.5", "out-of-range"),
            ("targetModules", "\"q_proj\"", "wrong-type"),
            ("quantize", "0", "wrong-type"),
            ("quantizeBits", "5", "unknown-value"),
            ("epochs", "0", "out-of-range"),
            ("epochs", "21", "out-of-range"),
            ("learningRate", "1e-4", "wrong-type"),
            ("batchSize", "65", "out-of-range"),
            ("mergeAfter", "null", "wrong-type"),
            ("loraRank", "\"16\"", "wrong-type"),
            ("kdTemperature", "\"hot\"", "wrong-type"),
            ("trainableParamsPct", "\"1 %\"", "wrong-type"),
        ],
    ),
    (
        "compact",
        r#"{"deadThreshold": 0, "highThreshold": 1, "targetSizeGb": 2.5}"#,
        &[
            ("deadThreshold", "-0.1", "out-of-range"),
            ("dormantThreshold", "1.1", "out-of-range"),
            ("lowThreshold", "1.1", "out-of-range"),
            ("mediumThreshold", "-1", "out-of-range"),
            ("highThreshold", "2", "out-of-range"),
            ("targetSizeGb", "\"4GB\"", "wrong-type"),
            ("enableQuantization", "\"no\"", "wrong-type"),
        ],
    ),
    ("recover", r#"{"method": "ransac", "anything": [1, {"goes": null}]}"#, &[("notes", "1", "wrong-type")]),
    (
        "compensation-lora",
        r#"{"teacher": "t", "calibrationCorpus": "c", "kdTemperature": 0, "loraRank": 1, "loraAlpha": 1, "steps": 1, "teacherQuant": "8bit"}"#,
        &[
            ("teacher", LEFT_OUT, "missing-field"),
            ("calibrationCorpus", LEFT_OUT, "missing-field"),
            ("lossType", "\"kl\"", "unknown-value"),
            ("kdTemperature", "-1", "out-of-range"),
            ("loraRank", "0", "out-of-range"),
            ("loraAlpha", "0", "out-of-range"),
            ("targetModules", "{}", "wrong-type"),
            ("steps", "0", "out-of-range"),
            ("learningRate", "\"1e\"", "pattern-mismatch"),
            ("teacherQuant", "\"2bit\"", "unknown-value"),
            ("studentQuant", "\"fp32\"", "unknown-value"),
            ("mergedAtSave", "1", "wrong-type"),
        ],
    ),
    (
        "expert-activation-profile",
        r#"{"calibrationCorpus": "c", "metric": "router_l2", "maxLength": 128, "metricVersion": "v1.activation_count"}"#,
        &[
            ("calibrationCorpus", LEFT_OUT, "missing-field"),
            ("metric", "\"reap\"", "unknown-value"),
            ("maxLength", "127", "out-of-range"),
            ("device", "0", "wrong-type"),
            ("importanceOutput", "{}", "wrong-type"),
            ("calibrationExamples", "\"300\"", "wrong-type"),
            ("metricVersion", "1", "wrong-type"),
        ],
    ),
    (
        "expert-prune",
        r#"{"keepExpertsPerLayer": 1, "keepExperts": 1, "profileSteps": 1, "prunePct": 100.0, "expertTensorLayout": "granite-moe-fused"}"#,
        &[
            ("keepExperts", "0", "out-of-range"),
            ("keepExpertsPerLayer", "0", "out-of-range"),
            ("originalExpertsPerLayer", "\"64\"", "wrong-type"),
            ("strategy", "1", "wrong-type"),
            ("selectionStrategy", "\"chance\"", "unknown-value"),
            ("metric", "{}", "wrong-type"),
            ("profileSteps", "0", "out-of-range"),
            ("importanceJson", "{}", "wrong-type"),
            ("expertTensorLayout", "\"fused\"", "unknown-value"),
            ("perLayerNormalized", "\"yes\"", "wrong-type"),
            ("prunePct", "100.5", "out-of-range"),
            ("prunePct", "-1", "out-of-range"),
            ("expertsDropped", "1.5", "wrong-type"),
            ("expertsRenamed", "-3", "out-of-range"),
            ("routerSlicedLayers", "\"16\"", "wrong-type"),
            ("implementation", "1", "wrong-type"),
            ("rationale", "[]", "wrong-type"),
        ],
    ),
    (
        "quant",
        r#"{"format": "onnx", "quantTypes": ["Q4_K_M", "another"], "tool": "t", "tiers": {"Q4_K_M": {"sizeGb": 12.0, "fitsVramGb": 12, "headlineTier": "h"}}}"#,
        &[
            ("format", LEFT_OUT, "missing-field"),
            ("format", "\"ggml\"", "unknown-value"),
            ("quantTypes", LEFT_OUT, "missing-field"),
            ("quantTypes", "\"Q4_K_M\"", "wrong-type"),
            ("quantTypes", "[4]", "wrong-type"),
            ("deviceTargets", "\"iphone\"", "wrong-type"),
            ("tool", "1", "wrong-type"),
            ("tiers", "[]", "wrong-type"),
            ("tiers.Q4_K_M.sizeGb", "\"12\"", "wrong-type"),
            ("tiers.Q4_K_M.fitsVramGb", "\"12\"", "wrong-type"),
        ],
    ),
    (
        "eval",
        r#"{"benchmarks": [{"name": "humaneval", "nShot": 0}], "passingThreshold": 100, "calibrationAnchor": {"publishedScore": null, "tolerance": 3.0}}"#,
        &[
            ("benchmarks", LEFT_OUT, "missing-field"),
            ("benchmarks", "[{}]", "missing-field"),
            ("benchmarks", "[\"humaneval\"]", "wrong-type"),
            ("benchmarks.0.nShot", "-1", "out-of-range"),
            ("benchmarks.0.submitToLeaderboard", "\"no\"", "wrong-type"),
            ("benchmarks.0.samplesPath", "1", "wrong-type"),
            ("benchmarks.0.notes", "1", "wrong-type"),
            ("passingThreshold", "101", "out-of-range"),
            ("passingThreshold", "-1", "out-of-range"),
            ("compareToBase", "\"true\"", "wrong-type"),
            ("calibrationAnchor", "\"none\"", "wrong-type"),
            ("calibrationAnchor.passed", "\"yes\"", "wrong-type"),
            ("calibrationAnchor.tolerance", "[]", "wrong-type"),
        ],
    ),
    (
        "criterion-comparison",
        r#"{"criteria": [{"name": "a", "strategy": "random", "seeds": [1]}], "budgets": [{"keepRatio": 0.5}], "evaluationCorpora": ["c"]}"#,
        &[
            ("criteria", LEFT_OUT, "missing-field"),
            ("criteria", "[]", "wrong-length"),
            ("criteria.0.strategy", "\"best\"", "unknown-value"),
            ("criteria.0.name", "\"../a\"", "pattern-mismatch"),
            ("criteria.0.seeds", "[-1]", "out-of-range"),
            ("budgets", LEFT_OUT, "missing-field"),
            ("budgets.0.keepRatio", "1.5", "out-of-range"),
            ("budgets.0.keepExpertsPerLayer", "0", "out-of-range"),
            ("budgets.0.allocation", "\"fair\"", "unknown-value"),
            ("evaluationCorpora", LEFT_OUT, "missing-field"),
            ("maxLength", "1", "out-of-range"),
            ("maxExamples", "0", "out-of-range"),
            ("resamples", "99", "out-of-range"),
            ("seed", "\"x\"", "wrong-type"),
        ],
    ),
    (
        "package",
        r#"{"format": "safetensors"}"#,
        &[
            ("format", LEFT_OUT, "missing-field"),
            ("runtime", "1", "wrong-type"),
            ("optimization", "null", "wrong-type"),
            ("validateOn", "\"here\"", "wrong-type"),
            ("includeTokenizer", "\"yes\"", "wrong-type"),
        ],
    ),
    (
        "publish",
        r#"{"org": "o"}"#,
        &[
            ("org", LEFT_OUT, "missing-field"),
            ("repoNameTemplate", "1", "wrong-type"),
            ("includeAlloy", "1", "wrong-type"),
            ("cardFromBenchmarks", "\"x\"", "wrong-type"),
            ("tags", "\"x\"", "wrong-type"),
            ("private", "null", "wrong-type"),
        ],
    ),
    ("deliver", "{}", &[("org", "1", "wrong-type"), ("tags", "[1]", "wrong-type"), ("private", "0", "wrong-type")]),
    (
        "deploy",
        r#"{"target": "t"}"#,
        &[
            ("target", LEFT_OUT, "missing-field"),
            ("healthCheck", "1", "wrong-type"),
            ("warmup", "1", "wrong-type"),
            ("maxConcurrency", "1.5", "wrong-type"),
            ("autoScale", "\"x\"", "wrong-type"),
        ],
    ),
    (
        "team-search",
        r#"{"searchPool": "p", "benchmark": "b", "selectedTeam": ["x"]}"#,
        &[
            ("searchPool", LEFT_OUT, "missing-field"),
            ("benchmark", LEFT_OUT, "missing-field"),
            ("numProblems", "\"50\"", "wrong-type"),
            ("selectedTeam", "\"x\"", "wrong-type"),
            ("divergenceScore", "\"x\"", "wrong-type"),
        ],
    ),
    (
        "many-worlds-ensemble",
        r#"{"targetModel": "t", "specialists": [], "alpha": 1, "topK": 1, "blendStrategy": "routed-specialist-top-k-boost"}"#,
        &[
            ("method", "\"vote\"", "unknown-value"),
            ("targetModel", LEFT_OUT, "missing-field"),
            ("specialists", LEFT_OUT, "missing-field"),
            ("specialists", "[{}]", "wrong-type"),
            ("alpha", "1.1", "out-of-range"),
            ("alpha", "-0.1", "out-of-range"),
            ("topK", "0", "out-of-range"),
            ("blendStrategy", "\"average\"", "unknown-value"),
            ("vramGb", "\"8\"", "wrong-type"),
        ],
    ),
    (
        "gate-profile",
        r#"{"benchmark": "b", "perSpecialistContribution": {"a": 0.5, "b": null}}"#,
        &[
            ("benchmark", LEFT_OUT, "missing-field"),
            ("numProblems", "-1", "out-of-range"),
            ("perSpecialistContribution", "[]", "wrong-type"),
            ("perSpecialistContribution.a", "\"much\"", "wrong-type"),
            ("exportPath", "1", "wrong-type"),
        ],
    ),
    (
        "population-prune",
        "{}",
        &[
            ("minContribution", "\"x\"", "wrong-type"),
            ("removedModels", "\"x\"", "wrong-type"),
            ("vramSavedGb", "\"x\"", "wrong-type"),
        ],
    ),
    (
        "many-worlds-substrate",
        r#"{"sourceModels": [], "calibrationCorpus": "c", "substrateDim": 2048, "numGaussians": 16, "trainingSteps": 50000}"#,
        &[
            ("substrateDim", "63", "out-of-range"),
            ("substrateDim", "2049", "out-of-range"),
            ("numGaussians", "15", "out-of-range"),
            ("numGaussians", "1025", "out-of-range"),
            ("sourceModels", LEFT_OUT, "missing-field"),
            ("calibrationCorpus", LEFT_OUT, "missing-field"),
            ("trainingSteps", "99", "out-of-range"),
            ("trainingSteps", "50001", "out-of-range"),
            ("learningRate", "1", "wrong-type"),
            ("lossType", "\"none\"", "unknown-value"),
        ],
    ),
    (
        "many-worlds-adapter",
        r#"{"targetModel": "t", "substratePath": "s", "adapterRank": 8, "trainingSteps": 10000}"#,
        &[
            ("targetModel", LEFT_OUT, "missing-field"),
            ("substratePath", LEFT_OUT, "missing-field"),
            ("adapterRank", "7", "out-of-range"),
            ("adapterRank", "513", "out-of-range"),
            ("insertLayer", "\"last\"", "wrong-type"),
            ("trainingSteps", "99", "out-of-range"),
            ("trainingSteps", "10001", "out-of-range"),
        ],
    ),
    (
        "cv-ingest",
        r#"{"dataset": "d"}"#,
        &[
            ("dataset", LEFT_OUT, "missing-field"),
            ("subset", "1", "wrong-type"),
            ("frameFormat", "null", "wrong-type"),
            ("maxSequences", "\"x\"", "wrong-type"),
        ],
    ),
    (
        "cv-eval",
        r#"{"pipeline": "p", "pipelineConfig": {"any": 1}, "benchmarks": [{"name": "b"}], "transport": {"events": "best-effort"}}"#,
        &[
            ("pipeline", LEFT_OUT, "missing-field"),
            ("pipelineConfig", "[]", "wrong-type"),
            ("benchmarks.0.name", LEFT_OUT, "missing-field"),
            ("transport.events", "\"maybe\"", "unknown-value"),
            ("transport.telemetry", "\"udp\"", "unknown-value"),
        ],
    ),
];

/// The format's section 6: the members llm-forge adds to the root.
const MEMBERS: &[Rules] = &[
    (
        "calibrationCorpora",
        r#"{"id": "c", "path": "p", "sha256": "sha256:0000000000000000000000000000000000000000000000000000000000000000"}"#,
        &[
            ("id", LEFT_OUT, "missing-field"),
            ("path", LEFT_OUT, "missing-field"),
            ("sha256", "\"0000\"", "malformed-hash"),
            ("examples", "-1", "out-of-range"),
            ("tokens", "\"x\"", "wrong-type"),
            ("distributionSummary", "{}", "wrong-type"),
        ],
    ),
    (
        "priorMetricBaselines",
        r#"{"metric": {"name": "m", "calibrationCorpus": null}, "prune": {"k": 48}, "evaluation": {"anchorReproduction": {"humaneval": 40.9}}, "outcome": "superseded"}"#,
        &[
            ("metric", LEFT_OUT, "missing-field"),
            ("metric", "1", "wrong-type"),
            ("metric.name", "1", "wrong-type"),
            ("prune.k", "\"x\"", "wrong-type"),
            ("evaluation.anchorReproduction.humaneval", "\"x\"", "wrong-type"),
            ("outcome", "\"failed\"", "unknown-value"),
            ("supersededBy", "1", "wrong-type"),
        ],
    ),
    (
        "priorMetricBaselines",
        r#"{"metric": "perplexity", "value": 12.5, "source": "s", "measuredAt": "2026-01-01", "measurementMethod": "m", "role": "anchor"}"#,
        &[("value", "\"x\"", "wrong-type"), ("role", "\"control\"", "unknown-value"), ("higherIsBetter", "1", "wrong-type")],
    ),
];

fn document(stages: Value) -> Value {
    json!({"name": "a", "version": "1.0.0", "source": {"baseModel": "m", "architecture": "olmoe"}, "stages": stages})
}

fn stage(name: &str, members: &str) -> Value {
    let mut stage = json!({"type": name});
    let members: Value = serde_json::from_str(members).unwrap();
    stage.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    stage
}

/// Writes `text` at a path of member names and positions, or takes out what is there.
fn write(value: &mut Value, path: &str, text: &str) {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let next = match value {
        Value::Array(items) => &mut items[first.parse::<usize>().unwrap()],
        Value::Object(members) if rest.is_none() => {
            match text {
                LEFT_OUT => drop(members.remove(first).expect("what is left out was there")),
                text => drop(members.insert(first.into(), serde_json::from_str(text).unwrap())),
            }
            return;
        }
        value => &mut value[first],
    };
    write(next, rest.unwrap(), text);
}

/// The path a problem gives: positions in brackets; a value in a list is blamed itself.
fn expected_path(start: &str, member: &str, text: &str, code: &str) -> String {
    let mut path = start.to_owned();
    for step in member.split('.') {
        match step.parse::<usize>() {
            Ok(index) => path += &format!("[{index}]"),
            Err(_) => path += &format!(".{step}"),
        }
    }
    if text.starts_with('[') && text.len() > 2 {
        path += "[0]";
        if code == "missing-field" {
            path += ".name";
        }
    }
    path
}

fn found(document: &Value) -> Vec<(String, String)> {
    let bytes = serde_json::to_vec(document).unwrap();
    let problems = validate(&Document::read(&bytes).unwrap(), &registry());
    problems.into_iter().map(|problem| (problem.code.to_owned(), problem.path)).collect()
}

/// Holds every rule of a table against what `found` says of the broken value; tells all that differ.
fn hold(
    start: &str,
    (name, right, rules): &Rules,
    found: impl Fn(&Value) -> Vec<(String, String)>,
    right_value: &Value,
) -> usize {
    let good = found(right_value);
    assert!(good.is_empty(), "{name}: what is right is refused: {good:?} in {right}");
    let mut differ = Vec::new();
    for (member, text, code) in *rules {
        let mut wrong = right_value.clone();
        write(&mut wrong, member, text);
        let (found, expected) = (found(&wrong), ((*code).to_owned(), expected_path(start, member, text, code)));
        if found != [expected.clone()] {
            differ.push(format!("{name}.{member} = {text}: expected {expected:?}, found {found:?}"));
        }
    }
    assert!(differ.is_empty(), "{differ:#?}");
    rules.len()
}

#[test]
fn each_rule_of_the_stage_table_is_held() {
    let cases =
        STAGES.iter().map(|rules| hold("stages[0]", rules, |stage| found(&document(json!([stage]))), &stage(rules.0, rules.1)));
    assert!(cases.sum::<usize>() >= 180);
}

#[test]
fn each_rule_of_the_root_members_is_held() {
    for rules in MEMBERS {
        let with = |member: &Value| {
            let mut document = document(json!([{"type": "recover"}]));
            document[rules.0] = json!([member]);
            found(&document)
        };
        hold(&format!("{}[0]", rules.0), rules, with, &serde_json::from_str(rules.1).unwrap());
    }
}

/// The same rules hold for a recipe, at the same places; a declared stage parses there too.
#[test]
fn a_recipe_is_held_to_the_same_rules() {
    let registry = registry();
    let read = |stage: &Value| {
        let text = serde_json::to_vec(&document(json!([stage]))).unwrap();
        let problems = Recipe::read(&text, Notation::Json, &registry).err().unwrap_or_default();
        problems.into_iter().map(|problem| (problem.code.to_owned(), problem.path)).collect()
    };
    let runs_here = ["expert-activation-profile", "expert-prune", "eval", "package", "quant"];
    for rules in STAGES.iter().filter(|rules| !runs_here.contains(&rules.0)) {
        hold("stages[0]", rules, read, &stage(rules.0, rules.1));
    }
}
