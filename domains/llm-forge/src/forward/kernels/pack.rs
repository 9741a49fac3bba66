//! Weights laid out for the product: panels of thirty-two outputs, `k` outermost.

#[cfg(target_arch = "x86_64")]
use super::avx512;
use super::isa::{Isa, Path};
use super::portable;

/// Outputs in one panel.
pub const WIDTH: usize = 32;

/// One `k` of a panel: the weights of [`WIDTH`] neighbouring outputs. Aligned so that a vector load never crosses a cache line.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub struct PanelRow(pub [f32; WIDTH]);

impl PanelRow {
    /// A row of zeros.
    pub const ZERO: PanelRow = PanelRow([0.0; WIDTH]);
}

/// `[k, WIDTH]`: the weights of up to [`WIDTH`] outputs; lanes past the last output hold zeros.
pub type Panel = [PanelRow];

/// Fills a panel from row-major weights, one row per output: `panel[k][j] = rows[j][k]`.
///
/// # Shapes
/// `rows`: `[count, panel.len()]` with `count <= WIDTH`.
pub fn pack_rows(isa: Isa, rows: &[f32], count: usize, panel: &mut Panel) {
    let width = panel.len();
    assert!(count <= WIDTH && rows.len() == count * width, "rows is [count, k] and count fits a panel");
    let blocks = width / 16 * 16;
    for lane in [0, 16] {
        if count >= lane + 16 {
            for k in (0..blocks).step_by(16) {
                transpose_block(isa, &rows[lane * width + k..], width, &mut panel[k..k + 16], lane);
            }
            pack_edge(rows, lane..lane + 16, blocks, panel);
        } else {
            pack_edge(rows, lane..count.max(lane), 0, panel);
            for row in panel.iter_mut() {
                row.0[count.max(lane)..lane + 16].fill(0.0);
            }
        }
    }
}

/// Fills a panel from weights that already have `k` outermost: `panel[k][j] = source[k * stride + j]` for `j < count`.
///
/// # Shapes
/// `source`: at least `(panel.len() - 1) * stride + count` values; `count <= WIDTH`.
pub fn pack_columns(source: &[f32], stride: usize, count: usize, panel: &mut Panel) {
    for (k, row) in panel.iter_mut().enumerate() {
        row.0[..count].copy_from_slice(&source[k * stride..k * stride + count]);
        row.0[count..].fill(0.0);
    }
}

/// Copies what no 16 by 16 block covers.
fn pack_edge(rows: &[f32], lanes: std::ops::Range<usize>, from: usize, panel: &mut Panel) {
    let width = panel.len();
    for lane in lanes {
        for (row, value) in panel[from..].iter_mut().zip(&rows[lane * width + from..(lane + 1) * width]) {
            row.0[lane] = *value;
        }
    }
}

fn transpose_block(isa: Isa, rows: &[f32], stride: usize, panel: &mut [PanelRow], lane: usize) {
    match isa.path() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: an `Isa` with this path exists only where the feature was detected.
        Path::Avx512Bf16 | Path::Avx512 => unsafe { avx512::transpose_block(rows, stride, panel, lane) },
        _ => portable::transpose_block(rows, stride, panel, lane),
    }
}
