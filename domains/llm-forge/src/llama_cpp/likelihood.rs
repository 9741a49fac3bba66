//! How likely a model finds given tokens: each is forced in turn, and what was thought of it before is read.
//!
//! One token at a time, on one slot: every token goes through the same arithmetic whatever the requests are cut into, so that a figure
//! can be measured again. A request for a single token biases its logit. Where the vocabulary is small, a grammar that allows one
//! sequence of tokens forces many in one request: the server tries a grammar on the whole vocabulary at each token the model would not
//! have taken, which costs more than a request when the vocabulary is large. Measured on a tiny model, a token of a run takes a fifth of a
//! request's time at 512 entries and about twice as long at 32,000.
//!
//! # Source
//! `n_probs` and `logit_bias` in `tools/server/README.md` of llama.cpp; token literals in its `grammars/README.md`.

use std::fmt::Write;
use std::path::Path;

use aw_gguf::{Array, Limits, Reader};
use serde_json::json;

use super::error::LlamaCppError;
use super::server::{COMPLETION, FIELDS, Probability, Server, unexpected};

/// Added to the logit of a token that is to be chosen whatever the model thinks; the reported probability is taken before.
const FORCE: f64 = 1e9;
/// Natural logarithm of the smallest probability an `f32` holds: what a smaller one counts as.
pub(super) const LOG_PROBABILITY_MIN: f64 = -103.278_929_903_431_85;
/// Entries of the largest vocabulary for which a grammar is quicker.
const VOCABULARY_MAX: usize = 8192;
/// How many of the likeliest tokens are asked for to find one among them: the last is all of them.
const LIKELIEST: [i32; 3] = [256, 8192, i32::MAX];
/// Most tokens forced by one grammar.
const RUN_MAX: usize = 256;

/// What the model thinks of one token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TokenLikelihood {
    /// Natural logarithm of its probability.
    pub log_probability: f64,
    /// Whether no other token was likelier.
    pub likeliest: bool,
}

impl Server<'_> {
    /// The natural logarithm of the probability the model gives each token of `continuation` after what stands before it, and whether
    /// it was the likeliest. What stands before is computed once. A probability below what an `f32` holds counts as the smallest one.
    ///
    /// # Errors
    /// When `context` is empty, both together are longer than the server's context, or the server does not answer as documented.
    pub fn log_likelihood(&self, context: &[u32], continuation: &[u32]) -> Result<Vec<TokenLikelihood>, LlamaCppError> {
        self.likelihoods(context, continuation, &self.runs)
    }

    /// As [`Server::log_likelihood`] with a request for each token: what it is held against.
    ///
    /// # Errors
    /// As [`Server::log_likelihood`].
    pub fn log_likelihood_by_token(&self, context: &[u32], continuation: &[u32]) -> Result<Vec<TokenLikelihood>, LlamaCppError> {
        self.likelihoods(context, continuation, &Runs::default())
    }

    fn likelihoods(&self, context: &[u32], continuation: &[u32], runs: &Runs) -> Result<Vec<TokenLikelihood>, LlamaCppError> {
        if context.is_empty() {
            let what = "a likelihood needs at least one token before it; start with the beginning-of-sequence token".into();
            return Err(LlamaCppError::Asked { what });
        }
        let mut prompt = context.to_vec();
        let mut likelihoods = Vec::with_capacity(continuation.len());
        while let Some(rest) = continuation.get(likelihoods.len()..).filter(|rest| !rest.is_empty()) {
            let forced = &rest[..runs.length(rest)];
            likelihoods.extend(self.forced(&prompt, forced)?);
            prompt.extend_from_slice(forced);
        }
        Ok(likelihoods)
    }

    /// What the model thinks of each of `forced`, which are one token or a run of them, after `prompt`.
    fn forced(&self, prompt: &[u32], forced: &[u32]) -> Result<Vec<TokenLikelihood>, LlamaCppError> {
        let mut body = json!({
            "prompt": prompt, "n_predict": forced.len(), "n_probs": 1, "return_tokens": true, "cache_prompt": true,
            // Without a sampler that cuts to the likeliest, the server sorts the whole vocabulary for every token.
            "samplers": ["top_k"], "top_k": 1, "response_fields": FIELDS,
        });
        match forced {
            [token] => body["logit_bias"] = json!([[token, FORCE]]),
            run => {
                let mut grammar = "root ::=".to_owned();
                for token in run {
                    // Writing to a string cannot fail.
                    let _ = write!(grammar, " <[{token}]>");
                }
                body["grammar"] = json!(grammar);
            }
        }
        let answer = self.completion(&body)?;
        if answer.truncated || answer.tokens_evaluated != prompt.len() {
            let what = format!("{} tokens do not fit the server's context", prompt.len());
            return Err(LlamaCppError::Asked { what });
        }
        let thought = answer.completion_probabilities.as_slice();
        if let ([], [token]) = (thought, forced) {
            return Ok(vec![self.among_likeliest(prompt, *token)?]);
        }
        if thought.len() != forced.len() {
            let expected = format!("the probabilities of {} tokens", forced.len());
            return Err(unexpected(COMPLETION, &expected, &json!(thought.len())));
        }
        thought.iter().zip(forced).map(|(thought, token)| read(thought, *token)).collect()
    }

    /// What the model thinks of a token after which a character is unfinished. The server keeps no probabilities of those, but they stand
    /// among the likeliest beside one it does keep; of these, more are asked for until the token is there.
    fn among_likeliest(&self, prompt: &[u32], token: u32) -> Result<TokenLikelihood, LlamaCppError> {
        let whole = match self.whole.get() {
            Some(whole) => *whole,
            None => {
                let found = self.tokenize("a", false)?;
                let found = *found.last().ok_or_else(|| unexpected("/tokenize", "a token for `a`", &json!(found)))?;
                *self.whole.get_or_init(|| found)
            }
        };
        for most in LIKELIEST {
            let body = json!({
                "prompt": prompt, "n_predict": 1, "n_probs": most, "logit_bias": [[whole, FORCE]], "return_tokens": true,
                "cache_prompt": true, "samplers": ["top_k"], "top_k": 1, "response_fields": FIELDS,
            });
            let answer = self.completion(&body)?;
            let [thought] = answer.completion_probabilities.as_slice() else {
                let got = json!(answer.completion_probabilities.len());
                return Err(unexpected(COMPLETION, "the probabilities of one token", &got));
            };
            if let Some(place) = thought.top_logprobs.iter().position(|top| top.id == token) {
                let log_probability = thought.top_logprobs[place].logprob.clamp(LOG_PROBABILITY_MIN, 0.0);
                return Ok(TokenLikelihood { log_probability, likeliest: place == 0 });
            }
        }
        Err(unexpected(COMPLETION, &format!("token {token} among all tokens"), &json!(token)))
    }
}

fn read(thought: &Probability, token: u32) -> Result<TokenLikelihood, LlamaCppError> {
    let Probability { id, logprob, top_logprobs } = thought;
    let [top] = top_logprobs.as_slice() else {
        return Err(unexpected(COMPLETION, "one likeliest token", &json!(top_logprobs.len())));
    };
    if *id != token || logprob.is_nan() || *logprob > 1e-3 {
        return Err(unexpected(COMPLETION, &format!("the probability of token {token}"), &json!([id, logprob])));
    }
    Ok(TokenLikelihood { log_probability: logprob.clamp(LOG_PROBABILITY_MIN, 0.0), likeliest: top.id == token })
}

/// Which tokens of a file a grammar may force: those that surely stand for whole characters and end nothing. Others, a part of a character
/// or a mark of a text's end, are no matter of grammars for llama.cpp, and one of them in a grammar ends the server.
#[derive(Debug, Default)]
pub(super) struct Runs {
    fit: Vec<bool>,
}

impl Runs {
    /// Reads the vocabulary of a file; nothing fits when it is large, or is not there to be read.
    pub(super) fn of(gguf: &Path) -> Self {
        let read = || {
            let file = std::fs::File::open(gguf).ok()?;
            let bytes = file.metadata().ok()?.len();
            let reader = Reader::read(std::io::BufReader::new(file), bytes, Limits::default()).ok()?;
            let array = |key: &str| reader.metadata().get(key)?.as_array().cloned();
            match (array("tokenizer.ggml.tokens")?, array("tokenizer.ggml.token_type")?) {
                (Array::String(texts), Array::I32(types)) if texts.len() == types.len() && types.len() <= VOCABULARY_MAX => {
                    Some(texts.iter().zip(types).map(|(text, kind)| fits(text, kind)).collect())
                }
                _ => None,
            }
        };
        Self { fit: read().unwrap_or_default() }
    }

    /// How many of the next tokens one request may force; at least one.
    fn length(&self, tokens: &[u32]) -> usize {
        let fits = |token: &&u32| usize::try_from(**token).is_ok_and(|at| self.fit.get(at) == Some(&true));
        tokens.iter().take(RUN_MAX).take_while(fits).count().max(1)
    }
}

/// An ordinary token of ASCII, with the signs that tokenizers write for blanks and line ends, that does not look like a mark.
fn fits(text: &str, kind: i32) -> bool {
    /// The type of tokens that are neither control nor unknown nor of the user nor single bytes.
    const NORMAL: i32 = 1;
    let plain = |sign: char| matches!(sign, '!'..='~' | 'Ġ' | 'Ċ' | 'ĉ' | '▁');
    kind == NORMAL && !text.is_empty() && text.chars().all(plain) && !(text.len() > 2 && text.ends_with(['>', ']']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_ends_before_what_no_grammar_can_say() {
        let runs = Runs { fit: vec![true, true, false, true] };
        assert_eq!(runs.length(&[0, 1, 3, 2, 0]), 3);
        assert_eq!((runs.length(&[2, 0]), runs.length(&[9, 0]), Runs::default().length(&[0, 1])), (1, 1, 1));
        assert_eq!(runs.length(&[1; 1000]), RUN_MAX);
        for text in ["a", "Ġreturn", "▁the", "Ċ", "]", "->", "<"] {
            assert!(fits(text, 1), "{text}");
        }
        for (text, kind) in
            [("", 1), ("Ã", 1), ("Ā", 1), ("<|im_end|>", 1), ("[EOS]", 1), ("<|im_end|>", 3), ("a", 4), ("<0x41>", 6)]
        {
            assert!(!fits(text, kind), "{text}");
        }
    }
}
