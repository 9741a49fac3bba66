//! `Q3_K` and `Q6_K`: super-blocks of 256 whose sixteen blocks have a signed scale and no minimum.

use super::batch::{BLOCKS, Columns, PerBlock, Stored, requantize, sum, sum_of_squares, weigh};
use super::scales::finite_half;
use super::search::{ZERO, scale, scale_by_descent};
use super::with_min::put_two_bits;
use crate::half::f16_to_f32;
use crate::lanes::{Lanes, Plain, nearest_int};

/// Elements of a super-block.
const SUPER: usize = 256;
/// Elements of a block.
const N: usize = SUPER / BLOCKS;

/// Quantises a row; `Err` is the index of the super-block whose values are too large.
#[inline(always)]
pub(super) fn q6_k<V: Lanes>(x: &[f32], importance: Option<&[f32]>, out: &mut [u8]) -> Result<(), usize> {
    for (index, (x, block)) in x.as_chunks::<SUPER>().0.iter().zip(out.as_chunks_mut::<210>().0).enumerate() {
        let weights = importance.map(|weights| &weights[index * SUPER..(index + 1) * SUPER]);
        q6_k_block::<V>(x, weights, block).ok_or(()).map_err(|()| index)?;
    }
    Ok(())
}

#[inline(always)]
fn q6_k_block<V: Lanes>(x: &[f32; SUPER], importance: Option<&[f32]>, block: &mut [u8; 210]) -> Option<()> {
    let columns = Columns::<N>::of(x);
    let importance = importance.map(Columns::<N>::of);
    let (mut scales, mut levels) = (PerBlock::ZERO, Columns::<N>::ZERO);
    for first in (0..BLOCKS).step_by(V::LANES) {
        let x = columns.lanes::<V>(first);
        let mut weights = x;
        match &importance {
            Some(importance) => weights = importance.lanes(first),
            None => {
                for weight in &mut weights {
                    *weight = weight.mul(*weight);
                }
            }
        }
        let mut found = x;
        scales.put(first, scale(&x, &weights, 32.0, &mut found));
        levels.put(first, &found);
    }
    let (largest, magnitude) = largest(&scales.0);
    if magnitude < ZERO {
        block.fill(0);
        return Some(());
    }
    let inverse = -128.0 / largest;
    let unit = finite_half(1.0 / inverse)?;
    block[208..].copy_from_slice(&unit.to_le_bytes());
    let mut stored = Stored::ZERO;
    for j in 0..BLOCKS {
        let level = nearest_int(inverse * scales.0[j]).min(127) as i8;
        block[192 + j] = level as u8;
        stored.scale.0[j] = f16_to_f32(unit) * f32::from(level);
    }
    requantize::<V, N>(&columns, &stored, (-32.0, 31.0), &mut levels);
    let mut bytes = [0; SUPER];
    levels.levels::<V>(&mut bytes);
    let (low, high) = block[..192].split_at_mut(128);
    for ((low, high), from) in
        low.as_chunks_mut::<64>().0.iter_mut().zip(high.as_chunks_mut::<32>().0).zip(bytes.as_chunks::<128>().0)
    {
        for l in 0..32 {
            let (a, b, c, d) = (from[l], from[l + 32], from[l + 64], from[l + 96]);
            low[l] = a & 15 | c << 4;
            low[l + 32] = b & 15 | d << 4;
            high[l] = a >> 4 | (b >> 4) << 2 | (c >> 4) << 4 | (d >> 4) << 6;
        }
    }
    Some(())
}

/// The number of largest magnitude, the first of equals, and its magnitude.
#[inline(always)]
fn largest(values: &[f32; BLOCKS]) -> (f32, f32) {
    values.iter().fold(
        (0.0, 0.0),
        |(peak, magnitude), value| {
            if value.abs() > magnitude { (*value, value.abs()) } else { (peak, magnitude) }
        },
    )
}

/// Quantises a row; `Err` is the index of the super-block whose values are too large.
#[inline(always)]
pub(super) fn q3_k<V: Lanes>(x: &[f32], importance: Option<&[f32]>, out: &mut [u8]) -> Result<(), usize> {
    for (index, (x, block)) in x.as_chunks::<SUPER>().0.iter().zip(out.as_chunks_mut::<110>().0).enumerate() {
        let weights = importance.map(|weights| &weights[index * SUPER..(index + 1) * SUPER]);
        q3_k_block::<V>(x, weights, block).ok_or(()).map_err(|()| index)?;
    }
    Ok(())
}

#[inline(always)]
fn q3_k_block<V: Lanes>(x: &[f32; SUPER], importance: Option<&[f32]>, block: &mut [u8; 110]) -> Option<()> {
    let columns = Columns::<N>::of(x);
    let mut levels = Columns::<N>::ZERO;
    let (scale_levels, unit) = match importance {
        Some(weights) => q3_k_weighted::<V>(x, &columns, weights, &mut levels),
        None => q3_k_plain::<V>(&columns, &mut levels),
    };
    let unit = finite_half(unit)?;
    let (high, rest) = block.split_at_mut(32);
    let (low, rest) = rest.split_at_mut(64);
    let (packed, half) = rest.split_at_mut(12);
    half.copy_from_slice(&unit.to_le_bytes());
    packed.fill(0);
    let mut stored = Stored::ZERO;
    for j in 0..BLOCKS {
        packed[j % 8] |= (scale_levels[j] & 15) << (4 * (j / 8));
        packed[8 + j % 4] |= (scale_levels[j] >> 4) << (2 * (j / 4));
        stored.scale.0[j] = f16_to_f32(unit) * (f32::from(scale_levels[j]) - 32.0);
    }
    requantize::<V, N>(&columns, &stored, (-4.0, 3.0), &mut levels);
    let mut bytes = [0; SUPER];
    levels.levels::<V>(&mut bytes);
    high.fill(0);
    for (bit, levels) in bytes.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        for l in 0..32 {
            high[l] |= (levels[l] >> 2) << bit;
            levels[l] &= 3;
        }
    }
    put_two_bits(low, &bytes);
    Some(())
}

/// Levels of the scales, counted from 0, and their unit.
#[inline(always)]
fn q3_k_plain<V: Lanes>(columns: &Columns<N>, levels: &mut Columns<N>) -> ([u8; BLOCKS], f32) {
    let mut scales = PerBlock::ZERO;
    for first in (0..BLOCKS).step_by(V::LANES) {
        let x = columns.lanes::<V>(first);
        let mut found = x;
        scales.put(first, scale_by_descent(&x, 4.0, &mut found));
        levels.put(first, &found);
    }
    let (largest, _) = largest(&scales.0);
    if largest == 0.0 {
        return ([0; BLOCKS], 0.0);
    }
    let inverse = -32.0 / largest;
    (scales.0.map(|scale| (nearest_int(inverse * scale).clamp(-32, 31) + 32) as u8), 1.0 / inverse)
}

/// As [`q3_k_plain`], with importances.
#[inline(always)]
fn q3_k_weighted<V: Lanes>(
    x: &[f32; SUPER],
    columns: &Columns<N>,
    importance: &[f32],
    levels: &mut Columns<N>,
) -> ([u8; BLOCKS], f32) {
    let mean = 2.0 * sum_of_squares(x) / SUPER as f32;
    let importance = Columns::<N>::of(importance);
    let (mut scales, mut mass) = (PerBlock::ZERO, PerBlock::ZERO);
    for first in (0..BLOCKS).step_by(V::LANES) {
        let x = columns.lanes::<V>(first);
        let weights = weigh(&x, &importance.lanes(first), V::splat(mean));
        let mut found = x;
        scales.put(first, scale(&x, &weights, 4.0, &mut found));
        mass.put(first, sum(&weights));
        levels.put(first, &found);
    }
    let single = |values: &PerBlock| values.0.map(Plain::<1>::splat);
    let mut found = [Plain::<1>::splat(0.0); BLOCKS];
    let unit = scale(&single(&scales), &single(&mass), 32.0, &mut found);
    let number = |lanes: Plain<1>| {
        let mut value = [0.0];
        lanes.store(&mut value);
        value[0]
    };
    (found.map(|level| number(level) as u8), number(unit))
}
