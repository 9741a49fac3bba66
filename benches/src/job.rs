//! Jobs this program does as a process of its own, so that they are measured like any other: the library at work, nothing around it.

mod rdf;

use std::error::Error;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use aw_gguf::mix::FileType;
use llm_forge::families::Model;
use llm_forge::forward::Options;
use llm_forge::forward::kernels::Precision;
use llm_forge::gguf::{GgufModel, Naming};
use llm_forge::profile::{Pass, ProfileError, measure_pass};
use llm_forge::progress;
use llm_forge::prune::{DEFAULT_SHARD_BYTES, FolderOutput, Selection, Strategy, plan_prune, rewrite, router_l2};
use serde_json::{Value, json};

use crate::error::BenchError;
use crate::line;

pub use rdf::spdx_document;

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
        /// Whether projections are computed in bf16.
        #[arg(long)]
        bf16: bool,
    },
    /// Write a model as one GGUF file.
    Convert {
        /// The model's folder.
        model: PathBuf,
        /// The file to write.
        out: PathBuf,
        /// The file's type, such as `Q4_K_M`.
        kind: String,
        /// Threads.
        threads: usize,
    },
    /// Read a Turtle file.
    ReadTurtle {
        /// The file.
        file: PathBuf,
    },
    /// Validate a document and a model against the model's shapes.
    ValidateShapes {
        /// The model.
        model: PathBuf,
        /// The document.
        data: PathBuf,
    },
    /// Take parts of a line on which many wait.
    LineTake {
        /// The root to make.
        root: PathBuf,
        /// Parts that wait.
        waiting: usize,
    },
    /// Submit parts to a line.
    LineSubmit {
        /// The root to make.
        root: PathBuf,
        /// All at once.
        #[arg(long)]
        together: bool,
    },
    /// Write, sync and rename files.
    LineLimit {
        /// The folder to make.
        root: PathBuf,
        /// All at once.
        #[arg(long)]
        together: bool,
    },
    /// Wait for parts that do not come.
    LineIdle {
        /// The root to make.
        root: PathBuf,
        /// How long.
        seconds: u64,
    },
}

impl Job {
    /// Does it; the result is one line of JSON.
    pub fn run(&self) -> Result<Value, BenchError> {
        match self {
            Self::Prune { model, out, keep, threads } => {
                prune(model, out, *keep, *threads).map_err(|source| BenchError::Job { job: "prune", source })
            }
            Self::Profile { model, ids, threads, bf16 } => {
                let precision = if *bf16 { Precision::Bf16 } else { Precision::F32 };
                profile(model, ids, *threads, precision).map_err(|source| BenchError::Job { job: "profile", source })
            }
            Self::Convert { model, out, kind, threads } => {
                convert(model, out, kind, *threads).map_err(|source| BenchError::Job { job: "convert", source })
            }
            Self::LineTake { root, waiting } => {
                line::take(root, *waiting).map_err(|source| BenchError::Job { job: "line-take", source })
            }
            Self::LineSubmit { root, together } => {
                line::submit(root, *together).map_err(|source| BenchError::Job { job: "line-submit", source })
            }
            Self::LineLimit { root, together } => {
                line::limit(root, *together).map_err(|source| BenchError::Job { job: "line-limit", source })
            }
            Self::LineIdle { root, seconds } => {
                line::idle(root, *seconds).map_err(|source| BenchError::Job { job: "line-idle", source })
            }
            Self::ReadTurtle { file } => rdf::read_turtle(file).map_err(|source| BenchError::Job { job: "read-turtle", source }),
            Self::ValidateShapes { model, data } => {
                rdf::validate(model, data).map_err(|source| BenchError::Job { job: "validate-shapes", source })
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

fn profile(model: &Path, ids: &Path, threads: usize, precision: Precision) -> Result<Value, Box<dyn Error>> {
    let bytes = fs::read(ids)?;
    let ids: Vec<u32> = bytes.chunks_exact(4).map(|id| u32::from_le_bytes([id[0], id[1], id[2], id[3]])).collect();
    let sequences = ids.chunks(SEQUENCE).map(|sequence| Ok::<_, ProfileError>(sequence.to_vec()));
    let model = Model::open(model, None)?;
    let started = Instant::now();
    let count = ids.len().div_ceil(SEQUENCE) as u64;
    let pass = Pass { precision, ..Pass::default() };
    let profile = measure_pass(&model, None, (count, sequences), pass, Options::with_threads(threads), &progress::ignore)?;
    let seconds = started.elapsed().as_secs_f64();
    let counts: Vec<&Vec<u64>> = profile.layers.values().map(|layer| &layer.activation_count).collect();
    Ok(json!({
        "tokens": profile.tokens,
        "seconds": seconds,
        "tokensPerSecond": profile.tokens as f64 / seconds,
        "activationCounts": counts,
    }))
}

fn convert(folder: &Path, out: &Path, kind: &str, threads: usize) -> Result<Value, Box<dyn Error>> {
    let started = Instant::now();
    let file_type = FileType::from_name(kind).ok_or_else(|| format!("llama.cpp has no file type `{kind}`"))?;
    let model = Model::open(folder, None)?;
    let naming = Naming { name: "bench".to_owned(), pre_tokenizer: Some("gpt-2".to_owned()) };
    let plan = GgufModel::plan(folder, &model.config, &model.checkpoint, model.family.architecture(), &naming)?;
    let conversion = plan.conversion(file_type)?;
    let file = conversion.write(fs::File::create_new(out)?, None, threads, &|_, _| ControlFlow::Continue(()))?;
    file.sync_all()?;
    let bytes_in: u64 = model.checkpoint.tensors().iter().map(|tensor| tensor.len).sum();
    Ok(json!({"seconds": started.elapsed().as_secs_f64(), "bytesIn": bytes_in, "bytesOut": conversion.bytes()}))
}
