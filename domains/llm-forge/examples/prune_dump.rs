//! Prunes a checkpoint to a given kept set, for the comparison with the reference (`cargo xtask parity`).
//!
//! usage: `prune_dump <checkpoint> <kept.json> <out>`, where `kept.json` maps each sparse layer to its kept expert indices.
#![allow(clippy::print_stderr, reason = "a test program talks to the terminal")]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use llm_forge::families::Model;
use llm_forge::progress;
use llm_forge::prune::{FolderOutput, Selection, plan_prune, rewrite};

/// Small, so that tiny checkpoints are written in several shards.
const SHARD_BYTES: u64 = 64 * 1024;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [checkpoint, kept, out] = arguments.as_slice() else {
        eprintln!("usage: prune_dump <checkpoint> <kept.json> <out>");
        return ExitCode::from(2);
    };
    match prune(Path::new(checkpoint), Path::new(kept), Path::new(out)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::FAILURE
        }
    }
}

fn prune(checkpoint: &Path, kept: &Path, out: &Path) -> Result<(), Box<dyn Error>> {
    let kept: BTreeMap<usize, Vec<usize>> = serde_json::from_slice(&std::fs::read(kept)?)?;
    let model = Model::open(checkpoint, None)?;
    let selection = Selection::from_kept(&model.experts, &kept)?;
    let plan = plan_prune(&model, &selection, SHARD_BYTES)?;
    rewrite(&model, &plan, &mut FolderOutput::new(out)?, 2, &progress::ignore)?;
    Ok(())
}
