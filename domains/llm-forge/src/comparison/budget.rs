//! How many experts stay, and which.

use std::collections::BTreeMap;

use crate::families::{ExpertGeometry, Groups};
use crate::prune::{Scores, SelectError, Selection, Strategy};

/// How a budget is spread over the layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allocation {
    /// Every layer keeps as many.
    Uniform,
    /// As many in all, each spent where it captures most; see [`choose`].
    Adaptive,
}

/// Why experts cannot be chosen.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BudgetError {
    /// The selection within the layers was refused.
    #[error(transparent)]
    Select(#[from] SelectError),
    /// Chance gives no layer a larger share than another.
    #[error("an adaptive budget follows importance, which `random` does not have\nhint: give `random` uniform budgets")]
    AdaptiveRandom,
    /// Grouped routing needs as many experts in every group of every layer.
    #[error("an adaptive budget is not possible with grouped routing: every layer's {groups} groups must keep equal counts")]
    AdaptiveGroups {
        /// Groups of a layer.
        groups: usize,
    },
}

/// How many of a layer's experts a share of them is: rounded to the nearest whole number, halves up, with grouped routing to the
/// nearest multiple of the number of groups, and never below what routing needs.
///
/// The share is read as the decimal it is written as: 0.145 of 100 experts are 14.5, so 15, though the nearest double lies below.
#[must_use]
pub fn keep_for_ratio(experts: usize, top_k: usize, groups: Groups, ratio: f64) -> usize {
    let step = groups.count.max(1);
    let steps = (ratio * experts as f64 / step as f64 + 0.5 + 1e-9).floor().max(0.0) as usize;
    (steps * step).max(least(top_k, groups))
}

/// Fewest experts a layer can keep.
fn least(top_k: usize, groups: Groups) -> usize {
    top_k.div_ceil(groups.used.max(1)).max(groups.scored_by) * groups.count.max(1)
}

/// Chooses the experts that stay, per layer ascending. A uniform budget keeps the `keep` best of every layer.
///
/// # Method
/// An adaptive budget keeps as many in all, `keep` times the number of layers. Every layer starts with its `top_k` best; then, one at a
/// time, the expert with the largest share of its layer's summed scores is added, among each layer's next best, ties to the lower layer.
/// Shares fall along each layer's order, so no other split of the total captures a larger sum of shares.
///
/// # Errors
/// As [`Selection::rank`]; an adaptive budget is refused for random scores and for grouped routing.
pub fn choose(
    experts: &ExpertGeometry,
    strategy: Strategy,
    scores: &Scores,
    keep: usize,
    allocation: Allocation,
) -> Result<BTreeMap<usize, Vec<usize>>, BudgetError> {
    let uniform = Selection::rank(experts, strategy, scores, keep)?;
    match allocation {
        Allocation::Uniform => Ok(uniform.layers().clone()),
        Allocation::Adaptive if strategy == Strategy::Random => Err(BudgetError::AdaptiveRandom),
        Allocation::Adaptive if experts.groups.count > 1 => Err(BudgetError::AdaptiveGroups { groups: experts.groups.count }),
        Allocation::Adaptive => Ok(adaptive(&values(scores), experts.top_k, keep)),
    }
}

/// Scores as numbers, whatever they were.
pub(crate) fn values(scores: &Scores) -> BTreeMap<usize, Vec<f64>> {
    match scores {
        Scores::Counts(layers) => {
            layers.iter().map(|(layer, counts)| (*layer, counts.iter().map(|count| *count as f64).collect())).collect()
        }
        Scores::Values(layers) => layers.clone(),
    }
}

/// One layer while a budget is spent on it.
struct Layer {
    /// Experts, the best first.
    order: Vec<usize>,
    /// Their shares of the layer, in that order.
    shares: Vec<f64>,
    kept: usize,
}

fn adaptive(scores: &BTreeMap<usize, Vec<f64>>, least: usize, keep: usize) -> BTreeMap<usize, Vec<usize>> {
    let mut layers: BTreeMap<usize, Layer> = scores
        .iter()
        .map(|(layer, scores)| {
            let mut order: Vec<usize> = (0..scores.len()).collect();
            order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]).then(a.cmp(b)));
            let all: f64 = scores.iter().sum();
            let shares = order.iter().map(|expert| if all > 0.0 { scores[*expert] / all } else { 0.0 }).collect();
            (*layer, Layer { order, shares, kept: least })
        })
        .collect();
    for _ in 0..keep.saturating_sub(least) * layers.len() {
        let open = layers.values_mut().filter(|layer| layer.kept < layer.order.len());
        // The first of equals stays: `max_by` would take the last.
        let next = open.reduce(|best, layer| if layer.shares[layer.kept] > best.shares[best.kept] { layer } else { best });
        if let Some(layer) = next {
            layer.kept += 1;
        }
    }
    let kept = |layer: Layer| {
        let mut kept = layer.order[..layer.kept].to_vec();
        kept.sort_unstable();
        kept
    };
    layers.into_iter().map(|(index, layer)| (index, kept(layer))).collect()
}

/// The share of kept experts two choices have in common, over all layers; of choices of equal size it is symmetric.
#[must_use]
pub fn overlap(one: &BTreeMap<usize, Vec<usize>>, other: &BTreeMap<usize, Vec<usize>>) -> f64 {
    let all: usize = one.values().map(Vec::len).sum();
    let common = |(layer, kept): (&usize, &Vec<usize>)| {
        other.get(layer).map_or(0, |others| kept.iter().filter(|expert| others.binary_search(expert).is_ok()).count())
    };
    one.iter().map(common).sum::<usize>() as f64 / all.max(1) as f64
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn geometry(layers: usize, experts: usize, top_k: usize) -> ExpertGeometry {
        ExpertGeometry {
            layers,
            hidden: 4,
            experts,
            top_k,
            sparse: vec![true; layers],
            next_token_layers: 0,
            groups: Groups::default(),
        }
    }

    #[test]
    fn a_share_is_rounded_halves_up_and_never_below_what_routing_needs() {
        let of = |experts, top_k, ratio| keep_for_ratio(experts, top_k, Groups::default(), ratio);
        assert_eq!([0.5, 0.75, 0.53, 0.53125, 0.0, 1.0].map(|ratio| of(16, 2, ratio)), [8, 12, 8, 9, 2, 16]);
        assert_eq!(of(100, 2, 0.145), 15, "14.5, though the double lies below");
        assert_eq!(of(128, 8, 0.625), 80);
        let groups = Groups { count: 8, used: 3, scored_by: 2 };
        assert_eq!([0.5, 0.55, 0.6, 0.05].map(|ratio| keep_for_ratio(64, 6, groups, ratio)), [32, 32, 40, 16]);
    }

    #[test]
    fn an_adaptive_budget_goes_where_it_captures_most() {
        // Layer 0 spreads its use evenly, layer 1 lives off two experts: of six experts in all, four go to layer 0.
        let scores = Scores::Counts([(0, vec![25, 25, 25, 25]), (1, vec![1, 60, 38, 1])].into());
        let experts = geometry(2, 4, 1);
        let chosen = choose(&experts, Strategy::ActivationCount, &scores, 3, Allocation::Adaptive).unwrap();
        assert_eq!(chosen, [(0, vec![0, 1, 2, 3]), (1, vec![1, 2])].into());
        let uniform = choose(&experts, Strategy::ActivationCount, &scores, 3, Allocation::Uniform).unwrap();
        assert_eq!(uniform, [(0, vec![0, 1, 2]), (1, vec![0, 1, 2])].into());
        assert!((overlap(&chosen, &uniform) - 5.0 / 6.0).abs() < 1e-12);
    }

    /// Every split of the total is tried: none captures more.
    #[test]
    fn no_other_split_captures_more() {
        let scores: BTreeMap<usize, Vec<f64>> =
            [(0, vec![9.0, 1.0, 5.0, 2.0]), (1, vec![3.0, 3.0, 3.0, 2.0]), (2, vec![0.0, 8.0, 1.0, 0.5])].into();
        let share = |layer: usize, kept: usize| {
            let mut sorted = scores[&layer].clone();
            sorted.sort_by(|a, b| b.total_cmp(a));
            sorted[..kept].iter().sum::<f64>() / sorted.iter().sum::<f64>()
        };
        let chosen = adaptive(&scores, 1, 2);
        assert_eq!(chosen.values().map(Vec::len).sum::<usize>(), 6);
        let captured: f64 = chosen.iter().map(|(layer, kept)| share(*layer, kept.len())).sum();
        let splits =
            (1..=4).flat_map(|a| (1..=4).map(move |b| (a, b))).filter(|(a, b)| (1..=4).contains(&(6 - *a as i32 - *b as i32)));
        for (a, b) in splits {
            assert!(share(0, a) + share(1, b) + share(2, 6 - a - b) <= captured + 1e-12, "{a} {b}: {chosen:?}");
        }
    }

    #[test]
    fn adaptive_budgets_that_mean_nothing_are_refused() {
        let scores = Scores::Counts([(0, vec![4, 3, 2, 1])].into());
        let refused =
            |experts: &ExpertGeometry, strategy| choose(experts, strategy, &scores, 2, Allocation::Adaptive).unwrap_err();
        assert_eq!(refused(&geometry(1, 4, 1), Strategy::Random), BudgetError::AdaptiveRandom);
        let mut grouped = geometry(1, 4, 1);
        grouped.groups = Groups { count: 2, used: 1, scored_by: 1 };
        assert_eq!(refused(&grouped, Strategy::ActivationCount), BudgetError::AdaptiveGroups { groups: 2 });
    }
}
