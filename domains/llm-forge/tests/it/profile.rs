//! Profiles against the reference, their determinism, and the importance file.

use crate::golden::{self, Case};
use llm_forge::forward::Options;
use llm_forge::profile::{Expectation, Importance, Metric, Profile, ProfileError, Provenance, measure_sequences};
use llm_forge::progress;
use llm_forge::prune::Scores;
use serde_json::{Value, json};

/// Largest relative difference of a sum of f32 products from the reference.
const SUM_TOLERANCE: f64 = 5e-6;

fn measure(case: &Case, threads: usize, wave_tokens: usize) -> Profile {
    let options = Options { threads, wave_tokens };
    measure_sequences::<ProfileError>(&case.model, None, case.stream(), options, &progress::ignore).unwrap()
}

fn close(what: &str, ours: &[f64], reference: &[f64]) {
    assert_eq!(ours.len(), reference.len(), "{what}");
    for (expert, (a, b)) in ours.iter().zip(reference).enumerate() {
        assert!((a - b).abs() <= SUM_TOLERANCE * b.abs(), "{what} of expert {expert}: {a} not {b}");
    }
}

#[test]
fn every_metric_is_the_references() {
    let mut norms_compared = 0;
    for case in golden::cases() {
        let profile = measure(&case, 2, 64);
        let reference = &case.expected.f32;
        assert_eq!(profile.layers.keys().collect::<Vec<_>>(), reference.experts.keys().collect::<Vec<_>>(), "{}", case.name);
        for (layer, expected) in &reference.experts {
            let ours = &profile.layers[layer];
            let named = |metric: &str| format!("{} layer {layer}: {metric}", case.name);
            assert_eq!(ours.activation_count, expected.activation_count, "{}", named("activation_count"));
            close(&named("gate_sum"), &ours.gate_sum, &expected.gate_sum);
            close(&named("gate_weighted_sum"), &ours.gate_weighted_sum, &expected.gate_weighted_sum);
            if let Some(norms) = &expected.expert_activation_norm {
                close(&named("expert_activation_norm"), &ours.activation_norm, norms);
                norms_compared += 1;
            }
            close(&named("reap"), &ours.reap(), &expected.reap);
            let norms: Vec<f64> = reference.router_l2[layer].iter().map(|norm| f64::from(*norm)).collect();
            assert_eq!(ours.router_l2, norms, "{}", named("router_l2"));
        }
        let tokens: usize = case.expected.sequences.iter().map(Vec::len).sum();
        assert_eq!((profile.examples, profile.tokens), (case.expected.sequences.len() as u64, tokens as u64));
        let dense: Vec<usize> = (0..case.model.experts.layers).filter(|l| !case.model.experts.sparse[*l]).collect();
        assert_eq!(profile.dense_layers, dense);
    }
    assert!(norms_compared >= 10, "the goldens lost their expert activation norms: {norms_compared} layers have them");
}

#[test]
fn threads_and_waves_change_no_bit_of_any_file() {
    for case in golden::cases() {
        let files = |profile: &Profile| {
            Metric::ALL.map(|metric| Importance::of(profile, metric, case.model.experts.layers, provenance()).to_bytes())
        };
        let expected = files(&measure(&case, 1, 1));
        for (threads, wave) in [(1, 1000), (2, 30), (3, 1000)] {
            assert!(files(&measure(&case, threads, wave)) == expected, "{}: {threads} threads, waves of {wave}", case.name);
        }
    }
}

#[test]
fn a_corpus_without_tokens_is_an_error() {
    let case = golden::case("olmoe-f32");
    let none = (0, std::iter::empty::<Result<Vec<u32>, ProfileError>>());
    let error = measure_sequences(&case.model, None, none, Options::with_threads(1), &progress::ignore);
    assert!(matches!(error, Err(ProfileError::NoTokens { .. })));
}

fn provenance() -> Provenance {
    Provenance {
        model: "tiny".to_owned(),
        calibration_corpus: "code.jsonl".to_owned(),
        calibration_corpus_sha256: "ab".repeat(32),
        tool: "llm-forge 0".to_owned(),
        source_model_sha256: Some("cd".repeat(32)),
        max_length: Some(2048),
        precision: Some("f32".to_owned()),
        runtime: None,
        ..Provenance::default()
    }
}

#[test]
fn an_importance_file_has_the_specified_keys_and_reads_back() {
    let case = golden::case("qwen3_moe-f32-dense");
    let profile = measure(&case, 2, 64);
    let expected = Expectation { geometry: &case.model.experts, source_model_sha256: Some(&"cd".repeat(32)) };
    for metric in Metric::ALL {
        let file = Importance::of(&profile, metric, case.model.experts.layers, provenance());
        let bytes = file.to_bytes();
        assert_eq!(Importance::from_bytes(&bytes, metric, expected).unwrap(), file, "{}", metric.name());
        let value: Value = serde_json::from_slice(&bytes).unwrap();
        let keys: Vec<&String> = value.as_object().unwrap().keys().collect();
        let scores = if metric == Metric::ActivationCount { "activation_counts" } else { metric.name() };
        assert_eq!(
            keys,
            [
                "model",
                "calibration_corpus",
                "calibration_corpus_sha256",
                "calibration_examples",
                "calibration_tokens",
                "num_hidden_layers",
                "num_experts",
                "num_experts_per_tok",
                scores,
                "metric_version",
                "tool",
                "source_model_sha256",
                "max_length",
                "precision"
            ]
        );
        assert_eq!(value["metric_version"], format!("v1.{}", metric.name()));
        assert_eq!(metric.file_name(), format!("importance.{}.json", metric.name()));
        assert!(matches!((metric, &file.scores), (Metric::ActivationCount, Scores::Counts(_)) | (_, Scores::Values(_))));
    }
}

/// Changes a valid file's JSON and returns what the reader says.
fn refused(change: impl FnOnce(&mut Value)) -> String {
    let case = golden::case("qwen3_moe-f32-dense");
    let file = Importance::of(&measure(&case, 1, 64), Metric::ActivationCount, case.model.experts.layers, provenance());
    let mut value: Value = serde_json::from_slice(&file.to_bytes()).unwrap();
    change(&mut value);
    let expected = Expectation { geometry: &case.model.experts, source_model_sha256: Some(&"cd".repeat(32)) };
    match Importance::from_bytes(&serde_json::to_vec(&value).unwrap(), Metric::ActivationCount, expected) {
        Ok(_) => "accepted".to_owned(),
        Err(error) => error.to_string(),
    }
}

fn drop_key(value: &mut Value, key: &str) {
    value.as_object_mut().unwrap().remove(key).unwrap();
}

#[test]
fn the_reader_refuses_what_does_not_fit_the_model() {
    assert_eq!(refused(|_| ()), "accepted");
    assert_eq!(refused(|v| drop_key(v, "activation_counts")), "the importance file has no `activation_counts`");
    assert_eq!(refused(|v| drop_key(v, "calibration_corpus_sha256")), "the importance file has no `calibration_corpus_sha256`");
    assert_eq!(
        refused(|v| drop_key(&mut v["activation_counts"], "1")),
        "importance key `activation_counts`, layer 1: the layer routes to experts, but has no scores"
    );
    let message = refused(|v| drop(v["activation_counts"]["1"].as_array_mut().unwrap().pop()));
    assert!(
        message.starts_with("importance key `activation_counts`, layer 1: expected ") && message.contains(" scores, got "),
        "{message}"
    );
    let message = refused(|v| v["num_experts"] = json!(99));
    assert!(message.starts_with("importance file: `num_experts` is 99, but the model has "), "{message}");
    let message = refused(|v| v["num_experts_per_tok"] = json!(7));
    assert!(message.starts_with("importance file: `num_experts_per_tok` is 7"), "{message}");
    let message = refused(|v| v["source_model_sha256"] = json!("ee"));
    assert!(message.starts_with("importance file: made from weights ee, but the model's are cdcd"), "{message}");
    assert_eq!(
        refused(|v| v["metric_version"] = json!("v1.reap")),
        "importance file: expected `metric_version` `v1.activation_count`, got `v1.reap`"
    );
    let message = refused(|v| v["activation_counts"]["1"][0] = json!(v["activation_counts"]["1"][0].as_u64().unwrap() + 1));
    assert!(message.contains("layer 1: the counts add up to"), "{message}");
    let message = refused(|v| v["activation_counts"]["1"][0] = json!(-1));
    assert!(message.starts_with("importance key `activation_counts.1`: invalid value"), "{message}");
    let message = refused(|v| v["activation_counts"]["01"] = v["activation_counts"]["1"].clone());
    assert_eq!(message, "importance key `activation_counts`, layer 01: the model has no such layer");
    let message = refused(|v| v["activation_counts"]["99"] = v["activation_counts"]["1"].clone());
    assert_eq!(message, "importance key `activation_counts`, layer 99: the model has no such layer");
}

#[test]
fn dense_layers_of_the_older_form_are_accepted_when_all_zero() {
    let experts = golden::case("qwen3_moe-f32-dense").model.experts.experts;
    assert_eq!(refused(|v| v["activation_counts"]["0"] = json!(vec![0; experts])), "accepted");
    let message = refused(|v| v["activation_counts"]["0"] = json!(vec![1; experts]));
    assert!(message.starts_with("importance key `activation_counts`, layer 0: the layer has no router"), "{message}");
    assert_eq!(
        refused(|v| for key in ["source_model_sha256", "max_length", "precision"] {
            drop_key(v, key)
        }),
        "accepted"
    );
}
