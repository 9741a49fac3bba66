//! Planning on a 500 GB index, and whether a weight byte is read.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::{Bench, Keep, Row, remove, write};
use crate::checkpoint::{Checkpoint, Shape, Weights, write_tokenizer};
use crate::contest::{Contender, Sample, last_json, nothing};
use crate::error::{At, BenchError};
use crate::process::{Ended, traced_reads};
use crate::report::{Section, Target, median, of, said};

/// As the largest published `qwen3_moe`, with six more layers: 500 GB in 5 GB shards.
const LARGE: Shape = Shape {
    layers: 100,
    hidden: 4096,
    heads: 64,
    kv_heads: 4,
    head_dim: 128,
    expert_width: 1536,
    experts: 128,
    top_k: 8,
    vocab: 151_936,
    shard_bytes: 5_000_000_000,
};
/// As few as the model allows: planning refuses what the disk has no room for.
const KEEP: usize = 8;

const PLAN: &str = "alloyworks plan";
const TRACED: &str = "alloyworks plan, traced";
const LIST: &str = "safetensors in Python, listing headers";

/// The row.
pub const ROW: Row = Row { name: "plan", contenders: &[PLAN, TRACED, LIST], run, section };

fn run(bench: &Bench, keep: Keep<'_>) -> Result<(), BenchError> {
    let model = LARGE.write(&bench.work.join("large"), Weights::Sparse)?;
    write_tokenizer(&model.folder, LARGE.vocab)?;
    let scratch = bench.scratch(ROW.name)?;
    let (home, traces, recipe) = (scratch.join("home"), scratch.join("traces"), scratch.join("recipe.yaml"));
    let corpus = "{\"text\": \"the river went slowly\"}\n".repeat(2000);
    write(&scratch.join("corpus.jsonl"), &corpus)?;
    write(&recipe, &plan_recipe(&model.folder, &corpus))?;
    let plan = || {
        let mut command = bench.alloyworks(&home, "plan");
        command.arg(&recipe).args(["--memory-limit", "none"]);
        command
    };
    let traced = || {
        let mut command = Command::new("strace");
        let calls = "trace=read,pread64,readv,preadv,preadv2,mmap,sendfile,splice,copy_file_range,io_uring_setup";
        command.args(["-ff", "-y", "-e", calls, "-o"]).arg(traces.join("log"));
        let plan = plan();
        command.arg(plan.get_program()).args(plan.get_args());
        command
    };
    let fresh = || remove(&traces).and_then(|()| fs::create_dir_all(&traces).at("make", &traces));
    let planned = |ended: &Ended| {
        let mut found = planned(ended)?;
        found["headerBytes"] = json!(model.header_bytes);
        found["tensors"] = json!(model.tensors);
        found["shards"] = json!(model.shards);
        Ok(found)
    };
    let trace_read = |ended: &Ended| {
        let mut found = planned(ended)?;
        found["shardBytesRead"] = traced_bytes(&traces)?;
        Ok(found)
    };
    let mut contenders =
        vec![Contender { name: PLAN, prepare: Box::new(nothing), command: Box::new(plan), read: Box::new(planned) }];
    if Command::new("strace").arg("-V").output().is_ok() {
        let prepare = Box::new(fresh);
        contenders.push(Contender { name: TRACED, prepare, command: Box::new(traced), read: Box::new(trace_read) });
    }
    if let Some(python) = &bench.python {
        let model: &Checkpoint = &model;
        let list = move || {
            let mut command = bench.script(python, "list_headers.py");
            command.arg(&model.folder);
            command
        };
        contenders.push(Contender { name: LIST, prepare: Box::new(nothing), command: Box::new(list), read: Box::new(last_json) });
    }
    bench.contest(&ROW, &contenders, 10, keep)?;
    remove(&scratch)
}

fn plan_recipe(model: &Path, corpus: &str) -> String {
    let digest = aw_alloy::digest::Digest::of(corpus.as_bytes()).hex();
    format!(
        "name: bench\nversion: 1.0.0\nuserSummary: A measurement.\ndomains: [llm-forge]\n\
         source: {{ baseModel: {}, architecture: qwen3_moe }}\n\
         calibrationCorpora:\n  - {{ id: river, path: corpus.jsonl, sha256: {digest} }}\n\
         stages:\n  - {{ type: expert-activation-profile, calibrationCorpus: river }}\n  \
         - {{ type: expert-prune, strategy: calibration-aware-activation-count, calibrationCorpus: river, keepExpertsPerLayer: {KEEP} }}\n  \
         - {{ type: package, format: safetensors }}\n\
         limitations: [It is a hole.]\n",
        json!(model)
    )
}

/// Checks that everything was planned.
fn planned(ended: &Ended) -> Result<Value, BenchError> {
    let plan: Value = serde_json::from_str(&ended.out).unwrap_or(Value::Null);
    match (plan["sourceBytes"].as_u64(), plan["steps"].as_array()) {
        (Some(bytes), Some(steps)) if steps.len() == 3 => Ok(json!({"sourceBytes": bytes, "bytesRead": ended.taken.read_bytes})),
        _ => Err(BenchError::Answer {
            command: "alloyworks plan".into(),
            expected: "a plan of three steps",
            got: ended.out.chars().take(200).collect(),
        }),
    }
}

/// Bytes of shards read, over every thread's log; null when a shard was mapped.
fn traced_bytes(folder: &Path) -> Result<Value, BenchError> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder).at("list", folder)? {
        let path = entry.at("list", folder)?.path();
        let log = fs::read(&path).at("read", &path)?;
        match traced_reads(&String::from_utf8_lossy(&log)) {
            Some(read) => bytes += read.values().sum::<u64>(),
            None => return Ok(Value::Null),
        }
    }
    Ok(json!(bytes))
}

fn section(samples: &[Sample]) -> Section {
    let mut section = Section::new("Plan", samples, ROW.contenders);
    let first = of(samples, PLAN).next();
    let number = |name: &str| first.and_then(|sample| said(sample, name)).unwrap_or(f64::NAN);
    section.say(format!(
        "Sparse files with the real headers of a `qwen3_moe` of {} layers and {} experts: {:.1} GB in {} shards, {} tensors, {:.1} MB of headers, \
         and a tokenizer of {} tokens. The recipe profiles, prunes to {KEEP} experts and packages.",
        LARGE.layers,
        LARGE.experts,
        number("sourceBytes") / 1e9,
        number("shards"),
        number("tensors"),
        number("headerBytes") / 1e6,
        LARGE.vocab,
    ));
    let beyond = traced_beyond(samples, number("headerBytes"));
    if let Some(bytes) = beyond {
        section.say(format!(
            "Under `strace` no shard is mapped, and reads from shards return {bytes:+.0} bytes against the length of the headers."
        ));
    }
    section.figure("bytes read by system calls", |samples| {
        format!("{:.1} MB", median(samples.iter().map(|sample| sample.taken.read_bytes as f64 / 1e6)))
    });
    section.ratio(samples, "listing headers in Python / plan", LIST, PLAN, crate::report::wall);
    let slowest = of(samples, PLAN).map(crate::report::wall).reduce(f64::max);
    section.target(Target::at_most("`plan` on a 500 GB index, the slowest run", slowest, 2.0, " s"));
    section.target(Target::at_most("bytes read of shards beyond their headers", beyond, 0.0, ""));
    section
}

/// The most bytes any traced run read of shards, less the headers.
fn traced_beyond(samples: &[Sample], header_bytes: f64) -> Option<f64> {
    let runs: Option<Vec<f64>> = of(samples, TRACED).map(|sample| said(sample, "shardBytesRead")).collect();
    runs?.into_iter().reduce(f64::max).map(|bytes| bytes - header_bytes)
}
