//! `criterion-comparison`: what ways of choosing experts cost, side by side, measured on the unmodified base.

mod config;
mod draw;
mod measure;
mod report;

use aw_alloy::recipe::Recipe;
use aw_domain::{Context, Estimate, Failure, Inputs, Output, PlanRequest, Problem, Reads, Stage};
use serde_json::{Value, json};

pub(crate) use config::ComparisonConfig;

use super::facts::{Facts, need_forward, need_tokenizer};
use super::profile::corpus_bytes;
use super::{IMPORTANCE, config, corpora, failed, path, planned_config};
use crate::families::Model;
use crate::ranking;
use crate::tokenizer::Tokenizer;

/// Folder of the tree that holds what was compared.
pub(crate) const COMPARISON: &str = "comparison";

/// The stage's type.
pub(crate) const TYPE: &str = "criterion-comparison";

/// Compares criteria on the source.
pub(crate) struct CriterionComparison;

impl Stage for CriterionComparison {
    fn code_version(&self) -> u32 {
        1
    }

    fn reads(&self, stage: &Value, recipe: &Recipe) -> Result<Reads, Vec<Problem>> {
        let comparison: ComparisonConfig = config(stage)?;
        let mut problems = comparison.check();
        if recipe.stages().iter().filter(|stage| stage.name == TYPE).count() > 1 {
            let message = "the recipe compares twice, and the second would replace what the first found";
            problems.push(
                Problem::new("repeated", "", message).hint("put the second into a recipe of its own: profiles are found again"),
            );
        }
        let mut reads = Reads { folders: Vec::new(), source: true, files: Vec::new() };
        for (index, id) in comparison.evaluation_corpora.iter().enumerate() {
            match corpora::find(recipe, corpora::EVALUATION, id, &format!("evaluationCorpora[{index}]")) {
                Ok(file) => reads.files.push(file),
                Err(problem) => problems.push(problem),
            }
        }
        for corpus in comparison.calibration_corpora() {
            reads.folders.push(format!("{IMPORTANCE}/{corpus}"));
        }
        if problems.is_empty() { Ok(reads) } else { Err(problems) }
    }

    fn plan(&self, request: &PlanRequest<'_>) -> Result<Estimate, Vec<Problem>> {
        let comparison: ComparisonConfig = config(request.config)?;
        let facts = Facts::read(request.facts)?;
        need_forward(&facts)?;
        need_tokenizer(&facts)?;
        let mut problems = comparison.check_model(&facts);
        for (index, criterion) in comparison.criteria.iter().enumerate() {
            let place = format!("criteria[{index}].calibrationCorpus");
            let corpus = criterion.calibration_corpus.as_deref();
            problems.extend(corpus.and_then(|corpus| ranking::check_measured(&facts.source_measured, corpus, &place)));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let mut bytes = 0;
        for id in &comparison.evaluation_corpora {
            bytes += corpus_bytes(request, id)?;
        }
        let measurements = comparison.measurements() as u64;
        Ok(Estimate {
            bytes_in: facts.weight_bytes() * measurements,
            bytes_out: bytes / 4 * measurements,
            memory_bytes: facts.forward_memory_bytes(),
            seconds: Some(facts.forward_seconds(bytes * measurements, 1)),
            heavy: true,
            notes: comparison.notes(),
            facts: facts.to_value(),
        })
    }

    fn run(&self, stage: &Value, inputs: &Inputs, context: &mut Context<'_>) -> Result<Output, Failure> {
        let comparison: ComparisonConfig = planned_config(stage)?;
        let source = inputs.source.as_deref().ok_or_else(|| Failure::new("bug", "this is a bug: the source was not given"))?;
        let base = Model::open(source, None).map_err(failed("model"))?;
        let tokenizer = Tokenizer::open(&base).map_err(failed("tokenizer"))?;
        let clock = std::time::Instant::now();
        let candidates = measure::candidates(&comparison, &base, inputs)?;
        let run = measure::Run {
            comparison: &comparison,
            base: &base,
            tokenizer: &tokenizer,
            inputs,
            context,
            passes: Default::default(),
        };
        let (corpora, mut writes) = run.measure(&candidates)?;
        let report = report::Report::new(&comparison, &base, inputs, &candidates, corpora)?;
        for (name, text) in draw::charts(&comparison, &report, &candidates, inputs)? {
            let file = path(format!("{COMPARISON}/{name}"))?;
            writes.push(context.write(&file, text.as_bytes()).map_err(failed("write"))?);
        }
        for (name, bytes) in [("comparison.json", report.to_bytes()), ("comparison.txt", report.to_text().into_bytes())] {
            let file = path(format!("{COMPARISON}/{name}"))?;
            writes.push(context.write(&file, &bytes).map_err(failed("write"))?);
        }
        Ok(Output {
            replaces: vec![COMPARISON.into()],
            writes,
            measurements: report.measurements(),
            observations: json!({"seconds": clock.elapsed().as_secs_f64(), "forwardPasses": run.passes()}),
            ..Output::default()
        })
    }
}
