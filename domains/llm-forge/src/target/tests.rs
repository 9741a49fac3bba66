#![allow(clippy::unwrap_used)]
use std::sync::Arc;

use aw_alloy::recipe::{Notation, Recipe};
use aw_domain::Registry;
use serde_json::{Value, json};

use super::{derive, disagreements};
use crate::LlmForge;

fn registry() -> Registry {
    let mut registry = Registry::new();
    registry.register(Arc::new(LlmForge::default()), "tests").unwrap();
    registry.set_default(&["llm-forge"]).unwrap();
    registry
}

/// A recipe of a model with 16 experts, 4 of which a token uses, and 8192 tokens of context.
fn recipe(target: Value) -> Value {
    json!({
        "name": "a", "version": "1.0.0", "author": "someone",
        "source": {"baseModel": "m", "architecture": "olmoe", "isMoE": true, "totalExperts": 16, "numActivatedExperts": 4,
            "contextLength": 8192, "totalParamsB": 8},
        "calibrationCorpora": [{"id": "code", "path": "c", "sha256": "0".repeat(64)}],
        "evaluationCorpora": [{"id": "code", "path": "e", "sha256": "0".repeat(64)}, {"id": "prose", "path": "p", "sha256": "0".repeat(64)}],
        "target": target,
    })
}

fn types(recipe: &Value) -> Vec<String> {
    let derived = derive(recipe).unwrap();
    derived.iter().map(|it| format!("{} {}", it.from, it.stage["type"].as_str().unwrap())).collect()
}

/// Code and path of each problem.
fn refused(recipe: &Value) -> Vec<String> {
    derive(recipe).unwrap_err().iter().map(|problem| format!("{} {}", problem.code, problem.path)).collect()
}

#[test]
fn each_row_of_the_table() {
    for (target, expected) in [
        (json!({"contextLength": 131072}), vec![json!({"type": "context-extend", "targetLength": 131072, "method": "yarn"})]),
        (json!({"contextLength": 8192, "experts": 16, "pruneRatio": 0.0, "modalities": ["text"], "publish": false}), vec![]),
        (
            json!({"modalities": ["text", "vision", "audio"]}),
            vec![
                json!({"type": "modality", "modality": "vision", "encoderModel": "openai/clip-vit-large-patch14"}),
                json!({"type": "modality", "modality": "audio", "encoderModel": "openai/whisper-large-v3"}),
            ],
        ),
        (json!({"domain": "science"}), vec![json!({"type": "train", "domain": "science"})]),
        (
            json!({"pruneRatio": 0.25}),
            vec![
                json!({"type": "prune", "strategy": "entropy", "level": 0.25}),
                json!({"type": "compact", "enableQuantization": false}),
            ],
        ),
        (
            json!({"experts": 8}),
            vec![
                json!({"type": "expert-activation-profile", "calibrationCorpus": "code"}),
                json!({"type": "expert-prune", "strategy": "calibration-aware-activation-count", "calibrationCorpus": "code",
                    "keepExpertsPerLayer": 8, "originalExpertsPerLayer": 16}),
            ],
        ),
        (
            json!({"outputFormats": ["gguf", "safetensors"], "quantTypes": ["Q4_K_M", "Q8_0"], "targetDevices": ["RTX 3090"]}),
            vec![
                json!({"type": "quant", "format": "gguf", "quantTypes": ["Q4_K_M", "Q8_0"], "deviceTargets": ["RTX 3090"]}),
                json!({"type": "package", "format": "safetensors"}),
            ],
        ),
        (json!({"quantTypes": ["Q4_K_M"]}), vec![json!({"type": "quant", "format": "gguf", "quantTypes": ["Q4_K_M"]})]),
        (
            json!({"targetDevices": ["MacBook Air 16GB", "iPhone 8GB"]}),
            vec![json!({"type": "quant", "format": "gguf", "quantTypes": ["Q8_0", "Q6_K"],
                "deviceTargets": ["MacBook Air 16GB", "iPhone 8GB"]})],
        ),
        (
            json!({"benchmarks": ["perplexity", "humaneval"]}),
            vec![json!({"type": "eval", "benchmarks": [{"name": "perplexity", "subset": "code"},
                {"name": "perplexity", "subset": "prose"}, {"name": "humaneval"}]})],
        ),
        (json!({"publish": true}), vec![json!({"type": "publish", "org": "someone"})]),
        (json!({"deployTo": "shed"}), vec![json!({"type": "deploy", "target": "shed"})]),
    ] {
        let derived: Vec<Value> = derive(&recipe(target.clone())).unwrap().into_iter().map(|it| it.stage).collect();
        assert_eq!(derived, expected, "{target}");
    }
}

#[test]
fn the_order_is_that_of_the_phases_whatever_the_order_of_the_target() {
    let target = json!({"deployTo": "shed", "publish": true, "benchmarks": ["perplexity"], "quantTypes": ["Q8_0"],
        "outputFormats": ["safetensors", "gguf"], "experts": 8, "pruneRatio": 0.5, "domain": "code", "modalities": ["vision"],
        "contextLength": 16384});
    let expected = [
        "target.contextLength context-extend",
        "target.modalities[0] modality",
        "target.experts expert-activation-profile",
        "target.experts expert-prune",
        "target.pruneRatio prune",
        "target.domain train",
        "target.pruneRatio compact",
        "target.outputFormats[1] quant",
        "target.benchmarks eval",
        "target.outputFormats[0] package",
        "target.publish publish",
        "target.deployTo deploy",
    ];
    assert_eq!(types(&recipe(target.clone())), expected);
    let backwards: serde_json::Map<String, Value> = target.as_object().unwrap().clone().into_iter().rev().collect();
    assert_eq!(types(&recipe(Value::Object(backwards))), expected);
    // Stages derived for a phase never come after those of a later one, and each is legal.
    let registry = registry();
    let phases: Vec<_> = derive(&recipe(target))
        .unwrap()
        .iter()
        .map(|it| registry.stage_types("llm-forge").unwrap().find(|stage| it.stage["type"] == stage.name).unwrap().phase)
        .collect();
    assert!(phases.is_sorted(), "{phases:?}");
}

#[test]
fn what_cannot_be_derived_is_a_problem_at_its_place() {
    let without = |member: &str, target: Value| {
        let mut recipe = recipe(target);
        let (first, rest) = member.split_once('.').unwrap_or((member, ""));
        match rest {
            "" => drop(recipe.as_object_mut().unwrap().remove(first)),
            rest => drop(recipe[first].as_object_mut().unwrap().remove(rest)),
        }
        recipe
    };
    for (recipe, expected) in [
        (recipe(json!({"contextLength": 4096})), "target-below-source target.contextLength"),
        (without("source.contextLength", json!({"contextLength": 4096})), "source-unsaid target.contextLength"),
        (recipe(json!({"modalities": ["text", "smell"]})), "wrong-value target.modalities[1]"),
        (recipe(json!({"modalities": ["multimodal"]})), "not-derivable target.modalities[0]"),
        (recipe(json!({"experts": 17})), "target-above-source target.experts"),
        (recipe(json!({"experts": 3})), "keep-below-top-k target.experts"),
        (without("source.totalExperts", json!({"experts": 8})), "source-unsaid target.experts"),
        (without("calibrationCorpora", json!({"experts": 8})), "no-corpus target.experts"),
        (without("evaluationCorpora", json!({"benchmarks": ["x", "perplexity"]})), "no-corpus target.benchmarks[1]"),
        (recipe(json!({"outputFormats": ["gguf"]})), "not-derivable target.outputFormats[0]"),
        (recipe(json!({"targetDevices": ["RTX 5090"]})), "not-derivable target.targetDevices[0]"),
        (recipe(json!({"targetDevices": ["phone 2GB"]})), "does-not-fit target.targetDevices[0]"),
        (without("source.totalParamsB", json!({"targetDevices": ["x 8GB"]})), "source-unsaid target.targetDevices"),
        (without("author", json!({"publish": true})), "not-derivable target.publish"),
        (recipe(json!({"experts": "many"})), "wrong-type target"),
    ] {
        assert_eq!(refused(&recipe), [expected], "{}", recipe["target"]);
    }
    let both = refused(&recipe(json!({"contextLength": 1, "experts": 99})));
    assert_eq!(both.len(), 2, "all at once: {both:?}");
}

#[test]
fn of_several_corpora_the_one_of_the_domain_is_counted_on() {
    let with = |domain: &str| {
        let mut recipe = recipe(json!({"experts": 8, "domain": domain}));
        recipe["calibrationCorpora"] = json!([{"id": "prose"}, {"id": "code"}]);
        recipe
    };
    assert_eq!(derive(&with("code")).unwrap()[0].stage["calibrationCorpus"], "code");
    assert_eq!(refused(&with("science")), ["no-corpus target.experts"]);
}

#[test]
fn a_recipe_with_a_target_alone_is_read_with_its_stages() {
    let text = serde_json::to_string_pretty(&recipe(json!({"experts": 8, "benchmarks": ["perplexity"]}))).unwrap();
    let read = |text: &str| Recipe::read(text.as_bytes(), Notation::Json, &registry());
    let derived = read(&text).unwrap();
    let names: Vec<&str> = derived.stages().iter().map(|stage| stage.name.as_str()).collect();
    assert_eq!(names, ["expert-activation-profile", "expert-prune", "eval"]);
    assert_eq!((derived.derived_from(1), derived.derived_from(3)), (Some("target.experts"), None));
    assert_eq!(derived.place("stages[1].strategy"), derived.place("target.experts"));
    // The recipe as it was read, stages and all, is the same recipe, and says so.
    let written = aw_alloy::text::json::publish(derived.node());
    let again = read(&written).unwrap();
    assert_eq!((again.digest(), again.derived_from(1)), (derived.digest(), None));
    // An empty list of stages is none.
    let empty = text.replacen("{", "{\"stages\": [],", 1);
    assert_eq!(read(&empty).unwrap().digest(), derived.digest());
    // A benchmark that wants more than its name is read, and refused when it is planned.
    let other = read(&text.replace("\"perplexity\"", "\"humaneval\"")).unwrap();
    assert_eq!(other.stages()[2].config["benchmarks"], json!([{"name": "humaneval"}]));
    let typo = read(&text.replace("\"experts\": 8", "\"expert\": 8")).unwrap_err();
    assert_eq!((typo.len(), typo[0].path.as_str()), (1, "target.expert"));
    let nothing = read(&text.replace("\"experts\": 8", "\"experts\": 16").replace("[\n      \"perplexity\"\n    ]", "[]"));
    assert_eq!(nothing.unwrap_err()[0].code, "nothing-derived");
}

#[test]
fn the_stages_win_and_a_target_that_disagrees_is_a_problem() {
    let agreeing = json!([
        {"type": "context-extend", "targetLength": 16384, "method": "ntk"},
        {"type": "modality", "modality": "vision", "encoderModel": "other"},
        {"type": "expert-activation-profile", "calibrationCorpus": "code"},
        {"type": "expert-prune", "strategy": "random", "keepExperts": 8, "seed": 1},
        {"type": "prune", "strategy": "magnitude", "level": 0.5},
        {"type": "train", "domain": "code"},
        {"type": "quant", "format": "gguf", "quantTypes": ["Q8_0", "Q4_K_M"]},
        {"type": "eval", "benchmarks": [{"name": "humaneval+"}]},
        {"type": "publish", "org": "o"},
        {"type": "deploy", "target": "shed"},
    ]);
    let target = json!({"contextLength": 16384, "modalities": ["text", "vision"], "experts": 8, "pruneRatio": 0.50, "domain": "code",
        "outputFormats": ["gguf"], "quantTypes": ["Q8_0"], "benchmarks": ["humaneval_plus"], "publish": true, "deployTo": "shed"});
    let found = |member: &str, value: Value, stages: &Value| {
        let mut recipe = recipe(target.clone());
        recipe["stages"] = stages.clone();
        if !member.is_empty() {
            recipe["target"][member] = value;
        }
        disagreements(&recipe).into_iter().map(|problem| problem.path).collect::<Vec<_>>()
    };
    assert_eq!(found("", Value::Null, &agreeing), Vec::<String>::new());
    for (member, value, expected) in [
        ("contextLength", json!(32768), "target.contextLength"),
        ("modalities", json!(["text"]), "target.modalities"),
        ("experts", json!(7), "target.experts"),
        ("pruneRatio", json!(0.4), "target.pruneRatio"),
        ("domain", json!("chat"), "target.domain"),
        ("outputFormats", json!(["gguf", "mlx"]), "target.outputFormats[1]"),
        ("quantTypes", json!(["F16"]), "target.quantTypes[0]"),
        ("benchmarks", json!(["humaneval"]), "target.benchmarks[0]"),
        ("publish", json!(false), "target.publish"),
        ("deployTo", json!("attic"), "target.deployTo"),
    ] {
        assert_eq!(found(member, value, &agreeing), [expected], "{member}");
    }
    // Stages that do nothing of it disagree with every member.
    assert_eq!(found("", Value::Null, &json!([{"type": "recover"}])).len(), 9);
    // A null target asks for nothing.
    let mut null = recipe(Value::Null);
    null["stages"] = agreeing;
    assert!(disagreements(&null).is_empty());
}

#[test]
fn a_disagreement_is_told_with_its_place() {
    let mut both = recipe(json!({"experts": 4}));
    both["stages"] = json!([{"type": "expert-prune", "strategy": "random", "keepExpertsPerLayer": 8, "seed": 1}]);
    let text = serde_json::to_string_pretty(&both).unwrap();
    let problems = Recipe::read(text.as_bytes(), Notation::Json, &registry()).unwrap_err();
    assert_eq!((problems.len(), problems[0].code, problems[0].path.as_str()), (1, "target-differs", "target.experts"));
    assert!(problems[0].message.contains("4 experts") && problems[0].message.contains("keep 8"), "{problems:?}");
    assert!(problems[0].at.is_some());
    let agreed = text.replace("\"experts\": 4", "\"experts\": 8");
    assert_eq!(Recipe::read(agreed.as_bytes(), Notation::Json, &registry()).unwrap().derived_from(0), None);
}
