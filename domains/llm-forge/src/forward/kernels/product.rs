//! The product of rows with streamed weights: `y[t, o] = sum_k x[t, k] * w[o, k]`.

use super::isa::{Isa, Path};
use super::pack::{Panel, PanelRow, WIDTH, pack_rows};
use super::portable;
#[cfg(target_arch = "x86_64")]
use super::{avx2, avx512};
use std::ops::Range;

/// Rows of `x` one tile takes at most: eight rows by two vectors keep every multiply-add unit busy without spilling registers.
pub const ROWS: usize = 8;

/// Bytes of packed weights kept at once, so that they stay in the second-level cache while all rows pass over them.
const PACKED_BYTES: usize = 512 << 10;

/// Bytes of `x` that pass over the packed weights at once.
const ROW_BLOCK_BYTES: usize = 128 << 10;

/// Weights of a projection, `[outputs, width]`, that can be read a few rows at a time.
pub trait Rows {
    /// Why a read can fail.
    type Error;

    /// Number of outputs.
    fn outputs(&self) -> usize;

    /// Number of inputs.
    fn width(&self) -> usize;

    /// Reads the weights of some outputs, widened to f32.
    ///
    /// # Shapes
    /// `out`: `[range.len(), width]`; `raw` is scratch of any content.
    ///
    /// # Errors
    /// When the bytes cannot be read.
    fn read(&self, range: Range<usize>, raw: &mut Vec<u8>, out: &mut [f32]) -> Result<(), Self::Error>;
}

/// Weights that are in memory already.
#[derive(Clone, Copy, Debug)]
pub struct SliceRows<'a> {
    /// `[outputs, width]`
    pub weights: &'a [f32],
    /// Number of inputs.
    pub width: usize,
}

impl Rows for SliceRows<'_> {
    type Error = std::convert::Infallible;

    fn outputs(&self) -> usize {
        self.weights.len() / self.width
    }

    fn width(&self) -> usize {
        self.width
    }

    fn read(&self, range: Range<usize>, _raw: &mut Vec<u8>, out: &mut [f32]) -> Result<(), Self::Error> {
        out.copy_from_slice(&self.weights[range.start * self.width..range.end * self.width]);
        Ok(())
    }
}

/// Buffers one thread reuses from product to product.
#[derive(Debug, Default)]
pub struct Scratch {
    raw: Vec<u8>,
    rows: Vec<f32>,
    panels: Vec<PanelRow>,
}

/// Computes `y[t, o - outputs.start] = sum_k x[t, k] * w[o, k]` for `o` in `outputs`, reading each weight once.
///
/// # Shapes
/// `x`: `[rows, width]`; `y`: `[rows, outputs.len()]`.
///
/// # Errors
/// As [`Rows::read`].
///
/// # Determinism
/// One fused chain over ascending `k` per output: equal bits for every instruction set and every split of rows or outputs.
pub fn product<W: Rows + ?Sized>(
    isa: Isa,
    x: &[f32],
    weights: &W,
    outputs: Range<usize>,
    scratch: &mut Scratch,
    y: &mut [f32],
) -> Result<(), W::Error> {
    let (width, columns) = (weights.width(), outputs.len());
    let rows = x.len() / width;
    assert!(
        x.len() == rows * width && y.len() == rows * columns && outputs.end <= weights.outputs(),
        "x is [rows, width] and y is [rows, outputs]"
    );
    let panels_at_once = (PACKED_BYTES / (width * size_of::<PanelRow>())).max(1);
    let rows_at_once = (ROW_BLOCK_BYTES / (width * size_of::<f32>())).max(1).next_multiple_of(ROWS);
    let mut first = outputs.start;
    while first < outputs.end {
        let last = outputs.end.min(first + panels_at_once * WIDTH);
        pack(isa, weights, first..last, scratch)?;
        for from in (0..rows).step_by(rows_at_once) {
            let to = rows.min(from + rows_at_once);
            for (index, panel) in scratch.panels.chunks_exact(width).enumerate() {
                let output = first + index * WIDTH;
                let lanes = WIDTH.min(last - output);
                for start in (from..to).step_by(ROWS) {
                    let count = ROWS.min(to - start);
                    let mut tile_out = [PanelRow::ZERO; ROWS];
                    tile(isa, &x[start * width..(start + count) * width], panel, &mut tile_out[..count]);
                    for (t, row) in (start..).zip(&tile_out[..count]) {
                        let at = t * columns + output - outputs.start;
                        y[at..at + lanes].copy_from_slice(&row.0[..lanes]);
                    }
                }
            }
        }
        first = last;
    }
    Ok(())
}

/// Reads and packs the panels of some outputs into `scratch.panels`.
fn pack<W: Rows + ?Sized>(isa: Isa, weights: &W, outputs: Range<usize>, scratch: &mut Scratch) -> Result<(), W::Error> {
    let width = weights.width();
    let Scratch { raw, rows, panels } = scratch;
    panels.resize(outputs.len().div_ceil(WIDTH) * width, PanelRow::ZERO);
    rows.resize(WIDTH * width, 0.0);
    for (panel, first) in panels.chunks_exact_mut(width).zip(outputs.clone().step_by(WIDTH)) {
        let last = outputs.end.min(first + WIDTH);
        let rows = &mut rows[..(last - first) * width];
        weights.read(first..last, raw, rows)?;
        pack_rows(isa, rows, last - first, panel);
    }
    Ok(())
}

/// Computes one tile: `out[m][j] = sum_k x[m, k] * panel[k][j]`.
///
/// # Shapes
/// `x`: `[out.len(), panel.len()]`; `out`: at most [`ROWS`].
pub fn tile(isa: Isa, x: &[f32], panel: &Panel, out: &mut [PanelRow]) {
    let width = panel.len();
    assert!(out.len() <= ROWS && x.len() == out.len() * width, "x is [rows, k] and rows fit a tile");
    match out.len() {
        1 => tile_of::<1>(isa, x, panel, out),
        2 => tile_of::<2>(isa, x, panel, out),
        3 => tile_of::<3>(isa, x, panel, out),
        4 => tile_of::<4>(isa, x, panel, out),
        5 => tile_of::<5>(isa, x, panel, out),
        6 => tile_of::<6>(isa, x, panel, out),
        7 => tile_of::<7>(isa, x, panel, out),
        8 => tile_of::<8>(isa, x, panel, out),
        _ => (),
    }
}

fn tile_of<const M: usize>(isa: Isa, x: &[f32], panel: &Panel, out: &mut [PanelRow]) {
    let rows: [&[f32]; M] = std::array::from_fn(|m| &x[m * panel.len()..(m + 1) * panel.len()]);
    let out: &mut [PanelRow; M] = out.try_into().expect("`tile` matched the length");
    match isa.path() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: an `Isa` with this path exists only where the feature was detected.
        Path::Avx512 => unsafe { avx512::tile(rows, panel, out) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Path::Avx2 => unsafe { avx2::tile(rows, panel, out) },
        Path::Portable => portable::tile(rows, panel, out),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Numbers without pattern, in -1..1, from a multiplicative hash.
    fn numbers(count: usize, seed: u32) -> Vec<f32> {
        (0..count as u32).map(|i| ((i ^ seed).wrapping_mul(2_654_435_761) >> 7) as f32 / 16_777_216.0 - 1.0).collect()
    }

    fn multiply(isa: Isa, x: &[f32], weights: SliceRows<'_>, outputs: Range<usize>) -> Vec<u32> {
        let mut y = vec![f32::NAN; x.len() / weights.width * outputs.len()];
        let Ok(()) = product(isa, x, &weights, outputs, &mut Scratch::default(), &mut y);
        y.iter().map(|v| v.to_bits()).collect()
    }

    /// The definition: one fused chain per output.
    fn chains(x: &[f32], weights: SliceRows<'_>, outputs: Range<usize>) -> Vec<u32> {
        let width = weights.width;
        let mut y = Vec::new();
        for row in x.chunks_exact(width) {
            for o in outputs.clone() {
                let pairs = row.iter().zip(&weights.weights[o * width..(o + 1) * width]);
                y.push(pairs.fold(0f32, |sum, (a, b)| a.mul_add(*b, sum)).to_bits());
            }
        }
        y
    }

    #[test]
    fn every_path_gives_the_bits_of_the_definition_on_odd_shapes() {
        for (rows, width, outputs) in
            [(1, 1, 1), (3, 5, 31), (8, 16, 32), (9, 17, 33), (13, 48, 65), (70, 100, 47), (7, 2000, 130), (65, 513, 20)]
        {
            let (x, w) = (numbers(rows * width, 1), numbers(outputs * width, 77));
            let weights = SliceRows { weights: &w, width };
            for range in [0..outputs, outputs / 3..outputs, 0..outputs.div_ceil(2)] {
                let expected = chains(&x, weights, range.clone());
                for isa in Isa::available() {
                    assert!(
                        multiply(isa, &x, weights, range.clone()) == expected,
                        "{} differs at [{rows}, {width}] x {range:?}",
                        isa.name()
                    );
                }
            }
        }
    }

    #[test]
    fn packing_keeps_every_weight_in_its_lane() {
        for (count, width) in [(1, 3), (16, 16), (17, 40), (31, 33), (32, 64), (32, 5)] {
            let rows: Vec<f32> = (0..count * width).map(|i| i as f32 + 1.0).collect();
            for isa in Isa::available() {
                let mut panel = vec![PanelRow([f32::NAN; WIDTH]); width];
                pack_rows(isa, &rows, count, &mut panel);
                for (k, row) in panel.iter().enumerate() {
                    for (j, value) in row.0.iter().enumerate() {
                        let expected = if j < count { rows[j * width + k] } else { 0.0 };
                        assert_eq!(value.to_bits(), expected.to_bits(), "{} [{count}, {width}] k {k} lane {j}", isa.name());
                    }
                }
            }
        }
    }
}
