//! `eval`: what the forged model scores, next to the unmodified base and the controls, in one pipeline.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use aw_alloy::digest::Digest;
use aw_alloy::recipe::Recipe;
use aw_domain::{Context, Estimate, Failure, Inputs, Output, PlanRequest, Problem, Progress, Reads, Stage, TreeEntry, Unit};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::facts::{Facts, need_forward, need_tokenizer};
use super::profile::corpus_bytes;
use super::prune::StrategyName;
use super::{EVALUATION, IMPORTANCE, MODEL, config, corpora, failed, path, planned_config};
use crate::corpus::Corpus;
use crate::families::Model;
use crate::forward::{ExpertMask, Options};
use crate::hashes::model_hash_of;
use crate::perplexity::{Perplexity, PerplexitySettings, perplexity};
use crate::ranking::{self, Ranking};
use crate::tokenizer::Tokenizer;

/// Configuration of `eval`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct EvalConfig {
    /// What is measured.
    #[schemars(length(min = 1))]
    benchmarks: Vec<Benchmark>,
    /// Whether the unmodified base is measured too.
    #[serde(default = "yes")]
    compare_to_base: bool,
    /// Other ways to choose the same number of experts, measured beside the forged model.
    #[serde(default)]
    controls: Vec<Control>,
    /// Tokens after which an example is cut.
    #[serde(default = "max_length")]
    #[schemars(range(min = 2))]
    max_length: usize,
    /// Examples after which a corpus is left.
    #[schemars(range(min = 1))]
    max_examples: Option<u64>,
}

/// One thing that is measured.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Benchmark {
    /// Which measurement.
    name: BenchmarkName,
    /// The corpus, by its id in `evaluationCorpora`.
    subset: String,
    /// What a cycle may cost on it, where that is not the usual 10 % or 1.0.
    #[allow(dead_code, reason = "the run reads it from the link, as the artifact has it")]
    regression: Option<Regression>,
}

/// What a cycle may cost: a run halts when it costs more than both. The artifact keeps it.
///
/// # Source
/// The foundry and line, section 2.3.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(dead_code, reason = "the run reads it from the link, as the artifact has it")]
struct Regression {
    /// In percent of the value before.
    #[schemars(range(min = 0))]
    max_percent: f64,
    /// In absolute terms.
    #[schemars(range(min = 0))]
    max_absolute: f64,
    /// Why.
    #[schemars(regex(pattern = r"\S"))]
    reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum BenchmarkName {
    /// exp of the mean negative log-likelihood per predicted token; lower is better.
    Perplexity,
}

/// A control: the base with as many experts as the forged model has, chosen another way.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Control {
    /// What it is called in the results.
    #[schemars(regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9 _-]{0,63}$"))]
    name: String,
    /// How its experts are chosen.
    strategy: StrategyName,
    /// The corpus whose profile is used, for the strategies that need one.
    calibration_corpus: Option<String>,
    /// Seed of the `random` strategy.
    seed: Option<u64>,
}

impl Control {
    fn ranking(&self) -> Ranking {
        Ranking { strategy: self.strategy.into(), corpus: self.calibration_corpus.clone(), seed: self.seed }
    }
}

fn yes() -> bool {
    true
}

fn max_length() -> usize {
    2048
}

/// Names of the two variants that are not controls.
const BASE: &str = "base";
const FORGED: &str = "forged";

impl EvalConfig {
    fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut names = vec![BASE, FORGED];
        for (index, control) in self.controls.iter().enumerate() {
            let below = format!("controls[{index}]");
            problems.extend(control.ranking().check(false).into_iter().map(|problem| under(&below, problem)));
            if names.contains(&control.name.as_str()) {
                problems.push(Problem::new(
                    "name-taken",
                    format!("{below}.name"),
                    format!("`{}` names another variant already", control.name),
                ));
            }
            names.push(&control.name);
        }
        for (index, benchmark) in self.benchmarks.iter().enumerate() {
            if self.benchmarks[..index].iter().any(|earlier| earlier.subset == benchmark.subset && earlier.name == benchmark.name)
            {
                problems.push(Problem::new(
                    "repeated",
                    format!("benchmarks[{index}]"),
                    format!("`{}` is measured twice", benchmark.subset),
                ));
            }
        }
        problems
    }
}

pub(super) fn under(below: &str, mut problem: Problem) -> Problem {
    problem.path = if problem.path.is_empty() { below.to_owned() } else { format!("{below}.{}", problem.path) };
    problem
}

/// Evaluates the current model.
pub(crate) struct Eval;

impl Stage for Eval {
    fn code_version(&self) -> u32 {
        1
    }

    fn measures_cycles(&self) -> bool {
        true
    }

    fn reads(&self, stage: &Value, recipe: &Recipe) -> Result<Reads, Vec<Problem>> {
        let eval: EvalConfig = config(stage)?;
        let mut problems = eval.check();
        let mut reads = Reads { folders: vec![MODEL.into()], source: true, files: Vec::new() };
        for (index, benchmark) in eval.benchmarks.iter().enumerate() {
            let asked_at = format!("benchmarks[{index}].subset");
            match corpora::find(recipe, corpora::EVALUATION, &benchmark.subset, &asked_at) {
                Ok(file) => reads.files.push(file),
                Err(problem) => problems.push(problem),
            }
        }
        for corpus in eval.controls.iter().filter_map(|control| control.ranking().measured_on().map(str::to_owned)) {
            let folder = format!("{IMPORTANCE}/{corpus}");
            if !reads.folders.contains(&folder) {
                reads.folders.push(folder);
            }
        }
        if problems.is_empty() { Ok(reads) } else { Err(problems) }
    }

    fn plan(&self, request: &PlanRequest<'_>) -> Result<Estimate, Vec<Problem>> {
        let eval: EvalConfig = config(request.config)?;
        let facts = Facts::read(request.facts)?;
        need_forward(&facts)?;
        need_tokenizer(&facts)?;
        let mut problems = Vec::new();
        for (index, control) in eval.controls.iter().enumerate() {
            let place = format!("controls[{index}].calibrationCorpus");
            problems.extend(
                control
                    .ranking()
                    .measured_on()
                    .and_then(|corpus| ranking::check_measured(&facts.source_measured, corpus, &place)),
            );
        }
        if facts.experts == facts.source_experts && !eval.controls.is_empty() {
            let message = "controls choose as many experts as the forged model has, but nothing is pruned before this stage";
            problems.push(
                Problem::new("nothing-pruned", "controls", message).hint("put an `expert-prune` before it, or remove `controls`"),
            );
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let variants = (1 + usize::from(eval.compare_to_base) + eval.controls.len()) as u64;
        let mut bytes = 0;
        for benchmark in &eval.benchmarks {
            bytes += corpus_bytes(request, &benchmark.subset)?;
        }
        let seconds = facts.forward_seconds(bytes * variants, 1);
        let memory_bytes = facts.forward_memory_bytes();
        let bytes_in = facts.weight_bytes() * variants + bytes;
        Ok(Estimate {
            bytes_in,
            bytes_out: bytes / 4 * variants,
            memory_bytes,
            seconds: Some(seconds),
            heavy: true,
            notes: Vec::new(),
            facts: facts.to_value(),
        })
    }

    fn run(&self, stage: &Value, inputs: &Inputs, context: &mut Context<'_>) -> Result<Output, Failure> {
        let eval: EvalConfig = planned_config(stage)?;
        let forged = Model::open(&inputs.folders[MODEL], None).map_err(failed("model"))?;
        let source = inputs.source.as_deref().ok_or_else(|| Failure::new("bug", "this is a bug: the source was not given"))?;
        let base = Model::open(source, None).map_err(failed("model"))?;
        let tokenizer = Tokenizer::open(&base).map_err(failed("tokenizer"))?;
        let variants = variants(&eval, &base, &forged, inputs)?;
        let clock = std::time::Instant::now();
        let mut evaluation =
            Evaluation { eval: &eval, inputs, context, tokenizer: &tokenizer, variants, writes: Vec::new(), tokens: 0, done: 0 };
        let benchmarks: Result<Vec<Value>, Failure> =
            eval.benchmarks.iter().map(|benchmark| evaluation.benchmark(benchmark)).collect();
        let measurements =
            json!({"benchmarks": benchmarks?, "maxLength": eval.max_length, "precision": "f32 arithmetic on weights as stored"});
        let tokens_per_second = evaluation.tokens as f64 / clock.elapsed().as_secs_f64().max(1e-9);
        let mut writes = evaluation.writes;
        let text = serde_json::to_vec_pretty(&measurements).expect("measurements are plain JSON");
        writes.push(context.write(&path(format!("{EVALUATION}/results.json"))?, &text).map_err(failed("write"))?);
        Ok(Output { writes, measurements, observations: json!({"tokensPerSecond": tokens_per_second}), ..Output::default() })
    }
}

/// A model to measure: one on disk, or the base with some experts masked, which scores as the checkpoint pruned to them does.
struct Variant<'a> {
    name: String,
    model: &'a Model,
    mask: Option<ExpertMask>,
}

fn variants<'a>(eval: &EvalConfig, base: &'a Model, forged: &'a Model, inputs: &Inputs) -> Result<Vec<Variant<'a>>, Failure> {
    let mut variants = Vec::new();
    if eval.compare_to_base {
        variants.push(Variant { name: BASE.into(), model: base, mask: None });
    }
    variants.push(Variant { name: FORGED.into(), model: forged, mask: None });
    let hash: Option<Digest> = model_hash_of(&inputs.source_entries, "");
    for control in &eval.controls {
        let ranking = control.ranking();
        let file = ranking.measured_on().and_then(|corpus| inputs.folders.get(&format!("{IMPORTANCE}/{corpus}")));
        let file = file.map(|folder| folder.join(ranking.file_name()));
        let (selection, _) = ranking::select(base, &ranking, forged.experts.experts, file.as_deref(), hash.as_ref())?;
        let mask = ExpertMask::new(&base.experts, selection.layers()).map_err(failed("mask"))?;
        variants.push(Variant { name: control.name.clone(), model: base, mask: Some(mask) });
    }
    Ok(variants)
}

struct Evaluation<'a, 'c> {
    eval: &'a EvalConfig,
    inputs: &'a Inputs,
    context: &'a Context<'c>,
    tokenizer: &'a Tokenizer,
    variants: Vec<Variant<'a>>,
    writes: Vec<TreeEntry>,
    tokens: u64,
    done: usize,
}

impl Evaluation<'_, '_> {
    fn benchmark(&mut self, benchmark: &Benchmark) -> Result<Value, Failure> {
        let subset = &benchmark.subset;
        let corpus = Corpus::open(&self.inputs.files[subset]).map_err(failed("corpus"))?;
        let (mut values, mut samples) = (BTreeMap::new(), BTreeMap::new());
        let (mut tokens, mut examples) = (0, 0);
        for index in 0..self.variants.len() {
            let measured = self.measure(&corpus, subset, index)?;
            let name = self.variants[index].name.clone();
            let file = path(format!("{EVALUATION}/perplexity.{subset}.{}.jsonl", name.replace(' ', "-")))?;
            let mut out = self.context.create(&file).map_err(failed("write"))?;
            measured.write_samples(&mut out).map_err(failed("write"))?;
            let entry = out.finish().map_err(failed("write"))?;
            samples.insert(name.clone(), json!({"path": entry.path, "sha256": entry.digest}));
            self.writes.push(entry);
            values.insert(name, measured.value());
            (tokens, examples) = (measured.predicted(), measured.samples.len());
            self.tokens += tokens;
        }
        let order: Vec<&str> = self.variants.iter().map(|variant| variant.name.as_str()).collect();
        Ok(json!({
            "name": benchmark.name,
            "subset": subset,
            "metric": "perplexity",
            "corpusSha256": corpus.sha256,
            "examples": examples,
            "predictedTokens": tokens,
            "variants": order,
            "values": values,
            "samples": samples,
        }))
    }

    fn measure(&mut self, corpus: &Corpus, subset: &str, index: usize) -> Result<Perplexity, Failure> {
        let (eval, context, variant) = (self.eval, self.context, &self.variants[index]);
        let doing = format!("perplexity of `{}` on `{subset}`", variant.name);
        let (before, all) = (self.done as u64, (self.variants.len() * eval.benchmarks.len()) as u64);
        let report = |done: u64, total: u64| {
            // One bar over all measurements: each is as long as every other.
            let progress =
                Progress { doing: doing.clone(), done: before * total + done, total: Some(all * total), unit: Unit::Steps };
            context.progress(progress);
            if context.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let settings = PerplexitySettings { max_length: eval.max_length, max_examples: eval.max_examples };
        let options = Options::with_threads(context.threads());
        let measured = perplexity(variant.model, variant.mask.as_ref(), (corpus, self.tokenizer), settings, options, &report);
        context.check_cancelled()?;
        self.done += 1;
        measured.map_err(failed("perplexity"))
    }
}
