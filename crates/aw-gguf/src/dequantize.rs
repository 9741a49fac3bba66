//! From stored elements to single precision.

use crate::half::{bf16_to_f32, f16_to_f32};
use crate::isa::{Isa, Work};
use crate::lanes::Lanes;
use crate::quantize::{can_quantize, six_bits};
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
    Isa::best().run(Rows { tensor_type, bytes, out });
    Ok(())
}

/// Blocks to read back.
struct Rows<'a> {
    tensor_type: TensorType,
    bytes: &'a [u8],
    out: &'a mut [f32],
}

impl Work for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(self) {
        let Self { tensor_type, bytes, out } = self;
        match tensor_type {
            TensorType::F32 => bytes.as_chunks().0.iter().zip(out).for_each(|(from, to)| *to = f32::from_le_bytes(*from)),
            TensorType::F16 => widen(bytes, out, f16_to_f32),
            TensorType::BF16 => widen(bytes, out, bf16_to_f32),
            TensorType::Q8_0 => blocks(bytes, out, q8_0),
            TensorType::Q6K => blocks(bytes, out, q6_k),
            TensorType::Q5K => blocks(bytes, out, q5_k),
            TensorType::Q4K => blocks(bytes, out, q4_k),
            TensorType::Q3K => blocks(bytes, out, q3_k),
            TensorType::Q2K => blocks(bytes, out, q2_k),
            TensorType::Q4_0 => blocks(bytes, out, q4_0),
            TensorType::Q5_0 => blocks(bytes, out, q5_0),
            TensorType::Q5_1 => blocks(bytes, out, q5_1),
            _ => unreachable!("refused above, where the types are those of `can_quantize`"),
        }
    }
}

#[inline(always)]
fn widen(bytes: &[u8], out: &mut [f32], to_value: impl Fn(u16) -> f32) {
    bytes.as_chunks().0.iter().zip(out).for_each(|(from, to)| *to = to_value(u16::from_le_bytes(*from)));
}

#[inline(always)]
fn blocks<const BYTES: usize, const N: usize>(bytes: &[u8], out: &mut [f32], block: impl Fn(&[u8; BYTES], &mut [f32; N])) {
    bytes.as_chunks().0.iter().zip(out.as_chunks_mut().0).for_each(|(from, to)| block(from, to));
}

/// The half at byte `at`.
#[inline(always)]
fn half(block: &[u8], at: usize) -> f32 {
    f16_to_f32(u16::from_le_bytes([block[at], block[at + 1]]))
}

#[inline(always)]
fn q8_0(block: &[u8; 34], out: &mut [f32; 32]) {
    let unit = half(block, 0);
    out.iter_mut().zip(&block[2..]).for_each(|(to, from)| *to = f32::from(*from as i8) * unit);
}

#[inline(always)]
fn q4_0(block: &[u8; 18], out: &mut [f32; 32]) {
    let unit = half(block, 0);
    let (low, high) = out.split_at_mut(16);
    for (from, (low, high)) in block[2..].iter().zip(low.iter_mut().zip(high)) {
        *low = (f32::from(from & 15) - 8.0) * unit;
        *high = (f32::from(from >> 4) - 8.0) * unit;
    }
}

/// The levels of a block of 32 with five bits.
#[inline(always)]
fn five_bits(fifth: &[u8], nibbles: &[u8]) -> [f32; 32] {
    std::array::from_fn(|at| {
        let low = if at < 16 { nibbles[at] & 15 } else { nibbles[at - 16] >> 4 };
        f32::from(low | (fifth[at / 8] >> (at % 8) & 1) << 4)
    })
}

#[inline(always)]
fn q5_0(block: &[u8; 22], out: &mut [f32; 32]) {
    let unit = half(block, 0);
    *out = five_bits(&block[2..6], &block[6..]).map(|level| (level - 16.0) * unit);
}

#[inline(always)]
fn q5_1(block: &[u8; 24], out: &mut [f32; 32]) {
    let (unit, low) = (half(block, 0), half(block, 2));
    *out = five_bits(&block[4..8], &block[8..]).map(|level| level * unit + low);
}

#[inline(always)]
fn q4_k(block: &[u8; 144], out: &mut [f32; 256]) {
    let (unit, min_unit) = (half(block, 0), half(block, 2));
    for (at, out) in out.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        let (scale, min) = six_bits(&block[4..16], at);
        let (scale, min) = (unit * f32::from(scale), min_unit * f32::from(min));
        let (levels, shift) = (&block[16 + at / 2 * 32..], at % 2 * 4);
        out.iter_mut().zip(levels).for_each(|(to, from)| *to = scale * f32::from(from >> shift & 15) - min);
    }
}

#[inline(always)]
fn q5_k(block: &[u8; 176], out: &mut [f32; 256]) {
    let (unit, min_unit) = (half(block, 0), half(block, 2));
    for (at, out) in out.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        let (scale, min) = six_bits(&block[4..16], at);
        let (scale, min) = (unit * f32::from(scale), min_unit * f32::from(min));
        let (levels, shift) = (&block[48 + at / 2 * 32..], at % 2 * 4);
        for ((to, low), high) in out.iter_mut().zip(levels).zip(&block[16..48]) {
            *to = scale * f32::from(low >> shift & 15 | (high >> at & 1) << 4) - min;
        }
    }
}

#[inline(always)]
fn q6_k(block: &[u8; 210], out: &mut [f32; 256]) {
    let unit = half(block, 208);
    for (at, out) in out.as_chunks_mut::<16>().0.iter_mut().enumerate() {
        let scale = unit * f32::from(block[192 + at] as i8);
        // In each half of 128 elements: four runs of 32, of which two share the low bits and all share the high ones.
        let (part, run, inside) = (at / 8, at % 8 / 2, at % 2 * 16);
        let low = &block[part * 64 + run % 2 * 32 + inside..];
        let high = &block[128 + part * 32 + inside..];
        for ((to, low), high) in out.iter_mut().zip(low).zip(high) {
            *to = scale * (f32::from(low >> (run / 2 * 4) & 15 | (high >> (run * 2) & 3) << 4) - 32.0);
        }
    }
}

/// Where the two-bit levels of a block of 16 begin, and how far they are shifted.
#[inline(always)]
fn two_bits(at: usize) -> (usize, usize) {
    (at / 8 * 32 + at % 2 * 16, at % 8 / 2 * 2)
}

#[inline(always)]
fn q2_k(block: &[u8; 84], out: &mut [f32; 256]) {
    let (unit, min_unit) = (half(block, 80), half(block, 82));
    for (at, out) in out.as_chunks_mut::<16>().0.iter_mut().enumerate() {
        let (scale, min) = (unit * f32::from(block[at] & 15), min_unit * f32::from(block[at] >> 4));
        let (start, shift) = two_bits(at);
        out.iter_mut().zip(&block[16 + start..]).for_each(|(to, from)| *to = scale * f32::from(from >> shift & 3) - min);
    }
}

#[inline(always)]
fn q3_k(block: &[u8; 110], out: &mut [f32; 256]) {
    let unit = half(block, 108);
    let (high, low, scales) = (&block[..32], &block[32..96], &block[96..108]);
    for (at, out) in out.as_chunks_mut::<16>().0.iter_mut().enumerate() {
        let level = scales[at % 8] >> (at / 8 * 4) & 15 | (scales[8 + at % 4] >> (at / 4 * 2) & 3) << 4;
        let scale = unit * (f32::from(level) - 32.0);
        let (start, shift) = two_bits(at);
        for ((to, low), high) in out.iter_mut().zip(&low[start..]).zip(&high[at % 2 * 16..]) {
            *to = scale * (f32::from(low >> shift & 3 | (high >> (at / 2) & 1) << 2) - 4.0);
        }
    }
}
