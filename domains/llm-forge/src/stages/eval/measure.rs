//! One measurement of one variant of the model.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use aw_domain::{Context, Failure, Inputs, Progress, Unit};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::served::Served;
use super::{BASE, Benchmark, ChoiceMetric, EvalConfig, FORGED, Variant};
use crate::corpus::{Corpus, CorpusError, Limits};
use crate::evaluation::harness::Harness;
use crate::evaluation::humaneval::{self, Judge, Problems};
use crate::evaluation::registry::{HarnessTask, Runner};
use crate::evaluation::score::points;
use crate::evaluation::{choice, divergence};
use crate::families::Model;
use crate::forward::{ForwardError, GenerateSettings, Options, compare_log_probs, generate_all, score_continuations};
use crate::perplexity::{Perplexity, PerplexitySettings, Sample, perplexity};
use crate::stages::failed;
use crate::tokenizer::Tokenizer;
use crate::tools::Tools;

/// Tokens after which a completion is cut, where nothing is said.
const MAX_NEW_TOKENS: usize = 512;

/// What a benchmark's numbers are.
pub(super) struct Metric {
    pub(super) name: &'static str,
    pub(super) higher_is_better: bool,
    /// The unit of differences between variants.
    pub(super) difference_unit: &'static str,
}

impl Metric {
    pub(super) fn of(runner: Runner, choice: ChoiceMetric) -> Metric {
        let (name, higher_is_better, difference_unit) = match runner {
            Runner::Perplexity => ("perplexity", false, "nats per token"),
            Runner::KlDivergence => ("mean KL divergence from the base, nats per token", false, "nats per token"),
            Runner::HumanEval | Runner::HumanEvalPlus => ("pass@1", true, "points"),
            Runner::Harness(task) => (task.key, true, "points"),
            Runner::MultipleChoice => match choice {
                ChoiceMetric::Acc => ("acc", true, "points"),
                ChoiceMetric::AccNorm => ("acc_norm", true, "points"),
                ChoiceMetric::AccBytes => ("acc_bytes", true, "points"),
            },
        };
        Metric { name, higher_is_better, difference_unit }
    }
}

/// What one variant measured.
#[derive(Default)]
pub(super) struct Measured {
    /// The value: points of 100, or the metric's own unit where lower is better.
    pub(super) value: f64,
    /// Per example what is summed and what it is divided by, for differences.
    pub(super) pairs: Vec<(f64, f64)>,
    /// Files of samples.
    pub(super) samples: Vec<Vec<u8>>,
    /// Counts behind the value.
    pub(super) counts: Map<String, Value>,
    /// What is the same for every variant.
    pub(super) facts: Map<String, Value>,
    pub(super) dataset: Option<String>,
    pub(super) examples: u64,
    pub(super) predicted: Option<u64>,
}

/// Measures variants.
pub(super) struct Measurer<'a, 'c> {
    pub(super) eval: &'a EvalConfig,
    inputs: &'a Inputs,
    pub(super) context: &'a Context<'c>,
    tokenizer: &'a Tokenizer,
    tools: &'a Tools,
    judge: Option<Judge>,
    /// GGUF files, where they are what is measured.
    pub(super) served: Option<Served>,
    /// Completions by set and variant: both scores of a set are of the same run.
    completions: BTreeMap<(String, String), Vec<String>>,
    /// Tokens put through a model.
    pub(super) tokens: u64,
    /// What may differ from machine to machine.
    pub(super) observed: Map<String, Value>,
    done: u64,
    all: u64,
}

/// JSON lines.
fn lines<T: Serialize>(items: &[T]) -> Vec<u8> {
    let mut text = Vec::new();
    for item in items {
        serde_json::to_writer(&mut text, item).expect("samples are plain JSON");
        text.push(b'\n');
    }
    text
}

impl<'a, 'c> Measurer<'a, 'c> {
    pub(super) fn new(
        eval: &'a EvalConfig,
        inputs: &'a Inputs,
        context: &'a Context<'c>,
        tokenizer: &'a Tokenizer,
        tools: &'a Tools,
        judge: Option<Judge>,
        variants: usize,
    ) -> Self {
        let all = (variants * eval.benchmarks.len()) as u64;
        let (completions, observed) = (BTreeMap::new(), Map::new());
        Self { eval, inputs, context, tokenizer, tools, judge, served: None, completions, tokens: 0, observed, done: 0, all }
    }

    /// Measures one variant; nothing where the benchmark says nothing of it.
    pub(super) fn measure(
        &mut self,
        runner: Runner,
        benchmark: &Benchmark,
        variant: &Variant<'_>,
        base: &Variant<'_>,
    ) -> Result<Option<Measured>, Failure> {
        let on_disk = [BASE, FORGED].contains(&variant.name.as_str());
        let measured = match runner {
            Runner::Perplexity => Some(self.perplexity(benchmark, variant)),
            Runner::KlDivergence => (variant.name != BASE).then(|| self.divergence(benchmark, variant, base)),
            Runner::MultipleChoice => Some(self.choice(benchmark, variant)),
            Runner::HumanEval => Some(self.humaneval(benchmark, variant, false)),
            Runner::HumanEvalPlus => Some(self.humaneval(benchmark, variant, true)),
            // A mask is not a checkpoint others can load.
            Runner::Harness(task) => on_disk.then(|| self.harness(benchmark, variant, task)),
        };
        let measured = measured.transpose();
        self.context.check_cancelled()?;
        self.done += 1;
        measured
    }

    /// One bar over all measurements: each is as long as every other.
    fn report(&self, doing: String) -> impl Fn(u64, u64) -> ControlFlow<()> + use<'a, 'c> {
        let (context, before, all) = (self.context, self.done, self.all);
        move |done, total| {
            let progress =
                Progress { doing: doing.clone(), done: before * total + done, total: Some(all * total), unit: Unit::Steps };
            context.progress(progress);
            if context.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
    }

    fn options(&self) -> Options {
        Options::with_threads(self.context.threads())
    }

    fn file(&self, benchmark: &Benchmark) -> Result<&'a std::path::Path, Failure> {
        let file = benchmark.subset.as_ref().and_then(|subset| self.inputs.files.get(subset));
        file.map(std::path::PathBuf::as_path).ok_or_else(|| Failure::new("bug", "this is a bug: a set was not given"))
    }

    fn perplexity(&mut self, benchmark: &Benchmark, variant: &Variant<'_>) -> Result<Measured, Failure> {
        let corpus = Corpus::open(self.file(benchmark)?).map_err(failed("corpus"))?;
        let settings = PerplexitySettings { max_length: self.eval.max_length, max_examples: self.eval.max_examples };
        let report = self.report(format!("{} of `{}`", benchmark.label(), variant.name));
        let measured = match &self.served {
            Some(served) => self.served_perplexity(served, variant, &corpus, &report)?,
            None => {
                let mask = variant.mask.as_ref();
                let measured = perplexity(variant.model, mask, (&corpus, self.tokenizer), settings, self.options(), &report);
                self.ended(measured, "perplexity")?
            }
        };
        self.tokens += measured.predicted();
        let mut samples = Vec::new();
        measured.write_samples(&mut samples).map_err(failed("write"))?;
        Ok(Measured {
            value: measured.value(),
            pairs: measured.samples.iter().map(|sample| (sample.nll, sample.predicted as f64)).collect(),
            samples: vec![samples],
            examples: measured.samples.len() as u64,
            predicted: Some(measured.predicted()),
            dataset: Some(corpus.sha256),
            ..Measured::default()
        })
    }

    /// The same figure through llama.cpp: each example on its own, each token after all before it.
    fn served_perplexity(
        &self,
        served: &Served,
        variant: &Variant<'_>,
        corpus: &Corpus,
        report: &dyn Fn(u64, u64) -> ControlFlow<()>,
    ) -> Result<Perplexity, Failure> {
        let limits = Limits { max_length: self.eval.max_length, max_examples: self.eval.max_examples, min_length: 2 };
        let mut encoded = corpus.encode(self.tokenizer, limits).map_err(failed("corpus"))?;
        let items: Result<Vec<_>, CorpusError> = encoded.by_ref().map(|sequence| Ok((sequence?, 1))).collect();
        let items = items.map_err(failed("corpus"))?;
        let likelihoods = served.likelihoods(&variant.name, &items, self.context, report)?;
        let sample = |((line, (tokens, _)), likelihood): ((&u64, &(Vec<u32>, usize)), &f64)| Sample {
            line: *line,
            predicted: tokens.len() as u64 - 1,
            nll: -likelihood,
        };
        let samples: Vec<Sample> = encoded.lines.iter().zip(&items).zip(&likelihoods).map(sample).collect();
        if samples.is_empty() {
            return Err(Failure::new("nothing-predicted", "no example of the corpus has two tokens"));
        }
        Ok(Perplexity { samples, too_short: encoded.too_short, truncated: encoded.truncated })
    }

    fn divergence(&mut self, benchmark: &Benchmark, variant: &Variant<'_>, base: &Variant<'_>) -> Result<Measured, Failure> {
        let corpus = Corpus::open(self.file(benchmark)?).map_err(failed("corpus"))?;
        if let Some(served) = &self.served {
            let (mut text, mut examples) = (String::new(), 0);
            for example in corpus.texts().map_err(failed("corpus"))?.take(self.eval.examples_max()) {
                text.push_str(&example.map_err(failed("corpus"))?.text);
                text.push_str("\n\n");
                examples += 1;
            }
            let tokens = self.tokenizer.encode(&text).map_err(failed("tokenizer"))?.len();
            let (value, said) = served.divergence(&variant.name, (&text, tokens), self.eval.max_length, self.context)?;
            let mut counts = Map::new();
            counts.insert("divergence".into(), said);
            let dataset = Some(corpus.sha256);
            return Ok(Measured { value, counts, examples, dataset, ..Measured::default() });
        }
        let limits = Limits { max_length: self.eval.max_length, max_examples: self.eval.max_examples, min_length: 2 };
        let mut encoded = corpus.encode(self.tokenizer, limits).map_err(failed("corpus"))?;
        let total = encoded.at_most();
        let report = self.report(format!("{} of `{}`", benchmark.label(), variant.name));
        let models = [(base.model, None), (variant.model, variant.mask.as_ref())];
        let (mut samples, mut lengths): (Vec<divergence::Sample>, Vec<usize>) = (Vec::new(), Vec::new());
        let sequences = encoded.by_ref().map(|sequence| {
            let sequence = sequence.map_err(StopError::from)?;
            lengths.push(sequence.len());
            Ok(sequence)
        });
        let sequences: Vec<Result<Vec<u32>, StopError>> = sequences.collect();
        let compared =
            compare_log_probs(models, (total, sequences), self.options(), &report, |sequence, position, [base, other]| {
                let sequence = sequence as usize;
                if samples.len() <= sequence {
                    samples.resize(sequence + 1, divergence::Sample::default());
                }
                // Nothing stands behind an example's last token.
                if position + 1 < lengths[sequence] {
                    let (nats, same) = divergence::of_token(base, other);
                    let sample = &mut samples[sequence];
                    sample.predicted += 1;
                    sample.divergence += nats;
                    sample.same_top += u64::from(same);
                }
                Ok::<(), StopError>(())
            });
        self.ended(compared, "divergence")?;
        for (sample, line) in samples.iter_mut().zip(&encoded.lines) {
            sample.line = *line;
        }
        let predicted: u64 = samples.iter().map(|sample| sample.predicted).sum();
        if predicted == 0 {
            return Err(Failure::new("nothing-predicted", "no example of the corpus has two tokens"));
        }
        self.tokens += 2 * predicted;
        let same: u64 = samples.iter().map(|sample| sample.same_top).sum();
        let mut counts = Map::new();
        counts.insert("sameTop".into(), json!(same));
        Ok(Measured {
            value: samples.iter().map(|sample| sample.divergence).sum::<f64>() / predicted as f64,
            pairs: samples.iter().map(|sample| (sample.divergence, sample.predicted as f64)).collect(),
            samples: vec![lines(&samples)],
            counts,
            examples: samples.len() as u64,
            predicted: Some(predicted),
            dataset: Some(corpus.sha256),
            ..Measured::default()
        })
    }

    fn choice(&mut self, benchmark: &Benchmark, variant: &Variant<'_>) -> Result<Measured, Failure> {
        let set = choice::read(self.file(benchmark)?).map_err(failed("set"))?;
        let mut items = Vec::new();
        for question in &set.questions {
            for choice in &question.choices {
                items.push(choice::encode(self.tokenizer, &question.context, choice).map_err(failed("tokenizer"))?);
            }
        }
        self.tokens += items.iter().map(|(tokens, _)| tokens.len() as u64).sum::<u64>();
        let report = self.report(format!("{} of `{}`", benchmark.label(), variant.name));
        let scored: Vec<f64> = match &self.served {
            Some(served) => served.likelihoods(&variant.name, &items, self.context, &report)?,
            None => {
                let scored = score_continuations(variant.model, variant.mask.as_ref(), &items, self.options(), &report);
                self.ended(scored, "choice")?.into_iter().map(|it| it.log_likelihood).collect()
            }
        };
        let mut scored = scored.into_iter();
        let answer = |question| choice::score(question, scored.by_ref().take(question.choices.len()).collect());
        let answered: Vec<choice::Answered> = set.questions.iter().map(answer).collect();
        let rights = choice::right(&answered);
        let metric = benchmark.metric.unwrap_or_default() as usize;
        let chosen = |it: &choice::Answered| [it.chosen.acc, it.chosen.acc_norm, it.chosen.acc_bytes][metric];
        let mut counts: Map<String, Value> = ["acc", "acc_norm", "acc_bytes"]
            .into_iter()
            .zip(rights)
            .map(|(name, right)| (name.to_owned(), json!(right)))
            .collect();
        let total = answered.len() as u64;
        counts.insert("passed".into(), json!(rights[metric]));
        counts.insert("total".into(), json!(total));
        Ok(Measured {
            value: points(rights[metric], total),
            pairs: answered.iter().map(|it| (if chosen(it) == it.answer { 100.0 } else { 0.0 }, 1.0)).collect(),
            samples: vec![lines(&answered)],
            counts,
            examples: total,
            dataset: Some(set.sha256),
            ..Measured::default()
        })
    }

    fn humaneval(&mut self, benchmark: &Benchmark, variant: &Variant<'_>, plus: bool) -> Result<Measured, Failure> {
        let set = humaneval::read(self.file(benchmark)?, plus).map_err(failed("set"))?;
        let max_tokens = benchmark.max_new_tokens.unwrap_or(MAX_NEW_TOKENS);
        let completions = self.completions(&set, max_tokens, benchmark, variant)?;
        let judge = self.judge.as_ref().ok_or_else(|| Failure::new("bug", "this is a bug: there is no judge"))?;
        let cancelled = || self.context.is_cancelled();
        // The first variant's turn: a set whose own solutions fail here says nothing of any model.
        if variant.name == BASE || !self.eval.compare_to_base {
            self.ended(judge.check(&set.problems, plus, &cancelled), "canonical")?;
        }
        let mut samples = Vec::new();
        for (problem, completion) in set.problems.iter().zip(&completions) {
            samples.push(self.ended(judge.judge(problem, completion, plus, &cancelled), "judge")?);
        }
        self.observed.insert("python".into(), json!(judge.python_version()));
        let passed = samples.iter().filter(|sample| sample.counts(plus)).count() as u64;
        let total = samples.len() as u64;
        let mut counts = Map::new();
        counts.insert("passed".into(), json!(passed));
        counts.insert("total".into(), json!(total));
        let mut facts = Map::new();
        facts.insert("decoding".into(), json!("greedy"));
        facts.insert("maxNewTokens".into(), json!(max_tokens));
        facts.insert("promptForm".into(), json!("completion"));
        facts.insert("stop".into(), json!(humaneval::STOP));
        Ok(Measured {
            value: points(passed, total),
            pairs: samples.iter().map(|sample| (if sample.counts(plus) { 100.0 } else { 0.0 }, 1.0)).collect(),
            samples: vec![lines(&samples)],
            counts,
            facts,
            examples: total,
            dataset: Some(set.sha256),
            ..Measured::default()
        })
    }

    /// What a variant writes to every prompt; written once a set, length and variant.
    fn completions(
        &mut self,
        set: &Problems,
        max_tokens: usize,
        benchmark: &Benchmark,
        variant: &Variant<'_>,
    ) -> Result<Vec<String>, Failure> {
        let key = (format!("{}/{max_tokens}", set.sha256), variant.name.clone());
        if let Some(known) = self.completions.get(&key) {
            return Ok(known.clone());
        }
        let mut prompts = Vec::new();
        for problem in &set.problems {
            prompts.push(self.tokenizer.encode(&problem.prompt).map_err(failed("tokenizer"))?);
        }
        let settings = GenerateSettings { max_tokens, stop: ends(variant.model)? };
        let report = self.report(format!("{} of `{}`", benchmark.label(), variant.name));
        if let Some(served) = &self.served {
            let written = served.completions(&variant.name, &prompts, max_tokens, self.context, &report)?;
            self.completions.insert(key, written.clone());
            return Ok(written);
        }
        let (tokenizer, total) = (self.tokenizer, prompts.len() as u64);
        let mut broken = None;
        let generated =
            generate_all(variant.model, variant.mask.as_ref(), &prompts, &settings, self.options(), |place, tokens| {
                match tokenizer.decode(tokens) {
                    Ok(text) => {
                        report(place as u64, total).is_continue() && humaneval::cut(&text, &humaneval::STOP).len() == text.len()
                    }
                    Err(error) => {
                        broken = Some(error);
                        false
                    }
                }
            });
        let generated = self.ended(generated, "generate")?;
        if let Some(error) = broken {
            return Err(failed("tokenizer")(error));
        }
        let mut completions = Vec::new();
        for tokens in &generated {
            self.tokens += tokens.len() as u64;
            let text = tokenizer.decode(tokens).map_err(failed("tokenizer"))?;
            completions.push(humaneval::cut(&text, &humaneval::STOP).to_owned());
        }
        self.completions.insert(key, completions.clone());
        Ok(completions)
    }

    fn harness(&mut self, benchmark: &Benchmark, variant: &Variant<'_>, task: HarnessTask) -> Result<Measured, Failure> {
        let harness = Harness::find(self.tools).map_err(failed("harness"))?;
        let out = self.context.scratch().join(format!("harness-{}-{}", benchmark.name, variant.name));
        std::fs::create_dir_all(&out).map_err(failed("write"))?;
        let cancelled = || self.context.is_cancelled();
        let scored = harness.run((&benchmark.name, task), &variant.model.folder, &out, &cancelled);
        let scored = self.ended(scored, "harness")?;
        let mut samples = Vec::new();
        for file in &scored.samples {
            samples.push(std::fs::read(&file.path).map_err(failed("read"))?);
        }
        let total = scored.score.total.unwrap_or_default();
        let mut counts = Map::new();
        counts.insert("score".into(), json!(scored.score.pass_at_1));
        counts.insert("total".into(), json!(total));
        let facts = scored.score.extras.iter().filter(|(name, _)| *name != "rawScore").map(|(k, v)| (k.clone(), v.clone()));
        Ok(Measured {
            value: scored.score.points(),
            samples,
            counts,
            facts: facts.collect(),
            examples: total,
            ..Measured::default()
        })
    }

    /// A result, or that the run was cancelled, which explains every error after it.
    fn ended<T, E: std::error::Error>(&self, result: Result<T, E>, code: &'static str) -> Result<T, Failure> {
        self.context.check_cancelled()?;
        result.map_err(failed(code))
    }
}

/// The tokens that end a text, as the model's generation config says, else its config.
fn ends(model: &Model) -> Result<Vec<u32>, Failure> {
    let path = model.folder.join("generation_config.json");
    let stated = match std::fs::read(&path) {
        Ok(text) => serde_json::from_slice::<Value>(&text).map_err(failed("generation-config"))?["eos_token_id"].clone(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Value::Null,
        Err(error) => return Err(failed("generation-config")(error)),
    };
    let stated = if stated.is_null() { model.config["eos_token_id"].clone() } else { stated };
    match stated {
        Value::Null => Ok(Vec::new()),
        Value::Array(_) => serde_json::from_value(stated).map_err(failed("generation-config")),
        one => Ok(vec![serde_json::from_value(one).map_err(failed("generation-config"))?]),
    }
}

/// What may end a comparison.
#[derive(Debug, thiserror::Error)]
enum StopError {
    #[error(transparent)]
    Corpus(#[from] CorpusError),
    #[error(transparent)]
    Forward(#[from] ForwardError),
}
