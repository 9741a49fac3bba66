//! From hidden states to logits and losses, a block of the vocabulary at a time.

use super::ForwardError;
use super::error::Place;
use super::kernels::{self, Isa, Rows};
use super::norm::Norm;
use super::score::Continuation;
use super::wave::{ROWS_AT_ONCE, Wave};
use super::weights::{Matrix, vector};
use super::work::for_each;
use crate::families::{Role, Runnable};
use std::ops::Range;

/// Outputs computed together. Fixed, because partial sums of the softmax are taken per block.
const VOCABULARY_BLOCK: usize = 1024;

/// The final norm and the output matrix.
#[derive(Debug)]
pub struct Head<'m> {
    isa: Isa,
    norm: Norm,
    output: Matrix<'m>,
    /// `[vocab]`; empty where the model has none.
    bias: Vec<f32>,
    divisor: f32,
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

/// How well one row predicts its token.
#[derive(Clone, Copy, Debug, Default)]
struct Scored {
    nll: f64,
    greedy: bool,
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
            norm: Norm::open(model, &Role::FinalNorm, &Role::FinalNormBias)?,
            output: Matrix::open(model, &role, g.vocab, g.hidden)?,
            bias: if g.output_bias { vector(model, &Role::OutputBias, g.vocab)? } else { Vec::new() },
            divisor: g.multipliers.logits_divisor,
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
        let scored = self.scored(wave, &rows)?;
        let mut nll = scored.into_iter().map(|row| row.nll);
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

    /// Scores rows, each with the token it should predict, with all threads.
    fn scored(&mut self, wave: &Wave, rows: &[(usize, usize)]) -> Result<Vec<Scored>, ForwardError> {
        let mut scored = vec![Scored::default(); rows.len()];
        let items = rows.chunks(ROWS_AT_ONCE).zip(scored.chunks_mut(ROWS_AT_ONCE)).collect();
        let mut scratch = std::mem::take(&mut self.scratch);
        let done = for_each(&mut scratch, items, |scratch, (rows, scored)| self.score_rows(wave, rows, scratch, scored));
        self.scratch = scratch;
        done?;
        Ok(scored)
    }

    /// Number of logits a position has.
    pub(super) fn vocab(&self) -> usize {
        self.output.outputs()
    }

    /// Scores the tokens of each sequence of a wave from a position on, each after all before it.
    pub(super) fn continuations(&mut self, wave: &Wave, froms: &[usize]) -> Result<Vec<Continuation>, ForwardError> {
        let mut rows = Vec::new();
        for (place, (tokens, from)) in wave.sequences().iter().zip(froms).enumerate() {
            let before = wave.rows(place).start + from - 1..wave.rows(place).end - 1;
            rows.extend(before.zip(tokens[*from..].iter().map(|token| *token as usize)));
        }
        let scored = self.scored(wave, &rows)?;
        let mut scored = scored.into_iter();
        let of_sequence = |(tokens, from): (&Vec<u32>, &usize)| {
            let mut sum = Continuation { log_likelihood: 0.0, tokens: 0, greedy: true };
            for row in scored.by_ref().take(tokens.len() - from) {
                sum.log_likelihood -= row.nll;
                sum.tokens += 1;
                sum.greedy &= row.greedy;
            }
            sum
        };
        Ok(wave.sequences().iter().zip(froms).map(of_sequence).collect())
    }

    /// Computes the logits of one position over the whole vocabulary. `place` counts sequences within the wave.
    ///
    /// # Errors
    /// When weights cannot be read.
    pub fn logits(&mut self, wave: &Wave, place: usize, position: usize) -> Result<Vec<f32>, ForwardError> {
        let row = wave.rows(place).start + position;
        let mut logits = vec![0.0; self.output.outputs()];
        self.rows_logits(wave, row..row + 1, &mut logits)?;
        Ok(logits)
    }

    /// Computes the logits of neighbouring rows of a wave, with all threads.
    ///
    /// # Shapes
    /// `logits`: `[rows, vocab]`.
    pub(super) fn rows_logits(&mut self, wave: &Wave, rows: Range<usize>, logits: &mut [f32]) -> Result<(), ForwardError> {
        let (width, vocab) = (wave.width, self.output.outputs());
        let mut x = vec![0.0; rows.len() * width];
        self.norm.apply(self.isa, &wave.hidden[rows.start * width..rows.end * width], &mut x);
        // By block of the vocabulary, each block's rows together, then put in their places.
        let mut blocks = vec![0.0; logits.len()];
        let items = blocks.chunks_mut(VOCABULARY_BLOCK * rows.len()).zip((0..vocab).step_by(VOCABULARY_BLOCK)).collect();
        let mut scratch = std::mem::take(&mut self.scratch);
        let done = for_each(&mut scratch, items, |scratch, (out, first): (&mut [f32], usize)| {
            self.block_logits(&x, first..vocab.min(first + VOCABULARY_BLOCK), &mut scratch.product, out)
        });
        self.scratch = scratch;
        done?;
        for (block, first) in blocks.chunks(VOCABULARY_BLOCK * rows.len()).zip((0..vocab).step_by(VOCABULARY_BLOCK)) {
            let lanes = block.len() / rows.len();
            for (row, values) in logits.chunks_exact_mut(vocab).zip(block.chunks_exact(lanes)) {
                row[first..first + lanes].copy_from_slice(values);
            }
        }
        Ok(())
    }

    /// Computes the logits of a block of the vocabulary from normalised rows.
    fn block_logits(
        &self,
        x: &[f32],
        block: Range<usize>,
        scratch: &mut kernels::Scratch,
        logits: &mut [f32],
    ) -> Result<(), ForwardError> {
        kernels::product(self.isa, x, &self.output, block.clone(), scratch, logits)?;
        for row in logits.chunks_exact_mut(block.len()) {
            if !self.bias.is_empty() {
                for (logit, bias) in row.iter_mut().zip(&self.bias[block.clone()]) {
                    *logit += bias;
                }
            }
            for logit in row {
                *logit /= self.divisor;
            }
        }
        Ok(())
    }

    /// Scores some rows, each with the token it should predict.
    fn score_rows(
        &self,
        wave: &Wave,
        rows: &[(usize, usize)],
        scratch: &mut Scratch,
        scored: &mut [Scored],
    ) -> Result<(), ForwardError> {
        let width = wave.width;
        scratch.x.resize(rows.len() * width, 0.0);
        for ((row, _), out) in rows.iter().zip(scratch.x.chunks_exact_mut(width)) {
            self.norm.apply(self.isa, &wave.hidden[row * width..(row + 1) * width], out);
        }
        scratch.rows.clear();
        scratch.rows.resize(rows.len(), Running { max: f32::NEG_INFINITY, sum: 0.0, target: f32::NAN });
        for first in (0..self.output.outputs()).step_by(VOCABULARY_BLOCK) {
            let block = first..self.output.outputs().min(first + VOCABULARY_BLOCK);
            scratch.logits.resize(rows.len() * block.len(), 0.0);
            self.block_logits(&scratch.x, block.clone(), &mut scratch.product, &mut scratch.logits)?;
            let parts = scratch.logits.chunks_exact(block.len()).zip(&mut scratch.rows);
            for ((_, target), (logits, running)) in rows.iter().zip(parts) {
                running.extend(self.isa, logits);
                if block.contains(target) {
                    running.target = logits[target - first];
                }
            }
        }
        for (((row, _), running), scored) in rows.iter().zip(&scratch.rows).zip(scored) {
            scored.nll = f64::from(running.max) + libm::log(running.sum) - f64::from(running.target);
            scored.greedy = running.target >= running.max;
            if !scored.nll.is_finite() {
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
