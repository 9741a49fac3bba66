//! Feed-forward blocks: experts over the tokens routed to them, and dense layers.

use super::ForwardError;
use super::kernels::{self, Isa, Rows};
use super::observer::{Observer, Visit};
use super::routing::Routing;
use super::wave::{ROWS_AT_ONCE, Wave};
use super::weights::{Matrix, vector};
use super::work::for_each;
use crate::families::{ExpertPart, Geometry, Role, Runnable};
use std::ops::Range;

/// A gated feed-forward block: `down(silu(gate(x)) * up(x))`.
struct Block<'m> {
    gate: Matrix<'m>,
    up: Matrix<'m>,
    down: Matrix<'m>,
}

/// Buffers one thread reuses.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    product: kernels::Scratch,
    x: Vec<f32>,
    gate: Vec<f32>,
    up: Vec<f32>,
    y: Vec<f32>,
}

/// Buffers of a wave.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    /// `[tokens, hidden]`: the routed sum of experts' outputs.
    mix: Vec<f32>,
    /// `[rows, hidden]`: outputs of the experts being worked on.
    outputs: Vec<f32>,
    norms: Vec<f64>,
}

impl<'m> Block<'m> {
    fn open(model: Runnable<'m>, role: impl Fn(ExpertPart) -> Role, inner: usize) -> Result<Block<'m>, ForwardError> {
        let hidden = model.geometry.hidden;
        Ok(Block {
            gate: Matrix::open(model, &role(ExpertPart::Gate), inner, hidden)?,
            up: Matrix::open(model, &role(ExpertPart::Up), inner, hidden)?,
            down: Matrix::open(model, &role(ExpertPart::Down), hidden, inner)?,
        })
    }

    /// Computes the block over the rows of `x`.
    ///
    /// # Shapes
    /// `x`, `y`: `[rows, hidden]`.
    fn apply(
        &self,
        isa: Isa,
        x: &[f32],
        scratch: (&mut kernels::Scratch, &mut Vec<f32>, &mut Vec<f32>),
        y: &mut [f32],
    ) -> Result<(), ForwardError> {
        let (product, gate, up) = scratch;
        let inner = self.gate.outputs();
        let rows = x.len() / self.gate.width();
        gate.resize(rows * inner, 0.0);
        up.resize(rows * inner, 0.0);
        kernels::product(isa, x, &self.gate, 0..inner, product, gate)?;
        kernels::product(isa, x, &self.up, 0..inner, product, up)?;
        kernels::silu_times(isa, gate, up);
        kernels::product(isa, gate, &self.down, 0..self.down.outputs(), product, y)
    }
}

/// Adds a dense layer's feed-forward output to the wave's hidden states.
pub(super) fn run_dense<'s>(
    model: Runnable<'_>,
    layer: usize,
    inner: usize,
    isa: Isa,
    wave: &mut Wave,
    scratch: impl Iterator<Item = &'s mut Scratch>,
) -> Result<(), ForwardError> {
    let g = model.geometry;
    let norm = vector(model, &Role::FeedForwardNorm { layer }, g.hidden)?;
    let block = Block::open(model, |part| Role::Dense { layer, part }, inner)?;
    let mut scratch: Vec<&mut Scratch> = scratch.collect();
    for_each(&mut scratch, wave.hidden.chunks_mut(ROWS_AT_ONCE * g.hidden).collect(), |scratch, hidden: &mut [f32]| {
        let Scratch { product, x, gate, up, y } = &mut **scratch;
        x.resize(hidden.len(), 0.0);
        y.resize(hidden.len(), 0.0);
        for (row, out) in hidden.chunks_exact(g.hidden).zip(x.chunks_exact_mut(g.hidden)) {
            kernels::rms_norm(isa, row, &norm, g.rms_eps, out);
        }
        block.apply(isa, x, (product, gate, up), y)?;
        for (sum, value) in hidden.iter_mut().zip(&*y) {
            *sum += value;
        }
        Ok(())
    })
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
    /// Adds the routed sum of experts' outputs to the wave's hidden states. `poll` is asked between batches whether to go on.
    pub(super) fn run(
        &self,
        wave: &mut Wave,
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
            self.compute(&grouped, batch.clone(), observer.wants_experts(), buffers, scratch)?;
            self.combine(&grouped, batch.clone(), routing.top_k, buffers, scratch);
            if observer.wants_experts() {
                self.report(&grouped, batch, observer, &buffers.norms);
            }
        }
        for (sum, value) in wave.hidden.iter_mut().zip(&buffers.mix) {
            *sum += value;
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
        norms: bool,
        buffers: &mut Buffers,
        scratch: &mut [&mut Scratch],
    ) -> Result<(), ForwardError> {
        let width = self.geometry().hidden;
        let rows = grouped.starts[batch.end] - grouped.starts[batch.start];
        buffers.outputs.resize(rows * width, 0.0);
        buffers.norms.resize(rows, 0.0);
        let (mut outputs, mut norms_left) = (buffers.outputs.as_mut_slice(), buffers.norms.as_mut_slice());
        let mut items = Vec::new();
        for expert in batch {
            let mut from = grouped.starts[expert];
            while from < grouped.starts[expert + 1] {
                let to = grouped.starts[expert + 1].min(from + ROWS_AT_ONCE);
                let (y, rest) = outputs.split_at_mut((to - from) * width);
                let (n, rest_norms) = norms_left.split_at_mut(to - from);
                (outputs, norms_left) = (rest, rest_norms);
                items.push((expert, &grouped.tokens[from..to], y, n));
                from = to;
            }
        }
        for_each(scratch, items, |scratch, (expert, tokens, y, row_norms)| {
            let role = |part| Role::Expert { layer: self.layer, expert, part };
            let block = Block::open(self.model, role, self.geometry().expert_intermediate)?;
            let Scratch { product, x, gate, up, .. } = &mut **scratch;
            x.clear();
            for token in tokens {
                let at = *token as usize * width;
                x.extend_from_slice(&self.normed[at..at + width]);
            }
            block.apply(self.isa, x, (product, gate, up), y)?;
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
