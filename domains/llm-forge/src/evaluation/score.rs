//! Scores: fractions with the counts they come from.

use serde::Serialize;
use serde_json::{Map, Value};

/// What a number of a metric may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// 0 to 1.
    Fraction,
    /// 0 to 100, in percent.
    Percent,
    /// Zero and above, in the metric's own unit.
    Unbounded,
}

/// A number outside its metric's scale. It is never made to fit: 0.9 % read as 90 % would be a score nobody measured.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("{value} is no value of a metric whose scale is {}", match scale {
    Scale::Fraction => "0 to 1",
    Scale::Percent => "0 to 100",
    Scale::Unbounded => "zero and above",
})]
pub struct OutOfRange {
    /// The number.
    pub value: f64,
    /// The scale it should be in.
    pub scale: Scale,
}

impl Scale {
    /// Brings a number of this scale to 0 to 1; an unbounded one stays as it is.
    ///
    /// # Errors
    /// When it is not a number of this scale.
    pub fn normalise(self, value: f64) -> Result<f64, OutOfRange> {
        let highest = match self {
            Scale::Fraction => 1.0,
            Scale::Percent => 100.0,
            Scale::Unbounded => f64::INFINITY,
        };
        if !value.is_finite() || value < 0.0 || value > highest {
            return Err(OutOfRange { value, scale: self });
        }
        Ok(if self == Scale::Percent { value / 100.0 } else { value })
    }
}

/// What a benchmark says of a model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScoreResult {
    /// The runner's name.
    pub benchmark_name: String,
    /// The score, 0 to 1.
    pub pass_at_1: f64,
    /// Problems solved, where problems are counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passed: Option<u64>,
    /// Problems there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// What the score is.
    pub metric: String,
    /// The task, its metric's key, the score before normalisation, the data set's hash.
    pub extras: Map<String, Value>,
    /// Where the answers are, problem by problem.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub samples_path: Option<String>,
}

impl ScoreResult {
    /// A score from counts.
    #[must_use]
    pub fn counted(benchmark: &str, metric: &str, passed: u64, total: u64) -> ScoreResult {
        ScoreResult {
            benchmark_name: benchmark.into(),
            pass_at_1: passed as f64 / total as f64,
            passed: Some(passed),
            total: Some(total),
            metric: metric.into(),
            extras: Map::new(),
            samples_path: None,
        }
    }

    /// The score as it is published: points of 100 with one decimal, from the counts where there are any.
    #[must_use]
    pub fn points(&self) -> f64 {
        match (self.passed, self.total) {
            (Some(passed), Some(total)) => points(passed, total),
            _ => (self.pass_at_1 * 1000.0).round() / 10.0,
        }
    }
}

/// `100 * passed / total` with one decimal, halves up, in whole numbers throughout.
#[must_use]
pub fn points(passed: u64, total: u64) -> f64 {
    let (passed, total) = (u128::from(passed), u128::from(total.max(1)));
    ((2000 * passed + total) / (2 * total)) as f64 / 10.0
}

/// The unbiased estimate of the probability that one of `k` samples passes, when `passed` of `samples` did; `None` unless `1 <= k <=
/// samples` and `passed <= samples`.
///
/// # Source
/// Chen et al., "Evaluating Large Language Models Trained on Code" (2021), section 2.1.
#[must_use]
pub fn pass_at_k(samples: u64, passed: u64, k: u64) -> Option<f64> {
    if k == 0 || k > samples || passed > samples {
        return None;
    }
    let failed = samples - passed;
    if failed < k {
        return Some(1.0);
    }
    let missed: f64 = (failed + 1..=samples).map(|drawn| 1.0 - k as f64 / drawn as f64).product();
    Some(1.0 - missed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_the_published_ones() {
        // Counts of 164 and the scores published for them.
        for (passed, score) in [(67, 40.9), (60, 36.6), (59, 36.0), (52, 31.7), (151, 92.1), (145, 88.4), (140, 85.4), (46, 28.0)]
        {
            assert!((points(passed, 164) - score).abs() < 1e-12, "{passed}");
        }
        assert!((points(1, 2000) - 0.1).abs() < 1e-12, "halves go up");
    }

    #[test]
    fn nothing_out_of_range_is_made_to_fit() {
        assert_eq!(Scale::Percent.normalise(0.9), Ok(0.9 / 100.0));
        for (scale, value) in [
            (Scale::Fraction, 1.5),
            (Scale::Fraction, 90.0),
            (Scale::Percent, 100.1),
            (Scale::Unbounded, -1.0),
            (Scale::Fraction, f64::NAN),
        ] {
            assert!(scale.normalise(value).is_err(), "{scale:?} {value}");
        }
    }

    #[test]
    fn pass_at_k_is_counting() {
        // Every pair of ten samples of which three pass: 45 pairs, 21 without one that passes.
        assert!((pass_at_k(10, 3, 2).unwrap() - 24.0 / 45.0).abs() < 1e-12);
        assert_eq!(pass_at_k(1, 1, 1), Some(1.0));
        assert!((pass_at_k(164, 67, 1).unwrap() - 67.0 / 164.0).abs() < 1e-12);
        assert_eq!((pass_at_k(5, 0, 5), pass_at_k(5, 1, 5)), (Some(0.0), Some(1.0)));
        assert_eq!((pass_at_k(5, 1, 0), pass_at_k(5, 1, 6), pass_at_k(5, 6, 1)), (None, None, None));
    }
}
