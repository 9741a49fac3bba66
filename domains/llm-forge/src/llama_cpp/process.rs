//! A child process that cannot outlive what started it, with its output kept within bounds.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::error::{LlamaCppError, shortened};

/// How often a process that is waited for is looked at.
const POLL: Duration = Duration::from_millis(10);
/// Bytes kept of the end of what a process says.
const TAIL_BYTES: usize = 32 << 10;
/// Most bytes of a line that is looked at.
const LINE_BYTES_MAX: u64 = 64 << 10;
/// Most bytes of standard output that are kept; more is an error.
const STDOUT_BYTES_MAX: u64 = 64 << 20;

/// The end of what a process wrote to standard error, and the first line its owner looks for.
#[derive(Debug, Default)]
struct Said {
    tail: String,
    found: Option<String>,
}

/// A running child process; killed when dropped.
#[derive(Debug)]
pub(super) struct Process {
    program: &'static str,
    child: Child,
    said: Arc<Mutex<Said>>,
    keeper: Option<JoinHandle<()>>,
}

/// What a process that ended well has written.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Process {
    /// Starts a process. The first line of its standard error that contains `looked_for` is kept.
    pub(super) fn start(
        mut command: Command,
        program: &'static str,
        looked_for: &'static str,
    ) -> Result<(Self, ChildStdout), LlamaCppError> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        die_with_parent(&mut command);
        let said = Arc::new(Mutex::new(Said::default()));
        let kept = Arc::clone(&said);
        let (sender, started) = mpsc::sync_channel(1);
        // The thread that starts the child lives as long as the child does: the system ends a child with the thread that made it.
        let keeper = std::thread::spawn(move || {
            let spawned = command.spawn().map(|mut child| {
                let pipes = (child.stdout.take(), child.stderr.take());
                (child, pipes)
            });
            let stderr = match spawned {
                Ok((child, (Some(stdout), Some(stderr)))) => {
                    // The receiver waits for this.
                    let _ = sender.send(Ok((child, stdout)));
                    stderr
                }
                Ok(_) => return,
                Err(error) => {
                    let _ = sender.send(Err(error));
                    return;
                }
            };
            listen(stderr, looked_for, &kept);
        });
        let lost = || std::io::Error::other("the thread that starts it ended");
        let (child, stdout) =
            started.recv().unwrap_or_else(|_| Err(lost())).map_err(|source| LlamaCppError::Start { program, source })?;
        Ok((Self { program, child, said, keeper: Some(keeper) }, stdout))
    }

    /// The line that was looked for, once it was written.
    pub(super) fn found(&self) -> Option<String> {
        lock(&self.said).found.clone()
    }

    /// The exit status when the process has ended.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Ends the process and waits for it.
    pub(super) fn kill(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(keeper) = self.keeper.take() {
            let _ = keeper.join();
        }
    }

    /// The end of what it wrote to standard error; whole only once it has ended.
    pub(super) fn tail(&self) -> String {
        lock(&self.said).tail.clone()
    }

    /// The error of a process that ended when it should not have.
    pub(super) fn failure(&mut self, status: ExitStatus) -> LlamaCppError {
        self.kill();
        let status = status.to_string();
        LlamaCppError::Ended { program: self.program, status, said: shortened(&self.tail()) }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Runs a command to its end.
///
/// # Errors
/// When it cannot be started, ends badly, takes too long, writes too much, or is cancelled.
pub(super) fn run(
    command: Command,
    program: &'static str,
    limit: Duration,
    cancelled: &(dyn Fn() -> bool + Sync),
) -> Result<Output, LlamaCppError> {
    let (mut process, mut stdout) = Process::start(command, program, "\0")?;
    let reader = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = stdout.by_ref().take(STDOUT_BYTES_MAX + 1).read_to_end(&mut bytes);
        read.map(|_| bytes)
    });
    let by = Instant::now() + limit;
    let status = loop {
        if let Some(status) = process.ended() {
            break status;
        }
        if cancelled() {
            return Err(LlamaCppError::Cancelled);
        }
        if Instant::now() > by {
            return Err(LlamaCppError::Timeout { program, doing: "its work", seconds: limit.as_secs() });
        }
        std::thread::sleep(POLL);
    };
    let lost = || std::io::Error::other("the thread that reads it ended");
    let bytes = reader.join().unwrap_or_else(|_| Err(lost())).map_err(|source| LlamaCppError::Start { program, source })?;
    if bytes.len() as u64 > STDOUT_BYTES_MAX {
        let expected = format!("at most {STDOUT_BYTES_MAX} bytes");
        return Err(LlamaCppError::Output { program, expected, got: "more".into() });
    }
    if !status.success() {
        return Err(process.failure(status));
    }
    process.kill();
    Ok(Output { stdout: String::from_utf8_lossy(&bytes).into_owned(), stderr: process.tail() })
}

fn listen(stderr: impl Read, looked_for: &str, said: &Mutex<Said>) {
    let mut lines = BufReader::new(stderr);
    let mut line = Vec::new();
    loop {
        line.clear();
        match lines.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line) {
            Ok(1..) => {}
            _ => return,
        }
        let text = String::from_utf8_lossy(&line);
        let mut said = lock(said);
        if said.found.is_none() && text.contains(looked_for) {
            said.found = Some(text.trim_end().to_owned());
        }
        said.tail.push_str(&text);
        let surplus = said.tail.len().saturating_sub(TAIL_BYTES);
        if surplus > 0 {
            let cut = (surplus..).find(|at| said.tail.is_char_boundary(*at)).unwrap_or(surplus);
            said.tail.drain(..cut);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Has the system end the child when the thread that starts it ends, even by a signal that cannot be handled.
#[cfg(target_os = "linux")]
fn die_with_parent(command: &mut Command) {
    let kill = || Ok(rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?);
    // SAFETY: between fork and exec only calls that are safe in a signal handler are allowed; this is one system call, `prctl`,
    // and it allocates nothing.
    unsafe {
        command.pre_exec(kill);
    }
}

/// Elsewhere a child that loses its parent ends when its owner's drop or a broken pipe reaches it.
#[cfg(not(target_os = "linux"))]
fn die_with_parent(_: &mut Command) {}
