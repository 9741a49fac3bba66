//! Causal attention: norm, projections, rotary embedding, softmax, output.

mod core;
mod heads;
mod latent;
mod projection;

use self::core::Sequence;
use self::heads::Heads;
use self::latent::Latents;
use self::projection::Projection;
use super::ForwardError;
use super::cache::Cache;
use super::error::Place;
use super::inputs::{Kept, Taps, shares};
use super::kernels::{self, Isa};
use super::norm::Norm;
use super::rope::Rope;
use super::wave::Wave;
use super::work::for_each;
use crate::families::{AttentionPart, Geometry, Role, Runnable};
use std::ops::Range;

/// One layer's attention block.
pub(super) struct Attention<'m> {
    geometry: &'m Geometry,
    layer: usize,
    norm: Norm,
    inputs: Inputs<'m>,
    out: Projection<'m>,
}

/// How query, key and value are made.
enum Inputs<'m> {
    Heads(Heads<'m>),
    Latents(Latents<'m>),
}

/// The position of each row within its sequence.
type Positions = Vec<usize>;

/// Buffers one thread reuses.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    buffers: Buffers,
    attended: Vec<f32>,
    positions: Positions,
    core: core::Scratch,
}

impl Scratch {
    /// Buffers for projections in a precision.
    pub(super) fn of(precision: kernels::Precision) -> Scratch {
        let buffers = Buffers { product: kernels::Scratch::of(precision), ..Buffers::default() };
        Scratch { buffers, ..Scratch::default() }
    }
}

/// Rows on the way to attention.
#[derive(Debug, Default)]
struct Buffers {
    product: kernels::Scratch,
    normed: Vec<f32>,
    query: Vec<f32>,
    key: Vec<f32>,
    value: Vec<f32>,
    latent: Vec<f32>,
    expanded: Vec<f32>,
}

/// A group of neighbouring sequences, and what belongs to it.
struct Group<'a> {
    sequences: Range<usize>,
    hidden: &'a mut [f32],
    caches: Option<&'a mut [Cache]>,
    taps: Taps<'a>,
}

impl<'m> Attention<'m> {
    /// Finds a layer's tensors and reads the small ones.
    pub(super) fn open(model: Runnable<'m>, layer: usize) -> Result<Attention<'m>, ForwardError> {
        let g = model.geometry;
        let inputs = match g.latent {
            None => Inputs::Heads(Heads::open(model, layer)?),
            Some(latent) => Inputs::Latents(Latents::open(model, layer, latent)?),
        };
        let out = (AttentionPart::Out, Some(AttentionPart::OutBias));
        Ok(Attention {
            geometry: g,
            layer,
            norm: Norm::open(model, &Role::AttentionNorm { layer }, &Role::AttentionNormBias { layer })?,
            inputs,
            out: Projection::open(model, layer, out, g.hidden, g.heads * g.value_dim)?,
        })
    }

    /// Adds the block's output to the wave's hidden states. With caches, one a sequence, the sequences go on where those end.
    ///
    /// `kept`, where it is not empty, is what [`Attention::kept`] made: the rows that enter the matrices.
    pub(super) fn run<'s>(
        &self,
        isa: Isa,
        rope: &Rope,
        wave: &mut Wave,
        mut caches: Option<&mut [Cache]>,
        kept: &mut [Kept],
        scratch: impl Iterator<Item = &'s mut Scratch>,
    ) -> Result<(), ForwardError> {
        let mut scratch: Vec<&mut Scratch> = scratch.collect();
        let mut hidden = std::mem::take(&mut wave.hidden);
        let shared = &*wave;
        let groups = shared.groups();
        let ranges: Vec<Range<usize>> =
            groups.iter().map(|group| shared.rows(group.start).start..shared.rows(group.end - 1).end).collect();
        let mut rest = hidden.as_mut_slice();
        let mut items = Vec::new();
        for ((sequences, rows), taps) in groups.into_iter().zip(&ranges).zip(shares(kept, &ranges)) {
            let (mine, others) = rest.split_at_mut(rows.len() * shared.width);
            rest = others;
            let caches = match caches.take() {
                None => None,
                Some(all) => {
                    let (mine, others) = all.split_at_mut(sequences.len());
                    caches = Some(others);
                    Some(mine)
                }
            };
            items.push(Group { sequences, hidden: mine, caches, taps });
        }
        let result = for_each(&mut scratch, items, |scratch, group| self.group(isa, rope, shared, group, scratch));
        wave.hidden = hidden;
        result
    }

    /// Makes room for the rows that enter the block's matrices.
    pub(super) fn kept(&self, rows: usize) -> Vec<Kept> {
        let layer = self.layer;
        let mut taps = match &self.inputs {
            Inputs::Heads(heads) => heads.taps(),
            Inputs::Latents(latents) => latents.taps(),
        };
        taps.push((vec![AttentionPart::Out], self.geometry.heads * self.geometry.value_dim));
        let kept = |(parts, width): (Vec<AttentionPart>, usize)| {
            Kept::new(parts.into_iter().map(|part| Role::Attention { layer, part }).collect(), rows, width)
        };
        taps.into_iter().map(kept).collect()
    }

    /// Runs a group of neighbouring sequences.
    fn group(&self, isa: Isa, rope: &Rope, wave: &Wave, group: Group<'_>, scratch: &mut Scratch) -> Result<(), ForwardError> {
        let g = self.geometry;
        let Group { sequences, hidden, mut caches, mut taps } = group;
        let first = wave.rows(sequences.start).start;
        let Scratch { buffers, attended, positions, core } = scratch;
        positions.clear();
        positions.extend(sequences.clone().flat_map(|place| wave.positions(place)));
        buffers.normed.resize(hidden.len(), 0.0);
        self.norm.apply(isa, hidden, &mut buffers.normed);
        let out_tap = match &self.inputs {
            Inputs::Heads(heads) => {
                heads.project(isa, rope, positions, buffers, &mut taps)?;
                heads.taps().len()
            }
            Inputs::Latents(latents) => {
                latents.project(isa, rope, positions, buffers, &mut taps)?;
                latents.taps().len()
            }
        };
        self.check(wave, first, buffers)?;
        let Buffers { product, query, key, value, .. } = buffers;
        let (query_width, out_width) = (g.heads * g.head_dim, g.heads * g.value_dim);
        attended.resize(positions.len() * out_width, 0.0);
        for (index, place) in sequences.enumerate() {
            let rows = wave.rows(place);
            let rows = rows.start - first..rows.end - first;
            let of = |width: usize| rows.start * width..rows.end * width;
            let new_keys = &key[of(g.kv_heads * g.head_dim)];
            let new_values = &value[of(g.kv_heads * g.value_dim)];
            let (key, value) = match caches.as_deref_mut() {
                None => (new_keys, new_values),
                Some(caches) => {
                    let all = caches[index].extend(self.layer, new_keys, new_values);
                    (&*all.keys, &*all.values)
                }
            };
            let sequence = Sequence { query: &query[rows.start * query_width..rows.end * query_width], key, value };
            core::attend(isa, g, sequence, &mut attended[rows.start * out_width..rows.end * out_width], core);
        }
        taps.keep(out_tap, attended);
        self.out.apply(isa, attended, product, query)?;
        let residual = g.multipliers.residual;
        for (sum, value) in hidden.iter_mut().zip(&*query) {
            *sum += value * residual;
        }
        Ok(())
    }

    /// Checks that what goes into attention is finite, because a value that is not would reach earlier rows of its tile as
    /// not-a-number.
    fn check(&self, wave: &Wave, first: usize, buffers: &Buffers) -> Result<(), ForwardError> {
        let g = self.geometry;
        let rows = [
            ("query", &buffers.query, g.heads * g.head_dim),
            ("key", &buffers.key, g.kv_heads * g.head_dim),
            ("value", &buffers.value, g.kv_heads * g.value_dim),
        ];
        let bad = rows.iter().filter_map(|(what, values, width)| {
            let at = values.iter().position(|v| !v.is_finite())?;
            Some((at / width, *what))
        });
        match bad.min_by_key(|(row, _)| *row) {
            None => Ok(()),
            Some((row, what)) => Err(wave.not_finite(first + row, what, Place::Layer(self.layer))),
        }
    }
}
