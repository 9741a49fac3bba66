//! Jobs this program does as a process of its own, so that they are measured like any other: the library at work, nothing around it.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use llm_forge::families::Model;
use llm_forge::forward::Options;
use llm_forge::profile::{ProfileError, measure_sequences};
use llm_forge::progress;
use llm_forge::prune::{DEFAULT_SHARD_BYTES, FolderOutput, Selection, Strategy, plan_prune, rewrite, router_l2};
use serde_json::{Value, json};

use crate::error::BenchError;

/// Tokens per sequence, here and in the Python scripts.
pub const SEQUENCE: usize = 512;

/// One of the jobs.
#[derive(clap::Subcommand)]
pub enum Job {
    /// Prune a model by its router's norms.
    Prune {
        /// The model's folder.
        model: PathBuf,
        /// The folder to write.
        out: PathBuf,
        /// Experts kept per layer.
        keep: usize,
        /// Threads.
        threads: usize,
    },
    /// Gather every importance metric in one pass over token ids.
    Profile {
        /// The model's folder.
        model: PathBuf,
        /// Little-endian 32-bit token ids.
        ids: PathBuf,
        /// Threads.
        threads: usize,
    },
}

impl Job {
    /// Does it; the result is one line of JSON.
    pub fn run(&self) -> Result<Value, BenchError> {
        match self {
            Self::Prune { model, out, keep, threads } => {
                prune(model, out, *keep, *threads).map_err(|source| BenchError::Job { job: "prune", source })
            }
            Self::Profile { model, ids, threads } => {
                profile(model, ids, *threads).map_err(|source| BenchError::Job { job: "profile", source })
            }
        }
    }
}

fn prune(model: &Path, out: &Path, keep: usize, threads: usize) -> Result<Value, Box<dyn Error>> {
    let started = Instant::now();
    let model = Model::open(model, None)?;
    let selection = Selection::rank(&model.experts, Strategy::RouterGateL2, &router_l2(&model)?, keep)?;
    let plan = plan_prune(&model, &selection, DEFAULT_SHARD_BYTES)?;
    rewrite(&model, &plan, &mut FolderOutput::new(out)?, threads, &progress::ignore)?;
    Ok(json!({"seconds": started.elapsed().as_secs_f64(), "bytesIn": plan.bytes_in, "bytesOut": plan.bytes_out}))
}

fn profile(model: &Path, ids: &Path, threads: usize) -> Result<Value, Box<dyn Error>> {
    let bytes = fs::read(ids)?;
    let ids: Vec<u32> = bytes.chunks_exact(4).map(|id| u32::from_le_bytes([id[0], id[1], id[2], id[3]])).collect();
    let sequences = ids.chunks(SEQUENCE).map(|sequence| Ok::<_, ProfileError>(sequence.to_vec()));
    let model = Model::open(model, None)?;
    let started = Instant::now();
    let count = ids.len().div_ceil(SEQUENCE) as u64;
    let profile = measure_sequences(&model, None, (count, sequences), Options::with_threads(threads), &progress::ignore)?;
    let seconds = started.elapsed().as_secs_f64();
    let counts: Vec<&Vec<u64>> = profile.layers.values().map(|layer| &layer.activation_count).collect();
    Ok(json!({
        "tokens": profile.tokens,
        "seconds": seconds,
        "tokensPerSecond": profile.tokens as f64 / seconds,
        "activationCounts": counts,
    }))
}
