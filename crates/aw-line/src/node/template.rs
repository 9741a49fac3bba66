//! The node file that `line init` writes: what the machine is, every key explained.

use super::PROTOCOL;

/// What is known of a machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// What the node is to be called.
    pub name: String,
    /// Its host name.
    pub hostname: String,
    /// What it is to do: `forge`, `ship` or `both`.
    pub role: String,
    /// Its memory, in bytes.
    pub memory_bytes: Option<u64>,
    /// Its processors.
    pub threads: usize,
    /// The size of the file system that the root is on, in bytes.
    pub disk_bytes: u64,
    /// What is free of it.
    pub free_bytes: u64,
    /// Whether the root's file system is known by a name of the file's list.
    pub fs_type: Option<String>,
}

/// Part of the disk that is to stay free: a twentieth, and no more than this many GB.
const FLOOR_GB_MAX: u64 = 20;

/// Writes the node file of a machine.
pub fn template(machine: &Machine) -> String {
    let Machine { name, hostname, role, threads, .. } = machine;
    let floor = (machine.disk_bytes / 20 / 1_000_000_000).clamp(1, FLOOR_GB_MAX);
    let memory = machine.memory_bytes.map_or("unknown".to_owned(), |bytes| format!("{:.1} GB", gb(bytes)));
    let (name, hostname, role) = (quoted(name), quoted(hostname), quoted(role));
    let (major, minor) = PROTOCOL;
    let kind = machine.fs_type.as_deref().unwrap_or("ext4");
    format!(
        r#"# What this node is, for the line in this folder. It is read as it stands: a mistake in it stops the worker with a message, and
# nothing is detected in its stead. Sizes are in GB (10^9 bytes), speeds in MB (10^6 bytes) a second.

[protocol]
# The protocol of the line. A file without it counts as 0.0; another major version is refused.
version = "{major}.{minor}"

[node]
name = {name}
hostname = {hostname}
# What the node does: "forge" builds parts, "ship" judges and publishes finished ones, "both" does both, in a process each.
# Several may stand in a list.
roles = {role}
# Accelerators, and the memory of the largest. A part that asks for more is refused when it is added.
gpu_count = 0
gpu_vram_gb = 0

[storage.hot]
# The file system that work is done on; a relative path starts at this folder.
# When the line was made it had {disk:.0} GB, {free:.0} GB of them free.
path = "."
# Free space that is to stay. A part that would go below it is refused, and cleaning up keeps it.
min_free_gb = {floor}

# Where the work of finished parts goes when the hot file system is more than 85 % full: the first tier with room. Without any, only
# work that nothing needs is deleted. `purpose` is "work-archive", "published-backup" or both; `fs_type` one of "ext4", "xfs", "drvfs",
# "nfs", "s3". Speeds make the estimates of time; fill them in.
#
# [[storage.cold]]
# name = "archive"
# path = "/mnt/archive/line"
# fs_type = "{kind}"
# write_mb_per_sec = 150
# read_mb_per_sec = 180
# min_free_gb = 50
# purpose = ["work-archive"]

# Where sources come from, and how fast. `kind` is "hf" or "peer"; `purpose` is "source-weights", "forged-artifact-mirror" or both.
#
# [[storage.network]]
# name = "hub"
# kind = "hf"
# read_mb_per_sec = 40
# purpose = ["source-weights"]

[forge]
# How often a part whose worker died goes back to intake before it goes to rework.
max_retries = 3
# Memory that each process building a part may take; without it, four fifths of what is available when the part starts.
# This machine has {memory}.
# memory_limit_gb = 8
# How long a part may take before it is stopped and goes to rework; without it there is no limit.
# time_limit_minutes = 720
# Workers that `alloyworks line work` starts, and threads each of their stages may use (this machine has {threads}).
workers = 1
# threads = {threads}

[grid]
# How often a worker says that it is alive.
heartbeat_interval_seconds = 30
# coordinator = "..."
"#,
        disk = gb(machine.disk_bytes),
        free = gb(machine.free_bytes),
    )
}

#[expect(clippy::cast_precision_loss, reason = "a few digits are shown")]
fn gb(bytes: u64) -> f64 {
    bytes as f64 / 1e9
}

/// A text as TOML's basic string.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            control if control.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(control))),
            plain => quoted.push(plain),
        }
    }
    quoted.push('"');
    quoted
}
