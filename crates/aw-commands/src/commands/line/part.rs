//! The process that builds one part: what the program does when a worker of a line starts it.
//!
//! The conversation: the worker writes one [`PartJob`] as a line of JSON to this process's standard input and keeps it open; this
//! process writes one event a line to its standard output, those of `run`, and the last is `built` or `error`. When standard input ends,
//! the worker asked to stop, or died, and this process stops at its next safe point. On Linux the kernel ends it with its worker.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use aw_alloy::artifact::{Artifact, Severity};
use aw_alloy::document::hashes::{is_gguf_file, is_weight_file, model_hash};
use aw_foundry::{Foundry, RunOptions, verify_folder};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::recipe;
use crate::commands::plan::PlanResult;
use crate::commands::run::RunResult;
use crate::environment::Environment;
use crate::events::RunEvent;
use crate::exit::ExitCode;
use crate::identity;
use crate::measured::benchmarks;
use crate::report::Report;

/// Longest job that is read, in bytes.
const JOB_BYTES_MAX: u64 = 1 << 20;
/// How much the process stands back for others: what a person does on the machine goes first.
const NICE: i32 = 10;
/// Progress is told at most this often; everything else always.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);

/// One part to build.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PartJob {
    /// The line's root.
    pub(crate) root: PathBuf,
    /// The part's file.
    pub(crate) file: PathBuf,
    /// Where the recipe's relative paths start.
    pub(crate) folder: PathBuf,
    /// The part's work folder.
    pub(crate) work: PathBuf,
    /// Memory each process may take, in bytes.
    pub(crate) memory_bytes: Option<u64>,
    /// Threads a stage may use.
    pub(crate) threads: usize,
    /// Whether nothing may be asked of any other machine.
    pub(crate) offline: bool,
}

/// What the process says last when the part was built.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Built {
    /// What `.result.json` says of the artifact, without times and places.
    pub(crate) result: Map<String, Value>,
    /// The sealed document, relative to the artifact's folder.
    pub(crate) document: String,
}

/// Serves one job. `input` is standard input, `output` standard output; `make` makes the environment once limits are set.
///
/// # Errors
/// When the job cannot be read or an answer cannot be written.
pub(crate) fn serve(
    make: impl FnOnce() -> Result<Environment, Report>,
    input: impl Read + Send + 'static,
    output: impl Write + Send,
) -> std::io::Result<()> {
    static STOP: AtomicBool = AtomicBool::new(false);
    let worker = rustix::process::getppid();
    let mut input = BufReader::new(input);
    let mut line = String::new();
    input.by_ref().take(JOB_BYTES_MAX).read_line(&mut line)?;
    let job: PartJob = serde_json::from_str(&line)?;
    stand_back(&job, worker)?;
    // Not joined: it ends with the process, or when the worker lets go.
    std::thread::spawn(move || {
        let mut rest = [0; 64];
        while matches!(input.read(&mut rest), Ok(read) if read > 0) {}
        STOP.store(true, Ordering::Relaxed);
    });
    let output = Mutex::new(output);
    let send = |value: &Value| -> std::io::Result<()> {
        let mut line = serde_json::to_vec(value)?;
        line.push(b'\n');
        let mut output = output.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        output.write_all(&line)?;
        output.flush()
    };
    // A worker that no longer listens is gone, and this process with it.
    let told = Mutex::new(None::<Instant>);
    let event = |event: RunEvent| {
        let frequent =
            matches!(event, RunEvent::StageProgress { .. } | RunEvent::SourceHashing { .. } | RunEvent::SourceFetching { .. });
        let mut told = told.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if frequent && told.is_some_and(|told| told.elapsed() < PROGRESS_EVERY) {
            return;
        }
        *told = if frequent { Some(Instant::now()) } else { None };
        drop(serde_json::to_value(event).map(|event| send(&event)));
    };
    let stopped = || STOP.load(Ordering::Relaxed);
    let last = match make().and_then(|environment| build(&environment, &job, &stopped, &event)) {
        Ok(built) => json!({"event": "built", "result": built.result, "document": built.document}),
        Err(report) => {
            let mut report = serde_json::to_value(report)?;
            report["event"] = json!("error");
            report
        }
    };
    send(&last)
}

/// Sets what holds for this process and those it starts: limits, priority, and that it ends with its worker.
fn stand_back(job: &PartJob, worker: Option<rustix::process::Pid>) -> std::io::Result<()> {
    use rustix::process::{Resource, Rlimit};
    #[cfg(target_os = "linux")]
    {
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
        if rustix::process::getppid() != worker {
            return Err(std::io::Error::other("the worker ended before its part began"));
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = worker;
    // Where priorities cannot be changed the part is built all the same.
    let _ = rustix::process::nice(NICE);
    let set = |resource, limit: u64| {
        let before = rustix::process::getrlimit(resource);
        let current = before.maximum.map_or(limit, |maximum| maximum.min(limit));
        rustix::process::setrlimit(resource, Rlimit { current: Some(current), maximum: Some(current) })
    };
    // A part that crashes leaves no memory image in a folder where others look for parts.
    set(Resource::Core, 0)?;
    if let Some(bytes) = job.memory_bytes {
        set(Resource::Data, bytes)?;
    }
    Ok(())
}

fn build(
    environment: &Environment,
    job: &PartJob,
    cancelled: &(dyn Fn() -> bool + Sync),
    event: &(dyn Fn(RunEvent) + Sync),
) -> Result<Built, Report> {
    let started = Instant::now();
    let disk = |error: aw_disk::DiskError| Report::from_error(ExitCode::Environment, "work-folder", &error);
    let held = aw_line::WorkLock::take(&job.work, || !cancelled()).map_err(disk)?;
    let Some(_held) = held else {
        let message = "another process still builds this part; it was waited for until this one was asked to stop";
        return Err(Report::new(ExitCode::Cancelled, "cancelled", message));
    };
    let recipe = recipe::read_part(&job.file, environment.registry())?;
    let store = environment.store()?;
    let foundry = Foundry { registry: environment.registry(), store: &store, offline: job.offline };
    let plan =
        aw_foundry::plan(foundry, recipe, &job.folder, job.memory_bytes).map_err(|error| Report::from_plan(error, &job.file))?;
    event(RunEvent::Planned(Box::new(PlanResult::of(&plan, job.memory_bytes))));
    let key = identity::load_or_create(&environment.identity_file())?;
    let out = job.work.join("artifact");
    let options = RunOptions {
        key: &key,
        out: &out,
        threads: job.threads,
        memory_limit: job.memory_bytes,
        worker: environment.worker(),
        code: environment.code()?,
        signer: None,
        cancelled,
        events: &|happened| event(happened.into()),
    };
    let run = aw_foundry::run(foundry, &plan, &options)?;
    crate::commands::data_import::record(environment, &plan.recipe, &job.file, &run.artifact, &key)
        .map_err(|report| Report { exit_code: ExitCode::Environment, ..report })?;
    let version = plan.recipe.root().version.clone();
    event(RunEvent::Result(Box::new(RunResult::of(&run, &key, version, started.elapsed().as_secs_f64()))));
    result(&run.artifact, &out, job.threads)
}

/// What `.result.json` says of an artifact. Its files are read again and held against the document: a part is finished when they are
/// what was sealed, and its hashes are those of the bytes that lie there.
///
/// # Source
/// The foundry and line, sections 1.2 and 3.7.
fn result(artifact: &Artifact, folder: &Path, threads: usize) -> Result<Built, Report> {
    let checked = verify_folder(folder, &[], threads)?;
    let bad = checked.verification.findings.iter().find(|finding| finding.severity == Severity::Bad);
    if let Some(finding) = bad {
        let file = finding.file.as_deref().map(|file| format!("`{file}`: ")).unwrap_or_default();
        let message = format!("the artifact is not what was sealed: {file}{}", finding.message);
        return Err(Report::new(ExitCode::Environment, "artifact-damaged", message));
    }
    let document = artifact.node().to_serde();
    let files = &checked.verification.files;
    let is_weights: fn(&str) -> bool =
        if files.iter().any(|file| is_weight_file(file.path.as_str())) { is_weight_file } else { is_gguf_file };
    // Names without folders, as the document's own list has them.
    let name = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
    let weights: Vec<(String, _)> =
        files.iter().filter(|file| is_weights(file.path.as_str())).map(|file| (name(file.path.as_str()), file.digest)).collect();
    let computed = model_hash(weights.iter().map(|(name, digest)| (name.as_str(), digest)));
    let stated = artifact.text("integrity.modelHash").map(str::to_owned);
    let stated_files = document["integrity"]["fileHashes"].as_array().filter(|files| !files.is_empty()).cloned();
    let file_hashes = stated_files.map_or_else(
        || {
            let one = |file: &aw_alloy::artifact::ExpectedFile| {
                json!({"filename": file.path.as_str(), "sha256": file.digest.hex(), "size": file.bytes})
            };
            Value::Array(files.iter().map(one).collect())
        },
        Value::Array,
    );
    let mut result = Map::new();
    let mut set = |name: &str, value: Value| result.insert(name.to_owned(), value);
    set("artifactId", json!(artifact.id().to_string()));
    set("recipeId", document["recipeId"].clone());
    set("recipeVersion", document["recipeVersion"].clone());
    set("published", json!(false));
    match stated.or_else(|| computed.map(|digest| digest.to_string())) {
        Some(hash) => set("modelHash", json!(hash)),
        // There is nothing that a modelHash covers; the file's hashes below cover everything.
        None => {
            set("modelHash", Value::Null);
            set("modelHashNote", json!("the artifact holds no weights; fileHashes covers all of its files"))
        }
    };
    set("fileHashes", file_hashes);
    let measured = benchmarks(artifact.node());
    let scores = |column: &str| -> Value {
        let score = |benchmark: &crate::measured::Benchmark| {
            let on: Vec<&str> = [&benchmark.subset, &benchmark.tier].into_iter().flatten().map(String::as_str).collect();
            let name = std::iter::once(benchmark.name.as_str()).chain(on).collect::<Vec<_>>().join("/");
            Some((name, benchmark.values.get(column)?.clone()))
        };
        Value::Object(measured.iter().filter_map(score).collect())
    };
    set("scores", scores("forged"));
    set("baseScores", scores("base"));
    set("priorMetricBaselines", document.get("priorMetricBaselines").cloned().unwrap_or_else(|| json!([])));
    let document = checked.document.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Built { result, document })
}
