//! Greedy generation with a cache of keys and values.

use super::cache::Cache;
use super::wave::Wave;
use super::{Engine, ExpertMask, ForwardError, Options};
use crate::families::Model;
use crate::progress;

/// When generation ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GenerateSettings {
    /// Most tokens generated for a prompt.
    pub max_tokens: usize,
    /// Tokens that end a prompt's generation; the one that ended it is not returned.
    pub stop: Vec<u32>,
}

/// Continues a prompt with the most likely token each time, ties to the lower token.
///
/// Generation ends after `max_tokens`, at a stop token, or where the model's context ends.
///
/// # Errors
/// When the prompt is empty, longer than the context or out of the vocabulary; when weights cannot be read; when anything is not
/// finite.
///
/// # Determinism
/// The tokens are those that running the whole sequence anew for each would give: logits are equal bit for bit.
pub fn generate(model: &Model, prompt: &[u32], settings: &GenerateSettings, options: Options) -> Result<Vec<u32>, ForwardError> {
    let mut generated = generate_all(model, None, &[prompt.to_vec()], settings, options, |_, _| true)?;
    Ok(generated.pop().unwrap_or_default())
}

/// Continues several prompts together: weights are read once for all of them at each step. Every prompt's tokens are those it
/// would have alone.
///
/// `go_on` is asked after each token, with the prompt's place and all its tokens generated so far, whether its generation goes on.
///
/// # Errors
/// As [`generate`]; the sequence named is the prompt's place.
pub fn generate_all(
    model: &Model,
    mask: Option<&ExpertMask>,
    prompts: &[Vec<u32>],
    settings: &GenerateSettings,
    options: Options,
    mut go_on: impl FnMut(usize, &[u32]) -> bool,
) -> Result<Vec<Vec<u32>>, ForwardError> {
    let mut engine = Engine::new(model, options)?;
    let mut generated = vec![Vec::new(); prompts.len()];
    let mut first = 0;
    // As many prompts at once as a wave holds, so that memory stays within what the options say.
    while first < prompts.len() {
        let mut tokens = 0;
        let more = prompts[first..].iter().take_while(|prompt| {
            tokens += prompt.len();
            tokens <= options.wave_tokens
        });
        let count = more.count().max(1);
        let batch = first..first + count;
        let results = &mut generated[batch.clone()];
        batch_of(&mut engine, mask, first, &prompts[batch], settings, results, &mut go_on)?;
        first += count;
    }
    Ok(generated)
}

/// Continues some prompts until the last of them ends.
fn batch_of(
    engine: &mut Engine<'_>,
    mask: Option<&ExpertMask>,
    first: usize,
    prompts: &[Vec<u32>],
    settings: &GenerateSettings,
    generated: &mut [Vec<u32>],
    go_on: &mut impl FnMut(usize, &[u32]) -> bool,
) -> Result<(), ForwardError> {
    let g = engine.geometry();
    let mut head = engine.head()?;
    let mut logits = vec![0.0; g.vocab];
    // The prompts still running, what is to be run of each, and its cache.
    let mut running: Vec<usize> = (0..prompts.len()).filter(|_| settings.max_tokens > 0).collect();
    for place in &running {
        engine.check((first + place) as u64, &prompts[*place])?;
    }
    let mut next: Vec<Vec<u32>> = prompts.to_vec();
    let mut past = vec![0; prompts.len()];
    let mut caches = vec![Cache::new(g.layers); prompts.len()];
    while !running.is_empty() {
        let wave = Wave::after(first as u64, next.clone(), past.clone(), g.hidden);
        let wave = engine.go_on(wave, &mut caches, mask, &progress::ignore)?;
        let mut left = Vec::new();
        for (index, place) in running.iter().copied().enumerate() {
            let row = wave.rows(index).end - 1;
            head.rows_logits(&wave, row..row + 1, &mut logits)?;
            let token = most_likely(&logits).ok_or_else(|| wave.not_finite(row, "logit", super::error::Place::Output))?;
            past[index] += next[index].len();
            if settings.stop.contains(&token) {
                continue;
            }
            generated[place].push(token);
            next[index] = vec![token];
            let full = generated[place].len() >= settings.max_tokens || past[index] >= g.max_positions;
            if go_on(first + place, &generated[place]) && !full {
                left.push(index);
            }
        }
        running = left.iter().map(|index| running[*index]).collect();
        next = left.iter().map(|index| std::mem::take(&mut next[*index])).collect();
        caches = left.iter().map(|index| std::mem::take(&mut caches[*index])).collect();
        past = left.iter().map(|index| past[*index]).collect();
    }
    Ok(())
}

/// The place of the largest logit, the lower one of equals; none when one of them is not finite.
fn most_likely(logits: &[f32]) -> Option<u32> {
    let mut best = (0, f32::NEG_INFINITY);
    for (place, logit) in (0..).zip(logits) {
        if !logit.is_finite() {
            return None;
        }
        if *logit > best.1 {
            best = (place, *logit);
        }
    }
    Some(best.0)
}
