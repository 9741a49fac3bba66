//! A heavy stage in a process of its own: a crash or an exhausted memory limit ends the stage, not the run.
//!
//! The conversation: the parent writes one [`Job`] as a line of JSON to the child's standard input and keeps it open; the child
//! writes one message a line to its standard output: any number of `progress`, then one `done` or `failed`. When
//! standard input ends (the parent cancels, or died), the child stops at its next safe point.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aw_domain::{Context, Executor, Failure, Inputs, Output, Progress, Registry, StageLookup};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::child::{Crash, End, LINE_BYTES_MAX, converse};
use crate::clock;
use crate::run::WorkerCommand;

/// How long a child may take to stop when asked, before it is killed.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// One stage to run.
#[derive(Debug, Serialize, Deserialize)]
pub struct Job {
    /// Domains to look the stage up in.
    pub domains: Vec<String>,
    /// The stage type.
    pub stage: String,
    /// Its configuration.
    pub config: Value,
    /// Where its inputs are.
    pub inputs: Inputs,
    /// Where it writes.
    pub out: PathBuf,
    /// Where it may keep what it needs on the way.
    pub scratch: PathBuf,
    /// Threads it may use.
    pub threads: usize,
    /// Anonymous memory it may take, in bytes.
    pub memory_bytes: Option<u64>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Message {
    Progress(Progress),
    Done { output: Box<Output>, peak_memory_bytes: Option<u64> },
    Failed(Failure),
}

/// What a stage gave, and how much memory its process took at most, when it had one of its own.
pub(crate) struct Finished {
    pub(crate) output: Output,
    pub(crate) peak_memory_bytes: Option<u64>,
}

/// Runs a stage in this process.
pub(crate) fn run_here(
    registry: &Registry,
    job: &Job,
    cancelled: &(dyn Fn() -> bool + Sync),
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Output, Failure> {
    let StageLookup::Found(stage_type) = registry.stage(&job.domains, &job.stage) else {
        return Err(Failure::new("unknown-stage", format!("unknown stage type `{}`", job.stage)));
    };
    let Executor::Here(stage) = &stage_type.executor else {
        return Err(Failure::new("stage-declared-only", format!("stage type `{}` is declared, cannot run here", job.stage)));
    };
    let mut context =
        Context::new(job.out.clone(), job.scratch.clone(), job.threads, job.memory_bytes, cancelled, progress, &clock::now);
    stage.run(&job.config, &job.inputs, &mut context)
}

/// Serves one job: what the child process does. `input` is the standard input, `output` the standard output.
///
/// # Errors
/// When the job cannot be read or an answer cannot be written; the parent then reports a crash.
pub fn serve(registry: &Registry, input: impl Read + Send + 'static, output: impl Write + Send) -> std::io::Result<()> {
    // A run that is killed takes its stage with it: nobody would hear what it gives, and it would hold memory that the next run needs.
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    let mut input = BufReader::new(input);
    let mut line = String::new();
    input.by_ref().take(LINE_BYTES_MAX).read_line(&mut line)?;
    let job: Job = serde_json::from_str(&line)?;
    if let Some(bytes) = job.memory_bytes {
        let limit = rustix::process::Rlimit { current: Some(bytes), maximum: Some(bytes) };
        rustix::process::setrlimit(rustix::process::Resource::Data, limit)?;
    }
    static STOP: AtomicBool = AtomicBool::new(false);
    // Not joined: it ends with the process, or when the parent lets go.
    std::thread::spawn(move || {
        let mut rest = [0; 64];
        while matches!(input.read(&mut rest), Ok(read) if read > 0) {}
        STOP.store(true, Ordering::Relaxed);
    });
    let output = Mutex::new(output);
    let send = |message: &Message| -> std::io::Result<()> {
        let mut line = serde_json::to_vec(message)?;
        line.push(b'\n');
        let mut output = output.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        output.write_all(&line)?;
        output.flush()
    };
    // A parent that no longer listens is about to end this process; there is no one to tell.
    let progress = |progress: Progress| drop(send(&Message::Progress(progress)));
    let answer = match run_here(registry, &job, &|| STOP.load(Ordering::Relaxed), &progress) {
        Ok(output) => Message::Done { output: Box::new(output), peak_memory_bytes: peak_memory_bytes() },
        Err(failure) => Message::Failed(failure),
    };
    send(&answer)
}

/// The most memory this process had resident, where the system says.
fn peak_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

/// Runs a stage in a child process.
pub(crate) fn run_child(
    command: &WorkerCommand,
    job: &Job,
    cancelled: &(dyn Fn() -> bool + Sync),
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Finished, Failure> {
    let line = serde_json::to_vec(job).expect("a job is plain JSON");
    let mut process = Command::new(&command.program);
    let mut heard = |message| match message {
        Message::Progress(step) => {
            progress(step);
            None
        }
        Message::Done { output, peak_memory_bytes } => Some(Ok(Finished { output: *output, peak_memory_bytes })),
        Message::Failed(failure) => Some(Err(failure)),
    };
    let stop = || cancelled().then_some(());
    let talk = converse(process.args(&command.arguments), &line, STOP_GRACE, &mut heard, &stop)
        .map_err(|error| start_failure(&command.program, &error))?;
    let answer = talk.answer.unwrap_or_else(|| Err(crash(job, &talk.end)));
    if cancelled() && answer.is_err() { Err(Failure::cancelled()) } else { answer }
}

fn start_failure(program: &Path, error: &std::io::Error) -> Failure {
    Failure::new("worker-start", format!("the stage's process (`{}`) cannot be started: {error}", program.display()))
}

/// Says why a child ended without an answer.
fn crash(job: &Job, end: &End) -> Failure {
    let crash = end.crash(job.memory_bytes);
    let failure = Failure::new(crash.code(), crash.message(&format!("stage `{}`", job.stage)));
    let mut failure = match crash {
        Crash::OutOfMemory(_) => failure.with_hint("raise it with `--memory-limit`, or give the stage less to hold at once"),
        Crash::Killed => {
            failure.with_hint("free some memory, or set `--memory-limit` below what the machine has; finished stages are kept")
        }
        Crash::Signal(_) | Crash::Exit(_) => failure,
    };
    failure.causes.extend(end.stderr.lines().rev().take(5).map(str::to_owned));
    failure.causes.reverse();
    failure
}
