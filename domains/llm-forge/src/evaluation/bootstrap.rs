//! How sure a difference between two models is: the paired bootstrap.
//!
//! Both models are measured on the same examples, so what is resampled is examples, each with what both made of it. The estimate is a
//! ratio of sums, `Σ difference / Σ weight`: with weights of one it is a mean of differences (scores), with predicted tokens as weights a
//! difference of mean log-likelihoods (perplexities).
//!
//! # Method
//! `resamples` times, as many examples as there are are drawn with replacement and the estimate is taken of them; the interval is between
//! the percentiles `(1 ± confidence) / 2` of these, interpolated linearly between neighbours. Draws come from SplitMix64 seeded with `seed`
//! by multiplication with rejection, so that every example is equally likely. Sums run in the order of the draws.
//!
//! # Determinism
//! Equal bits on every machine: additions, one division and comparisons only.
//!
//! # Source
//! Efron and Tibshirani, *An Introduction to the Bootstrap* (1993), chapter 13, the percentile interval; it is what
//! `scipy.stats.bootstrap(…, method="percentile")` computes with other random numbers.

use serde::Serialize;

use crate::prune::random::SplitMix64;

/// What two models made of one example.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// The forged model's figure less the base's.
    pub difference: f64,
    /// What the example counts; above zero.
    pub weight: f64,
}

/// How an interval is made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// How often examples are drawn.
    pub resamples: usize,
    /// Share of the resamples inside the interval, 0 to 1.
    pub confidence: f64,
    /// Where the random numbers start.
    pub seed: u64,
}

impl Default for Settings {
    /// 10,000 resamples, 95 %, seed 0.
    fn default() -> Self {
        Self { resamples: 10_000, confidence: 0.95, seed: 0 }
    }
}

/// A difference with its interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// The difference over all examples.
    pub estimate: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Examples.
    pub n: usize,
}

/// The interval of the difference over `pairs`; `None` without examples, without resamples, or when anything is not finite.
#[must_use]
pub fn paired(pairs: &[Pair], settings: Settings) -> Option<Interval> {
    if pairs.is_empty() || settings.resamples == 0 || !(0.0..=1.0).contains(&settings.confidence) {
        return None;
    }
    let ratio = |drawn: &mut dyn Iterator<Item = &Pair>| {
        let (mut difference, mut weight) = (0.0, 0.0);
        for pair in drawn {
            difference += pair.difference;
            weight += pair.weight;
        }
        difference / weight
    };
    let estimate = ratio(&mut pairs.iter());
    let mut random = SplitMix64(settings.seed);
    let count = pairs.len() as u64;
    let mut resampled: Vec<f64> =
        (0..settings.resamples).map(|_| ratio(&mut (0..count).map(|_| &pairs[below(&mut random, count) as usize]))).collect();
    resampled.sort_unstable_by(f64::total_cmp);
    let tail = (1.0 - settings.confidence) / 2.0;
    let interval =
        Interval { estimate, low: percentile(&resampled, tail), high: percentile(&resampled, 1.0 - tail), n: pairs.len() };
    let finite = pairs.iter().all(|pair| pair.difference.is_finite() && pair.weight.is_finite() && pair.weight > 0.0);
    finite.then_some(interval)
}

/// A number below `bound`, each equally likely.
///
/// # Source
/// Lemire, "Fast random integer generation in an interval" (2019).
fn below(random: &mut SplitMix64, bound: u64) -> u64 {
    let threshold = bound.wrapping_neg() % bound;
    loop {
        let product = u128::from(random.next()) * u128::from(bound);
        if product as u64 >= threshold {
            return (product >> 64) as u64;
        }
    }
}

/// The value below which a share of the sorted values lies, interpolated between neighbours.
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    let part = place - place.floor();
    sorted[below] + part * (sorted[above] - sorted[below])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `scipy.stats.bootstrap((d, w), lambda d, w, axis=-1: d.sum(axis) / w.sum(axis), paired=True, method="percentile",
    /// n_resamples=200_000)` of scipy 1.17.1 on the same pairs; the tolerance is what two seeds of it differ by.
    #[test]
    fn intervals_are_scipys_up_to_the_random_numbers() {
        let pairs: Vec<Pair> = (0..164)
            .map(|n: u32| Pair { difference: f64::from((n * 7919) % 11) / 10.0 - 0.6, weight: f64::from(1 + (n * 31) % 5) })
            .collect();
        let got = paired(&pairs, Settings { resamples: 50_000, ..Settings::default() }).unwrap();
        let scipy = [-0.032_653_061_224_489_79, -0.049_281, -0.016_475];
        assert!((got.estimate - scipy[0]).abs() < 1e-12, "{got:?}");
        assert!((got.low - scipy[1]).abs() < 2e-4 && (got.high - scipy[2]).abs() < 2e-4, "{got:?}");
    }

    #[test]
    fn a_seed_gives_equal_bits_and_another_does_not() {
        let pairs: Vec<Pair> = (0..50).map(|n| Pair { difference: f64::from(n % 3) - 1.0, weight: 1.0 }).collect();
        let of = |seed| paired(&pairs, Settings { resamples: 2000, seed, ..Settings::default() }).unwrap();
        assert_eq!(of(1), of(1));
        let (one, two) = (of(1), of(2));
        assert!(one.low < one.estimate && one.estimate < one.high && one.n == 50);
        assert!((one.low - two.low).abs() < 0.05);
    }

    #[test]
    fn nothing_is_made_up() {
        let pair = Pair { difference: 1.0, weight: 1.0 };
        assert_eq!(paired(&[], Settings::default()), None);
        assert_eq!(paired(&[pair], Settings { resamples: 0, ..Settings::default() }), None);
        assert_eq!(paired(&[pair, Pair { difference: f64::NAN, ..pair }], Settings::default()), None);
        assert_eq!(paired(&[Pair { weight: 0.0, ..pair }], Settings::default()), None);
        let same = paired(&[pair; 10], Settings::default()).unwrap();
        assert_eq!((same.estimate, same.low, same.high), (1.0, 1.0, 1.0));
    }

    #[test]
    fn every_number_is_equally_likely() {
        let mut random = SplitMix64(7);
        let mut counts = [0u32; 6];
        (0..60_000).for_each(|_| counts[below(&mut random, 6) as usize] += 1);
        assert!(counts.iter().all(|count| (9_600..10_400).contains(count)), "{counts:?}");
    }
}
