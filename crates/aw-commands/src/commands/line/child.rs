//! The worker's side of the process that builds one part: started, listened to, stopped in time, and its end explained.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::part::{Built, PartJob};
use crate::variables;

/// Longest line that is read of the process, in bytes.
const LINE_BYTES_MAX: u64 = 64 << 20;
/// How long the process may take to stop when asked, before it is killed. It gives as long to the stage it runs.
const STOP_GRACE: Duration = Duration::from_secs(10);
/// How often a worker that waits looks whether to stop.
const POLL: Duration = Duration::from_millis(50);
/// Bytes of the process's standard error kept for the message.
const STDERR_BYTES_MAX: usize = 16 << 10;

/// Variables that the process is given; nothing else of the worker's environment reaches it. Whoever may publish says so by others
/// (tokens, keys of object stores, passwords of registries), so no credential is among them.
const HANDED_ON: &[&str] = &[
    "ALLOYWORKS_CODEGEN_TOOLS",
    "ALLOYWORKS_LLAMA_CPP",
    "ALLOYWORKS_OFFLINE",
    "CARGO_HOME",
    "CUDA_VISIBLE_DEVICES",
    "HF_ENDPOINT",
    "HF_HOME",
    "HF_HUB_CACHE",
    "HF_HUB_OFFLINE",
    "HOME",
    "LANG",
    "LC_ALL",
    "LD_LIBRARY_PATH",
    "PATH",
    "RUSTUP_HOME",
    "SSL_CERT_FILE",
    "TMPDIR",
    "TZ",
    "XDG_CACHE_HOME",
];
/// Where the Hub's clients look for a token that was written to a file.
const TOKEN_FILE: &str = "HF_TOKEN_PATH";

/// How to start the process.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    /// This program.
    pub(crate) path: PathBuf,
    /// What makes it serve a part.
    pub(crate) arguments: Vec<OsString>,
    /// The home folder.
    pub(crate) home: PathBuf,
}

/// Why a part was not built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// A stable name, such as `stage-failed/out-of-memory` or `time-limit`.
    pub(crate) code: String,
    /// What went wrong.
    pub(crate) message: String,
    /// The single problems, causes and hints, a line each.
    pub(crate) details: String,
    /// Whether the worker asked it to stop: the part is then not at fault.
    pub(crate) stopped: bool,
}

impl Failure {
    pub(crate) fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), details: String::new(), stopped: false }
    }
}

enum End {
    Built(Built),
    Failed(Failure),
}

/// Builds a part in a process of its own. Each event it tells is handed on, the last one not.
pub(crate) fn build(
    program: &Program,
    job: &PartJob,
    time_limit: Option<Duration>,
    cancelled: &dyn Fn() -> bool,
    event: &mut dyn FnMut(&Value),
) -> Result<Built, Failure> {
    let mut child = spawn(program, job).map_err(|error| {
        Failure::new("part-start", format!("the part's process (`{}`) cannot be started: {error}", program.path.display()))
    })?;
    std::thread::scope(|scope| {
        let (sender, lines) = mpsc::channel();
        let stdout = child.stdout.take();
        scope.spawn(move || stdout.map(|stdout| read_lines(stdout, &sender)));
        let stderr = child.stderr.take();
        let stderr = scope.spawn(move || stderr.map(last_bytes).unwrap_or_default());
        let end = converse(&mut child, job, &lines, time_limit, cancelled, event);
        // On every way out the process is gone before its pipes are waited for.
        let status = stop(&mut child);
        while lines.try_recv().is_ok() {}
        drop(lines);
        let stderr = stderr.join().unwrap_or_default();
        match end {
            Some(End::Built(built)) => Ok(built),
            Some(End::Failed(failure)) => Err(failure),
            None if cancelled() => Err(stopped()),
            None => Err(crash(job, status, &stderr)),
        }
    })
}

fn stopped() -> Failure {
    Failure { stopped: true, ..Failure::new("cancelled", "the worker was asked to stop; finished stages are kept") }
}

fn spawn(program: &Program, job: &PartJob) -> std::io::Result<Child> {
    use std::os::unix::process::CommandExt;
    let mut command = Command::new(&program.path);
    command
        .args(&program.arguments)
        .env_clear()
        .envs(HANDED_ON.iter().filter_map(|name| Some((name, std::env::var_os(name)?))))
        .env(variables::HOME_FOLDER.name, &program.home)
        // A token in the user's home is a credential as well: it is looked for where there is none.
        .env(TOKEN_FILE, job.work.join(".no-token"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Out of the terminal's process group: Ctrl-C reaches the worker, which stops the process in order.
        .process_group(0)
        .spawn()
}

fn converse(
    child: &mut Child,
    job: &PartJob,
    lines: &mpsc::Receiver<Value>,
    time_limit: Option<Duration>,
    cancelled: &dyn Fn() -> bool,
    event: &mut dyn FnMut(&Value),
) -> Option<End> {
    let started = Instant::now();
    let mut line = serde_json::to_vec(job).ok()?;
    line.push(b'\n');
    // A process that died before reading is found by its missing answer.
    let _ = child.stdin.as_mut().map(|stdin| stdin.write_all(&line));
    let mut stop_by: Option<(Instant, Failure)> = None;
    loop {
        match lines.recv_timeout(POLL) {
            Ok(value) => match end(&value) {
                // What a stopped process says of being stopped is not why it was stopped.
                Some(End::Failed(_)) if stop_by.is_some() => return stop_by.map(|(_, failure)| End::Failed(failure)),
                Some(end) => return Some(end),
                None => event(&value),
            },
            Err(mpsc::RecvTimeoutError::Disconnected) => return stop_by.map(|(_, failure)| End::Failed(failure)),
            Err(mpsc::RecvTimeoutError::Timeout) => {}
        }
        if stop_by.is_none() {
            let late = time_limit.filter(|limit| started.elapsed() > *limit).map(too_late);
            if let Some(failure) = cancelled().then(stopped).or(late) {
                drop(child.stdin.take());
                stop_by = Some((Instant::now() + STOP_GRACE, failure));
            }
        }
        if let Some((_, failure)) = stop_by.as_ref().filter(|(by, _)| Instant::now() > *by) {
            return Some(End::Failed(failure.clone()));
        }
    }
}

fn too_late(limit: Duration) -> Failure {
    let message = format!("the part took longer than its time limit of {} s; finished stages are kept", limit.as_secs_f64());
    let details =
        "raise `time_limit_minutes` in the node file, then `line retry`: it goes on at the first stage that is not finished";
    Failure { details: details.into(), ..Failure::new("time-limit", message) }
}

/// Whether a line is the last one.
fn end(value: &Value) -> Option<End> {
    match value["event"].as_str()? {
        "built" => serde_json::from_value(value.clone()).ok().map(End::Built),
        "error" => Some(End::Failed(failure(value))),
        _ => None,
    }
}

/// A report as the process wrote it: what went wrong, and everything it knows of it.
fn failure(report: &Value) -> Failure {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut details = Vec::new();
    tell(report, &mut details);
    Failure {
        code: text(&report["code"]),
        message: text(&report["message"]),
        details: details.join("\n"),
        stopped: report["code"] == "cancelled",
    }
}

fn tell(report: &Value, lines: &mut Vec<String>) {
    let items = |name: &str| report[name].as_array().cloned().unwrap_or_default();
    for problem in items("problems") {
        let place = &problem["place"];
        let at: Vec<String> = ["file", "line", "column"]
            .iter()
            .filter_map(|name| match &place[*name] {
                Value::String(text) => Some(text.clone()),
                Value::Number(number) => Some(number.to_string()),
                _ => None,
            })
            .collect();
        let member = place["member"].as_str().map(|member| format!("`{member}`: ")).unwrap_or_default();
        lines.push(format!("{}: {member}{}", at.join(":"), problem["message"].as_str().unwrap_or_default()));
        tell(&problem, lines);
    }
    for (name, word) in [("causes", "because"), ("hints", "hint")] {
        lines.extend(items(name).iter().filter_map(Value::as_str).map(|text| format!("{word}: {text}")));
    }
}

fn read_lines(stdout: impl Read, sender: &mpsc::Sender<Value>) {
    let mut lines = BufReader::new(stdout);
    loop {
        let mut line = String::new();
        match lines.by_ref().take(LINE_BYTES_MAX).read_line(&mut line) {
            Ok(read) if read > 0 => {}
            _ => return,
        }
        // Anything else on standard output is not part of the conversation.
        if let Ok(value) = serde_json::from_str(&line)
            && sender.send(value).is_err()
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
        let surplus = kept.len().saturating_sub(STDERR_BYTES_MAX);
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
    // One that was already gone is as good.
    let _ = child.kill();
    child.wait().ok()
}

/// Says why the process ended without an answer.
fn crash(job: &PartJob, status: Option<ExitStatus>, stderr: &str) -> Failure {
    use std::os::unix::process::ExitStatusExt;
    let part = shown(&job.file);
    let signal = status.and_then(|status| status.signal());
    // A thread that cannot be started has no memory for its stack.
    let signs = ["memory allocation of", "annot allocate memory", "failed to spawn thread"];
    let out_of_memory = signs.iter().any(|sign| stderr.contains(sign));
    let mut failure = match (signal, job.memory_bytes) {
        (_, Some(limit)) if out_of_memory => {
            Failure::new("out-of-memory", format!("the process of `{part}` ran out of its memory limit of {limit} bytes"))
        }
        (Some(9), _) => Failure::new(
            "killed",
            format!("the process of `{part}` was killed (signal 9), most likely because the machine ran out of memory"),
        ),
        (Some(signal), _) => Failure::new("crashed", format!("the process of `{part}` crashed with signal {signal}")),
        (None, _) => {
            let code = status.and_then(|status| status.code()).map_or("unknown".to_owned(), |code| code.to_string());
            Failure::new("crashed", format!("the process of `{part}` ended without an answer (exit code {code})"))
        }
    };
    failure.details = stderr.to_owned();
    failure
}

fn shown(file: &Path) -> String {
    file.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests;
