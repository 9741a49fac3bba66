//! Blocks of 32 signed bytes and one scale.

use super::scales::finite_half;
use crate::lanes::Lanes;

/// Quantises a row; `Err` is the index of a block whose scale is infinite in half precision.
#[inline(always)]
pub(super) fn quantize<V: Lanes>(values: &[f32], out: &mut [u8]) -> Result<(), usize> {
    for (index, (values, out)) in values.as_chunks::<32>().0.iter().zip(out.as_chunks_mut::<34>().0).enumerate() {
        let scale = largest_magnitude(values) / 127.0;
        let inverse = if scale == 0.0 { 0.0 } else { 1.0 / scale };
        let (head, levels) = out.split_at_mut(2);
        head.copy_from_slice(&finite_half(scale).ok_or(index)?.to_le_bytes());
        for first in (0..32).step_by(V::LANES) {
            let value = V::load(&values[first..]).mul(V::splat(inverse));
            as_signed_bytes(half_away_from_zero(value)).store_bytes(&mut levels[first..]);
        }
    }
    Ok(())
}

/// Compared as bits, which are in the order of the magnitudes.
#[inline(always)]
fn largest_magnitude(values: &[f32; 32]) -> f32 {
    let mut largest = 0;
    for value in values {
        largest = largest.max(value.to_bits() & 0x7fff_ffff);
    }
    f32::from_bits(largest)
}

/// The nearest whole number, and the one further from zero in the middle of two, as the C function `roundf`.
#[inline(always)]
fn half_away_from_zero<V: Lanes>(value: V) -> V {
    let magnitude = value.abs();
    let even = magnitude.nearest();
    let down_from_middle = V::not(magnitude.sub(even).less(V::splat(0.5)));
    let rounded = V::select(down_from_middle, even.add(V::splat(1.0)), even);
    V::select(value.less(V::splat(0.0)), V::splat(0.0).sub(rounded), rounded)
}

/// The byte of a signed number from -128 to 127, as a number from 0 to 255.
#[inline(always)]
fn as_signed_bytes<V: Lanes>(value: V) -> V {
    V::select(value.less(V::splat(0.0)), value.add(V::splat(256.0)), value)
}
