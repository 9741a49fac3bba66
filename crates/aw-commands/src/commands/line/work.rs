//! `line/work`: builds the parts of the line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aw_line::node::NodeFile;
use aw_line::{Event, Root, Stop, Until, WorkerName, WorkerOptions};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::builder::Forge;
use super::child::Program;
use super::{crew, support};
use crate::environment::{self, Environment};
use crate::events::RunEvent;
use crate::exit::ExitCode;
use crate::registry::{About, Command, Example, Outcome, Reach, Surface};
use crate::report::Report;
use crate::size::MemoryLimit;

/// How often a worker looks whether it was asked to stop.
const POLL: Duration = Duration::from_millis(100);
/// What makes the program build one part.
const PART: &str = "line-part";

pub(super) fn command() -> Command {
    let about = About {
        name: "line/work",
        summary: "Builds the parts of the line, until it is asked to stop",
        details: "Takes the oldest waiting part, builds it in a process of its own under the node file's limits, and puts it into finished \
                  with its result, or into rework with its error. Parts of workers that died are sent back to intake first, and go on \
                  at the first stage that is not finished. Ctrl-C or a termination signal stops in order: the part goes on at the next \
                  start. One worker of a name runs at a time; several with names of their own may share a line.",
        reach: Reach::Local,
        examples: &[
            Example { what: "until asked to stop", line: "line work --root line-1" },
            Example { what: "until nothing waits, one line of JSON for everything", line: "line work --drain --json" },
            Example { what: "three workers", line: "line work --workers 3" },
        ],
        exit_codes: &[ExitCode::Ok, ExitCode::No, ExitCode::Refused, ExitCode::Environment, ExitCode::Cancelled],
    };
    Command::new(about, run).with_events().meaning(&[
        (ExitCode::No, "At least one part went to rework."),
        (ExitCode::Refused, "A worker of that name is at work already, the node file is refused, or the node does not forge."),
    ])
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Parameters {
    /// The line's folder; the working folder when not given.
    #[schemars(extend("x-value-name" = "FOLDER"))]
    pub(super) root: Option<PathBuf>,
    /// Build one part, or none when none waits, and end.
    #[serde(default)]
    pub(super) once: bool,
    /// End when nothing waits.
    #[serde(default)]
    pub(super) drain: bool,
    /// End after so many parts.
    #[schemars(range(min = 1), extend("x-value-name" = "N"))]
    pub(super) max_parts: Option<u64>,
    /// What the worker is called, when several share the line.
    #[schemars(extend("x-value-name" = "NAME"))]
    pub(super) worker: Option<String>,
    /// Start so many workers, called `w1`, `w2` and so on; what the node file says when neither this nor a name is given.
    #[schemars(range(min = 1, max = 64), extend("x-value-name" = "N"))]
    pub(super) workers: Option<u32>,
    /// Threads a stage may use; what the node file says, or all the machine gives, shared among the workers.
    #[schemars(range(min = 1, max = 4096), extend("x-value-name" = "N"))]
    pub(super) threads: Option<u32>,
    /// Memory each process of a part may take, such as `8GB` or `none`; what the node file says when not given.
    #[schemars(extend("x-value-name" = "SIZE"))]
    pub(super) memory_limit: Option<String>,
    /// Ask nothing of any other machine: a model from the Hub is taken from the cache or not at all.
    #[serde(default)]
    pub(super) offline: bool,
}

/// What was built.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LineWorkResult {
    /// The line's folder.
    pub root: PathBuf,
    /// Parts that are finished.
    pub finished: u64,
    /// Parts that went to rework.
    pub failed: u64,
    /// Parts of dead workers that were taken care of.
    pub recovered: u64,
    /// Whether it was asked to stop.
    pub stopped: bool,
}

impl Outcome for LineWorkResult {
    fn exit_code(&self) -> ExitCode {
        match (self.stopped, self.failed) {
            (true, _) => ExitCode::Cancelled,
            (false, 0) => ExitCode::Ok,
            (false, _) => ExitCode::No,
        }
    }
}

fn run(environment: &Environment, parameters: Parameters, surface: &Surface<'_>) -> Result<LineWorkResult, Report> {
    let root = support::open(parameters.root.as_deref())?;
    let file = support::node_file(&root)?;
    if !file.forges() {
        let message =
            format!("the node `{}` does not forge: `{}` gives it other roles", file.node.name, root.node_file().display());
        return Err(Report::new(ExitCode::Refused, "not-a-forge", message).hint("add `forge` to `roles` there"));
    }
    if parameters.once && parameters.drain {
        return Err(support::wrong("once", "`--once` and `--drain` do not go together".into()));
    }
    if parameters.worker.is_some() && parameters.workers.is_some() {
        return Err(support::wrong(
            "workers",
            "`--worker` names one, `--workers` starts several; they do not go together".into(),
        ));
    }
    let workers = match (&parameters.worker, parameters.workers) {
        (Some(_), _) => 1,
        (None, Some(workers)) => workers,
        (None, None) => file.forge.workers,
    };
    if workers > 1 {
        return crew::run(environment, &root, &file, &parameters, workers, surface);
    }
    alone(environment, &root, &file, &parameters, surface)
}

/// Works in this process.
fn alone(
    environment: &Environment,
    root: &Root,
    file: &NodeFile,
    parameters: &Parameters,
    surface: &Surface<'_>,
) -> Result<LineWorkResult, Report> {
    let memory = match parameters.memory_limit.as_deref() {
        Some(text) => Some(text.parse::<MemoryLimit>().map_err(|error| support::wrong("memoryLimit", error.to_string()))?),
        None => None,
    };
    let name = match parameters.worker.as_deref() {
        Some(name) => name.parse::<WorkerName>().map_err(|error| support::wrong("worker", error.to_string()))?,
        None => WorkerName::default(),
    };
    let tell = |what: &str, details: Value| {
        (surface.event)(RunEvent::Line { what: what.to_owned(), part: None, details });
    };
    let forge = Forge {
        root,
        file,
        registry: environment.registry(),
        program: program(environment)?,
        memory,
        threads: environment::threads(parameters.threads.or(file.forge.threads)),
        offline: parameters.offline,
        tell: &tell,
    };
    let options = WorkerOptions {
        name,
        max_retries: file.forge.max_retries,
        interval: file.heartbeat_interval(),
        until: match (parameters.once, parameters.drain) {
            (true, _) => Until::Once,
            (_, true) => Until::Drained,
            _ => Until::Stopped,
        },
        max_parts: parameters.max_parts,
    };
    let (stop, over) = (Stop::default(), AtomicBool::new(false));
    let worked = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) && !stop.is_set() {
                if (surface.cancelled)() {
                    stop.set();
                }
                std::thread::sleep(POLL);
            }
        });
        let part = std::cell::RefCell::new(None::<String>);
        let worked = aw_line::work(root, &forge, &options, &stop, &|event| observe(&event, &part, surface));
        over.store(true, Ordering::Relaxed);
        worked
    });
    let worked = worked.map_err(support::line)?;
    Ok(LineWorkResult {
        root: root.folder().to_owned(),
        finished: worked.finished,
        failed: worked.failed,
        recovered: worked.recovered,
        stopped: stop.is_set(),
    })
}

/// Tells what a worker does.
fn observe(event: &Event<'_>, part: &std::cell::RefCell<Option<String>>, surface: &Surface<'_>) {
    let (what, name, details) = match event {
        Event::Recovered(name, outcome) => {
            let to = match outcome {
                aw_line::Recovered::Again(again) => format!("intake as `{again}`"),
                aw_line::Recovered::Exhausted => "rework: recovered as often as is allowed".into(),
            };
            ("recovered", Some(name.to_string()), json!({"to": to}))
        }
        Event::Started(name) => {
            *part.borrow_mut() = Some(name.to_string());
            ("started", Some(name.to_string()), Value::Null)
        }
        Event::Progress { stage, fraction } => ("progress", part.borrow().clone(), json!({"stage": stage, "fraction": fraction})),
        Event::Finished(name, finished) => {
            ("finished", Some(name.to_string()), json!({"forged_dir": finished.forged_dir, "modelHash": finished.model_hash}))
        }
        Event::Failed(name, failed) => {
            ("rework", Some(name.to_string()), json!({"error": failed.error, "stage": failed.stage, "details": failed.traceback}))
        }
        Event::Left(name) => ("left", Some(name.to_string()), Value::Null),
        Event::Refused(name, reason) => ("refused", Some(name.to_string()), json!({"reason": reason})),
        Event::Odd(odd) => ("odd", None, json!({"path": odd.path, "reason": odd.reason})),
        Event::Idle => ("idle", None, Value::Null),
        _ => ("other", None, Value::Null),
    };
    (surface.event)(RunEvent::Line { what: what.to_owned(), part: name, details });
}

/// This program, as the process of a part.
fn program(environment: &Environment) -> Result<Program, Report> {
    let path = environment.program().ok_or_else(|| {
        Report::new(ExitCode::Environment, "program", "the program does not find itself, and parts are built by processes of it")
    })?;
    Ok(Program { path: path.to_owned(), arguments: vec![OsString::from(PART)], home: absolute(environment)? })
}

/// The home folder, whatever folder a process of ours works in.
pub(super) fn absolute(environment: &Environment) -> Result<PathBuf, Report> {
    std::path::absolute(environment.home()).map_err(|error| Report::from_error(ExitCode::Environment, "home", &error))
}
