//! `expert-prune`: keep the experts that matter, drop the rest, in one streaming pass.

mod budget;

use std::io;
use std::ops::ControlFlow;
use std::path::Path;

use aw_alloy::recipe::Recipe;
use aw_domain::{
    Context, Estimate, Failure, FileInput, Inputs, Output, PlanRequest, Problem, Progress, Reads, Stage, TreeEntry, Unit,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use budget::Budget;

use super::facts::Facts;
use super::{IMPORTANCE, MODEL, config, failed, path, planned_config};
use crate::families::Model;
use crate::hashes::model_hash_of;
use crate::progress::ignore;
use crate::prune::{
    DEFAULT_SHARD_BYTES, FileRecord, FolderOutput, ImportanceRecord, PrunePlan, RankedBy, Rewritten, Sample, Selection, Sidecar,
    Strategy, Times, check_budget, plan_prune, rewrite, verify_rewrite,
};
use crate::ranking::{self, Ranking};
use crate::source::label;
use crate::vocabulary::published::ExpertTensorLayout;

/// Configuration of `expert-prune`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PruneConfig {
    /// How experts are ranked.
    strategy: StrategyName,
    /// Experts each layer keeps; at least as many as a token is routed to, fewer than there are.
    #[schemars(range(min = 1))]
    keep_experts_per_layer: Option<usize>,
    /// Older name of `keepExpertsPerLayer`.
    #[schemars(range(min = 1))]
    keep_experts: Option<usize>,
    /// Share of each layer's experts that stays, above 0 and below 1: rounded to the nearest whole number, halves up, and never
    /// below what routing needs.
    #[schemars(range(min = 0.0, max = 1.0))]
    keep_ratio: Option<f64>,
    /// Experts of each layer that has some, from the first. They must be equal: a checkpoint's config has one number for all.
    #[schemars(length(min = 1), inner(range(min = 1)))]
    keep_per_layer: Option<Vec<usize>>,
    /// Experts each layer has; refused when the model disagrees.
    original_experts_per_layer: Option<usize>,
    /// Where the family keeps its experts; refused when the model disagrees.
    #[serde(default)]
    expert_tensor_layout: ExpertTensorLayout,
    /// The corpus whose profile ranks the experts, for the strategies that need one.
    calibration_corpus: Option<String>,
    /// An importance file to rank by in place of a profile of this recipe, from the recipe's folder.
    importance_json: Option<String>,
    /// Seed of the `random` strategy.
    seed: Option<u64>,
    /// Experts are always ranked within their layer; `false` is refused.
    per_layer_normalized: Option<bool>,
    /// Largest output shard, in bytes.
    #[schemars(range(min = 1))]
    shard_bytes: Option<u64>,
}

/// How experts are ranked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum StrategyName {
    /// By how many calibration tokens each expert was given.
    CalibrationAwareActivationCount,
    /// By the mean of routing weight times output norm over the tokens each expert was given.
    Reap,
    /// By the sum of routing weight times output norm.
    GateWeightedSum,
    /// By the sum of the output norm, without the routing weight.
    ExpertActivationNorm,
    /// By the norm of the router's row: weights alone, the negative control.
    RouterGateL2,
    /// By chance, from a recorded seed: the floor.
    Random,
}

impl From<StrategyName> for Strategy {
    fn from(name: StrategyName) -> Self {
        match name {
            StrategyName::CalibrationAwareActivationCount => Self::ActivationCount,
            StrategyName::Reap => Self::Reap,
            StrategyName::GateWeightedSum => Self::GateWeightedSum,
            StrategyName::ExpertActivationNorm => Self::ExpertActivationNorm,
            StrategyName::RouterGateL2 => Self::RouterGateL2,
            StrategyName::Random => Self::Random,
        }
    }
}

/// Name of an importance file outside the tree among the stage's files.
const IMPORTANCE_FILE: &str = "importanceJson";

impl PruneConfig {
    fn ranking(&self) -> Ranking {
        Ranking { strategy: self.strategy.into(), corpus: self.calibration_corpus.clone(), seed: self.seed }
    }

    /// What can be refused without the model.
    fn check(&self) -> Vec<Problem> {
        let mut problems = self.ranking().check(self.importance_json.is_some());
        problems.extend(Budget::of(self).err());
        if self.per_layer_normalized == Some(false) {
            let message = "experts are ranked within their layer; one list over all layers is refused";
            problems.push(Problem::new("per-layer", "perLayerNormalized", message).hint("remove it, or set it to `true`"));
        }
        problems
    }

    /// What can be refused knowing the model.
    fn check_model(&self, facts: &Facts) -> Vec<Problem> {
        let mut problems = Vec::new();
        if let Some(layout) = self.expert_tensor_layout.id().filter(|id| *id != facts.layout) {
            let message =
                format!("the stage says layout `{layout}`, architecture `{}` has `{}`", facts.architecture, facts.layout);
            problems.push(Problem::new("layout", "expertTensorLayout", message).hint("use `auto`, or the architecture's own"));
        }
        if let Some(stated) = self.original_experts_per_layer.filter(|stated| *stated != facts.experts) {
            let message = format!("the stage says {stated} experts per layer, the model has {}", facts.experts);
            problems.push(Problem::new("experts", "originalExpertsPerLayer", message));
        }
        let budget = match Budget::of(self) {
            Ok(budget) => budget,
            Err(problem) => return vec![problem],
        };
        problems.extend(budget.check_layers(facts.sparse_layers));
        let keep = budget.keep(facts.experts, facts.top_k, facts.groups);
        let field = budget.field();
        if keep < facts.top_k {
            let message = format!("cannot keep {keep} experts per layer: every token is routed to {}", facts.top_k);
            problems.push(Problem::new("keep-below-top-k", field, message).hint(format!(
                "keep from {} to {}",
                facts.top_k,
                facts.experts - 1
            )));
        }
        if keep >= facts.experts {
            let message =
                format!("cannot keep {keep} experts per layer: the model has {}, nothing would be pruned", facts.experts);
            problems.push(Problem::new("keep-not-below-n", field, message).hint(format!(
                "keep from {} to {}",
                facts.top_k,
                facts.experts.saturating_sub(1)
            )));
        }
        if (facts.top_k..facts.experts).contains(&keep) {
            let budget = check_budget(facts.experts, facts.top_k, facts.groups, keep).map_err(|error| error.to_string());
            problems.extend(budget.err().map(|message| Problem::new("keep-by-group", field, message)));
        }
        if let Some(layer) = facts.unmeasured_layers.first().filter(|_| self.ranking().strategy.is_measured()) {
            let message = format!("layer {layer} predicts further tokens with experts of its own, which no profile covers");
            problems.push(
                Problem::new("unmeasured-layer", "strategy", message)
                    .hint("use `router-gate-l2` or `random`, or leave the tensors of that layer out of the source"),
            );
        }
        if let Some(corpus) = self.calibration_corpus.as_ref().filter(|_| self.importance_json.is_none()) {
            problems.extend(ranking::check_measured(&facts.measured, corpus, "calibrationCorpus"));
        }
        problems
    }
}

/// Prunes the current model.
pub(crate) struct ExpertPrune;

impl Stage for ExpertPrune {
    fn code_version(&self) -> u32 {
        1
    }

    fn reads(&self, stage: &Value, _: &Recipe) -> Result<Reads, Vec<Problem>> {
        let prune: PruneConfig = config(stage)?;
        let problems = prune.check();
        if !problems.is_empty() {
            return Err(problems);
        }
        let mut reads = Reads { folders: vec![MODEL.into()], ..Reads::default() };
        if let Some(path) = &prune.importance_json {
            reads.files.push(FileInput {
                name: IMPORTANCE_FILE.into(),
                path: path.clone(),
                digest: None,
                declared_at: "stages".into(),
            });
        } else if let Some(corpus) = prune.ranking().measured_on() {
            reads.folders.push(format!("{IMPORTANCE}/{corpus}"));
        }
        Ok(reads)
    }

    fn plan(&self, request: &PlanRequest<'_>) -> Result<Estimate, Vec<Problem>> {
        let prune: PruneConfig = config(request.config)?;
        let mut facts = Facts::read(request.facts)?;
        let problems = prune.check_model(&facts);
        if !problems.is_empty() {
            return Err(problems);
        }
        let keep = Budget::of(&prune).map_err(|problem| vec![problem])?.keep(facts.experts, facts.top_k, facts.groups);
        let bytes_in = facts.weight_bytes();
        facts.expert_bytes = facts.expert_bytes / facts.experts as u64 * keep as u64;
        facts.experts = keep;
        // What was measured on the model before says nothing of the model after.
        facts.measured.clear();
        facts.tiers.clear();
        facts.matrices.clear();
        let bytes_out = facts.weight_bytes();
        Ok(Estimate {
            bytes_in,
            bytes_out,
            memory_bytes: 64 << 20,
            seconds: Some((bytes_in + bytes_out) as f64 / 1.5e9),
            heavy: true,
            notes: Vec::new(),
            facts: facts.to_value(),
        })
    }

    fn run(&self, stage: &Value, inputs: &Inputs, context: &mut Context<'_>) -> Result<Output, Failure> {
        let prune: PruneConfig = planned_config(stage)?;
        let (started_at, clock) = (context.now(), std::time::Instant::now());
        let model = Model::open(&inputs.folders[MODEL], None).map_err(failed("model"))?;
        let budget = Budget::of(&prune).map_err(|problem| Failure::new("keep", problem.message))?;
        let keep = budget.keep(model.experts.experts, model.experts.top_k, model.experts.groups);
        let (selection, importance) = select(&prune, &model, keep, inputs)?;
        let plan = plan_prune(&model, &selection, prune.shard_bytes.unwrap_or(DEFAULT_SHARD_BYTES)).map_err(failed("prune"))?;
        let written = write(&model, &plan, context)?;
        check_source(&written, inputs)?;
        let out = Model::open(&context.out().join(MODEL), None).map_err(failed("prune-verify"))?;
        check_written(&model, &out, &selection)?;
        let times = Times { started_at, finished_at: context.now(), total_seconds: clock.elapsed().as_secs_f64() };
        let ranked = RankedBy { strategy: prune.strategy.into(), seed: prune.seed, importance };
        let sidecar = Sidecar::new(&model, &label(&inputs.source_label), ranked, &plan, &written, times);
        let record = sidecar.write(&mut FolderOutput::new(context.out()).map_err(failed("write"))?).map_err(failed("write"))?;
        Ok(Output {
            replaces: vec![MODEL.into()],
            writes: entries(MODEL, written.shards.iter().chain(&written.files))?,
            records: entries("", [&record])?,
            measurements: measurements(&prune, &model, &plan, &written),
            observations: json!({"seconds": clock.elapsed().as_secs_f64()}),
            ..Output::default()
        })
    }
}

fn select(
    prune: &PruneConfig,
    model: &Model,
    keep: usize,
    inputs: &Inputs,
) -> Result<(Selection, Option<ImportanceRecord>), Failure> {
    let source_hash = model_hash_of(&inputs.entries, MODEL);
    let ranking = prune.ranking();
    let folder = ranking.measured_on().and_then(|corpus| inputs.folders.get(&format!("{IMPORTANCE}/{corpus}")));
    let given = inputs.files.get(IMPORTANCE_FILE).map(|file| (file.as_path(), inputs.digests.get(IMPORTANCE_FILE)));
    let place = match (given, folder) {
        (Some((file, _)), _) => Some(file.to_owned()),
        (None, Some(folder)) => Some(folder.join(ranking.file_name())),
        (None, None) => None,
    };
    ranking::select(model, &ranking, keep, place.as_deref(), source_hash.as_ref())
}

fn write(model: &Model, plan: &PrunePlan, context: &Context<'_>) -> Result<Rewritten, Failure> {
    let mut sink = FolderOutput::new(&context.out().join(MODEL)).map_err(failed::<io::Error>("write"))?;
    let report = |done: u64, total: u64| {
        context.progress(Progress { doing: "pruning".into(), done, total: Some(total), unit: Unit::Bytes });
        if context.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let written = rewrite(model, plan, &mut sink, context.threads(), &report);
    context.check_cancelled()?;
    written.map_err(failed("prune"))
}

/// Experts compared per layer after writing; everything else is compared whole.
const VERIFIED_EXPERTS: usize = 2;

/// What was written must be the source's bytes, and nothing of what was dropped.
fn check_written(source: &Model, output: &Model, selection: &Selection) -> Result<(), Failure> {
    let verification =
        verify_rewrite(source, output, selection, Sample::PerLayer(VERIFIED_EXPERTS), &ignore).map_err(failed("prune-verify"))?;
    match verification.differences.first() {
        None => Ok(()),
        Some(difference) => {
            Err(Failure::new("prune-verify", format!("this is a bug: the pruned model is not what was planned: {difference}")))
        }
    }
}

/// What was read must be what the chain says went in.
fn check_source(written: &Rewritten, inputs: &Inputs) -> Result<(), Failure> {
    for shard in &written.sources {
        let expected = inputs.entries.iter().find(|entry| entry.path.as_str() == format!("{MODEL}/{}", shard.path));
        match expected {
            Some(entry) if entry.digest == shard.digest => {}
            _ => {
                let message = format!("shard `{}` changed while it was read: it now has digest {}", shard.path, shard.digest);
                return Err(Failure::new("source-changed", message)
                    .with_hint("leave the source alone while a recipe runs, then run again"));
            }
        }
    }
    Ok(())
}

fn entries<'a>(folder: &str, files: impl IntoIterator<Item = &'a FileRecord>) -> Result<Vec<TreeEntry>, Failure> {
    let entry = |file: &FileRecord| {
        let path = path(Path::new(folder).join(&file.path).to_string_lossy())?;
        Ok(TreeEntry { path, digest: file.digest, bytes: file.bytes })
    };
    files.into_iter().map(entry).collect()
}

/// Experts are counted as tensors, three for each, as the published documents do; also where all of a layer lie in one tensor.
fn measurements(prune: &PruneConfig, model: &Model, plan: &PrunePlan, written: &Rewritten) -> Value {
    let (before, keep, layers) = (plan.selection.experts(), plan.selection.keep(), plan.selection.layers().len());
    json!({
        "strategy": Strategy::from(prune.strategy).name(),
        "metric": Strategy::from(prune.strategy).metric(),
        "calibrationCorpus": prune.calibration_corpus,
        "seed": prune.seed,
        "expertTensorLayout": model.family.layout().id,
        "originalExpertsPerLayer": before,
        "keepExpertsPerLayer": keep,
        "prunePct": round((before - keep) as f64 / before as f64 * 100.0, 2),
        "expertsDropped": (before - keep) * layers * 3,
        "expertsRenamed": keep * layers * 3,
        "routerSlicedLayers": layers,
        "fusedSliced": plan.counters.fused_sliced,
        "tensorsUnchanged": plan.counters.kept_unchanged,
        "keptExperts": plan.selection.layers(),
        "parametersBefore": plan.parameters_in,
        "parametersAfter": plan.parameters_out,
        "activeParameters": PrunePlan::active_parameters(model),
        "bytesBefore": plan.bytes_in,
        "bytesAfter": plan.bytes_out,
        "filesLeftBehind": written.left,
    })
}

/// Rounds to so many decimals, for figures people read.
pub(crate) fn round(value: f64, decimals: i32) -> f64 {
    let scale = f64::powi(10.0, decimals);
    (value * scale).round() / scale
}
