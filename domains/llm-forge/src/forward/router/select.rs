//! From a token's router logits to its experts and their weights.

use super::{score, sparse_mixer};
use crate::families::{Geometry, GroupScore, GroupedRouting, Scoring};
use crate::forward::kernels::{self, Isa};

/// Buffers of one token's selection.
#[derive(Debug, Default)]
pub(super) struct Selection {
    /// The experts that are left, ascending.
    left: Vec<u32>,
    /// Per expert left: what its weight is made of.
    scores: Vec<f32>,
    /// Per expert left: what it is chosen by.
    choice: Vec<f32>,
    /// Places in `left`, the largest choice first as far as they are asked for.
    ranks: Vec<u32>,
    groups: Vec<f32>,
}

impl Selection {
    /// Turns one token's logits into its experts and weights by the rule of the geometry.
    ///
    /// Dropped experts are closed up first, so that every sum is taken in the order that the model without them takes it in: the
    /// results are equal bit for bit.
    #[expect(clippy::too_many_arguments, reason = "one token's inputs and outputs, borrowed apart")]
    pub(super) fn choose(
        &mut self,
        isa: Isa,
        g: &Geometry,
        logits: &[f32],
        correction: &[f32],
        kept: Option<&[bool]>,
        experts: &mut [u32],
        weights: &mut [f32],
    ) {
        self.left.clear();
        self.left.extend((0..logits.len() as u32).filter(|expert| kept.is_none_or(|kept| kept[*expert as usize])));
        self.scores.clear();
        self.scores.extend(self.left.iter().map(|expert| logits[*expert as usize]));
        let rule = g.routing;
        match rule.scoring {
            Scoring::Softmax => kernels::softmax(isa, &mut self.scores),
            Scoring::Sigmoid => score::sigmoid(&mut self.scores),
            Scoring::SoftmaxOfSelected => {}
            Scoring::SparseMixer { jitter } => {
                let chosen = sparse_mixer::choose(isa, &self.scores, jitter, &mut self.choice);
                for ((expert, weight), (place, value)) in experts.iter_mut().zip(weights).zip(chosen) {
                    (*expert, *weight) = (self.left[place as usize], value);
                }
                return;
            }
        }
        self.choice.clear();
        self.choice.extend_from_slice(&self.scores);
        if !correction.is_empty() {
            for (choice, expert) in self.choice.iter_mut().zip(&self.left) {
                *choice += correction[*expert as usize];
            }
        }
        if let Some(groups) = rule.groups {
            self.limit_to_groups(groups, logits.len());
        }
        rank(&self.choice, experts.len(), &mut self.ranks);
        for ((expert, weight), place) in experts.iter_mut().zip(weights.iter_mut()).zip(&self.ranks) {
            *expert = self.left[*place as usize];
            *weight = self.scores[*place as usize];
        }
        if rule.scoring == Scoring::SoftmaxOfSelected {
            score::softmax_of_selected(isa, weights);
        }
        if g.norm_topk {
            score::normalise(weights, rule.sum_at_least, rule.sum_plus);
        }
        for weight in weights {
            *weight *= rule.scale;
        }
    }

    /// Makes the experts outside the token's best groups never chosen. Groups are of the experts there were before any was dropped.
    fn limit_to_groups(&mut self, rule: GroupedRouting, experts: usize) {
        let size = experts / rule.count;
        self.groups.clear();
        for group in 0..rule.count as u32 {
            let mut best = [f32::NEG_INFINITY; 2];
            for (expert, choice) in self.left.iter().zip(&self.choice) {
                if *expert / size as u32 != group {
                    continue;
                }
                if *choice > best[0] {
                    best = [*choice, best[0]];
                } else if *choice > best[1] {
                    best[1] = *choice;
                }
            }
            self.groups.push(match rule.score {
                GroupScore::Best => best[0],
                GroupScore::TwoBest => best[0] + best[1],
            });
        }
        rank(&self.groups, rule.used, &mut self.ranks);
        for (expert, choice) in self.left.iter().zip(&mut self.choice) {
            if !self.ranks.contains(&(*expert / size as u32)) {
                *choice = f32::NEG_INFINITY;
            }
        }
    }
}

/// The places of the `count` largest values, largest first, ties to the lower place.
fn rank(values: &[f32], count: usize, ranks: &mut Vec<u32>) {
    ranks.clear();
    ranks.extend(0..values.len() as u32);
    let order = |a: &u32, b: &u32| values[*b as usize].total_cmp(&values[*a as usize]).then(a.cmp(b));
    if ranks.len() > count {
        ranks.select_nth_unstable_by(count - 1, order);
        ranks.truncate(count);
    }
    ranks.sort_unstable_by(order);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::families::{Correction, RoutingRule};
    use crate::forward::tests::geometry;

    fn check(logits: &[f32], kept: Option<&[bool]>, top_k: usize, renormalise: bool) -> (Vec<u32>, Vec<f32>) {
        by_rule(logits, &[], kept, top_k, renormalise, RoutingRule::SOFTMAX)
    }

    fn by_rule(
        logits: &[f32],
        correction: &[f32],
        kept: Option<&[bool]>,
        top_k: usize,
        norm_topk: bool,
        routing: RoutingRule,
    ) -> (Vec<u32>, Vec<f32>) {
        let g = Geometry { experts: logits.len(), top_k, norm_topk, routing, ..geometry() };
        let (mut experts, mut weights) = (vec![0; top_k], vec![0.0; top_k]);
        Selection::default().choose(Isa::detect(), &g, logits, correction, kept, &mut experts, &mut weights);
        (experts, weights)
    }

    #[test]
    fn ties_go_to_the_lower_index() {
        assert_eq!(check(&[1.0, 2.0, 1.0, 2.0, 1.0], None, 3, false).0, [1, 3, 0]);
        assert_eq!(check(&[0.0; 6], None, 2, false).0, [0, 1]);
    }

    #[test]
    fn weights_are_probabilities_over_all_experts_unless_renormalised() {
        let (_, weights) = check(&[0.0; 8], None, 2, false);
        assert_eq!(weights, [0.125, 0.125]);
        let (_, weights) = check(&[0.0; 8], None, 2, true);
        assert_eq!(weights, [0.5, 0.5]);
    }

    #[test]
    fn a_dropped_expert_is_never_chosen_even_when_all_others_underflow() {
        let kept = [false, true, true, true];
        let (experts, weights) = check(&[500.0, 300.0, 0.0, -1.0], Some(&kept), 2, false);
        assert_eq!(experts, [1, 2]);
        assert_eq!(weights, [1.0, 0.0]);
    }

    #[test]
    fn a_correction_moves_the_selection_and_not_the_weights() {
        let rule = RoutingRule { scoring: Scoring::Sigmoid, correction: Correction::Vector, scale: 2.0, ..RoutingRule::SOFTMAX };
        let (experts, weights) = by_rule(&[0.0, 0.0, 0.0], &[0.0, 0.1, 0.2], None, 2, false, rule);
        assert_eq!((experts, weights), (vec![2, 1], vec![1.0, 1.0]));
    }

    #[test]
    fn the_best_groups_alone_are_chosen_from() {
        let groups = Some(GroupedRouting { count: 3, used: 1, score: GroupScore::TwoBest });
        let rule = RoutingRule { scoring: Scoring::Sigmoid, groups, ..RoutingRule::SOFTMAX };
        let logits = [3.0, -9.0, 2.0, 1.9, -9.0, 1.0];
        assert_eq!(by_rule(&logits, &[], None, 2, false, rule).0, [2, 3]);
        let best = RoutingRule { groups: Some(GroupedRouting { count: 3, used: 1, score: GroupScore::Best }), ..rule };
        assert_eq!(by_rule(&logits, &[], None, 2, false, best).0, [0, 1]);
        // Without one expert of each group the groups are still those of the whole.
        let kept = [true, false, false, true, true, false];
        assert_eq!(by_rule(&logits, &[], Some(&kept), 1, false, best).0, [0]);
    }

    #[test]
    fn a_softmax_of_the_selected_sums_to_one() {
        let rule = RoutingRule { scoring: Scoring::SoftmaxOfSelected, ..RoutingRule::SOFTMAX };
        let (experts, weights) = by_rule(&[5.0, 5.0, 4.0, -80.0], &[], None, 2, false, rule);
        assert_eq!((experts, weights), (vec![0, 1], vec![0.5, 0.5]));
    }
}
