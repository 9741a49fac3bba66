//! The benchmarks by name. Lookup is exact; what is not run here says why.
//!
//! # Source
//! The published runner names, with the tasks and metric keys of lm-evaluation-harness.

use super::score::Scale;

/// What answers a benchmark's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runner {
    /// `exp` of the mean negative log-likelihood of a corpus.
    Perplexity,
    /// Mean divergence of the base's next-token distribution from the model's.
    KlDivergence,
    /// The likeliest of several continuations; scored as `acc`, `acc_norm` and `acc_bytes`.
    MultipleChoice,
    /// HumanEval problems against their base tests.
    HumanEval,
    /// The same completions against the base tests **and** the further ones.
    HumanEvalPlus,
    /// A task of lm-evaluation-harness.
    Harness(HarnessTask),
}

/// A task of lm-evaluation-harness and the metric that is its score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HarnessTask {
    /// The task's name.
    pub task: &'static str,
    /// The key of its metric in the results, filter included.
    pub key: &'static str,
    /// What the metric may be.
    pub scale: Scale,
}

/// Why a name has no runner. Each is a different thing to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RunnerError {
    /// Nobody has heard of it.
    #[error("no benchmark `{name}` is registered; registered are {}", list(names()))]
    NotRegistered {
        /// The name.
        name: String,
    },
    /// The name is kept for a benchmark that is not implemented.
    #[error("benchmark `{name}` is reserved and not implemented")]
    Reserved {
        /// The name.
        name: String,
    },
    /// It is implemented nowhere here, for a reason.
    #[error("benchmark `{name}` cannot be run here: it needs {needs}")]
    CannotRun {
        /// The name.
        name: String,
        /// What it would need.
        needs: &'static str,
    },
}

const fn task(task: &'static str, key: &'static str) -> Runner {
    Runner::Harness(HarnessTask { task, key, scale: Scale::Fraction })
}

const RUNNERS: [(&str, Runner); 11] = [
    ("bbh", task("leaderboard_bbh", "acc_norm,none")),
    ("gpqa", task("leaderboard_gpqa", "acc_norm,none")),
    ("humaneval", Runner::HumanEval),
    ("humaneval_plus", Runner::HumanEvalPlus),
    ("ifeval", task("leaderboard_ifeval", "inst_level_strict_acc,none")),
    ("kl-divergence", Runner::KlDivergence),
    ("math_hard", task("leaderboard_math_hard", "exact_match,none")),
    ("mmlu_pro", task("leaderboard_mmlu_pro", "acc,none")),
    ("multiple-choice", Runner::MultipleChoice),
    ("musr", task("leaderboard_musr", "acc_norm,none")),
    ("perplexity", Runner::Perplexity),
];

const VISION: &str = "images, and nothing here runs a vision model";
const CANNOT: [(&str, &str); 5] = [
    ("ai2d", VISION),
    ("chartqa", VISION),
    ("docvqa", VISION),
    ("livecodebench_v6", "ten samples a problem at temperature 0.2; completions here are greedy"),
    ("mmmu", VISION),
];

const RESERVED: [&str; 8] =
    ["aider_polyglot", "aime_2024", "covost2", "gsm8k", "gtzan", "librispeech", "mbpp_plus", "swe_bench_verified"];

fn list(names: impl Iterator<Item = &'static str>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// The names that have a runner, sorted.
pub fn names() -> impl Iterator<Item = &'static str> {
    RUNNERS.iter().map(|(name, _)| *name)
}

/// Finds a runner by its exact name.
///
/// # Errors
/// [`RunnerError`]: not registered, reserved, or not to be run here.
pub fn find(name: &str) -> Result<Runner, RunnerError> {
    if let Some((_, runner)) = RUNNERS.iter().find(|(known, _)| *known == name) {
        return Ok(*runner);
    }
    if RESERVED.contains(&name) {
        return Err(RunnerError::Reserved { name: name.into() });
    }
    Err(match CANNOT.iter().find(|(known, _)| *known == name) {
        Some((_, needs)) => RunnerError::CannotRun { name: name.into(), needs },
        None => RunnerError::NotRegistered { name: name.into() },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lookup_is_exact_and_says_why_not() {
        assert_eq!(find("humaneval"), Ok(Runner::HumanEval));
        assert_eq!(find("bbh"), Ok(task("leaderboard_bbh", "acc_norm,none")));
        for near in ["HumanEval", "humaneval+", "humaneval ", ""] {
            assert!(matches!(find(near), Err(RunnerError::NotRegistered { .. })), "{near}");
        }
        assert!(matches!(find("gsm8k"), Err(RunnerError::Reserved { .. })));
        assert!(matches!(find("mmmu"), Err(RunnerError::CannotRun { .. })));
        let all: Vec<&str> = names().chain(RESERVED).chain(CANNOT.map(|(name, _)| name)).collect();
        let mut once = all.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), all.len(), "a name means one thing");
        assert!(names().is_sorted());
    }
}
