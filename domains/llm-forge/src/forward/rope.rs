//! The rotary position embedding, default type.

/// Cosines and sines per position.
///
/// # Source
/// Su et al. 2021, in the half-split form of the reference implementations: value `j` turns with value `j + head_dim / 2`.
#[derive(Debug)]
pub(super) struct Rope {
    /// `[positions, half]`
    cos: Vec<f32>,
    /// `[positions, half]`
    sin: Vec<f32>,
    half: usize,
}

impl Rope {
    /// Tabulates positions `0..positions`.
    ///
    /// Frequencies and angles are rounded to f32 where the reference rounds them; the functions themselves are computed in f64.
    pub(super) fn new(theta: f64, head_dim: usize, positions: usize) -> Rope {
        let half = head_dim / 2;
        let theta = f64::from(theta as f32);
        let frequencies: Vec<f32> =
            (0..half).map(|j| 1.0 / libm::pow(theta, f64::from((2 * j) as f32 / head_dim as f32)) as f32).collect();
        let angles = (0..positions).flat_map(|position| frequencies.iter().map(move |f| f64::from(position as f32 * f)));
        let (cos, sin) = angles.map(|angle| (libm::cos(angle) as f32, libm::sin(angle) as f32)).unzip();
        Rope { cos, sin, half }
    }

    /// Number of positions tabulated.
    pub(super) fn positions(&self) -> usize {
        self.cos.len() / self.half.max(1)
    }

    /// Turns one head at one position.
    pub(super) fn turn(&self, position: usize, head: &mut [f32]) {
        let table = position * self.half..(position + 1) * self.half;
        let (low, high) = head.split_at_mut(self.half);
        for (((a, b), cos), sin) in low.iter_mut().zip(high).zip(&self.cos[table.clone()]).zip(&self.sin[table]) {
            (*a, *b) = (*a * cos - *b * sin, *b * cos + *a * sin);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turning_keeps_lengths_and_depends_on_the_distance_only() {
        let rope = Rope::new(10_000.0, 8, 64);
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
