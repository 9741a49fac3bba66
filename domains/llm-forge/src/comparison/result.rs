//! What a comparison measured.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::evaluation::bootstrap::{Interval, Pair, Settings, paired};
use crate::perplexity::Perplexity;

/// One choice of experts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Choice {
    /// The criterion's name.
    pub criterion: String,
    /// The budget's name.
    pub budget: String,
    /// The seed, where chance chose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// The kept experts by layer, ascending.
    pub kept: BTreeMap<usize, Vec<usize>>,
}

/// What one choice cost on one corpus, or the mean over several seeds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Figure {
    /// `exp` of the mean negative log-likelihood per predicted token.
    pub perplexity: f64,
    /// How much the mean negative log-likelihood, in nats per predicted token, lies above the base's.
    pub excess: Interval,
}

/// What was measured of each example: summed negative log-likelihood and predicted tokens.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured(Vec<(f64, u64)>);

impl Measured {
    /// Takes what a perplexity was made of.
    #[must_use]
    pub fn of(perplexity: &Perplexity) -> Self {
        Self(perplexity.samples.iter().map(|sample| (sample.nll, sample.predicted)).collect())
    }

    /// Holds the choice against the base, example by example.
    ///
    /// `None` when the two were not measured on the same examples, or a figure is not finite.
    #[must_use]
    pub fn against(&self, base: &Self, settings: Settings) -> Option<Figure> {
        let same = self.0.len() == base.0.len() && self.0.iter().zip(&base.0).all(|(one, other)| one.1 == other.1);
        let pair = |((nll, predicted), (of_base, _)): (&(f64, u64), &(f64, u64))| Pair {
            difference: nll - of_base,
            weight: *predicted as f64,
        };
        let pairs: Vec<Pair> = self.0.iter().zip(&base.0).map(pair).collect();
        let excess = paired(&pairs, settings).filter(|_| same)?;
        let (nll, predicted) = self.0.iter().fold((0.0, 0), |(nll, all), (more, predicted)| (nll + more, all + predicted));
        Some(Figure { perplexity: libm::exp(nll / predicted as f64), excess })
    }
}

/// The mean of several measurements of the same examples: of their log-likelihoods, so geometric in perplexity.
///
/// `None` without a measurement, or when they are not of the same examples.
#[must_use]
pub fn mean_over(all: &[&Measured]) -> Option<Measured> {
    let first = all.first()?;
    let same = |other: &&Measured| other.0.len() == first.0.len() && other.0.iter().zip(&first.0).all(|(a, b)| a.1 == b.1);
    if !all.iter().all(same) {
        return None;
    }
    let example = |index: usize| {
        let sum: f64 = all.iter().map(|measured| measured.0[index].0).sum();
        (sum / all.len() as f64, first.0[index].1)
    };
    Some(Measured((0..first.0.len()).map(example).collect()))
}

/// A figure as tables show it: the excess with its interval.
#[must_use]
pub fn table_cell(figure: &Figure) -> String {
    let Interval { estimate, low, high, .. } = figure.excess;
    format!("{estimate:+.3} [{low:.3}, {high:.3}]")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn excess_is_per_token_and_perplexity_over_all_tokens() {
        let base = Measured(vec![(2.0, 2), (3.0, 6)]);
        let worse = Measured(vec![(3.0, 2), (6.0, 6)]);
        let figure = worse.against(&base, Settings::default()).unwrap();
        assert!((figure.excess.estimate - 0.5).abs() < 1e-12);
        assert!((figure.perplexity - libm::exp(9.0 / 8.0)).abs() < 1e-12);
        let own = base.against(&base, Settings::default()).unwrap().excess;
        assert!(own.estimate.abs() < 1e-12 && own.low.abs() < 1e-12 && own.high.abs() < 1e-12);
        assert_eq!(table_cell(&figure), "+0.500 [0.500, 0.500]");
    }

    #[test]
    fn what_was_not_measured_alike_is_not_compared() {
        let base = Measured(vec![(2.0, 2), (3.0, 6)]);
        assert!(Measured(vec![(2.0, 2)]).against(&base, Settings::default()).is_none());
        assert!(Measured(vec![(2.0, 2), (3.0, 5)]).against(&base, Settings::default()).is_none());
        assert_eq!(mean_over(&[]), None);
        assert_eq!(mean_over(&[&base, &Measured(vec![(1.0, 1)])]), None);
        assert_eq!(mean_over(&[&base, &Measured(vec![(4.0, 2), (1.0, 6)])]), Some(Measured(vec![(3.0, 2), (2.0, 6)])));
    }
}
