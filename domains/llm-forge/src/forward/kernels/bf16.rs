//! The product in bf16: both sides rounded to bf16, sums in f32.
//!
//! Two neighbouring values of a row lie in one 32-bit lane, the first in the low half, so that a panel is laid out as that of the
//! product in f32, with half as many rows. A lane's chain over the pairs is that of `VDPBF16PS`: the second of a pair before the
//! first, each a fused multiply-add, numbers too small to be normal taken and given as zero.

use super::isa::{Isa, Path};
use super::pack::{PanelRow, WIDTH};

/// Number of pairs a row of `width` values takes.
pub(super) fn pairs(width: usize) -> usize {
    width.div_ceil(2)
}

/// Rounds rows to bf16, nearest and ties to even, and lays them out in pairs; an odd row ends with a zero.
///
/// # Shapes
/// `rows`: `[count, width]`; `out`: `[count, (width + 1) / 2]`.
pub fn pack_pairs(rows: &[f32], width: usize, out: &mut [f32]) {
    for (row, out) in rows.chunks_exact(width).zip(out.chunks_exact_mut(pairs(width))) {
        let (both, rest) = row.as_chunks::<2>();
        for ([low, high], pair) in both.iter().zip(out.iter_mut()) {
            *pair = f32::from_bits(round(*low) | (round(*high) << 16));
        }
        if let ([last], Some(pair)) = (rest, out.last_mut()) {
            *pair = f32::from_bits(round(*last));
        }
    }
}

/// The bits of a number rounded to bf16. Not-a-number stays one.
#[inline(always)]
fn round(value: f32) -> u32 {
    let bits = value.to_bits();
    if value.is_nan() {
        return (bits >> 16) | 0x40;
    }
    (bits + 0x7fff + ((bits >> 16) & 1)) >> 16
}

/// Computes `out[m][j]`, the chains of one tile.
///
/// # Shapes
/// `x`: M rows of `panel.len()` pairs; `out`: `[M, WIDTH]`.
pub(super) fn tile<const M: usize>(isa: Isa, x: [&[f32]; M], panel: &[PanelRow], out: &mut [PanelRow; M]) {
    match isa.path() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: an `Isa` with this path exists only where the features were detected.
        Path::Avx512Bf16 => unsafe { native::tile(x, panel, out) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Path::Avx512 => unsafe { avx512_chains(x, panel, out) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Path::Avx2 => unsafe { avx2_chains(x, panel, out) },
        Path::Portable => chains(x, panel, out),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn avx512_chains<const M: usize>(x: [&[f32]; M], panel: &[PanelRow], out: &mut [PanelRow; M]) {
    chains(x, panel, out);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2_chains<const M: usize>(x: [&[f32]; M], panel: &[PanelRow], out: &mut [PanelRow; M]) {
    chains(x, panel, out);
}

/// The definition, without intrinsics.
#[inline(always)]
fn chains<const M: usize>(x: [&[f32]; M], panel: &[PanelRow], out: &mut [PanelRow; M]) {
    let mut sums = [[0f32; WIDTH]; M];
    for (k, weights) in panel.iter().enumerate() {
        let mut halves = [[0f32; WIDTH]; 2];
        for (lane, pair) in weights.0.iter().enumerate() {
            halves[0][lane] = low(*pair);
            halves[1][lane] = high(*pair);
        }
        for (row, sums) in x.iter().zip(&mut sums) {
            let (first, second) = (low(row[k]), high(row[k]));
            for ((sum, a), b) in sums.iter_mut().zip(&halves[0]).zip(&halves[1]) {
                *sum = flush(first.mul_add(*a, flush(second.mul_add(*b, *sum))));
            }
        }
    }
    for (target, sum) in out.iter_mut().zip(sums) {
        target.0 = sum;
    }
}

/// The first of a pair.
#[inline(always)]
fn low(pair: f32) -> f32 {
    flush(f32::from_bits(pair.to_bits() << 16))
}

/// The second of a pair.
#[inline(always)]
fn high(pair: f32) -> f32 {
    flush(f32::from_bits(pair.to_bits() & 0xffff_0000))
}

/// Zero, of the same sign, for a number too small to be normal.
#[inline(always)]
fn flush(value: f32) -> f32 {
    let bits = value.to_bits();
    f32::from_bits(if bits & 0x7f80_0000 == 0 { bits & 0x8000_0000 } else { bits })
}

#[cfg(target_arch = "x86_64")]
mod native {
    use super::PanelRow;
    use std::arch::x86_64::{
        __m512, __m512bh, _mm512_dpbf16_ps, _mm512_load_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_store_ps,
    };

    /// As [`super::chains`].
    #[target_feature(enable = "avx512f,avx512bf16")]
    pub(super) fn tile<const M: usize>(x: [&[f32]; M], panel: &[PanelRow], out: &mut [PanelRow; M]) {
        assert!(x.iter().all(|row| row.len() == panel.len()), "a row of x is as long as the panel");
        let mut sums = [[_mm512_setzero_ps(); 2]; M];
        for (k, weights) in panel.iter().enumerate() {
            let lanes = weights.0.as_ptr();
            // SAFETY: a panel row is 32 lanes, aligned to 64 bytes by its type.
            let (low, high) = unsafe { (pairs(_mm512_load_ps(lanes)), pairs(_mm512_load_ps(lanes.add(16)))) };
            for m in 0..M {
                // SAFETY: k < panel.len(), which every row's length equals (asserted above).
                let value = pairs(_mm512_set1_ps(unsafe { *x[m].get_unchecked(k) }));
                sums[m][0] = _mm512_dpbf16_ps(sums[m][0], value, low);
                sums[m][1] = _mm512_dpbf16_ps(sums[m][1], value, high);
            }
        }
        for (target, sum) in out.iter_mut().zip(sums) {
            let lanes = target.0.as_mut_ptr();
            // SAFETY: a panel row is 32 floats, aligned to 64 bytes by its type.
            unsafe {
                _mm512_store_ps(lanes, sum[0]);
                _mm512_store_ps(lanes.add(16), sum[1]);
            }
        }
    }

    /// The same bits as pairs of bf16.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bf16")]
    fn pairs(lanes: __m512) -> __m512bh {
        // SAFETY: both are 64 bytes without invalid values.
        unsafe { std::mem::transmute::<__m512, __m512bh>(lanes) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::{Precision, Scratch, SliceRows, product};
    use super::*;

    /// Numbers without pattern, in -1..1, from a multiplicative hash, with a few that bf16 cannot hold as normal ones.
    fn numbers(count: usize, seed: u32) -> Vec<f32> {
        let number = |i: u32| ((i ^ seed).wrapping_mul(2_654_435_761) >> 7) as f32 / 16_777_216.0 - 1.0;
        (0..count as u32).map(|i| if i % 97 == 5 { number(i) * 1e-39 } else { number(i) }).collect()
    }

    #[test]
    fn rounding_is_to_the_nearest_even() {
        for (bits, expected) in
            [(0x3f80_8000, 0x3f80), (0x3f81_8000, 0x3f82), (0x3f80_8001, 0x3f81), (0x7f7f_ffff, 0x7f80), (0, 0)]
        {
            assert_eq!(round(f32::from_bits(bits)), expected, "{bits:x}");
        }
        assert!(f32::from_bits(round(f32::from_bits(0x7f80_0001)) << 16).is_nan());
    }

    #[test]
    fn every_path_gives_the_bits_of_the_definition_on_odd_shapes() {
        for (rows, width, outputs) in
            [(1, 1, 1), (3, 5, 31), (8, 16, 32), (9, 17, 33), (13, 48, 65), (70, 100, 47), (7, 2000, 130)]
        {
            let (x, weights) = (numbers(rows * width, 1), numbers(outputs * width, 77));
            let bf16 = |value: f32| flush(f32::from_bits(round(value) << 16));
            let mut expected = Vec::new();
            for row in x.chunks_exact(width) {
                for weight in weights.chunks_exact(width) {
                    let at = |values: &[f32], k: usize| values.get(k).map_or(0.0, |value| bf16(*value));
                    let chain = |sum: f32, k: usize| flush(at(row, k).mul_add(at(weight, k), sum));
                    let sum = (0..pairs(width)).fold(0f32, |sum, pair| chain(chain(sum, 2 * pair + 1), 2 * pair));
                    expected.push(sum.to_bits());
                }
            }
            for isa in Isa::available() {
                let mut y = vec![f32::NAN; rows * outputs];
                let mut scratch = Scratch::of(Precision::Bf16);
                let Ok(()) = product(isa, &x, &SliceRows { weights: &weights, width }, 0..outputs, &mut scratch, &mut y);
                let bits: Vec<u32> = y.iter().map(|value| value.to_bits()).collect();
                assert!(bits == expected, "{} differs at [{rows}, {width}] x {outputs}", isa.name());
            }
        }
    }
}
