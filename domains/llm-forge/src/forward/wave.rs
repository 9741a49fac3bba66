//! Sequences that go through the layers together.

use super::ForwardError;
use super::error::Place;
use super::kernels::Rows;
use super::weights::Matrix;
use std::ops::Range;

/// Rows one piece of work takes where rows may be cut anywhere: enough that packing weights costs little beside using them.
pub(super) const ROWS_AT_ONCE: usize = 512;

/// Whole sequences that go through the layers together, and their hidden states.
#[derive(Debug)]
pub struct Wave {
    first: u64,
    sequences: Vec<Vec<u32>>,
    /// Per sequence: positions that were run before.
    past: Vec<usize>,
    /// Where each sequence's rows start, and the end of the last.
    starts: Vec<usize>,
    /// `[tokens, width]`
    pub(super) hidden: Vec<f32>,
    pub(super) width: usize,
}

impl Wave {
    /// Makes a wave of sequences from their starts.
    pub(super) fn new(first: u64, sequences: Vec<Vec<u32>>, width: usize) -> Wave {
        let past = vec![0; sequences.len()];
        Wave::after(first, sequences, past, width)
    }

    /// Makes a wave of sequences whose first positions, `past` of each, were run before.
    pub(super) fn after(first: u64, sequences: Vec<Vec<u32>>, past: Vec<usize>, width: usize) -> Wave {
        let mut starts = vec![0];
        for sequence in &sequences {
            starts.push(starts[starts.len() - 1] + sequence.len());
        }
        let hidden = vec![0.0; starts[starts.len() - 1] * width];
        Wave { first, sequences, past, starts, hidden, width }
    }

    /// Number of the wave's first sequence, counted over the whole corpus from zero.
    #[must_use]
    pub fn first(&self) -> u64 {
        self.first
    }

    /// The tokens of each sequence.
    #[must_use]
    pub fn sequences(&self) -> &[Vec<u32>] {
        &self.sequences
    }

    /// Number of tokens in all.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.starts[self.starts.len() - 1]
    }

    /// Rows of one sequence, by its place in the wave.
    pub(super) fn rows(&self, place: usize) -> Range<usize> {
        self.starts[place]..self.starts[place + 1]
    }

    /// Positions of one sequence's rows, by its place in the wave.
    pub(super) fn positions(&self, place: usize) -> Range<usize> {
        self.past[place]..self.past[place] + self.sequences[place].len()
    }

    /// Names the sequence and position of a row.
    pub(super) fn place(&self, row: usize) -> (u64, usize) {
        let place = self.starts.partition_point(|start| *start <= row) - 1;
        (self.first + place as u64, self.past[place] + row - self.starts[place])
    }

    /// Fills the hidden states with the tokens' embeddings.
    pub(super) fn embed(&mut self, embedding: &Matrix<'_>, multiplier: f32) -> Result<(), ForwardError> {
        let mut raw = Vec::new();
        for (place, sequence) in self.sequences.iter().enumerate() {
            for (position, token) in sequence.iter().enumerate() {
                let vocab = embedding.outputs();
                let row = *token as usize;
                if row >= vocab {
                    let position = self.past[place] + position;
                    return Err(ForwardError::Vocabulary { sequence: self.first + place as u64, position, token: *token, vocab });
                }
                let at = (self.starts[place] + position) * self.width;
                embedding.row(row, &mut raw, &mut self.hidden[at..at + self.width])?;
            }
        }
        for value in &mut self.hidden {
            *value *= multiplier;
        }
        self.check_finite(Place::Embedding)
    }

    /// Checks that every hidden state is finite.
    pub(super) fn check_finite(&self, place: Place) -> Result<(), ForwardError> {
        match self.hidden.iter().position(|value| !value.is_finite()) {
            None => Ok(()),
            Some(at) => Err(self.not_finite(at / self.width, "hidden state", place)),
        }
    }

    /// Makes the error for a row that is not finite.
    pub(super) fn not_finite(&self, row: usize, what: &'static str, place: Place) -> ForwardError {
        let (sequence, position) = self.place(row);
        ForwardError::NotFinite { sequence, position, what, place }
    }

    /// Cuts the sequences into groups of neighbours with about [`ROWS_AT_ONCE`] rows each, at least one sequence per group.
    pub(super) fn groups(&self) -> Vec<Range<usize>> {
        let mut groups = Vec::new();
        let mut from = 0;
        for place in 1..=self.sequences.len() {
            let full = place < self.sequences.len() && self.starts[place + 1] - self.starts[from] > ROWS_AT_ONCE;
            if full || place == self.sequences.len() {
                groups.push(from..place);
                from = place;
            }
        }
        groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_cover_every_sequence_once_and_stay_small() {
        for lengths in [vec![1], vec![600], vec![10, 600, 10], vec![200; 7], vec![512, 1, 511, 2]] {
            let wave = Wave::new(3, lengths.iter().map(|n| vec![0; *n]).collect(), 1);
            let groups = wave.groups();
            assert_eq!(groups.iter().cloned().flatten().collect::<Vec<_>>(), (0..lengths.len()).collect::<Vec<_>>());
            assert!(
                groups.iter().all(|g| g.len() == 1 || lengths[g.clone()].iter().sum::<usize>() <= ROWS_AT_ONCE),
                "{lengths:?}: {groups:?}"
            );
        }
    }

    #[test]
    fn a_row_is_named_by_sequence_and_position() {
        let wave = Wave::new(10, vec![vec![0; 2], vec![0; 3]], 1);
        assert_eq!([0, 1, 2, 4].map(|row| wave.place(row)), [(10, 0), (10, 1), (11, 0), (11, 2)]);
    }
}
