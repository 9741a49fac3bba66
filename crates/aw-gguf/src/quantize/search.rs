//! The searches for the scale of a block (and its minimum), for as many blocks as there are lanes.
//!
//! Each follows the function of `ggml-quants.c` that its comment names, operation by operation. One difference: where a number
//! grows past what ggml's rounding can take (its own assertion), the level is the nearest allowed one instead of an arbitrary one.

use crate::lanes::Lanes;

/// Blocks whose largest magnitude is below this count as zero.
pub(super) const ZERO: f32 = 1e-15;

/// The scales tried: `(first + step * i + top) / range` for `i` from 0 to `count`.
#[derive(Clone, Copy)]
pub(super) struct Steps {
    /// The highest level.
    pub top: f32,
    pub first: f32,
    pub step: f32,
    pub count: u32,
}

/// Finds scale and minimum: `make_qkx2_quants` and `make_qkx3_quants`, which differ in nothing else than the rounding above.
///
/// `ABSOLUTE`: errors count by magnitude instead of squared. Returns the scale and the negated minimum, and leaves the levels of
/// the best try in `levels`.
#[inline(always)]
pub(super) fn scale_and_min<V: Lanes, const N: usize, const ABSOLUTE: bool>(
    x: &[V; N],
    weights: &[V; N],
    steps: Steps,
    levels: &mut [V; N],
) -> (V, V) {
    let zero = V::splat(0.0);
    let (mut low, mut high, mut sum_w) = (x[0], x[0], weights[0]);
    let mut sum_x = sum_w.mul(x[0]);
    for i in 1..N {
        low = x[i].min(low);
        high = x[i].max(high);
        sum_w = sum_w.add(weights[i]);
        sum_x = sum_x.add(weights[i].mul(x[i]));
    }
    low = low.min(zero);
    let flat = V::not(low.less(high));
    let start = low;
    let mut inverse = V::splat(steps.top).div(high.sub(low));
    let mut scale = V::splat(1.0).div(inverse);
    let mut best = zero;
    for i in 0..N {
        let level = inverse.mul(x[i].sub(low)).nearest_within(0.0, steps.top);
        best = best.add(weights[i].mul(cost::<V, ABSOLUTE>(scale, level, low, x[i])));
    }
    // Of the best try: what levels are made with.
    let (mut best_inverse, mut best_low) = (inverse, low);
    for step in 0..=steps.count {
        inverse = V::splat(steps.first + steps.step * step as f32 + steps.top).div(high.sub(low));
        let (mut sum_l, mut sum_l2, mut sum_xl) = (zero, zero, zero);
        for i in 0..N {
            let level = inverse.mul(x[i].sub(low)).nearest_within(0.0, steps.top);
            levels[i] = level;
            let weighted = weights[i].mul(level);
            sum_l = sum_l.add(weighted);
            sum_l2 = sum_l2.add(weighted.mul(level));
            sum_xl = sum_xl.add(weighted.mul(x[i]));
        }
        let determinant = sum_w.mul(sum_l2).sub(sum_l.mul(sum_l));
        let fitted = sum_w.mul(sum_xl).sub(sum_x.mul(sum_l)).div(determinant);
        let offset = sum_l2.mul(sum_x).sub(sum_l.mul(sum_xl)).div(determinant);
        let above = zero.less(offset);
        let fitted = V::select(above, sum_xl.div(sum_l2), fitted);
        let offset = V::select(above, zero, offset);
        let mut error = zero;
        for i in 0..N {
            error = error.add(weights[i].mul(cost::<V, ABSOLUTE>(fitted, levels[i], offset, x[i])));
        }
        let better = V::both(zero.less(determinant), error.less(best));
        best = V::select(better, error, best);
        best_inverse = V::select(better, inverse, best_inverse);
        best_low = V::select(better, low, best_low);
        scale = V::select(better, fitted, scale);
        low = V::select(better, offset, low);
    }
    for i in 0..N {
        let level = best_inverse.mul(x[i].sub(best_low)).nearest_within(0.0, steps.top);
        levels[i] = V::select(flat, zero, level);
    }
    (V::select(flat, zero, scale), V::select(flat, start, low).mul(V::splat(-1.0)))
}

#[inline(always)]
fn cost<V: Lanes, const ABSOLUTE: bool>(scale: V, level: V, low: V, x: V) -> V {
    let difference = scale.mul(level).add(low).sub(x);
    if ABSOLUTE { difference.abs() } else { difference.mul(difference) }
}

/// Finds the scale of levels from `-top` to `top - 1`: `make_qx_quants` with squares as weights or those given.
///
/// Leaves the levels, counted from 0, in `levels`.
#[inline(always)]
pub(super) fn scale<V: Lanes, const N: usize>(x: &[V; N], weights: &[V; N], top: f32, levels: &mut [V; N]) -> V {
    let zero = V::splat(0.0);
    let (peak, magnitude) = peak(x);
    let tiny = magnitude.less(V::splat(ZERO));
    let mut best_inverse = V::splat(-top).div(peak);
    let (sum_xl, sum_l2) = fit(x, weights, top, best_inverse);
    let mut scale = V::select(zero.less(sum_l2), sum_xl.div(sum_l2), zero);
    let mut best = scale.mul(sum_xl);
    for step in (-9..=9).filter(|step| *step != 0) {
        let inverse = V::splat(-(top + 0.1 * step as f32)).div(peak);
        let (sum_xl, sum_l2) = fit(x, weights, top, inverse);
        let better = V::both(zero.less(sum_l2), best.mul(sum_l2).less(sum_xl.mul(sum_xl)));
        scale = V::select(better, sum_xl.div(sum_l2), scale);
        best = V::select(better, scale.mul(sum_xl), best);
        best_inverse = V::select(better, inverse, best_inverse);
    }
    for i in 0..N {
        let level = best_inverse.mul(x[i]).nearest_within(-top, top - 1.0).add(V::splat(top));
        levels[i] = V::select(tiny, zero, level);
    }
    V::select(tiny, zero, scale)
}

/// The value of largest magnitude, the first of equals, and its magnitude.
#[inline(always)]
fn peak<V: Lanes, const N: usize>(x: &[V; N]) -> (V, V) {
    let (mut peak, mut magnitude) = (V::splat(0.0), V::splat(0.0));
    for value in x {
        let larger = magnitude.less(value.abs());
        magnitude = V::select(larger, value.abs(), magnitude);
        peak = V::select(larger, *value, peak);
    }
    (peak, magnitude)
}

/// Weighted sums of value times level and of squared levels.
#[inline(always)]
fn fit<V: Lanes, const N: usize>(x: &[V; N], weights: &[V; N], top: f32, inverse: V) -> (V, V) {
    let (mut sum_xl, mut sum_l2) = (V::splat(0.0), V::splat(0.0));
    for i in 0..N {
        let level = inverse.mul(x[i]).nearest_within(-top, top - 1.0);
        sum_xl = sum_xl.add(weights[i].mul(x[i]).mul(level));
        sum_l2 = sum_l2.add(weights[i].mul(level).mul(level));
    }
    (sum_xl, sum_l2)
}

/// Finds the scale of levels from `-top` to `top - 1` by changing one level at a time: `make_q3_quants`.
///
/// Leaves the levels, counted from 0, in `levels`.
#[inline(always)]
pub(super) fn scale_by_descent<V: Lanes, const N: usize>(x: &[V; N], top: f32, levels: &mut [V; N]) -> V {
    let zero = V::splat(0.0);
    let (peak, magnitude) = peak(x);
    let tiny = magnitude.less(V::splat(ZERO));
    let inverse = V::splat(-top).div(peak);
    let (mut sum_xl, mut sum_l2) = (zero, zero);
    for i in 0..N {
        levels[i] = inverse.mul(x[i]).nearest_within(-top, top - 1.0);
        let weight = x[i].mul(x[i]);
        sum_xl = sum_xl.add(weight.mul(x[i]).mul(levels[i]));
        sum_l2 = sum_l2.add(weight.mul(levels[i]).mul(levels[i]));
    }
    // A pass without a change is followed by passes without a change, so lanes need no counter.
    for _ in 0..5 {
        for i in 0..N {
            let weight = x[i].mul(x[i]);
            let cubed = weight.mul(x[i]);
            let without_xl = sum_xl.sub(cubed.mul(levels[i]));
            let without_l2 = sum_l2.sub(weight.mul(levels[i]).mul(levels[i]));
            let wanted = x[i].mul(without_l2).div(without_xl).nearest_wrapped();
            let level = wanted.max(V::splat(-top)).min(V::splat(top - 1.0));
            let with_xl = without_xl.add(cubed.mul(level));
            let with_l2 = without_l2.add(weight.mul(level).mul(level));
            let changed = V::both(zero.less(without_xl), zero.less(level.sub(levels[i]).abs()));
            let gain = sum_xl.mul(sum_xl).mul(with_l2).less(with_xl.mul(with_xl).mul(sum_l2));
            let better = V::both(V::both(changed, zero.less(with_l2)), gain);
            levels[i] = V::select(better, level, levels[i]);
            sum_xl = V::select(better, with_xl, sum_xl);
            sum_l2 = V::select(better, with_l2, sum_l2);
        }
    }
    for level in levels.iter_mut() {
        *level = V::select(tiny, zero, level.add(V::splat(top)));
    }
    V::select(V::both(V::not(tiny), zero.less(sum_l2)), sum_xl.div(sum_l2), zero)
}
