//! A model's weights, read when they are needed and widened to f32.

use super::ForwardError;
use super::kernels::{self, Rows};
use crate::checkpoint::{Checkpoint, Dtype, TensorInfo, f16_to_f32};
use crate::families::{Role, Runnable};
use std::ops::Range;

/// A projection `[outputs, width]` that stays in the checkpoint: a whole tensor, or neighbouring rows of a larger one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Matrix<'m> {
    checkpoint: &'m Checkpoint,
    tensor: &'m TensorInfo,
    /// The tensor's row that is the first of the projection.
    first: usize,
    outputs: usize,
    width: usize,
}

impl<'m> Matrix<'m> {
    /// Finds the tensor of a role and holds its shape against the geometry.
    pub(super) fn open(model: Runnable<'m>, role: &Role, outputs: usize, width: usize) -> Result<Matrix<'m>, ForwardError> {
        let tensor = find(model, role, &[outputs as u64, width as u64])?;
        Ok(Matrix { checkpoint: model.checkpoint, tensor, first: 0, outputs, width })
    }

    /// Finds the tensor of a role that holds several projections one after the other, and takes those rows of it.
    pub(super) fn part(
        model: Runnable<'m>,
        role: &Role,
        shape: &[usize],
        rows: Range<usize>,
    ) -> Result<Matrix<'m>, ForwardError> {
        let expected: Vec<u64> = shape.iter().map(|dim| *dim as u64).collect();
        let tensor = find(model, role, &expected)?;
        let (width, all) = (shape[shape.len() - 1], shape[..shape.len() - 1].iter().product::<usize>());
        assert!(rows.start <= rows.end && rows.end <= all, "the rows lie inside the tensor");
        Ok(Matrix { checkpoint: model.checkpoint, tensor, first: rows.start, outputs: rows.len(), width })
    }

    /// Reads one row.
    pub(super) fn row(&self, row: usize, raw: &mut Vec<u8>, out: &mut [f32]) -> Result<(), ForwardError> {
        self.read(row..row + 1, raw, out)
    }
}

impl Rows for Matrix<'_> {
    type Error = ForwardError;

    fn outputs(&self) -> usize {
        self.outputs
    }

    fn width(&self) -> usize {
        self.width
    }

    fn read(&self, range: Range<usize>, raw: &mut Vec<u8>, out: &mut [f32]) -> Result<(), ForwardError> {
        let row_bytes = (self.width * element_bytes(self.tensor)?) as u64;
        let (start, end) = ((self.first + range.start) as u64, (self.first + range.end) as u64);
        read_widened(self.checkpoint, self.tensor, start * row_bytes..end * row_bytes, raw, out)
    }

    fn read_pairs(
        &self,
        range: Range<usize>,
        raw: &mut Vec<u8>,
        wide: &mut Vec<f32>,
        out: &mut [f32],
    ) -> Result<(), ForwardError> {
        if self.tensor.dtype != Dtype::BF16 || !self.width.is_multiple_of(2) {
            wide.resize(range.len() * self.width, 0.0);
            self.read(range, raw, wide)?;
            kernels::pack_pairs(wide, self.width, out);
            return Ok(());
        }
        // As stored: two neighbours are one lane.
        let row_bytes = (self.width * 2) as u64;
        let (start, end) = ((self.first + range.start) as u64, (self.first + range.end) as u64);
        raw.resize(out.len() * 4, 0);
        let failed = |source| ForwardError::Weights { tensor: self.tensor.name.clone(), source };
        self.checkpoint.read_into(self.tensor, start * row_bytes..end * row_bytes, raw).map_err(failed)?;
        for (pair, bytes) in out.iter_mut().zip(raw.as_chunks::<4>().0) {
            *pair = f32::from_bits(u32::from_le_bytes(*bytes));
        }
        Ok(())
    }
}

/// Reads a whole vector; it may be stored as a single row.
pub(super) fn vector(model: Runnable<'_>, role: &Role, len: usize) -> Result<Vec<f32>, ForwardError> {
    let shape = model.geometry.shape(role).filter(|shape| shape.iter().product::<u64>() == len as u64);
    let tensor = find(model, role, &shape.unwrap_or_else(|| vec![len as u64]))?;
    let bytes = (len * element_bytes(tensor)?) as u64;
    let mut out = vec![0.0; len];
    read_widened(model.checkpoint, tensor, 0..bytes, &mut Vec::new(), &mut out)?;
    Ok(out)
}

/// Reads a whole matrix: for small ones, such as a router.
pub(super) fn whole(model: Runnable<'_>, role: &Role, outputs: usize, width: usize) -> Result<Vec<f32>, ForwardError> {
    let matrix = Matrix::open(model, role, outputs, width)?;
    let mut out = vec![0.0; outputs * width];
    matrix.read(0..outputs, &mut Vec::new(), &mut out)?;
    Ok(out)
}

fn find<'m>(model: Runnable<'m>, role: &Role, expected: &[u64]) -> Result<&'m TensorInfo, ForwardError> {
    let name = model.forward.tensor_name(role);
    let tensor = model.checkpoint.get(&name).ok_or(ForwardError::Missing { tensor: name })?;
    if tensor.shape != expected {
        return Err(ForwardError::Shape { tensor: tensor.name.clone(), expected: expected.to_vec(), got: tensor.shape.clone() });
    }
    Ok(tensor)
}

fn element_bytes(tensor: &TensorInfo) -> Result<usize, ForwardError> {
    match tensor.dtype {
        Dtype::BF16 | Dtype::F16 => Ok(2),
        Dtype::F32 => Ok(4),
        dtype => Err(ForwardError::Dtype { tensor: tensor.name.clone(), dtype }),
    }
}

fn read_widened(
    checkpoint: &Checkpoint,
    tensor: &TensorInfo,
    bytes: Range<u64>,
    raw: &mut Vec<u8>,
    out: &mut [f32],
) -> Result<(), ForwardError> {
    raw.resize(out.len() * element_bytes(tensor)?, 0);
    checkpoint.read_into(tensor, bytes, raw).map_err(|source| ForwardError::Weights { tensor: tensor.name.clone(), source })?;
    match tensor.dtype {
        Dtype::BF16 => widen_halves(raw, out, |bits| f32::from_bits(u32::from(bits) << 16)),
        Dtype::F16 => widen_halves(raw, out, f16_to_f32),
        _ => {
            for (value, bytes) in out.iter_mut().zip(raw.as_chunks::<4>().0) {
                *value = f32::from_le_bytes(*bytes);
            }
        }
    }
    Ok(())
}

/// Widens 16-bit elements; generic so that each format gets a loop of its own.
fn widen_halves(raw: &[u8], out: &mut [f32], widen: impl Fn(u16) -> f32) {
    for (value, bytes) in out.iter_mut().zip(raw.as_chunks::<2>().0) {
        *value = widen(u16::from_le_bytes(*bytes));
    }
}
