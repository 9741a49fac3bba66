//! Runs one whole process and reads what it took: time, processor, memory, bytes read.
//!
//! Processor time and bytes come from `/proc` after the process ended and before it is reaped, so nothing of them is missed. Memory is
//! sampled over the process and its descendants: the high-water mark of resident memory is the kernel's own, only what
//! grew within the last [`SAMPLE_EVERY`] can be missed.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use serde::{Deserialize, Serialize};

use crate::error::BenchError;

/// Time between two looks at memory.
const SAMPLE_EVERY: Duration = Duration::from_millis(4);
/// Time over which a machine must have been quiet.
const QUIET_WINDOW: Duration = Duration::from_secs(2);
/// Processors in use on a quiet machine.
const QUIET_PROCESSORS: f64 = 0.15;
/// Bytes of a message kept of a program that failed.
const SAID_MAX: usize = 2000;

/// What a process and its descendants took.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Taken {
    /// From start to end, in seconds.
    pub wall_s: f64,
    /// Processor time in user code, in seconds.
    pub user_s: f64,
    /// Processor time in the kernel, in seconds.
    pub system_s: f64,
    /// Most resident memory of the one process that had most, in bytes; mapped files count.
    pub peak_resident_bytes: u64,
    /// Most anonymous memory of all its processes together, in bytes.
    pub peak_anonymous_bytes: u64,
    /// Bytes read through system calls, from files, pipes and all else.
    pub read_bytes: u64,
    /// Bytes fetched from the disk.
    pub fetched_bytes: u64,
    /// Processor time that everything else on the machine took meanwhile, in seconds. Writing back to the disk is in here.
    pub others_s: f64,
}

/// What a process took, and what it said.
pub struct Ended {
    /// What it took.
    pub taken: Taken,
    /// Its standard output.
    pub out: String,
}

/// Runs a command to its end.
pub fn measure(command: &mut Command) -> Result<Ended, BenchError> {
    let line = line(command);
    let failed = |source| BenchError::Run { command: line.clone(), source };
    let busy_before = busy_seconds().map_err(failed)?;
    let started = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(failed)?;
    let pid = child.id();
    let (mut stdout, mut stderr) = (child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
    let over = AtomicBool::new(false);
    let (mut taken, out, said, status) = thread::scope(|scope| {
        let out = scope.spawn(move || read_all(&mut stdout));
        let said = scope.spawn(move || read_all(&mut stderr));
        let memory = scope.spawn(|| watch_memory(pid, &over));
        let taken = wait(pid, started);
        let status = child.wait();
        over.store(true, Ordering::Relaxed);
        let (resident, anonymous) = memory.join().expect("reading /proc does not panic");
        let taken = taken.map(|taken| Taken { peak_resident_bytes: resident, peak_anonymous_bytes: anonymous, ..taken });
        let join =
            |reader: thread::ScopedJoinHandle<'_, io::Result<String>>| reader.join().expect("reading a pipe does not panic");
        Ok((taken?, join(out)?, join(said)?, status?))
    })
    .map_err(failed)?;
    let busy = busy_seconds().map_err(failed)? - busy_before;
    taken.others_s = (busy - taken.user_s - taken.system_s).max(0.0);
    if !status.success() {
        let said = if said.trim().is_empty() { &out } else { &said };
        let from = said.len().saturating_sub(SAID_MAX);
        let said = said.get(from..).unwrap_or(said).trim().to_owned();
        return Err(BenchError::Failed { command: line, status, said });
    }
    Ok(Ended { taken, out })
}

/// Waits until the rest of the machine is quiet, at most so long.
pub fn wait_for_quiet(patience: Duration) {
    let until = Instant::now() + patience;
    while Instant::now() < until {
        // Where the system does not say, there is nothing to wait for.
        let Ok(before) = busy_seconds() else { return };
        thread::sleep(QUIET_WINDOW);
        let Ok(after) = busy_seconds() else { return };
        if after - before < QUIET_PROCESSORS * QUIET_WINDOW.as_secs_f64() {
            return;
        }
    }
}

/// A command as a person would type it.
pub fn line(command: &Command) -> String {
    let words = [command.get_program()].into_iter().chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

fn read_all(from: &mut impl Read) -> io::Result<String> {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Waits for the end, and reads the dead process's accounts before they go.
fn wait(pid: u32, started: Instant) -> io::Result<Taken> {
    let id = i32::try_from(pid).ok().and_then(Pid::from_raw).expect("the system's process ids are positive");
    waitid(WaitId::Pid(id), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)?;
    let wall_s = started.elapsed().as_secs_f64();
    let (user_s, system_s) = processor_seconds(&std::fs::read_to_string(format!("/proc/{pid}/stat"))?);
    let io = std::fs::read_to_string(format!("/proc/{pid}/io"))?;
    let (read_bytes, fetched_bytes) = (number(&io, "rchar:"), number(&io, "read_bytes:"));
    Ok(Taken { wall_s, user_s, system_s, read_bytes, fetched_bytes, ..Taken::default() })
}

/// User and kernel seconds of a process and of its reaped children, from its `stat`.
fn processor_seconds(stat: &str) -> (f64, f64) {
    // The name may hold spaces and parentheses; fields are counted after its last one.
    let fields: Vec<f64> = stat.rsplit(") ").next().unwrap_or("").split(' ').map(|field| field.parse().unwrap_or(0.0)).collect();
    let seconds = |at: usize| fields.get(at).copied().unwrap_or(0.0) / ticks();
    // Fields 14 to 17 of proc(5): utime, stime, cutime, cstime; field 3 is the first after the name.
    (seconds(11) + seconds(13), seconds(12) + seconds(14))
}

fn ticks() -> f64 {
    rustix::param::clock_ticks_per_second() as f64
}

/// Processor seconds the whole machine has spent so far.
fn busy_seconds() -> io::Result<f64> {
    let stat = std::fs::read_to_string("/proc/stat")?;
    let fields = stat.lines().next().unwrap_or("").split_whitespace().skip(1).map(|field| field.parse().unwrap_or(0.0));
    // user nice system idle iowait irq softirq steal; the guest fields after them are in user already.
    let busy: f64 = fields.take(8).enumerate().filter(|(at, _)| *at != 3 && *at != 4).map(|(_, ticks): (usize, f64)| ticks).sum();
    Ok(busy / ticks())
}

/// Samples until `over`: the largest resident high-water mark, and the most anonymous memory of all processes together.
fn watch_memory(root: u32, over: &AtomicBool) -> (u64, u64) {
    let (mut resident, mut anonymous) = (0, 0);
    while !over.load(Ordering::Relaxed) {
        let mut now = 0;
        for pid in descendants(root) {
            // A process may be gone by now; its marks so far are kept.
            if let Ok(status) = std::fs::read_to_string(format!("/proc/{pid}/status")) {
                resident = resident.max(number(&status, "VmHWM:") * 1024);
                now += number(&status, "RssAnon:") * 1024;
            }
        }
        anonymous = anonymous.max(now);
        thread::sleep(SAMPLE_EVERY);
    }
    (resident, anonymous)
}

fn descendants(root: u32) -> Vec<u32> {
    let mut found = vec![root];
    let mut at = 0;
    while at < found.len() {
        // A child is listed under the thread that started it.
        for thread in std::fs::read_dir(format!("/proc/{}/task", found[at])).into_iter().flatten().flatten() {
            let children = std::fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            found.extend(children.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
        }
        at += 1;
    }
    found
}

/// The number after a label of a `/proc` file; zero where the kernel does not say.
fn number(text: &str, label: &str) -> u64 {
    let value = text.lines().find_map(|line| line.strip_prefix(label));
    value.and_then(|value| value.split_whitespace().next()).and_then(|value| value.parse().ok()).unwrap_or(0)
}

/// Bytes an `strace` log shows read from `*.safetensors` files, by file name; `None` when a file was mapped, as then nobody can say.
pub fn traced_reads(log: &str) -> Option<BTreeMap<String, u64>> {
    let mut read = BTreeMap::new();
    for call in log.lines().filter(|line| line.contains(".safetensors>")) {
        if call.contains("mmap(") {
            return None;
        }
        let reads = ["read(", "pread64(", "readv(", "preadv("].iter().any(|name| call.contains(name));
        let file = call.split('<').nth(1).and_then(|rest| rest.split('>').next()).and_then(|path| path.rsplit('/').next());
        let bytes = call.rsplit(" = ").next().and_then(|value| value.split(' ').next()?.parse::<u64>().ok());
        if let (true, Some(file), Some(bytes)) = (reads, file, bytes) {
            *read.entry(file.to_owned()).or_insert(0) += bytes;
        }
    }
    Some(read)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn memory_and_time_of_a_known_process_are_found() {
        // One buffer of 200 MiB, filled five times.
        let taken = measure(Command::new("dd").args(["if=/dev/zero", "of=/dev/null", "bs=200M", "count=5"])).unwrap().taken;
        assert!(taken.wall_s > 0.0 && taken.user_s + taken.system_s > 0.0, "{taken:?}");
        assert!((200 << 20..250 << 20).contains(&taken.peak_anonymous_bytes), "{taken:?}");
        assert!((200 << 20..250 << 20).contains(&taken.peak_resident_bytes), "{taken:?}");
        assert!(taken.read_bytes >= 1000 << 20, "{taken:?}");
    }

    #[test]
    fn memory_and_time_of_a_grandchild_are_found() {
        let script = "dd if=/dev/zero of=/dev/null bs=150M count=5 2>/dev/null; echo done";
        let ended = measure(Command::new("sh").args(["-c", script])).unwrap();
        assert_eq!(ended.out, "done\n");
        assert!(ended.taken.peak_anonymous_bytes >= 150 << 20, "{:?}", ended.taken);
        assert!(ended.taken.user_s + ended.taken.system_s > 0.0, "the reaped child's time counts: {:?}", ended.taken);
    }

    #[test]
    fn a_failure_says_what_the_program_said() {
        let error = measure(Command::new("sh").args(["-c", "echo no such luck >&2; exit 3"])).err().unwrap().to_string();
        assert!(error.contains("exit status: 3") && error.ends_with("no such luck"), "{error}");
    }

    #[test]
    fn fields_of_stat_are_counted_after_a_name_with_parentheses() {
        let ticks = ticks();
        let stat =
            format!("12 (a) b) c) S {} {} {} {} {} 20 0", "0 ".repeat(10).trim(), ticks, 2.0 * ticks, 4.0 * ticks, 8.0 * ticks);
        assert_eq!(processor_seconds(&stat), (5.0, 10.0));
    }

    #[test]
    fn traced_reads_are_summed_by_file_and_a_map_is_not_passed_over() {
        let log = "7 openat(AT_FDCWD</x>, \"a.safetensors\", O_RDONLY) = 3</x/a.safetensors>\n\
                   7 pread64(3</x/a.safetensors>, \"..\"..., 8, 0) = 8\n\
                   7 read(3</x/a.safetensors>, \"..\"..., 4096) = 100\n\
                   8 read(4</x/config.json>, \"{\"..., 10) = 10\n\
                   8 read(5</x/b.safetensors>, \"\", 10) = 0\n";
        let expected = BTreeMap::from([("a.safetensors".to_owned(), 108), ("b.safetensors".to_owned(), 0)]);
        assert_eq!(traced_reads(log), Some(expected));
        let mapped = format!("{log}7 mmap(NULL, 4096, PROT_READ, MAP_SHARED, 3</x/a.safetensors>, 0) = 0x7f\n");
        assert_eq!(traced_reads(&mapped), None);
    }
}
