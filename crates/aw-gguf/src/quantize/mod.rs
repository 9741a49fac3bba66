//! From single precision to stored elements.

use crate::TensorType;

mod batch;
mod legacy;
mod q8_0;
mod scales;
mod search;
mod signed;
mod with_min;

use crate::half::{f32_to_bf16, f32_to_f16};
use crate::isa::{Isa, Work};
use crate::lanes::Lanes;
pub(crate) use with_min::six_bits;

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
    /// The values are so large that they, or the scale of their block, become infinite.
    #[error("row {row}, columns {column} to {}: the values are too large for {tensor_type}", column + tensor_type.block_elements() - 1)]
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
const TYPES: [TensorType; 12] = [
    TensorType::F32,
    TensorType::F16,
    TensorType::BF16,
    TensorType::Q8_0,
    TensorType::Q6K,
    TensorType::Q5K,
    TensorType::Q4K,
    TensorType::Q3K,
    TensorType::Q2K,
    TensorType::Q4_0,
    TensorType::Q5_0,
    TensorType::Q5_1,
];

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
/// Rows do not influence each other: any split of a tensor into calls gives the same bytes, and so does every machine.
///
/// # Shapes
/// `values`: `[rows, row]`; `importance`: `[row]`, a weight for each column; `out`: the bytes of `rows` rows. Types without an
/// importance-aware form (`F32`, `F16`, `BF16`, `Q8_0`) ignore it, as llama.cpp does. Where the importance of a whole
/// super-block is zero its K-quant is all zero, which is llama.cpp's result too: nothing ever goes into those columns.
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
    quantize_rows_on(Isa::best(), tensor_type, values, row, importance, out)
}

fn quantize_rows_on(
    isa: Isa,
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
        let converted = isa.run(Row { tensor_type, values, importance, out });
        converted.map_err(|fault| fault.at(index, tensor_type, values))?;
    }
    Ok(())
}

/// Why a row was not converted.
enum Fault {
    NotFinite,
    /// The index of a block whose values are too large.
    TooLarge(usize),
}

impl Fault {
    fn at(self, row: usize, tensor_type: TensorType, values: &[f32]) -> QuantizeError {
        match self {
            Self::NotFinite => {
                let column = values.iter().position(|value| !value.is_finite()).unwrap_or_default();
                QuantizeError::NotFinite { row, column, value: values[column] }
            }
            Self::TooLarge(block) => QuantizeError::TooLarge { row, column: block * tensor_type.block_elements(), tensor_type },
        }
    }
}

/// Without an early end, so that it becomes vector code.
#[inline(always)]
fn all_finite(values: &[f32]) -> bool {
    values.iter().fold(0, |largest, value| largest.max(value.to_bits() & 0x7fff_ffff)) < 0x7f80_0000
}

/// One row to convert.
struct Row<'a> {
    tensor_type: TensorType,
    values: &'a [f32],
    importance: Option<&'a [f32]>,
    out: &'a mut [u8],
}

impl Work for Row<'_> {
    type Output = Result<(), Fault>;

    #[inline(always)]
    fn run<V: Lanes>(self) -> Result<(), Fault> {
        let Self { tensor_type, values, importance, out } = self;
        if !all_finite(values) {
            return Err(Fault::NotFinite);
        }
        let converted = match tensor_type {
            TensorType::F32 => narrow_single(values, out),
            TensorType::F16 => narrow(values, out, f32_to_f16, 0x7c00),
            TensorType::BF16 => narrow(values, out, f32_to_bf16, 0x7f80),
            TensorType::Q8_0 => q8_0::quantize::<V>(values, out),
            TensorType::Q6K => signed::q6_k::<V>(values, importance, out),
            TensorType::Q5K => with_min::q5_k::<V>(values, importance, out),
            TensorType::Q4K => with_min::q4_k::<V>(values, importance, out),
            TensorType::Q3K => signed::q3_k::<V>(values, importance, out),
            TensorType::Q2K => with_min::q2_k::<V>(values, importance, out),
            TensorType::Q4_0 => legacy::q4_0::<V>(values, importance, out),
            TensorType::Q5_0 => legacy::q5_0::<V>(values, importance, out),
            TensorType::Q5_1 => legacy::q5_1::<V>(values, importance, out),
            _ => unreachable!("refused by `checked`, which knows the types above"),
        };
        converted.map_err(Fault::TooLarge)
    }
}

#[inline(always)]
fn narrow_single(values: &[f32], out: &mut [u8]) -> Result<(), usize> {
    out.as_chunks_mut().0.iter_mut().zip(values).for_each(|(to, from)| *to = from.to_le_bytes());
    Ok(())
}

/// `exponent`: the bits that are all set in what is not finite. `Err` is the column of a value that is too large.
#[inline(always)]
fn narrow(values: &[f32], out: &mut [u8], to_bits: impl Fn(f32) -> u16, exponent: u16) -> Result<(), usize> {
    let mut largest = 0;
    for (to, from) in out.as_chunks_mut().0.iter_mut().zip(values) {
        let bits = to_bits(*from);
        largest = largest.max(bits & exponent);
        *to = bits.to_le_bytes();
    }
    if largest < exponent {
        return Ok(());
    }
    Err(values.iter().position(|value| to_bits(*value) & exponent == exponent).unwrap_or_default())
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that look random, of many magnitudes.
    fn values(count: usize) -> Vec<f32> {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        let value = |bits: u64| (bits as u32 as f32 / u32::MAX as f32 - 0.5) * 2f32.powi((bits >> 40) as i32 % 7 - 6);
        (0..count).map(|_| value(next())).collect()
    }

    #[test]
    fn every_vector_unit_gives_the_same_bytes() {
        let isas = Isa::available();
        // Rows of three super-blocks, so that a batch is not full; and with a row of zeros.
        let row = 768;
        let mut values = values(row * 9);
        values[row * 4..row * 5].fill(0.0);
        let importance: Vec<f32> = values[..row].iter().map(|value| value * value).collect();
        for tensor_type in TYPES {
            for importance in [None, Some(&importance[..])] {
                let mut outs = isas.iter().map(|isa| {
                    let mut out = vec![0xaa; tensor_type.row_bytes(values.len()).unwrap()];
                    quantize_rows_on(*isa, tensor_type, &values, row, importance, &mut out).unwrap();
                    out
                });
                let first = outs.next().unwrap();
                assert!(outs.all(|out| out == first), "{tensor_type}, one of {isas:?}");
            }
        }
    }

    #[test]
    fn rows_of_one_block_of_32_are_taken() {
        for tensor_type in [TensorType::Q4_0, TensorType::Q5_0, TensorType::Q5_1] {
            let mut out = vec![0; tensor_type.row_bytes(64).unwrap()];
            quantize_rows(tensor_type, &values(64), 32, Some(&[1.0; 32]), &mut out).unwrap();
        }
    }

    #[test]
    fn what_no_block_can_hold_is_refused_with_its_place() {
        let mut values = vec![1.0; 1024];
        values[515] = f32::NAN;
        let mut out = vec![0; 576];
        let error = quantize_rows(TensorType::Q4K, &values, 512, None, &mut out).unwrap_err();
        assert_eq!(error.to_string(), "row 1, column 3: expected a finite number, got NaN");
        values[515] = f32::MAX;
        let error = quantize_rows(TensorType::Q4K, &values, 512, None, &mut out).unwrap_err();
        assert_eq!(error.to_string(), "row 1, columns 0 to 255: the values are too large for Q4_K");
        let error = quantize_rows(TensorType::F16, &values, 512, None, &mut [0; 2048]).unwrap_err();
        assert_eq!(error.to_string(), "row 1, columns 3 to 3: the values are too large for F16");
        let error = quantize_rows(TensorType::Q4K, &values, 100, None, &mut out).unwrap_err();
        assert_eq!(error.to_string(), "rows of 100 elements are no multiple of the 256 that a block of Q4_K has");
        let error = quantize_rows(TensorType::Q4K, &values[..512], 512, Some(&[-1.0; 512]), &mut out[..288]).unwrap_err();
        assert_eq!(error.to_string(), "importance of column 0: expected a finite number of at least 0, got -1");
        let error = quantize_rows(TensorType::Iq1S, &values, 512, None, &mut out).unwrap_err();
        assert!(error.to_string().starts_with("type IQ1_S is not converted here; expected one of F32, "));
        assert!(matches!(quantize_rows(TensorType::F32, &values, 0, None, &mut []), Err(QuantizeError::Row { row: 0, .. })));
        assert!(matches!(quantize_rows(TensorType::F32, &values, 512, None, &mut []), Err(QuantizeError::Length { .. })));
    }
}
