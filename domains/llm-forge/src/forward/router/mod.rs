//! The router: which experts each token goes to, and with what weight.

mod score;
mod select;
mod sparse_mixer;

use self::select::Selection;
use super::ForwardError;
use super::error::Place;
use super::kernels::{self, Isa, SliceRows};
use super::norm::Norm;
use super::wave::{ROWS_AT_ONCE, Wave};
use super::weights::{vector, whole};
use super::work::for_each;
use crate::families::{Correction, Geometry, Role, Runnable};

/// Where every token of a wave goes in one layer.
#[derive(Clone, Debug, Default)]
pub struct Routing {
    /// Experts per token.
    pub top_k: usize,
    /// `[tokens, top_k]`: experts, the first selected first.
    pub experts: Vec<u32>,
    /// `[tokens, top_k]`: final routing weights, in the order of `experts`.
    pub weights: Vec<f32>,
}

/// One layer's router and the norm before it.
pub(super) struct Router<'m> {
    geometry: &'m Geometry,
    layer: usize,
    norm: Norm,
    /// `[experts, hidden]`
    weights: Vec<f32>,
    /// `[experts]`; empty where the model has none.
    correction: Vec<f32>,
}

/// Buffers one thread reuses.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    product: kernels::Scratch,
    logits: Vec<f32>,
    selection: Selection,
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
        let correction = match g.routing.correction {
            Correction::None => Vec::new(),
            Correction::Vector | Correction::Row => vector(model, &Role::CorrectionBias { layer }, g.experts)?,
        };
        Ok(Router {
            geometry: g,
            layer,
            norm: Norm::open(model, &Role::FeedForwardNorm { layer }, &Role::FeedForwardNormBias { layer })?,
            weights: whole(model, &Role::Router { layer }, g.experts, g.hidden)?,
            correction,
        })
    }

    /// Normalises the wave's hidden states into `normed` and routes them. Experts that `kept` drops take no part.
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
        self.norm.apply(isa, item.hidden, item.normed);
        scratch.logits.resize(item.hidden.len() / g.hidden * g.experts, 0.0);
        let weights = SliceRows { weights: &self.weights, width: g.hidden };
        let Ok(()) = kernels::product(isa, item.normed, &weights, 0..g.experts, &mut scratch.product, &mut scratch.logits);
        let results = item.experts.chunks_exact_mut(g.top_k).zip(item.weights.chunks_exact_mut(g.top_k));
        for (i, (logits, (experts, weights))) in scratch.logits.chunks_exact(g.experts).zip(results).enumerate() {
            if logits.iter().any(|logit| !logit.is_finite()) {
                return Err(wave.not_finite(item.first + i, "router logit", Place::Layer(self.layer)));
            }
            scratch.selection.choose(isa, g, logits, &self.correction, kept, experts, weights);
        }
        Ok(())
    }
}
