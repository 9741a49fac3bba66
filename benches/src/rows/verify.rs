//! Verifying a 2 GB artifact against hashing the same bytes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use super::{Bench, Keep, Row, THREADS, openssl, prune_recipe, remove, silent, warm, write};
use crate::checkpoint::{Shape, Weights};
use crate::contest::{Contender, Sample, last_json};
use crate::error::{At, BenchError};
use crate::process::{Ended, measure};
use crate::report::{Section, Target, median, said, wall};
use crate::rows::prune::MIDDLE;

/// Twice the layers of the prune row.
const DOUBLE: Shape = Shape { layers: 24, ..MIDDLE };
const KEEP: usize = 52;
/// Bytes of a shard where there are several.
const SHARD_BYTES: u64 = 300_000_000;

const SHARDS: &str = "alloyworks verify, several shards";
const ONE: &str = "alloyworks verify, one shard";
const SHA256SUM: &str = "sha256sum";
const HASH: &str = "openssl sha256";
const HASH_TWO: &str = "openssl sha256, two at once";

/// The row.
pub const ROW: Row = Row { name: "verify", contenders: &[SHARDS, ONE, SHA256SUM, HASH, HASH_TWO], run, section };

fn run(bench: &Bench, keep: Keep<'_>) -> Result<(), BenchError> {
    let model = DOUBLE.write(&bench.work.join("double"), Weights::Random)?;
    let scratch = bench.scratch(ROW.name)?;
    let forge = |name: &str, more: &str| forge(bench, &scratch, &model.folder, name, more);
    let (shards, one) = (forge("shards", &format!(", shardBytes: {SHARD_BYTES}"))?, forge("one", "")?);
    remove(&model.folder)?;
    let bytes = weight_bytes(&shards)?;
    let home = scratch.join("home");
    let verify = |folder: PathBuf| {
        let home = &home;
        move || {
            let mut command = bench.alloyworks(home, "verify");
            command.arg(&folder).args(["--threads", &THREADS.to_string()]);
            command
        }
    };
    let hashed = |ended: &Ended| silent(ended).map(|_| json!({"bytes": bytes}));
    let verified = |ended: &Ended| {
        let answer: serde_json::Value = serde_json::from_str(&ended.out).unwrap_or_default();
        match answer["verdict"].as_str() {
            Some("good") => Ok(json!({"bytes": bytes})),
            _ => Err(BenchError::Answer {
                command: "alloyworks verify".into(),
                expected: "verdict `good`",
                got: ended.out.chars().take(200).collect(),
            }),
        }
    };
    let warm = || warm(&shards).and_then(|()| warm(&one));
    let sha256sum = || {
        let mut command = Command::new("sh");
        command.args(["-c", r#"find "$0" -name '*.safetensors' -exec sha256sum {} +"#]).arg(&shards);
        command
    };
    let contenders = [
        Contender { name: SHARDS, prepare: Box::new(warm), command: Box::new(verify(shards.clone())), read: Box::new(verified) },
        Contender { name: ONE, prepare: Box::new(warm), command: Box::new(verify(one.clone())), read: Box::new(verified) },
        Contender { name: SHA256SUM, prepare: Box::new(warm), command: Box::new(sha256sum), read: Box::new(hashed) },
        Contender { name: HASH, prepare: Box::new(warm), command: Box::new(|| openssl(&shards, 1)), read: Box::new(hashed) },
        Contender { name: HASH_TWO, prepare: Box::new(warm), command: Box::new(|| openssl(&shards, 2)), read: Box::new(hashed) },
    ];
    bench.contest(&ROW, &contenders, 7, keep)?;
    remove(&scratch)
}

/// The model, and what to add to its recipe so that the artifact has several shards.
pub(super) fn shards_of_double(bench: &Bench) -> Result<(PathBuf, String), BenchError> {
    let model = DOUBLE.write(&bench.work.join("double"), Weights::Random)?;
    Ok((model.folder, format!(", shardBytes: {SHARD_BYTES}")))
}

/// Makes an artifact and lets go of the store it was made in.
pub(super) fn forge(bench: &Bench, scratch: &Path, model: &Path, name: &str, more: &str) -> Result<PathBuf, BenchError> {
    let (recipe, home, out) = (scratch.join(format!("{name}.yaml")), scratch.join(format!("{name}-home")), scratch.join(name));
    write(&recipe, &prune_recipe(model, KEEP, more))?;
    last_json(&measure(&mut bench.alloyworks_run(&home, &recipe, &out))?)?;
    remove(&home)?;
    Ok(out)
}

pub(super) fn weight_bytes(folder: &Path) -> Result<u64, BenchError> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder).at("list", folder)? {
        let entry = entry.at("list", folder)?;
        if entry.path().extension().is_some_and(|extension| extension == "safetensors") {
            bytes += entry.metadata().at("look at", &entry.path())?.len();
        }
    }
    Ok(bytes)
}

fn section(samples: &[Sample]) -> Section {
    let mut section = Section::new("Verify", samples, ROW.contenders);
    let bytes = samples.first().and_then(|sample| said(sample, "bytes")).unwrap_or(f64::NAN);
    section.say(format!(
        "An artifact of {:.2} GB, in the page cache: the chain, every signature and every byte of every file, against hashing the \
         same bytes and nothing else. One file is hashed by one thread, so one shard cannot use two.",
        bytes / 1e9
    ));
    section.figure("GB/s", |samples| {
        let rate = |sample: &Sample| said(sample, "bytes").unwrap_or(f64::NAN) / wall(sample) / 1e9;
        format!("{:.2}", median(samples.iter().map(|sample| rate(sample))))
    });
    section.ratio(samples, "openssl, two at once / verify, several shards", HASH_TWO, SHARDS, wall);
    section.ratio(samples, "openssl / verify, one shard", HASH, ONE, wall);
    section.ratio(samples, "sha256sum / verify, one shard", SHA256SUM, ONE, wall);
    let several = section.median_ratio("openssl, two at once / verify, several shards");
    section.target(Target::at_least("speed of `verify`, of OpenSSL hashing the same shards two at once", several, 0.8, ""));
    section
}
