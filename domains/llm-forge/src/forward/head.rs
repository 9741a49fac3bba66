//! From hidden states to logits and losses, a block of the vocabulary at a time.

use super::ForwardError;
use super::error::Place;
use super::kernels::{self, Isa, Rows};
use super::wave::{ROWS_AT_ONCE, Wave};
use super::weights::{Matrix, vector};
use super::work::for_each;
use crate::families::{Role, Runnable};

/// Outputs computed together. Fixed, because partial sums of the softmax are taken per block.
const VOCABULARY_BLOCK: usize = 1024;

/// The final norm and the output matrix.
#[derive(Debug)]
pub struct Head<'m> {
    isa: Isa,
    eps: f32,
    norm: Vec<f32>,
    output: Matrix<'m>,
    scratch: Vec<Scratch>,
}

/// What one sequence cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SequenceLoss {
    /// Number of the sequence over the whole corpus, from zero.
    pub sequence: u64,
    /// Tokens that were predicted: all but the first.
    pub predicted: u64,
    /// Summed negative log-likelihood, in nats.
    pub nll: f64,
}

/// Buffers one thread reuses.
#[derive(Debug, Default)]
struct Scratch {
    product: kernels::Scratch,
    x: Vec<f32>,
    logits: Vec<f32>,
    rows: Vec<Running>,
}

/// The softmax of one row, as far as it was computed.
#[derive(Clone, Copy, Debug)]
struct Running {
    max: f32,
    /// Sum of `exp(logit - max)`.
    sum: f64,
    target: f32,
}

impl<'m> Head<'m> {
    pub(super) fn open(model: Runnable<'m>, isa: Isa, threads: usize) -> Result<Head<'m>, ForwardError> {
        let g = model.geometry;
        let role = if g.tie_embeddings { Role::Embedding } else { Role::Output };
        Ok(Head {
            isa,
            eps: g.rms_eps,
            norm: vector(model, &Role::FinalNorm, g.hidden)?,
            output: Matrix::open(model, &role, g.vocab, g.hidden)?,
            scratch: std::iter::repeat_with(Scratch::default).take(threads).collect(),
        })
    }

    /// Computes the negative log-likelihood of every token but the first of each sequence of a wave.
    ///
    /// # Errors
    /// When weights cannot be read or a logit is not finite.
    pub fn losses(&mut self, wave: &Wave) -> Result<Vec<SequenceLoss>, ForwardError> {
        let mut rows = Vec::new();
        for (place, tokens) in wave.sequences().iter().enumerate() {
            rows.extend(wave.rows(place).zip(tokens.iter().skip(1).map(|token| *token as usize)));
        }
        let mut nll = vec![0f64; rows.len()];
        let items = rows.chunks(ROWS_AT_ONCE).zip(nll.chunks_mut(ROWS_AT_ONCE)).collect();
        let mut scratch = std::mem::take(&mut self.scratch);
        let done = for_each(&mut scratch, items, |scratch, (rows, nll)| self.row_losses(wave, rows, scratch, nll));
        self.scratch = scratch;
        done?;
        let mut nll = nll.into_iter();
        let of_sequence = |(place, tokens): (usize, &Vec<u32>)| {
            let predicted = tokens.len().saturating_sub(1);
            SequenceLoss {
                sequence: wave.first() + place as u64,
                predicted: predicted as u64,
                nll: nll.by_ref().take(predicted).sum(),
            }
        };
        Ok(wave.sequences().iter().enumerate().map(of_sequence).collect())
    }

    /// Computes the logits of one position over the whole vocabulary. `place` counts sequences within the wave.
    ///
    /// # Errors
    /// When weights cannot be read.
    pub fn logits(&mut self, wave: &Wave, place: usize, position: usize) -> Result<Vec<f32>, ForwardError> {
        let row = wave.rows(place).start + position;
        let mut x = vec![0.0; wave.width];
        kernels::rms_norm(self.isa, &wave.hidden[row * wave.width..(row + 1) * wave.width], &self.norm, self.eps, &mut x);
        let mut logits = vec![0.0; self.output.outputs()];
        kernels::product(self.isa, &x, &self.output, 0..self.output.outputs(), &mut kernels::Scratch::default(), &mut logits)?;
        Ok(logits)
    }

    /// Computes the losses of some rows, each with the token it should predict.
    fn row_losses(
        &self,
        wave: &Wave,
        rows: &[(usize, usize)],
        scratch: &mut Scratch,
        nll: &mut [f64],
    ) -> Result<(), ForwardError> {
        let width = wave.width;
        scratch.x.resize(rows.len() * width, 0.0);
        for ((row, _), out) in rows.iter().zip(scratch.x.chunks_exact_mut(width)) {
            kernels::rms_norm(self.isa, &wave.hidden[row * width..(row + 1) * width], &self.norm, self.eps, out);
        }
        scratch.rows.clear();
        scratch.rows.resize(rows.len(), Running { max: f32::NEG_INFINITY, sum: 0.0, target: f32::NAN });
        for first in (0..self.output.outputs()).step_by(VOCABULARY_BLOCK) {
            let block = first..self.output.outputs().min(first + VOCABULARY_BLOCK);
            scratch.logits.resize(rows.len() * block.len(), 0.0);
            kernels::product(self.isa, &scratch.x, &self.output, block.clone(), &mut scratch.product, &mut scratch.logits)?;
            let parts = scratch.logits.chunks_exact(block.len()).zip(&mut scratch.rows);
            for ((_, target), (logits, running)) in rows.iter().zip(parts) {
                running.extend(self.isa, logits);
                if block.contains(target) {
                    running.target = logits[target - first];
                }
            }
        }
        for (((row, _), running), nll) in rows.iter().zip(&scratch.rows).zip(nll) {
            *nll = f64::from(running.max) + libm::log(running.sum) - f64::from(running.target);
            if !nll.is_finite() {
                return Err(wave.not_finite(*row, "logit", Place::Output));
            }
        }
        Ok(())
    }
}

impl Running {
    /// Takes in a block of logits. A logit that is not finite makes the sum not finite.
    fn extend(&mut self, isa: Isa, logits: &[f32]) {
        let (low, high) = kernels::bounds(isa, logits);
        if low == f32::NEG_INFINITY {
            self.sum = f64::NAN;
        }
        if high > self.max {
            self.sum *= libm::exp(f64::from(self.max) - f64::from(high));
            self.max = high;
        }
        self.sum += f64::from(kernels::exp_sum(isa, logits, self.max));
    }
}
