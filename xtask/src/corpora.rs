//! Writes the synthetic corpora: three structurally different domains, the same bytes on every machine.
//!
//! One JSON object per line, `{"text": "..."}`. An example depends on its domain, seed and index alone. Seeds are kept apart by use:
//! training below 100, calibration from 101, evaluation from 201.

mod arithmetic;
mod code;
mod prose;
mod random;

use std::io;
use std::path::{Path, PathBuf};

use random::Random;
use sha2::{Digest, Sha256};

/// Where the standard set rests, relative to the repository root. Ignored by git: it is generated.
pub const STANDARD_FOLDER: &str = "recipes/tiny-moe/corpora";
/// Seed of the standard calibration corpora.
pub const CALIBRATION_SEED: u64 = 101;
/// Seed of the standard evaluation corpora.
pub const EVALUATION_SEED: u64 = 201;
/// Examples in each standard corpus.
pub const STANDARD_EXAMPLES: u64 = 200;

/// A kind of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Domain {
    /// Functions of a small curly-brace language.
    Code,
    /// Sentences of a small story.
    Prose,
    /// Chains of equations, series and orderings.
    Arithmetic,
}

impl Domain {
    /// Every domain, in the order they are written.
    pub const ALL: [Self; 3] = [Self::Code, Self::Prose, Self::Arithmetic];

    /// The name used in file names and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Prose => "prose",
            Self::Arithmetic => "arithmetic",
        }
    }

    /// One example: 100 to 400 characters.
    fn example(self, seed: u64, index: u64) -> String {
        let random = &mut Random::of_example(self.name(), seed, index);
        // Targets leave room for the longest closing piece, so that no text passes 400.
        let target = usize::try_from(random.between(110, 250)).expect("at most 250");
        match self {
            Self::Code => code::example(random, target),
            Self::Prose => prose::example(random, target),
            Self::Arithmetic => arithmetic::example(random, target),
        }
    }
}

/// The text of a whole corpus file.
pub fn corpus(domain: Domain, seed: u64, examples: u64) -> String {
    let mut out = String::new();
    for index in 0..examples {
        out.push_str(&serde_json::json!({ "text": domain.example(seed, index) }).to_string());
        out.push('\n');
    }
    out
}

/// Arguments of `cargo xtask corpora`.
#[derive(clap::Args)]
pub struct Arguments {
    /// Which domain to write; without it, the standard calibration and evaluation corpora of all three.
    #[arg(long, requires = "seed", requires = "examples", requires = "out")]
    domain: Option<Domain>,
    /// Seed of the corpus. Training uses seeds below 100, calibration from 101, evaluation from 201.
    #[arg(long, requires = "domain")]
    seed: Option<u64>,
    /// Number of examples.
    #[arg(long, requires = "domain")]
    examples: Option<u64>,
    /// File to write.
    #[arg(long, requires = "domain")]
    out: Option<PathBuf>,
}

/// Writes what the arguments ask for and prints sha256, bytes and path of each file.
///
/// # Errors
/// When a file or its folder cannot be written; the error names it.
pub fn run(arguments: &Arguments, root: &Path) -> io::Result<()> {
    match (arguments.domain, arguments.seed, arguments.examples, &arguments.out) {
        (Some(domain), Some(seed), Some(examples), Some(out)) => write(out, &corpus(domain, seed, examples)),
        _ => standard().into_iter().try_for_each(|(name, text)| write(&root.join(STANDARD_FOLDER).join(name), &text)),
    }
}

/// File name and text of every standard corpus.
fn standard() -> Vec<(String, String)> {
    let kinds = [("calibration", CALIBRATION_SEED), ("evaluation", EVALUATION_SEED)];
    let file = |(kind, seed): (&str, u64), domain: Domain| {
        (format!("{kind}-{}.jsonl", domain.name()), corpus(domain, seed, STANDARD_EXAMPLES))
    };
    kinds.into_iter().flat_map(|kind| Domain::ALL.map(|domain| file(kind, domain))).collect()
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let named = |e: io::Error| io::Error::new(e.kind(), format!("cannot write `{}`: {e}", path.display()));
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(named)?;
    }
    std::fs::write(path, text).map_err(named)?;
    println!("{}  {:>8} bytes  {}", sha256(text), text.len(), path.display());
    Ok(())
}

/// The SHA-256 of a corpus, in hexadecimal.
pub fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn texts(domain: Domain, seed: u64, examples: u64) -> Vec<String> {
        (0..examples).map(|i| domain.example(seed, i)).collect()
    }

    #[test]
    fn the_standard_corpora_are_pinned() {
        let found: Vec<(String, String)> = standard().into_iter().map(|(name, text)| (name, sha256(&text))).collect();
        let found: Vec<(&str, &str)> = found.iter().map(|(n, h)| (n.as_str(), h.as_str())).collect();
        assert_eq!(found, PINNED, "a corpus changed: every figure measured on it changes with it");
    }

    const PINNED: [(&str, &str); 6] = [
        ("calibration-code.jsonl", "c538632f18a0413107c7ed78ebc93070b531356e8d68d1936d97c456f8a7283b"),
        ("calibration-prose.jsonl", "94acc44a8f1729bf6e0caa1ad861d149b1e7421116a1754c8f95af6455224b18"),
        ("calibration-arithmetic.jsonl", "5f4f1a0809208abb3b794067ec4d09c92295c48fe0352f46f9514c47826f5acd"),
        ("evaluation-code.jsonl", "9785f871f5398d17018ec21c335fb5d075822546f487b8424aa64f5c3eaf5fbc"),
        ("evaluation-prose.jsonl", "edb445a84332d1ee802f6d83d867a987d924828539487dfe58a6be739aa746e0"),
        ("evaluation-arithmetic.jsonl", "bc1f95eb974356e309180e29e068353a15585d3920671e2e3fcb9072f489c3be"),
    ];

    #[test]
    fn examples_have_the_promised_length_and_are_ascii() {
        for domain in Domain::ALL {
            for text in texts(domain, 7, 2000) {
                assert!((100..=400).contains(&text.len()) && text.is_ascii(), "{} characters of {domain:?}: {text}", text.len());
            }
        }
    }

    #[test]
    fn no_evaluation_example_occurs_in_calibration_or_training() {
        for domain in Domain::ALL {
            let evaluation: BTreeSet<String> = texts(domain, EVALUATION_SEED, STANDARD_EXAMPLES).into_iter().collect();
            assert_eq!(evaluation.len() as u64, STANDARD_EXAMPLES, "{domain:?} repeats itself");
            for seed in [CALIBRATION_SEED, 1] {
                assert!(
                    texts(domain, seed, 4000).iter().all(|t| !evaluation.contains(t)),
                    "{domain:?} seed {seed} overlaps evaluation"
                );
            }
        }
    }

    #[test]
    fn an_example_does_not_depend_on_how_many_are_asked_for() {
        let (few, many) = (corpus(Domain::Prose, 9, 3), corpus(Domain::Prose, 9, 30));
        assert!(many.starts_with(&few));
    }

    #[test]
    fn every_name_is_declared_above_its_use() {
        for text in texts(Domain::Code, 4, 500) {
            let mut scopes: Vec<Vec<String>> = vec![Vec::new()];
            for line in text.lines() {
                if line.trim() == "}" {
                    scopes.pop();
                }
                let words: Vec<&str> =
                    line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|w| !w.is_empty()).collect();
                let (declared, used): (Vec<&str>, &[&str]) = match words.as_slice() {
                    ["fn", _, first, "u32", second, "u32", "u32"] => (vec![first, second], &[]),
                    ["let", "mut", name, rest @ ..] => (vec![name], rest),
                    ["for", name, "in", rest @ ..] => (vec![name], rest),
                    rest => (vec![], rest),
                };
                for word in used.iter().filter(|w| !w.starts_with(|c: char| c.is_ascii_digit())) {
                    let known = ["if", "while", "return", "min", "max", "abs", "hash", "load", "size"].contains(word);
                    assert!(known || scopes.iter().flatten().any(|n| n == word), "`{word}` is not declared in\n{text}");
                }
                if line.ends_with('{') {
                    scopes.push(Vec::new());
                }
                scopes.last_mut().unwrap().extend(declared.iter().map(|n| (*n).to_owned()));
            }
        }
    }

    #[test]
    fn braces_balance_and_blocks_are_indented() {
        for text in texts(Domain::Code, 3, 500) {
            assert_eq!(text.matches('{').count(), text.matches('}').count(), "{text}");
            let mut depth = 0;
            for line in text.lines() {
                depth -= usize::from(line.trim() == "}");
                assert_eq!(line.len() - line.trim_start().len(), depth * 4, "{text}");
                depth += usize::from(line.ends_with('{'));
            }
        }
    }
}
