//! The stage vocabulary against the published documents, and against itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aw_alloy::document::{Document, validate};
use aw_alloy::recipe::{Notation, Recipe, Vocabulary};
use aw_alloy::text::{Node, Schema};
use aw_domain::{Executor, Phase, Registry};
use aw_testkit::{files, shared};
use llm_forge::LlmForge;
use serde_json::{Value, json};

pub fn registry() -> Registry {
    let mut registry = Registry::new();
    registry.register(Arc::new(LlmForge::default()), "tests").unwrap();
    registry.set_default(&["llm-forge"]).unwrap();
    registry
}

/// What the document schemas have against stages of published documents. Nothing: whoever adds a line says why.
const EXCEPTIONS: &[(&str, &str, &str)] = &[];

#[test]
fn every_stage_of_every_published_document_is_known() {
    let Some(folder) = shared("alloys") else { return };
    let (registry, mut found, mut seen) = (registry(), Vec::new(), BTreeMap::new());
    for (name, bytes) in files(&folder).into_iter().filter(|(name, _)| name.ends_with(".alloy.json")) {
        let document = Document::read(&bytes).unwrap();
        for stage in document.node().get("stages").and_then(Node::as_array).unwrap_or_default() {
            *seen.entry(stage.get("type").and_then(Node::as_str).unwrap().to_owned()).or_insert(0) += 1;
        }
        // One document has both a target and stages.
        assert!(registry.target_disagreements(&registry.default_domains(), &document.node().to_serde()).is_empty(), "{name}");
        let members = ["stages", "calibrationCorpora", "evaluationCorpora", "priorMetricBaselines"];
        let ours = |path: &str| members.iter().any(|member| path.starts_with(member));
        let problems = validate(&document, &registry).into_iter().filter(|problem| ours(&problem.path));
        found.extend(problems.map(|problem| format!("{name} {} {}", problem.code, problem.path)));
    }
    let expected: Vec<String> = EXCEPTIONS.iter().map(|(name, code, path)| format!("{name} {code} {path}")).collect();
    assert_eq!(found, expected);
    assert!(seen.values().sum::<u32>() > 80 && seen.len() >= 13, "the corpus was not read: {seen:?}");
}

/// Phases as the format's section 4 and the line's section 2.3 list them.
#[test]
fn every_stage_type_of_the_format_is_there_in_its_phase() {
    let expected = BTreeMap::from([
        (Phase::Input, vec!["context-extend", "modality", "source-config"]),
        (
            Phase::Transform,
            vec![
                "compact",
                "compensation-lora",
                "cv-eval",
                "cv-ingest",
                "expert-activation-profile",
                "expert-prune",
                "gate-profile",
                "lora",
                "many-worlds-adapter",
                "many-worlds-ensemble",
                "many-worlds-substrate",
                "population-prune",
                "prune",
                "recover",
                "team-search",
                "train",
            ],
        ),
        (Phase::Delivery, vec!["criterion-comparison", "deliver", "deploy", "eval", "package", "publish", "quant"]),
    ]);
    let registry = registry();
    let mut found: BTreeMap<Phase, Vec<&str>> = BTreeMap::new();
    for stage in registry.stage_types("llm-forge").unwrap() {
        assert!(stage.summary.ends_with('.') && stage.summary.len() > 20, "{}", stage.name);
        found.entry(stage.phase).or_default().push(stage.name);
    }
    assert_eq!(found, expected);
    let here: BTreeSet<&str> = registry
        .stage_types("llm-forge")
        .unwrap()
        .filter(|stage| matches!(stage.executor, Executor::Here(_)))
        .map(|stage| stage.name)
        .collect();
    let running = ["criterion-comparison", "eval", "expert-activation-profile", "expert-prune", "package", "quant"];
    assert_eq!(here, BTreeSet::from(running));
}

/// What runs is also a document: a schema for documents that refused it would refuse our own artifacts.
#[test]
fn documents_may_hold_whatever_runs() {
    let registry = registry();
    let runs = [
        ("expert-activation-profile", json!({"calibrationCorpus": "code"})),
        (
            "expert-activation-profile",
            json!({"calibrationCorpus": "code", "maxLength": 128, "maxExamples": 1, "coverage": {"minTokensPerExpert": 1, "allowedShareBelow": 0.5}}),
        ),
        (
            "expert-prune",
            json!({"strategy": "reap", "keepExpertsPerLayer": 8, "keepExperts": 8, "originalExpertsPerLayer": 16, "expertTensorLayout": "auto",
                "calibrationCorpus": "code", "perLayerNormalized": true, "shardBytes": 1}),
        ),
        ("expert-prune", json!({"strategy": "random", "keepExperts": 8, "seed": 1})),
        ("expert-prune", json!({"strategy": "gate-weighted-sum", "keepExperts": 8, "importanceJson": "x.json"})),
        (
            "eval",
            json!({"benchmarks": [{"name": "perplexity", "subset": "code"}], "compareToBase": false, "maxLength": 2, "maxExamples": 3,
                "controls": [{"name": "router L2", "strategy": "router-gate-l2"}]}),
        ),
        ("expert-prune", json!({"strategy": "expert-activation-norm", "keepRatio": 0.5, "calibrationCorpus": "code"})),
        ("expert-prune", json!({"strategy": "router-gate-l2", "keepPerLayer": [8, 8]})),
        ("expert-activation-profile", json!({"calibrationCorpus": "code", "metric": "activation_count"})),
        (
            "criterion-comparison",
            json!({"criteria": [{"name": "count", "strategy": "reap", "calibrationCorpus": "code"}, {"name": "chance", "strategy": "random", "seeds": [1]}],
                "budgets": [{"keepRatio": 0.5, "allocation": "adaptive"}, {"keepExpertsPerLayer": 8}], "evaluationCorpora": ["code"],
                "maxLength": 2, "maxExamples": 1, "resamples": 100, "seed": 1}),
        ),
        ("package", json!({"format": "safetensors", "includeTokenizer": false})),
        ("package", json!({"format": "both"})),
        ("quant", json!({"format": "gguf", "quantTypes": ["F16", "Q4_K_M"]})),
        (
            "quant",
            json!({"format": "gguf", "quantTypes": ["Q8_0"], "importanceMatrix": "code", "modelName": "A-1", "preTokenizer": "smollm",
                "deviceTargets": ["RTX 3090"]}),
        ),
    ];
    for (name, config) in runs {
        let stage = registry.stage_types("llm-forge").unwrap().find(|stage| stage.name == name).unwrap();
        for (which, schema) in [("recipe", &stage.schema), ("document", &stage.document_schema)] {
            let problems = Schema::compile(schema).unwrap().check(&Node::from_serde(&config), "");
            assert!(problems.is_empty(), "{name} in a {which}: {problems:?}");
        }
    }
}

/// A schema that names a default must accept it.
#[test]
fn defaults_are_legal_and_as_the_table_says() {
    let registry = registry();
    let mut defaults = BTreeMap::new();
    for stage in registry.stage_types("llm-forge").unwrap() {
        let properties = stage.document_schema["properties"].as_object().cloned().unwrap_or_default();
        for (member, schema) in properties.iter().filter(|(_, schema)| schema.get("default").is_some_and(|it| !it.is_null())) {
            let mut alone = schema.clone();
            alone["$defs"] = stage.document_schema["$defs"].clone();
            if alone["$defs"].is_null() {
                alone.as_object_mut().unwrap().remove("$defs");
            }
            let problems = Schema::compile(&alone).unwrap().check(&Node::from_serde(&schema["default"]), member);
            assert!(problems.is_empty(), "{}: {problems:?}", stage.name);
            defaults.insert(format!("{}.{member}", stage.name), schema["default"].clone());
        }
    }
    let expected: Value = serde_json::from_str(DEFAULTS).unwrap();
    assert_eq!(serde_json::to_value(&defaults).unwrap(), expected, "{}", serde_json::to_string_pretty(&defaults).unwrap());
}

/// Copied from the format's table by hand.
const DEFAULTS: &str = r#"{
  "source-config.inputModalities": [], "source-config.targetDevices": [],
  "modality.projectionArch": "mlp", "modality.freezeBase": true, "modality.freezeEncoder": true,
  "prune.minHeadsPerLayer": 4, "prune.minKvHeadsPerLayer": 2, "prune.analysisSteps": 200,
  "train.batchSize": 4, "train.gradientAccumulation": 1, "train.scheduler": "cosine", "train.warmupRatio": 0.03,
  "train.weightDecay": 0.01, "train.maxGradientNorm": 1.0, "train.precision": "bf16", "train.sequenceLength": 2048,
  "train.optimizations": [],
  "lora.rank": 32, "lora.dropout": 0.05, "lora.targetModules": ["q_proj", "k_proj", "v_proj", "o_proj"], "lora.quantize": true,
  "lora.quantizeBits": 4, "lora.epochs": 3, "lora.learningRate": "1e-4", "lora.batchSize": 4, "lora.mergeAfter": false,
  "compact.deadThreshold": 0.1, "compact.dormantThreshold": 0.2, "compact.lowThreshold": 0.3, "compact.mediumThreshold": 0.5,
  "compact.highThreshold": 0.7, "compact.enableQuantization": true,
  "compensation-lora.lossType": "kl_logits", "compensation-lora.kdTemperature": 2.0, "compensation-lora.loraRank": 16,
  "compensation-lora.loraAlpha": 32, "compensation-lora.targetModules": [], "compensation-lora.steps": 500,
  "compensation-lora.learningRate": "1e-4", "compensation-lora.mergedAtSave": true,
  "expert-activation-profile.metric": "activation_count", "expert-activation-profile.maxLength": 2048,
  "expert-prune.profileSteps": 100, "expert-prune.expertTensorLayout": "auto",
  "criterion-comparison.maxLength": 2048, "criterion-comparison.resamples": 10000, "criterion-comparison.seed": 0,
  "quant.deviceTargets": [],
  "eval.compareToBase": true,
  "package.optimization": "balanced", "package.validateOn": [], "package.includeTokenizer": true,
  "publish.repoNameTemplate": "{base}-{domain}-forged", "publish.includeAlloy": true, "publish.cardFromBenchmarks": true,
  "publish.tags": [], "publish.private": false,
  "deliver.repoNameTemplate": "{base}-{domain}-forged", "deliver.includeAlloy": true, "deliver.cardFromBenchmarks": true,
  "deliver.tags": [], "deliver.private": false,
  "deploy.healthCheck": true, "deploy.warmup": true,
  "team-search.numProblems": 50,
  "many-worlds-ensemble.method": "logit-blend", "many-worlds-ensemble.alpha": 0.2, "many-worlds-ensemble.topK": 20,
  "many-worlds-ensemble.blendStrategy": "specialist-top-k-boost",
  "gate-profile.numProblems": 100,
  "population-prune.minContribution": 0.05,
  "many-worlds-substrate.substrateDim": 256, "many-worlds-substrate.numGaussians": 128,
  "many-worlds-substrate.trainingSteps": 1000, "many-worlds-substrate.learningRate": "1e-4", "many-worlds-substrate.lossType": "both",
  "many-worlds-adapter.adapterRank": 64, "many-worlds-adapter.trainingSteps": 500, "many-worlds-adapter.learningRate": "1e-4",
  "cv-ingest.frameFormat": "jpeg-sequence",
  "cv-eval.pipelineConfig": {}, "cv-eval.benchmarks": []
}"#;

#[test]
fn a_recipe_refuses_typos_where_a_document_keeps_them() {
    let registry = registry();
    let recipe = json!({"name": "a", "version": "1.0.0", "source": {"baseModel": "m", "architecture": "olmoe"},
        "stages": [{"type": "train", "stepz": 3, "notes": "n"}]});
    let text = serde_json::to_vec(&recipe).unwrap();
    let problems = Recipe::read(&text, Notation::Json, &registry).unwrap_err();
    assert_eq!((problems.len(), problems[0].path.as_str()), (1, "stages[0].stepz"));
    assert!(problems[0].message.contains("did you mean `steps`"), "{problems:?}");
    assert!(validate(&Document::read(&text).unwrap(), &registry).is_empty());
}
