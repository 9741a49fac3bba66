//! How well a model predicts a corpus, whole or with some experts dropped.

use crate::corpus::{Corpus, CorpusError, Limits};
use crate::families::Model;
use crate::forward::{Engine, ExpertMask, ForwardError, Options, SequenceLoss, Unobserved};
use crate::progress::Progress;
use crate::tokenizer::Tokenizer;
use serde::Serialize;
use std::io::Write;

/// What part of a corpus is scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PerplexitySettings {
    /// Tokens after which an example is cut.
    pub max_length: usize,
    /// Examples after which the corpus is left; all where absent.
    pub max_examples: Option<u64>,
}

impl Default for PerplexitySettings {
    fn default() -> PerplexitySettings {
        PerplexitySettings { max_length: 2048, max_examples: None }
    }
}

/// How well a model predicts a corpus.
#[derive(Clone, Debug, PartialEq)]
pub struct Perplexity {
    /// Per scored example, in corpus order.
    pub samples: Vec<Sample>,
    /// Examples with fewer than two tokens, in which nothing is predicted; skipped.
    pub too_short: u64,
    /// Examples cut to the maximum length.
    pub truncated: u64,
}

/// One scored example.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Sample {
    /// Line number in the corpus, from one.
    pub line: u64,
    /// Tokens that were predicted: all but the first.
    pub predicted: u64,
    /// Summed negative log-likelihood of those tokens, in nats.
    pub nll: f64,
}

/// Why a perplexity could not be measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PerplexityError {
    /// The corpus could not be read or encoded.
    #[error(transparent)]
    Corpus(#[from] CorpusError),
    /// The forward pass stopped.
    #[error(transparent)]
    Forward(#[from] ForwardError),
    /// There was nothing to predict.
    #[error("the corpus predicts nothing: all {too_short} examples have fewer than two tokens")]
    NothingPredicted {
        /// Examples skipped.
        too_short: u64,
    },
}

impl Perplexity {
    /// Tokens that were predicted.
    #[must_use]
    pub fn predicted(&self) -> u64 {
        self.samples.iter().map(|sample| sample.predicted).sum()
    }

    /// Summed negative log-likelihood, in nats, added in corpus order.
    #[must_use]
    pub fn nll(&self) -> f64 {
        self.samples.iter().map(|sample| sample.nll).sum()
    }

    /// `exp(nll / predicted)`: over all tokens, not a mean of examples.
    #[must_use]
    pub fn value(&self) -> f64 {
        libm::exp(self.nll() / self.predicted() as f64)
    }

    /// Writes one JSON object per scored example.
    ///
    /// # Errors
    /// When the writer fails.
    pub fn write_samples(&self, out: &mut dyn Write) -> std::io::Result<()> {
        for sample in &self.samples {
            serde_json::to_writer(&mut *out, sample)?;
            out.write_all(b"\n")?;
        }
        Ok(())
    }
}

/// Measures a model's perplexity on a corpus, with some experts dropped if a mask says so.
///
/// # Errors
/// When the corpus or the weights cannot be read, a value is not finite, `progress` asks to stop, or nothing is predicted.
///
/// # Determinism
/// Equal bits for any number of threads, any wave size and any instruction set.
pub fn perplexity(
    model: &Model,
    mask: Option<&ExpertMask>,
    (corpus, tokenizer): (&Corpus, &Tokenizer),
    settings: PerplexitySettings,
    options: Options,
    progress: Progress<'_>,
) -> Result<Perplexity, PerplexityError> {
    let limits = Limits { max_length: settings.max_length, max_examples: settings.max_examples, min_length: 2 };
    let mut encoded = corpus.encode(tokenizer, limits)?;
    let total = encoded.at_most();
    let losses = sequence_losses(model, mask, (total, encoded.by_ref()), options, progress)?;
    if losses.is_empty() {
        return Err(PerplexityError::NothingPredicted { too_short: encoded.too_short });
    }
    let samples =
        losses.iter().zip(&encoded.lines).map(|(loss, line)| Sample { line: *line, predicted: loss.predicted, nll: loss.nll });
    Ok(Perplexity { samples: samples.collect(), too_short: encoded.too_short, truncated: encoded.truncated })
}

/// Computes the loss of every token sequence, `total` of them at most.
///
/// # Errors
/// As [`perplexity`].
pub fn sequence_losses<E>(
    model: &Model,
    mask: Option<&ExpertMask>,
    (total, sequences): (u64, impl IntoIterator<Item = Result<Vec<u32>, E>>),
    options: Options,
    progress: Progress<'_>,
) -> Result<Vec<SequenceLoss>, PerplexityError>
where
    PerplexityError: From<E>,
{
    let mut losses = Vec::new();
    let sequences = sequences.into_iter().map(|sequence| sequence.map_err(PerplexityError::from));
    Engine::new(model, options)?.run((total, sequences), mask, &mut Unobserved, progress, |head, wave| {
        losses.extend(head.losses(wave)?);
        Ok::<(), PerplexityError>(())
    })?;
    Ok(losses)
}
