//! Sixteen blocks at a time, turned so that a block is a column.
//!
//! Plain loops instead of closures around lanes: a closure is compiled for the plain machine first, and then calls each vector
//! instruction as a function.

#![expect(clippy::needless_range_loop, reason = "the index walks several arrays, and iterators would bring closures")]

use crate::lanes::Lanes;

/// Blocks of a batch; every lane width divides it.
pub(super) const BLOCKS: usize = 16;

/// Element by element, one number of each block.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(super) struct Columns<const N: usize>(pub [[f32; BLOCKS]; N]);

/// One number of each block.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(super) struct PerBlock(pub [f32; BLOCKS]);

impl<const N: usize> Columns<N> {
    pub(super) const ZERO: Self = Self([[0.0; BLOCKS]; N]);

    /// Turns up to sixteen blocks of `N`; blocks that are not there are zero.
    #[inline(always)]
    pub(super) fn of(values: &[f32]) -> Self {
        let mut columns = Self::ZERO;
        for (block, values) in values.as_chunks::<N>().0.iter().enumerate() {
            for i in 0..N {
                columns.0[i][block] = values[i];
            }
        }
        columns
    }

    /// The lanes of the blocks from `first` on.
    #[inline(always)]
    pub(super) fn lanes<V: Lanes>(&self, first: usize) -> [V; N] {
        let mut lanes = [V::splat(0.0); N];
        for i in 0..N {
            lanes[i] = V::load(&self.0[i][first..]);
        }
        lanes
    }

    #[inline(always)]
    pub(super) fn put<V: Lanes>(&mut self, first: usize, values: &[V; N]) {
        for i in 0..N {
            values[i].store(&mut self.0[i][first..]);
        }
    }

    /// Turns levels back: byte `block * N + i` of `out`.
    #[inline(always)]
    pub(super) fn levels<V: Lanes>(&self, out: &mut [u8]) {
        let mut bytes = [[0_u8; BLOCKS]; N];
        for i in 0..N {
            for first in (0..BLOCKS).step_by(V::LANES) {
                V::load(&self.0[i][first..]).store_bytes(&mut bytes[i][first..]);
            }
        }
        for (block, out) in out.as_chunks_mut::<N>().0.iter_mut().enumerate() {
            for i in 0..N {
                out[i] = bytes[i][block];
            }
        }
    }
}

impl PerBlock {
    pub(super) const ZERO: Self = Self([0.0; BLOCKS]);

    #[inline(always)]
    pub(super) fn lanes<V: Lanes>(&self, first: usize) -> V {
        V::load(&self.0[first..])
    }

    #[inline(always)]
    pub(super) fn put<V: Lanes>(&mut self, first: usize, values: V) {
        values.store(&mut self.0[first..]);
    }
}

/// Replaces the levels by those that suit the scales as they are stored; keeps them where a scale is zero.
#[inline(always)]
pub(super) fn requantize<V: Lanes, const N: usize>(
    x: &Columns<N>,
    stored: &Stored,
    (low, high): (f32, f32),
    levels: &mut Columns<N>,
) {
    for first in (0..BLOCKS).step_by(V::LANES) {
        let (scale, min) = (stored.scale.lanes::<V>(first), stored.min.lanes::<V>(first));
        let zero = V::not(V::splat(0.0).less(scale.abs()));
        for i in 0..N {
            let value = V::load(&x.0[i][first..]);
            let level = value.add(min).div(scale).nearest_within(low, high).sub(V::splat(low));
            V::select(zero, V::load(&levels.0[i][first..]), level).store(&mut levels.0[i][first..]);
        }
    }
}

/// Scale and minimum of every block as a reader will see them.
pub(super) struct Stored {
    pub scale: PerBlock,
    pub min: PerBlock,
}

impl Stored {
    pub(super) const ZERO: Self = Self { scale: PerBlock::ZERO, min: PerBlock::ZERO };
}

/// Weights for given importances: importance times the root of the mean square around and the value's own square.
///
/// `mean`: for each block the (scaled) mean square of what it belongs to.
#[inline(always)]
pub(super) fn weigh<V: Lanes, const N: usize>(x: &[V; N], importance: &[V; N], mean: V) -> [V; N] {
    let mut weights = *importance;
    for i in 0..N {
        weights[i] = importance[i].mul(mean.add(x[i].mul(x[i])).sqrt());
    }
    weights
}

/// The sum in order.
#[inline(always)]
pub(super) fn sum<V: Lanes, const N: usize>(values: &[V; N]) -> V {
    let mut sum = V::splat(0.0);
    for value in values {
        sum = sum.add(*value);
    }
    sum
}

/// The sum of squares in order.
#[inline(always)]
pub(super) fn sum_of_squares(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |sum, value| sum + value * value)
}
