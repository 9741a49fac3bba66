//! A heavy stage in a process of its own: a crash or an exhausted memory limit ends the stage, not the run.
//!
//! The conversation: the parent writes one [`Job`] as a line of JSON to the child's standard input and keeps it open; the child
//! writes one message a line to its standard output: any number of `progress`, then one `done` or `failed`. When
//! standard input ends (the parent cancels, or died), the child stops at its next safe point.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, mpsc};
use std::time::{Duration, Instant};

use aw_domain::{Context, Executor, Failure, Inputs, Output, Progress, Registry, StageLookup};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock;
use crate::run::WorkerCommand;

/// Longest line either side reads, in bytes: outputs name every file of a tree.
const LINE_BYTES_MAX: u64 = 256 << 20;
/// How long a child may take to stop when asked, before it is killed.
const STOP_GRACE: Duration = Duration::from_secs(5);
/// How often a parent that waits looks whether it was cancelled.
const POLL: Duration = Duration::from_millis(50);
/// Bytes of the child's standard error kept for the message.
const STDERR_BYTES_MAX: u64 = 16 << 10;

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
    let mut child = spawn(command).map_err(|error| start_failure(&command.program, &error))?;
    let answer = std::thread::scope(|scope| {
        let (sender, messages) = mpsc::channel();
        let stdout = child.stdout.take().expect("standard output is piped");
        scope.spawn(move || read_messages(stdout, &sender));
        let stderr = child.stderr.take().expect("standard error is piped");
        let stderr = scope.spawn(move || last_bytes(stderr));
        let answer = converse(&mut child, job, &messages, cancelled, progress);
        // On every way out the child is gone before its pipes are waited for.
        let status = stop(&mut child);
        let stderr = stderr.join().unwrap_or_default();
        answer.unwrap_or_else(|| Err(crash(&job.stage, job.memory_bytes, status, &stderr)))
    });
    if cancelled() && answer.is_err() { Err(Failure::cancelled()) } else { answer }
}

fn spawn(command: &WorkerCommand) -> std::io::Result<Child> {
    use std::os::unix::process::CommandExt;
    Command::new(&command.program)
        .args(&command.arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Out of the terminal's process group: Ctrl-C reaches the parent, which stops the child in order.
        .process_group(0)
        .spawn()
}

fn start_failure(program: &Path, error: &std::io::Error) -> Failure {
    Failure::new("worker-start", format!("the stage's process (`{}`) cannot be started: {error}", program.display()))
}

fn converse(
    child: &mut Child,
    job: &Job,
    messages: &mpsc::Receiver<Message>,
    cancelled: &(dyn Fn() -> bool + Sync),
    progress: &(dyn Fn(Progress) + Sync),
) -> Option<Result<Finished, Failure>> {
    let mut line = serde_json::to_vec(job).expect("a job is plain JSON");
    line.push(b'\n');
    // A child that died before reading is found by its missing answer.
    let _ = child.stdin.as_mut().expect("standard input is piped").write_all(&line);
    let mut stop_by: Option<Instant> = None;
    loop {
        match messages.recv_timeout(POLL) {
            Ok(Message::Progress(step)) => progress(step),
            Ok(Message::Done { output, peak_memory_bytes }) => return Some(Ok(Finished { output: *output, peak_memory_bytes })),
            Ok(Message::Failed(failure)) => return Some(Err(failure)),
            Err(mpsc::RecvTimeoutError::Disconnected) => return None,
            Err(mpsc::RecvTimeoutError::Timeout) => {}
        }
        if stop_by.is_none() && cancelled() {
            drop(child.stdin.take());
            stop_by = Some(Instant::now() + STOP_GRACE);
        }
        if stop_by.is_some_and(|by| Instant::now() > by) {
            return Some(Err(Failure::cancelled()));
        }
    }
}

fn read_messages(stdout: impl Read, sender: &mpsc::Sender<Message>) {
    let mut lines = BufReader::new(stdout);
    loop {
        let mut line = String::new();
        match lines.by_ref().take(LINE_BYTES_MAX).read_line(&mut line) {
            Ok(read) if read > 0 => {}
            _ => return,
        }
        // Anything else on standard output is not part of the conversation.
        if let Ok(message) = serde_json::from_str(&line)
            && sender.send(message).is_err()
        {
            return;
        }
    }
}

fn last_bytes(mut from: impl Read) -> String {
    let mut kept = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        kept.extend_from_slice(&buffer[..read]);
        let surplus = kept.len().saturating_sub(STDERR_BYTES_MAX as usize);
        kept.drain(..surplus);
    }
    String::from_utf8_lossy(&kept).trim().to_owned()
}

fn stop(child: &mut Child) -> Option<ExitStatus> {
    drop(child.stdin.take());
    let by = Instant::now() + STOP_GRACE;
    while Instant::now() < by {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let _ = child.kill();
    child.wait().ok()
}

/// Says why a child ended without an answer.
fn crash(stage: &str, limit: Option<u64>, status: Option<ExitStatus>, stderr: &str) -> Failure {
    use std::os::unix::process::ExitStatusExt;
    let signal = status.and_then(|status| status.signal());
    let out_of_memory = stderr.contains("memory allocation of") || stderr.contains("annot allocate memory");
    let mut failure = match (signal, limit) {
        (_, Some(limit)) if out_of_memory => {
            Failure::new("out-of-memory", format!("the process of stage `{stage}` ran out of its memory limit of {limit} bytes"))
                .with_hint("raise it with `--memory-limit`, or give the stage less to hold at once")
        }
        (Some(9), _) => Failure::new(
            "killed",
            format!("the process of stage `{stage}` was killed (signal 9), most likely because the machine ran out of memory"),
        )
        .with_hint("free some memory, or set `--memory-limit` below what the machine has; finished stages are kept"),
        (Some(signal), _) => Failure::new("crashed", format!("the process of stage `{stage}` crashed with signal {signal}")),
        (None, _) => {
            let code = status.and_then(|status| status.code()).map_or("unknown".to_owned(), |code| code.to_string());
            Failure::new("crashed", format!("the process of stage `{stage}` ended without an answer (exit code {code})"))
        }
    };
    failure.causes.extend(stderr.lines().rev().take(5).map(str::to_owned));
    failure.causes.reverse();
    failure
}
