//! Several workers on one line: each a process of this program, watched by this one through the line's files.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use aw_line::Root;
use aw_line::node::NodeFile;
use serde_json::{Value, json};

use super::watch::Watcher;
use super::work::{LineWorkResult, Parameters, absolute};
use crate::environment::{self, Environment};
use crate::events::RunEvent;
use crate::exit::ExitCode;
use crate::registry::Surface;
use crate::report::Report;

/// How often the workers are looked at.
const POLL: Duration = Duration::from_millis(200);

struct Member {
    name: String,
    child: Child,
    /// The last line of its standard output, once that has ended.
    last: Option<std::thread::JoinHandle<Option<Value>>>,
}

/// Starts the workers, tells what they do, and waits for them. Asked to stop, it asks them.
pub(super) fn run(
    environment: &Environment,
    root: &Root,
    file: &NodeFile,
    parameters: &Parameters,
    workers: u32,
    surface: &Surface<'_>,
) -> Result<LineWorkResult, Report> {
    let threads = environment::threads(None);
    let each =
        parameters.threads.or(file.forge.threads).map_or_else(|| (threads / workers as usize).max(1), |threads| threads as usize);
    let mut watcher = Watcher::new(root, false)?;
    let mut members = Vec::new();
    for number in 1..=workers {
        match start(environment, root, parameters, format!("w{number}"), each) {
            Ok(member) => members.push(member),
            Err(report) => {
                // Those that were started are not left to themselves.
                members.iter().for_each(ask_to_stop);
                for mut member in members {
                    let _ = member.child.wait();
                }
                return Err(report);
            }
        }
    }
    let mut asked = false;
    loop {
        watcher.look(surface)?;
        if !asked && (surface.cancelled)() {
            asked = true;
            members.iter().for_each(ask_to_stop);
        }
        let alive = members.iter_mut().filter_map(|member| member.child.try_wait().ok()).filter(Option::is_none).count();
        if alive == 0 {
            break;
        }
        std::thread::sleep(POLL);
    }
    watcher.look(surface)?;
    let mut result = LineWorkResult { root: root.folder().to_owned(), stopped: asked, ..LineWorkResult::default() };
    let mut lost = Vec::new();
    for mut member in members {
        let status = member.child.wait().map_err(|error| Report::from_error(ExitCode::Environment, "worker", &error))?;
        let last = member.last.take().and_then(|last| last.join().ok()).flatten().unwrap_or(Value::Null);
        if last["event"] == "result" {
            let count = |name: &str| last[name].as_u64().unwrap_or(0);
            result.finished += count("finished");
            result.failed += count("failed");
            result.recovered += count("recovered");
        } else {
            let why = last["message"].as_str().map_or_else(|| status.to_string(), str::to_owned);
            let details = json!({"worker": member.name, "reason": why});
            (surface.event)(RunEvent::Line { what: "worker-lost".into(), part: None, details });
            lost.push(format!("`{}`: {why}", member.name));
        }
    }
    if lost.is_empty() {
        return Ok(result);
    }
    let message = format!("{} of {workers} workers ended without an answer: {}", lost.len(), lost.join("; "));
    Err(Report::new(ExitCode::Environment, "worker-lost", message)
        .hint("what they built is kept; the next worker that starts sends their parts back to intake"))
}

fn start(
    environment: &Environment,
    root: &Root,
    parameters: &Parameters,
    name: String,
    threads: usize,
) -> Result<Member, Report> {
    use std::os::unix::process::CommandExt;
    let fail = |message: String| Report::new(ExitCode::Environment, "worker", message);
    let program = environment.program().ok_or_else(|| fail("the program does not find itself".into()))?;
    let mut command = Command::new(program);
    command.arg("--json").arg("--home").arg(absolute(environment)?).args(["line", "work", "--worker", &name]);
    command.arg("--root").arg(root.folder()).arg("--threads").arg(threads.to_string());
    for (given, flag) in [(parameters.once, "--once"), (parameters.drain, "--drain"), (parameters.offline, "--offline")] {
        command.args(given.then_some(flag));
    }
    if let Some(limit) = &parameters.memory_limit {
        command.arg("--memory-limit").arg(limit);
    }
    if let Some(most) = parameters.max_parts {
        command.arg("--max-parts").arg(most.to_string());
    }
    // Out of the terminal's process group: Ctrl-C reaches this process, which asks them.
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
    let mut child = command.spawn().map_err(|error| fail(format!("a worker cannot be started: {error}")))?;
    let last = child.stdout.take().map(|stdout| {
        std::thread::spawn(move || {
            let lines = BufReader::new(stdout).lines().map_while(Result::ok);
            lines.fold(None, |last, line| serde_json::from_str(&line).ok().or(last))
        })
    });
    Ok(Member { name, child, last })
}

fn ask_to_stop(member: &Member) {
    let pid = i32::try_from(member.child.id()).ok().and_then(rustix::process::Pid::from_raw);
    if let Some(pid) = pid {
        // One that has ended meanwhile needs no asking; it is not waited for yet, so its number is still its own.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }
}
