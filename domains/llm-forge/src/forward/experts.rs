//! The routed experts of a layer, each over the tokens it was given.

use super::ForwardError;
use super::feed_forward::{Block, Scratch};
use super::kernels::{self, Isa};
use super::observer::{Observer, Visit};
use super::router::Routing;
use super::wave::{ROWS_AT_ONCE, Wave};
use super::work::for_each;
use crate::families::{ExpertPart, Geometry, Role, Runnable};
use std::ops::Range;

/// Buffers of a wave.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    /// `[tokens, hidden]`: the routed sum of experts' outputs.
    pub(super) mix: Vec<f32>,
    /// `[rows, hidden]`: outputs of the experts being worked on.
    outputs: Vec<f32>,
    norms: Vec<f64>,
    /// `[rows, inner]`: what enters their down projections, kept only when somebody asks.
    inner: Vec<f32>,
}

/// The tokens of a wave, grouped by expert.
struct Grouped {
    /// Where each expert's rows start, and the end of the last.
    starts: Vec<usize>,
    /// Per row: the token.
    tokens: Vec<u32>,
    /// Per row: the token's routing weight for the expert.
    weights: Vec<f32>,
    /// `[tokens, top_k]`: each token's rows, ascending, which is ascending by expert.
    rows: Vec<u32>,
}

impl Grouped {
    fn new(routing: &Routing, experts: usize) -> Grouped {
        let mut starts = vec![0usize; experts + 1];
        for expert in &routing.experts {
            starts[*expert as usize + 1] += 1;
        }
        for expert in 0..experts {
            starts[expert + 1] += starts[expert];
        }
        let mut next = starts.clone();
        let count = routing.experts.len();
        let (mut tokens, mut weights, mut rows) = (vec![0; count], vec![0.0; count], vec![0; count]);
        for (slot, expert) in routing.experts.iter().enumerate() {
            let row = next[*expert as usize];
            next[*expert as usize] += 1;
            tokens[row] = (slot / routing.top_k) as u32;
            weights[row] = routing.weights[slot];
            rows[slot] = row as u32;
        }
        for token in rows.chunks_exact_mut(routing.top_k) {
            token.sort_unstable();
        }
        Grouped { starts, tokens, weights, rows }
    }

    /// Cuts the experts into runs of at most `limit` rows together, at least one expert each.
    fn batches(&self, limit: usize) -> Vec<Range<usize>> {
        let experts = self.starts.len() - 1;
        let mut batches = Vec::new();
        let mut from = 0;
        for expert in 1..=experts {
            if expert == experts || self.starts[expert + 1] - self.starts[from] > limit {
                batches.push(from..expert);
                from = expert;
            }
        }
        batches
    }
}

/// One layer's experts at work on a wave.
pub(super) struct Experts<'a, 'm> {
    pub(super) model: Runnable<'m>,
    pub(super) layer: usize,
    pub(super) isa: Isa,
    /// `[tokens, hidden]`: the router's input, which is the experts' input too.
    pub(super) normed: &'a [f32],
}

impl Experts<'_, '_> {
    /// Leaves the routed sum of experts' outputs in the buffers' `mix`. `poll` is asked between batches whether to go on.
    pub(super) fn run(
        &self,
        wave: &Wave,
        routing: &Routing,
        observer: &mut dyn Observer,
        buffers: &mut Buffers,
        scratch: &mut [&mut Scratch],
        poll: &dyn Fn() -> Result<(), ForwardError>,
    ) -> Result<(), ForwardError> {
        let grouped = Grouped::new(routing, self.geometry().experts);
        buffers.mix.clear();
        buffers.mix.resize(wave.hidden.len(), 0.0);
        // As many rows as the wave has tokens, so that the outputs take no more memory than the hidden states.
        for batch in grouped.batches(wave.tokens()) {
            poll()?;
            let wants = (observer.wants_experts(), observer.wants_inputs());
            self.compute(&grouped, batch.clone(), wants, buffers, scratch)?;
            self.combine(&grouped, batch.clone(), routing.top_k, buffers, scratch);
            if wants.0 {
                self.report(&grouped, batch.clone(), observer, &buffers.norms);
            }
            if wants.1 {
                self.report_inputs(&grouped, batch, observer, &buffers.inner);
            }
        }
        Ok(())
    }

    fn geometry(&self) -> &Geometry {
        self.model.geometry
    }

    /// Computes the outputs of a run of experts, in grouped order.
    fn compute(
        &self,
        grouped: &Grouped,
        batch: Range<usize>,
        (norms, inputs): (bool, bool),
        buffers: &mut Buffers,
        scratch: &mut [&mut Scratch],
    ) -> Result<(), ForwardError> {
        let (width, inner_width) = (self.geometry().hidden, self.geometry().expert_intermediate);
        let rows = grouped.starts[batch.end] - grouped.starts[batch.start];
        buffers.outputs.resize(rows * width, 0.0);
        buffers.norms.resize(rows, 0.0);
        buffers.inner.resize(if inputs { rows * inner_width } else { 0 }, 0.0);
        let (mut outputs, mut norms_left) = (buffers.outputs.as_mut_slice(), buffers.norms.as_mut_slice());
        let mut inner_left = buffers.inner.as_mut_slice();
        let mut items = Vec::new();
        for expert in batch {
            let mut from = grouped.starts[expert];
            while from < grouped.starts[expert + 1] {
                let to = grouped.starts[expert + 1].min(from + ROWS_AT_ONCE);
                let (y, rest) = outputs.split_at_mut((to - from) * width);
                let (n, rest_norms) = norms_left.split_at_mut(to - from);
                let (inner, rest_inner) = inner_left.split_at_mut(if inputs { (to - from) * inner_width } else { 0 });
                (outputs, norms_left, inner_left) = (rest, rest_norms, rest_inner);
                items.push((expert, &grouped.tokens[from..to], y, n, inner));
                from = to;
            }
        }
        for_each(scratch, items, |scratch, (expert, tokens, y, row_norms, inner)| {
            let block = Block::expert(self.model, self.layer, expert)?;
            let Scratch { product, x, gate, up, .. } = &mut **scratch;
            x.clear();
            for token in tokens {
                let at = *token as usize * width;
                x.extend_from_slice(&self.normed[at..at + width]);
            }
            block.apply(self.isa, x, (product, gate, up), y)?;
            if inputs {
                inner.copy_from_slice(gate);
            }
            if norms {
                for (norm, row) in row_norms.iter_mut().zip(y.chunks_exact(width)) {
                    *norm = kernels::l2_norm(self.isa, row);
                }
            }
            Ok(())
        })
    }

    /// Adds the batch's outputs to each token's sum, in ascending order of expert.
    fn combine(&self, grouped: &Grouped, batch: Range<usize>, top_k: usize, buffers: &mut Buffers, scratch: &mut [&mut Scratch]) {
        let width = self.geometry().hidden;
        let rows = grouped.starts[batch.start]..grouped.starts[batch.end];
        let outputs = &buffers.outputs;
        let sums = buffers.mix.chunks_mut(ROWS_AT_ONCE * width).zip(grouped.rows.chunks(ROWS_AT_ONCE * top_k));
        let done = for_each(scratch, sums.collect(), |_, (sums, token_rows): (&mut [f32], &[u32])| {
            for (sum, token_rows) in sums.chunks_exact_mut(width).zip(token_rows.chunks_exact(top_k)) {
                for row in token_rows.iter().map(|row| *row as usize).filter(|row| rows.contains(row)) {
                    let at = (row - rows.start) * width;
                    kernels::add_scaled(self.isa, sum, grouped.weights[row], &outputs[at..at + width]);
                }
            }
            Ok::<(), std::convert::Infallible>(())
        });
        let Ok(()) = done;
    }

    fn report(&self, grouped: &Grouped, batch: Range<usize>, observer: &mut dyn Observer, norms: &[f64]) {
        let first = grouped.starts[batch.start];
        for expert in batch {
            let rows = grouped.starts[expert]..grouped.starts[expert + 1];
            let visit = Visit {
                layer: self.layer,
                expert,
                weights: &grouped.weights[rows.clone()],
                norms: &norms[rows.start - first..rows.end - first],
            };
            observer.expert(&visit);
        }
    }

    /// Shows the rows that entered the batch's matrices, expert by expert.
    fn report_inputs(&self, grouped: &Grouped, batch: Range<usize>, observer: &mut dyn Observer, inner: &[f32]) {
        let (width, inner_width) = (self.geometry().hidden, self.geometry().expert_intermediate);
        let first = grouped.starts[batch.start];
        for expert in batch {
            let role = |part| Role::Expert { layer: self.layer, expert, part };
            let rows = grouped.starts[expert]..grouped.starts[expert + 1];
            let mut given = grouped.tokens[rows.clone()].iter().map(|token| {
                let at = *token as usize * width;
                &self.normed[at..at + width]
            });
            observer.inputs(&[role(ExpertPart::Gate), role(ExpertPart::Up)], &mut given);
            let inner = &inner[(rows.start - first) * inner_width..(rows.end - first) * inner_width];
            observer.inputs(&[role(ExpertPart::Down)], &mut inner.chunks_exact(inner_width));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grouping_keeps_every_assignment_and_tokens_ascend() {
        let routing = Routing { top_k: 2, experts: vec![3, 0, 1, 3, 0, 1], weights: vec![0.6, 0.4, 0.7, 0.3, 0.9, 0.1] };
        let grouped = Grouped::new(&routing, 4);
        assert_eq!(grouped.starts, [0, 2, 4, 4, 6]);
        assert_eq!(grouped.tokens, [0, 2, 1, 2, 0, 1]);
        assert_eq!(grouped.weights, [0.4, 0.9, 0.7, 0.1, 0.6, 0.3]);
        assert_eq!(grouped.rows, [0, 4, 2, 5, 1, 3]);
        assert_eq!(grouped.batches(3), [0..1, 1..3, 3..4]);
        assert_eq!(grouped.batches(0), [0..1, 1..2, 2..3, 3..4]);
        assert!(matches!(grouped.batches(6).as_slice(), [all] if *all == (0..4)));
    }
}
