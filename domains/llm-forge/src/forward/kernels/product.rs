//! The product of rows with streamed weights: `y[t, o] = sum_k x[t, k] * w[o, k]`.

use super::bf16::{self, pack_pairs, pairs};
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

    /// Reads the weights of some outputs as pairs of bf16, two to a lane, a row's last lane filled up with zero. `wide` is scratch of
    /// any content.
    ///
    /// # Shapes
    /// `out`: `[range.len(), (width + 1) / 2]`.
    ///
    /// # Errors
    /// As [`Rows::read`].
    fn read_pairs(
        &self,
        range: Range<usize>,
        raw: &mut Vec<u8>,
        wide: &mut Vec<f32>,
        out: &mut [f32],
    ) -> Result<(), Self::Error> {
        wide.resize(range.len() * self.width(), 0.0);
        self.read(range, raw, wide)?;
        pack_pairs(wide, self.width(), out);
        Ok(())
    }
}

/// In what a product is computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// Weights as stored, widened, and everything in f32.
    #[default]
    F32,
    /// Weights and what they are multiplied with rounded to bf16, sums in f32: faster where the processor has instructions for it, and
    /// the same bits everywhere.
    Bf16,
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

/// Buffers one thread reuses from product to product, and what its products are computed in.
#[derive(Debug, Default)]
pub struct Scratch {
    precision: Precision,
    raw: Vec<u8>,
    rows: Vec<f32>,
    panels: Vec<PanelRow>,
    /// What enters a product in bf16, and its weights as they were read.
    x: Vec<f32>,
    wide: Vec<f32>,
}

impl Scratch {
    /// Buffers for products in a precision.
    #[must_use]
    pub fn of(precision: Precision) -> Scratch {
        Scratch { precision, ..Scratch::default() }
    }
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
    if scratch.precision == Precision::Bf16 {
        let mut x_pairs = std::mem::take(&mut scratch.x);
        x_pairs.resize(rows * pairs(width), 0.0);
        pack_pairs(x, width, &mut x_pairs);
        let done = blocks(isa, &x_pairs, pairs(width), weights, outputs, scratch, y);
        scratch.x = x_pairs;
        return done;
    }
    blocks(isa, x, width, weights, outputs, scratch, y)
}

/// Computes the product by blocks of packed weights and of rows, `lanes` of which make a row of `x`.
fn blocks<W: Rows + ?Sized>(
    isa: Isa,
    x: &[f32],
    lanes: usize,
    weights: &W,
    outputs: Range<usize>,
    scratch: &mut Scratch,
    y: &mut [f32],
) -> Result<(), W::Error> {
    let (rows, columns) = (x.len() / lanes, outputs.len());
    let panels_at_once = (PACKED_BYTES / (lanes * size_of::<PanelRow>())).max(1);
    let rows_at_once = (ROW_BLOCK_BYTES / (lanes * size_of::<f32>())).max(1).next_multiple_of(ROWS);
    let mut first = outputs.start;
    while first < outputs.end {
        let last = outputs.end.min(first + panels_at_once * WIDTH);
        pack(isa, weights, lanes, first..last, scratch)?;
        for from in (0..rows).step_by(rows_at_once) {
            let to = rows.min(from + rows_at_once);
            for (index, panel) in scratch.panels.chunks_exact(lanes).enumerate() {
                let output = first + index * WIDTH;
                let given = WIDTH.min(last - output);
                for start in (from..to).step_by(ROWS) {
                    let count = ROWS.min(to - start);
                    let mut tile_out = [PanelRow::ZERO; ROWS];
                    tile_in(scratch.precision, isa, &x[start * lanes..(start + count) * lanes], panel, &mut tile_out[..count]);
                    for (t, row) in (start..).zip(&tile_out[..count]) {
                        let at = t * columns + output - outputs.start;
                        y[at..at + given].copy_from_slice(&row.0[..given]);
                    }
                }
            }
        }
        first = last;
    }
    Ok(())
}

/// Reads and packs the panels of some outputs into `scratch.panels`.
fn pack<W: Rows + ?Sized>(
    isa: Isa,
    weights: &W,
    lanes: usize,
    outputs: Range<usize>,
    scratch: &mut Scratch,
) -> Result<(), W::Error> {
    let Scratch { precision, raw, rows, panels, wide, .. } = scratch;
    panels.resize(outputs.len().div_ceil(WIDTH) * lanes, PanelRow::ZERO);
    rows.resize(WIDTH * lanes, 0.0);
    for (panel, first) in panels.chunks_exact_mut(lanes).zip(outputs.clone().step_by(WIDTH)) {
        let last = outputs.end.min(first + WIDTH);
        let rows = &mut rows[..(last - first) * lanes];
        match precision {
            Precision::F32 => weights.read(first..last, raw, rows)?,
            Precision::Bf16 => weights.read_pairs(first..last, raw, wide, rows)?,
        }
        pack_rows(isa, rows, last - first, panel);
    }
    Ok(())
}

/// Computes one tile: `out[m][j] = sum_k x[m, k] * panel[k][j]`.
///
/// # Shapes
/// `x`: `[out.len(), panel.len()]`; `out`: at most [`ROWS`].
pub fn tile(isa: Isa, x: &[f32], panel: &Panel, out: &mut [PanelRow]) {
    tile_in(Precision::F32, isa, x, panel, out);
}

fn tile_in(precision: Precision, isa: Isa, x: &[f32], panel: &Panel, out: &mut [PanelRow]) {
    let width = panel.len();
    assert!(out.len() <= ROWS && x.len() == out.len() * width, "x is [rows, k] and rows fit a tile");
    match out.len() {
        1 => tile_of::<1>(precision, isa, x, panel, out),
        2 => tile_of::<2>(precision, isa, x, panel, out),
        3 => tile_of::<3>(precision, isa, x, panel, out),
        4 => tile_of::<4>(precision, isa, x, panel, out),
        5 => tile_of::<5>(precision, isa, x, panel, out),
        6 => tile_of::<6>(precision, isa, x, panel, out),
        7 => tile_of::<7>(precision, isa, x, panel, out),
        8 => tile_of::<8>(precision, isa, x, panel, out),
        _ => (),
    }
}

fn tile_of<const M: usize>(precision: Precision, isa: Isa, x: &[f32], panel: &Panel, out: &mut [PanelRow]) {
    let rows: [&[f32]; M] = std::array::from_fn(|m| &x[m * panel.len()..(m + 1) * panel.len()]);
    let out: &mut [PanelRow; M] = out.try_into().expect("`tile` matched the length");
    if precision == Precision::Bf16 {
        return bf16::tile(isa, rows, panel, out);
    }
    match isa.path() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: an `Isa` with this path exists only where the feature was detected.
        Path::Avx512Bf16 | Path::Avx512 => unsafe { avx512::tile(rows, panel, out) },
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
