//! Many blocks side by side: one single-precision number of each, and the few operations the searches need.
//!
//! Every operation is one IEEE 754 operation, rounded once, in every implementation. A lane never looks at another one, so the
//! width changes how many blocks are worked on at a time and nothing else.

/// Adding it to a number of at most 2^22 leaves the nearest whole number in the low bits.
const ROUNDER: f32 = 12_582_912.0;

/// One number for each of `LANES` blocks.
pub(crate) trait Lanes: Copy {
    /// One truth value a lane.
    type Mask: Copy;
    /// How many blocks.
    const LANES: usize;

    fn splat(value: f32) -> Self;
    /// The first `LANES` of `from`.
    fn load(from: &[f32]) -> Self;
    /// To the first `LANES` of `to`.
    fn store(self, to: &mut [f32]);
    /// Whole numbers from 0 to 255 to the first `LANES` of `to`.
    fn store_bytes(self, to: &mut [u8]);
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    fn div(self, other: Self) -> Self;
    fn sqrt(self) -> Self;
    fn abs(self) -> Self;
    /// `self` where it is less than `other`, else `other`; also where either is NaN.
    fn min(self, other: Self) -> Self;
    /// `self` where it is greater than `other`, else `other`; also where either is NaN.
    fn max(self, other: Self) -> Self;
    /// Where `self` is less than `other`.
    fn less(self, other: Self) -> Self::Mask;
    fn both(a: Self::Mask, b: Self::Mask) -> Self::Mask;
    fn not(mask: Self::Mask) -> Self::Mask;
    /// `yes` where the mask is set, else `no`.
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self;
    /// The low 23 bits of `self + 12582912`, less 2^22: ggml's nearest whole number, also where the number is too large for it.
    fn nearest_wrapped(self) -> Self;

    /// The nearest whole number, ties to even, of a number of at most 2^22.
    #[inline(always)]
    fn nearest(self) -> Self {
        self.add(Self::splat(ROUNDER)).sub(Self::splat(ROUNDER))
    }

    /// The nearest whole number from `low` to `high`, and `low` for NaN.
    #[inline(always)]
    fn nearest_within(self, low: f32, high: f32) -> Self {
        self.max(Self::splat(low)).min(Self::splat(high)).nearest()
    }
}

/// As [`Lanes::nearest_wrapped`], as an integer.
#[inline(always)]
pub(crate) fn nearest_int(value: f32) -> i32 {
    ((value + ROUNDER).to_bits() & 0x007f_ffff) as i32 - 0x0040_0000
}

/// Plain arrays: what any machine has. One lane is a scalar.
#[derive(Clone, Copy)]
pub(crate) struct Plain<const L: usize>([f32; L]);

impl<const L: usize> Plain<L> {
    #[inline(always)]
    fn zip(self, other: Self, of: impl Fn(f32, f32) -> f32) -> Self {
        Self(std::array::from_fn(|lane| of(self.0[lane], other.0[lane])))
    }
}

impl<const L: usize> Lanes for Plain<L> {
    type Mask = [bool; L];
    const LANES: usize = L;

    #[inline(always)]
    fn splat(value: f32) -> Self {
        Self([value; L])
    }
    #[inline(always)]
    fn load(from: &[f32]) -> Self {
        Self(std::array::from_fn(|lane| from[lane]))
    }
    #[inline(always)]
    fn store(self, to: &mut [f32]) {
        to[..L].copy_from_slice(&self.0);
    }
    #[inline(always)]
    fn store_bytes(self, to: &mut [u8]) {
        to[..L].iter_mut().zip(self.0).for_each(|(to, value)| *to = value as u8);
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b)
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.zip(other, |a, b| a - b)
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.zip(other, |a, b| a * b)
    }
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        self.zip(other, |a, b| a / b)
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        Self(self.0.map(f32::sqrt))
    }
    #[inline(always)]
    fn abs(self) -> Self {
        Self(self.0.map(f32::abs))
    }
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        self.zip(other, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        self.zip(other, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    fn less(self, other: Self) -> Self::Mask {
        std::array::from_fn(|lane| self.0[lane] < other.0[lane])
    }
    #[inline(always)]
    fn both(a: Self::Mask, b: Self::Mask) -> Self::Mask {
        std::array::from_fn(|lane| a[lane] & b[lane])
    }
    #[inline(always)]
    fn not(mask: Self::Mask) -> Self::Mask {
        mask.map(|set| !set)
    }
    #[inline(always)]
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self {
        Self(std::array::from_fn(|lane| if mask[lane] { yes.0[lane] } else { no.0[lane] }))
    }
    #[inline(always)]
    fn nearest_wrapped(self) -> Self {
        Self(self.0.map(|value| nearest_int(value) as f32))
    }
}
