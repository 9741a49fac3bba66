//! A process of this program that does one thing and may die of it: told what to do in a line of JSON, it answers in lines of JSON.
//!
//! Standard input stays open while it goes on; when it ends (the parent lets go, or died), the child stops at its next safe point.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;

/// Longest line that is read of the other side, in bytes: outputs name every file of a tree.
pub(crate) const LINE_BYTES_MAX: u64 = 256 << 20;
/// How often a parent that waits looks whether to stop.
const POLL: Duration = Duration::from_millis(50);
/// Bytes of the child's standard error kept for the message.
const STDERR_BYTES_MAX: usize = 16 << 10;
/// What an allocator, an interpreter and a thread that gets no stack say of memory that they do not get.
const NO_MEMORY: [&str; 3] = ["memory allocation of", "annot allocate memory", "failed to spawn thread"];

/// How a conversation with a child ended.
#[derive(Debug)]
pub struct Conversation<A, S> {
    /// What the child answered.
    pub answer: Option<A>,
    /// Why it was asked to stop.
    pub stopped: Option<S>,
    /// How the process ended.
    pub end: End,
}

/// How a process ended.
#[derive(Debug)]
pub struct End {
    /// Its status, when the system tells.
    pub status: Option<ExitStatus>,
    /// The end of its standard error.
    pub stderr: String,
}

/// Why a process ended without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// Its memory limit, in bytes.
    OutOfMemory(u64),
    /// Signal 9, which nobody of ours sent.
    Killed,
    /// Another signal.
    Signal(i32),
    /// It went of its own will, with this code where one is known.
    Exit(Option<i32>),
}

/// Starts a child, tells it `line`, and hands on each message until `heard` takes one for the answer. When `stop` gives a reason, the
/// child is asked to stop, and after `grace` killed. It is gone when this returns.
///
/// Lines of the child's output that are no message are passed over.
///
/// # Errors
/// When the child cannot be started.
pub fn converse<M, A, S>(
    command: &mut Command,
    line: &[u8],
    grace: Duration,
    heard: &mut dyn FnMut(M) -> Option<A>,
    stop: &dyn Fn() -> Option<S>,
) -> std::io::Result<Conversation<A, S>>
where
    M: DeserializeOwned + Send,
{
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Out of the terminal's process group: Ctrl-C reaches the parent, which stops the child in order.
        .process_group(0)
        .spawn()?;
    Ok(std::thread::scope(|scope| {
        let (sender, messages) = mpsc::channel();
        let stdout = child.stdout.take();
        scope.spawn(move || stdout.map(|stdout| read_messages(stdout, &sender)));
        let stderr = child.stderr.take();
        let stderr = scope.spawn(move || stderr.map(last_bytes).unwrap_or_default());
        let (answer, stopped) = listen(&mut child, line, &messages, grace, heard, stop);
        // On every way out the child is gone before its pipes are waited for.
        let status = end(&mut child, grace);
        drop(messages);
        Conversation { answer, stopped, end: End { status, stderr: stderr.join().unwrap_or_default() } }
    }))
}

fn listen<M, A, S>(
    child: &mut Child,
    line: &[u8],
    messages: &mpsc::Receiver<M>,
    grace: Duration,
    heard: &mut dyn FnMut(M) -> Option<A>,
    stop: &dyn Fn() -> Option<S>,
) -> (Option<A>, Option<S>) {
    // A child that died before reading is found by its missing answer.
    let _ = child.stdin.as_mut().map(|stdin| stdin.write_all(line).and_then(|()| stdin.write_all(b"\n")));
    let mut stopped: Option<(Instant, S)> = None;
    let answer = loop {
        match messages.recv_timeout(POLL) {
            Ok(message) => {
                if let Some(answer) = heard(message) {
                    break Some(answer);
                }
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => break None,
            Err(mpsc::RecvTimeoutError::Timeout) => {}
        }
        match &stopped {
            Some((by, _)) if Instant::now() > *by => break None,
            Some(_) => {}
            None => {
                if let Some(reason) = stop() {
                    drop(child.stdin.take());
                    stopped = Some((Instant::now() + grace, reason));
                }
            }
        }
    };
    (answer, stopped.map(|(_, reason)| reason))
}

fn read_messages<M: DeserializeOwned>(stdout: impl Read, sender: &mpsc::Sender<M>) {
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
        let surplus = kept.len().saturating_sub(STDERR_BYTES_MAX);
        kept.drain(..surplus);
    }
    String::from_utf8_lossy(&kept).trim().to_owned()
}

fn end(child: &mut Child, grace: Duration) -> Option<ExitStatus> {
    drop(child.stdin.take());
    let by = Instant::now() + grace;
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

impl End {
    /// Why there was no answer; `limit` is the memory the process was allowed, in bytes.
    pub fn crash(&self, limit: Option<u64>) -> Crash {
        if let Some(limit) = limit.filter(|_| NO_MEMORY.iter().any(|sign| self.stderr.contains(sign))) {
            return Crash::OutOfMemory(limit);
        }
        match self.status.and_then(|status| status.signal()) {
            Some(9) => Crash::Killed,
            Some(signal) => Crash::Signal(signal),
            None => Crash::Exit(self.status.and_then(|status| status.code())),
        }
    }
}

impl Crash {
    /// A stable name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::OutOfMemory(_) => "out-of-memory",
            Self::Killed => "killed",
            Self::Signal(_) | Self::Exit(_) => "crashed",
        }
    }

    /// What happened to the process of `what`, such as "stage `quant`".
    pub fn message(self, what: &str) -> String {
        match self {
            Self::OutOfMemory(limit) => format!("the process of {what} ran out of its memory limit of {limit} bytes"),
            Self::Killed => {
                format!("the process of {what} was killed (signal 9), most likely because the machine ran out of memory")
            }
            Self::Signal(signal) => format!("the process of {what} crashed with signal {signal}"),
            Self::Exit(code) => {
                let code = code.map_or_else(|| "unknown".to_owned(), |code| code.to_string());
                format!("the process of {what} ended without an answer (exit code {code})")
            }
        }
    }
}
