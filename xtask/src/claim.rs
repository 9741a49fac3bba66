//! `cargo xtask claim`: measures what choosing experts by the task is worth, with the real program, and writes the README's table.
//!
//! For every seed and text the tiny model is forged from fresh corpora, next to its controls. The claim is an order of perplexities:
//! calibrated on the matching corpus < router L2 < calibrated on a mismatched corpus. It has to hold for every seed and text. For every
//! seed, over the texts, matching has to cost at most half of router L2, mismatched at least five times matching, and REAP no more
//! than counting (see [`cost`]). Or nothing is written.

mod cost;
mod figures;
mod forge;
#[cfg(test)]
mod library;
mod table;
mod texts;

use std::path::{Path, PathBuf};

use crate::corpora::{CALIBRATION_SEED, Domain, EVALUATION_SEED};
use figures::Figures;

/// Fewest seeds the claim is made over.
const SEEDS_MIN: usize = 5;
/// Seeds of the table where none are given.
const SEEDS: [u64; SEEDS_MIN] = [0, 1, 2, 3, 4];
/// Corpus seeds are kept apart by use, so this many fit between the first of calibration and the first of evaluation.
const SEEDS_BELOW: u64 = EVALUATION_SEED - CALIBRATION_SEED;
/// The file that shows the table.
const README: &str = "README.md";

/// Arguments of `cargo xtask claim`.
#[derive(clap::Args)]
pub struct Arguments {
    /// Seeds, five or more: seed N calibrates on corpora of seed 101 + N and evaluates on corpora of seed 201 + N.
    #[arg(long, value_delimiter = ',', default_values_t = SEEDS)]
    seeds: Vec<u64>,
    /// Compare the README's table with the measured one and fail where they differ, instead of writing it.
    #[arg(long)]
    check: bool,
    /// Use this `alloyworks` program instead of building one.
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

/// Measures, checks the order, and writes (or compares) the README's table.
///
/// # Errors
/// When the seeds are not five or more different ones below 100, the README or its markers are missing, a corpus overlaps another,
/// the program fails, the order does not hold somewhere, or, with `--check`, the README shows another table.
pub fn run(arguments: &Arguments, root: &Path) -> Result<(), String> {
    check_seeds(&arguments.seeds)?;
    // Before minutes of work: the place where its result will go.
    let path = root.join(README);
    let readme = std::fs::read_to_string(&path).map_err(|e| format!("claim: cannot read `{README}`: {e}"))?;
    table::shown(&readme)?;

    let forge = forge::Forge::prepare(root, arguments.program.as_deref())?;
    let mut all = Vec::new();
    for seed in &arguments.seeds {
        for figures in forge.seed(*seed)? {
            println!("claim: {figures}");
            all.push(figures);
        }
    }
    let table = table::write(&all, &arguments.seeds);
    println!("\n{table}");
    check_order(&all)?;
    if !arguments.check {
        return replace(&path, &readme, &table);
    }
    table::compare(&readme, &table)?;
    println!("claim: `{README}` shows what was measured");
    Ok(())
}

fn check_seeds(seeds: &[u64]) -> Result<(), String> {
    let different = seeds.iter().enumerate().all(|(at, seed)| !seeds[..at].contains(seed));
    if seeds.len() >= SEEDS_MIN && different && seeds.iter().all(|seed| *seed < SEEDS_BELOW) {
        return Ok(());
    }
    Err(format!("claim: expected {SEEDS_MIN} or more different seeds below {SEEDS_BELOW}, got {seeds:?}"))
}

fn check_order(all: &[Figures]) -> Result<(), String> {
    let order = all.iter().flat_map(Figures::broken);
    let broken: Vec<String> = order.chain(cost::of_seeds(all).iter().flat_map(cost::Cost::broken)).collect();
    if broken.is_empty() {
        return Ok(());
    }
    Err(format!("claim: it does not hold in {} place(s), nothing was written:\n{}", broken.len(), broken.join("\n")))
}

fn replace(path: &Path, readme: &str, table: &str) -> Result<(), String> {
    let text = table::placed(readme, table)?;
    std::fs::write(path, text).map_err(|e| format!("claim: cannot write `{}`: {e}", path.display()))?;
    println!("claim: wrote the table of `{README}`");
    Ok(())
}

/// The other texts, in order.
fn others(domain: Domain) -> impl Iterator<Item = Domain> {
    Domain::ALL.into_iter().filter(move |other| *other != domain)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn seeds_have_to_be_five_different_ones_in_their_range() {
        assert!(check_seeds(&SEEDS).is_ok());
        assert!(check_seeds(&[7, 3, 99, 0, 1]).is_ok());
        for wrong in [&[][..], &[0, 1, 2, 3], &[0, 1, 2, 3, 3], &[0, 1, 2, 3, SEEDS_BELOW]] {
            let said = check_seeds(wrong).unwrap_err();
            assert!(
                said.contains("expected 5 or more different seeds below 100") && said.contains(&format!("{wrong:?}")),
                "{said}"
            );
        }
    }
}
