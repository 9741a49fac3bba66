//! Repository chores: `cargo xtask check`, `claim`, `corpora`, `parity`.
//!
//! Nothing here ships. A chore that anyone but a contributor needs belongs in `aw-commands`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "chores talk to the terminal")]

mod check;
mod claim;
mod corpora;
mod parity;
#[cfg(test)]
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Repository chores")]
enum Chore {
    /// Check formatting, lints, documentation, tests and the repository rules.
    Check,
    /// Measure what choosing experts by the task is worth and write the README's table.
    Claim(claim::Arguments),
    /// Write the synthetic corpora of the tiny-moe recipe and print their hashes.
    Corpora(corpora::Arguments),
    /// Compare with transformers, which has to be installed (it is needed for nothing else).
    Parity(parity::Arguments),
}

fn main() -> ExitCode {
    let done = match Chore::parse() {
        Chore::Check => check::run(&root()),
        Chore::Claim(arguments) => claim::run(&arguments, &root()),
        Chore::Corpora(arguments) => corpora::run(&arguments, &root()).map_err(|e| e.to_string()),
        Chore::Parity(arguments) => parity::run(&arguments, &root()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::FAILURE
        }
    }
}

/// The repository root: the folder above this crate.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace").to_path_buf()
}
