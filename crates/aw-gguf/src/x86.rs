//! Lanes in vector registers of x86-64.

use std::arch::x86_64::{
    __m256, __m512, __mmask16, _CMP_LT_OQ, _mm_packus_epi16, _mm_packus_epi32, _mm_storel_epi64, _mm_storeu_si128, _mm256_add_ps,
    _mm256_and_ps, _mm256_and_si256, _mm256_andnot_ps, _mm256_blendv_ps, _mm256_castps_si256, _mm256_castsi256_ps,
    _mm256_castsi256_si128, _mm256_cmp_ps, _mm256_cvtepi32_ps, _mm256_cvtps_epi32, _mm256_div_ps, _mm256_extracti128_si256,
    _mm256_loadu_ps, _mm256_max_ps, _mm256_min_ps, _mm256_mul_ps, _mm256_set1_epi32, _mm256_set1_ps, _mm256_sqrt_ps,
    _mm256_storeu_ps, _mm256_sub_epi32, _mm256_sub_ps, _mm512_abs_ps, _mm512_add_ps, _mm512_and_si512, _mm512_castps_si512,
    _mm512_cmp_ps_mask, _mm512_cvtepi32_epi8, _mm512_cvtepi32_ps, _mm512_cvtps_epi32, _mm512_div_ps, _mm512_loadu_ps,
    _mm512_mask_blend_ps, _mm512_max_ps, _mm512_min_ps, _mm512_mul_ps, _mm512_set1_epi32, _mm512_set1_ps, _mm512_sqrt_ps,
    _mm512_storeu_ps, _mm512_sub_epi32, _mm512_sub_ps,
};

use crate::lanes::Lanes;

/// Eight lanes. Values exist only inside functions that enable `avx2`, which the dispatch calls after detection.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(__m256);

/// Sixteen lanes. Values exist only inside functions that enable `avx512f`, which the dispatch calls after detection.
#[derive(Clone, Copy)]
pub(crate) struct Avx512(__m512);

const SIGN: f32 = -0.0;
const ROUNDER: f32 = 12_582_912.0;

macro_rules! binary {
    ($name:ident, $intrinsic:ident) => {
        #[inline(always)]
        fn $name(self, other: Self) -> Self {
            // SAFETY: the processor has the instruction, see the type.
            Self(unsafe { $intrinsic(self.0, other.0) })
        }
    };
}

macro_rules! unary {
    ($name:ident, $intrinsic:ident) => {
        #[inline(always)]
        fn $name(self) -> Self {
            // SAFETY: the processor has the instruction, see the type.
            Self(unsafe { $intrinsic(self.0) })
        }
    };
}

impl Lanes for Avx2 {
    type Mask = __m256;
    const LANES: usize = 8;

    #[inline(always)]
    fn splat(value: f32) -> Self {
        // SAFETY: the processor has the instruction, see the type.
        Self(unsafe { _mm256_set1_ps(value) })
    }
    #[inline(always)]
    fn load(from: &[f32]) -> Self {
        let from = &from[..8];
        // SAFETY: eight floats are there.
        Self(unsafe { _mm256_loadu_ps(from.as_ptr()) })
    }
    #[inline(always)]
    fn store(self, to: &mut [f32]) {
        let to = &mut to[..8];
        // SAFETY: there is room for eight floats.
        unsafe { _mm256_storeu_ps(to.as_mut_ptr(), self.0) }
    }
    #[inline(always)]
    fn store_bytes(self, to: &mut [u8]) {
        let to = &mut to[..8];
        // SAFETY: the processor has the instructions, see the type; there is room for the low eight bytes.
        unsafe {
            let whole = _mm256_cvtps_epi32(self.0);
            let halves = _mm_packus_epi32(_mm256_castsi256_si128(whole), _mm256_extracti128_si256::<1>(whole));
            _mm_storel_epi64(to.as_mut_ptr().cast(), _mm_packus_epi16(halves, halves));
        }
    }
    binary!(add, _mm256_add_ps);
    binary!(sub, _mm256_sub_ps);
    binary!(mul, _mm256_mul_ps);
    binary!(div, _mm256_div_ps);
    binary!(min, _mm256_min_ps);
    binary!(max, _mm256_max_ps);
    unary!(sqrt, _mm256_sqrt_ps);
    #[inline(always)]
    fn abs(self) -> Self {
        // SAFETY: the processor has the instructions, see the type.
        Self(unsafe { _mm256_andnot_ps(_mm256_set1_ps(SIGN), self.0) })
    }
    #[inline(always)]
    fn less(self, other: Self) -> __m256 {
        // SAFETY: the processor has the instruction, see the type.
        unsafe { _mm256_cmp_ps::<_CMP_LT_OQ>(self.0, other.0) }
    }
    #[inline(always)]
    fn both(a: __m256, b: __m256) -> __m256 {
        // SAFETY: the processor has the instruction, see the type.
        unsafe { _mm256_and_ps(a, b) }
    }
    #[inline(always)]
    fn not(mask: __m256) -> __m256 {
        // SAFETY: the processor has the instructions, see the type.
        unsafe { _mm256_andnot_ps(mask, _mm256_castsi256_ps(_mm256_set1_epi32(-1))) }
    }
    #[inline(always)]
    fn select(mask: __m256, yes: Self, no: Self) -> Self {
        // SAFETY: the processor has the instruction, see the type.
        Self(unsafe { _mm256_blendv_ps(no.0, yes.0, mask) })
    }
    #[inline(always)]
    fn nearest_wrapped(self) -> Self {
        // SAFETY: the processor has the instructions, see the type.
        unsafe {
            let bits = _mm256_castps_si256(_mm256_add_ps(self.0, _mm256_set1_ps(ROUNDER)));
            let low = _mm256_and_si256(bits, _mm256_set1_epi32(0x007f_ffff));
            Self(_mm256_cvtepi32_ps(_mm256_sub_epi32(low, _mm256_set1_epi32(0x0040_0000))))
        }
    }
}

impl Lanes for Avx512 {
    type Mask = __mmask16;
    const LANES: usize = 16;

    #[inline(always)]
    fn splat(value: f32) -> Self {
        // SAFETY: the processor has the instruction, see the type.
        Self(unsafe { _mm512_set1_ps(value) })
    }
    #[inline(always)]
    fn load(from: &[f32]) -> Self {
        let from = &from[..16];
        // SAFETY: sixteen floats are there.
        Self(unsafe { _mm512_loadu_ps(from.as_ptr()) })
    }
    #[inline(always)]
    fn store(self, to: &mut [f32]) {
        let to = &mut to[..16];
        // SAFETY: there is room for sixteen floats.
        unsafe { _mm512_storeu_ps(to.as_mut_ptr(), self.0) }
    }
    #[inline(always)]
    fn store_bytes(self, to: &mut [u8]) {
        let to = &mut to[..16];
        // SAFETY: the processor has the instructions, see the type; there is room for sixteen bytes.
        unsafe { _mm_storeu_si128(to.as_mut_ptr().cast(), _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(self.0))) }
    }
    binary!(add, _mm512_add_ps);
    binary!(sub, _mm512_sub_ps);
    binary!(mul, _mm512_mul_ps);
    binary!(div, _mm512_div_ps);
    binary!(min, _mm512_min_ps);
    binary!(max, _mm512_max_ps);
    unary!(sqrt, _mm512_sqrt_ps);
    unary!(abs, _mm512_abs_ps);
    #[inline(always)]
    fn less(self, other: Self) -> __mmask16 {
        // SAFETY: the processor has the instruction, see the type.
        unsafe { _mm512_cmp_ps_mask::<_CMP_LT_OQ>(self.0, other.0) }
    }
    #[inline(always)]
    fn both(a: __mmask16, b: __mmask16) -> __mmask16 {
        a & b
    }
    #[inline(always)]
    fn not(mask: __mmask16) -> __mmask16 {
        !mask
    }
    #[inline(always)]
    fn select(mask: __mmask16, yes: Self, no: Self) -> Self {
        // SAFETY: the processor has the instruction, see the type.
        Self(unsafe { _mm512_mask_blend_ps(mask, no.0, yes.0) })
    }
    #[inline(always)]
    fn nearest_wrapped(self) -> Self {
        // SAFETY: the processor has the instructions, see the type.
        unsafe {
            let bits = _mm512_castps_si512(_mm512_add_ps(self.0, _mm512_set1_ps(ROUNDER)));
            let low = _mm512_and_si512(bits, _mm512_set1_epi32(0x007f_ffff));
            Self(_mm512_cvtepi32_ps(_mm512_sub_epi32(low, _mm512_set1_epi32(0x0040_0000))))
        }
    }
}
