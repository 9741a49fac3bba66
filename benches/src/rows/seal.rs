//! Checking a 2 GB artifact and its Model Signing bundle against the official program and against hashing; signing again.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use super::verify::{forge, shards_of_double, weight_bytes};
use super::{Bench, Keep, Row, THREADS, openssl, remove, silent, warm, write};
use crate::contest::{Contender, Sample};
use crate::error::{At, BenchError};
use crate::process::{Ended, measure};
use crate::report::{Section, Target, median, of, said, wall};

const CHECK: &str = "alloyworks seal check";
const VERIFY: &str = "alloyworks verify";
const OFFICIAL: &str = "model_signing verify";
const HASH_TWO: &str = "openssl sha256, two at once";
const SIGN: &str = "alloyworks seal sign, everything read";
const AGAIN: &str = "alloyworks seal sign, one small file changed";

/// The row.
pub const ROW: Row = Row { name: "seal", contenders: &[CHECK, VERIFY, OFFICIAL, HASH_TWO, SIGN, AGAIN], run, section };

fn run(bench: &Bench, keep: Keep<'_>) -> Result<(), BenchError> {
    let scratch = bench.scratch(ROW.name)?;
    let (model, more) = shards_of_double(bench)?;
    let folder = forge(bench, &scratch, &model, "made", &more)?;
    remove(&model)?;
    let bytes = weight_bytes(&folder)?;
    let [key, public, home, signature] = ["key.pem", "public.pem", "home", "made.sig"].map(|name| scratch.join(name));
    ran(Command::new("openssl").args(["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out"]).arg(&key))?;
    ran(Command::new("openssl").args(["pkey", "-pubout", "-in"]).arg(&key).arg("-out").arg(&public))?;
    // The same files beside a small one that changes: the artifact itself must stay as it is.
    let working = scratch.join("working");
    link(&folder, &working)?;
    let note = working.join("note.txt");
    write(&note, "0")?;
    let sign = |folder: &Path, signature: &Path, more: &[&str]| {
        let mut command = bench.alloyworks(&home, "seal");
        command.arg("sign").arg(folder).arg("--private-key").arg(&key).arg("--signature").arg(signature);
        command.args(["--threads", &THREADS.to_string()]).args(more);
        command
    };
    ran(&mut sign(&folder, &signature, &[]))?;
    let working_signature = scratch.join("working.sig");
    // What was written within two seconds before it is hashed is hashed once more.
    std::thread::sleep(Duration::from_secs(3));
    ran(&mut sign(&working, &working_signature, &[]))?;
    let check = || {
        let mut command = bench.alloyworks(&home, "seal");
        command.arg("check").arg(&folder).arg("--signature").arg(&signature).arg("--public-key").arg(&public);
        command.args(["--threads", &THREADS.to_string()]);
        command
    };
    let verify = || {
        let mut command = bench.alloyworks(&home, "verify");
        command.arg(&folder).args(["--threads", &THREADS.to_string()]);
        command
    };
    let official = |python: &Path| {
        let mut command = Command::new(python);
        command.args(["-m", "model_signing", "verify", "key"]).arg(&folder);
        command.arg("--signature").arg(&signature).arg("--public_key").arg(&public);
        command
    };
    let good = |ended: &Ended| said_in(ended, "verdict", &json!("good")).map(|_| json!({"bytes": bytes}));
    let yes = |ended: &Ended| match ended.out.contains("Verification succeeded") {
        true => Ok(json!({"bytes": bytes})),
        false => Err(answer("model_signing", "`Verification succeeded`", &ended.out)),
    };
    let hashed = |ended: &Ended| silent(ended).map(|_| json!({"bytes": bytes}));
    let read_bytes = |ended: &Ended| {
        let result: Value = serde_json::from_str(&ended.out).map_err(|_| answer("alloyworks seal sign", "JSON", &ended.out))?;
        Ok(json!({"bytes": bytes, "read": result["hashedBytes"]}))
    };
    let warm = || warm(&folder);
    let touched = || {
        let text = fs::read_to_string(&note).at("read", &note)?;
        write(&note, &format!("{text}0"))
    };
    let mut contenders = vec![
        Contender { name: CHECK, prepare: Box::new(warm), command: Box::new(check), read: Box::new(good) },
        Contender { name: VERIFY, prepare: Box::new(warm), command: Box::new(verify), read: Box::new(good) },
        Contender { name: HASH_TWO, prepare: Box::new(warm), command: Box::new(|| openssl(&folder, 2)), read: Box::new(hashed) },
        Contender {
            name: SIGN,
            prepare: Box::new(warm),
            command: Box::new(|| sign(&working, &working_signature, &["--rehash"])),
            read: Box::new(read_bytes),
        },
        Contender {
            name: AGAIN,
            prepare: Box::new(touched),
            command: Box::new(|| sign(&working, &working_signature, &[])),
            read: Box::new(read_bytes),
        },
    ];
    if let Some(python) = bench.python.as_deref().filter(|python| has_official(python)) {
        let command = Box::new(|| official(python));
        contenders.insert(2, Contender { name: OFFICIAL, prepare: Box::new(warm), command, read: Box::new(yes) });
    }
    bench.contest(&ROW, &contenders, 7, keep)?;
    remove(&scratch)
}

fn has_official(python: &Path) -> bool {
    let found = Command::new(python).args(["-c", "import model_signing"]).output();
    found.is_ok_and(|output| output.status.success())
}

fn ran(command: &mut Command) -> Result<(), BenchError> {
    measure(command).map(drop)
}

fn answer(command: &str, expected: &'static str, got: &str) -> BenchError {
    BenchError::Answer { command: command.into(), expected, got: got.chars().take(200).collect() }
}

fn said_in(ended: &Ended, name: &str, expected: &Value) -> Result<(), BenchError> {
    let result: Value = serde_json::from_str(&ended.out).unwrap_or_default();
    match result[name] == *expected {
        true => Ok(()),
        false => Err(answer("alloyworks", "verdict `good`", &ended.out)),
    }
}

/// The files of a folder once more, without their bytes once more.
fn link(from: &Path, to: &Path) -> Result<(), BenchError> {
    fs::create_dir_all(to).at("make", to)?;
    for entry in fs::read_dir(from).at("list", from)? {
        let path = entry.at("list", from)?.path();
        let beside = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            link(&path, &beside)?;
        } else {
            fs::hard_link(&path, &beside).at("link", &path)?;
        }
    }
    Ok(())
}

fn processor(sample: &Sample) -> f64 {
    sample.taken.user_s + sample.taken.system_s
}

fn section(samples: &[Sample]) -> Section {
    let mut section = Section::new("Seal", samples, ROW.contenders);
    let bytes = samples.first().and_then(|sample| said(sample, "bytes")).unwrap_or(f64::NAN);
    section.say(format!(
        "An artifact of {:.2} GB in several shards, in the page cache, with a Model Signing bundle over all of its files. `seal check` \
         checks the bundle, `verify` the artifact's own seal and chain; both read every byte. `model_signing` is the official \
         program as a process of its own, imports included. Signing again trusts what is known of files that nobody touched.",
        bytes / 1e9
    ));
    section.figure("GB/s", |samples| {
        let rate = |sample: &Sample| said(sample, "bytes").unwrap_or(f64::NAN) / wall(sample) / 1e9;
        format!("{:.2}", median(samples.iter().map(|sample| rate(sample))))
    });
    section.ratio(samples, "model_signing / seal check", OFFICIAL, CHECK, wall);
    section.ratio(samples, "model_signing / verify", OFFICIAL, VERIFY, wall);
    section.ratio(samples, "processor time: seal check / openssl", CHECK, HASH_TWO, processor);
    section.ratio(samples, "processor time: verify / openssl", VERIFY, HASH_TWO, processor);
    section.ratio(samples, "processor time: signing again / signing", AGAIN, SIGN, processor);
    section.ratio(samples, "time: signing again / signing", AGAIN, SIGN, wall);
    let ratio = |label: &str| section.median_ratio(label);
    let targets = [
        Target::at_least("speed of `seal check`, of `model_signing verify`", ratio("model_signing / seal check"), 1.3, ""),
        Target::at_least("speed of `verify`, of `model_signing verify`", ratio("model_signing / verify"), 1.3, ""),
        Target::at_most(
            "processor time of `seal check`, of pure SHA-256",
            ratio("processor time: seal check / openssl"),
            1.1,
            "",
        ),
        Target::at_most("processor time of `verify`, of pure SHA-256", ratio("processor time: verify / openssl"), 1.1, ""),
        Target::at_most(
            "processor time of signing again, of signing",
            ratio("processor time: signing again / signing"),
            0.01,
            "",
        ),
        memory(samples, CHECK, "peak resident memory of `seal check`"),
        memory(samples, VERIFY, "peak resident memory of `verify`"),
    ];
    targets.into_iter().for_each(|target| section.target(target));
    section
}

fn memory(samples: &[Sample], contender: &str, what: &str) -> Target {
    #[expect(clippy::cast_precision_loss, reason = "megabytes are shown")]
    let peaks = of(samples, contender).map(|sample| sample.taken.peak_resident_bytes as f64 / 1e6);
    Target::at_most(what, peaks.reduce(f64::max), 32.0, " MB")
}
