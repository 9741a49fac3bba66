//! The two 16-bit float formats, bit by bit, without branches so that loops over them become vector code.

/// Widens IEEE 754 binary16, exactly.
#[inline(always)]
#[must_use]
pub const fn f16_to_f32(bits: u16) -> f32 {
    let sign = (bits as u32 & 0x8000) << 16;
    let magnitude = (bits as u32 & 0x7fff) << 13;
    let exponent = magnitude & 0x0f80_0000;
    // Rebias; infinities and NaN get the highest exponent.
    let normal = magnitude + ((127 - 15) << 23) + if exponent == 0x0f80_0000 { (128 - 16) << 23 } else { 0 };
    // Subnormal: as the fraction of a number from 2^-14, less 2^-14, which is exact.
    let subnormal = (f32::from_bits(magnitude + (113 << 23)) - f32::from_bits(113 << 23)).to_bits();
    f32::from_bits(sign | if exponent == 0 { subnormal } else { normal })
}

/// Narrows to IEEE 754 binary16, to nearest, ties to even; too large becomes infinite, NaN becomes a quiet NaN.
#[inline(always)]
#[must_use]
pub const fn f32_to_f16(value: f32) -> u16 {
    let bits = value.to_bits();
    let sign = (bits >> 16) & 0x8000;
    let magnitude = bits & 0x7fff_ffff;
    // Rebias and round at bit 13.
    let odd = (magnitude >> 13) & 1;
    let normal = (magnitude.wrapping_sub((127 - 15) << 23).wrapping_add(0x0fff + odd)) >> 13;
    // Below 2^-14 the sum with 0.5 aligns the bits, and its own rounding is the one wanted.
    let subnormal = (f32::from_bits(magnitude) + 0.5).to_bits().wrapping_sub(126 << 23);
    let finite = if magnitude < (113 << 23) { subnormal } else { normal };
    let large = if magnitude > (255 << 23) { 0x7e00 } else { 0x7c00 };
    (sign | if magnitude >= (143 << 23) { large } else { finite }) as u16
}

/// Widens bfloat16, exactly.
#[inline(always)]
#[must_use]
pub const fn bf16_to_f32(bits: u16) -> f32 {
    f32::from_bits((bits as u32) << 16)
}

/// Narrows to bfloat16, to nearest, ties to even; NaN stays NaN and becomes quiet.
#[inline(always)]
#[must_use]
pub const fn f32_to_bf16(value: f32) -> u16 {
    let bits = value.to_bits();
    let rounded = bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) >> 16;
    (if bits & 0x7fff_ffff > 0x7f80_0000 { (bits >> 16) | 0x40 } else { rounded }) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value of a half by the definition of the format.
    fn defined(bits: u16) -> f64 {
        let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023));
        let magnitude = match exponent {
            0 => fraction * 2f64.powi(-24),
            31 if fraction == 0.0 => f64::INFINITY,
            31 => f64::NAN,
            _ => (1024.0 + fraction) * 2f64.powi(exponent - 25),
        };
        if bits & 0x8000 == 0 { magnitude } else { -magnitude }
    }

    #[test]
    fn every_half_widens_to_its_value_and_back() {
        for bits in 0..=u16::MAX {
            let (wide, value) = (f16_to_f32(bits), defined(bits));
            if value.is_nan() {
                assert!(wide.is_nan() && f16_to_f32(f32_to_f16(wide)).is_nan());
                continue;
            }
            assert_eq!(f64::from(wide).to_bits(), value.to_bits(), "{bits:04x}");
            assert_eq!(f32_to_f16(wide), bits);
        }
    }

    #[test]
    fn between_two_halves_the_nearer_one_is_taken_and_the_even_one_in_the_middle() {
        for low in 0..0x7bff_u16 {
            let middle = ((defined(low) + defined(low + 1)) / 2.0) as f32;
            assert_eq!(
                f64::from(middle).to_bits(),
                ((defined(low) + defined(low + 1)) / 2.0).to_bits(),
                "the middle is a single"
            );
            assert_eq!(f32_to_f16(middle), low + (low & 1));
            assert_eq!(f32_to_f16(f32::from_bits(middle.to_bits() - 1)), low);
            assert_eq!(f32_to_f16(-f32::from_bits(middle.to_bits() + 1)), (low + 1) | 0x8000);
        }
        assert_eq!(f32_to_f16(65519.0), 0x7bff);
        assert_eq!(f32_to_f16(65520.0), 0x7c00);
        assert_eq!(f32_to_f16(f32::MAX), 0x7c00);
    }

    #[test]
    fn bfloat16_rounds_to_nearest_even() {
        let from_bits = |bits: u32| f32_to_bf16(f32::from_bits(bits));
        assert_eq!(from_bits(0x3f80_8000), 0x3f80);
        assert_eq!(from_bits(0x3f81_8000), 0x3f82);
        assert_eq!(from_bits(0x3f80_8001), 0x3f81);
        assert_eq!(from_bits(0x7f7f_ffff), 0x7f80);
        assert!(bf16_to_f32(from_bits(0x7f80_0001)).is_nan());
        assert_eq!(bf16_to_f32(0xc0a0).to_bits(), (-5_f32).to_bits());
    }
}
