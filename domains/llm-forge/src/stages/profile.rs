//! `expert-activation-profile`: how much each expert matters on a corpus, every metric in one pass.

use std::ops::ControlFlow;

use aw_alloy::recipe::Recipe;
use aw_domain::{Context, Estimate, Failure, Inputs, Output, PlanRequest, Problem, Progress, Reads, Stage, Unit};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::facts::{Facts, need_forward, need_tokenizer};
use super::{IMPORTANCE, MODEL, config, corpora, failed, path, planned_config};
use crate::corpus::Corpus;
use crate::families::Model;
use crate::forward::Options;
use crate::forward::kernels::Precision;
use crate::hashes::model_hash_of;
use crate::profile::{Coverage, CoverageGate, GROWTH_FILE, Importance, Metric, Pass, Profile, Provenance, Settings, measure};
use crate::source::label;
use crate::tokenizer::Tokenizer;
use crate::vocabulary::published::ProfileMetric;
use crate::{RUNTIME, TOOL};

/// Configuration of `expert-activation-profile`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ProfileConfig {
    /// The corpus to run, by its id in `calibrationCorpora`.
    calibration_corpus: String,
    /// The metric the author has in mind; every metric is gathered in the one pass.
    metric: Option<ProfileMetric>,
    /// Tokens after which an example is cut.
    #[serde(default = "max_length")]
    #[schemars(range(min = 128))]
    max_length: usize,
    /// Examples after which the corpus is left.
    #[schemars(range(min = 1))]
    max_examples: Option<u64>,
    /// Whether the importance matrix for quantisation is gathered in the same pass.
    #[serde(default)]
    importance_matrix: bool,
    /// What projections are computed in.
    #[serde(default)]
    precision: PrecisionConfig,
    /// What must be seen of every layer's experts before their ranking is used.
    coverage: Option<CoverageConfig>,
}

/// What the pass computes projections in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum PrecisionConfig {
    /// f32 on the weights as stored.
    #[default]
    F32,
    /// Both sides rounded to bf16, sums in f32: faster where the processor multiplies bf16, and the same numbers everywhere.
    Bf16,
}

impl PrecisionConfig {
    /// How an importance file says it.
    fn words(self) -> &'static str {
        match self {
            PrecisionConfig::F32 => "f32 arithmetic on weights as stored",
            PrecisionConfig::Bf16 => "projections in bf16 with sums in f32, all else in f32",
        }
    }
}

/// When a profile has seen too little of the experts to rank them.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CoverageConfig {
    /// Tokens an expert should have been given.
    #[schemars(range(min = 1))]
    min_tokens_per_expert: u64,
    /// Share of a layer's experts, 0 to 1, that may have been given fewer.
    #[schemars(range(min = 0.0, max = 1.0))]
    allowed_share_below: f64,
}

fn max_length() -> usize {
    2048
}

/// Token counts that coverage is reported at.
const COVERAGE_AT: [u64; 4] = [1, 10, 100, 1000];

/// The importance matrix's file in a corpus's folder.
pub(super) const IMATRIX: &str = "imatrix.gguf";

/// Profiles the current model.
pub(crate) struct ExpertActivationProfile;

impl Stage for ExpertActivationProfile {
    fn code_version(&self) -> u32 {
        2
    }

    fn reads(&self, stage: &Value, recipe: &Recipe) -> Result<Reads, Vec<Problem>> {
        let ProfileConfig { calibration_corpus, metric, .. } = config(stage)?;
        refuse_magnitude(metric)?;
        let corpus = corpora::find(recipe, corpora::CALIBRATION, &calibration_corpus, "calibrationCorpus")
            .map_err(|problem| vec![problem])?;
        Ok(Reads { folders: vec![MODEL.into()], files: vec![corpus], ..Reads::default() })
    }

    fn plan(&self, request: &PlanRequest<'_>) -> Result<Estimate, Vec<Problem>> {
        let profile: ProfileConfig = config(request.config)?;
        let mut facts = Facts::read(request.facts)?;
        need_forward(&facts)?;
        need_tokenizer(&facts)?;
        let corpus_bytes = corpus_bytes(request, &profile.calibration_corpus)?;
        let seconds = facts.forward_seconds(corpus_bytes, 1);
        let columns = (facts.layers * facts.experts * 3 * facts.hidden) as u64;
        // Sums in f64, the file in f32 twice while it is written, and the rows of a wave that enter matrices.
        let rows = (Options::WAVE_TOKENS * facts.hidden * size_of::<f32>() * 8) as u64;
        let matrix_bytes = if profile.importance_matrix { columns * 16 + rows } else { 0 };
        let memory_bytes = facts.forward_memory_bytes() + matrix_bytes;
        if facts.experts == facts.source_experts {
            facts.source_measured.insert(profile.calibration_corpus.clone());
        }
        if profile.importance_matrix {
            facts.matrices.insert(profile.calibration_corpus.clone());
        } else {
            facts.matrices.remove(&profile.calibration_corpus);
        }
        facts.measured.insert(profile.calibration_corpus);
        Ok(Estimate {
            bytes_in: facts.weight_bytes() + corpus_bytes,
            bytes_out: (facts.layers * facts.experts * 20 * Metric::ALL.len()) as u64
                + if profile.importance_matrix { columns * 4 } else { 0 },
            memory_bytes,
            seconds: Some(seconds),
            heavy: true,
            notes: Vec::new(),
            facts: facts.to_value(),
        })
    }

    fn run(&self, stage: &Value, inputs: &Inputs, context: &mut Context<'_>) -> Result<Output, Failure> {
        let settings: ProfileConfig = planned_config(stage)?;
        let id = &settings.calibration_corpus;
        let model = Model::open(&inputs.folders[MODEL], None).map_err(failed("model"))?;
        let tokenizer = Tokenizer::open(&model).map_err(failed("tokenizer"))?;
        let corpus = Corpus::open(&inputs.files[id]).map_err(failed("corpus"))?;
        let clock = std::time::Instant::now();
        let profile = run(&model, &corpus, &tokenizer, &settings, context)?;
        let seconds = clock.elapsed().as_secs_f64();
        let coverage = Coverage::of(&profile, &COVERAGE_AT);
        let gate = settings.coverage.map_or(CoverageGate { min_tokens_per_expert: 0, allowed_share_below: 1.0 }, |coverage| {
            CoverageGate {
                min_tokens_per_expert: coverage.min_tokens_per_expert,
                allowed_share_below: coverage.allowed_share_below,
            }
        });
        gate.check(&profile).map_err(failed("coverage"))?;
        let provenance = Provenance {
            model: label(&inputs.source_label),
            calibration_corpus: corpus.label(),
            calibration_corpus_sha256: inputs.digests[id].hex(),
            calibration_examples: profile.examples,
            calibration_tokens: profile.tokens,
            tool: TOOL.into(),
            source_model_sha256: model_hash_of(&inputs.entries, MODEL).map(|hash| hash.hex()),
            max_length: Some(settings.max_length as u64),
            precision: Some(settings.precision.words().into()),
            runtime: Some(RUNTIME.into()),
        };
        let mut writes = Vec::new();
        for metric in Metric::ALL {
            let importance = Importance::of(&profile, metric, model.experts.layers, provenance.clone());
            let file = path(format!("{IMPORTANCE}/{id}/{}", metric.file_name()))?;
            writes.push(context.write(&file, &importance.to_bytes()).map_err(failed("write"))?);
        }
        if let Some(inputs) = &profile.inputs {
            let matrix =
                inputs.to_matrix(corpus.label(), profile.examples, settings.max_length).map_err(failed("importance matrix"))?;
            let bytes = matrix.write(Vec::new()).map_err(failed("importance matrix"))?;
            writes.push(context.write(&path(format!("{IMPORTANCE}/{id}/{IMATRIX}"))?, &bytes).map_err(failed("write"))?);
        }
        let file = path(format!("{IMPORTANCE}/{id}/{GROWTH_FILE}"))?;
        writes.push(context.write(&file, &profile.growth.to_bytes()).map_err(failed("write"))?);
        Ok(Output {
            writes,
            measurements: measurements(&settings, &corpus, &profile, &coverage),
            observations: json!({"tokensPerSecond": profile.tokens as f64 / seconds.max(1e-9)}),
            ..Output::default()
        })
    }
}

fn run(
    model: &Model,
    corpus: &Corpus,
    tokenizer: &Tokenizer,
    settings: &ProfileConfig,
    context: &Context<'_>,
) -> Result<Profile, Failure> {
    let precision = match settings.precision {
        PrecisionConfig::F32 => Precision::F32,
        PrecisionConfig::Bf16 => Precision::Bf16,
    };
    let pass = Pass { inputs: settings.importance_matrix, precision };
    let limits = Settings { max_length: settings.max_length, max_examples: settings.max_examples, pass };
    let doing = format!("profiling on `{}`", settings.calibration_corpus);
    let report = |done: u64, total: u64| {
        context.progress(Progress { doing: doing.clone(), done, total: Some(total), unit: Unit::Steps });
        if context.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let profile = measure(model, corpus, tokenizer, limits, Options::with_threads(context.threads()), &report);
    context.check_cancelled()?;
    profile.map_err(failed("profile"))
}

fn measurements(settings: &ProfileConfig, corpus: &Corpus, profile: &Profile, coverage: &Coverage) -> Value {
    let layer = |(layer, coverage): (&usize, &crate::profile::LayerCoverage)| json!({"layer": layer, "fewestTokens": coverage.fewest, "expertsBelow": coverage.below});
    json!({
        "calibrationCorpus": settings.calibration_corpus,
        "examples": profile.examples,
        "tokens": profile.tokens,
        "blankLines": corpus.blank_lines,
        "emptyTexts": corpus.empty_texts,
        "truncatedExamples": profile.truncated,
        "tooShortExamples": profile.too_short,
        "expertsPerLayer": profile.experts,
        "expertsPerToken": profile.top_k,
        "denseLayers": profile.dense_layers,
        "coverage": coverage.layers.iter().map(layer).collect::<Vec<_>>(),
    })
}

/// The older name says neither whether norms are added up or averaged, and the two rank experts differently.
fn refuse_magnitude(metric: Option<ProfileMetric>) -> Result<(), Vec<Problem>> {
    if metric != Some(ProfileMetric::ActivationMagnitude) {
        return Ok(());
    }
    let message = "`activation_magnitude` does not say whether an expert's output norms are added up or averaged";
    let hint = "leave `metric` out: every metric is gathered, the sum of norms as `expert_activation_norm` (strategy \
                `expert-activation-norm`), the weighted mean as `reap`";
    Err(vec![Problem::new("ambiguous-metric", "metric", message).hint(hint)])
}

/// Size of a corpus the request names.
pub(super) fn corpus_bytes(request: &PlanRequest<'_>, id: &str) -> Result<u64, Vec<Problem>> {
    let read = |path: &std::path::PathBuf| std::fs::metadata(path).map(|file| file.len());
    match request.files.get(id).map(read) {
        Some(Ok(bytes)) => Ok(bytes),
        _ => Err(vec![Problem::new("file-missing", "calibrationCorpus", format!("corpus `{id}` cannot be read"))]),
    }
}
