//! Prints what the forward pass computes for a checkpoint and some token ids, in the schema of `xtask/parity/README.md`.
//!
//! `cargo run --release -p llm-forge --example forward_dump -- <checkpoint> <ids.json>`
#![allow(clippy::print_stdout)]

use llm_forge::families::Model;
use llm_forge::forward::{Engine, ExpertMask, ForwardError, Observer, Options, Routing, Unobserved, Visit};
use llm_forge::perplexity::{PerplexityError, sequence_losses};
use llm_forge::profile::{Profile, ProfileError, measure_sequences};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

/// What the reference is asked, too.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Ids {
    sequences: Vec<Vec<u32>>,
    logit_positions: Vec<Vec<usize>>,
    kept: Option<BTreeMap<usize, Vec<usize>>>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [checkpoint, ids] = arguments.as_slice() else {
        return Err("usage: forward_dump <checkpoint> <ids.json>".into());
    };
    let model = Model::open(Path::new(checkpoint), None)?;
    let ids: Ids = serde_json::from_slice(&std::fs::read(ids)?)?;
    let options = Options::with_threads(std::thread::available_parallelism()?.get());
    let mut dump = json!({ "schema": "alloyworks.forward.v1", "sequences": ids.sequences, "f32": plain(&model, &ids, options)? });
    if let Some(kept) = &ids.kept {
        let mask = ExpertMask::new(&model.experts, kept)?;
        let mut masked = scores(&model, Some(&mask), &ids, options)?;
        let spelled: BTreeMap<String, &Vec<usize>> = kept.iter().map(|(layer, kept)| (layer.to_string(), kept)).collect();
        masked.insert("kept".to_owned(), json!(spelled));
        dump["masked"] = Value::Object(masked);
    }
    println!("{}", serde_json::to_string(&dump)?);
    Ok(())
}

/// Everything about the unmasked model.
fn plain(model: &Model, ids: &Ids, options: Options) -> Result<Value, Box<dyn Error>> {
    let mut result = scores(model, None, ids, options)?;
    let mut recorder = Recorder::default();
    Engine::new(model, options)?
        .run(stream(ids), None, &mut recorder, &llm_forge::progress::ignore, |_, _| Ok::<(), ForwardError>(()))?;
    let router: BTreeMap<String, Value> =
        recorder.layers.iter().map(|(layer, routing)| (layer.to_string(), router_value(routing, ids))).collect();
    result.insert("router".to_owned(), json!(router));
    let profile = measure_sequences::<ProfileError>(model, None, stream(ids), options, &llm_forge::progress::ignore)?;
    let norms: BTreeMap<String, &Vec<f64>> =
        profile.layers.iter().map(|(layer, profile)| (layer.to_string(), &profile.router_l2)).collect();
    result.insert("experts".to_owned(), experts_value(&profile));
    result.insert("router_l2".to_owned(), json!(norms));
    Ok(Value::Object(result))
}

fn stream<E>(ids: &Ids) -> (u64, impl Iterator<Item = Result<Vec<u32>, E>>) {
    (ids.sequences.len() as u64, ids.sequences.iter().cloned().map(Ok))
}

/// Logits, losses and perplexity.
fn scores(model: &Model, mask: Option<&ExpertMask>, ids: &Ids, options: Options) -> Result<Map<String, Value>, Box<dyn Error>> {
    let mut logits = Vec::new();
    Engine::new(model, options)?.run(stream(ids), mask, &mut Unobserved, &llm_forge::progress::ignore, |head, wave| {
        let first = usize::try_from(wave.first()).expect("a sequence number of a list in memory");
        for place in 0..wave.sequences().len() {
            for position in &ids.logit_positions[first + place] {
                logits.push(
                    json!({ "sequence": first + place, "position": position, "values": head.logits(wave, place, *position)? }),
                );
            }
        }
        Ok::<(), ForwardError>(())
    })?;
    let losses = sequence_losses::<PerplexityError>(model, mask, stream(ids), options, &llm_forge::progress::ignore)?;
    let (nll, predicted): (Vec<f64>, Vec<u64>) = losses.iter().map(|loss| (loss.nll, loss.predicted)).unzip();
    let perplexity = libm::exp(nll.iter().sum::<f64>() / predicted.iter().sum::<u64>() as f64);
    let members = [
        ("logits", json!(logits)),
        ("nll", json!(nll)),
        ("predicted_tokens", json!(predicted)),
        ("perplexity", json!(perplexity)),
    ];
    Ok(members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

/// Cuts a layer's routing into sequences and tokens.
fn router_value(routing: &Routing, ids: &Ids) -> Value {
    let mut experts = routing.experts.chunks_exact(routing.top_k);
    let mut weights = routing.weights.chunks_exact(routing.top_k);
    let selected: Vec<Vec<&[u32]>> = ids.sequences.iter().map(|s| experts.by_ref().take(s.len()).collect()).collect();
    let weights: Vec<Vec<&[f32]>> = ids.sequences.iter().map(|s| weights.by_ref().take(s.len()).collect()).collect();
    let sort = |experts: &&[u32]| {
        let mut sorted = experts.to_vec();
        sorted.sort_unstable();
        sorted
    };
    let sorted: Vec<Vec<Vec<u32>>> = selected.iter().map(|sequence| sequence.iter().map(sort).collect()).collect();
    json!({ "selected": selected, "selected_sorted": sorted, "weights": weights })
}

fn experts_value(profile: &Profile) -> Value {
    let of = |layer: &llm_forge::profile::LayerProfile| {
        json!({
            "activation_count": layer.activation_count,
            "gate_sum": layer.gate_sum,
            "gate_weighted_sum": layer.gate_weighted_sum,
            "expert_activation_norm": layer.activation_norm,
            "reap": layer.reap(),
        })
    };
    profile.layers.iter().map(|(layer, profile)| (layer.to_string(), of(profile))).collect()
}

/// Keeps every layer's routing, wave after wave.
#[derive(Default)]
struct Recorder {
    layers: BTreeMap<usize, Routing>,
}

impl Observer for Recorder {
    fn wants_experts(&self) -> bool {
        false
    }

    fn routed(&mut self, layer: usize, routing: &Routing) {
        let kept = self.layers.entry(layer).or_default();
        kept.top_k = routing.top_k;
        kept.experts.extend_from_slice(&routing.experts);
        kept.weights.extend_from_slice(&routing.weights);
    }

    fn expert(&mut self, _visit: &Visit<'_>) {}
}
