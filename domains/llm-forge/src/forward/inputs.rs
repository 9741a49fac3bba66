//! The rows that enter a layer's matrices, kept for an observer that asks for them.

use crate::families::Role;
use std::ops::Range;

/// Rows that enter one or more matrices of equal width.
#[derive(Debug)]
pub(super) struct Kept {
    /// The matrices.
    pub(super) roles: Vec<Role>,
    width: usize,
    /// `[rows, width]`
    rows: Vec<f32>,
}

impl Kept {
    /// Room for `rows` rows.
    pub(super) fn new(roles: Vec<Role>, rows: usize, width: usize) -> Kept {
        Kept { roles, width, rows: vec![0.0; rows * width] }
    }

    /// The rows, in the order of the wave.
    pub(super) fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.rows.chunks_exact(self.width)
    }
}

/// Where one thread puts its share of every [`Kept`]; empty when nobody asks.
#[derive(Debug, Default)]
pub(super) struct Taps<'a>(Vec<&'a mut [f32]>);

impl Taps<'_> {
    /// Keeps the rows that enter the matrices of one tap.
    pub(super) fn keep(&mut self, tap: usize, rows: &[f32]) {
        if let Some(target) = self.0.get_mut(tap) {
            target.copy_from_slice(rows);
        }
    }
}

/// Cuts what is kept into the shares of neighbouring ranges of rows, which cover all rows in order.
pub(super) fn shares<'a>(kept: &'a mut [Kept], ranges: &[Range<usize>]) -> Vec<Taps<'a>> {
    let mut rest: Vec<(usize, &mut [f32])> = kept.iter_mut().map(|kept| (kept.width, kept.rows.as_mut_slice())).collect();
    let cut = |range: &Range<usize>| {
        let mut mine = Vec::with_capacity(rest.len());
        for (width, rows) in &mut rest {
            let (first, others) = std::mem::take(rows).split_at_mut(range.len() * *width);
            mine.push(first);
            *rows = others;
        }
        Taps(mine)
    };
    ranges.iter().map(cut).collect()
}
