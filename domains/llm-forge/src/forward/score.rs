//! Log-probabilities: of every token at every position, and of given continuations.

use super::error::Place;
use super::head::Head;
use super::kernels::{self, Isa};
use super::wave::Wave;
use super::{Engine, ExpertMask, ForwardError, Options, Unobserved};
use crate::families::Model;
use crate::progress::Progress;

/// Bytes of logits held at once, of each model.
const LOGITS_BYTES: usize = 32 << 20;

/// How likely a model finds one continuation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Continuation {
    /// Summed log-probability of the continuation's tokens, in nats, each after all before it.
    pub log_likelihood: f64,
    /// Tokens of the continuation.
    pub tokens: u64,
    /// Whether each of them is the most likely one at its place.
    pub greedy: bool,
}

/// Shows the log-probabilities of every token at every position of every sequence, in order, without holding them all.
///
/// `visit` gets the sequence's place in the corpus, the position whose next token is predicted, and one log-probability a token of
/// the vocabulary, in nats. The log of the sum is taken in f64 and every value rounded to f32 once.
///
/// # Errors
/// When a sequence cannot be run or a logit is not finite; what `sequences` and `visit` return.
///
/// # Determinism
/// Equal bits for any number of threads, any wave size and any instruction set.
pub fn visit_log_probs<E: From<ForwardError>>(
    model: &Model,
    mask: Option<&ExpertMask>,
    sequences: (u64, impl IntoIterator<Item = Result<Vec<u32>, E>>),
    options: Options,
    progress: Progress<'_>,
    mut visit: impl FnMut(u64, usize, &[f32]) -> Result<(), E>,
) -> Result<(), E> {
    let mut engine = Engine::new(model, options)?;
    let isa = engine.isa();
    engine.run(sequences, mask, &mut Unobserved, progress, |head, wave| {
        let mut block = Block::default();
        for row in 0..wave.tokens() {
            block.reach(isa, head, wave, row)?;
            let (sequence, position) = wave.place(row);
            visit(sequence, position, block.row(row))?;
        }
        Ok(())
    })
}

/// Shows the log-probabilities two models give every token at every position, side by side, without holding them all.
///
/// `visit` is as that of [`visit_log_probs`], with the first model's log-probabilities before the second's.
///
/// # Errors
/// As [`visit_log_probs`], and when the vocabularies differ in size.
///
/// # Determinism
/// Equal bits for any number of threads, any wave size and any instruction set.
pub fn compare_log_probs<E: From<ForwardError>>(
    models: [(&Model, Option<&ExpertMask>); 2],
    (total, sequences): (u64, impl IntoIterator<Item = Result<Vec<u32>, E>>),
    options: Options,
    progress: Progress<'_>,
    mut visit: impl FnMut(u64, usize, [&[f32]; 2]) -> Result<(), E>,
) -> Result<(), E> {
    let mut engine = Engine::new(models[0].0, options)?;
    let mut other = Engine::new(models[1].0, options)?;
    let [first, second] = [&engine, &other].map(|engine| engine.geometry().vocab);
    if first != second {
        return Err(ForwardError::Vocabularies { first, second }.into());
    }
    let (mut other_head, other_width) = (other.head()?, other.geometry().hidden);
    let isa = engine.isa();
    engine.run((total, sequences), models[0].1, &mut Unobserved, progress, |head, wave| {
        let again = Wave::new(wave.first(), wave.sequences().to_vec(), other_width);
        let again = other.push_quietly(again, models[1].1)?;
        let mut blocks = [Block::default(), Block::default()];
        for row in 0..wave.tokens() {
            blocks[0].reach(isa, head, wave, row)?;
            blocks[1].reach(isa, &mut other_head, &again, row)?;
            let (sequence, position) = wave.place(row);
            visit(sequence, position, [blocks[0].row(row), blocks[1].row(row)])?;
        }
        Ok(())
    })
}

/// Scores continuations: of each pair's tokens, those from its position on, given all before them.
///
/// # Errors
/// When a sequence cannot be run, its continuation is empty or starts at its first token, or a logit is not finite.
///
/// # Determinism
/// Equal bits for any number of threads, any wave size and any instruction set.
pub fn score_continuations(
    model: &Model,
    mask: Option<&ExpertMask>,
    items: &[(Vec<u32>, usize)],
    options: Options,
    progress: Progress<'_>,
) -> Result<Vec<Continuation>, ForwardError> {
    for (sequence, (tokens, from)) in (0..).zip(items) {
        if *from == 0 || *from >= tokens.len() {
            return Err(ForwardError::Continuation { sequence, tokens: tokens.len(), from: *from });
        }
    }
    let sequences = items.iter().map(|(tokens, _)| Ok::<_, ForwardError>(tokens.clone()));
    let mut scores = Vec::with_capacity(items.len());
    Engine::new(model, options)?.run((items.len() as u64, sequences), mask, &mut Unobserved, progress, |head, wave| {
        let first = usize::try_from(wave.first()).expect("as many sequences as there are items");
        let froms: Vec<usize> = items[first..first + wave.sequences().len()].iter().map(|(_, from)| *from).collect();
        scores.extend(head.continuations(wave, &froms)?);
        Ok::<(), ForwardError>(())
    })?;
    Ok(scores)
}

/// The log-probabilities of neighbouring rows of a wave.
#[derive(Debug, Default)]
struct Block {
    first: usize,
    vocab: usize,
    /// `[rows, vocab]`
    values: Vec<f32>,
}

impl Block {
    /// Sees to it that a row is among those held: the next ones are computed when it is behind them.
    fn reach(&mut self, isa: Isa, head: &mut Head<'_>, wave: &Wave, row: usize) -> Result<(), ForwardError> {
        if self.vocab > 0 && row < self.first + self.values.len() / self.vocab {
            return Ok(());
        }
        self.vocab = head.vocab();
        let rows = row..wave.tokens().min(row + (LOGITS_BYTES / 4 / self.vocab).max(1));
        self.first = row;
        self.values.resize(rows.len() * self.vocab, 0.0);
        head.rows_logits(wave, rows.clone(), &mut self.values)?;
        for (row, logits) in rows.zip(self.values.chunks_exact_mut(self.vocab)) {
            let (low, high) = kernels::bounds(isa, logits);
            let sum = libm::log(f64::from(kernels::exp_sum(isa, logits, high))) + f64::from(high);
            if !sum.is_finite() || !low.is_finite() {
                return Err(wave.not_finite(row, "logit", Place::Output));
            }
            for logit in logits {
                *logit = (f64::from(*logit) - sum) as f32;
            }
        }
        Ok(())
    }

    fn row(&self, row: usize) -> &[f32] {
        let at = (row - self.first) * self.vocab;
        &self.values[at..at + self.vocab]
    }
}
