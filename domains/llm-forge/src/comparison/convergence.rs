//! How soon a calibration corpus says what it has to say.

use crate::profile::Growth;

/// How far the counts of the first tokens agree with those of all.
#[derive(Clone, Debug, PartialEq)]
pub struct Convergence {
    /// After ever more tokens; the last one is all of them.
    pub points: Vec<ConvergencePoint>,
}

/// After so many tokens.
#[derive(Clone, Debug, PartialEq)]
pub struct ConvergencePoint {
    /// Tokens seen.
    pub tokens: u64,
    /// Mean over the layers of the rank correlation of counts with the final ones; `None` where no layer has one.
    pub rank_correlation: Option<f64>,
    /// For each number of experts asked for: the mean share of the finally kept experts that would be kept already.
    pub overlap: Vec<f64>,
}

/// Holds every snapshot against the last, for each number of kept experts in `keeps`.
#[must_use]
pub fn converge(growth: &Growth, keeps: &[usize]) -> Convergence {
    let layers = growth.counts.len().max(1) as f64;
    let point = |(index, tokens): (usize, &u64)| {
        let pairs = || growth.counts.values().filter_map(|counts| Some((counts.get(index)?, counts.last()?)));
        let correlations: Vec<f64> = pairs().filter_map(|(now, last)| rank_correlation(now, last)).collect();
        let mean = correlations.iter().sum::<f64>() / correlations.len() as f64;
        let overlap = |keep: &usize| {
            let common = |(now, last): (&Vec<u64>, &Vec<u64>)| {
                let (now, last) = (best(now, *keep), best(last, *keep));
                now.iter().filter(|expert| last.contains(expert)).count() as f64 / last.len().max(1) as f64
            };
            pairs().map(common).sum::<f64>() / layers
        };
        ConvergencePoint {
            tokens: *tokens,
            rank_correlation: (!correlations.is_empty()).then_some(mean),
            overlap: keeps.iter().map(overlap).collect(),
        }
    };
    Convergence { points: growth.tokens.iter().enumerate().map(point).collect() }
}

/// Spearman's rank correlation, equal counts sharing the mean of their ranks; `None` when one side does not vary.
#[must_use]
pub fn rank_correlation(one: &[u64], other: &[u64]) -> Option<f64> {
    let (one, other) = (ranks(one), ranks(other));
    let mean = (one.len() as f64 - 1.0) / 2.0;
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>();
    let scale = libm::sqrt(product(&one, &one) * product(&other, &other));
    (one.len() == other.len() && scale > 0.0).then(|| product(&one, &other) / scale)
}

fn ranks(counts: &[u64]) -> Vec<f64> {
    let rank = |count: &u64| {
        let below = counts.iter().filter(|other| *other < count).count();
        let equal = counts.iter().filter(|other| *other == count).count();
        below as f64 + (equal as f64 - 1.0) / 2.0
    };
    counts.iter().map(rank).collect()
}

/// The `keep` largest, ties to the lower index.
fn best(counts: &[u64], keep: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..counts.len()).collect();
    order.sort_by(|a, b| counts[*b].cmp(&counts[*a]).then(a.cmp(b)));
    order.truncate(keep);
    order
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Worked out by hand: ranks 0, 1.5, 1.5, 3 against 3, 2, 1, 0 give -4.5 / sqrt(4.5 * 5).
    #[test]
    fn the_correlation_is_spearmans() {
        assert!((rank_correlation(&[1, 5, 5, 9], &[40, 30, 20, 10]).unwrap() + 4.5 / 22.5f64.sqrt()).abs() < 1e-12);
        assert!((rank_correlation(&[1, 2, 3], &[10, 20, 30]).unwrap() - 1.0).abs() < 1e-12);
        assert_eq!(rank_correlation(&[7, 7, 7], &[1, 2, 3]), None);
        assert_eq!(rank_correlation(&[1, 2], &[1, 2, 3]), None);
    }

    #[test]
    fn the_last_snapshot_agrees_with_itself() {
        let counts = [(0, vec![vec![2, 0, 1, 1], vec![2, 9, 1, 4]])].into();
        let found = converge(&Growth { tokens: vec![2, 8], counts }, &[1, 2]);
        assert_eq!(found.points[0].overlap, [0.0, 0.0], "experts 0 and 2 first, 1 and 3 in the end");
        assert_eq!(found.points[1].overlap, [1.0, 1.0]);
        assert!((found.points[1].rank_correlation.unwrap() - 1.0).abs() < 1e-12);
    }
}
