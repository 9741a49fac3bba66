//! Blocks of 32 signed bytes and one scale.

use crate::half::f32_to_f16;

/// Quantises a row; `Err` is the index of a block whose scale is infinite in half precision.
///
/// Shaped for the compiler to make vector code of; every step is exact or rounded once, so any vector width gives the same bits.
#[inline(always)]
pub(super) fn quantize(values: &[f32], out: &mut [u8]) -> Result<(), usize> {
    for (index, (values, out)) in values.as_chunks::<32>().0.iter().zip(out.as_chunks_mut::<34>().0).enumerate() {
        let largest = values.iter().fold(0_f32, |largest, value| largest.max(value.abs()));
        let scale = largest / 127.0;
        let inverse = if scale == 0.0 { 0.0 } else { 1.0 / scale };
        let half = f32_to_f16(scale);
        if half == 0x7c00 {
            return Err(index);
        }
        let (head, tail) = out.split_at_mut(2);
        head.copy_from_slice(&half.to_le_bytes());
        tail.iter_mut().zip(values).for_each(|(to, value)| *to = (value * inverse).round() as i8 as u8);
    }
    Ok(())
}
