//! Pruning 64 experts to 48 against copying, against Python, and against hashing alone.

use std::process::Command;

use serde_json::json;

use super::{Bench, Keep, Row, THREADS, openssl, prune_recipe, remove, silent, stages, warm, write};
use crate::checkpoint::{Shape, Weights};
use crate::contest::{Contender, Sample, last_json, nothing};
use crate::error::BenchError;
use crate::report::{Section, Target, median, of, said, wall};

/// 1.29 GB in five shards.
pub const MIDDLE: Shape = Shape {
    layers: 12,
    hidden: 512,
    heads: 8,
    kv_heads: 4,
    head_dim: 64,
    expert_width: 512,
    experts: 64,
    top_k: 8,
    vocab: 32_000,
    shard_bytes: 300_000_000,
};
const KEEP: usize = 48;

const CP: &str = "cp -r";
const CP_SYNCED: &str = "cp -r, synced";
const PRUNE: &str = "prune";
const RUN: &str = "alloyworks run";
const AGAIN: &str = "alloyworks run, again";
const PYTHON: &str = "safetensors in Python";
const PYTHON_SYNCED: &str = "safetensors in Python, synced";
const HASH: &str = "openssl sha256";
const HASH_TWO: &str = "openssl sha256, two at once";

/// The row.
pub const ROW: Row =
    Row { name: "prune", contenders: &[CP, CP_SYNCED, PRUNE, RUN, AGAIN, PYTHON, PYTHON_SYNCED, HASH, HASH_TWO], run, section };

fn run(bench: &Bench, keep: Keep<'_>) -> Result<(), BenchError> {
    let model = MIDDLE.write(&bench.work.join("middle"), Weights::Random)?;
    let scratch = bench.scratch(ROW.name)?;
    let (out, home, made, recipe) =
        (scratch.join("out"), scratch.join("home"), scratch.join("made"), scratch.join("recipe.yaml"));
    write(&recipe, &prune_recipe(&model.folder, KEEP, ""))?;
    let warm = || warm(&model.folder);
    let clean = || remove(&out).and_then(|()| warm());
    let copied = |ended: &_| silent(ended).map(|_| json!({"bytesOut": model.bytes, "bytesIn": model.bytes}));
    let hashed = |ended: &_| silent(ended).map(|_| json!({"bytesIn": model.bytes}));
    let copy = || {
        let mut command = Command::new("cp");
        command.arg("-r").args([&model.folder, &out]);
        command
    };
    let copy_synced = || {
        let mut command = Command::new("sh");
        let script = r#"cp -r "$0" "$1" && find "$1" -type f -exec sync {} +"#;
        command.args(["-c", script]).args([&model.folder, &out]);
        command
    };
    let prune = || {
        let mut command = bench.job("prune");
        command.args([&model.folder, &out]).args([KEEP.to_string(), THREADS.to_string()]);
        command
    };
    let fresh = || remove(&home).and_then(|()| remove(&made)).and_then(|()| warm());
    let forge = || bench.alloyworks_run(&home, &recipe, &made);
    let mut contenders = vec![
        Contender { name: CP, prepare: Box::new(clean), command: Box::new(copy), read: Box::new(copied) },
        Contender { name: PRUNE, prepare: Box::new(clean), command: Box::new(prune), read: Box::new(last_json) },
        Contender { name: CP_SYNCED, prepare: Box::new(clean), command: Box::new(copy_synced), read: Box::new(copied) },
        Contender { name: RUN, prepare: Box::new(fresh), command: Box::new(forge), read: Box::new(stages) },
        Contender { name: AGAIN, prepare: Box::new(nothing), command: Box::new(forge), read: Box::new(stages) },
        Contender {
            name: HASH,
            prepare: Box::new(warm),
            command: Box::new(|| openssl(&model.folder, 1)),
            read: Box::new(hashed),
        },
        Contender {
            name: HASH_TWO,
            prepare: Box::new(warm),
            command: Box::new(|| openssl(&model.folder, 2)),
            read: Box::new(hashed),
        },
    ];
    for (name, flag) in [(PYTHON, None), (PYTHON_SYNCED, Some("--sync"))] {
        let Some(python) = &bench.python else { continue };
        let (model, out) = (&model, &out);
        let command = move || {
            let mut command = bench.script(python, "prune_safetensors.py");
            command.args([&model.folder, out]).arg(KEEP.to_string()).args(flag);
            command
        };
        contenders.push(Contender { name, prepare: Box::new(clean), command: Box::new(command), read: Box::new(last_json) });
    }
    bench.contest(&ROW, &contenders, 5, keep)?;
    remove(&scratch)
}

fn section(samples: &[Sample]) -> Section {
    let mut section = Section::new("Prune", samples, ROW.contenders);
    section.say(
        "A random bfloat16 `qwen3_moe` of 1.29 GB in five shards, 64 experts a layer pruned to 48, the checkpoint in the page cache. `prune` \
         is the library as a process of its own: it ranks, hashes every source byte and every byte it writes, and syncs what it wrote. \
         `alloyworks run` starts from an empty home: it hashes the source, prunes in a child process, compares what was written with the \
         source, seals, signs and exports. The Python script hashes nothing.",
    );
    if let Some(floor) = hashing_floor(samples) {
        section.say(format!(
            "Hashing what `prune` reads and writes takes {floor:.2} s of two processors that do nothing else, at the rate of `openssl` \
             here: where `cp` is quicker than that, no prune that hashes can keep up with it."
        ));
    }
    section.figure("own figure", |samples| {
        if let Some(stage) = samples.first().and_then(|sample| sample.said["stages"].as_array()) {
            let cached = stage.iter().filter(|stage| stage["cached"] == json!(true)).count();
            return match cached {
                0 => format!("prune stage {:.2} s", median(samples.iter().map(|sample| prune_seconds(sample)))),
                cached => format!("{cached} of {} stages from the store", stage.len()),
            };
        }
        let rate = |sample: &Sample| said(sample, "bytesIn").unwrap_or(f64::NAN) / wall(sample) / 1e6;
        format!("{:.0} MB/s of checkpoint", median(samples.iter().map(|sample| rate(sample))))
    });
    section.ratio(samples, "cp / prune", CP, PRUNE, wall);
    section.ratio(samples, "cp, synced / prune", CP_SYNCED, PRUNE, wall);
    section.ratio(samples, "Python without its imports / prune", PYTHON, PRUNE, own_seconds);
    section.ratio(samples, "Python without its imports, synced / prune", PYTHON_SYNCED, PRUNE, own_seconds);
    section.ratio(samples, "openssl, two at once / prune", HASH_TWO, PRUNE, wall);
    section.ratio(samples, "cp / alloyworks run", CP, RUN, wall);
    section.ratio(samples, "cp, synced / alloyworks run", CP_SYNCED, RUN, wall);
    section.ratio(samples, "cp, synced / prune stage of the run", CP_SYNCED, RUN, prune_seconds);
    section.target(Target::at_least("speed of `prune`, of `cp -r` (not synced)", section.median_ratio("cp / prune"), 0.8, ""));
    section.target(Target::at_least(
        "speed of `prune`, of `cp -r` and a sync",
        section.median_ratio("cp, synced / prune"),
        0.8,
        "",
    ));
    for (name, contender) in
        [("anonymous memory of `prune`", PRUNE), ("anonymous memory of `alloyworks run`, all its processes", RUN)]
    {
        let most = of(samples, contender).map(|sample| sample.taken.peak_anonymous_bytes).max();
        section.target(Target::at_most(name, most.map(|bytes| bytes as f64 / 1e6), 64.0, " MB"));
    }
    section
}

/// Seconds that hashing all bytes read and written keeps every thread busy, from the processor time of hashing what is read.
fn hashing_floor(samples: &[Sample]) -> Option<f64> {
    let prune = of(samples, PRUNE).next()?;
    let (read, written) = (said(prune, "bytesIn")?, said(prune, "bytesOut")?);
    let hashing = median(of(samples, HASH).map(|sample| sample.taken.user_s + sample.taken.system_s));
    Some(hashing * (read + written) / read / THREADS as f64)
}

/// Seconds of the work alone, as the contender measured them.
fn own_seconds(sample: &Sample) -> f64 {
    said(sample, "seconds").unwrap_or(f64::NAN)
}

/// Seconds of a run's prune stage; of anything else, all its time.
fn prune_seconds(sample: &Sample) -> f64 {
    sample.said["stages"][0]["seconds"].as_f64().unwrap_or_else(|| wall(sample))
}
