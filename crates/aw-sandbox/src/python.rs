//! Running Python programs, and judging whether they came to their end.
//!
//! # What a pass means
//! A program passes when it ran to its last statement without an exception: the driver around it then writes a random token, made for
//! this one run, to a pipe of its own. Printing, exiting with status 0, `os._exit`, closing descriptors or dying in any way do not write it.
//! A program that searches its own interpreter's frames for the token can find it: program and driver share a process, as in every
//! harness that runs tests beside the code they test.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::Deserialize;

use crate::{End, Outcome, Program, RunError, Sandbox, View};

/// Folders and files that programs of any kind are started from.
const LOADER: [&str; 5] = ["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache"];
/// Bytes of a reason that are kept.
const REASON_BYTES: usize = 400;
const DISCOVER: &str = include_str!("discover.py");
const DRIVER: &str = include_str!("driver.py");

/// A Python interpreter of this machine.
#[derive(Clone, Debug)]
pub struct Python {
    /// The interpreter.
    pub executable: PathBuf,
    /// Its version, as it says itself.
    pub version: String,
    /// What it needs of the file system.
    pub view: View,
}

/// Why there is no interpreter.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoPython {
    /// It could not be started.
    #[error("cannot start `{program}`: {source}\nhint: install Python 3.8 or later, as `python3` on PATH")]
    Start {
        /// What was started.
        program: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// It did not say what it needs.
    #[error("`{program}` is no Python that can be used: {problem}")]
    Unusable {
        /// What was started.
        program: String,
        /// What was wrong.
        problem: String,
    },
}

/// What became of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// It ran to its end.
    Passed,
    /// It raised an exception or ended early; the last line it wrote to standard error.
    Failed(String),
    /// Its time was over.
    TimedOut,
    /// It wrote more than it may.
    TooMuchOutput,
    /// It was killed by this signal.
    Killed(i32),
    /// The caller wanted to stop.
    Cancelled,
}

/// A verdict with what it was seen from.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The verdict.
    pub verdict: Verdict,
    /// The run.
    pub outcome: Outcome,
}

#[derive(Deserialize)]
struct Discovered {
    executable: PathBuf,
    version: String,
    paths: Vec<PathBuf>,
}

impl Python {
    /// Finds the interpreter `python3` on PATH, or the one given, by running it once, unprotected, with a program of ours.
    ///
    /// # Errors
    /// When there is none or it does not say what it needs.
    pub fn find(given: Option<&Path>) -> Result<Python, NoPython> {
        let program = given.unwrap_or(Path::new("python3"));
        let name = program.display().to_string();
        let unusable = |problem: String| NoPython::Unusable { program: name.clone(), problem };
        let mut command = Command::new(program);
        command.args(["-E", "-s", "-B", "-c", DISCOVER]).stdin(Stdio::null());
        let output = command.output().map_err(|source| NoPython::Start { program: name.clone(), source })?;
        if !output.status.success() {
            return Err(unusable(last_line(&output.stderr)));
        }
        let found: Discovered = serde_json::from_slice(&output.stdout).map_err(|error| unusable(error.to_string()))?;
        let mut read_only = found.paths;
        read_only.extend(LOADER.map(PathBuf::from));
        Ok(Python { executable: found.executable, version: found.version, view: View { read_only } })
    }

    /// Runs a program in the sandbox and says whether it came to its end.
    ///
    /// # Errors
    /// When the sandbox refuses, which is never the program's failure.
    ///
    /// # Determinism
    /// Hashes of texts are seeded with zero; time and random numbers are the program's own affair.
    pub fn judge(&self, sandbox: &Sandbox, program: &str, cancelled: &dyn Fn() -> bool) -> Result<Judged, RunError> {
        let token = token()?;
        let environment = [
            "HOME=/nonexistent",
            "LANG=C.UTF-8",
            "OMP_NUM_THREADS=1",
            "OPENBLAS_NUM_THREADS=1",
            "PATH=/nonexistent",
            "PYTHONHASHSEED=0",
            "PYTHONSAFEPATH=1",
        ];
        let mut input = token.clone().into_bytes();
        input.push(b'\n');
        input.extend_from_slice(program.as_bytes());
        let started = Program {
            path: self.executable.clone(),
            arguments: ["-s", "-B", "-X", "utf8", "-c", DRIVER].map(Into::into).to_vec(),
            environment: environment.map(str::to_owned).to_vec(),
            input,
        };
        let outcome = sandbox.run(&started, cancelled)?;
        let verdict = match outcome.end {
            End::Exited(0) if outcome.report == token.as_bytes() => Verdict::Passed,
            End::Exited(_) if !outcome.stderr.is_empty() => Verdict::Failed(last_line(&outcome.stderr)),
            End::Exited(status) => Verdict::Failed(format!("ended with status {status} before its last statement")),
            End::WallTime => Verdict::TimedOut,
            // The limit of processor time first warns with one signal and then kills with another.
            End::Signalled(24 | 9) if outcome.cpu >= Duration::from_secs(1) => Verdict::TimedOut,
            End::Signalled(signal) => Verdict::Killed(signal),
            End::Output => Verdict::TooMuchOutput,
            End::Cancelled => Verdict::Cancelled,
        };
        Ok(Judged { verdict, outcome })
    }
}

/// A random text that a program cannot guess.
fn token() -> Result<String, RunError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| std::io::Error::other(error.to_string()))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The last line that holds anything, cut to a length.
fn last_line(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let line = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    line.chars().take(REASON_BYTES).collect()
}
