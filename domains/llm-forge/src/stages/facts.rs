//! What stages know of the model at plan time, handed from stage to stage.

use std::collections::{BTreeMap, BTreeSet};

use aw_domain::Problem;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::families::Groups;

/// What stages know of the model at plan time.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Facts {
    pub(crate) architecture: String,
    pub(crate) layout: String,
    pub(crate) layers: usize,
    /// Layers that route to experts.
    pub(crate) sparse_layers: usize,
    /// Layers with experts that no profile covers: those that predict further tokens.
    pub(crate) unmeasured_layers: Vec<usize>,
    pub(crate) hidden: usize,
    pub(crate) vocab: usize,
    pub(crate) max_positions: usize,
    /// Experts per layer now.
    pub(crate) experts: usize,
    /// Experts per layer of the unmodified source.
    pub(crate) source_experts: usize,
    pub(crate) top_k: usize,
    pub(crate) groups: Groups,
    /// Bytes of expert and router tensors now.
    pub(crate) expert_bytes: u64,
    /// Bytes of all other tensors.
    pub(crate) other_bytes: u64,
    /// Parameters a token passes through.
    pub(crate) active_parameters: u64,
    /// Why the forward pass cannot run the model, when it cannot.
    pub(crate) forward_problem: Option<String>,
    /// Why the model's tokenizer cannot be used, when it cannot.
    pub(crate) tokenizer_problem: Option<String>,
    /// Corpora the current model is profiled on by the stages so far.
    pub(crate) measured: BTreeSet<String>,
    /// Those of them whose profile gathers an importance matrix.
    #[serde(default)]
    pub(crate) matrices: BTreeSet<String>,
    /// Corpora the unmodified source is profiled on by the stages so far.
    pub(crate) source_measured: BTreeSet<String>,
    /// GGUF tiers of the current model that the stages so far make, each with the corpus whose importance matrix weighs it.
    #[serde(default)]
    pub(crate) tiers: BTreeMap<String, Option<String>>,
}

/// Multiplications a core does a second with these kernels; only for estimates.
const MULTIPLICATIONS_PER_SECOND: f64 = 3e10;
/// Bytes of text a token stands for, roughly; only for estimates.
const BYTES_PER_TOKEN: f64 = 3.0;

impl Facts {
    pub(crate) fn read(facts: &Value) -> Result<Self, Vec<Problem>> {
        serde_json::from_value(facts.clone())
            .map_err(|error| vec![Problem::new("bug", "", format!("this is a bug: the model's facts cannot be read: {error}"))])
    }

    pub(crate) fn to_value(&self) -> Value {
        serde_json::to_value(self).expect("facts are plain JSON")
    }

    /// Bytes of all weights now.
    pub(crate) fn weight_bytes(&self) -> u64 {
        self.expert_bytes + self.other_bytes
    }

    /// Seconds to run a corpus of so many bytes through the model, roughly.
    pub(crate) fn forward_seconds(&self, corpus_bytes: u64, threads: usize) -> f64 {
        let tokens = corpus_bytes as f64 / BYTES_PER_TOKEN;
        tokens * self.active_parameters as f64 / (MULTIPLICATIONS_PER_SECOND * threads.max(1) as f64)
    }

    /// Anonymous memory of a forward pass: a wave's hidden states several times over, and buffers.
    pub(crate) fn forward_memory_bytes(&self) -> u64 {
        let wave = crate::forward::Options::WAVE_TOKENS as u64;
        wave * self.hidden as u64 * 4 * 6 + (self.vocab as u64 * 4 * 64) + (96 << 20)
    }
}

/// Says whether a model's tokenizer can be used.
pub(crate) fn need_tokenizer(facts: &Facts) -> Result<(), Vec<Problem>> {
    match &facts.tokenizer_problem {
        None => Ok(()),
        Some(problem) => {
            let hint = "put the tokenizer the model was published with into its folder";
            Err(vec![Problem::new("tokenizer", "", problem.clone()).hint(hint)])
        }
    }
}

/// Says whether the forward pass can run the model.
pub(crate) fn need_forward(facts: &Facts) -> Result<(), Vec<Problem>> {
    match &facts.forward_problem {
        None => Ok(()),
        Some(problem) => match problem.split_once("\nhint: ") {
            Some((message, hint)) => Err(vec![Problem::new("forward", "", message).hint(hint)]),
            None => Err(vec![Problem::new("forward", "", problem.clone())]),
        },
    }
}
