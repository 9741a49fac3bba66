//! llama.cpp inside this program, where it was built with the feature `llama-cpp-linked`: the same questions as to its programs, answered
//! in this process. What a text scores is read from the logits of whole batches, where the programs are asked token by token.
//!
//! A file that llama.cpp crashes on ends the process that opens it. The stages that open one are heavy, so that the process is theirs alone.

mod divergence;
mod library;
mod watch;

use std::path::Path;

use super::Version;
use super::error::LlamaCppError;
use super::likelihood::{LOG_PROBABILITY_MIN, TokenLikelihood};
use super::server::{Completion, ServerSettings, StopReason};
use library::{Session, Weights};
use watch::Watch;

pub(super) use divergence::divergence;
pub(super) use library::check;

/// Which llama.cpp is linked.
pub(super) fn version() -> Version {
    Version { version: library::version(), sha256: None }
}

/// Loads a file while `work` asks.
///
/// # Errors
/// Those of `work`, and when the file does not load, loading takes too long or `cancelled` says so.
pub(super) fn with<T>(
    gguf: &Path,
    settings: &ServerSettings,
    cancelled: &(dyn Fn() -> bool + Sync),
    work: impl FnOnce(&mut Loaded<'_>) -> Result<T, LlamaCppError>,
) -> Result<T, LlamaCppError> {
    if settings.gpu_layers > 0 {
        let what = "the linked llama.cpp has no accelerator; give the folder of its programs for one".into();
        return Err(LlamaCppError::Asked { what });
    }
    let watch = Watch::new(cancelled);
    watch.within(settings.load_limit);
    let weights = Weights::load(gguf, &watch)?;
    // As the server does: past what it was made for a model says nothing.
    let length = settings.context.min(weights.trained_length());
    let session = Session::open(&weights, length, settings.threads, &watch)?;
    work(&mut Loaded { session, watch: &watch, limit: settings.answer_limit })
}

/// A loaded file.
///
/// # Determinism
/// A sequence is put through the model from its start, cut into batches at the same places whatever is asked: an answer depends on
/// nothing asked before. It is that of this build on this processor; another may differ in the last digits.
pub(super) struct Loaded<'w> {
    session: Session<'w>,
    watch: &'w Watch<'w>,
    limit: std::time::Duration,
}

impl Loaded<'_> {
    /// As `Server::tokenize`.
    pub(super) fn tokenize(&self, text: &str, special: bool) -> Result<Vec<u32>, LlamaCppError> {
        self.session.weights().tokenize(text, special, true)
    }

    /// As `Server::complete_tokens`.
    pub(super) fn complete_tokens(
        &mut self,
        prompt: &[u32],
        tokens_max: usize,
        stop: &[&str],
    ) -> Result<Completion, LlamaCppError> {
        let Some(last) = prompt.len().checked_sub(1) else {
            return Err(LlamaCppError::Asked { what: "there is no prompt to go on with".into() });
        };
        if prompt.len() + tokens_max > self.session.length() {
            let what = format!(
                "a prompt of {} tokens and {tokens_max} more do not fit a context of {}",
                prompt.len(),
                self.session.length()
            );
            return Err(LlamaCppError::Asked { what });
        }
        self.watch.within(self.limit);
        let mut next = None;
        self.read(prompt, last..prompt.len(), |_, row| {
            next = Some(likeliest(row)?);
            Ok(())
        })?;
        let weights = self.session.weights();
        let (mut bytes, mut tokens) = (Vec::new(), Vec::new());
        let mut why = StopReason::Limit;
        while let (Some(token), true) = (next.take(), tokens.len() < tokens_max) {
            tokens.push(token);
            if weights.ends(token) {
                why = StopReason::Eos;
                break;
            }
            bytes.extend(weights.piece(token));
            if let Some(at) = stop.iter().filter_map(|stop| find(&bytes, stop.as_bytes())).min() {
                bytes.truncate(at);
                why = StopReason::Word;
                break;
            }
            if tokens.len() < tokens_max {
                self.session.decode(&[token], |_| true)?;
                next = Some(likeliest(self.session.logits(0)?)?);
            }
        }
        Ok(Completion { text: text(bytes), tokens, stop: why, prompt_tokens: prompt.len() })
    }

    /// As `Server::log_likelihood`.
    pub(super) fn log_likelihood(
        &mut self,
        context: &[u32],
        continuation: &[u32],
    ) -> Result<Vec<TokenLikelihood>, LlamaCppError> {
        let Some(from) = context.len().checked_sub(1) else {
            let what = "a likelihood needs at least one token before it; start with the beginning-of-sequence token".into();
            return Err(LlamaCppError::Asked { what });
        };
        let Some((_, before)) = continuation.split_last() else { return Ok(Vec::new()) };
        let tokens = [context, before].concat();
        if tokens.len() > self.session.length() {
            let what = format!("{} tokens do not fit a context of {}", tokens.len(), self.session.length());
            return Err(LlamaCppError::Asked { what });
        }
        self.watch.within(self.limit);
        let mut found = Vec::with_capacity(continuation.len());
        self.read(&tokens, from..tokens.len(), |at, row| {
            let token = continuation[at - from] as usize;
            let logit =
                *row.get(token).ok_or_else(|| LlamaCppError::Asked { what: format!("the model has no token {token}") })?;
            let log_probability = (f64::from(logit) - log_sum(row)?).clamp(LOG_PROBABILITY_MIN, 0.0);
            found.push(TokenLikelihood { log_probability, likeliest: row.iter().all(|other| *other <= logit) });
            Ok(())
        })?;
        Ok(found)
    }

    /// Puts a sequence through the model from its start, and shows the logits after each token of `wanted`.
    fn read(
        &mut self,
        tokens: &[u32],
        wanted: std::ops::Range<usize>,
        mut show: impl FnMut(usize, &[f32]) -> Result<(), LlamaCppError>,
    ) -> Result<(), LlamaCppError> {
        self.session.clear();
        let most = self.session.batch();
        for (batch, part) in tokens.chunks(most).enumerate() {
            let start = batch * most;
            self.session.decode(part, |at| wanted.contains(&(start + at)))?;
            for at in (0..part.len()).filter(|at| wanted.contains(&(start + at))) {
                show(start + at, self.session.logits(at)?)?;
            }
        }
        Ok(())
    }
}

/// The logarithm of the sum of the exponentials, added in f64 in order of the vocabulary.
fn log_sum(row: &[f32]) -> Result<f64, LlamaCppError> {
    let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = row.iter().map(|logit| libm::exp(f64::from(*logit) - f64::from(largest))).sum();
    if !sum.is_finite() {
        return Err(not_numbers());
    }
    Ok(f64::from(largest) + libm::log(sum))
}

/// The entry with the largest logit, the first of several.
fn likeliest(row: &[f32]) -> Result<u32, LlamaCppError> {
    let mut best = 0;
    for (at, logit) in row.iter().enumerate() {
        if logit.is_nan() {
            return Err(not_numbers());
        }
        if *logit > row[best] {
            best = at;
        }
    }
    u32::try_from(best).map_err(|_| not_numbers())
}

fn not_numbers() -> LlamaCppError {
    LlamaCppError::Linked { doing: "run the model", said: "the logits are not numbers".into() }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len().max(1)).position(|window| window == wanted)
}

/// The bytes as text, without a character that is unfinished at the end.
fn text(mut bytes: Vec<u8>) -> String {
    if let Err(error) = std::str::from_utf8(&bytes)
        && error.error_len().is_none()
    {
        bytes.truncate(error.valid_up_to());
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_as_the_textbook_says() {
        let row = [0.0, f32::NEG_INFINITY, 1.0, 1.0];
        assert_eq!(likeliest(&row).unwrap(), 2);
        let expected = (1.0 + 2.0 * std::f64::consts::E).log2() * std::f64::consts::LN_2;
        assert!((log_sum(&row).unwrap() - expected).abs() < 1e-12);
        for broken in [[f32::NAN, 0.0], [0.0, f32::NAN], [f32::INFINITY, 0.0], [f32::NEG_INFINITY; 2]] {
            assert!(log_sum(&broken).is_err(), "{broken:?}");
        }
        assert!(likeliest(&[0.0, f32::NAN]).is_err());
    }

    #[test]
    fn a_text_ends_before_an_unfinished_character() {
        assert_eq!(text("é²".as_bytes()[..3].to_vec()), "é");
        assert_eq!(text(b"a\xff b".to_vec()), "a\u{fffd} b");
        assert_eq!((find(b"abcabc", b"ca"), find(b"ab", b"abc"), find(b"", b"")), (Some(2), None, None));
    }
}
