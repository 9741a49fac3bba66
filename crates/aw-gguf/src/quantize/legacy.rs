//! `Q4_0`, `Q5_0` and `Q5_1`: blocks of 32 on their own, for rows that are no multiple of 256.

use super::batch::{BLOCKS, Columns, PerBlock, sum_of_squares, weigh};
use super::scales::finite_half;
use super::search::{Steps, scale, scale_and_min};
use crate::lanes::Lanes;

/// Elements of a block.
const N: usize = 32;

#[inline(always)]
pub(super) fn q4_0<V: Lanes>(x: &[f32], importance: Option<&[f32]>, out: &mut [u8]) -> Result<(), usize> {
    let Some(importance) = importance else { return signed::<18>(x, 8.0, out, put_q4_0) };
    weighted::<V, 18>(x, importance, out, |x, weights, levels| (scale(x, weights, 8.0, levels), V::splat(0.0)), put_q4_0)
}

#[inline(always)]
pub(super) fn q5_0<V: Lanes>(x: &[f32], importance: Option<&[f32]>, out: &mut [u8]) -> Result<(), usize> {
    let Some(importance) = importance else { return signed::<22>(x, 16.0, out, put_q5_0) };
    weighted::<V, 22>(x, importance, out, |x, weights, levels| (scale(x, weights, 16.0, levels), V::splat(0.0)), put_q5_0)
}

#[inline(always)]
pub(super) fn q5_1<V: Lanes>(x: &[f32], importance: Option<&[f32]>, out: &mut [u8]) -> Result<(), usize> {
    let Some(importance) = importance else { return q5_1_plain(x, out) };
    let steps = Steps { top: 31.0, first: -0.9, step: 0.05, count: 36 };
    weighted::<V, 24>(x, importance, out, |x, weights, levels| scale_and_min::<V, N, false>(x, weights, steps, levels), put_q5_1)
}

/// Writes the scale, the minimum where there is one, and the levels; `None` where a half is not finite.
type Put<const BYTES: usize> = fn(&mut [u8; BYTES], f32, f32, &[u8; N]) -> Option<()>;

/// Without importances: the scale that puts the largest magnitude at the lowest level.
#[inline(always)]
fn signed<const BYTES: usize>(x: &[f32], top: f32, out: &mut [u8], put: Put<BYTES>) -> Result<(), usize> {
    for (index, (x, block)) in x.as_chunks::<N>().0.iter().zip(out.as_chunks_mut::<BYTES>().0).enumerate() {
        let (peak, _) =
            x.iter().fold(
                (0_f32, 0_f32),
                |(peak, magnitude), value| {
                    if magnitude < value.abs() { (*value, value.abs()) } else { (peak, magnitude) }
                },
            );
        let unit = peak / -top;
        let inverse = if unit == 0.0 { 0.0 } else { 1.0 / unit };
        let levels = x.map(|value| ((value * inverse + (top + 0.5)) as u8).min(2 * top as u8 - 1));
        put(block, unit, 0.0, &levels).ok_or(index)?;
    }
    Ok(())
}

#[inline(always)]
fn q5_1_plain(x: &[f32], out: &mut [u8]) -> Result<(), usize> {
    for (index, (x, block)) in x.as_chunks::<N>().0.iter().zip(out.as_chunks_mut::<24>().0).enumerate() {
        let low = x.iter().fold(f32::MAX, |low, value| if *value < low { *value } else { low });
        let high = x.iter().fold(f32::MIN, |high, value| if *value > high { *value } else { high });
        let unit = (high - low) / 31.0;
        let inverse = if unit == 0.0 { 0.0 } else { 1.0 / unit };
        let levels = x.map(|value| ((value - low) * inverse + 0.5) as u8);
        put_q5_1(block, unit, -low, &levels).ok_or(index)?;
    }
    Ok(())
}

/// With importances: the search over scales, weighted around the mean square of the row.
#[inline(always)]
fn weighted<V: Lanes, const BYTES: usize>(
    x: &[f32],
    importance: &[f32],
    out: &mut [u8],
    search: impl Fn(&[V; N], &[V; N], &mut [V; N]) -> (V, V),
    put: Put<BYTES>,
) -> Result<(), usize> {
    let mean = V::splat(sum_of_squares(x) / x.len() as f32);
    let batches = x.chunks(BLOCKS * N).zip(importance.chunks(BLOCKS * N));
    for (index, ((x, importance), blocks)) in batches.zip(out.as_chunks_mut::<BYTES>().0.chunks_mut(BLOCKS)).enumerate() {
        let (columns, importance) = (Columns::<N>::of(x), Columns::<N>::of(importance));
        let (mut units, mut mins, mut levels) = (PerBlock::ZERO, PerBlock::ZERO, Columns::<N>::ZERO);
        for first in (0..BLOCKS).step_by(V::LANES) {
            let x = columns.lanes::<V>(first);
            let mut found = x;
            let (unit, min) = search(&x, &weigh(&x, &importance.lanes(first), mean), &mut found);
            units.put(first, unit);
            mins.put(first, min);
            levels.put(first, &found);
        }
        let mut bytes = [[0; N]; BLOCKS];
        levels.levels::<V>(bytes.as_flattened_mut());
        for (at, block) in blocks.iter_mut().enumerate() {
            put(block, units.0[at], mins.0[at], &bytes[at]).ok_or(index * BLOCKS + at)?;
        }
    }
    Ok(())
}

#[inline(always)]
fn put_q4_0(block: &mut [u8; 18], unit: f32, _: f32, levels: &[u8; N]) -> Option<()> {
    block[..2].copy_from_slice(&finite_half(unit)?.to_le_bytes());
    put_nibbles(&mut block[2..], levels);
    Some(())
}

#[inline(always)]
fn put_q5_0(block: &mut [u8; 22], unit: f32, _: f32, levels: &[u8; N]) -> Option<()> {
    block[..2].copy_from_slice(&finite_half(unit)?.to_le_bytes());
    block[2..6].copy_from_slice(&fifth_bits(levels).to_le_bytes());
    put_nibbles(&mut block[6..], levels);
    Some(())
}

#[inline(always)]
fn put_q5_1(block: &mut [u8; 24], unit: f32, min: f32, levels: &[u8; N]) -> Option<()> {
    block[..2].copy_from_slice(&finite_half(unit)?.to_le_bytes());
    block[2..4].copy_from_slice(&finite_half(-min)?.to_le_bytes());
    block[4..8].copy_from_slice(&fifth_bits(levels).to_le_bytes());
    put_nibbles(&mut block[8..], levels);
    Some(())
}

/// The low four bits: elements 0 to 15 in the low halves of the bytes, 16 to 31 in the high ones.
#[inline(always)]
fn put_nibbles(to: &mut [u8], levels: &[u8; N]) {
    to.iter_mut().enumerate().for_each(|(j, to)| *to = levels[j] & 15 | levels[j + 16] << 4);
}

#[inline(always)]
fn fifth_bits(levels: &[u8; N]) -> u32 {
    levels.iter().enumerate().fold(0, |bits, (j, level)| bits | u32::from(level >> 4 & 1) << j)
}
