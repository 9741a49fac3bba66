//! Two experts chosen one after the other, each weighed against the logits near its own.

use crate::forward::kernels::{self, Isa};

/// Chooses two of the logits; ties go to the lower index. A weight is the softmax over the logits that are near the largest:
/// whose distance is at most twice `jitter`, relative to the larger of their magnitude and the largest.
///
/// # Source
/// Liu et al. 2024, arXiv 2409.12136; `sparsemixer` of `modeling_phimoe.py` of transformers, without its training half.
pub(super) fn choose(isa: Isa, logits: &[f32], jitter: f32, near: &mut Vec<f32>) -> [(u32, f32); 2] {
    let first = weighed(isa, logits, None, jitter, near);
    [first, weighed(isa, logits, Some(first.0), jitter, near)]
}

/// The largest logit but `without`, and its weight.
fn weighed(isa: Isa, logits: &[f32], without: Option<u32>, jitter: f32, near: &mut Vec<f32>) -> (u32, f32) {
    let left = || (0u32..).zip(logits).filter(move |(place, _)| Some(*place) != without);
    let (best, largest) =
        left().fold((0, f32::NEG_INFINITY), |best, (place, logit)| if *logit > best.1 { (place, *logit) } else { best });
    near.clear();
    let mut at = 0;
    for (place, logit) in left() {
        if place == best {
            at = near.len();
        }
        let far = (largest - logit) / logit.abs().max(largest) > 2.0 * jitter;
        near.push(if far { f32::NEG_INFINITY } else { *logit });
    }
    kernels::softmax(isa, near);
    (best, near[at])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods, reason = "held to within a tolerance")]
    use super::*;

    #[test]
    fn far_logits_take_no_part() {
        let [first, second] = choose(Isa::detect(), &[1.0, 4.0, 3.99, 3.0], 0.01, &mut Vec::new());
        assert_eq!((first.0, second.0), (1, 2));
        let expected = 1.0 / (1.0 + (-0.01f32).exp());
        assert!((first.1 - expected).abs() < 1e-6, "{first:?}");
        assert!((second.1 - 1.0).abs() < 1e-6, "{second:?}");
    }

    #[test]
    fn ties_go_to_the_lower_index() {
        let [first, second] = choose(Isa::detect(), &[2.0, 2.0, 2.0], 0.01, &mut Vec::new());
        assert_eq!((first.0, second.0), (0, 1));
        assert!((first.1 - 1.0 / 3.0).abs() < 1e-6 && (second.1 - 0.5).abs() < 1e-6);
    }
}
