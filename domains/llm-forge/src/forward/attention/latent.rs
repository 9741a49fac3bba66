//! Query, key and value by way of narrow latents (multi-head latent attention).
//!
//! Every head's key is its own part, made from the latent, and a rotary part that all heads share; keys and values are expanded
//! before attending, which gives the numbers of the reference.
//!
//! # Source
//! DeepSeek-AI 2024, arXiv 2405.04434, section 2.1; `modeling_deepseek_v2.py` and `modeling_deepseek_v3.py` of transformers.

use super::projection::Projection;
use super::{Buffers, Positions};
use crate::families::{AttentionPart as Part, Geometry, Latent, Role, Runnable};
use crate::forward::ForwardError;
use crate::forward::inputs::Taps;
use crate::forward::kernels::{self, Isa};
use crate::forward::rope::Rope;
use crate::forward::weights::vector;

/// Epsilon of the norms of latents, which configs do not set.
const LATENT_EPS: f32 = 1e-6;

/// One layer's projections into and out of the latents.
#[derive(Debug)]
pub(super) struct Latents<'m> {
    geometry: &'m Geometry,
    latent: Latent,
    query: Query<'m>,
    key_value_down: Projection<'m>,
    key_value_norm: Vec<f32>,
    key_value_up: Projection<'m>,
}

/// How queries are made.
#[derive(Debug)]
enum Query<'m> {
    Direct(Projection<'m>),
    Latent { down: Projection<'m>, norm: Vec<f32>, up: Projection<'m> },
}

impl<'m> Latents<'m> {
    pub(super) fn open(model: Runnable<'m>, layer: usize, latent: Latent) -> Result<Latents<'m>, ForwardError> {
        let g = model.geometry;
        let (heads, rank) = (g.heads * g.head_dim, latent.key_value_rank);
        let open = |parts, outputs, width| Projection::open(model, layer, parts, outputs, width);
        let norm = |part, width| vector(model, &Role::Attention { layer, part }, width);
        let query = match latent.query_rank {
            None => Query::Direct(open((Part::Query, None), heads, g.hidden)?),
            Some(rank) => Query::Latent {
                down: open((Part::QueryDown, Some(Part::QueryDownBias)), rank, g.hidden)?,
                norm: norm(Part::QueryDownNorm, rank)?,
                up: open((Part::QueryUp, None), heads, rank)?,
            },
        };
        let down = rank + g.rotary.width;
        let up = g.heads * (latent.plain_dim + g.value_dim);
        Ok(Latents {
            geometry: g,
            latent,
            query,
            key_value_down: open((Part::KeyValueDown, Some(Part::KeyValueDownBias)), down, g.hidden)?,
            key_value_norm: norm(Part::KeyValueDownNorm, rank)?,
            key_value_up: open((Part::KeyValueUp, None), up, rank)?,
        })
    }

    /// Which matrices take the same rows, and their width; the taps of [`Latents::project`] in order.
    pub(super) fn taps(&self) -> Vec<(Vec<Part>, usize)> {
        let (first, rank) = match (&self.query, self.latent.query_rank) {
            (Query::Latent { .. }, Some(rank)) => (Part::QueryDown, Some(rank)),
            _ => (Part::Query, None),
        };
        let mut taps =
            vec![(vec![first, Part::KeyValueDown], self.geometry.hidden), (vec![Part::KeyValueUp], self.latent.key_value_rank)];
        taps.extend(rank.map(|rank| (vec![Part::QueryUp], rank)));
        taps
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
        let Buffers { product, normed, query, key, value, latent, expanded, .. } = buffers;
        taps.keep(0, normed);
        match &self.query {
            Query::Direct(projection) => projection.apply(isa, normed, product, query)?,
            Query::Latent { down, norm, up } => {
                down.apply(isa, normed, product, expanded)?;
                latent.resize(expanded.len(), 0.0);
                for (x, out) in expanded.chunks_exact(norm.len()).zip(latent.chunks_exact_mut(norm.len())) {
                    kernels::rms_norm(isa, x, norm, LATENT_EPS, out);
                }
                taps.keep(2, latent);
                up.apply(isa, latent, product, query)?;
            }
        }
        let plain = self.latent.plain_dim;
        for (row, position) in query.chunks_exact_mut(g.heads * g.head_dim).zip(positions) {
            for head in row.chunks_exact_mut(g.head_dim) {
                rope.turn(*position, &mut head[plain..]);
            }
        }
        self.key_value_down.apply(isa, normed, product, expanded)?;
        let (rank, down) = (self.latent.key_value_rank, self.latent.key_value_rank + g.rotary.width);
        let rows = expanded.len() / down;
        latent.resize(rows * rank, 0.0);
        for (x, out) in expanded.chunks_exact(down).zip(latent.chunks_exact_mut(rank)) {
            kernels::rms_norm(isa, &x[..rank], &self.key_value_norm, LATENT_EPS, out);
        }
        // Each row's rotary key first, because the buffer is used again.
        key.resize(rows * g.heads * g.head_dim, 0.0);
        let parts = expanded.chunks_exact_mut(down).zip(key.chunks_exact_mut(g.heads * g.head_dim)).zip(positions);
        for ((shared, row), position) in parts {
            let shared = &mut shared[rank..];
            rope.turn(*position, shared);
            for head in row.chunks_exact_mut(g.head_dim) {
                head[plain..].copy_from_slice(shared);
            }
        }
        taps.keep(1, latent);
        self.key_value_up.apply(isa, latent, product, expanded)?;
        value.resize(rows * g.heads * g.value_dim, 0.0);
        let heads = expanded.chunks_exact(plain + g.value_dim);
        let targets = key.chunks_exact_mut(g.head_dim).zip(value.chunks_exact_mut(g.value_dim));
        for (made, (key, value)) in heads.zip(targets) {
            key[..plain].copy_from_slice(&made[..plain]);
            value.copy_from_slice(&made[plain..]);
        }
        Ok(())
    }
}
