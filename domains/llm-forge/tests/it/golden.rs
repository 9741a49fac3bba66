//! The checkpoints under `tests/golden` and what the reference says of them.

use llm_forge::families::Model;
use llm_forge::forward::{Engine, ExpertMask, ForwardError, Observer, Options, Routing, Unobserved, Visit};
use llm_forge::progress;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[derive(Deserialize)]
pub struct Expected {
    pub sequences: Vec<Vec<u32>>,
    pub f32: Reference,
    pub native: Option<Reference>,
    pub masked: Masked,
}

#[derive(Deserialize)]
pub struct Reference {
    pub logits: Vec<Logits>,
    pub nll: Vec<f64>,
    pub predicted_tokens: Vec<u64>,
    pub perplexity: f64,
    pub router: BTreeMap<usize, Selections>,
    pub experts: BTreeMap<usize, ExpertSums>,
    pub router_l2: BTreeMap<usize, Vec<f32>>,
}

#[derive(Deserialize)]
pub struct Masked {
    pub kept: BTreeMap<usize, Vec<usize>>,
    pub logits: Vec<Logits>,
    pub nll: Vec<f64>,
    pub perplexity: f64,
}

#[derive(Deserialize)]
pub struct Logits {
    pub sequence: usize,
    pub position: usize,
    pub values: Vec<f32>,
}

#[derive(Deserialize)]
pub struct Selections {
    pub selected: Vec<Vec<Vec<u32>>>,
    pub weights: Vec<Vec<Vec<f32>>>,
}

#[derive(Deserialize)]
pub struct ExpertSums {
    pub activation_count: Vec<u64>,
    pub gate_sum: Vec<f64>,
    pub gate_weighted_sum: Vec<f64>,
    /// Absent in goldens written before it was measured.
    #[serde(default)]
    pub expert_activation_norm: Option<Vec<f64>>,
    pub reap: Vec<f64>,
}

pub struct Case {
    pub name: String,
    pub model: Model,
    pub expected: Expected,
}

pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

pub fn case(name: &str) -> Case {
    let folder = folder().join(name);
    let expected = serde_json::from_slice(&std::fs::read(folder.join("expected.json")).unwrap()).unwrap();
    Case { name: name.to_owned(), model: Model::open(&folder, None).unwrap(), expected }
}

/// Every case; fails when some went missing.
pub fn cases() -> Vec<Case> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert!(names.len() >= 10, "expected at least ten golden cases, got {names:?}");
    names.iter().map(|name| case(name)).collect()
}

impl Case {
    pub fn stream<E>(&self) -> (u64, impl Iterator<Item = Result<Vec<u32>, E>>) {
        (self.expected.sequences.len() as u64, self.expected.sequences.iter().cloned().map(Ok))
    }

    /// Computes the logits the reference recorded.
    pub fn logits(&self, mask: Option<&ExpertMask>, options: Options, asked: &[Logits]) -> Vec<Vec<f32>> {
        let mut all = Vec::new();
        let mut engine = Engine::new(&self.model, options).unwrap();
        let done = engine.run(self.stream(), mask, &mut Unobserved, &progress::ignore, |head, wave| {
            let first = wave.first() as usize;
            for logits in asked.iter().filter(|l| (first..first + wave.sequences().len()).contains(&l.sequence)) {
                all.push(head.logits(wave, logits.sequence - first, logits.position)?);
            }
            Ok::<(), ForwardError>(())
        });
        done.unwrap();
        all
    }

    /// Records every layer's routing over all sequences.
    pub fn routing(&self, options: Options) -> BTreeMap<usize, Routing> {
        let mut recorder = Recorder(BTreeMap::new());
        let mut engine = Engine::new(&self.model, options).unwrap();
        engine.run(self.stream(), None, &mut recorder, &progress::ignore, |_, _| Ok::<(), ForwardError>(())).unwrap();
        recorder.0
    }
}

struct Recorder(BTreeMap<usize, Routing>);

impl Observer for Recorder {
    fn wants_experts(&self) -> bool {
        false
    }

    fn routed(&mut self, layer: usize, routing: &Routing) {
        let kept = self.0.entry(layer).or_default();
        kept.top_k = routing.top_k;
        kept.experts.extend_from_slice(&routing.experts);
        kept.weights.extend_from_slice(&routing.weights);
    }

    fn expert(&mut self, _visit: &Visit<'_>) {}
}
