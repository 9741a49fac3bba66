//! The path without intrinsics: the reference the others are held to, bit for bit.

use super::pack::{PanelRow, WIDTH};

/// Computes `out[m][j] = sum_k x[m][k] * panel[k][j]`, one fused chain over `k` per output.
///
/// # Shapes
/// `x`: M rows of `panel.len()`; `out`: `[M, WIDTH]`.
pub(super) fn tile<const M: usize>(x: [&[f32]; M], panel: &[PanelRow], out: &mut [PanelRow; M]) {
    let mut sums = [[0f32; WIDTH]; M];
    for (k, weights) in panel.iter().enumerate() {
        for (row, sum) in x.iter().zip(&mut sums) {
            let value = row[k];
            for (lane, weight) in sum.iter_mut().zip(&weights.0) {
                *lane = value.mul_add(*weight, *lane);
            }
        }
    }
    for (target, sum) in out.iter_mut().zip(sums) {
        target.0 = sum;
    }
}

/// Transposes one 16 by 16 block: `panel[i][lane + j] = rows[j * stride + i]`.
pub(super) fn transpose_block(rows: &[f32], stride: usize, panel: &mut [PanelRow], lane: usize) {
    for j in 0..16 {
        let row = &rows[j * stride..j * stride + 16];
        for (target, value) in panel[..16].iter_mut().zip(row) {
            target.0[lane + j] = *value;
        }
    }
}
