//! A gated feed-forward block, and the two kinds every token passes: dense layers and shared experts.

use super::ForwardError;
use super::inputs::{Kept, Taps, shares};
use super::kernels::{self, Isa, Rows};
use super::norm::Norm;
use super::wave::{ROWS_AT_ONCE, Wave};
use super::weights::{Matrix, whole};
use super::work::for_each;
use crate::families::{ExpertForm, ExpertPart, FusedPart, Role, Runnable, SharedExpert};
use std::ops::Range;

/// A gated feed-forward block: `down(silu(gate(x)) * up(x))`.
pub(super) struct Block<'m> {
    gate: Matrix<'m>,
    up: Matrix<'m>,
    down: Matrix<'m>,
}

/// Buffers one thread reuses.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    pub(super) product: kernels::Scratch,
    pub(super) x: Vec<f32>,
    pub(super) gate: Vec<f32>,
    pub(super) up: Vec<f32>,
    pub(super) y: Vec<f32>,
    score: Vec<f32>,
}

impl Scratch {
    /// Buffers for projections in a precision.
    pub(super) fn of(precision: kernels::Precision) -> Scratch {
        Scratch { product: kernels::Scratch::of(precision), ..Scratch::default() }
    }
}

impl<'m> Block<'m> {
    /// Finds a block of three tensors.
    pub(super) fn open(model: Runnable<'m>, role: impl Fn(ExpertPart) -> Role, inner: usize) -> Result<Block<'m>, ForwardError> {
        let hidden = model.geometry.hidden;
        Ok(Block {
            gate: Matrix::open(model, &role(ExpertPart::Gate), inner, hidden)?,
            up: Matrix::open(model, &role(ExpertPart::Up), inner, hidden)?,
            down: Matrix::open(model, &role(ExpertPart::Down), hidden, inner)?,
        })
    }

    /// Finds an expert, however it is stored.
    pub(super) fn expert(model: Runnable<'m>, layer: usize, expert: usize) -> Result<Block<'m>, ForwardError> {
        let g = model.geometry;
        let (hidden, inner) = (g.hidden, g.expert_intermediate);
        if g.expert_form == ExpertForm::Separate {
            return Block::open(model, |part| Role::Expert { layer, expert, part }, inner);
        }
        let part = |part, shape: [usize; 3], rows| Matrix::part(model, &Role::FusedExperts { layer, part }, &shape, rows);
        let both = [g.experts, 2 * inner, hidden];
        let first = expert * 2 * inner;
        Ok(Block {
            gate: part(FusedPart::GateUp, both, first..first + inner)?,
            up: part(FusedPart::GateUp, both, first + inner..first + 2 * inner)?,
            down: part(FusedPart::Down, [g.experts, hidden, inner], expert * hidden..(expert + 1) * hidden)?,
        })
    }

    /// Computes the block over the rows of `x`. `gate` is left holding the rows that enter the down projection.
    ///
    /// # Shapes
    /// `x`, `y`: `[rows, hidden]`.
    pub(super) fn apply(
        &self,
        isa: Isa,
        x: &[f32],
        (product, gate, up): (&mut kernels::Scratch, &mut Vec<f32>, &mut Vec<f32>),
        y: &mut [f32],
    ) -> Result<(), ForwardError> {
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
///
/// `kept`, where it is not empty, is what [`dense_kept`] made.
pub(super) fn run_dense<'s>(
    model: Runnable<'_>,
    layer: usize,
    isa: Isa,
    wave: &mut Wave,
    kept: &mut [Kept],
    scratch: impl Iterator<Item = &'s mut Scratch>,
) -> Result<(), ForwardError> {
    let g = model.geometry;
    let norm = Norm::open(model, &Role::FeedForwardNorm { layer }, &Role::FeedForwardNormBias { layer })?;
    let block = Block::open(model, |part| Role::Dense { layer, part }, dense_width(model))?;
    let mut scratch: Vec<&mut Scratch> = scratch.collect();
    let taps = shares(kept, &pieces(wave.tokens()));
    let items = wave.hidden.chunks_mut(ROWS_AT_ONCE * g.hidden).zip(taps).collect();
    for_each(&mut scratch, items, |scratch, (hidden, mut taps): (&mut [f32], Taps<'_>)| {
        let Scratch { product, x, gate, up, y, .. } = &mut **scratch;
        x.resize(hidden.len(), 0.0);
        y.resize(hidden.len(), 0.0);
        norm.apply(isa, hidden, x);
        block.apply(isa, x, (product, gate, up), y)?;
        taps.keep(0, x);
        taps.keep(1, gate);
        for (sum, value) in hidden.iter_mut().zip(&*y) {
            *sum += value * g.multipliers.residual;
        }
        Ok(())
    })
}

/// Makes room for the rows that enter a dense layer's matrices.
pub(super) fn dense_kept(model: Runnable<'_>, layer: usize, rows: usize) -> Vec<Kept> {
    let role = |part| Role::Dense { layer, part };
    vec![
        Kept::new(vec![role(ExpertPart::Gate), role(ExpertPart::Up)], rows, model.geometry.hidden),
        Kept::new(vec![role(ExpertPart::Down)], rows, dense_width(model)),
    ]
}

fn dense_width(model: Runnable<'_>) -> usize {
    model.geometry.dense_intermediate.expect("a family with dense layers declares their width")
}

/// Adds the output of the expert every token passes to `mix`, the sum of the routed experts' outputs.
///
/// # Shapes
/// `normed`, `mix`: `[tokens, hidden]`; `kept`, where it is not empty, is what [`shared_kept`] made.
pub(super) fn run_shared<'s>(
    model: Runnable<'_>,
    (layer, shared): (usize, SharedExpert),
    isa: Isa,
    normed: &[f32],
    mix: &mut [f32],
    kept: &mut [Kept],
    scratch: impl Iterator<Item = &'s mut Scratch>,
) -> Result<(), ForwardError> {
    let hidden = model.geometry.hidden;
    let block = Block::open(model, |part| Role::SharedExpert { layer, part }, shared.intermediate)?;
    let gate_weight = if shared.gated { Some(whole(model, &Role::SharedGate { layer }, 1, hidden)?) } else { None };
    let mut scratch: Vec<&mut Scratch> = scratch.collect();
    let taps = shares(kept, &pieces(normed.len() / hidden));
    let parts = normed.chunks(ROWS_AT_ONCE * hidden).zip(mix.chunks_mut(ROWS_AT_ONCE * hidden));
    let items = parts.zip(taps).collect();
    for_each(&mut scratch, items, |scratch, ((x, mix), mut taps): ((&[f32], &mut [f32]), Taps<'_>)| {
        let Scratch { product, gate, up, y, score, .. } = &mut **scratch;
        y.resize(x.len(), 0.0);
        block.apply(isa, x, (product, gate, up), y)?;
        taps.keep(0, gate);
        score.clear();
        score.resize(x.len() / hidden, 1.0);
        if let Some(weights) = &gate_weight {
            let Ok(()) = kernels::product(isa, x, &kernels::SliceRows { weights, width: hidden }, 0..1, product, score);
            for score in &mut *score {
                *score = 1.0 / (1.0 + kernels::exp(-*score));
            }
        }
        for ((sum, y), score) in mix.chunks_exact_mut(hidden).zip(y.chunks_exact(hidden)).zip(&*score) {
            kernels::add_scaled(isa, sum, *score, y);
        }
        Ok(())
    })
}

/// Makes room for the rows that enter a shared expert's down projection; its gate and up take the router's input.
pub(super) fn shared_kept((layer, shared): (usize, SharedExpert), rows: usize) -> Vec<Kept> {
    vec![Kept::new(vec![Role::SharedExpert { layer, part: ExpertPart::Down }], rows, shared.intermediate)]
}

/// The ranges of rows that are worked on at once.
fn pieces(rows: usize) -> Vec<Range<usize>> {
    (0..rows).step_by(ROWS_AT_ONCE).map(|from| from..rows.min(from + ROWS_AT_ONCE)).collect()
}
