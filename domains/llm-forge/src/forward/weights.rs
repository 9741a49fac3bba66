//! A model's weights, read when they are needed and widened to f32.

use super::ForwardError;
use super::kernels::Rows;
use crate::checkpoint::{Checkpoint, Dtype, TensorInfo, f16_to_f32};
use crate::families::{Role, Runnable};
use std::ops::Range;

/// A projection `[outputs, width]` that stays in the checkpoint.
#[derive(Clone, Copy, Debug)]
pub(super) struct Matrix<'m> {
    checkpoint: &'m Checkpoint,
    tensor: &'m TensorInfo,
    outputs: usize,
    width: usize,
}

impl<'m> Matrix<'m> {
    /// Finds the tensor of a role and holds its shape against the geometry.
    pub(super) fn open(model: Runnable<'m>, role: &Role, outputs: usize, width: usize) -> Result<Matrix<'m>, ForwardError> {
        let tensor = find(model, role, &[outputs as u64, width as u64])?;
        Ok(Matrix { checkpoint: model.checkpoint, tensor, outputs, width })
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
        read_widened(self.checkpoint, self.tensor, range.start as u64 * row_bytes..range.end as u64 * row_bytes, raw, out)
    }
}

/// Reads a whole vector.
pub(super) fn vector(model: Runnable<'_>, role: &Role, len: usize) -> Result<Vec<f32>, ForwardError> {
    let tensor = find(model, role, &[len as u64])?;
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
