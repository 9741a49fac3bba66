//! What a run adds to the artifact's root, derived from what its chain measured and nothing else.

use std::collections::BTreeMap;

use aw_alloy::chain::{Chain, Link};
use aw_alloy::decimal::Decimal;
use aw_alloy::digest::Digest;
use aw_alloy::gates::regression::{Limits, Series};
use aw_alloy::text::Node;
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
    let benchmarks: Vec<Value> = evaluations(&chain.links).iter().flat_map(|cycles| benchmarks(cycles)).collect();
    let mut results = Map::new();
    if let Some((base, forged)) = benchmarks
        .iter()
        .find(|it| it["name"] == "perplexity")
        .and_then(|first| Some((first["metrics"]["base"].as_f64()?, first["metrics"]["forged"].as_f64()?)))
    {
        results.insert("baselinePerplexity".into(), json!(round(base, 4)));
        results.insert("finalPerplexity".into(), json!(round(forged, 4)));
        results.insert("improvementPct".into(), json!(round((base - forged) / base * 100.0, 2)));
    }
    results.insert("benchmarks".into(), Value::Array(benchmarks));
    Value::Object(results)
}

/// The evaluations, each stage with the links of all its cycles.
fn evaluations(links: &[Link]) -> Vec<Vec<&Link>> {
    let mut stages: BTreeMap<u32, Vec<&Link>> = BTreeMap::new();
    for link in links.iter().filter(|link| link.stage_type == "eval") {
        stages.entry(link.stage_index).or_default().push(link);
    }
    stages.into_values().collect()
}

/// The perplexities so far, for the gate that halts a run: the base's first, then the forged model's after each cycle.
pub(crate) fn watched(links: &[Link]) -> Vec<Series> {
    evaluations(links).iter().flat_map(|cycles| series(cycles)).collect()
}

fn series(cycles: &[&Link]) -> Vec<Series> {
    let Some(last) = cycles.last() else { return Vec::new() };
    let measured = last.measurements["benchmarks"].as_array().into_iter().flatten().enumerate();
    let of = |link: &Link, index: usize, variant: &str| {
        Decimal::from_f64(link.measurements["benchmarks"][index]["values"][variant].as_f64()?)
    };
    let series = |(index, it): (usize, &Value)| {
        // The gate holds what goes up when a model gets worse.
        if it["higherIsBetter"].as_bool() == Some(true) {
            return None;
        }
        let base = of(cycles.first()?, index, "base")?;
        let forged: Option<Vec<Decimal>> = cycles.iter().map(|link| of(link, index, "forged")).collect();
        let stated = &last.configuration["benchmarks"][index]["regression"];
        Some(Series {
            benchmark: format!("{}/{}", it["name"].as_str()?, it["subset"].as_str()?),
            values: std::iter::once(base).chain(forged?).collect(),
            limits: Limits::of(&Node::from_serde(stated)).unwrap_or_default(),
            path: format!("chain.links[{}].measurements.benchmarks[{index}]", last.index),
        })
    };
    measured.filter_map(series).collect()
}

/// One benchmark result a corpus: every variant's value in the open bag, the samples by path and hash, after several cycles the values of
/// each.
fn benchmarks(cycles: &[&Link]) -> Vec<Value> {
    let Some(link) = cycles.last() else { return Vec::new() };
    let measured = link.measurements["benchmarks"].as_array().into_iter().flatten().enumerate();
    let benchmark = |(index, it): (usize, &Value)| {
        let mut metrics = Map::new();
        for variant in it["variants"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if let Some(value) = it["values"][variant].as_f64() {
                metrics.insert(variant.into(), json!(round(value, 4)));
            }
        }
        let higher = it["higherIsBetter"].as_bool().unwrap_or(false);
        let metric = it["metric"].as_str().unwrap_or("perplexity");
        let mut result =
            json!({"name": it["name"], "subset": it["subset"], "metric": metric, "higherIsBetter": higher, "metrics": metrics});
        result["predictedTokens"] = it["predictedTokens"].clone();
        compared(it, &mut result);
        for (variant, path, hash) in [("forged", "samplesPath", "resultHash"), ("base", "baseSamplesPath", "baseResultHash")] {
            if let Some(sample) = it["samples"].get(variant).filter(|sample| sample.is_object()) {
                result[path] = sample["path"].clone();
                result[hash] = sample["sha256"].clone();
            }
        }
        let controls = it["variants"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let controls = controls.filter(|variant| !["base", "forged"].contains(variant)).map(|variant| {
            let sample = &it["samples"][variant];
            json!({"name": variant, "samplesPath": sample["path"], "samplesHash": sample["sha256"]})
        });
        let controls: Vec<Value> = controls.collect();
        if !controls.is_empty() {
            result["controls"] = controls.into();
        }
        if cycles.len() > 1 {
            let value = |link: &&Link| link.measurements["benchmarks"][index]["values"]["forged"].as_f64();
            result["cycles"] = cycles.iter().filter_map(value).map(|value| json!(round(value, 4))).collect();
        }
        if let Some(members) = result.as_object_mut() {
            members.retain(|_, value| !value.is_null());
        }
        result
    };
    measured.map(benchmark).collect()
}

/// The forged model beside the base: both values, the difference with its interval and unit, how many examples it comes from, and for
/// scores the points and counts.
fn compared(it: &Value, result: &mut Value) {
    for variant in ["base", "forged"] {
        result[variant] = it["values"][variant].as_f64().map_or(Value::Null, |value| json!(round(value, 4)));
    }
    if it["higherIsBetter"].as_bool() == Some(true) {
        result["score"] = it["values"]["forged"].clone();
        result["baseScore"] = it["values"]["base"].clone();
        for (member, at) in [("passed", "passed"), ("total", "total")] {
            result[member] = it["counts"]["forged"][at].clone();
        }
    }
    let difference = &it["differences"]["forged"];
    if let Some(estimate) = difference["estimate"].as_f64() {
        let end = |index: usize| difference["ci95"][index].as_f64().map(|end| round(end, 6));
        result["delta"] = json!(round(estimate, 6));
        result["deltaUnit"] = it["differencesIn"].clone();
        result["ci95"] = json!([end(0), end(1)]);
    }
    result["n"] = it["examples"].clone();
    result["tier"] = it["tier"].clone();
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
