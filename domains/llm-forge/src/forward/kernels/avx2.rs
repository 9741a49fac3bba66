//! The 256-bit path: a panel in two halves of sixteen outputs, up to four rows at once, so that sums stay in registers.

use std::arch::x86_64::{_mm256_fmadd_ps, _mm256_load_ps, _mm256_set1_ps, _mm256_setzero_ps, _mm256_store_ps};

use super::pack::PanelRow;

/// As [`super::portable::tile`].
///
/// # Shapes
/// `x`: M rows of `panel.len()`; `out`: `[M, WIDTH]`.
#[target_feature(enable = "avx2,fma")]
pub(super) fn tile<const M: usize>(x: [&[f32]; M], panel: &[PanelRow], out: &mut [PanelRow; M]) {
    assert!(x.iter().all(|row| row.len() == panel.len()), "a row of x is as long as the panel");
    let mut m = 0;
    while m < M {
        match M - m {
            1 => half_tiles::<1>([x[m]], panel, &mut out[m..]),
            2 => half_tiles::<2>([x[m], x[m + 1]], panel, &mut out[m..]),
            3 => half_tiles::<3>([x[m], x[m + 1], x[m + 2]], panel, &mut out[m..]),
            _ => half_tiles::<4>([x[m], x[m + 1], x[m + 2], x[m + 3]], panel, &mut out[m..]),
        }
        m += 4;
    }
}

/// Computes both halves of `P` rows; every row of `x` is as long as the panel.
#[target_feature(enable = "avx2,fma")]
fn half_tiles<const P: usize>(x: [&[f32]; P], panel: &[PanelRow], out: &mut [PanelRow]) {
    assert!(x.iter().all(|row| row.len() == panel.len()) && out.len() >= P, "a row of x is as long as the panel");
    for first in [0, 16] {
        let mut sums = [[_mm256_setzero_ps(); 2]; P];
        for (k, weights) in panel.iter().enumerate() {
            let lanes = weights.0.as_ptr();
            // SAFETY: first + 16 <= 32 floats of the row, aligned to 64 bytes by its type.
            let (low, high) = unsafe { (_mm256_load_ps(lanes.add(first)), _mm256_load_ps(lanes.add(first + 8))) };
            for p in 0..P {
                // SAFETY: k < panel.len(), which every row's length equals (asserted above).
                let value = _mm256_set1_ps(unsafe { *x[p].get_unchecked(k) });
                sums[p][0] = _mm256_fmadd_ps(value, low, sums[p][0]);
                sums[p][1] = _mm256_fmadd_ps(value, high, sums[p][1]);
            }
        }
        for (target, sum) in out.iter_mut().zip(sums) {
            let lanes = target.0.as_mut_ptr();
            // SAFETY: first + 16 <= 32 floats of the row, aligned to 64 bytes by its type.
            unsafe {
                _mm256_store_ps(lanes.add(first), sum[0]);
                _mm256_store_ps(lanes.add(first + 8), sum[1]);
            }
        }
    }
}
