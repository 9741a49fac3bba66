//! The 512-bit path: thirty-two outputs in two registers, up to eight rows at once.

use std::arch::x86_64::{
    __m512, _mm512_castpd_ps, _mm512_castps_pd, _mm512_fmadd_ps, _mm512_load_ps, _mm512_loadu_ps, _mm512_set1_ps,
    _mm512_setzero_ps, _mm512_shuffle_f32x4, _mm512_store_ps, _mm512_unpackhi_pd, _mm512_unpackhi_ps, _mm512_unpacklo_pd,
    _mm512_unpacklo_ps,
};

use super::pack::PanelRow;

/// As [`super::portable::tile`].
///
/// # Shapes
/// `x`: M rows of `panel.len()`; `out`: `[M, WIDTH]`.
#[target_feature(enable = "avx512f")]
pub(super) fn tile<const M: usize>(x: [&[f32]; M], panel: &[PanelRow], out: &mut [PanelRow; M]) {
    assert!(x.iter().all(|row| row.len() == panel.len()), "a row of x is as long as the panel");
    let mut sums = [[_mm512_setzero_ps(); 2]; M];
    for (k, weights) in panel.iter().enumerate() {
        let lanes = weights.0.as_ptr();
        // SAFETY: a panel row is 32 floats, aligned to 64 bytes by its type.
        let (low, high) = unsafe { (_mm512_load_ps(lanes), _mm512_load_ps(lanes.add(16))) };
        for m in 0..M {
            // SAFETY: k < panel.len(), which every row's length equals (asserted above).
            let value = _mm512_set1_ps(unsafe { *x[m].get_unchecked(k) });
            sums[m][0] = _mm512_fmadd_ps(value, low, sums[m][0]);
            sums[m][1] = _mm512_fmadd_ps(value, high, sums[m][1]);
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

/// As [`super::portable::transpose_block`].
#[target_feature(enable = "avx512f")]
pub(super) fn transpose_block(rows: &[f32], stride: usize, panel: &mut [PanelRow], lane: usize) {
    assert!(
        rows.len() >= 15 * stride + 16 && panel.len() >= 16 && (lane == 0 || lane == 16),
        "the block lies inside rows and panel"
    );
    let mut r = [_mm512_setzero_ps(); 16];
    for (j, register) in r.iter_mut().enumerate() {
        // SAFETY: j <= 15, so the sixteen floats end at or before 15 * stride + 16 (asserted above).
        *register = unsafe { _mm512_loadu_ps(rows.as_ptr().add(j * stride)) };
    }
    for (target, column) in panel[..16].iter_mut().zip(transpose(r)) {
        // SAFETY: the row holds 32 floats aligned to 64 bytes and lane is 0 or 16.
        unsafe { _mm512_store_ps(target.0.as_mut_ptr().add(lane), column) };
    }
}

/// Transposes sixteen registers of sixteen lanes: pairs, then quads, then 128-bit groups twice.
#[target_feature(enable = "avx512f")]
fn transpose(r: [__m512; 16]) -> [__m512; 16] {
    let mut pairs = [_mm512_setzero_ps(); 16];
    for i in 0..8 {
        pairs[2 * i] = _mm512_unpacklo_ps(r[2 * i], r[2 * i + 1]);
        pairs[2 * i + 1] = _mm512_unpackhi_ps(r[2 * i], r[2 * i + 1]);
    }
    // quads[4 * g + c]: in each 128-bit group b, column 4 * b + c of the four rows 4 * g ..= 4 * g + 3.
    let mut quads = [_mm512_setzero_ps(); 16];
    for g in 0..4 {
        for half in 0..2 {
            let (a, b) = (_mm512_castps_pd(pairs[4 * g + half]), _mm512_castps_pd(pairs[4 * g + 2 + half]));
            quads[4 * g + 2 * half] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b));
            quads[4 * g + 2 * half + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
        }
    }
    let mut out = [_mm512_setzero_ps(); 16];
    for c in 0..4 {
        // 0x88 takes groups 0 and 2 of each operand, 0xdd groups 1 and 3.
        let even01 = _mm512_shuffle_f32x4::<0x88>(quads[c], quads[4 + c]);
        let even23 = _mm512_shuffle_f32x4::<0x88>(quads[8 + c], quads[12 + c]);
        let odd01 = _mm512_shuffle_f32x4::<0xdd>(quads[c], quads[4 + c]);
        let odd23 = _mm512_shuffle_f32x4::<0xdd>(quads[8 + c], quads[12 + c]);
        out[c] = _mm512_shuffle_f32x4::<0x88>(even01, even23);
        out[8 + c] = _mm512_shuffle_f32x4::<0xdd>(even01, even23);
        out[4 + c] = _mm512_shuffle_f32x4::<0x88>(odd01, odd23);
        out[12 + c] = _mm512_shuffle_f32x4::<0xdd>(odd01, odd23);
    }
    out
}
