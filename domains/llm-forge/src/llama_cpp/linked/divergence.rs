//! How far one file's predictions are from another's: both are loaded, and the same chunks go through both side by side, so that no logits
//! are written anywhere.

use std::path::Path;

use super::library::{Session, Weights};
use super::watch::Watch;
use super::{likeliest, log_sum};
use crate::llama_cpp::error::LlamaCppError;
use crate::llama_cpp::perplexity::{KlDivergence, Measured, Percentiles, TextSettings};

/// Fewest scored tokens that statistics are made of, as in llama.cpp.
const SCORED_MIN: usize = 100;
/// How far below the likeliest token llama.cpp counts another of the base at most, which bears on the ratio of perplexities.
const BASE_NATS_MAX: f32 = 16.0;

/// The divergence of `other` from `base` on a text: chunks of `context` tokens, the second half of each scored, as llama.cpp measures it.
/// It keeps the base's logits in 16 bits meanwhile; here they are as they are.
///
/// # Errors
/// When the two have different vocabularies, the text is too short, a file does not load, or it takes too long.
///
/// # Source
/// `kl_divergence` in `tools/perplexity/perplexity.cpp` of llama.cpp.
pub(in crate::llama_cpp) fn divergence(
    [base, other]: [&Path; 2],
    text: &str,
    settings: &TextSettings,
    cancelled: &(dyn Fn() -> bool + Sync),
) -> Result<KlDivergence, LlamaCppError> {
    let asked = |what: String| Err(LlamaCppError::Asked { what });
    let watch = Watch::new(cancelled);
    watch.within(settings.limit);
    let weights = [Weights::load(base, &watch)?, Weights::load(other, &watch)?];
    let entries = weights.each_ref().map(Weights::entries);
    if entries[0] != entries[1] {
        return asked(format!("the base has {} tokens and the other {}", entries[0], entries[1]));
    }
    let length = settings.context;
    let tokens = weights[0].tokenize(text, true, false)?;
    let chunks = (tokens.len() / length.max(1)).min(settings.chunks.unwrap_or(usize::MAX));
    let first = length / 2;
    if length < 4 || tokens.len() < 2 * length || chunks * (length - 1 - first) < SCORED_MIN {
        return asked(format!(
            "a divergence needs two chunks of {length} tokens and {SCORED_MIN} scored ones; the text has {} tokens",
            tokens.len()
        ));
    }
    let open = |weights| Session::open(weights, length, settings.threads, &watch);
    let mut sessions = [open(&weights[0])?, open(&weights[1])?];
    let most = sessions[0].batch();
    let mut scores = Vec::new();
    for chunk in tokens.chunks_exact(length).take(chunks) {
        let mut put = chunk.to_vec();
        if let Some(beginning) = weights[0].beginning() {
            put[0] = beginning;
        }
        sessions.iter_mut().for_each(Session::clear);
        for (batch, part) in put.chunks(most).enumerate() {
            let start = batch * most;
            let scored = |at: usize| (first..length - 1).contains(&(start + at));
            for session in &mut sessions {
                session.decode(part, scored)?;
            }
            let [base, other] = &mut sessions;
            for at in (0..part.len()).filter(|at| scored(*at)) {
                scores.push(Score::of(base.logits(at)?, other.logits(at)?, chunk[start + at + 1] as usize)?);
            }
        }
    }
    Ok(statistics(&scores))
}

/// What both say of one token.
struct Score {
    divergence: f64,
    /// Negative log-likelihoods, the base's first.
    losses: [f64; 2],
    same_top: bool,
}

impl Score {
    fn of(base: &[f32], other: &[f32], token: usize) -> Result<Self, LlamaCppError> {
        let sums = [log_sum(base)?, log_sum(other)?];
        let mut divergence = 0.0;
        for (p, q) in base.iter().zip(other) {
            let (p, q) = (f64::from(*p) - sums[0], f64::from(*q) - sums[1]);
            let share = libm::exp(p);
            // A token that cannot be adds nothing, whatever the other thinks of it.
            if share > 0.0 {
                divergence += share * (p - q);
            }
        }
        let (Some(ours), Some(theirs)) = (base.get(token), other.get(token)) else {
            return Err(LlamaCppError::Asked { what: format!("the model has no token {token}") });
        };
        let tops = [likeliest(base)?, likeliest(other)?];
        let lowest = base.get(tops[0] as usize).copied().unwrap_or_default() - BASE_NATS_MAX;
        Ok(Self {
            divergence: divergence.max(0.0),
            losses: [sums[0] - f64::from(ours.max(lowest)), sums[1] - f64::from(*theirs)],
            same_top: tops[0] == tops[1],
        })
    }
}

/// At least two scores.
fn statistics(scores: &[Score]) -> KlDivergence {
    let count = scores.len() as f64;
    let mean = |of: &dyn Fn(&Score) -> f64| scores.iter().map(of).sum::<f64>() / count;
    let error = |square: f64, value: f64| ((square - value * value).max(0.0) / (count - 1.0)).sqrt();
    let divergence = mean(&|it| it.divergence);
    let mut sorted: Vec<f64> = scores.iter().map(|it| it.divergence).collect();
    sorted.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let place = share * (count - 1.0);
        let below = place as usize;
        let part = place - place.floor();
        (1.0 - part) * sorted[below] + part * sorted[(below + 1).min(sorted.len() - 1)]
    };
    // The standard error of a difference of paired losses is that of the mean of their differences.
    let difference = |it: &Score| it.losses[1] - it.losses[0];
    let log_ratio = mean(&difference);
    let ratio = libm::exp(log_ratio);
    let same = mean(&|it| f64::from(u8::from(it.same_top)));
    KlDivergence {
        mean: Measured { value: divergence, standard_error: error(mean(&|it| it.divergence * it.divergence), divergence) },
        percentiles: Percentiles {
            median: at(0.5),
            p90: at(0.9),
            p95: at(0.95),
            p99: at(0.99),
            p99_9: at(0.999),
            maximum: at(1.0),
        },
        same_top_percent: Measured { value: 100.0 * same, standard_error: 100.0 * (same * (1.0 - same) / (count - 1.0)).sqrt() },
        perplexity_ratio: Measured {
            value: ratio,
            standard_error: ratio * error(mean(&|it| difference(it) * difference(it)), log_ratio),
        },
    }
}
