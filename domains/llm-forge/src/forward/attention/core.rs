//! Causal attention over one sequence: scores, softmax, weighted sum of values.

use crate::families::Geometry;
use crate::forward::kernels::{self, Isa, PanelRow, ROWS, WIDTH};
use std::ops::Range;

/// Buffers for one key/value head.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    gathered: Vec<f32>,
    key_panels: Vec<PanelRow>,
    value_panels: Vec<PanelRow>,
    queries: Vec<f32>,
    scores: Vec<f32>,
}

/// One sequence's rows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sequence<'a> {
    /// `[new, heads * head_dim]`: the positions to attend from, the last of the sequence.
    pub(super) query: &'a [f32],
    /// `[positions, kv_heads * head_dim]`: all positions.
    pub(super) key: &'a [f32],
    /// `[positions, kv_heads * value_dim]`: all positions.
    pub(super) value: &'a [f32],
}

/// Attends from every query head, over one sequence.
///
/// # Shapes
/// `attended`: `[new, heads * value_dim]`.
///
/// # Determinism
/// A position's result does not depend on which positions are attended from together.
pub(super) fn attend(isa: Isa, g: &Geometry, sequence: Sequence<'_>, attended: &mut [f32], scratch: &mut Scratch) {
    for kv_head in 0..g.kv_heads {
        one_head(isa, g, kv_head, sequence, attended, scratch);
    }
}

/// Attends from every query head that shares one key/value head.
fn one_head(isa: Isa, g: &Geometry, kv_head: usize, sequence: Sequence<'_>, attended: &mut [f32], scratch: &mut Scratch) {
    let (dim, value_dim) = (g.head_dim, g.value_dim);
    let (key_stride, value_stride) = (g.kv_heads * dim, g.kv_heads * value_dim);
    let (query_stride, out_stride) = (g.heads * dim, g.heads * value_dim);
    let positions = sequence.key.len() / key_stride;
    let new = sequence.query.len() / query_stride;
    let past = positions - new;
    pack_keys(isa, dim, sequence.key, key_stride, kv_head, scratch);
    pack_values(value_dim, sequence.value, value_stride, kv_head, positions, scratch);
    let shared = g.heads / g.kv_heads;
    for head in kv_head * shared..(kv_head + 1) * shared {
        for from in (0..new).step_by(ROWS) {
            let block = from..new.min(from + ROWS);
            scratch.queries.clear();
            for t in block.clone() {
                let at = t * query_stride + head * dim;
                scratch.queries.extend_from_slice(&sequence.query[at..at + dim]);
            }
            let keys = score(isa, g, past + block.start..past + block.end, scratch);
            let mut out = [PanelRow::ZERO; ROWS];
            for (panel, first) in scratch.value_panels.chunks_exact(positions).zip((0..value_dim).step_by(WIDTH)) {
                kernels::tile(isa, &scratch.scores, &panel[keys.clone()], &mut out[..block.len()]);
                let lanes = WIDTH.min(value_dim - first);
                for (t, row) in block.clone().zip(&out) {
                    let at = t * out_stride + head * value_dim + first;
                    attended[at..at + lanes].copy_from_slice(&row.0[..lanes]);
                }
            }
        }
    }
}

/// Computes the attention weights of a block of positions over the keys any of them may see, and returns which keys those are.
///
/// # Shapes
/// `scratch.queries`: `[block, head_dim]`; `scratch.scores` becomes `[block, keys]`.
fn score(isa: Isa, g: &Geometry, block: Range<usize>, scratch: &mut Scratch) -> Range<usize> {
    let dim = g.head_dim;
    let window = g.sliding_window.unwrap_or(usize::MAX);
    let first_seen = |t: usize| (t + 1).saturating_sub(window);
    // Whole panels from the one the first query's window starts in.
    let keys = first_seen(block.start) / WIDTH * WIDTH..block.end;
    scratch.scores.resize(block.len() * keys.len(), 0.0);
    let mut out = [PanelRow::ZERO; ROWS];
    for panel in keys.start / WIDTH..keys.end.div_ceil(WIDTH) {
        kernels::tile(isa, &scratch.queries, &scratch.key_panels[panel * dim..(panel + 1) * dim], &mut out[..block.len()]);
        let from = panel * WIDTH - keys.start;
        let lanes = WIDTH.min(keys.len() - from);
        for (scores, row) in scratch.scores.chunks_exact_mut(keys.len()).zip(&out) {
            for (score, value) in scores[from..from + lanes].iter_mut().zip(&row.0) {
                *score = value * g.attention_scale;
            }
        }
    }
    for (t, scores) in block.zip(scratch.scores.chunks_exact_mut(keys.len())) {
        let seen = first_seen(t) - keys.start..t + 1 - keys.start;
        kernels::softmax(isa, &mut scores[seen.clone()]);
        scores[..seen.start].fill(0.0);
        scores[seen.end..].fill(0.0);
    }
    keys
}

/// Packs one head's keys: panels of [`WIDTH`] keys, `head_dim` outermost.
fn pack_keys(isa: Isa, dim: usize, keys: &[f32], stride: usize, head: usize, scratch: &mut Scratch) {
    let count = keys.len() / stride;
    scratch.key_panels.resize(count.div_ceil(WIDTH) * dim, PanelRow::ZERO);
    for (panel, block) in scratch.key_panels.chunks_exact_mut(dim).zip(keys.chunks(WIDTH * stride)) {
        scratch.gathered.clear();
        for row in block.chunks_exact(stride) {
            scratch.gathered.extend_from_slice(&row[head * dim..(head + 1) * dim]);
        }
        kernels::pack_rows(isa, &scratch.gathered, block.len() / stride, panel);
    }
}

/// Packs one head's values: panels of [`WIDTH`] dimensions, position outermost.
fn pack_values(dim: usize, values: &[f32], stride: usize, head: usize, rows: usize, scratch: &mut Scratch) {
    scratch.value_panels.resize(dim.div_ceil(WIDTH) * rows, PanelRow::ZERO);
    for (panel, first) in scratch.value_panels.chunks_exact_mut(rows).zip((0..dim).step_by(WIDTH)) {
        kernels::pack_columns(&values[head * dim + first..], stride, WIDTH.min(dim - first), panel);
    }
}
