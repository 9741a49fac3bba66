//! Measures Alloyworks beside what people would use instead, and writes down what was found.
//!
//! `cargo run --release -p benches -- all --python PYTHON` takes every row; `PYTHON` needs torch, transformers, safetensors and model_signing, and rows
//! leave out what needs it when none is given. Raw runs are appended to `benches/results/`, and `benches/RESULTS.md` is
//! made anew from the newest runs of every row. `report` makes it without measuring.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a measurement talks to its terminal")]

mod checkpoint;
mod contest;
mod error;
mod job;
mod line;
mod machine;
mod process;
mod report;
mod results;
mod rows;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

use contest::Sample;
use error::{At, BenchError};
use machine::Machine;
use rows::{Bench, ROWS, Row};

/// Measures Alloyworks beside what people would use instead.
#[derive(Parser)]
#[command(name = "benches")]
struct Arguments {
    #[command(subcommand)]
    what: What,
    /// A Python with torch, transformers, safetensors and model_signing.
    #[arg(long, global = true)]
    python: Option<PathBuf>,
    /// A folder with `schemaorg-30.0.ttl` and `spdx-3.0.1-model.ttl`, for the row of the code generator, whose Python needs linkml,
    /// shacl2code, rdflib and pyshacl.
    #[arg(long, global = true)]
    ontologies: Option<PathBuf>,
    /// Rounds of every row; each row has its own number otherwise.
    #[arg(long, global = true)]
    runs: Option<usize>,
    /// Where `results/` and `RESULTS.md` go; this crate's folder when not given.
    #[arg(long, global = true)]
    out: Option<PathBuf>,
    /// Seconds to wait before each run, at most, for the rest of the machine to be quiet.
    #[arg(long, global = true, default_value_t = 0)]
    patience: u64,
    /// A folder for models and outputs, with room for 10 GB; `target/bench` when not given.
    #[arg(long, global = true)]
    work: Option<PathBuf>,
}

#[derive(Subcommand)]
enum What {
    /// Every row.
    All,
    /// Pruning against copying, Python and hashing.
    Prune,
    /// Profiling against transformers with hooks.
    Profile,
    /// Writing GGUF tiers against llama.cpp's converter and quantiser.
    Convert,
    /// Planning on a 500 GB index.
    Plan,
    /// Running the demonstration recipe again.
    Rerun,
    /// Verifying against hashing.
    Verify,
    /// Checking and making seals against the official program and hashing.
    Seal,
    /// Make `RESULTS.md` anew from the raw results.
    Report,
    /// Contracts from ontologies against LinkML, shacl2code, rdflib and pySHACL.
    Codegen,
    /// The line: taking, submitting and waiting, beside the disk's own limit
    Line,
    /// Do one of the jobs that are measured.
    #[command(subcommand, hide = true)]
    Job(job::Job),
}

impl What {
    fn rows(&self) -> Vec<&'static Row> {
        let name = match self {
            Self::All => return ROWS.iter().collect(),
            Self::Prune => "prune",
            Self::Profile => "profile",
            Self::Convert => "convert",
            Self::Plan => "plan",
            Self::Rerun => "rerun",
            Self::Verify => "verify",
            Self::Seal => "seal",
            Self::Codegen => "codegen",
            Self::Line => "line",
            Self::Report | Self::Job(_) => return Vec::new(),
        };
        ROWS.iter().filter(|row| row.name == name).collect()
    }
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), BenchError> {
    if let What::Job(job) = &arguments.what {
        println!("{}", job.run()?);
        return Ok(());
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this crate lies in the workspace").to_path_buf();
    let out = arguments.out.clone().unwrap_or_else(|| root.join("benches"));
    let rows = arguments.what.rows();
    if !rows.is_empty() {
        measure(arguments, &rows, root, &out)?;
    }
    let page = report::page(&ROWS, &results::newest(&out)?);
    let path = out.join("RESULTS.md");
    fs::write(&path, &page).at("write", &path)?;
    print!("{page}");
    Ok(())
}

fn measure(arguments: &Arguments, rows: &[&Row], root: PathBuf, out: &Path) -> Result<(), BenchError> {
    let bench = bench(arguments, root)?;
    let typed: Vec<String> = std::env::args().skip(1).collect();
    let machine = Machine::now(&bench.work, typed.join(" "));
    let shown = |path: &Path| path.to_string_lossy().into_owned();
    // The longer paths first: the work folder may lie in the repository.
    let programs = bench.own.parent().map(shown).unwrap_or_default();
    let mut replaced = vec![(shown(&bench.work), "WORK"), (programs, "BIN"), (shown(&bench.root), ".")];
    replaced.extend(bench.python.as_deref().map(|python| (shown(python), "PYTHON")));
    replaced.extend(bench.ontologies.as_deref().map(|folder| (shown(folder), "ONTOLOGIES")));
    let mut writer = results::Writer::open(out, &machine, replaced)?;
    for row in rows {
        let mut keep = |sample: &Sample| {
            eprintln!("{:>8}  round {:>2}  {:>8.3} s  {}", row.name, sample.round, sample.taken.wall_s, sample.contender);
            writer.sample(sample)
        };
        (row.run)(&bench, &mut keep)?;
        writer.done(row.name)?;
    }
    Ok(())
}

fn bench(arguments: &Arguments, root: PathBuf) -> Result<Bench, BenchError> {
    let work = arguments.work.clone().unwrap_or_else(|| root.join("target/bench"));
    fs::create_dir_all(&work).at("make", &work)?;
    let work = work.canonicalize().at("find", &work)?;
    let own = std::env::current_exe().at("find", Path::new("this program"))?;
    let program = own.with_file_name("alloyworks");
    if !program.is_file() {
        return Err(BenchError::Missing { path: program, hint: "build it with `cargo build --release -p aw-cli`" });
    }
    Ok(Bench {
        root,
        work,
        program,
        own,
        python: arguments.python.clone(),
        ontologies: arguments.ontologies.clone(),
        runs: arguments.runs,
        patience: Duration::from_secs(arguments.patience),
    })
}
