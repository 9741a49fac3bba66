//! The corpora of one seed, kept apart from each other and from what the model was trained on.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::corpora::{CALIBRATION_SEED, Domain, EVALUATION_SEED, corpus, sha256};

/// The record of the run that trained the model.
const TRAINING: &str = "recipes/tiny-moe/training.json";

/// Calibration and evaluation corpus of one text.
pub struct Corpora {
    /// The text.
    pub domain: Domain,
    /// JSON lines that experts are measured on.
    pub calibration: String,
    /// JSON lines that models are evaluated on.
    pub evaluation: String,
}

/// Makes the corpora of `seed`, `examples` in each.
pub fn of_seed(seed: u64, examples: u64) -> Vec<Corpora> {
    let make = |domain| Corpora {
        domain,
        calibration: corpus(domain, CALIBRATION_SEED + seed, examples),
        evaluation: corpus(domain, EVALUATION_SEED + seed, examples),
    };
    Domain::ALL.map(make).into()
}

/// What the model was trained on, made again.
pub struct Training(Vec<(Domain, String)>);

impl Training {
    /// Makes the training corpora that the record names and holds them to the recorded hashes.
    ///
    /// # Errors
    /// When the record cannot be read or lacks a field, or a corpus made today is not the recorded one.
    pub fn again(root: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(root.join(TRAINING)).map_err(|e| format!("claim: cannot read `{TRAINING}`: {e}"))?;
        let record: Value = serde_json::from_str(&text).map_err(|e| format!("claim: `{TRAINING}` is not JSON: {e}"))?;
        let number = |field: &str| {
            let value = &record["corpora"][field];
            value.as_u64().ok_or_else(|| format!("claim: `{TRAINING}`: expected a number at `corpora.{field}`, got {value}"))
        };
        let (seed, examples) = (number("seed")?, number("examples")?);
        let made = Domain::ALL.map(|domain| {
            let made = corpus(domain, seed, examples);
            let (got, expected) = (sha256(&made), &record["corpora"]["sha256"][domain.name()]);
            if expected.as_str() == Some(&got) {
                return Ok((domain, made));
            }
            let name = domain.name();
            Err(format!("claim: the training corpus `{name}` made today hashes to {got}, `{TRAINING}` has {expected}"))
        });
        made.into_iter().collect::<Result<_, _>>().map(Self)
    }

    /// Checks that no example stands in two of calibration, evaluation and training.
    ///
    /// # Errors
    /// Names the two corpora and an example they share.
    pub fn check_apart(&self, corpora: &Corpora) -> Result<(), String> {
        let training = self.0.iter().find(|(domain, _)| *domain == corpora.domain).map(|(_, text)| text.as_str());
        let uses = [
            ("calibration", corpora.calibration.as_str()),
            ("evaluation", corpora.evaluation.as_str()),
            ("training", training.expect("training corpora of every text were made")),
        ];
        for (at, (name, text)) in uses.iter().enumerate() {
            let lines: BTreeSet<&str> = text.lines().collect();
            for (other, other_text) in &uses[..at] {
                if let Some(shared) = other_text.lines().find(|line| lines.contains(line)) {
                    return Err(format!("claim: {}: {other} and {name} share the example {shared}", corpora.domain.name()));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn apart(calibration: &str, evaluation: &str, training: &str) -> Result<(), String> {
        let corpora = Corpora { domain: Domain::Prose, calibration: calibration.into(), evaluation: evaluation.into() };
        Training(vec![(Domain::Code, "c\n".into()), (Domain::Prose, training.into())]).check_apart(&corpora)
    }

    #[test]
    fn a_shared_example_is_found_with_both_corpora() {
        assert_eq!(apart("a\nb\n", "c\nd\n", "e\n"), Ok(()));
        for (calibration, evaluation, training, said) in [
            ("a\nx\n", "x\nb\n", "c\n", "prose: calibration and evaluation share the example x"),
            ("a\nx\n", "b\n", "c\nx\n", "prose: calibration and training share the example x"),
            ("a\n", "b\nx\n", "x\n", "prose: evaluation and training share the example x"),
        ] {
            assert_eq!(apart(calibration, evaluation, training).unwrap_err(), format!("claim: {said}"));
        }
    }

    #[test]
    fn seeds_and_uses_give_different_corpora() {
        let texts: Vec<String> = (0..3).flat_map(|seed| of_seed(seed, 2)).flat_map(|c| [c.calibration, c.evaluation]).collect();
        assert_eq!(texts.iter().collect::<BTreeSet<_>>().len(), 3 * 3 * 2);
    }
}
