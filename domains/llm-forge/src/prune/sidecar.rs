//! `expert_prune.metadata.v1.json`: the record of one prune, written last.
//!
//! # Source
//! Specification of expert pruning, sidecar. Times and paths are informative and outside every weight hash.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::rewrite::write_whole;
use super::sink::OutputFiles;
use super::{Counters, FileRecord, PrunePlan, RewriteError, Rewritten, Strategy};
use crate::families::Model;

/// The sidecar's file name.
pub const SIDECAR_FILE: &str = "expert_prune.metadata.v1.json";

/// The sidecar's `schema_version`.
pub const SIDECAR_SCHEMA: &str = "expert_prune.metadata.v1";

/// The record of one prune.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sidecar {
    /// [`SIDECAR_SCHEMA`].
    pub schema_version: String,
    /// The program that pruned.
    pub tool: Tool,
    /// When it began; RFC 3339.
    pub started_at: String,
    /// When it ended; RFC 3339. With empty `errors` the mark of completion.
    pub finished_at: String,
    /// How long it took.
    pub total_seconds: f64,
    /// What was pruned.
    pub source: Source,
    /// Which experts stayed, and why.
    pub selection: SelectionRecord,
    /// How many tensors were treated how.
    pub tensors: Counters,
    /// What was written.
    pub shards_out: Vec<ShardOut>,
    /// Bytes of the output shards.
    pub total_bytes_out: u64,
    /// What went wrong; empty for a finished prune.
    pub errors: Vec<String>,
}

/// A program by name and version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// The model that was pruned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Its label; never a machine path.
    pub model: String,
    /// Experts per sparse layer.
    pub num_experts: usize,
    /// Experts a token is routed to.
    pub num_experts_per_tok: usize,
    /// Decoder layers.
    pub num_hidden_layers: usize,
    /// Its files.
    pub shards: Vec<ShardIn>,
}

/// A source file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardIn {
    /// File name.
    pub path: String,
    /// 64 lower-case hex digits.
    pub sha256: String,
    /// Length.
    pub bytes: u64,
}

/// An output file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardOut {
    /// File name.
    pub path: String,
    /// Length.
    pub bytes: u64,
    /// 64 lower-case hex digits.
    pub sha256: String,
    /// Tensors in it.
    pub tensor_count: usize,
}

/// Which experts stayed, and by what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SelectionRecord {
    /// The metric ranked by.
    pub metric: String,
    /// The recipe's strategy.
    pub strategy: String,
    /// The family's expert layout.
    pub layout_family: String,
    /// Experts kept per layer.
    pub keep_experts_per_layer: usize,
    /// The seed of a random selection; absent for any other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// The importance file a measured ranking came from.
    pub importance_json: Option<ImportanceRecord>,
    /// Experts kept, by layer.
    pub per_layer_kept_count: BTreeMap<usize, usize>,
    /// The kept experts' indices in the source, by layer, ascending.
    pub per_layer_kept_indices: BTreeMap<usize, Vec<usize>>,
}

/// The importance file a ranking came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportanceRecord {
    /// File name; never a machine path.
    pub path: String,
    /// 64 lower-case hex digits.
    pub sha256: String,
    /// Label of the profiled model.
    pub model: String,
    /// Label of the corpus.
    pub calibration_corpus: String,
    /// 64 lower-case hex digits.
    pub calibration_corpus_sha256: String,
    /// Examples used.
    pub calibration_examples: u64,
    /// Tokens used.
    pub calibration_tokens: u64,
    /// The metric's version.
    pub metric_version: String,
}

/// By what experts were ranked, as far as the plan does not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RankedBy {
    /// The strategy.
    pub strategy: Strategy,
    /// The seed, for [`Strategy::Random`].
    pub seed: Option<u64>,
    /// The importance file, for a measured strategy.
    pub importance: Option<ImportanceRecord>,
}

/// When a prune ran; handed in, because nothing here reads a clock.
#[derive(Clone, Debug, PartialEq)]
pub struct Times {
    /// RFC 3339.
    pub started_at: String,
    /// RFC 3339.
    pub finished_at: String,
    /// Seconds between the two.
    pub total_seconds: f64,
}

impl Sidecar {
    /// Records a finished prune.
    #[must_use]
    pub fn new(model: &Model, label: &str, ranked: RankedBy, plan: &PrunePlan, written: &Rewritten, times: Times) -> Self {
        let kept = plan.selection.layers();
        Self {
            schema_version: SIDECAR_SCHEMA.to_owned(),
            tool: Tool { name: env!("CARGO_PKG_NAME").to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() },
            started_at: times.started_at,
            finished_at: times.finished_at,
            total_seconds: times.total_seconds,
            source: Source {
                model: label.to_owned(),
                num_experts: model.experts.experts,
                num_experts_per_tok: model.experts.top_k,
                num_hidden_layers: model.experts.layers,
                shards: written.sources.iter().map(shard_in).collect(),
            },
            selection: SelectionRecord {
                metric: ranked.strategy.metric().to_owned(),
                strategy: ranked.strategy.name().to_owned(),
                layout_family: model.family.layout().id.to_owned(),
                keep_experts_per_layer: plan.selection.keep(),
                seed: ranked.seed,
                importance_json: ranked.importance,
                per_layer_kept_count: kept.iter().map(|(layer, list)| (*layer, list.len())).collect(),
                per_layer_kept_indices: kept.clone(),
            },
            tensors: plan.counters,
            shards_out: written
                .shards
                .iter()
                .zip(&plan.shards)
                .map(|(file, shard)| shard_out(file, shard.tensors.len()))
                .collect(),
            total_bytes_out: plan.bytes_out,
            errors: Vec::new(),
        }
    }

    /// Writes the sidecar into `sink`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, sink: &mut dyn OutputFiles) -> Result<FileRecord, RewriteError> {
        let mut text = serde_json::to_string_pretty(self).expect("strings, numbers and maps with text keys always serialise");
        text.push('\n');
        write_whole(sink, SIDECAR_FILE, text.as_bytes())
    }
}

fn shard_in(file: &FileRecord) -> ShardIn {
    ShardIn { path: file.path.clone(), sha256: file.digest.hex(), bytes: file.bytes }
}

fn shard_out(file: &FileRecord, tensor_count: usize) -> ShardOut {
    ShardOut { path: file.path.clone(), bytes: file.bytes, sha256: file.digest.hex(), tensor_count }
}
