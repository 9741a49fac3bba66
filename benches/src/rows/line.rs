//! The line: taking parts, submitting them, waiting for them.

use std::process::Command;

use serde_json::Value;

use super::{Bench, Keep, Row, remove};
use crate::contest::{Contender, Sample, last_json};
use crate::error::BenchError;
use crate::line::{SUBMITTED, TAKEN};
use crate::process::Ended;
use crate::report::{Section, Target, median, said};

const FEW: &str = "a worker, 1,000 waiting";
const MANY: &str = "a worker, 100,000 waiting";
const TOGETHER: &str = "100 parts submitted together";
const ONE_BY_ONE: &str = "100 parts one by one";
const LIMIT_TOGETHER: &str = "100 files written, synced at once, renamed, folder synced";
const LIMIT: &str = "100 files written, synced, renamed, folder synced, one by one";
const SLOW_TOGETHER: &str = "100 parts together, every sync 5 ms longer";
const SLOW_ONE_BY_ONE: &str = "100 parts one by one, every sync 5 ms longer";
/// What each sync takes longer there, in microseconds.
const SLOWER: u32 = 5000;
const IDLE: &str = "a worker that waits";
const IDLE_SECONDS: &str = "30";

/// The row.
pub const ROW: Row = Row {
    name: "line",
    contenders: &[FEW, MANY, TOGETHER, ONE_BY_ONE, LIMIT_TOGETHER, LIMIT, SLOW_TOGETHER, SLOW_ONE_BY_ONE, IDLE],
    run,
    section,
};

fn run(bench: &Bench, keep: Keep<'_>) -> Result<(), BenchError> {
    let scratch = bench.scratch(ROW.name)?;
    let folder = scratch.join("root");
    let job = |job: &'static str, more: &'static str| {
        let folder = folder.clone();
        move || {
            let mut command: Command = bench.job(job);
            command.arg(&folder).args(Some(more).filter(|more| !more.is_empty()));
            command
        }
    };
    let read = |ended: &Ended| -> Result<Value, BenchError> { last_json(ended) };
    let contender = |name: &'static str, verb: &'static str, more: &'static str| Contender {
        name,
        prepare: Box::new(|| remove(&folder)),
        command: Box::new(job(verb, more)),
        read: Box::new(read),
    };
    // A disk that takes longer to sync: strace delays the return of each such call, and stops at no other.
    let slow = |name: &'static str, more: &'static str| Contender {
        name,
        prepare: Box::new(|| remove(&folder)),
        command: Box::new(move || {
            let mut command = Command::new("strace");
            command.args(["-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync,syncfs", "-e"]);
            command.arg(format!("inject=fsync,fdatasync,syncfs:delay_exit={SLOWER}"));
            let inner = job("line-submit", more)();
            command.arg(inner.get_program()).args(inner.get_args());
            command
        }),
        read: Box::new(read),
    };
    let mut contenders = vec![
        contender(FEW, "line-take", "1000"),
        contender(MANY, "line-take", "100000"),
        contender(TOGETHER, "line-submit", "--together"),
        contender(ONE_BY_ONE, "line-submit", ""),
        contender(LIMIT_TOGETHER, "line-limit", "--together"),
        contender(LIMIT, "line-limit", ""),
        contender(IDLE, "line-idle", IDLE_SECONDS),
    ];
    if Command::new("strace").arg("--version").output().is_ok_and(|output| output.status.success()) {
        contenders.extend([slow(SLOW_TOGETHER, "--together"), slow(SLOW_ONE_BY_ONE, "")]);
    } else {
        eprintln!("line: the two on a slower disk are left out, for want of strace");
    }
    bench.contest(&ROW, &contenders, 5, keep)?;
    remove(&scratch)
}

fn section(samples: &[Sample]) -> Section {
    let mut section = Section::new("Line", samples, ROW.contenders);
    section.say(format!(
        "A worker takes {TAKEN} parts of those that wait and builds nothing: from the end of one part to the beginning of the next is the \
         taking, all of it the line's share of a part. {SUBMITTED} parts of 2 kB are submitted, on the disk when it returns; beside it, the \
         least that can cost. The folder is on the disk, not in memory, and how long a sync takes decides most of these: where it takes \
         a fifth of a millisecond, making 100 files takes longer than all syncs. So the last two have strace delay every sync, as slower \
         disks do."
    ));
    section.figure("measured inside", |runs| {
        let text = |(name, digits, unit): (&str, usize, &str)| {
            let found = median(runs.iter().filter_map(|sample| said(sample, name)));
            (!found.is_nan()).then(|| format!("{found:.digits$} {unit}"))
        };
        let all = [
            ("claimsPerSecond", 0, "taken/s"),
            ("secondsPerPart", 4, "s a part"),
            ("seconds", 3, "s"),
            ("cpuSeconds", 4, "s of processor"),
        ];
        all.into_iter().filter_map(text).collect::<Vec<_>>().join(", ")
    });
    let of = |contender: &str, name: &str| {
        let found = median(samples.iter().filter(|sample| sample.contender == contender).filter_map(|sample| said(sample, name)));
        (!found.is_nan()).then_some(found)
    };
    let ratio = |over: Option<f64>, under: Option<f64>| Some(over? / under?);
    let rate = ratio(of(MANY, "claimsPerSecond"), of(FEW, "claimsPerSecond"));
    section.target(Target::at_least("rate of taking from 100,000, of that from 1,000", rate, 0.8, ""));
    let batch = ratio(of(ONE_BY_ONE, "seconds"), of(TOGETHER, "seconds"));
    section.target(Target::at_least("speed of submitting 100 together, of one by one, on this disk", batch, 40.0, ""));
    let batch = ratio(of(SLOW_ONE_BY_ONE, "seconds"), of(SLOW_TOGETHER, "seconds"));
    section.target(Target::at_least("the same where a sync takes 5 ms longer", batch, 40.0, ""));
    let limit = ratio(of(LIMIT, "seconds"), of(LIMIT_TOGETHER, "seconds"));
    section.target(Target::at_least("the same of bare files on this disk: its limit", limit, 40.0, ""));
    section.target(Target::at_most("the line's share of a part", of(FEW, "secondsPerPart"), 0.05, " s"));
    section.target(Target::at_most("processor time of a worker that waits 30 s", of(IDLE, "cpuSeconds"), 0.03, " s"));
    section
}
