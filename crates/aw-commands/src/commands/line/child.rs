//! The worker's side of the process that builds one part: started, listened to, stopped in time, and its end explained.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use aw_foundry::child::{self, converse};
use serde_json::Value;

use super::part::{Built, PartJob};
use crate::variables;

/// How long the process may take to stop when asked, before it is killed. It gives as long to the stage it runs.
const STOP_GRACE: Duration = Duration::from_secs(10);

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
    let line =
        serde_json::to_vec(job).map_err(|error| Failure::new("part-start", format!("a path of the part is no text: {error}")))?;
    let started = Instant::now();
    let mut heard = |message: Value| {
        let end = end(&message);
        if end.is_none() {
            event(&message);
        }
        end
    };
    let late = || time_limit.filter(|limit| started.elapsed() > *limit).map(too_late);
    let stop = || cancelled().then(stopped).or_else(late);
    let talk = converse(&mut command(program, job), &line, STOP_GRACE, &mut heard, &stop).map_err(|error| {
        Failure::new("part-start", format!("the part's process (`{}`) cannot be started: {error}", program.path.display()))
    })?;
    match (talk.answer, talk.stopped) {
        (Some(End::Built(built)), _) => Ok(built),
        // What a stopped process says of being stopped is not why it was stopped.
        (_, Some(failure)) | (Some(End::Failed(failure)), None) => Err(failure),
        (None, None) if cancelled() => Err(stopped()),
        (None, None) => Err(crash(job, &talk.end)),
    }
}

fn stopped() -> Failure {
    Failure { stopped: true, ..Failure::new("cancelled", "the worker was asked to stop; finished stages are kept") }
}

fn command(program: &Program, job: &PartJob) -> Command {
    let mut command = Command::new(&program.path);
    command
        .args(&program.arguments)
        .env_clear()
        .envs(HANDED_ON.iter().filter_map(|name| Some((name, std::env::var_os(name)?))))
        .env(variables::HOME_FOLDER.name, &program.home)
        // A token in the user's home is a credential as well: it is looked for where there is none.
        .env(TOKEN_FILE, job.work.join(".no-token"));
    command
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

/// Says why the process ended without an answer.
fn crash(job: &PartJob, end: &child::End) -> Failure {
    let crash = end.crash(job.memory_bytes);
    let file = job.file.file_name().unwrap_or_default().to_string_lossy();
    Failure { details: end.stderr.clone(), ..Failure::new(crash.code(), crash.message(&format!("`{file}`"))) }
}

#[cfg(test)]
mod tests;
