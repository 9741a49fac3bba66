//! Prunes a model folder from the command line, to measure and to compare with the reference:
//! `expert_prune <model> <output> <keep> [--random SEED | --kept KEPT.json] [--shard-bytes N] [--threads N] [--verify]`.
//!
//! `KEPT.json` maps layers to kept expert indices. Without it and without a seed, experts are ranked by their router rows.
#![allow(clippy::print_stdout, reason = "an example talks to its terminal")]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::time::Instant;

use llm_forge::families::Model;
use llm_forge::progress;
use llm_forge::prune::{
    DEFAULT_SHARD_BYTES, FolderOutput, Sample, Selection, Strategy, plan_prune, random_scores, rewrite, router_l2, verify_rewrite,
};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [source, output, keep, options @ ..] = &arguments[..] else {
        return Err(
            "usage: expert_prune <model> <output> <keep> [--random SEED | --kept KEPT.json] [--shard-bytes N] [--threads N] [--verify]"
                .into(),
        );
    };
    let option = |name: &str| options.iter().position(|option| option == name).and_then(|place| options.get(place + 1));
    let model = Model::open(Path::new(source), None)?;
    let keep: usize = keep.parse()?;
    let selection = match (option("--kept"), option("--random")) {
        (Some(path), _) => {
            let kept: BTreeMap<usize, Vec<usize>> = serde_json::from_slice(&std::fs::read(path)?)?;
            Selection::from_kept(&model.experts, &kept)?
        }
        (None, Some(seed)) => {
            Selection::rank(&model.experts, Strategy::Random, &random_scores(&model.experts, seed.parse()?), keep)?
        }
        (None, None) => Selection::rank(&model.experts, Strategy::RouterGateL2, &router_l2(&model)?, keep)?,
    };
    let shard_bytes = option("--shard-bytes").map_or(Ok(DEFAULT_SHARD_BYTES), |text| text.parse())?;
    let threads = option("--threads").map_or(Ok(2), |text| text.parse())?;
    let plan = plan_prune(&model, &selection, shard_bytes)?;
    let started = Instant::now();
    let written = rewrite(&model, &plan, &mut FolderOutput::new(Path::new(output))?, threads, &progress::ignore)?;
    let seconds = started.elapsed().as_secs_f64();
    let rate = |bytes: u64| bytes as f64 / seconds / 1e6;
    println!("read {} B ({:.0} MB/s), wrote {} B in {seconds:.3} s", plan.bytes_in, rate(plan.bytes_in), plan.bytes_out);
    for file in written.shards.iter().chain(&written.files) {
        println!("{}  {}", file.digest.hex(), file.path);
    }
    if options.iter().any(|option| option == "--verify") {
        let result = Model::open(Path::new(output), None)?;
        let found = verify_rewrite(&model, &result, &selection, Sample::All, &progress::ignore)?;
        println!("verified {found:?}");
    }
    Ok(())
}
