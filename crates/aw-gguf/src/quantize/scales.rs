//! The scales of a super-block: numbers that are themselves quantised.

use super::search::ZERO;
use crate::half::f32_to_f16;
use crate::lanes::nearest_int;

/// The bits of the nearest half, or `None` where it is not finite.
#[inline(always)]
pub(super) fn finite_half(value: f32) -> Option<u16> {
    let bits = f32_to_f16(value);
    (bits & 0x7c00 != 0x7c00).then_some(bits)
}

/// Quantises non-negative numbers to levels from 0 to `top` and returns their scale: `make_qp_quants`.
#[inline(always)]
pub(super) fn positive(top: i32, x: &[f32], weights: &[f32], levels: &mut [u8]) -> f32 {
    let n = x.len();
    let max = x.iter().fold(0_f32, |max, value| if max > *value { max } else { *value });
    if max < ZERO {
        levels.fill(0);
        return 0.0;
    }
    let mut inverse = top as f32 / max;
    for i in 0..n {
        levels[i] = nearest_int(inverse * x[i]) as u8;
    }
    let first = 1.0 / inverse;
    let mut best = 0.0;
    for i in 0..n {
        let difference = x[i] - first * f32::from(levels[i]);
        best += weights[i] * difference * difference;
    }
    for step in (-4..=4).filter(|step| *step != 0) {
        let candidate = (0.1 * step as f32 + top as f32) / max;
        let scale = 1.0 / candidate;
        let mut error = 0.0;
        for i in 0..n {
            let level = nearest_int(candidate * x[i]).min(top);
            let difference = x[i] - scale * level as f32;
            error += weights[i] * difference * difference;
        }
        if error < best {
            best = error;
            inverse = candidate;
        }
    }
    let (mut sum_xl, mut sum_l2) = (0.0, 0.0);
    for i in 0..n {
        let level = nearest_int(inverse * x[i]).min(top);
        levels[i] = level as u8;
        sum_xl += weights[i] * x[i] * level as f32;
        sum_l2 += weights[i] * level as f32 * level as f32;
    }
    for _ in 0..5 {
        if !descend(top, x, weights, levels, &mut sum_xl, &mut sum_l2) {
            break;
        }
    }
    if sum_l2 > 0.0 { sum_xl / sum_l2 } else { 0.0 }
}

/// One pass that changes one level at a time where that helps; says whether any changed.
#[inline(always)]
fn descend(top: i32, x: &[f32], weights: &[f32], levels: &mut [u8], sum_xl: &mut f32, sum_l2: &mut f32) -> bool {
    let mut changed = false;
    for i in 0..x.len() {
        let (weight, old) = (weights[i], f32::from(levels[i]));
        let mut new_xl = *sum_xl - weight * x[i] * old;
        let mut new_l2 = *sum_l2 - weight * old * old;
        if new_xl > 0.0 && new_l2 > 0.0 {
            let level = nearest_int(x[i] * new_l2 / new_xl).min(top);
            if level != i32::from(levels[i]) {
                new_xl += weight * x[i] * level as f32;
                new_l2 += weight * level as f32 * level as f32;
                if new_xl * new_xl * *sum_l2 > *sum_xl * *sum_xl * new_l2 {
                    levels[i] = level as u8;
                    (*sum_xl, *sum_l2) = (new_xl, new_l2);
                    changed = true;
                }
            }
        }
    }
    changed
}
