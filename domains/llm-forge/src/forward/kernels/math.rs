//! Elementwise functions and reductions, without the platform's mathematics library.
//!
//! Only additions, multiplications, divisions, square roots and bit moves, each exactly rounded and never contracted, so the
//! compiler may vectorise for any instruction set without changing a bit. Reductions run in [`LANES`] lanes chosen by index and
//! end in one fixed tree.

use super::isa::{Isa, Path};

/// Lanes of every reduction: one 512-bit vector of f32.
const LANES: usize = 16;

/// Compiles one plain function for each instruction set and picks at run time.
macro_rules! for_each_isa {
    ($(#[$doc:meta])* pub fn $name:ident($($arg:ident: $type:ty),*) $(-> $out:ty)? = $body:ident;) => {
        $(#[$doc])*
        pub fn $name(isa: Isa, $($arg: $type),*) $(-> $out)? {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f")]
            fn avx512($($arg: $type),*) $(-> $out)? { $body($($arg),*) }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2")]
            fn avx2($($arg: $type),*) $(-> $out)? { $body($($arg),*) }
            match isa.path() {
                #[cfg(target_arch = "x86_64")]
                // SAFETY: an `Isa` with this path exists only where the feature was detected.
                Path::Avx512Bf16 | Path::Avx512 => unsafe { avx512($($arg),*) },
                #[cfg(target_arch = "x86_64")]
                // SAFETY: as above.
                Path::Avx2 => unsafe { avx2($($arg),*) },
                Path::Portable => $body($($arg),*),
            }
        }
    };
}

for_each_isa! {
    /// Computes `gate = silu(gate) * up`, where `silu(x) = x / (1 + exp(-x))`.
    pub fn silu_times(gate: &mut [f32], up: &[f32]) = silu_times_body;
}

for_each_isa! {
    /// Replaces scores by `exp(score - max) / sum`. An empty slice stays empty; scores of minus infinity become zero.
    pub fn softmax(scores: &mut [f32]) = softmax_body;
}

for_each_isa! {
    /// Computes `out = x / sqrt(mean(x^2) + eps) * weight`.
    ///
    /// # Source
    /// Zhang and Sennrich 2019, equation 4, with the epsilon of the reference implementations.
    pub fn rms_norm(x: &[f32], weight: &[f32], eps: f32, out: &mut [f32]) = rms_norm_body;
}

for_each_isa! {
    /// Computes `out = (x - mean(x)) / sqrt(mean((x - mean(x))^2) + eps) * weight + bias`.
    ///
    /// # Source
    /// Ba et al. 2016, equation 4, with the epsilon of the reference implementations.
    pub fn layer_norm(x: &[f32], weight: &[f32], bias: &[f32], eps: f32, out: &mut [f32]) = layer_norm_body;
}

for_each_isa! {
    /// Computes the L2 norm, squares and sums in f64.
    pub fn l2_norm(x: &[f32]) -> f64 = l2_norm_body;
}

for_each_isa! {
    /// Computes `sum += scale * x`, product and sum rounded apart.
    pub fn add_scaled(sum: &mut [f32], scale: f32, x: &[f32]) = add_scaled_body;
}

for_each_isa! {
    /// Finds the smallest and the largest value, passing over not-a-number; plus and minus infinity when there is none.
    pub fn bounds(x: &[f32]) -> (f32, f32) = bounds_body;
}

for_each_isa! {
    /// Computes the sum of `exp(x - max)`.
    pub fn exp_sum(x: &[f32], max: f32) -> f32 = exp_sum_body;
}

/// Computes `e^x` with a relative error below 2.5e-7 (two units in the last place) where the result is a normal number.
///
/// Results below the smallest normal number are zero, above the largest infinite; not-a-number stays itself.
///
/// # Source
/// Cephes `expf`: range reduction by two-part ln 2, then a polynomial of degree six.
#[inline(always)]
#[must_use]
pub fn exp(x: f32) -> f32 {
    const LOWEST: f32 = -87.336_54;
    const HIGHEST: f32 = 88.722_83;
    // Adding and taking away 1.5 * 2^23 rounds to the nearest integer and leaves that integer in the low bits.
    const ROUND: f32 = 12_582_912.0;
    let inside = x.clamp(LOWEST, HIGHEST);
    let shifted = inside * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (inside - n * 0.693_359_4) - n * -2.121_944_4e-4;
    let mut p = 1.987_569_1e-4;
    p = p * r + 1.398_2e-3;
    p = p * r + 8.333_452e-3;
    p = p * r + 4.166_579_6e-2;
    p = p * r + 1.666_666_5e-1;
    p = p * r + 0.5;
    let y = (p * r * r + r) + 1.0;
    // Two factors, because 2^128 itself is no f32.
    let power = shifted.to_bits().wrapping_sub(ROUND.to_bits()).cast_signed();
    let half = power >> 1;
    let value = y * power_of_two(half) * power_of_two(power - half);
    if x < LOWEST {
        0.0
    } else if x > HIGHEST {
        f32::INFINITY
    } else if x.is_nan() {
        x
    } else {
        value
    }
}

/// Computes `2^n` for `-126 <= n <= 127`.
#[inline(always)]
fn power_of_two(n: i32) -> f32 {
    f32::from_bits((n + 127).cast_unsigned() << 23)
}

#[inline(always)]
fn silu_times_body(gate: &mut [f32], up: &[f32]) {
    for (g, u) in gate.iter_mut().zip(up) {
        *g = *g / (1.0 + exp(-*g)) * u;
    }
}

#[inline(always)]
fn softmax_body(scores: &mut [f32]) {
    let max = reduce(scores, f32::NEG_INFINITY, |a, x| if x > a { x } else { a }, |a, b| if b > a { b } else { a });
    for score in scores.iter_mut() {
        *score = exp(*score - max);
    }
    let sum = reduce(scores, 0.0, |a, x| a + x, |a, b| a + b);
    for score in scores.iter_mut() {
        *score /= sum;
    }
}

#[inline(always)]
fn rms_norm_body(x: &[f32], weight: &[f32], eps: f32, out: &mut [f32]) {
    let squares = reduce(x, 0.0, |a, x| a + x * x, |a, b| a + b);
    let scale = 1.0 / (squares / x.len() as f32 + eps).sqrt();
    for ((target, value), w) in out.iter_mut().zip(x).zip(weight) {
        *target = w * (value * scale);
    }
}

#[inline(always)]
fn layer_norm_body(x: &[f32], weight: &[f32], bias: &[f32], eps: f32, out: &mut [f32]) {
    let mean = reduce(x, 0.0, |a, x| a + x, |a, b| a + b) / x.len() as f32;
    let squares = reduce(x, 0.0, |a, x| a + (x - mean) * (x - mean), |a, b| a + b);
    let scale = 1.0 / (squares / x.len() as f32 + eps).sqrt();
    for (((target, value), w), b) in out.iter_mut().zip(x).zip(weight).zip(bias) {
        *target = (value - mean) * scale * w + b;
    }
}

#[inline(always)]
fn l2_norm_body(x: &[f32]) -> f64 {
    let square = |a: f64, x: f32| a + f64::from(x) * f64::from(x);
    reduce(x, 0.0, square, |a, b| a + b).sqrt()
}

#[inline(always)]
fn add_scaled_body(sum: &mut [f32], scale: f32, x: &[f32]) {
    for (total, value) in sum.iter_mut().zip(x) {
        *total += scale * value;
    }
}

#[inline(always)]
fn bounds_body(x: &[f32]) -> (f32, f32) {
    let low = reduce(x, f32::INFINITY, |a, x| if x < a { x } else { a }, |a, b| if b < a { b } else { a });
    let high = reduce(x, f32::NEG_INFINITY, |a, x| if x > a { x } else { a }, |a, b| if b > a { b } else { a });
    (low, high)
}

#[inline(always)]
fn exp_sum_body(x: &[f32], max: f32) -> f32 {
    reduce(x, 0.0, |a, x| a + exp(x - max), |a, b| a + b)
}

/// Folds element `i` into lane `i % LANES`, then joins the lanes in halves.
#[inline(always)]
fn reduce<A: Copy>(x: &[f32], start: A, fold: impl Fn(A, f32) -> A, join: impl Fn(A, A) -> A) -> A {
    let mut lanes = [start; LANES];
    let mut chunks = x.chunks_exact(LANES);
    for chunk in &mut chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane = fold(*lane, *value);
        }
    }
    for (lane, value) in lanes.iter_mut().zip(chunks.remainder()) {
        *lane = fold(*lane, *value);
    }
    let mut half = LANES / 2;
    while half > 0 {
        for i in 0..half {
            lanes[i] = join(lanes[i], lanes[i + half]);
        }
        half /= 2;
    }
    lanes[0]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Largest relative error promised for [`exp`].
    const EXP_ERROR: f64 = 2.5e-7;

    #[test]
    fn exp_is_within_its_stated_error_of_f64() {
        let mut worst = 0f64;
        let mut x = -87.33f32;
        while x < 88.72 {
            let truth = libm::exp(f64::from(x));
            worst = worst.max(((f64::from(exp(x)) - truth) / truth).abs());
            x += 0.000_37;
        }
        assert!(worst < EXP_ERROR, "worst relative error {worst:e}");
    }

    #[test]
    fn exp_at_the_edges() {
        assert_eq!(exp(0.0).to_bits(), 1f32.to_bits());
        assert_eq!(exp(f32::NEG_INFINITY).to_bits(), 0);
        assert_eq!(exp(-200.0).to_bits(), 0);
        assert!(exp(89.0).is_infinite() && exp(f32::INFINITY).is_infinite() && exp(88.7).is_finite());
        assert!(exp(f32::NAN).is_nan());
    }

    #[test]
    fn silu_is_within_four_units_of_f64() {
        for i in -4000..4000 {
            let x = i as f32 * 0.01;
            let mut value = [x];
            silu_times(Isa::detect(), &mut value, &[1.0]);
            let truth = f64::from(x) / (1.0 + libm::exp(-f64::from(x)));
            assert!((f64::from(value[0]) - truth).abs() <= 4.8e-7 * truth.abs(), "silu({x}) = {} not {truth}", value[0]);
        }
    }

    #[test]
    fn every_instruction_set_gives_equal_bits() {
        let numbers = |n: usize, seed: u32| -> Vec<f32> {
            (0..n as u32).map(|i| (i.wrapping_mul(2_654_435_761).wrapping_add(seed) >> 8) as f32 / 1e6 - 8.0).collect()
        };
        for n in [0, 1, 7, 15, 16, 17, 33, 100, 257] {
            let (x, w) = (numbers(n, 1), numbers(n, 2));
            let run = |isa: Isa| {
                let (mut a, mut b, mut c, mut d) = (x.clone(), x.clone(), vec![0f32; n], w.clone());
                softmax(isa, &mut a);
                silu_times(isa, &mut b, &w);
                rms_norm(isa, &x, &w, 1e-5, &mut c);
                add_scaled(isa, &mut d, 0.37, &x);
                let mut e = vec![0f32; n];
                layer_norm(isa, &x, &w, &w, 1e-5, &mut e);
                let bits: Vec<u32> = [a, b, c, d, e].concat().iter().map(|v| v.to_bits()).collect();
                (bits, l2_norm(isa, &x).to_bits())
            };
            let expected = run(*Isa::available().last().unwrap());
            for isa in Isa::available() {
                assert_eq!(run(isa), expected, "{} differs at length {n}", isa.name());
            }
        }
    }

    #[test]
    fn softmax_sums_to_one_and_drops_what_is_masked() {
        let mut scores = [1.0, f32::NEG_INFINITY, 3.0, 2.0];
        softmax(Isa::detect(), &mut scores);
        assert_eq!(scores[1].to_bits(), 0);
        assert!((scores.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        assert!((scores[2] / scores[3] - std::f32::consts::E).abs() < 1e-5);
    }

    #[test]
    fn a_not_a_number_is_never_hidden() {
        let mut scores = [1.0, f32::NAN, 3.0];
        softmax(Isa::detect(), &mut scores);
        assert!(scores.iter().any(|s| s.is_nan()));
    }
}
