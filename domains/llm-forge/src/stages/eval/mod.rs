//! `eval`: what the forged model scores, next to the unmodified base and the controls, in one pipeline.

mod alike;
mod measure;
mod served;

use std::collections::BTreeMap;
use std::sync::Arc;

use aw_alloy::digest::Digest;
use aw_alloy::recipe::Recipe;
use aw_domain::{Context, Estimate, Failure, Inputs, Output, PlanRequest, Problem, Reads, Stage, TreeEntry};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use measure::{Measured, Measurer, Metric};
use served::Served;

use super::facts::{Facts, need_forward, need_tokenizer};
use super::profile::corpus_bytes;
use super::prune::StrategyName;
use super::{EVALUATION, GGUF, IMPORTANCE, MODEL, config, corpora, failed, path, planned_config};
use crate::evaluation::bootstrap::{self, Interval, Pair};
use crate::evaluation::harness::Harness;
use crate::evaluation::humaneval::Judge;
use crate::evaluation::registry::{self, Runner, RunnerError};
use crate::families::Model;
use crate::forward::ExpertMask;
use crate::gguf::Naming;
use crate::hashes::model_hash_of;
use crate::llama_cpp::Adapter;
use crate::ranking::{self, Ranking};
use crate::tokenizer::Tokenizer;
use crate::tools::Tools;

/// Configuration of `eval`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct EvalConfig {
    /// What is measured.
    #[schemars(length(min = 1))]
    benchmarks: Vec<Benchmark>,
    /// What runs the models: our own forward pass on the safetensors, or llama.cpp on a GGUF tier.
    #[serde(default)]
    runtime: Runtime,
    /// The tier that is measured, with runtime `gguf`: one a `quant` stage before made. The base is made into the same one.
    tier: Option<String>,
    /// llama.cpp's name of how the tokenizer splits text, as in the `quant` stage, for the base.
    pre_tokenizer: Option<String>,
    /// The corpus whose importance matrix the tier is made with, as in the `quant` stage: the base's is calibrated on it too.
    importance_matrix: Option<String>,
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

/// What runs the models.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Runtime {
    /// Our own forward pass, on the weights as stored.
    #[default]
    Safetensors,
    /// llama.cpp, on a GGUF file.
    Gguf,
}

/// One thing that is measured.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Benchmark {
    /// Which measurement, by its registered name: `perplexity`, `kl-divergence`, `multiple-choice`, `humaneval`, `humaneval_plus`, or a
    /// task of lm-evaluation-harness (`ifeval`, `bbh`, `math_hard`, `gpqa`, `mmlu_pro`, `musr`).
    name: String,
    /// The corpus or set of problems, by its id in `evaluationCorpora`; tasks of lm-evaluation-harness bring their own.
    subset: Option<String>,
    /// Which way of choosing is the score of `multiple-choice`.
    metric: Option<ChoiceMetric>,
    /// How the prompts of `humaneval` and `humaneval_plus` are put to the model; required for these.
    prompt_form: Option<PromptForm>,
    /// Tokens after which a completion is cut; 512.
    #[schemars(range(min = 1))]
    max_new_tokens: Option<usize>,
    /// What a cycle may cost on it, where that is not the usual 10 % or 1.0.
    #[allow(dead_code, reason = "the run reads it from the link, as the artifact has it")]
    regression: Option<Regression>,
}

/// How the answer to a question is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum ChoiceMetric {
    /// The likeliest choice.
    #[default]
    Acc,
    /// The likeliest per character.
    AccNorm,
    /// The likeliest per UTF-8 byte.
    AccBytes,
}

/// How a prompt is put to the model. Never inferred from the tokenizer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum PromptForm {
    /// As it is; the model goes on with it.
    Completion,
}

impl Benchmark {
    fn runner(&self) -> Result<Runner, RunnerError> {
        registry::find(&self.name)
    }

    /// Name and subset, as people read them.
    fn label(&self) -> String {
        self.subset.as_ref().map_or_else(|| self.name.clone(), |subset| format!("{}/{subset}", self.name))
    }

    fn problems(&self, below: &str, compare_to_base: bool) -> Vec<Problem> {
        let runner = match self.runner() {
            Ok(runner) => runner,
            Err(error) => {
                let code = match error {
                    RunnerError::NotRegistered { .. } => "not-registered",
                    RunnerError::Reserved { .. } => "not-implemented",
                    RunnerError::CannotRun { .. } => "cannot-run",
                };
                let problem = Problem::new(code, format!("{below}.name"), error.to_string());
                return vec![problem.suggest(&self.name, registry::names())];
            }
        };
        let mut problems = Vec::new();
        let mut problem = |code, member: &str, message: &str| {
            problems.push(Problem::new(code, format!("{below}.{member}"), format!("`{}` {message}", self.name)));
        };
        let harness = matches!(runner, Runner::Harness(_));
        match &self.subset {
            None if !harness => problem("missing", "subset", "is measured on a corpus or set: name one of `evaluationCorpora`"),
            Some(_) if harness => problem("unused", "subset", "brings its own data; remove `subset`"),
            _ => {}
        }
        let completes = matches!(runner, Runner::HumanEval | Runner::HumanEvalPlus);
        if completes && self.prompt_form.is_none() {
            problem("missing", "promptForm", "needs the form of its prompts stated: `completion` for base models");
        }
        for (member, stated) in [("promptForm", self.prompt_form.is_some()), ("maxNewTokens", self.max_new_tokens.is_some())] {
            if stated && !completes {
                problem("unused", member, "generates nothing");
            }
        }
        if self.metric.is_some() && runner != Runner::MultipleChoice {
            problem("unused", "metric", "has one metric");
        }
        if runner == Runner::KlDivergence && !compare_to_base {
            problem("needs-base", "name", "compares with the base; set `compareToBase`");
        }
        problems
    }
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
    /// Where the results go: a folder of its own for each tier.
    fn folder(&self) -> String {
        self.tier.as_ref().map_or_else(|| EVALUATION.to_owned(), |tier| format!("{EVALUATION}/{tier}"))
    }

    /// What the base's file of the tier calls itself.
    fn base_naming(&self) -> Naming {
        Naming { name: BASE.into(), pre_tokenizer: self.pre_tokenizer.clone() }
    }

    /// Examples of a corpus that are taken, at most.
    fn examples_max(&self) -> usize {
        self.max_examples.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX))
    }

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
        problems.extend(self.runtime_problems());
        for (index, benchmark) in self.benchmarks.iter().enumerate() {
            problems.extend(benchmark.problems(&format!("benchmarks[{index}]"), self.compare_to_base));
            if self.benchmarks[..index].iter().any(|earlier| earlier.subset == benchmark.subset && earlier.name == benchmark.name)
            {
                problems.push(Problem::new(
                    "repeated",
                    format!("benchmarks[{index}]"),
                    format!("`{}` is measured twice", benchmark.label()),
                ));
            }
        }
        problems
    }
}

impl EvalConfig {
    fn runtime_problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut problem = |code, path: String, message: String| problems.push(Problem::new(code, path, message));
        if self.runtime == Runtime::Safetensors {
            for (member, stated) in [
                ("tier", self.tier.is_some()),
                ("preTokenizer", self.pre_tokenizer.is_some()),
                ("importanceMatrix", self.importance_matrix.is_some()),
            ] {
                if stated {
                    problem("unused", member.into(), format!("`{member}` is of GGUF files; set `runtime: gguf` or remove it"));
                }
            }
            return problems;
        }
        match &self.tier {
            None => problem("missing", "tier".into(), "runtime `gguf` needs the tier that is measured".into()),
            Some(tier) if served::tier(tier).is_none() => {
                problem("unknown-tier", "tier".into(), format!("`{tier}` is no tier this program makes"));
            }
            _ => {}
        }
        if self.importance_matrix.is_some() && !self.compare_to_base {
            let message =
                "`importanceMatrix` is for the base's tier, and the base is not measured; remove it or set `compareToBase`";
            problem("unused", "importanceMatrix".into(), message.into());
        }
        if !self.controls.is_empty() {
            let message =
                "controls are measured by masking experts, which llama.cpp does not; measure them with runtime `safetensors`";
            problem("cannot-run", "controls".into(), message.into());
        }
        for (index, benchmark) in self.benchmarks.iter().enumerate() {
            if matches!(benchmark.runner(), Ok(Runner::Harness(_))) {
                let message = format!("`{}` is run on safetensors only", benchmark.name);
                problem("cannot-run", format!("benchmarks[{index}].name"), message);
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
pub(crate) struct Eval {
    /// The programs of others it may start.
    pub(crate) tools: Arc<Tools>,
}

impl Eval {
    /// What is not there on this machine, told before anything runs.
    fn missing(&self, eval: &EvalConfig) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut refuse = |code, place: String, error: &dyn std::error::Error| {
            let message = error.to_string();
            let (message, hint) = message.split_once("\nhint: ").unwrap_or((&message, ""));
            let problem = Problem::new(code, place, message.to_owned());
            problems.push(if hint.is_empty() { problem } else { problem.hint(hint) });
        };
        if eval.runtime == Runtime::Gguf
            && let Err(error) = Adapter::find(&self.tools)
        {
            refuse("llama-cpp-missing", "runtime".into(), &error);
        }
        for (index, benchmark) in eval.benchmarks.iter().enumerate() {
            let place = format!("benchmarks[{index}].name");
            match benchmark.runner() {
                Ok(Runner::Harness(_)) => {
                    if let Err(error) = Harness::find(&self.tools) {
                        refuse("harness-missing", place, &error);
                    }
                }
                Ok(Runner::HumanEval | Runner::HumanEvalPlus) => {
                    if let Err(error) = self.judge() {
                        refuse("sandbox", place, &error);
                    }
                }
                _ => {}
            }
        }
        problems
    }

    fn judge(&self) -> Result<Judge, crate::evaluation::humaneval::JudgeError> {
        Judge::new(self.tools.find("python3").as_deref())
    }
}

/// Added to the code version where llama.cpp is linked: whole batches give other last digits than its programs, asked token by token.
const LINKED: u32 = 1 << 16;
/// Memory the linked llama.cpp takes beside the mapped file, roughly: its cache, its buffers and the logits of a batch.
const LINKED_BYTES: u64 = 512 << 20;

impl Stage for Eval {
    fn code_version(&self) -> u32 {
        const VERSION: u32 = 3;
        if Adapter::links(&self.tools) { VERSION + LINKED } else { VERSION }
    }

    fn measures_cycles(&self) -> bool {
        true
    }

    fn reads(&self, stage: &Value, recipe: &Recipe) -> Result<Reads, Vec<Problem>> {
        let eval: EvalConfig = config(stage)?;
        let mut problems = eval.check();
        let mut reads = Reads { folders: vec![MODEL.into()], source: true, files: Vec::new() };
        if eval.runtime == Runtime::Gguf {
            reads.folders.push(GGUF.into());
        }
        for (index, benchmark) in eval.benchmarks.iter().enumerate() {
            let Some(subset) = &benchmark.subset else { continue };
            let asked_at = format!("benchmarks[{index}].subset");
            match corpora::find(recipe, corpora::EVALUATION, subset, &asked_at) {
                Ok(file) if reads.files.iter().any(|known| known.name == file.name) => {}
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
        if let Some(id) = &eval.importance_matrix {
            reads.folders.push(alike::folder(id));
            match alike::corpus(recipe, id) {
                Ok(file) => reads.files.push(file),
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() { Ok(reads) } else { Err(problems) }
    }

    fn plan(&self, request: &PlanRequest<'_>) -> Result<Estimate, Vec<Problem>> {
        let eval: EvalConfig = config(request.config)?;
        let facts = Facts::read(request.facts)?;
        need_forward(&facts)?;
        need_tokenizer(&facts)?;
        let mut problems = self.missing(&eval);
        problems.extend(alike::problems(&eval, &facts));
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
        let scratch_bytes = match eval.tier.as_deref().and_then(served::tier).filter(|_| eval.compare_to_base) {
            Some(tier) => served::base_bytes(request.source, tier, &eval.base_naming()).unwrap_or_else(|error| {
                problems.push(Problem::new("gguf", "tier", format!("the base cannot be made into this tier: {error}")));
                0
            }),
            None => 0,
        };
        if !problems.is_empty() {
            return Err(problems);
        }
        let variants = (1 + usize::from(eval.compare_to_base) + eval.controls.len()) as u64;
        let mut bytes = 0;
        for benchmark in &eval.benchmarks {
            if let Some(subset) = &benchmark.subset {
                bytes += corpus_bytes(request, subset)?;
            }
        }
        let seconds = facts.forward_seconds(bytes * variants, 1);
        let calibrating = eval.importance_matrix.as_ref().map_or(0, |_| alike::memory_bytes(&facts));
        let linked = if eval.runtime == Runtime::Gguf && Adapter::links(&self.tools) { LINKED_BYTES } else { 0 };
        let memory_bytes = facts.forward_memory_bytes() + calibrating + linked;
        let bytes_in = facts.weight_bytes() * variants + bytes;
        Ok(Estimate {
            bytes_in,
            bytes_out: bytes / 4 * variants + scratch_bytes,
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
        let completes = |it: &Benchmark| matches!(it.runner(), Ok(Runner::HumanEval | Runner::HumanEvalPlus));
        let judge = match eval.benchmarks.iter().any(completes) {
            true => Some(self.judge().map_err(failed("sandbox"))?),
            false => None,
        };
        let served = match eval.tier.as_deref().and_then(served::tier).filter(|_| eval.runtime == Runtime::Gguf) {
            Some(tier) => {
                let weighed = eval.importance_matrix.as_deref();
                let importance = weighed.map(|id| alike::importance(&base, &tokenizer, id, inputs, context)).transpose()?;
                let base = eval.compare_to_base.then_some((&base, eval.base_naming(), importance.as_ref()));
                Some(Served::new(&self.tools, tier, &inputs.folders[GGUF], base, context)?)
            }
            None => None,
        };
        let mut measurer = Measurer::new(&eval, inputs, context, &tokenizer, &self.tools, judge, variants.len());
        if let Some(served) = &served {
            measurer.observed.insert("llamaCpp".into(), served.version()?);
        }
        measurer.served = served;
        let mut evaluation = Evaluation { measurer, variants, writes: Vec::new() };
        let benchmarks: Result<Vec<Value>, Failure> =
            eval.benchmarks.iter().map(|benchmark| evaluation.benchmark(benchmark)).collect();
        let mut measurements = json!({"benchmarks": benchmarks?, "maxLength": eval.max_length});
        match &eval.tier {
            Some(tier) => {
                let how = if Adapter::links(&self.tools) { ", linked" } else { "" };
                measurements["runtime"] = json!(format!("llama.cpp {tier}{how}"));
            }
            None => measurements["precision"] = json!("f32 arithmetic on weights as stored"),
        }
        let tokens_per_second = evaluation.measurer.tokens as f64 / clock.elapsed().as_secs_f64().max(1e-9);
        let observed = std::mem::take(&mut evaluation.measurer.observed);
        let mut writes = evaluation.writes;
        let text = serde_json::to_vec_pretty(&measurements).expect("measurements are plain JSON");
        writes.push(context.write(&path(format!("{}/results.json", eval.folder()))?, &text).map_err(failed("write"))?);
        let mut observations = json!({"tokensPerSecond": tokens_per_second});
        if !observed.is_empty() {
            observations["runners"] = Value::Object(observed);
        }
        Ok(Output { writes, measurements, observations, ..Output::default() })
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
    measurer: Measurer<'a, 'c>,
    variants: Vec<Variant<'a>>,
    writes: Vec<TreeEntry>,
}

impl Evaluation<'_, '_> {
    fn benchmark(&mut self, benchmark: &Benchmark) -> Result<Value, Failure> {
        let runner = benchmark.runner().map_err(failed("benchmark"))?;
        let metric = Metric::of(runner, benchmark.metric.unwrap_or_default());
        let (mut values, mut samples, mut counts) = (BTreeMap::new(), Map::new(), Map::new());
        let mut measured: BTreeMap<&str, Measured> = BTreeMap::new();
        let mut order = Vec::new();
        for variant in &self.variants {
            let Some(it) = self.measurer.measure(runner, benchmark, variant, &self.variants[0])? else { continue };
            let mut sample = Vec::new();
            for (index, text) in it.samples.iter().enumerate() {
                let part = if it.samples.len() == 1 { String::new() } else { format!(".{}", index + 1) };
                let label = benchmark.label().replace('/', ".");
                let file =
                    path(format!("{}/{label}.{}{part}.jsonl", self.measurer.eval.folder(), variant.name.replace(' ', "-")))?;
                let entry = self.measurer.context.write(&file, text).map_err(failed("write"))?;
                sample.push(json!({"path": entry.path, "sha256": entry.digest}));
                self.writes.push(entry);
            }
            let sample = if sample.len() == 1 { sample.remove(0) } else { Value::Array(sample) };
            samples.insert(variant.name.clone(), sample);
            values.insert(variant.name.clone(), it.value);
            if !it.counts.is_empty() {
                counts.insert(variant.name.clone(), Value::Object(it.counts.clone()));
            }
            order.push(variant.name.as_str());
            measured.insert(&variant.name, it);
        }
        let any = measured.values().next().ok_or_else(|| Failure::new("bug", "this is a bug: nothing was measured"))?;
        let mut result = json!({
            "name": benchmark.name,
            "subset": benchmark.subset,
            "metric": metric.name,
            "higherIsBetter": metric.higher_is_better,
            "corpusSha256": any.dataset,
            "examples": any.examples,
            "predictedTokens": any.predicted,
            "variants": order,
            "values": values,
            "samples": samples,
        });
        let members = result.as_object_mut().expect("an object was just made");
        members.retain(|_, value| !value.is_null());
        for (name, value) in &any.facts {
            members.insert(name.clone(), value.clone());
        }
        if let Some(tier) = &self.measurer.eval.tier {
            members.insert("tier".into(), json!(tier));
        }
        if !counts.is_empty() {
            members.insert("counts".into(), counts.into());
        }
        let differences = differences(&measured);
        if !differences.is_empty() {
            members.insert("differences".into(), differences.into());
            members.insert("differencesIn".into(), metric.difference_unit.into());
            let resampling = bootstrap::Settings::default();
            let bootstrap =
                json!({"resamples": resampling.resamples, "confidence": resampling.confidence, "seed": resampling.seed});
            members.insert("bootstrap".into(), bootstrap);
        }
        Ok(result)
    }
}

/// How every variant differs from the base, example by example.
fn differences(measured: &BTreeMap<&str, Measured>) -> Map<String, Value> {
    let Some(base) = measured.get(BASE).filter(|base| !base.pairs.is_empty()) else { return Map::new() };
    let of = |it: &Measured| -> Option<Interval> {
        if it.pairs.len() != base.pairs.len() {
            return None;
        }
        let pair = |(it, base): (&(f64, f64), &(f64, f64))| Pair { difference: it.0 - base.0, weight: it.1 };
        let pairs: Vec<Pair> = it.pairs.iter().zip(&base.pairs).map(pair).collect();
        bootstrap::paired(&pairs, bootstrap::Settings::default())
    };
    let others = measured.iter().filter(|(name, _)| **name != BASE);
    let interval = |it: Interval| json!({"estimate": it.estimate, "ci95": [it.low, it.high], "n": it.n});
    others.filter_map(|(name, it)| Some(((*name).to_owned(), interval(of(it)?)))).collect()
}
