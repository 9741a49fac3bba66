//! Element types a safetensors header can name, and their widening to `f32`.

use std::fmt;

/// The type of a tensor's elements, as a safetensors header spells it.
///
/// Types narrower than a byte (`F4`, `F6_E2M3`, `F6_E3M2`) are refused by the header reader: nothing here could slice them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are the format's")]
#[expect(non_camel_case_types, reason = "the names are the format's")]
pub enum Dtype {
    F64,
    F32,
    F16,
    BF16,
    I64,
    I32,
    I16,
    I8,
    U64,
    U32,
    U16,
    U8,
    Bool,
    F8_E4M3,
    F8_E5M2,
    F8_E8M0,
    F8_E4M3FNUZ,
    F8_E5M2FNUZ,
    C64,
}

impl Dtype {
    /// Every type the reader accepts.
    pub const ALL: [Self; 19] = [
        Self::F64,
        Self::F32,
        Self::F16,
        Self::BF16,
        Self::I64,
        Self::I32,
        Self::I16,
        Self::I8,
        Self::U64,
        Self::U32,
        Self::U16,
        Self::U8,
        Self::Bool,
        Self::F8_E4M3,
        Self::F8_E5M2,
        Self::F8_E8M0,
        Self::F8_E4M3FNUZ,
        Self::F8_E5M2FNUZ,
        Self::C64,
    ];

    /// Returns the spelling used in a safetensors header.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::F64 => "F64",
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::BF16 => "BF16",
            Self::I64 => "I64",
            Self::I32 => "I32",
            Self::I16 => "I16",
            Self::I8 => "I8",
            Self::U64 => "U64",
            Self::U32 => "U32",
            Self::U16 => "U16",
            Self::U8 => "U8",
            Self::Bool => "BOOL",
            Self::F8_E4M3 => "F8_E4M3",
            Self::F8_E5M2 => "F8_E5M2",
            Self::F8_E8M0 => "F8_E8M0",
            Self::F8_E4M3FNUZ => "F8_E4M3FNUZ",
            Self::F8_E5M2FNUZ => "F8_E5M2FNUZ",
            Self::C64 => "C64",
        }
    }

    /// Returns the type a header spelling names, or `None`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dtype| dtype.name() == name)
    }

    /// Returns the bytes of one element.
    #[must_use]
    pub fn size_bytes(self) -> usize {
        match self {
            Self::F64 | Self::I64 | Self::U64 | Self::C64 => 8,
            Self::F32 | Self::I32 | Self::U32 => 4,
            Self::F16 | Self::BF16 | Self::I16 | Self::U16 => 2,
            Self::I8 | Self::U8 | Self::Bool => 1,
            Self::F8_E4M3 | Self::F8_E5M2 | Self::F8_E8M0 | Self::F8_E4M3FNUZ | Self::F8_E5M2FNUZ => 1,
        }
    }

    /// Says whether [`widen`] can read this type: `F32`, `F16` or `BF16`.
    #[must_use]
    pub fn widens(self) -> bool {
        matches!(self, Self::F32 | Self::F16 | Self::BF16)
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Widens little-endian elements to `f32`, exactly; returns `None` for a type other than `F32`, `F16` and `BF16`.
///
/// A trailing partial element is ignored by the caller's contract: `bytes` holds whole elements.
#[must_use]
pub fn widen(dtype: Dtype, bytes: &[u8]) -> Option<Vec<f32>> {
    let halves = || bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    match dtype {
        Dtype::F32 => Some(bytes.chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]])).collect()),
        Dtype::BF16 => Some(halves().map(bf16_to_f32).collect()),
        Dtype::F16 => Some(halves().map(f16_to_f32).collect()),
        _ => None,
    }
}

/// Widens one bfloat16, given by its bits.
#[must_use]
pub fn bf16_to_f32(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

/// Widens one IEEE 754 binary16, given by its bits.
#[must_use]
pub fn f16_to_f32(bits: u16) -> f32 {
    let sign = u32::from(bits & 0x8000) << 16;
    let exponent = u32::from(bits >> 10) & 0x1f;
    let fraction = u32::from(bits & 0x3ff);
    let magnitude = match (exponent, fraction) {
        (0, 0) => 0,
        // A subnormal is fraction * 2^-24, which f32 represents exactly as a normal number.
        #[expect(clippy::cast_precision_loss, reason = "a 10-bit integer is exact in f32")]
        (0, _) => (fraction as f32 * f32::from_bits(0x3380_0000)).to_bits(),
        (0x1f, _) => 0x7f80_0000 | (fraction << 13),
        _ => ((exponent + 127 - 15) << 23) | (fraction << 13),
    };
    f32::from_bits(sign | magnitude)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinct_and_read_back() {
        for dtype in Dtype::ALL {
            assert_eq!(Dtype::from_name(dtype.name()), Some(dtype));
        }
        assert_eq!(Dtype::from_name("F4"), None);
    }

    /// Every finite f16 equals sign * 2^(e-15) * (1 + f/1024), computed here in f64 from the definition.
    #[test]
    fn every_f16_widens_to_its_definition() {
        for bits in 0..=u16::MAX {
            let (sign, exponent, fraction) =
                (if bits >> 15 == 1 { -1.0 } else { 1.0 }, i32::from((bits >> 10) & 31), f64::from(bits & 1023));
            let got = f64::from(f16_to_f32(bits));
            let expected = match exponent {
                31 if fraction > 0.0 => {
                    assert!(got.is_nan(), "{bits:#06x}");
                    continue;
                }
                31 => sign * f64::INFINITY,
                0 => sign * fraction * 2f64.powi(-24),
                _ => sign * (1.0 + fraction / 1024.0) * 2f64.powi(exponent - 15),
            };
            assert_eq!(got.to_bits(), expected.to_bits(), "{bits:#06x}");
        }
    }

    #[test]
    fn bf16_is_the_upper_half_of_f32() {
        assert_eq!(widen(Dtype::BF16, &[0x80, 0x3f, 0x00, 0xc0]), Some(vec![1.0, -2.0]));
        assert_eq!(widen(Dtype::I32, &[0; 4]), None);
    }
}
