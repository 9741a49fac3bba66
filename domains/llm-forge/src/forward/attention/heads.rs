//! Query, key and value projected straight from the hidden states.

use super::projection::Projection;
use super::{Buffers, Positions};
use crate::families::{AttentionPart as Part, Geometry, QkNorm, Role, Runnable};
use crate::forward::ForwardError;
use crate::forward::inputs::Taps;
use crate::forward::kernels::{self, Isa};
use crate::forward::rope::Rope;
use crate::forward::weights::vector;

/// One layer's projections of query, key and value.
#[derive(Debug)]
pub(super) struct Heads<'m> {
    geometry: &'m Geometry,
    query: Projection<'m>,
    key: Projection<'m>,
    value: Projection<'m>,
    query_norm: Vec<f32>,
    key_norm: Vec<f32>,
}

impl<'m> Heads<'m> {
    pub(super) fn open(model: Runnable<'m>, layer: usize) -> Result<Heads<'m>, ForwardError> {
        let g = model.geometry;
        let (query, key) = (g.heads * g.head_dim, g.kv_heads * g.head_dim);
        let norm_of = |part, full_width| match g.qk_norm {
            QkNorm::None => Ok(Vec::new()),
            QkNorm::PerHead => vector(model, &Role::Attention { layer, part }, g.head_dim),
            QkNorm::FullWidth => vector(model, &Role::Attention { layer, part }, full_width),
        };
        let open = |part, bias, outputs| Projection::open(model, layer, (part, Some(bias)), outputs, g.hidden);
        Ok(Heads {
            geometry: g,
            query: open(Part::Query, Part::QueryBias, query)?,
            key: open(Part::Key, Part::KeyBias, key)?,
            value: open(Part::Value, Part::ValueBias, key)?,
            query_norm: norm_of(Part::QueryNorm, query)?,
            key_norm: norm_of(Part::KeyNorm, key)?,
        })
    }

    /// Which matrices take the same rows, and their width; the taps of [`Heads::project`] in order.
    pub(super) fn taps(&self) -> Vec<(Vec<Part>, usize)> {
        vec![(vec![Part::Query, Part::Key, Part::Value], self.geometry.hidden)]
    }

    /// Fills the buffers' query, key and value from their normed rows.
    pub(super) fn project(
        &self,
        isa: Isa,
        rope: &Rope,
        positions: &Positions,
        buffers: &mut Buffers,
        taps: &mut Taps<'_>,
    ) -> Result<(), ForwardError> {
        let g = self.geometry;
        let Buffers { product, normed, query, key, value, .. } = buffers;
        taps.keep(0, normed);
        self.query.apply(isa, normed, product, query)?;
        self.key.apply(isa, normed, product, key)?;
        self.value.apply(isa, normed, product, value)?;
        self.finish(isa, query, &self.query_norm);
        self.finish(isa, key, &self.key_norm);
        self.clip(value);
        for (rows, heads) in [(query, g.heads), (key, g.kv_heads)] {
            for (row, position) in rows.chunks_exact_mut(heads * g.head_dim).zip(positions) {
                for head in row.chunks_exact_mut(g.head_dim) {
                    rope.turn(*position, head);
                }
            }
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
}
