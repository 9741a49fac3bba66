//! From stored elements to single precision.

use crate::half::{bf16_to_f32, f16_to_f32};
use crate::quantize::can_quantize;
use crate::{QuantizeError, TensorType};

/// Widens stored elements, with the bits that ggml gives.
///
/// # Shapes
/// `bytes`: whole blocks; `out`: their elements.
///
/// # Errors
/// [`QuantizeError::Unsupported`] for a type not handled here, [`QuantizeError::Length`] when `bytes` are not those of `out`.
pub fn dequantize_rows(tensor_type: TensorType, bytes: &[u8], out: &mut [f32]) -> Result<(), QuantizeError> {
    if !can_quantize(tensor_type) {
        return Err(QuantizeError::Unsupported { tensor_type });
    }
    let row = out.len();
    let expected = tensor_type.row_bytes(row).ok_or(QuantizeError::Row { row, tensor_type })?;
    if bytes.len() != expected {
        return Err(QuantizeError::Length { what: "bytes of blocks", expected, got: bytes.len() });
    }
    match tensor_type {
        TensorType::F32 => bytes.as_chunks().0.iter().zip(out).for_each(|(from, to)| *to = f32::from_le_bytes(*from)),
        TensorType::F16 => widen(bytes, out, f16_to_f32),
        TensorType::BF16 => widen(bytes, out, bf16_to_f32),
        TensorType::Q8_0 => q8_0(bytes, out),
        _ => return Err(QuantizeError::Unsupported { tensor_type }),
    }
    Ok(())
}

fn widen(bytes: &[u8], out: &mut [f32], to_value: fn(u16) -> f32) {
    bytes.as_chunks().0.iter().zip(out).for_each(|(from, to)| *to = to_value(u16::from_le_bytes(*from)));
}

fn q8_0(bytes: &[u8], out: &mut [f32]) {
    for (block, out) in bytes.as_chunks::<34>().0.iter().zip(out.as_chunks_mut::<32>().0) {
        let scale = f16_to_f32(u16::from_le_bytes([block[0], block[1]]));
        out.iter_mut().zip(&block[2..]).for_each(|(to, from)| *to = f32::from(*from as i8) * scale);
    }
}
