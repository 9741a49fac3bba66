//! The rotary position embedding.

use crate::families::{Geometry, Yarn};

/// Cosines and sines per position.
///
/// # Source
/// Su et al. 2021, in the two forms of the reference implementations: value `j` turns with value `j + width / 2`, or, interleaved,
/// value `2j` with `2j + 1`. Stretched frequencies are those of [`Yarn`].
#[derive(Debug)]
pub(super) struct Rope {
    /// `[positions, half]`
    cos: Vec<f32>,
    /// `[positions, half]`
    sin: Vec<f32>,
    half: usize,
    interleaved: bool,
}

impl Rope {
    /// Tabulates positions `0..positions` for a geometry.
    ///
    /// Frequencies and angles are rounded to f32 where the reference rounds them; the functions themselves are computed in f64.
    pub(super) fn new(geometry: &Geometry, positions: usize) -> Rope {
        let rotary = geometry.rotary;
        let half = rotary.width / 2;
        let theta = f64::from(geometry.rope_theta as f32);
        let plain = (0..half).map(|j| libm::pow(theta, f64::from((2 * j) as f32 / rotary.width as f32)) as f32);
        let (frequencies, factor) = match rotary.yarn {
            None => (plain.map(|power| 1.0 / power).collect::<Vec<f32>>(), 1.0),
            Some(yarn) => (stretched(&yarn, geometry.rope_theta, rotary.width, plain), yarn.attention_factor as f32),
        };
        Rope::tabulate(&frequencies, factor, positions, rotary.interleaved)
    }

    fn tabulate(frequencies: &[f32], factor: f32, positions: usize, interleaved: bool) -> Rope {
        let angles = (0..positions).flat_map(|position| frequencies.iter().map(move |f| f64::from(position as f32 * f)));
        let (cos, sin) = angles.map(|angle| (libm::cos(angle) as f32 * factor, libm::sin(angle) as f32 * factor)).unzip();
        Rope { cos, sin, half: frequencies.len(), interleaved }
    }

    /// Number of positions tabulated.
    pub(super) fn positions(&self) -> usize {
        self.cos.len() / self.half.max(1)
    }

    /// Turns one head's rotary values at one position; values behind them stay.
    pub(super) fn turn(&self, position: usize, head: &mut [f32]) {
        let table = position * self.half..(position + 1) * self.half;
        let table = self.cos[table.clone()].iter().zip(&self.sin[table]);
        let turned = |a: f32, b: f32, cos: f32, sin: f32| (a * cos - b * sin, b * cos + a * sin);
        if self.interleaved {
            for ([a, b], (cos, sin)) in head.as_chunks_mut::<2>().0.iter_mut().zip(table) {
                (*a, *b) = turned(*a, *b, *cos, *sin);
            }
        } else {
            let (low, high) = head.split_at_mut(self.half);
            for ((a, b), (cos, sin)) in low.iter_mut().zip(high).zip(table) {
                (*a, *b) = turned(*a, *b, *cos, *sin);
            }
        }
    }
}

/// The stretched frequencies, from `powers` of the base.
fn stretched(yarn: &Yarn, theta: f64, width: usize, powers: impl Iterator<Item = f32>) -> Vec<f32> {
    let width_f = width as f64;
    let dimension = |turns: f64| {
        width_f * libm::log(yarn.original_positions / (turns * 2.0 * std::f64::consts::PI)) / (2.0 * libm::log(theta))
    };
    let (mut low, mut high) = (dimension(yarn.beta_fast), dimension(yarn.beta_slow));
    if yarn.truncate {
        (low, high) = (low.floor(), high.ceil());
    }
    let (low, mut high) = (low.max(0.0), high.min(width_f - 1.0));
    if low.to_bits() == high.to_bits() {
        // The reference's way around a division by zero.
        high += 0.001;
    }
    let ramp = |j: usize| ((j as f32 - low as f32) / (high - low) as f32).clamp(0.0, 1.0);
    let mix = |(j, power): (usize, f32)| {
        let kept = 1.0 - ramp(j);
        1.0 / (yarn.factor as f32 * power) * (1.0 - kept) + 1.0 / power * kept
    };
    powers.enumerate().map(mix).collect()
}
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turning_keeps_lengths_and_depends_on_the_distance_only() {
        for interleaved in [false, true] {
            distance_only(&Rope::tabulate(&[1.0, 0.1, 0.01, 0.001], 1.0, 64, interleaved));
        }
    }

    fn distance_only(rope: &Rope) {
        let (q, k) = ([0.3, -1.0, 2.0, 0.5, 1.5, -0.7, 0.1, 0.9f32], [1.0, 0.2, -0.4, 0.8, -1.2, 0.6, 0.3, -0.5f32]);
        let dot = |p: usize, s: usize| {
            let (mut a, mut b) = (q, k);
            rope.turn(p, &mut a);
            rope.turn(s, &mut b);
            a.iter().zip(&b).map(|(x, y)| f64::from(x * y)).sum::<f64>()
        };
        assert!((dot(5, 2) - dot(45, 42)).abs() < 1e-5);
        assert!((dot(5, 2) - dot(5, 3)).abs() > 1e-2);
        let plain: f64 = q.iter().zip(&k).map(|(x, y)| f64::from(x * y)).sum();
        assert!((dot(7, 7) - plain).abs() < 1e-5);
    }
}
