//! How far a model's predictions are from its base's, token by token.

use serde::Serialize;

/// What one example says of the distance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Sample {
    /// Line number in the corpus, from one.
    pub line: u64,
    /// Positions compared: each with a token after it.
    pub predicted: u64,
    /// Summed divergence, in nats.
    pub divergence: f64,
    /// Positions where both find the same token likeliest.
    pub same_top: u64,
}

/// The Kullback-Leibler divergence of `other` from `base`, `Σ p_base (ln p_base - ln p_other)`, in nats, from log-probabilities over the
/// same vocabulary, and whether the likeliest token is the same. Added in f64 in order of the vocabulary; rounding below zero is zero.
#[must_use]
pub fn of_token(base: &[f32], other: &[f32]) -> (f64, bool) {
    let mut sum = 0.0;
    let (mut top_base, mut top_other) = (0, 0);
    for (token, (p, q)) in base.iter().zip(other).enumerate() {
        sum += libm::exp(f64::from(*p)) * (f64::from(*p) - f64::from(*q));
        if *p > base[top_base] {
            top_base = token;
        }
        if *q > other[top_other] {
            top_other = token;
        }
    }
    (sum.max(0.0), top_base == top_other)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods, reason = "held to within a tolerance")]
    use super::*;

    #[test]
    fn the_divergence_is_the_textbooks() {
        let logs = |p: &[f64]| p.iter().map(|p| p.ln() as f32).collect::<Vec<f32>>();
        let (base, other) = (logs(&[0.5, 0.25, 0.25]), logs(&[0.25, 0.5, 0.25]));
        let (got, same) = of_token(&base, &other);
        // 0.5 ln 2 - 0.25 ln 2.
        assert!((got - 0.25 * std::f64::consts::LN_2).abs() < 1e-7 && !same, "{got}");
        assert_eq!(of_token(&base, &base), (0.0, true));
    }
}
