//! Several workers on one line: each a process of this program, watched by this one through the line's files, and started again when it
//! dies.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

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

/// Starts again of one worker, without a while of work between them.
const STARTS_AGAIN_MAX: u32 = 5;
/// What is waited before the first of them; twice as long before each further one.
const PAUSE: Duration = Duration::from_secs(1);
/// A worker that was at work so long died of something else than the one before it.
const A_WHILE: Duration = Duration::from_secs(600);

struct Member {
    name: String,
    state: State,
    /// Starts again in a row.
    again: u32,
}

enum State {
    Working(Working),
    /// It died, and is started again at that moment.
    Pause(Instant),
    /// It ended with an answer, which is its last line, or for good without one.
    Ended(Result<Value, String>),
}

struct Working {
    child: Child,
    since: Instant,
    /// The last line of its standard output, once that has ended.
    last: Option<std::thread::JoinHandle<Option<Value>>>,
}

impl Working {
    /// Its last line, or why there is none, once it has ended; whether it died of a signal.
    fn end(mut self, status: ExitStatus) -> (Result<Value, String>, bool) {
        use std::os::unix::process::ExitStatusExt;
        let last = self.last.take().and_then(|last| last.join().ok()).flatten().unwrap_or(Value::Null);
        if last["event"] == "result" {
            return (Ok(last), false);
        }
        let said = last["message"].as_str().filter(|_| last["event"] == "error");
        (Err(said.map_or_else(|| status.to_string(), str::to_owned)), said.is_none() && status.signal().is_some())
    }
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
    let begin = |name: &str| start(environment, root, parameters, name, each);
    let tell = |what: &str, details: Value| (surface.event)(RunEvent::Line { what: what.to_owned(), part: None, details });
    let mut members: Vec<Member> = Vec::new();
    for number in 1..=workers {
        let name = format!("w{number}");
        match begin(&name) {
            Ok(working) => members.push(Member { name, state: State::Working(working), again: 0 }),
            Err(report) => {
                // Those that were started are not left to themselves.
                members.iter().for_each(ask_to_stop);
                for member in members {
                    if let State::Working(mut working) = member.state {
                        let _ = working.child.wait();
                    }
                }
                return Err(report);
            }
        }
    }
    // A worker that takes so many parts and dies would, begun anew, take as many again.
    let counted = parameters.once || parameters.max_parts.is_some();
    let mut asked = false;
    loop {
        watcher.look(surface)?;
        if !asked && (surface.cancelled)() {
            asked = true;
            members.iter().for_each(ask_to_stop);
        }
        for member in &mut members {
            member.look(asked || counted, &begin, &tell)?;
        }
        if members.iter().all(|member| matches!(member.state, State::Ended(_))) {
            break;
        }
        std::thread::sleep(POLL);
    }
    watcher.look(surface)?;
    let mut result = LineWorkResult { root: root.folder().to_owned(), stopped: asked, ..LineWorkResult::default() };
    let mut lost = Vec::new();
    for member in members {
        match member.state {
            State::Ended(Ok(last)) => {
                let count = |name: &str| last[name].as_u64().unwrap_or(0);
                result.finished += count("finished");
                result.failed += count("failed");
                result.recovered += count("recovered");
            }
            State::Ended(Err(why)) => lost.push(format!("`{}`: {why}", member.name)),
            State::Working(_) | State::Pause(_) => {}
        }
    }
    if lost.is_empty() {
        return Ok(result);
    }
    let message = format!("{} of {workers} workers ended without an answer: {}", lost.len(), lost.join("; "));
    Err(Report::new(ExitCode::Environment, "worker-lost", message)
        .hint("what they built is kept; the next worker that starts sends their parts back to intake"))
}

impl Member {
    /// Sees whether it has ended, and starts it again when it died and nothing forbids that.
    fn look(
        &mut self,
        for_good: bool,
        begin: &dyn Fn(&str) -> Result<Working, Report>,
        tell: &dyn Fn(&str, Value),
    ) -> Result<(), Report> {
        self.state = match std::mem::replace(&mut self.state, State::Ended(Err("it is being looked at".into()))) {
            State::Working(mut working) => {
                let status =
                    working.child.try_wait().map_err(|error| Report::from_error(ExitCode::Environment, "worker", &error))?;
                match status {
                    None => State::Working(working),
                    Some(status) => self.ended(working, status, for_good, tell),
                }
            }
            State::Pause(_) if for_good => State::Ended(Err("it died, and was not started again".into())),
            State::Pause(until) if Instant::now() >= until => {
                tell("worker-again", json!({"worker": self.name}));
                match begin(&self.name) {
                    Ok(working) => State::Working(working),
                    Err(report) => State::Ended(Err(report.message)),
                }
            }
            other => other,
        };
        Ok(())
    }

    fn ended(&mut self, working: Working, status: ExitStatus, for_good: bool, tell: &dyn Fn(&str, Value)) -> State {
        if working.since.elapsed() > A_WHILE {
            self.again = 0;
        }
        let (last, died) = working.end(status);
        let Err(why) = &last else { return State::Ended(last) };
        tell("worker-lost", json!({"worker": self.name, "reason": why}));
        if !died || for_good || self.again == STARTS_AGAIN_MAX {
            return State::Ended(last);
        }
        self.again += 1;
        State::Pause(Instant::now() + PAUSE * (1 << (self.again - 1)))
    }
}

fn start(environment: &Environment, root: &Root, parameters: &Parameters, name: &str, threads: usize) -> Result<Working, Report> {
    use std::os::unix::process::CommandExt;
    let fail = |message: String| Report::new(ExitCode::Environment, "worker", message);
    let program = environment.program().ok_or_else(|| fail("the program does not find itself".into()))?;
    let mut command = Command::new(program);
    command.arg("--json").arg("--home").arg(absolute(environment)?).args(["line", "work", "--worker", name]);
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
    stop_with_parent(&mut command);
    let mut child = command.spawn().map_err(|error| fail(format!("a worker cannot be started: {error}")))?;
    let last = child.stdout.take().map(|stdout| {
        std::thread::spawn(move || {
            let lines = BufReader::new(stdout).lines().map_while(Result::ok);
            lines.fold(None, |last, line| serde_json::from_str(&line).ok().or(last))
        })
    });
    Ok(Working { child, since: Instant::now(), last })
}

/// Has the system ask the worker to stop when the thread that starts it ends, even by a signal that cannot be handled.
#[cfg(target_os = "linux")]
fn stop_with_parent(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    let ask = || Ok(rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::TERM))?);
    // SAFETY: between fork and exec only calls that are safe in a signal handler are allowed; this is one system call, `prctl`,
    // and it allocates nothing.
    unsafe {
        command.pre_exec(ask);
    }
}

/// Elsewhere workers whose starter was killed go on until they are asked themselves.
#[cfg(not(target_os = "linux"))]
fn stop_with_parent(_: &mut Command) {}

fn ask_to_stop(member: &Member) {
    let State::Working(working) = &member.state else { return };
    let pid = i32::try_from(working.child.id()).ok().and_then(rustix::process::Pid::from_raw);
    if let Some(pid) = pid {
        // One that has ended meanwhile needs no asking; it is not waited for yet, so its number is still its own.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }
}
