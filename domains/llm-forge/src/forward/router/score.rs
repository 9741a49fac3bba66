//! From a token's router logits to the scores its experts are weighed by.

use crate::forward::kernels::{self, Isa};

/// Replaces logits by the logistic function of each.
pub(super) fn sigmoid(logits: &mut [f32]) {
    for logit in logits {
        *logit = 1.0 / (1.0 + kernels::exp(-*logit));
    }
}

/// Replaces the weights of the selected, which hold their logits, by their softmax.
pub(super) fn softmax_of_selected(isa: Isa, weights: &mut [f32]) {
    kernels::softmax(isa, weights);
}

/// Divides weights by their sum, which is taken to be at least `at_least`, and has `plus` added.
pub(super) fn normalise(weights: &mut [f32], at_least: f32, plus: f32) {
    let sum = weights.iter().sum::<f32>().max(at_least) + plus;
    for weight in weights {
        *weight /= sum;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::float_cmp, reason = "quotients of powers of two are exact")]
    use super::*;

    #[test]
    fn sigmoid_is_symmetric_about_a_half() {
        let mut scores = [0.0, 3.0, -3.0, 100.0, -100.0];
        sigmoid(&mut scores);
        assert_eq!(scores[0].to_bits(), 0.5f32.to_bits());
        assert!((scores[1] + scores[2] - 1.0).abs() < 1e-6 && (scores[1] - 0.952_574_1).abs() < 1e-6, "{scores:?}");
        assert!((scores[3] - 1.0).abs() < 1e-6 && scores[4] >= 0.0 && scores[4] < 1e-30, "{scores:?}");
    }

    #[test]
    fn a_sum_below_the_least_is_replaced_by_it() {
        let mut weights = [1.0, 3.0];
        normalise(&mut weights, 8.0, 0.0);
        assert_eq!(weights, [0.125, 0.375]);
        normalise(&mut weights, 0.0, 0.5);
        assert_eq!(weights, [0.125, 0.375]);
        normalise(&mut weights, 0.0, 0.0);
        assert_eq!(weights, [0.25, 0.75]);
    }
}
