//! `llama-perplexity`: perplexity of a text, and how far one file's predictions are from another's.

use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use super::error::{LlamaCppError, shortened};
use super::process::{self, Output};
use super::{LlamaCpp, PERPLEXITY};

/// How a text is measured.
#[derive(Clone, Debug)]
pub struct TextSettings {
    /// Tokens of a chunk; the second half of each is scored.
    pub context: usize,
    /// Chunks after which the text is left; all of them when `None`.
    pub chunks: Option<usize>,
    /// Threads.
    pub threads: usize,
    /// Layers given to an accelerator; with 0 none is used.
    pub gpu_layers: usize,
    /// How long a measurement may take.
    pub limit: Duration,
}

/// A number and its standard error.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Measured {
    /// The number.
    pub value: f64,
    /// Its standard error, as llama.cpp estimates it.
    pub standard_error: f64,
}

/// How far a file's predictions are from its base's, over every scored token.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KlDivergence {
    /// Mean Kullback-Leibler divergence from the base, in nats a token.
    pub mean: Measured,
    /// Of its distribution over tokens.
    pub percentiles: Percentiles,
    /// Share of tokens, in percent, for which both hold the same token likeliest.
    pub same_top_percent: Measured,
    /// Perplexity over the base's perplexity.
    pub perplexity_ratio: Measured,
}

/// Percentiles of the divergence, in nats.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Percentiles {
    pub median: f64,
    pub p90: f64,
    pub p95: f64,
    pub p99: f64,
    #[serde(rename = "p99.9")]
    pub p99_9: f64,
    pub maximum: f64,
}

/// Runs of a program whose log may be cut off.
const ATTEMPTS: u32 = 25;

impl LlamaCpp {
    /// Perplexity of a text file, as llama.cpp defines it: chunks of `context` tokens, the second half of each scored.
    ///
    /// # Errors
    /// When the text is shorter than two chunks, the program fails, takes too long or writes no result.
    pub fn perplexity(
        &self,
        gguf: &Path,
        text: &Path,
        settings: &TextSettings,
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<Measured, LlamaCppError> {
        const LAST: &str = "Final estimate: PPL =";
        let output = self.measure_to(LAST, gguf, settings, cancelled, |command| {
            command.arg("--file").arg(text);
        })?;
        labelled(&output, LAST, "+/-")
    }

    /// Writes the base's predictions on a text into `logits`, for [`LlamaCpp::kl_divergence`]. Takes two bytes for each entry of the
    /// vocabulary for each scored token.
    ///
    /// # Errors
    /// As [`LlamaCpp::perplexity`].
    pub fn write_logits(
        &self,
        base: &Path,
        text: &Path,
        logits: &Path,
        settings: &TextSettings,
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<(), LlamaCppError> {
        self.measure(base, settings, cancelled, |command| {
            command.arg("--file").arg(text).arg("--kl-divergence-base").arg(logits);
        })?;
        let written = logits.metadata().map_err(|source| LlamaCppError::Write { path: logits.to_owned(), source })?;
        if written.len() == 0 {
            return Err(LlamaCppError::Output {
                program: PERPLEXITY,
                expected: "the base's logits".into(),
                got: "nothing".into(),
            });
        }
        Ok(())
    }

    /// How far a file's predictions are from those in `logits`.
    ///
    /// # Errors
    /// When the two have different vocabularies, the program fails, takes too long or writes no result.
    pub fn kl_divergence(
        &self,
        gguf: &Path,
        logits: &Path,
        settings: &TextSettings,
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<KlDivergence, LlamaCppError> {
        const LAST: &str = "Same top p:";
        let output = self.measure_to(LAST, gguf, settings, cancelled, |command| {
            command.arg("--kl-divergence-base").arg(logits).arg("--kl-divergence");
        })?;
        let pair = |label: &str| labelled(&output, label, "±");
        let one = |label: &str| number(&output, label);
        Ok(KlDivergence {
            mean: pair("Mean    KLD:")?,
            percentiles: Percentiles {
                median: one("Median  KLD:")?,
                p90: one("90.0%   KLD:")?,
                p95: one("95.0%   KLD:")?,
                p99: one("99.0%   KLD:")?,
                p99_9: one("99.9%   KLD:")?,
                maximum: one("Maximum KLD:")?,
            },
            same_top_percent: pair(LAST)?,
            perplexity_ratio: labelled(&output, "Mean PPL(Q)/PPL(base)         :", "±")?,
        })
    }

    /// As [`LlamaCpp::measure`], for a result whose last line starts with `last`.
    ///
    /// llama.cpp writes its log on a thread of its own and may end before that thread has written everything, the more so the busier the
    /// machine (`common_log_main` in `common/log.cpp` says so). A run that ended well without its last line is run again: it computes the same.
    fn measure_to(
        &self,
        last: &str,
        gguf: &Path,
        settings: &TextSettings,
        cancelled: &(dyn Fn() -> bool + Sync),
        arguments: impl Fn(&mut std::process::Command),
    ) -> Result<Output, LlamaCppError> {
        let whole = |output: &Output| lines(output).any(|line| line.contains(last));
        let mut output = self.measure(gguf, settings, cancelled, &arguments)?;
        for _ in 1..ATTEMPTS {
            if whole(&output) {
                break;
            }
            output = self.measure(gguf, settings, cancelled, &arguments)?;
        }
        Ok(output)
    }

    fn measure(
        &self,
        gguf: &Path,
        settings: &TextSettings,
        cancelled: &(dyn Fn() -> bool + Sync),
        arguments: impl FnOnce(&mut std::process::Command),
    ) -> Result<Output, LlamaCppError> {
        let mut command = self.command(&self.perplexity);
        let context = settings.context.to_string();
        command.arg("--model").arg(gguf).args(["--ctx-size", &context, "--batch-size", &context, "--fit", "off", "--offline"]);
        command.args(["--threads", &settings.threads.max(1).to_string(), "--gpu-layers", &settings.gpu_layers.to_string()]);
        command.args(["--no-warmup", "--no-repack"]);
        if settings.gpu_layers == 0 {
            command.args(["--device", "none"]);
        }
        if let Some(chunks) = settings.chunks {
            command.args(["--chunks", &chunks.to_string()]);
        }
        arguments(&mut command);
        process::run(command, PERPLEXITY, settings.limit, cancelled)
    }
}

/// The lines of both streams.
fn lines(output: &Output) -> impl Iterator<Item = &str> {
    output.stdout.lines().chain(output.stderr.lines())
}

fn absent(output: &Output, label: &str) -> LlamaCppError {
    let got = if output.stdout.trim().is_empty() { &output.stderr } else { &output.stdout };
    LlamaCppError::Output { program: PERPLEXITY, expected: format!("a line `{label}` with finite numbers"), got: shortened(got) }
}

/// The two numbers of a line, divided by `between`; a percent sign after them is left out.
fn labelled(output: &Output, label: &str, between: &str) -> Result<Measured, LlamaCppError> {
    let read = |line: &str| {
        let rest = line.split_once(label)?.1;
        let (value, error) = rest.split_once(between)?;
        Some(Measured { value: finite(value)?, standard_error: finite(error)? })
    };
    lines(output).find_map(read).ok_or_else(|| absent(output, label))
}

fn number(output: &Output, label: &str) -> Result<f64, LlamaCppError> {
    let read = |line: &str| finite(line.split_once(label)?.1);
    lines(output).find_map(read).ok_or_else(|| absent(output, label))
}

fn finite(text: &str) -> Option<f64> {
    let text = text.trim();
    let number: f64 = text.strip_suffix('%').unwrap_or(text).trim_end().parse().ok()?;
    number.is_finite().then_some(number)
}
