//! One pass over a corpus that adds up every metric.

use super::InputSquares;
use super::growth::{Growth, Snapshots, taken_after};
use crate::checkpoint::CheckpointError;
use crate::corpus::{Corpus, CorpusError, Limits};
use crate::families::{Model, Role, Runnable};
use crate::forward::kernels::Precision;
use crate::forward::{Engine, ExpertMask, ForwardError, Observer, Options, Routing, Visit};
use crate::progress::Progress;
use crate::prune::{Scores, router_l2};
use crate::tokenizer::Tokenizer;
use std::collections::BTreeMap;

/// What one layer's experts did. Every vector has one entry per expert.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LayerProfile {
    /// Tokens routed to the expert.
    pub activation_count: Vec<u64>,
    /// Sum of final routing weights.
    pub gate_sum: Vec<f64>,
    /// Sum of routing weight times the L2 norm of the expert's output before weighting.
    pub gate_weighted_sum: Vec<f64>,
    /// Sum of the L2 norm of the expert's output before weighting.
    pub activation_norm: Vec<f64>,
    /// L2 norm of the expert's router row.
    pub router_l2: Vec<f64>,
}

impl LayerProfile {
    /// The gate-weighted sum per routed token; zero for an expert no token reached.
    #[must_use]
    pub fn reap(&self) -> Vec<f64> {
        let mean = |(sum, count): (&f64, &u64)| if *count == 0 { 0.0 } else { sum / *count as f64 };
        self.gate_weighted_sum.iter().zip(&self.activation_count).map(mean).collect()
    }
}

/// What a corpus does to a model's experts.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// Per sparse layer.
    pub layers: BTreeMap<usize, LayerProfile>,
    /// Layers whose feed-forward block is dense: listed, not counted.
    pub dense_layers: Vec<usize>,
    /// Experts per sparse layer.
    pub experts: usize,
    /// Experts per token.
    pub top_k: usize,
    /// Examples used.
    pub examples: u64,
    /// Tokens used, after truncation.
    pub tokens: u64,
    /// Examples cut to the maximum length.
    pub truncated: u64,
    /// Examples the tokenizer made nothing of, which were skipped.
    pub too_short: u64,
    /// What entered every weight matrix, where it was asked for.
    pub inputs: Option<InputSquares>,
    /// How the activation counts grew.
    pub growth: Growth,
}

/// What part of a corpus is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Tokens after which an example is cut.
    pub max_length: usize,
    /// Examples after which the corpus is left; all where absent.
    pub max_examples: Option<u64>,
    /// What is watched and how it is computed.
    pub pass: Pass,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { max_length: 2048, max_examples: None, pass: Pass::default() }
    }
}

/// What a profiling pass watches beside the experts, and how it computes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pass {
    /// Whether the squares of what enters every weight matrix are added up too.
    pub inputs: bool,
    /// What projections are computed in.
    pub precision: Precision,
}

/// Why a profile could not be measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// The corpus could not be read or encoded.
    #[error(transparent)]
    Corpus(#[from] CorpusError),
    /// The forward pass stopped.
    #[error(transparent)]
    Forward(#[from] ForwardError),
    /// A router's weights could not be read.
    #[error("cannot read a router: {source}")]
    Router {
        /// Why.
        source: CheckpointError,
    },
    /// The corpus gave no tokens.
    #[error("the corpus gave no tokens: {too_short} examples were empty after encoding")]
    NoTokens {
        /// Examples skipped.
        too_short: u64,
    },
    /// A sparse layer was never observed.
    #[error("layer {layer} routes to experts but was not observed; this is a bug in the forward pass")]
    Unobserved {
        /// The layer.
        layer: usize,
    },
    /// A layer's counts do not add up.
    #[error(
        "layer {layer}: the counts add up to {got}, expected tokens times experts per token = {expected}; this is a bug in the forward pass"
    )]
    CountsDiffer {
        /// The layer.
        layer: usize,
        /// Tokens times experts per token.
        expected: u64,
        /// The sum of the layer's counts.
        got: u64,
    },
}

/// Profiles a model on a corpus.
///
/// # Errors
/// When the corpus or the weights cannot be read, a value is not finite, `progress` asks to stop, or the counts do not add up.
///
/// # Determinism
/// Equal bits for any number of threads, any wave size and any instruction set: sums are f64, in corpus order.
pub fn measure(
    model: &Model,
    corpus: &Corpus,
    tokenizer: &Tokenizer,
    settings: Settings,
    options: Options,
    progress: Progress<'_>,
) -> Result<Profile, ProfileError> {
    let limits = Limits { max_length: settings.max_length, max_examples: settings.max_examples, min_length: 1 };
    let mut encoded = corpus.encode(tokenizer, limits)?;
    let total = encoded.at_most();
    let mut profile = measure_pass(model, None, (total, encoded.by_ref()), settings.pass, options, progress);
    if let Ok(profile) = &mut profile {
        profile.truncated = encoded.truncated;
        profile.too_short = encoded.too_short;
    }
    match profile {
        Err(ProfileError::NoTokens { .. }) => Err(ProfileError::NoTokens { too_short: encoded.too_short }),
        other => other,
    }
}

/// Profiles a model on token sequences, `total` of them at most, with some experts dropped if a mask says so.
///
/// # Errors
/// As [`measure`].
pub fn measure_sequences<E>(
    model: &Model,
    mask: Option<&ExpertMask>,
    sequences: (u64, impl IntoIterator<Item = Result<Vec<u32>, E>>),
    options: Options,
    progress: Progress<'_>,
) -> Result<Profile, ProfileError>
where
    ProfileError: From<E>,
{
    measure_pass(model, mask, sequences, Pass::default(), options, progress)
}

/// As [`measure_sequences`], watching and computing as `pass` says.
///
/// # Errors
/// As [`measure`].
pub fn measure_pass<E>(
    model: &Model,
    mask: Option<&ExpertMask>,
    (total, sequences): (u64, impl IntoIterator<Item = Result<Vec<u32>, E>>),
    pass: Pass,
    options: Options,
    progress: Progress<'_>,
) -> Result<Profile, ProfileError>
where
    ProfileError: From<E>,
{
    let runnable = model.runnable().map_err(ForwardError::from)?;
    let g = runnable.geometry;
    let inputs = pass.inputs.then(|| (runnable, InputSquares::default()));
    let mut gatherer = Gatherer { layers: BTreeMap::new(), snapshots: BTreeMap::new(), experts: g.experts, inputs };
    let (mut examples, mut tokens) = (0, 0);
    let sequences = sequences.into_iter().map(|sequence| sequence.map_err(ProfileError::from));
    let mut engine = Engine::with_precision(model, options, pass.precision)?;
    engine.run((total, sequences), mask, &mut gatherer, progress, |_, wave| {
        examples += wave.sequences().len() as u64;
        tokens += wave.tokens() as u64;
        Ok::<(), ProfileError>(())
    })?;
    if tokens == 0 {
        return Err(ProfileError::NoTokens { too_short: 0 });
    }
    let (mut layers, inputs) = (gatherer.layers, gatherer.inputs.map(|(_, inputs)| inputs));
    let snapshots = gatherer.snapshots.into_iter();
    let counts = snapshots.map(|(layer, taken)| (layer, taken.finish(&layers[&layer].activation_count))).collect();
    let growth = Growth { tokens: taken_after(tokens), counts };
    check(&layers, &g.sparse, tokens * g.top_k as u64)?;
    let Scores::Values(norms) = router_l2(model).map_err(|source| ProfileError::Router { source })? else {
        unreachable!("norms are numbers, not counts");
    };
    for (layer, norms) in norms {
        layers.entry(layer).or_default().router_l2 = norms;
    }
    let dense_layers = (0..g.layers).filter(|layer| !g.sparse[*layer]).collect();
    Ok(Profile {
        layers,
        dense_layers,
        experts: g.experts,
        top_k: g.top_k,
        examples,
        tokens,
        truncated: 0,
        too_short: 0,
        inputs,
        growth,
    })
}

/// Checks that every sparse layer was seen and that its counts add up.
fn check(layers: &BTreeMap<usize, LayerProfile>, sparse: &[bool], expected: u64) -> Result<(), ProfileError> {
    for layer in (0..sparse.len()).filter(|layer| sparse[*layer]) {
        let seen = layers.get(&layer).ok_or(ProfileError::Unobserved { layer })?;
        let got = seen.activation_count.iter().sum();
        if got != expected {
            return Err(ProfileError::CountsDiffer { layer, expected, got });
        }
    }
    Ok(())
}

/// Adds up what it sees, per layer and expert in corpus order.
struct Gatherer<'m> {
    layers: BTreeMap<usize, LayerProfile>,
    snapshots: BTreeMap<usize, Snapshots>,
    experts: usize,
    inputs: Option<(Runnable<'m>, InputSquares)>,
}

impl Gatherer<'_> {
    fn layer(&mut self, layer: usize) -> &mut LayerProfile {
        let experts = self.experts;
        self.layers.entry(layer).or_insert_with(|| LayerProfile {
            activation_count: vec![0; experts],
            gate_sum: vec![0.0; experts],
            gate_weighted_sum: vec![0.0; experts],
            activation_norm: vec![0.0; experts],
            router_l2: Vec::new(),
        })
    }
}

impl Observer for Gatherer<'_> {
    fn wants_inputs(&self) -> bool {
        self.inputs.is_some()
    }

    fn inputs(&mut self, roles: &[Role], rows: &mut dyn Iterator<Item = &[f32]>) {
        if let Some((model, inputs)) = &mut self.inputs {
            inputs.add(*model, roles, rows);
        }
    }

    /// Counts what the router chose, apart from what the experts then worked on.
    fn routed(&mut self, layer: usize, routing: &Routing) {
        let mut snapshots = self.snapshots.remove(&layer).unwrap_or_default();
        let counts = &mut self.layer(layer).activation_count;
        for token in routing.experts.chunks(routing.top_k.max(1)) {
            for expert in token {
                counts[*expert as usize] += 1;
            }
            snapshots.token(counts);
        }
        self.snapshots.insert(layer, snapshots);
    }

    fn expert(&mut self, visit: &Visit<'_>) {
        let layer = self.layer(visit.layer);
        for (weight, norm) in visit.weights.iter().zip(visit.norms) {
            layer.gate_sum[visit.expert] += f64::from(*weight);
            layer.gate_weighted_sum[visit.expert] += f64::from(*weight) * norm;
            layer.activation_norm[visit.expert] += norm;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(counts: &[u64]) -> LayerProfile {
        LayerProfile { activation_count: counts.to_vec(), ..LayerProfile::default() }
    }

    #[test]
    fn counts_that_do_not_add_up_are_an_error() {
        let layers = BTreeMap::from([(1, layer(&[3, 5]))]);
        assert!(check(&layers, &[false, true], 8).is_ok());
        assert!(matches!(check(&layers, &[false, true], 9), Err(ProfileError::CountsDiffer { layer: 1, expected: 9, got: 8 })));
        assert!(matches!(check(&layers, &[true, true], 8), Err(ProfileError::Unobserved { layer: 0 })));
    }

    #[test]
    fn an_expert_without_tokens_has_no_mean() {
        let profile = LayerProfile { gate_weighted_sum: vec![3.0, 0.0], ..layer(&[2, 0]) };
        assert_eq!(profile.reap(), [1.5, 0.0]);
    }
}
