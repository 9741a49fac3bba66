//! What a run adds to the artifact's root, derived from what its chain measured and nothing else.

use aw_alloy::chain::{Chain, Link};
use aw_alloy::digest::Digest;
use aw_domain::Tree;
use serde_json::{Map, Value, json};

use crate::hashes::{model_hash_of, weight_files};
use crate::stages::prune::round;

/// Derives `results`, the parameter counts and the hashes of the weights.
pub(crate) fn learned(chain: &Chain, tree: &Tree) -> Map<String, Value> {
    let mut members = Map::new();
    members.insert("results".into(), results(chain));
    let last = |stage: &str| chain.links.iter().rev().find(|link| link.stage_type == stage);
    if let Some(prune) = last("expert-prune") {
        for (name, figure) in [("forgedParamsB", "parametersAfter"), ("activeParamsB", "activeParameters")] {
            if let Some(parameters) = prune.measurements[figure].as_u64() {
                members.insert(name.into(), json!(parameters as f64 / 1e9));
            }
        }
    }
    members.insert("integrity".into(), integrity(chain, tree));
    members
}

fn results(chain: &Chain) -> Value {
    let evals = chain.links.iter().filter(|link| link.stage_type == "eval");
    let benchmarks: Vec<Value> = evals.flat_map(benchmarks).collect();
    let mut results = Map::new();
    if let Some((base, forged)) =
        benchmarks.first().and_then(|first| Some((first["metrics"]["base"].as_f64()?, first["metrics"]["forged"].as_f64()?)))
    {
        results.insert("baselinePerplexity".into(), json!(round(base, 4)));
        results.insert("finalPerplexity".into(), json!(round(forged, 4)));
        results.insert("improvementPct".into(), json!(round((base - forged) / base * 100.0, 2)));
    }
    results.insert("benchmarks".into(), Value::Array(benchmarks));
    Value::Object(results)
}

/// One benchmark result a corpus: every variant's value in the open bag, the samples of forged and base by path and hash.
fn benchmarks(link: &Link) -> Vec<Value> {
    let measured = link.measurements["benchmarks"].as_array().into_iter().flatten();
    let benchmark = |it: &Value| {
        let mut metrics = Map::new();
        for variant in it["variants"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if let Some(value) = it["values"][variant].as_f64() {
                metrics.insert(variant.into(), json!(round(value, 4)));
            }
        }
        let mut result = json!({"name": it["name"], "subset": it["subset"], "metric": "perplexity", "metrics": metrics});
        result["predictedTokens"] = it["predictedTokens"].clone();
        for (variant, path, hash) in [("forged", "samplesPath", "resultHash"), ("base", "baseSamplesPath", "baseResultHash")] {
            if let Some(sample) = it["samples"].get(variant) {
                result[path] = sample["path"].clone();
                result[hash] = sample["sha256"].clone();
            }
        }
        result
    };
    measured.map(benchmark).collect()
}

fn integrity(chain: &Chain, tree: &Tree) -> Value {
    let mut integrity = json!({});
    // The weights lie at the root once packaged, under `model/` before.
    let folder = if weight_files(tree.entries(), "").next().is_some() { "" } else { "model" };
    if let Some(hash) = model_hash_of(tree.entries(), folder) {
        integrity["modelHash"] = json!(hash);
    }
    let file = |(name, digest): (&str, &Digest)| {
        let path = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        json!({"filename": name, "sha256": digest.hex(), "size": tree.get(&path).map(|entry| entry.bytes)})
    };
    integrity["fileHashes"] = weight_files(tree.entries(), folder).map(file).collect();
    let mut datasets: Vec<(String, Digest)> = chain
        .links
        .iter()
        .flat_map(|link| &link.read)
        .filter_map(|(name, digest)| Some((name.strip_prefix("file:")?.to_owned(), *digest)))
        .collect();
    datasets.sort();
    datasets.dedup();
    integrity["datasets"] = datasets.iter().map(|(name, digest)| json!({"name": name, "hash": digest})).collect();
    integrity
}
