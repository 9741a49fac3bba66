//! Importance files: held against a small model, whole through a round trip, and nothing in them read twice.
#![no_main]

use std::sync::LazyLock;

use aw_alloy::text::{Limits, json};
use libfuzzer_sys::fuzz_target;
use llm_forge::families::{ExpertGeometry, family};
use llm_forge::profile::{Expectation, Importance, Metric};
use llm_forge::prune::Scores;

/// Three layers of four experts, the middle one dense.
static GEOMETRY: LazyLock<ExpertGeometry> = LazyLock::new(|| {
    let config = serde_json::json!({
        "model_type": "qwen3_moe", "num_hidden_layers": 3, "hidden_size": 8, "vocab_size": 16, "num_attention_heads": 2,
        "num_key_value_heads": 1, "head_dim": 4, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 4,
        "intermediate_size": 8, "mlp_only_layers": [1], "rms_norm_eps": 1e-6, "rope_theta": 10000.0, "max_position_embeddings": 64,
        "norm_topk_prob": true
    });
    let geometry = family("qwen3_moe").and_then(|family| family.experts(&config)).expect("a config of this family");
    assert_eq!(geometry.sparse, [true, false, true]);
    geometry
});

fuzz_target!(|bytes: &[u8]| {
    let expected = Expectation { geometry: &GEOMETRY, source_model_sha256: None };
    let accepted: Vec<Importance> =
        Metric::ALL.iter().filter_map(|metric| Importance::from_bytes(bytes, *metric, expected).ok()).collect();
    let [importance] = accepted.as_slice() else {
        return assert!(accepted.is_empty(), "one file holds one metric");
    };
    json::parse(bytes, &Limits::WEIGHT_INDEX).expect("nothing in it is read one way here and another way elsewhere");
    let rows: Vec<(usize, usize)> = match &importance.scores {
        Scores::Counts(layers) => layers.iter().map(|(layer, row)| (*layer, row.len())).collect(),
        Scores::Values(layers) => {
            assert!(layers.values().flatten().all(|score| score.is_finite()));
            layers.iter().map(|(layer, row)| (*layer, row.len())).collect()
        }
    };
    assert_eq!(rows, [(0, 4), (2, 4)], "every layer with experts, each expert once");
    let again =
        Importance::from_bytes(&importance.to_bytes(), importance.metric, expected).expect("what was written is readable");
    assert_eq!(again, *importance, "nothing is lost in writing");
});
