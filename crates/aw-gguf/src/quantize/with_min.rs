//! `Q2_K`, `Q4_K` and `Q5_K`: super-blocks of 256 whose blocks have a scale and a minimum.

use super::batch::{BLOCKS, Columns, PerBlock, Stored, requantize, sum, sum_of_squares, weigh};
use super::scales::{finite_half, positive};
use super::search::{Steps, scale_and_min};
use crate::half::f16_to_f32;
use crate::lanes::{Lanes, nearest_int};

/// Elements of a super-block.
const SUPER: usize = 256;

/// What tells the three types apart.
trait Form<const N: usize, const BYTES: usize> {
    /// The highest level.
    const TOP: f32;
    /// The highest level of a scale.
    const TOP_SCALE: i32;
    /// First step, step and count of the search without importances.
    const STEPS: (f32, f32, u32);
    /// The mean square that weights start from, as a multiple of the super-block's.
    const MEAN: f32;

    /// Weights where no importance is given.
    fn weights<V: Lanes>(x: &[V; N]) -> [V; N];
    /// Stores levels of scales and minimums, whose type has four or six bits.
    fn put_scales(block: &mut [u8; BYTES], scales: &[u8], mins: &[u8]);
    /// Stores the two halves that scale scales and minimums.
    fn put_halves(block: &mut [u8; BYTES], scale: u16, min: u16);
    /// The levels of scale and minimum of a block as they are stored.
    fn stored(block: &[u8; BYTES], index: usize) -> (u8, u8);
    /// Stores the levels of 256 elements.
    fn put_levels(block: &mut [u8; BYTES], levels: &[u8; SUPER]);
}

pub(super) struct Q4K;
pub(super) struct Q5K;
pub(super) struct Q2K;

#[inline(always)]
pub(super) fn q4_k<V: Lanes>(x: &[f32], importance: Option<&[f32]>, out: &mut [u8]) -> Result<(), usize> {
    row::<V, Q4K, 32, 144, false>(x, importance, out)
}

#[inline(always)]
pub(super) fn q5_k<V: Lanes>(x: &[f32], importance: Option<&[f32]>, out: &mut [u8]) -> Result<(), usize> {
    row::<V, Q5K, 32, 176, false>(x, importance, out)
}

#[inline(always)]
pub(super) fn q2_k<V: Lanes>(x: &[f32], importance: Option<&[f32]>, out: &mut [u8]) -> Result<(), usize> {
    row::<V, Q2K, 16, 84, true>(x, importance, out)
}

/// Quantises a row, sixteen blocks at a time; `Err` is the index of the super-block whose values are too large.
///
/// `ABSOLUTE`: without importances, errors count by magnitude.
#[inline(always)]
fn row<V: Lanes, F: Form<N, BYTES>, const N: usize, const BYTES: usize, const ABSOLUTE: bool>(
    x: &[f32],
    importance: Option<&[f32]>,
    out: &mut [u8],
) -> Result<(), usize> {
    let supers = BLOCKS * N / SUPER;
    for (index, blocks) in out.as_chunks_mut::<BYTES>().0.chunks_mut(supers).enumerate() {
        let start = index * BLOCKS * N;
        let range = start..start + blocks.len() * SUPER;
        let weights = importance.map(|weights| &weights[range.clone()]);
        batch::<V, F, N, BYTES, ABSOLUTE>(&x[range], weights, blocks).map_err(|at| index * supers + at)?;
    }
    Ok(())
}

/// What the search found.
struct Found<const N: usize> {
    scales: PerBlock,
    mins: PerBlock,
    /// Sums of the weights of each block.
    mass: PerBlock,
    levels: Columns<N>,
}

#[inline(always)]
fn batch<V: Lanes, F: Form<N, BYTES>, const N: usize, const BYTES: usize, const ABSOLUTE: bool>(
    x: &[f32],
    importance: Option<&[f32]>,
    blocks: &mut [[u8; BYTES]],
) -> Result<(), usize> {
    let columns = Columns::<N>::of(x);
    let mut found = match importance {
        Some(weights) => search_weighted::<V, F, N, BYTES>(x, &columns, weights),
        None => search::<V, F, N, BYTES, ABSOLUTE>(&columns),
    };
    let mut stored = Stored::ZERO;
    for (at, block) in blocks.iter_mut().enumerate() {
        let range = at * SUPER / N..(at + 1) * SUPER / N;
        let (scales, mins) = (&found.scales.0[range.clone()], &found.mins.0[range.clone()]);
        let (scale, min) = match importance {
            Some(_) => fitted_scales::<F, N, BYTES>(scales, mins, &found.mass.0[range.clone()], block),
            None => largest_scales::<F, N, BYTES>(scales, mins, block),
        };
        let (Some(scale), Some(min)) = (finite_half(scale), finite_half(min)) else { return Err(at) };
        F::put_halves(block, scale, min);
        for (inside, index) in range.enumerate() {
            let (level, min_level) = F::stored(block, inside);
            stored.scale.0[index] = f16_to_f32(scale) * f32::from(level);
            stored.min.0[index] = f16_to_f32(min) * f32::from(min_level);
        }
    }
    requantize::<V, N>(&columns, &stored, (0.0, F::TOP), &mut found.levels);
    let mut levels = [[0; SUPER]; 2];
    found.levels.levels::<V>(&mut levels.as_flattened_mut()[..BLOCKS * N]);
    blocks.iter_mut().zip(&levels).for_each(|(block, levels)| F::put_levels(block, levels));
    Ok(())
}

#[inline(always)]
fn search<V: Lanes, F: Form<N, BYTES>, const N: usize, const BYTES: usize, const ABSOLUTE: bool>(
    columns: &Columns<N>,
) -> Found<N> {
    let mut found = Found { scales: PerBlock::ZERO, mins: PerBlock::ZERO, mass: PerBlock::ZERO, levels: Columns::ZERO };
    let (start, step, count) = F::STEPS;
    for first in (0..BLOCKS).step_by(V::LANES) {
        let x = columns.lanes::<V>(first);
        let mut levels = x;
        let steps = Steps { top: F::TOP, first: start, step, count };
        let (scale, min) = scale_and_min::<V, N, ABSOLUTE>(&x, &F::weights(&x), steps, &mut levels);
        found.scales.put(first, scale);
        found.mins.put(first, min);
        found.levels.put(first, &levels);
    }
    found
}

#[inline(always)]
fn search_weighted<V: Lanes, F: Form<N, BYTES>, const N: usize, const BYTES: usize>(
    x: &[f32],
    columns: &Columns<N>,
    importance: &[f32],
) -> Found<N> {
    let mut found = Found { scales: PerBlock::ZERO, mins: PerBlock::ZERO, mass: PerBlock::ZERO, levels: Columns::ZERO };
    let mut means = PerBlock::ZERO;
    for (at, values) in x.as_chunks::<SUPER>().0.iter().enumerate() {
        let mean = F::MEAN * sum_of_squares(values) / SUPER as f32;
        means.0[at * SUPER / N..(at + 1) * SUPER / N].fill(mean);
    }
    let importance = Columns::<N>::of(importance);
    for first in (0..BLOCKS).step_by(V::LANES) {
        let x = columns.lanes::<V>(first);
        let weights = weigh(&x, &importance.lanes(first), means.lanes(first));
        let mut levels = x;
        let steps = Steps { top: F::TOP, first: -0.9, step: 0.05, count: 36 };
        let (scale, min) = scale_and_min::<V, N, false>(&x, &weights, steps, &mut levels);
        found.scales.put(first, scale);
        found.mins.put(first, min);
        found.mass.put(first, sum(&weights));
        found.levels.put(first, &levels);
    }
    found
}

/// Scales and minimums as parts of the largest one; returns the units of both.
#[inline(always)]
fn largest_scales<F: Form<N, BYTES>, const N: usize, const BYTES: usize>(
    scales: &[f32],
    mins: &[f32],
    block: &mut [u8; BYTES],
) -> (f32, f32) {
    let top = F::TOP_SCALE as f32;
    let largest = |values: &[f32]| values.iter().fold(0_f32, |max, value| if *value > max { *value } else { max });
    let (max_scale, max_min) = (largest(scales), largest(mins));
    let quantized = |values: &[f32], max: f32| -> [u8; 16] {
        let inverse = if max > 0.0 { top / max } else { 0.0 };
        let level = |value: &f32| (nearest_int(inverse * value) as u8).min(F::TOP_SCALE as u8);
        std::array::from_fn(|at| values.get(at).map_or(0, level))
    };
    F::put_scales(block, &quantized(scales, max_scale), &quantized(mins, max_min));
    (max_scale / top, max_min / top)
}

/// Scales and minimums fitted to the blocks' weights; returns the units of both.
#[inline(always)]
fn fitted_scales<F: Form<N, BYTES>, const N: usize, const BYTES: usize>(
    scales: &[f32],
    mins: &[f32],
    mass: &[f32],
    block: &mut [u8; BYTES],
) -> (f32, f32) {
    let (mut scale_levels, mut min_levels) = ([0; 16], [0; 16]);
    let scale = positive(F::TOP_SCALE, scales, mass, &mut scale_levels[..scales.len()]);
    let min = positive(F::TOP_SCALE, mins, mass, &mut min_levels[..mins.len()]);
    F::put_scales(block, &scale_levels, &min_levels);
    (scale, min)
}

/// Eight scales and eight minimums of six bits in twelve bytes.
#[inline(always)]
fn put_six_bits(to: &mut [u8], scales: &[u8], mins: &[u8]) {
    for j in 0..4 {
        to[j] = scales[j] | (scales[j + 4] >> 4) << 6;
        to[j + 4] = mins[j] | (mins[j + 4] >> 4) << 6;
        to[j + 8] = scales[j + 4] & 15 | (mins[j + 4] & 15) << 4;
    }
}

/// The scale and the minimum of one of eight blocks.
#[inline(always)]
pub(crate) fn six_bits(from: &[u8], index: usize) -> (u8, u8) {
    match index {
        0..4 => (from[index] & 63, from[index + 4] & 63),
        _ => {
            let low = from[index + 4];
            (low & 15 | (from[index - 4] >> 6) << 4, low >> 4 | (from[index] >> 6) << 4)
        }
    }
}

#[inline(always)]
fn root_mean_square_plus_magnitude<V: Lanes>(x: &[V; 32]) -> [V; 32] {
    let mut squares = V::splat(0.0);
    for value in x {
        squares = squares.add(value.mul(*value));
    }
    let root = squares.div(V::splat(32.0)).sqrt();
    let mut weights = *x;
    for weight in &mut weights {
        *weight = root.add(weight.abs());
    }
    weights
}

impl Form<32, 144> for Q4K {
    const TOP: f32 = 15.0;
    const TOP_SCALE: i32 = 63;
    const STEPS: (f32, f32, u32) = (-1.0, 0.1, 20);
    const MEAN: f32 = 2.0;

    #[inline(always)]
    fn weights<V: Lanes>(x: &[V; 32]) -> [V; 32] {
        root_mean_square_plus_magnitude(x)
    }
    #[inline(always)]
    fn put_scales(block: &mut [u8; 144], scales: &[u8], mins: &[u8]) {
        put_six_bits(&mut block[4..16], scales, mins);
    }
    #[inline(always)]
    fn put_halves(block: &mut [u8; 144], scale: u16, min: u16) {
        block[..2].copy_from_slice(&scale.to_le_bytes());
        block[2..4].copy_from_slice(&min.to_le_bytes());
    }
    #[inline(always)]
    fn stored(block: &[u8; 144], index: usize) -> (u8, u8) {
        six_bits(&block[4..16], index)
    }
    #[inline(always)]
    fn put_levels(block: &mut [u8; 144], levels: &[u8; SUPER]) {
        for (to, from) in block[16..].as_chunks_mut::<32>().0.iter_mut().zip(levels.as_chunks::<64>().0) {
            for l in 0..32 {
                to[l] = from[l] | from[l + 32] << 4;
            }
        }
    }
}

impl Form<32, 176> for Q5K {
    const TOP: f32 = 31.0;
    const TOP_SCALE: i32 = 63;
    const STEPS: (f32, f32, u32) = (-0.5, 0.1, 15);
    const MEAN: f32 = 2.0;

    #[inline(always)]
    fn weights<V: Lanes>(x: &[V; 32]) -> [V; 32] {
        root_mean_square_plus_magnitude(x)
    }
    #[inline(always)]
    fn put_scales(block: &mut [u8; 176], scales: &[u8], mins: &[u8]) {
        put_six_bits(&mut block[4..16], scales, mins);
    }
    #[inline(always)]
    fn put_halves(block: &mut [u8; 176], scale: u16, min: u16) {
        block[..2].copy_from_slice(&scale.to_le_bytes());
        block[2..4].copy_from_slice(&min.to_le_bytes());
    }
    #[inline(always)]
    fn stored(block: &[u8; 176], index: usize) -> (u8, u8) {
        six_bits(&block[4..16], index)
    }
    #[inline(always)]
    fn put_levels(block: &mut [u8; 176], levels: &[u8; SUPER]) {
        let (high, low) = block[16..].split_at_mut(32);
        high.fill(0);
        for (at, (to, from)) in low.as_chunks_mut::<32>().0.iter_mut().zip(levels.as_chunks::<64>().0).enumerate() {
            for l in 0..32 {
                to[l] = from[l] & 15 | from[l + 32] << 4;
                high[l] |= (from[l] >> 4 | (from[l + 32] >> 4) << 1) << (2 * at);
            }
        }
    }
}

impl Form<16, 84> for Q2K {
    const TOP: f32 = 3.0;
    const TOP_SCALE: i32 = 15;
    const STEPS: (f32, f32, u32) = (-0.5, 0.1, 15);
    const MEAN: f32 = 1.0;

    #[inline(always)]
    fn weights<V: Lanes>(x: &[V; 16]) -> [V; 16] {
        let mut weights = *x;
        for weight in &mut weights {
            *weight = weight.abs();
        }
        weights
    }
    #[inline(always)]
    fn put_scales(block: &mut [u8; 84], scales: &[u8], mins: &[u8]) {
        for (to, (scale, min)) in block.iter_mut().zip(scales.iter().zip(mins)) {
            *to = scale | min << 4;
        }
    }
    #[inline(always)]
    fn put_halves(block: &mut [u8; 84], scale: u16, min: u16) {
        block[80..82].copy_from_slice(&scale.to_le_bytes());
        block[82..].copy_from_slice(&min.to_le_bytes());
    }
    #[inline(always)]
    fn stored(block: &[u8; 84], index: usize) -> (u8, u8) {
        (block[index] & 15, block[index] >> 4)
    }
    #[inline(always)]
    fn put_levels(block: &mut [u8; 84], levels: &[u8; SUPER]) {
        put_two_bits(&mut block[16..80], levels);
    }
}

/// Levels of two bits, four to a byte, 128 elements in 32 bytes.
#[inline(always)]
pub(super) fn put_two_bits(to: &mut [u8], levels: &[u8; SUPER]) {
    for (to, from) in to.as_chunks_mut::<32>().0.iter_mut().zip(levels.as_chunks::<128>().0) {
        for l in 0..32 {
            to[l] = from[l] | from[l + 32] << 2 | from[l + 64] << 4 | from[l + 96] << 6;
        }
    }
}
