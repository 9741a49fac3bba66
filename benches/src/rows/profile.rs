//! Every importance metric in one pass, against transformers with hooks.

use std::fs;

use serde_json::Value;

use super::{Bench, Keep, Row, THREADS, remove, warm};
use crate::checkpoint::{Weights, step};
use crate::contest::{Contender, Sample, last_json};
use crate::error::{At, BenchError};
use crate::job::SEQUENCE;
use crate::report::{Section, Target, median, of, said};
use crate::rows::prune::MIDDLE;

/// Tokens profiled: eight of the batches transformers gets.
const TOKENS: usize = 8 * BATCH * SEQUENCE;
/// Sequences transformers is given at once.
const BATCH: usize = 4;

const OURS: &str = "alloyworks, every metric";
const OURS_BF16: &str = "alloyworks, every metric, bf16";
const COUNT: &str = "transformers, counts only";
const REAP: &str = "transformers, counts and REAP";

/// The row.
pub const ROW: Row = Row { name: "profile", contenders: &[OURS, OURS_BF16, COUNT, REAP], run, section };

fn run(bench: &Bench, keep: Keep<'_>) -> Result<(), BenchError> {
    let model = MIDDLE.write(&bench.work.join("middle"), Weights::Random)?;
    let scratch = bench.scratch(ROW.name)?;
    let ids = scratch.join("ids.u32");
    let mut state = 1;
    let tokens = (0..TOKENS).flat_map(|_| ((step(&mut state) % MIDDLE.vocab as u64) as u32).to_le_bytes());
    fs::write(&ids, tokens.collect::<Vec<u8>>()).at("write", &ids)?;
    let warm = || warm(&model.folder);
    let mut contenders = Vec::new();
    for (name, bf16) in [(OURS, false), (OURS_BF16, true)] {
        let (folder, ids) = (&model.folder, &ids);
        let command = move || {
            let mut command = bench.job("profile");
            command.args([folder, ids]).arg(THREADS.to_string()).args(bf16.then_some("--bf16"));
            command
        };
        contenders.push(Contender { name, prepare: Box::new(warm), command: Box::new(command), read: Box::new(last_json) });
    }
    for (name, mode) in [(COUNT, "count"), (REAP, "reap")] {
        let Some(python) = &bench.python else { continue };
        let (folder, ids) = (&model.folder, &ids);
        let command = move || {
            let mut command = bench.script(python, "profile_transformers.py");
            command.args([folder, ids]).arg(mode).args([SEQUENCE, BATCH, THREADS].map(|number| number.to_string()));
            command
        };
        contenders.push(Contender { name, prepare: Box::new(warm), command: Box::new(command), read: Box::new(last_json) });
    }
    bench.contest(&ROW, &contenders, 5, keep)?;
    remove(&scratch)
}

fn speed(sample: &Sample) -> f64 {
    said(sample, "tokensPerSecond").unwrap_or(f64::NAN)
}

fn resident(sample: &Sample) -> f64 {
    sample.taken.peak_resident_bytes as f64
}

fn section(samples: &[Sample]) -> Section {
    let mut section = Section::new("Profile", samples, ROW.contenders);
    let versions = of(samples, COUNT).next().map(|sample| {
        let text = |name: &str| sample.said[name].as_str().unwrap_or("?").to_owned();
        format!(" (torch {}, transformers {}, experts by `{}`)", text("torch"), text("transformers"), text("experts"))
    });
    section.say(format!(
        "The model of the prune row, {TOKENS} random tokens in sequences of {SEQUENCE}, two threads. Alloyworks gathers every metric in \
         one pass, in f32 arithmetic and with its projections in bf16; transformers runs in bfloat16, {BATCH} sequences at once, the output matrix left out{}. Speed \
         leaves loading out on both sides; Alloyworks reads weights during the pass, which counts.",
        versions.unwrap_or_default()
    ));
    section.figure("tokens/s", |samples| {
        let speeds: Vec<f64> = samples.iter().map(|sample| speed(sample)).collect();
        let (least, most) = (speeds.iter().copied().fold(f64::INFINITY, f64::min), speeds.iter().copied().fold(0.0, f64::max));
        format!("{least:.0} / **{:.0}** / {most:.0}", median(speeds.iter().copied()))
    });
    section.ratio(samples, "tokens/s: alloyworks / transformers, counts", OURS, COUNT, speed);
    section.ratio(samples, "tokens/s: alloyworks / transformers, REAP", OURS, REAP, speed);
    section.ratio(samples, "tokens/s: alloyworks in bf16 / transformers, counts", OURS_BF16, COUNT, speed);
    section.ratio(samples, "tokens/s: alloyworks in bf16 / transformers, REAP", OURS_BF16, REAP, speed);
    section.ratio(samples, "peak resident: alloyworks / transformers, counts", OURS, COUNT, resident);
    if let Some(differing) = differing_share(samples) {
        section.say(format!(
            "The two agree on what they count: {:.2} % of all routings went to another expert, which is what bfloat16 does to close calls.",
            differing * 100.0
        ));
    }
    let speed = section.median_ratio("tokens/s: alloyworks / transformers, counts");
    let memory = section.median_ratio("peak resident: alloyworks / transformers, counts");
    section.target(Target::at_least("tokens/s with every metric, of transformers counting only", speed, 1.0, ""));
    let reap = section.median_ratio("tokens/s: alloyworks in bf16 / transformers, REAP");
    section.target(Target::at_least("tokens/s with every metric in bf16, of transformers with REAP", reap, 1.5, ""));
    section.target(Target::at_most("peak resident memory, of transformers counting only", memory, 0.35, ""));
    section
}

/// Share of routings that went to another expert, by the counts.
fn differing_share(samples: &[Sample]) -> Option<f64> {
    let counts = |contender: &str| -> Option<Vec<f64>> {
        let layers = of(samples, contender).next()?.said["activationCounts"].as_array()?;
        Some(layers.iter().flat_map(|layer| layer.as_array().into_iter().flatten()).filter_map(Value::as_f64).collect())
    };
    let (ours, theirs) = (counts(OURS)?, counts(COUNT)?);
    let moved: f64 = ours.iter().zip(&theirs).map(|(ours, theirs)| (ours - theirs).abs()).sum();
    Some(moved / 2.0 / ours.iter().sum::<f64>())
}
