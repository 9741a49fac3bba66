//! What the figures were taken on.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

/// The machine, the code and the moment: the first line of a session's raw results.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Machine {
    /// When the session started; also its name.
    pub session: String,
    /// The program's arguments.
    pub arguments: String,
    /// The processor's name.
    pub processor: String,
    /// Its cores, as the system counts them.
    pub cores: usize,
    /// Main memory, in bytes.
    pub memory_bytes: u64,
    /// The kernel.
    pub kernel: String,
    /// The file system that is worked on.
    pub file_system: String,
    /// The priority the measured processes ran at, 0 when nobody asked for another.
    pub nice: i64,
    /// The commit, with a mark when tracked files differ from it.
    pub commit: String,
}

impl Machine {
    /// Looks at this machine. What it does not tell is called unknown.
    pub fn now(work: &Path, arguments: String) -> Self {
        let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let field = |text: &str, name: &str| {
            text.lines().find_map(|line| line.strip_prefix(name)).map(|rest| rest.trim_start_matches([' ', '\t', ':']).to_owned())
        };
        let memory = field(&fs::read_to_string("/proc/meminfo").unwrap_or_default(), "MemTotal");
        let kib: u64 = memory.and_then(|text| text.split(' ').next()?.parse().ok()).unwrap_or(0);
        let unknown = || "unknown".to_owned();
        Self {
            session: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            arguments,
            processor: field(&cpu, "model name").unwrap_or_else(unknown),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory_bytes: kib * 1024,
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease").map_or_else(|_| unknown(), |text| text.trim().to_owned()),
            file_system: said("findmnt", &["-n", "-o", "FSTYPE", "-T", &work.to_string_lossy()]).unwrap_or_else(unknown),
            nice: nice().unwrap_or(0),
            commit: commit().unwrap_or_else(unknown),
        }
    }
}

/// This process's niceness, which those it starts inherit: the 19th field of its `stat`.
fn nice() -> Option<i64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    stat.rsplit(") ").next()?.split(' ').nth(16)?.parse().ok()
}

fn commit() -> Option<String> {
    let commit = said("git", &["rev-parse", "--short=12", "HEAD"])?;
    let changed =
        said("git", &["status", "--porcelain", "--untracked-files=no", "--", "crates", "domains", "benches/src", "Cargo.lock"])?;
    Some(if changed.is_empty() { commit } else { format!("{commit} with changes") })
}

fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Runnable processes, averaged over a minute; not a number where the system does not say.
pub fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(f64::NAN)
}
