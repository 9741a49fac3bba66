//! HumanEval-format problems: what a model writes is run against tests, in a sandbox.
//!
//! A set is JSON lines of `{"task_id", "prompt", "entry_point", "canonical_solution", "test"}`, as the published file has them, and
//! `plus_test` beside `test` for the further tests of `humaneval_plus`. The program that is judged is the prompt, the completion, the
//! test and `check(<entry_point>)`, in one module, as in the published harness; [`aw_sandbox::python`] says what a pass means.
//!
//! # Source
//! Chen et al., "Evaluating Large Language Models Trained on Code" (2021), with its stop sequences; `openai/human-eval`'s
//! `execution.py` for the program. `humaneval_plus` counts a problem when base **and** further tests pass.

use std::collections::BTreeSet;
use std::path::Path;

use aw_sandbox::python::{NoPython, Python, Verdict};
use aw_sandbox::{Isolation, Limits, RunError, Sandbox, Unavailable};
use serde::{Deserialize, Serialize};

use super::lines::{self, SetError, SetProblem};

/// Where a completion ends: the function is over.
pub const STOP: [&str; 5] = ["\nclass", "\ndef", "\n#", "\nif", "\nprint"];

/// A problem.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Problem {
    /// Its name in the set.
    pub task_id: String,
    /// The beginning of a program, up to a function's body.
    pub prompt: String,
    /// The function's name.
    pub entry_point: String,
    /// A body that solves it.
    pub canonical_solution: String,
    /// A program that defines `check(candidate)`.
    pub test: String,
    /// Another one, with further tests.
    #[serde(default)]
    pub plus_test: Option<String>,
}

/// A set of problems.
#[derive(Clone, Debug)]
pub struct Problems {
    /// The problems, in order.
    pub problems: Vec<Problem>,
    /// SHA-256 of the file.
    pub sha256: String,
}

/// Why completions cannot be judged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JudgeError {
    /// There is no interpreter.
    #[error(transparent)]
    Python(#[from] NoPython),
    /// There is no sandbox, and nothing is run without.
    #[error("{0}\nhint: generated code is run in a sandbox or not at all")]
    Sandbox(#[from] Unavailable),
    /// The sandbox failed.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A problem's own solution fails its tests here: scores of such a set would say nothing.
    #[error("the canonical solution of `{task_id}` does not pass its {which} tests here: {verdict}")]
    Canonical {
        /// The problem.
        task_id: String,
        /// Which tests.
        which: &'static str,
        /// What became of it.
        verdict: String,
    },
    /// The caller wanted to stop.
    #[error("cancelled")]
    Cancelled,
}

/// Reads a set of problems; with `plus`, each needs further tests.
///
/// # Errors
/// When the file cannot be read, a line is not a problem, an entry point is no name, or a task stands there twice.
pub fn read(path: &Path, plus: bool) -> Result<Problems, SetError> {
    let expected = "an object with `task_id`, `prompt`, `entry_point`, `canonical_solution` and `test`";
    let set = lines::read::<Problem>(path, expected)?;
    let mut seen = BTreeSet::new();
    let mut problems = Vec::with_capacity(set.items.len());
    for (line, it) in set.items {
        let name = |text: &str| {
            let starts = text.starts_with(|first: char| first == '_' || first.is_ascii_alphabetic());
            starts && text.chars().all(|other| other == '_' || other.is_ascii_alphanumeric())
        };
        let problem = if !name(&it.entry_point) {
            Some(format!("expected the name of a function in `entry_point`, got `{}`", it.entry_point))
        } else if plus && it.plus_test.is_none() {
            Some("`humaneval_plus` needs `plus_test`".to_owned())
        } else if !seen.insert(it.task_id.clone()) {
            Some(format!("`{}` stands there twice", it.task_id))
        } else {
            None
        };
        if let Some(problem) = problem {
            return Err(SetError::Line { path: path.to_owned(), line, problem: SetProblem::Unfit(problem) });
        }
        problems.push(it);
    }
    Ok(Problems { problems, sha256: set.sha256 })
}

/// The part of a text before the first stop sequence.
#[must_use]
pub fn cut<'t>(text: &'t str, stop: &[&str]) -> &'t str {
    let end = stop.iter().filter_map(|stop| text.find(stop)).min();
    &text[..end.unwrap_or(text.len())]
}

/// The program that is judged.
#[must_use]
pub fn program(problem: &Problem, completion: &str, test: &str) -> String {
    format!("{}{completion}\n{test}\ncheck({})\n", problem.prompt, problem.entry_point)
}

/// What became of one completion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sample {
    /// The problem.
    pub task_id: String,
    /// What the model wrote.
    pub completion: String,
    /// Whether the base tests passed.
    pub passed: bool,
    /// What became of them.
    pub result: String,
    /// Whether base and further tests passed, where there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plus_passed: Option<bool>,
    /// What became of the further tests, where they were run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plus_result: Option<String>,
}

impl Sample {
    /// Whether it counts as passed.
    #[must_use]
    pub fn counts(&self, plus: bool) -> bool {
        if plus { self.plus_passed == Some(true) } else { self.passed }
    }
}

/// Runs completions.
pub struct Judge {
    python: Python,
    sandbox: Sandbox,
}

fn word(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Passed => "passed".into(),
        Verdict::Failed(why) => format!("failed: {why}"),
        Verdict::TimedOut => "timed out".into(),
        Verdict::TooMuchOutput => "wrote too much".into(),
        Verdict::Killed(signal) => format!("killed by signal {signal}"),
        other => format!("{other:?}"),
    }
}

impl Judge {
    /// Finds the interpreter and makes the sandbox; an interpreter of another place than PATH may be given.
    ///
    /// # Errors
    /// When either is not to be had.
    pub fn new(python: Option<&Path>) -> Result<Judge, JudgeError> {
        let python = Python::find(python)?;
        let sandbox = Sandbox::new(&python.view, Limits::default(), Isolation::Any)?;
        Ok(Judge { python, sandbox })
    }

    /// Which interpreter runs, as it says itself.
    #[must_use]
    pub fn python_version(&self) -> &str {
        &self.python.version
    }

    fn passes(&self, program: &str, cancelled: &dyn Fn() -> bool) -> Result<Verdict, JudgeError> {
        match self.python.judge(&self.sandbox, program, cancelled)?.verdict {
            Verdict::Cancelled => Err(JudgeError::Cancelled),
            verdict => Ok(verdict),
        }
    }

    /// Judges one completion by the base tests and, where the problem has them and `plus` asks for them, by the further ones.
    ///
    /// # Errors
    /// When the sandbox fails, which says nothing of the completion, or the caller wanted to stop.
    pub fn judge(
        &self,
        problem: &Problem,
        completion: &str,
        plus: bool,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Sample, JudgeError> {
        let base = self.passes(&program(problem, completion, &problem.test), cancelled)?;
        let passed = base == Verdict::Passed;
        let further = match &problem.plus_test {
            Some(test) if plus && passed => Some(self.passes(&program(problem, completion, test), cancelled)?),
            _ => None,
        };
        let asked = plus && problem.plus_test.is_some();
        Ok(Sample {
            task_id: problem.task_id.clone(),
            completion: completion.to_owned(),
            passed,
            result: word(&base),
            plus_passed: asked.then_some(further == Some(Verdict::Passed)),
            plus_result: further.as_ref().map(word),
        })
    }

    /// Runs every problem's own solution: one that fails makes the set useless on this machine.
    ///
    /// # Errors
    /// [`JudgeError::Canonical`] with the first problem whose solution fails.
    pub fn check(&self, problems: &[Problem], plus: bool, cancelled: &dyn Fn() -> bool) -> Result<(), JudgeError> {
        for problem in problems {
            let sample = self.judge(problem, &problem.canonical_solution, plus, cancelled)?;
            let failed = match &sample {
                Sample { passed: false, result, .. } => Some(("base", result.clone())),
                Sample { plus_passed: Some(false), plus_result, .. } => {
                    Some(("further", plus_result.clone().unwrap_or_default()))
                }
                _ => None,
            };
            if let Some((which, verdict)) = failed {
                return Err(JudgeError::Canonical { task_id: problem.task_id.clone(), which, verdict });
            }
        }
        Ok(())
    }
}
