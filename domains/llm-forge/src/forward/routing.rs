//! The router: which experts each token goes to, and with what weight.

use super::ForwardError;
use super::error::Place;
use super::kernels::{self, Isa, SliceRows};
use super::wave::{ROWS_AT_ONCE, Wave};
use super::weights::{vector, whole};
use super::work::for_each;
use crate::families::{Geometry, Role, Runnable};

/// Where every token of a wave goes in one layer.
#[derive(Clone, Debug, Default)]
pub struct Routing {
    /// Experts per token.
    pub top_k: usize,
    /// `[tokens, top_k]`: experts, the largest probability first.
    pub experts: Vec<u32>,
    /// `[tokens, top_k]`: final routing weights, in the order of `experts`.
    pub weights: Vec<f32>,
}

/// One layer's router and the norm before it.
pub(super) struct Router<'m> {
    geometry: &'m Geometry,
    layer: usize,
    norm: Vec<f32>,
    /// `[experts, hidden]`
    weights: Vec<f32>,
}

/// Buffers one thread reuses.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    product: kernels::Scratch,
    logits: Vec<f32>,
    order: Order,
}

/// One token's experts while they are ranked.
#[derive(Debug, Default)]
struct Order {
    /// The experts that are left, ascending.
    left: Vec<u32>,
    /// Their places in `left`, the largest probability first as far as they are asked for.
    ranks: Vec<u32>,
}

/// One piece of work: the rows from `first` on, and where their results go.
struct Item<'a> {
    first: usize,
    hidden: &'a [f32],
    normed: &'a mut [f32],
    experts: &'a mut [u32],
    weights: &'a mut [f32],
}

impl<'m> Router<'m> {
    /// Reads a layer's router.
    pub(super) fn open(model: Runnable<'m>, layer: usize) -> Result<Router<'m>, ForwardError> {
        let g = model.geometry;
        Ok(Router {
            geometry: g,
            layer,
            norm: vector(model, &Role::FeedForwardNorm { layer }, g.hidden)?,
            weights: whole(model, &Role::Router { layer }, g.experts, g.hidden)?,
        })
    }

    /// Normalises the wave's hidden states into `normed` and routes them. Experts that `kept` drops are out of the softmax.
    pub(super) fn run<'s>(
        &self,
        isa: Isa,
        wave: &Wave,
        kept: Option<&[bool]>,
        normed: &mut Vec<f32>,
        scratch: impl Iterator<Item = &'s mut Scratch>,
    ) -> Result<Routing, ForwardError> {
        let (width, top_k) = (self.geometry.hidden, self.geometry.top_k);
        normed.resize(wave.hidden.len(), 0.0);
        let mut routing = Routing { top_k, experts: vec![0; wave.tokens() * top_k], weights: vec![0.0; wave.tokens() * top_k] };
        let parts = wave.hidden.chunks(ROWS_AT_ONCE * width).zip(normed.chunks_mut(ROWS_AT_ONCE * width));
        let results = routing.experts.chunks_mut(ROWS_AT_ONCE * top_k).zip(routing.weights.chunks_mut(ROWS_AT_ONCE * top_k));
        let items = parts.zip(results).enumerate();
        let items = items.map(|(i, ((hidden, normed), (experts, weights)))| Item {
            first: i * ROWS_AT_ONCE,
            hidden,
            normed,
            experts,
            weights,
        });
        let mut scratch: Vec<&mut Scratch> = scratch.collect();
        for_each(&mut scratch, items.collect(), |scratch, item| self.part(isa, wave, kept, item, scratch))?;
        Ok(routing)
    }

    fn part(
        &self,
        isa: Isa,
        wave: &Wave,
        kept: Option<&[bool]>,
        item: Item<'_>,
        scratch: &mut Scratch,
    ) -> Result<(), ForwardError> {
        let g = self.geometry;
        for (x, out) in item.hidden.chunks_exact(g.hidden).zip(item.normed.chunks_exact_mut(g.hidden)) {
            kernels::rms_norm(isa, x, &self.norm, g.rms_eps, out);
        }
        scratch.logits.resize(item.hidden.len() / g.hidden * g.experts, 0.0);
        let weights = SliceRows { weights: &self.weights, width: g.hidden };
        let Ok(()) = kernels::product(isa, item.normed, &weights, 0..g.experts, &mut scratch.product, &mut scratch.logits);
        let results = item.experts.chunks_exact_mut(g.top_k).zip(item.weights.chunks_exact_mut(g.top_k));
        for (i, (logits, (experts, weights))) in scratch.logits.chunks_exact_mut(g.experts).zip(results).enumerate() {
            if logits.iter().any(|logit| !logit.is_finite()) {
                return Err(wave.not_finite(item.first + i, "router logit", Place::Layer(self.layer)));
            }
            select(isa, logits, kept, g.norm_topk, &mut scratch.order, experts, weights);
        }
        Ok(())
    }
}

/// Turns one token's logits into its experts and weights: softmax over the experts that are left, then the largest
/// probabilities (ties to the lower index), then, where the family does, division by their sum.
///
/// Dropped experts are closed up before the softmax, so that every sum is taken in the order that the model without them takes
/// it in: the results are equal bit for bit.
fn select(
    isa: Isa,
    logits: &mut [f32],
    kept: Option<&[bool]>,
    renormalise: bool,
    order: &mut Order,
    experts: &mut [u32],
    weights: &mut [f32],
) {
    order.left.clear();
    for expert in 0..logits.len() {
        if kept.is_none_or(|kept| kept[expert]) {
            logits[order.left.len()] = logits[expert];
            order.left.push(expert as u32);
        }
    }
    let probabilities = &mut logits[..order.left.len()];
    kernels::softmax(isa, probabilities);
    order.ranks.clear();
    order.ranks.extend(0..order.left.len() as u32);
    let (ranks, top_k) = (&mut order.ranks[..], experts.len());
    let rank = |a: &u32, b: &u32| probabilities[*b as usize].total_cmp(&probabilities[*a as usize]).then(a.cmp(b));
    if ranks.len() > top_k {
        ranks.select_nth_unstable_by(top_k - 1, rank);
    }
    ranks[..top_k].sort_unstable_by(rank);
    for ((expert, weight), place) in experts.iter_mut().zip(weights.iter_mut()).zip(&*ranks) {
        *expert = order.left[*place as usize];
        *weight = probabilities[*place as usize];
    }
    if renormalise {
        let sum: f32 = weights.iter().sum();
        for weight in weights {
            *weight /= sum;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(logits: &[f32], kept: Option<&[bool]>, top_k: usize, renormalise: bool) -> (Vec<u32>, Vec<f32>) {
        let (mut experts, mut weights) = (vec![0; top_k], vec![0.0; top_k]);
        select(Isa::detect(), &mut logits.to_vec(), kept, renormalise, &mut Order::default(), &mut experts, &mut weights);
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
}
