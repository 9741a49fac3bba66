//! Documents nobody would write: spoiled at every place, recipes with members no recipe has. Nothing panics, nothing passes unseen.

use aw_alloy::document::hashes::{AlloyHashKind, alloy_hash, which_alloy_hash};
use aw_alloy::document::members::DocumentRoot;
use aw_alloy::document::{Document, delta, headline_score, peculiarities, validate};
use aw_alloy::recipe::{Notation, Recipe};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::cups::Open;

const WHOLE: &str = include_str!("../../../../spec/vectors/document/whole.alloy.json");

/// The whole document with the stages of the open vocabulary.
fn whole() -> Value {
    let mut document: Value = serde_json::from_str(WHOLE).unwrap();
    document["domains"] = json!(["open"]);
    document["stages"] = json!([{"type": "fire", "calibrationCorpus": "x", "keepExpertsPerLayer": 48}, {"type": "glaze"}]);
    document
}

/// Asks everything that can be asked of a document.
fn look(document: &Value) -> usize {
    let Ok(document) = Document::read(document.to_string().as_bytes()) else { return 1 };
    let problems = validate(&document, &Open);
    assert!(problems.iter().all(|problem| !problem.code.is_empty() && !problem.message.is_empty()));
    peculiarities(&document);
    for kind in [AlloyHashKind::File, AlloyHashKind::Receipt, AlloyHashKind::Pipeline] {
        assert!(which_alloy_hash(&document, &alloy_hash(&document, kind).to_string()).is_some());
    }
    for result in document.benchmarks() {
        headline_score(result);
        delta(result);
    }
    let _ = (document.ensemble(), document.integrity(), document.architecture());
    problems.len()
}

/// Every place of a document.
fn places(value: &Value, path: &str, into: &mut Vec<String>) {
    into.push(path.to_owned());
    match value {
        Value::Array(items) => items.iter().enumerate().for_each(|(index, item)| places(item, &format!("{path}/{index}"), into)),
        Value::Object(members) => members.iter().for_each(|(name, member)| places(member, &format!("{path}/{name}"), into)),
        _ => {}
    }
}

fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|value| json!(value)),
        any::<i32>().prop_map(|value| json!(value)),
        any::<f64>().prop_filter("JSON has no other", |value| value.is_finite()).prop_map(|value| json!(value)),
        "\\PC{0,12}".prop_map(|text| json!(text)),
        Just(json!("many-worlds-ensemble")),
        Just(json!("sha256:")),
        Just(json!("GB")),
        Just(json!("2026-13-01T00:00:00-0500")),
        Just(json!("removing % of")),
        Just(json!(9_007_199_254_740_991_i64)),
    ];
    leaf.prop_recursive(2, 8, 4, |inner| {
        let names = prop_oneof![
            Just("name"),
            Just("sha256"),
            Just("metrics"),
            Just("_x"),
            Just("type"),
            Just("benchmarks"),
            Just("é.[0]")
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
            prop::collection::vec((names, inner), 0..3)
                .prop_map(|members| members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn any_value_at_any_place_is_looked_at_without_panic(place in any::<prop::sample::Index>(), value in anything()) {
        let mut document = whole();
        let mut all = Vec::new();
        places(&document, "", &mut all);
        *document.pointer_mut(&all[place.index(all.len())]).unwrap() = value;
        look(&document);
    }
}

#[test]
fn the_document_that_is_spoiled_is_good_and_reads_into_its_types() {
    assert_eq!(look(&whole()), 0);
    let root: DocumentRoot = serde_json::from_value(whole()).unwrap();
    assert!(root.source.is_moe && root.hardware.unwrap().min_vram_gb == Some(4.0));
    assert_eq!(root.evaluation_benchmarks.unwrap()[0].n_shot, Some(0));
    assert_eq!(root.results.unwrap().benchmarks[0].metrics.len(), 4);
}

#[test]
fn members_no_recipe_has_are_refused_below_the_root_too() {
    let recipe = |more: &str| {
        format!("name: cup\nversion: 1.0.0\nsource: {{baseModel: clay, architecture: stone}}\nstages: [{{type: fire}}]\n{more}\n")
    };
    let read = |more: &str| Recipe::read(recipe(more).as_bytes(), Notation::Yaml, &Open);
    for (more, path, meant) in [
        ("hardware: {minVramGB: 4}", "hardware.minVramGB", "minVramGb"),
        ("hardware: {supportsCpu: true}", "hardware.supportsCpu", "supportsCPU"),
        ("target: {prunRatio: 0.3}", "target.prunRatio", "pruneRatio"),
        ("outputs: {produce: []}", "outputs.produce", "produces"),
        ("search: {methods: manual}", "search.methods", "method"),
        ("quantTiers: [{format: gguf, variant: [x]}]", "quantTiers[0].variant", "variants"),
        ("evaluationBenchmarks: [{name: x, nshot: 3}]", "evaluationBenchmarks[0].nshot", "nShot"),
        ("acceptanceCriteria: {benchmark: {}}", "acceptanceCriteria.benchmark", "benchmarks"),
        (
            "acceptanceCriteria: {benchmarks: {x: {min: 0.5, anchorDelt: -3}}}",
            "acceptanceCriteria.benchmarks.x.anchorDelt",
            "anchorDelta",
        ),
        ("calibrationCorpus: {name: x, sizeByte: 3}", "calibrationCorpus.sizeByte", "sizeBytes"),
    ] {
        let problems = read(more).unwrap_err();
        let [problem] = problems.as_slice() else { panic!("{more}: {problems:#?}") };
        assert_eq!((problem.code, problem.path.as_str()), ("unknown-field", path), "{problem}");
        assert!(problem.message.contains(&format!("did you mean `{meant}`?")) && problem.at.is_some(), "{problem}");
    }
    for (more, code, path) in [
        ("acceptanceCriteria: {benchmarks: {x: {min: 45}}}", "out-of-range", "acceptanceCriteria.benchmarks.x.min"),
        ("acceptanceCriteria: {benchmarks: {x: {anchorDelta: 0}}}", "missing-field", "acceptanceCriteria.benchmarks.x.min"),
        ("search: {quickEvalChunks: 51}", "out-of-range", "search.quickEvalChunks"),
        ("quantTiers: [{variants: [x]}]", "missing-field", "quantTiers[0].format"),
        ("evaluationBenchmarks: [{subset: x}]", "missing-field", "evaluationBenchmarks[0].name"),
        (
            "evaluationBenchmarks: [{name: x, calibrationAnchor: {resultHash: y}}]",
            "recipe-holds-results",
            "evaluationBenchmarks[0].calibrationAnchor.resultHash",
        ),
        ("typeByte: \"0x01\"\nhardware: 3", "wrong-type", "hardware"),
    ] {
        let problems = read(more).unwrap_err();
        assert!(problems.iter().any(|problem| problem.code == code && problem.path == path), "{more}: {problems:#?}");
    }
    let whole = "hardware: {minVramGb: 4, supportsCPU: true}\nquantTiers: [{format: gguf, variants: [Q4_K_M], targetDevices: [phone]}]\n\
                 evaluationBenchmarks: [{name: humaneval, nShot: 0, calibrationAnchor: {publishedScore: null, mine: 1}}]\n\
                 acceptanceCriteria: {benchmarks: {humaneval: {min: 0.45, anchorDelta: -3.0}}, hardware: {maxVramGb: 8}}\nsearch: {method: binary}";
    let recipe = read(whole).unwrap();
    let root = recipe.root();
    assert!(root.hardware.as_ref().unwrap().supports_cpu);
    assert_eq!(root.acceptance_criteria.as_ref().unwrap().benchmarks["humaneval"].anchor_delta, Some(-3.0));
    assert_eq!((root.quant_tiers[0].variants[0].as_str(), root.evaluation_benchmarks[0].name.as_str()), ("Q4_K_M", "humaneval"));
    assert_eq!(root.search.as_ref().unwrap().quick_eval_chunks, 10);
}
