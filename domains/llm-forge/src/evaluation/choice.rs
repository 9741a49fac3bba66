//! Multiple choice by likelihood: which continuation of a context a model finds likeliest.
//!
//! A set is JSON lines of `{"context": …, "choices": [ … ], "answer": index}`; `question` may stand for `context`. A space is put between
//! the context and a choice unless one of them brings it.
//!
//! # Source
//! lm-evaluation-harness 0.4.13, `MultipleChoiceTask.process_results`: the choice with the highest log-likelihood is the answer
//! (`acc`), with the highest per character (`acc_norm`), and per UTF-8 byte (`acc_bytes`); of equal ones the first. What belongs to the
//! context and what to the choice is told as its `_encode_pair` does.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::lines::{self, SetError, SetProblem};
use crate::tokenizer::{Tokenizer, TokenizerError};

/// A question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Its line, from one.
    pub line: u64,
    /// What stands before every choice.
    pub context: String,
    /// The continuations.
    pub choices: Vec<String>,
    /// The place of the right one.
    pub answer: usize,
}

/// A set of questions.
#[derive(Clone, Debug)]
pub struct Questions {
    /// The questions, in order.
    pub questions: Vec<Question>,
    /// SHA-256 of the file.
    pub sha256: String,
}

#[derive(Deserialize)]
struct Line {
    #[serde(alias = "question")]
    context: String,
    choices: Vec<String>,
    answer: usize,
}

/// Reads a set of questions.
///
/// # Errors
/// When the file cannot be read or a line is not a question with at least two choices, none empty, and an answer among them.
pub fn read(path: &Path) -> Result<Questions, SetError> {
    let set = lines::read::<Line>(path, "an object with `context` (or `question`), `choices` and `answer`")?;
    let question = |(line, it): (u64, Line)| {
        let problem = match &it {
            it if it.context.trim().is_empty() => Some("the context is empty".to_owned()),
            it if it.choices.len() < 2 => Some(format!("expected at least two choices, got {}", it.choices.len())),
            it if it.choices.iter().any(|choice| choice.trim().is_empty()) => Some("a choice is empty".to_owned()),
            it if it.answer >= it.choices.len() => {
                Some(format!("expected an answer below {}, got {}", it.choices.len(), it.answer))
            }
            _ => None,
        };
        match problem {
            Some(problem) => Err(SetError::Line { path: path.to_owned(), line, problem: SetProblem::Unfit(problem) }),
            None => Ok(Question { line, context: it.context, choices: it.choices, answer: it.answer }),
        }
    };
    Ok(Questions { questions: set.items.into_iter().map(question).collect::<Result<_, _>>()?, sha256: set.sha256 })
}

/// The tokens of a context with a choice after it, and how many of them are the context's.
///
/// Blanks at the end of the context belong to the choice. Where the first tokens of the whole are not the context's own, the choice still
/// starts after as many tokens as the context has alone.
///
/// # Errors
/// When a text cannot be encoded.
pub fn encode(tokenizer: &Tokenizer, context: &str, choice: &str) -> Result<(Vec<u32>, usize), TokenizerError> {
    let before = context.trim_end();
    let blanks = &context[before.len()..];
    let between = if blanks.is_empty() && !choice.starts_with(char::is_whitespace) { " " } else { "" };
    let whole = tokenizer.encode(&format!("{before}{blanks}{between}{choice}"))?;
    let start = tokenizer.encode(before)?.len();
    Ok((whole, start))
}

/// What a model made of one question.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Answered {
    /// The question's line.
    pub line: u64,
    /// Log-likelihood of every choice, in nats.
    pub log_likelihoods: Vec<f64>,
    /// The right choice.
    pub answer: usize,
    /// The likeliest, the likeliest per character, and the likeliest per byte.
    pub chosen: Chosen,
}

/// Places of choices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Chosen {
    /// By log-likelihood.
    pub acc: usize,
    /// By log-likelihood per character.
    pub acc_norm: usize,
    /// By log-likelihood per UTF-8 byte.
    pub acc_bytes: usize,
}

/// Scores a question from the log-likelihoods of its choices.
#[must_use]
pub fn score(question: &Question, log_likelihoods: Vec<f64>) -> Answered {
    let best = |length: &dyn Fn(&str) -> usize| {
        let mut best = (0, f64::NEG_INFINITY);
        for (place, (choice, likelihood)) in question.choices.iter().zip(&log_likelihoods).enumerate() {
            let value = likelihood / length(choice) as f64;
            if value > best.1 {
                best = (place, value);
            }
        }
        best.0
    };
    let chosen = Chosen { acc: best(&|_| 1), acc_norm: best(&|choice| choice.chars().count()), acc_bytes: best(&str::len) };
    Answered { line: question.line, log_likelihoods, answer: question.answer, chosen }
}

/// Questions answered rightly: by likelihood, per character, per byte.
#[must_use]
pub fn right(answered: &[Answered]) -> [u64; 3] {
    let count = |chosen: fn(&Chosen) -> usize| answered.iter().filter(|it| chosen(&it.chosen) == it.answer).count() as u64;
    [count(|chosen| chosen.acc), count(|chosen| chosen.acc_norm), count(|chosen| chosen.acc_bytes)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_characters_and_bytes() {
        let question =
            Question { line: 1, context: "q".into(), choices: vec!["ab".into(), "ééé".into(), "abcd".into()], answer: 1 };
        // Per character -1, -0.9, -0.95; per byte -1, -0.45, -0.95.
        let answered = score(&question, vec![-2.0, -2.7, -3.8]);
        assert_eq!(answered.chosen, Chosen { acc: 0, acc_norm: 1, acc_bytes: 1 });
        let answered = score(&question, vec![-2.0, -3.3, -3.8]);
        assert_eq!(answered.chosen, Chosen { acc: 0, acc_norm: 2, acc_bytes: 1 });
        assert_eq!(score(&question, vec![-2.0, -2.0, -2.0]).chosen.acc, 0, "of equal ones the first");
        assert_eq!(right(&[answered]), [0, 0, 1]);
    }

    #[test]
    fn lines_that_are_no_questions_are_refused_with_their_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("set.jsonl");
        let good = r#"{"question": "1 + 1 =", "choices": ["2", "3"], "answer": 0}"#;
        for (bad, word) in [
            (r#"{"context": "a", "choices": ["b"], "answer": 0}"#, "two choices"),
            (r#"{"context": "a", "choices": ["b", " "], "answer": 0}"#, "empty"),
            (r#"{"context": "a", "choices": ["b", "c"], "answer": 2}"#, "below 2"),
            (r#"{"context": "a", "choices": ["b", "c"]}"#, "`answer`"),
            ("[]", "object"),
        ] {
            std::fs::write(&path, format!("{good}\n\n{bad}\n")).unwrap();
            let error = read(&path).unwrap_err().to_string();
            assert!(error.contains("line 3") && error.contains(word), "{error}");
        }
        std::fs::write(&path, "\n").unwrap();
        assert!(matches!(read(&path), Err(SetError::Empty { .. })));
    }
}
