//! Profiles a checkpoint on random tokens and prints speed and memory as one JSON object.
//!
//! `cargo run --release -p llm-forge --example profile_speed -- <checkpoint> <tokens> <threads> [wave tokens] [f32 | bf16]`
#![allow(clippy::print_stdout)]

use llm_forge::families::Model;
use llm_forge::forward::Options;
use llm_forge::forward::kernels::{Isa, Precision, Scratch, SliceRows, product};
use llm_forge::profile::{Pass, ProfileError, measure_pass};
use llm_forge::progress;
use serde_json::json;
use std::error::Error;
use std::path::Path;
use std::time::Instant;

/// Tokens per sequence.
const SEQUENCE: usize = 512;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [checkpoint, tokens, threads, rest @ ..] = arguments.as_slice() else {
        return Err("usage: profile_speed <checkpoint> <tokens> <threads> [wave tokens] [f32 | bf16]".into());
    };
    let (tokens, threads): (usize, usize) = (tokens.parse()?, threads.parse()?);
    let wave_tokens = rest.first().map_or(Ok(Options::WAVE_TOKENS), |wave| wave.parse())?;
    let precision = match rest.get(1).map(String::as_str) {
        None | Some("f32") => Precision::F32,
        Some("bf16") => Precision::Bf16,
        Some(other) => return Err(format!("precision `{other}`: expected f32 or bf16").into()),
    };
    let model = Model::open(Path::new(checkpoint), None)?;
    let vocab = model.vocab().ok_or("the config has no `vocab_size`")?;
    let count = (tokens / SEQUENCE).max(1);
    let mut state = 1u64;
    let sequences =
        (0..count).map(|_| Ok::<_, ProfileError>((0..SEQUENCE).map(|_| (step(&mut state) % vocab as u64) as u32).collect()));
    let started = Instant::now();
    let pass = Pass { inputs: false, precision };
    let options = Options { threads, wave_tokens };
    let profile = measure_pass(&model, None, (count as u64, sequences), pass, options, &progress::ignore)?;
    let seconds = started.elapsed().as_secs_f64();
    let report = json!({
        "tokens": profile.tokens,
        "threads": threads,
        "wave_tokens": wave_tokens,
        "seconds": seconds,
        "tokens_per_second": profile.tokens as f64 / seconds,
        "peak_rss_mb": status("VmHWM")? / 1024,
        "isa": Isa::detect().name(),
        "precision": format!("{precision:?}").to_lowercase(),
        "product_gflops_one_thread": product_speed(precision),
    });
    println!("{report}");
    Ok(())
}

/// A step of splitmix64.
fn step(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// One line of this process's status, in KiB; zero where the system has none.
fn status(key: &str) -> Result<u64, Box<dyn Error>> {
    let Ok(text) = std::fs::read_to_string("/proc/self/status") else { return Ok(0) };
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    Ok(line.and_then(|value| value.trim().strip_suffix(" kB")).unwrap_or("0").trim().parse()?)
}

/// Billions of operations per second of a 256 x 512 x 512 product, packing included.
fn product_speed(precision: Precision) -> f64 {
    let (rows, width, outputs, rounds) = (256, 512, 512, 200);
    let (x, w) = (vec![0.5f32; rows * width], vec![0.25f32; outputs * width]);
    let (mut y, mut scratch) = (vec![0f32; rows * outputs], Scratch::of(precision));
    let started = Instant::now();
    for _ in 0..rounds {
        let Ok(()) = product(Isa::detect(), &x, &SliceRows { weights: &w, width }, 0..outputs, &mut scratch, &mut y);
        std::hint::black_box(&mut y);
    }
    (2 * rows * width * outputs * rounds) as f64 / started.elapsed().as_secs_f64() / 1e9
}
