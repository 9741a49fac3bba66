//! Programs that are run to their end, within limits.

use std::ffi::OsString;
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

/// How long a compiler may take and how much it may say.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long.
    pub time: Duration,
    /// How many bytes on each of its two outputs; what is more is dropped, and said to be.
    pub output: usize,
}

impl Default for Limits {
    /// Twenty minutes, and a mebibyte: 5 MB of Rust with serde take minutes to check.
    fn default() -> Self {
        Self { time: Duration::from_mins(20), output: 1 << 20 }
    }
}

/// What came of a program.
#[derive(Debug)]
pub(super) struct Ended {
    /// Whether it ended well.
    pub success: bool,
    /// What it wrote, both outputs one after the other.
    pub text: String,
    /// Why its text is not the whole of it.
    pub cut: Option<String>,
}

/// Runs a program in a folder, with nothing on its input and an environment of its own.
pub(super) fn run(
    program: &Path,
    arguments: impl IntoIterator<Item = OsString>,
    folder: &Path,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
    limits: Limits,
) -> io::Result<Ended> {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).env_clear().envs(environment);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let named = |error: io::Error| io::Error::new(error.kind(), format!("cannot run `{}`: {error}", program.display()));
    let mut child = command.spawn().map_err(named)?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    thread::scope(|scope| {
        let out = scope.spawn(|| read(out, limits.output));
        let err = scope.spawn(|| read(err, limits.output));
        let ended = wait(&mut child, limits.time);
        // What it started and left behind must not hold its outputs open.
        if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let in_time = ended?;
        let status = child.wait()?;
        let ((out, out_cut), (err, err_cut)) = (joined(out)?, joined(err)?);
        let cut = match in_time {
            false => Some(format!("it was ended after {} seconds", limits.time.as_secs())),
            true if out_cut || err_cut => Some(format!("it wrote more than {} bytes", limits.output)),
            true => None,
        };
        Ok(Ended { success: status.success() && in_time, text: out + &err, cut })
    })
}

fn joined(reader: thread::ScopedJoinHandle<'_, io::Result<(String, bool)>>) -> io::Result<(String, bool)> {
    reader.join().unwrap_or_else(|_| Err(io::Error::other("reading a compiler's output failed")))
}

/// Whether it ended in time.
fn wait(child: &mut Child, time: Duration) -> io::Result<bool> {
    let start = Instant::now();
    let mut pause = Duration::from_millis(1);
    while child.try_wait()?.is_none() {
        if start.elapsed() >= time {
            return Ok(false);
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
    Ok(true)
}

/// The first bytes of an output, which is read to its end; and whether there were more.
fn read(output: Option<impl Read>, limit: usize) -> io::Result<(String, bool)> {
    let mut kept = Vec::new();
    let mut cut = false;
    if let Some(mut output) = output {
        let mut buffer = [0; 8192];
        loop {
            let count = match output.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let room = (limit - kept.len()).min(count);
            kept.extend_from_slice(&buffer[..room]);
            cut |= room < count;
        }
    }
    Ok((String::from_utf8_lossy(&kept).into_owned(), cut))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, limits: Limits) -> Ended {
        let arguments = ["-c".into(), script.into()];
        run(Path::new("/bin/sh"), arguments, Path::new("/"), [("PATH".into(), "/usr/bin:/bin".into())], limits).unwrap()
    }

    #[test]
    fn a_program_that_hangs_is_ended_with_what_it_started() {
        let start = Instant::now();
        let ended = shell("sleep 60 & sleep 60", Limits { time: Duration::from_millis(200), output: 100 });
        assert!(!ended.success && ended.cut.unwrap().contains("ended after"));
        assert!(start.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn output_is_kept_up_to_its_limit() {
        let ended = shell("yes | head -c 100000; echo x >&2", Limits { time: Duration::from_secs(60), output: 10 });
        assert_eq!(ended.text, "y\ny\ny\ny\ny\nx\n");
        assert!(ended.success && ended.cut.is_some());
    }
}
