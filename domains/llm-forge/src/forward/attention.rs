//! Causal attention: projections, query and key norms, rotary embedding, softmax, output.

use super::ForwardError;
use super::error::Place;
use super::kernels::{self, Isa, PanelRow, ROWS, Rows, WIDTH};
use super::rope::Rope;
use super::wave::Wave;
use super::weights::{Matrix, vector};
use super::work::for_each;
use crate::families::{AttentionPart, Geometry, QkNorm, Role, Runnable};
use std::ops::Range;

/// One layer's attention block.
pub(super) struct Attention<'m> {
    geometry: &'m Geometry,
    layer: usize,
    norm: Vec<f32>,
    query: Projection<'m>,
    key: Projection<'m>,
    value: Projection<'m>,
    out: Projection<'m>,
    query_norm: Vec<f32>,
    key_norm: Vec<f32>,
}

/// A projection and its bias; empty where the family has none.
struct Projection<'m> {
    weights: Matrix<'m>,
    bias: Vec<f32>,
}

/// Buffers one thread reuses.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    product: kernels::Scratch,
    normed: Vec<f32>,
    query: Vec<f32>,
    key: Vec<f32>,
    value: Vec<f32>,
    attended: Vec<f32>,
    head: HeadScratch,
}

/// Buffers for one key/value head.
#[derive(Debug, Default)]
struct HeadScratch {
    gathered: Vec<f32>,
    key_panels: Vec<PanelRow>,
    value_panels: Vec<PanelRow>,
    queries: Vec<f32>,
    scores: Vec<f32>,
}

impl<'m> Attention<'m> {
    /// Finds a layer's tensors and reads the small ones.
    pub(super) fn open(model: Runnable<'m>, layer: usize) -> Result<Attention<'m>, ForwardError> {
        let g = model.geometry;
        let (query, key) = (g.heads * g.head_dim, g.kv_heads * g.head_dim);
        let norm_of = |part, full_width| match g.qk_norm {
            QkNorm::None => Ok(Vec::new()),
            QkNorm::PerHead => vector(model, &Role::Attention { layer, part }, g.head_dim),
            QkNorm::FullWidth => vector(model, &Role::Attention { layer, part }, full_width),
        };
        Ok(Attention {
            geometry: g,
            layer,
            norm: vector(model, &Role::AttentionNorm { layer }, g.hidden)?,
            query: Projection::open(model, layer, AttentionPart::Query, AttentionPart::QueryBias, query, g.hidden)?,
            key: Projection::open(model, layer, AttentionPart::Key, AttentionPart::KeyBias, key, g.hidden)?,
            value: Projection::open(model, layer, AttentionPart::Value, AttentionPart::ValueBias, key, g.hidden)?,
            out: Projection::open(model, layer, AttentionPart::Out, AttentionPart::OutBias, g.hidden, query)?,
            query_norm: norm_of(AttentionPart::QueryNorm, query)?,
            key_norm: norm_of(AttentionPart::KeyNorm, key)?,
        })
    }

    /// Adds the block's output to the wave's hidden states.
    pub(super) fn run<'s>(
        &self,
        isa: Isa,
        rope: &Rope,
        wave: &mut Wave,
        scratch: impl Iterator<Item = &'s mut Scratch>,
    ) -> Result<(), ForwardError> {
        let mut scratch: Vec<&mut Scratch> = scratch.collect();
        let mut hidden = std::mem::take(&mut wave.hidden);
        let shared = &*wave;
        let mut rest = hidden.as_mut_slice();
        let mut items = Vec::new();
        for group in shared.groups() {
            let rows = shared.rows(group.start).start..shared.rows(group.end - 1).end;
            let (mine, others) = rest.split_at_mut(rows.len() * shared.width);
            rest = others;
            items.push((group, mine));
        }
        let result =
            for_each(&mut scratch, items, |scratch, (group, hidden)| self.group(isa, rope, shared, group, hidden, scratch));
        wave.hidden = hidden;
        result
    }

    /// Runs a group of neighbouring sequences; `hidden` holds their rows.
    fn group(
        &self,
        isa: Isa,
        rope: &Rope,
        wave: &Wave,
        group: Range<usize>,
        hidden: &mut [f32],
        scratch: &mut Scratch,
    ) -> Result<(), ForwardError> {
        let g = self.geometry;
        let first = wave.rows(group.start).start;
        scratch.normed.resize(hidden.len(), 0.0);
        for (x, out) in hidden.chunks_exact(g.hidden).zip(scratch.normed.chunks_exact_mut(g.hidden)) {
            kernels::rms_norm(isa, x, &self.norm, g.rms_eps, out);
        }
        let Scratch { product, normed, query, key, value, attended, head } = scratch;
        self.query.apply(isa, normed, product, query)?;
        self.key.apply(isa, normed, product, key)?;
        self.value.apply(isa, normed, product, value)?;
        self.finish(isa, query, &self.query_norm);
        self.finish(isa, key, &self.key_norm);
        self.clip(value);
        for place in group {
            let rows = wave.rows(place);
            let rows = rows.start - first..rows.end - first;
            turn(rope, slice(query, &rows, g.heads * g.head_dim), g.heads, g.head_dim);
            turn(rope, slice(key, &rows, g.kv_heads * g.head_dim), g.kv_heads, g.head_dim);
            // Checked here, because a value that is not finite would reach earlier rows of its tile as not-a-number.
            for (what, values, width) in [("query", &*query, g.heads), ("key", &*key, g.kv_heads), ("value", &*value, g.kv_heads)]
            {
                let width = width * g.head_dim;
                if let Some(at) = values[rows.start * width..rows.end * width].iter().position(|v| !v.is_finite()) {
                    return Err(wave.not_finite(first + rows.start + at / width, what, Place::Layer(self.layer)));
                }
            }
            attended.resize(query.len(), 0.0);
            for kv_head in 0..g.kv_heads {
                self.attend(isa, kv_head, &rows, query, key, value, attended, head);
            }
        }
        self.out.apply(isa, attended, product, query)?;
        for (sum, value) in hidden.iter_mut().zip(&*query) {
            *sum += value;
        }
        Ok(())
    }

    /// Normalises and clips query or key rows, in the family's way.
    fn finish(&self, isa: Isa, rows: &mut [f32], weight: &[f32]) {
        if self.geometry.qk_norm != QkNorm::None {
            let mut normed = vec![0.0; weight.len()];
            for part in rows.chunks_exact_mut(weight.len()) {
                kernels::rms_norm(isa, part, weight, self.geometry.rms_eps, &mut normed);
                part.copy_from_slice(&normed);
            }
        }
        self.clip(rows);
    }

    fn clip(&self, rows: &mut [f32]) {
        if let Some(limit) = self.geometry.clip_qkv {
            for value in rows {
                *value = value.clamp(-limit, limit);
            }
        }
    }

    /// Attends from every query head that shares one key/value head, over one sequence.
    ///
    /// # Shapes
    /// `query`, `attended`: `[rows, heads * head_dim]`; `key`, `value`: `[rows, kv_heads * head_dim]`; `rows` is the sequence.
    #[expect(clippy::too_many_arguments, reason = "the buffers of one thread, borrowed apart")]
    fn attend(
        &self,
        isa: Isa,
        kv_head: usize,
        rows: &Range<usize>,
        query: &[f32],
        key: &[f32],
        value: &[f32],
        attended: &mut [f32],
        scratch: &mut HeadScratch,
    ) {
        let g = self.geometry;
        let (dim, kv_width, width) = (g.head_dim, g.kv_heads * g.head_dim, g.heads * g.head_dim);
        pack_head(isa, dim, &key[rows.start * kv_width..rows.end * kv_width], kv_width, kv_head, scratch);
        pack_values(dim, &value[rows.start * kv_width..rows.end * kv_width], kv_width, kv_head, rows.len(), scratch);
        let shared = g.heads / g.kv_heads;
        for head in kv_head * shared..(kv_head + 1) * shared {
            for from in (0..rows.len()).step_by(ROWS) {
                let block = from..rows.len().min(from + ROWS);
                let at = |t: usize| (rows.start + t) * width + head * dim;
                scratch.queries.clear();
                for t in block.clone() {
                    scratch.queries.extend_from_slice(&query[at(t)..at(t) + dim]);
                }
                let keys = self.score(isa, block.clone(), scratch);
                let mut out = [PanelRow::ZERO; ROWS];
                for (panel, first) in scratch.value_panels.chunks_exact(rows.len()).zip((0..dim).step_by(WIDTH)) {
                    kernels::tile(isa, &scratch.scores, &panel[keys.clone()], &mut out[..block.len()]);
                    let lanes = WIDTH.min(dim - first);
                    for (t, row) in block.clone().zip(&out) {
                        attended[at(t) + first..at(t) + first + lanes].copy_from_slice(&row.0[..lanes]);
                    }
                }
            }
        }
    }

    /// Computes the attention weights of a block of queries over the keys any of them may see, and returns which keys those are.
    ///
    /// # Shapes
    /// `scratch.queries`: `[block, head_dim]`; `scratch.scores` becomes `[block, keys]`.
    fn score(&self, isa: Isa, block: Range<usize>, scratch: &mut HeadScratch) -> Range<usize> {
        let dim = self.geometry.head_dim;
        let window = self.geometry.sliding_window.unwrap_or(usize::MAX);
        let first_seen = |t: usize| (t + 1).saturating_sub(window);
        // Whole panels from the one the first query's window starts in.
        let keys = first_seen(block.start) / WIDTH * WIDTH..block.end;
        let scale = (1.0 / (dim as f64).sqrt()) as f32;
        scratch.scores.resize(block.len() * keys.len(), 0.0);
        let mut out = [PanelRow::ZERO; ROWS];
        for panel in keys.start / WIDTH..keys.end.div_ceil(WIDTH) {
            kernels::tile(isa, &scratch.queries, &scratch.key_panels[panel * dim..(panel + 1) * dim], &mut out[..block.len()]);
            let from = panel * WIDTH - keys.start;
            let lanes = WIDTH.min(keys.len() - from);
            for (scores, row) in scratch.scores.chunks_exact_mut(keys.len()).zip(&out) {
                for (score, value) in scores[from..from + lanes].iter_mut().zip(&row.0) {
                    *score = value * scale;
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
}

impl<'m> Projection<'m> {
    fn open(
        model: Runnable<'m>,
        layer: usize,
        part: AttentionPart,
        bias: AttentionPart,
        outputs: usize,
        width: usize,
    ) -> Result<Projection<'m>, ForwardError> {
        let weights = Matrix::open(model, &Role::Attention { layer, part }, outputs, width)?;
        let has_bias = model.geometry.attention_bias;
        let bias = if has_bias { vector(model, &Role::Attention { layer, part: bias }, outputs)? } else { Vec::new() };
        Ok(Projection { weights, bias })
    }

    /// Computes `y = x w^T + bias`.
    fn apply(&self, isa: Isa, x: &[f32], scratch: &mut kernels::Scratch, y: &mut Vec<f32>) -> Result<(), ForwardError> {
        let outputs = self.weights.outputs();
        y.resize(x.len() / self.weights.width() * outputs, 0.0);
        kernels::product(isa, x, &self.weights, 0..outputs, scratch, y)?;
        if !self.bias.is_empty() {
            for row in y.chunks_exact_mut(outputs) {
                for (value, bias) in row.iter_mut().zip(&self.bias) {
                    *value += bias;
                }
            }
        }
        Ok(())
    }
}

fn slice<'a>(values: &'a mut [f32], rows: &Range<usize>, width: usize) -> &'a mut [f32] {
    &mut values[rows.start * width..rows.end * width]
}

/// Turns every head of one sequence by its position.
fn turn(rope: &Rope, rows: &mut [f32], heads: usize, dim: usize) {
    for (position, row) in rows.chunks_exact_mut(heads * dim).enumerate() {
        for head in row.chunks_exact_mut(dim) {
            rope.turn(position, head);
        }
    }
}

/// Packs one head's keys: panels of [`WIDTH`] keys, `head_dim` outermost.
fn pack_head(isa: Isa, dim: usize, keys: &[f32], stride: usize, head: usize, scratch: &mut HeadScratch) {
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
fn pack_values(dim: usize, values: &[f32], stride: usize, head: usize, rows: usize, scratch: &mut HeadScratch) {
    scratch.value_panels.resize(dim.div_ceil(WIDTH) * rows, PanelRow::ZERO);
    for (panel, first) in scratch.value_panels.chunks_exact_mut(rows).zip((0..dim).step_by(WIDTH)) {
        kernels::pack_columns(&values[head * dim + first..], stride, WIDTH.min(dim - first), panel);
    }
}
