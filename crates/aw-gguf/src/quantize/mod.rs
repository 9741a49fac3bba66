//! From single precision to stored elements.

use crate::TensorType;

mod q8_0;
use crate::half::{f32_to_bf16, f32_to_f16};

/// Why rows were not quantised.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum QuantizeError {
    /// There is no way here into or out of this type.
    #[error("type {tensor_type} is not converted here; expected one of {}", names())]
    Unsupported {
        /// The type.
        tensor_type: TensorType,
    },
    /// The row length does not fill whole blocks, or is zero.
    #[error("rows of {row} elements are no multiple of the {} that a block of {tensor_type} has", tensor_type.block_elements())]
    Row {
        /// Elements of a row.
        row: usize,
        /// The type.
        tensor_type: TensorType,
    },
    /// One of the buffers has the wrong length.
    #[error("{what}: expected {expected} elements, got {got}")]
    Length {
        /// Which buffer.
        what: &'static str,
        /// The right length.
        expected: usize,
        /// The length given.
        got: usize,
    },
    /// A value that no block can hold.
    #[error("row {row}, column {column}: expected a finite number, got {value}")]
    NotFinite {
        /// The row, counted from 0.
        row: usize,
        /// The column, counted from 0.
        column: usize,
        /// The value.
        value: f32,
    },
    /// An importance below zero, infinite or not a number.
    #[error("importance of column {column}: expected a finite number of at least 0, got {value}")]
    Importance {
        /// The column, counted from 0.
        column: usize,
        /// The value.
        value: f32,
    },
    /// The values are so large that the scale of a block is infinite in half precision.
    #[error("row {row}, columns {column} to {}: the values are too large for {tensor_type}, whose scales end at 65504", column + tensor_type.block_elements() - 1)]
    TooLarge {
        /// The row, counted from 0.
        row: usize,
        /// The first column of the block.
        column: usize,
        /// The type.
        tensor_type: TensorType,
    },
}

/// The types that [`quantize_rows`] writes.
const TYPES: [TensorType; 4] = [TensorType::F32, TensorType::F16, TensorType::BF16, TensorType::Q8_0];

fn names() -> String {
    TYPES.map(TensorType::name).join(", ")
}

/// Says whether [`quantize_rows`] and [`crate::dequantize_rows`] handle a type.
#[must_use]
pub fn can_quantize(tensor_type: TensorType) -> bool {
    TYPES.contains(&tensor_type)
}

/// Converts whole rows.
///
/// Rows do not influence each other: any split of a tensor into calls gives the same bytes.
///
/// # Shapes
/// `values`: `[rows, row]`; `importance`: `[row]`, one weight a column, all zero counts as none; `out`: the bytes of `rows` rows.
/// Types without an importance-aware form (`F32`, `F16`, `BF16`, `Q8_0`) ignore it, as llama.cpp does.
///
/// # Errors
/// [`QuantizeError`] names what is wrong, and the place of a value that is not finite.
pub fn quantize_rows(
    tensor_type: TensorType,
    values: &[f32],
    row: usize,
    importance: Option<&[f32]>,
    out: &mut [u8],
) -> Result<(), QuantizeError> {
    let row_bytes = checked(tensor_type, values, row, out)?;
    if let Some(weights) = importance {
        check_importance(weights, row)?;
    }
    for (index, (values, out)) in values.chunks_exact(row).zip(out.chunks_exact_mut(row_bytes)).enumerate() {
        if let Some(column) = values.iter().position(|value| !value.is_finite()) {
            return Err(QuantizeError::NotFinite { row: index, column, value: values[column] });
        }
        match tensor_type {
            TensorType::F32 => out.as_chunks_mut().0.iter_mut().zip(values).for_each(|(to, from)| *to = from.to_le_bytes()),
            TensorType::F16 => narrow(values, out, f32_to_f16),
            TensorType::BF16 => narrow(values, out, f32_to_bf16),
            TensorType::Q8_0 => q8_0::quantize(values, out).map_err(|block| too_large(tensor_type, index, block))?,
            _ => return Err(QuantizeError::Unsupported { tensor_type }),
        }
    }
    Ok(())
}

fn too_large(tensor_type: TensorType, row: usize, block: usize) -> QuantizeError {
    QuantizeError::TooLarge { row, column: block * tensor_type.block_elements(), tensor_type }
}

fn narrow(values: &[f32], out: &mut [u8], to_bits: fn(f32) -> u16) {
    out.as_chunks_mut().0.iter_mut().zip(values).for_each(|(to, from)| *to = to_bits(*from).to_le_bytes());
}

/// Checks the lengths and returns the bytes of a row.
fn checked(tensor_type: TensorType, values: &[f32], row: usize, out: &[u8]) -> Result<usize, QuantizeError> {
    if !can_quantize(tensor_type) {
        return Err(QuantizeError::Unsupported { tensor_type });
    }
    let row_bytes = tensor_type.row_bytes(row).filter(|bytes| *bytes > 0).ok_or(QuantizeError::Row { row, tensor_type })?;
    let rows = values.len() / row;
    if rows * row != values.len() {
        return Err(QuantizeError::Length { what: "values", expected: (rows + 1) * row, got: values.len() });
    }
    if out.len() != rows * row_bytes {
        return Err(QuantizeError::Length { what: "bytes of blocks", expected: rows * row_bytes, got: out.len() });
    }
    Ok(row_bytes)
}

fn check_importance(weights: &[f32], row: usize) -> Result<(), QuantizeError> {
    if weights.len() != row {
        return Err(QuantizeError::Length { what: "importance", expected: row, got: weights.len() });
    }
    match weights.iter().position(|weight| !(weight.is_finite() && *weight >= 0.0)) {
        Some(column) => Err(QuantizeError::Importance { column, value: weights[column] }),
        None => Ok(()),
    }
}
