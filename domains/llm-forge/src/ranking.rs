//! From a way of ranking to the experts that stay.

use std::collections::BTreeSet;
use std::path::Path;

use aw_alloy::digest::Digest;
use aw_domain::{Failure, Problem};

use crate::families::Model;
use crate::profile::{Expectation, Importance, Metric};
use crate::prune::{ImportanceRecord, Scores, Selection, Strategy, random_scores, router_l2};
use crate::stages::failed;

/// How experts are ranked, as a recipe says it.
pub(crate) struct Ranking {
    /// The strategy.
    pub(crate) strategy: Strategy,
    /// The corpus whose profile is used.
    pub(crate) corpus: Option<String>,
    /// The seed of a random order.
    pub(crate) seed: Option<u64>,
}

impl Ranking {
    /// What of it does not fit together.
    pub(crate) fn check(&self, importance_given: bool) -> Vec<Problem> {
        let name = self.strategy.name();
        let mut problems = Vec::new();
        let measured = self.strategy.is_measured();
        if measured && self.corpus.is_none() && !importance_given {
            let message = format!("strategy `{name}` ranks by a profile, but the stage names none");
            problems.push(
                Problem::new("missing-field", "", message).hint("add `calibrationCorpus`, and a profile of it before this stage"),
            );
        }
        if !measured && (self.corpus.is_some() || importance_given) {
            let message = format!("strategy `{name}` does not look at a corpus");
            problems.push(
                Problem::new("unused-field", "calibrationCorpus", message)
                    .hint("remove it, or use `calibration-aware-activation-count`"),
            );
        }
        match (self.strategy, self.seed) {
            (Strategy::Random, None) => problems
                .push(Problem::new("missing-field", "", "strategy `random` needs a seed").hint("add `seed`, any whole number")),
            (Strategy::Random, Some(_)) | (_, None) => {}
            (_, Some(_)) => problems
                .push(Problem::new("unused-field", "seed", format!("strategy `{name}` takes no seed")).hint("remove `seed`")),
        }
        problems
    }

    /// The corpus whose profile is needed.
    pub(crate) fn measured_on(&self) -> Option<&str> {
        self.corpus.as_deref().filter(|_| self.strategy.is_measured())
    }

    fn metric(&self) -> Metric {
        match self.strategy {
            Strategy::Reap => Metric::Reap,
            Strategy::GateWeightedSum => Metric::GateWeightedSum,
            Strategy::ExpertActivationNorm => Metric::ExpertActivationNorm,
            Strategy::RouterGateL2 => Metric::RouterL2,
            Strategy::ActivationCount | Strategy::Random => Metric::ActivationCount,
        }
    }

    /// Name of the importance file that holds the ranking's metric.
    pub(crate) fn file_name(&self) -> String {
        self.metric().file_name()
    }
}

/// Says when a corpus was not profiled by an earlier stage.
pub(crate) fn check_measured(measured: &BTreeSet<String>, corpus: &str, field: &str) -> Option<Problem> {
    if measured.contains(corpus) {
        return None;
    }
    let message = format!("no stage before this one profiles the model on corpus `{corpus}`");
    let hint = format!("put an `expert-activation-profile` with `calibrationCorpus: {corpus}` before it");
    Some(Problem::new("not-profiled", field, message).hint(hint))
}

/// The scores of a ranking. `file` is the importance file of a measured one.
pub(crate) fn scores(
    model: &Model,
    ranking: &Ranking,
    file: Option<&Path>,
    source: Option<&Digest>,
) -> Result<(Scores, Option<ImportanceRecord>), Failure> {
    match (ranking.strategy, file) {
        (Strategy::RouterGateL2, _) => Ok((router_l2(model).map_err(failed("router"))?, None)),
        (Strategy::Random, _) => Ok((random_scores(&model.experts, ranking.seed.unwrap_or_default()), None)),
        (_, Some(file)) => {
            let hash = source.map(Digest::hex);
            let expected = Expectation { geometry: &model.experts, source_model_sha256: hash.as_deref() };
            let bytes = std::fs::read(file).map_err(failed("importance"))?;
            let importance = Importance::from_bytes(&bytes, ranking.metric(), expected).map_err(failed("importance"))?;
            let record = record(&importance, ranking, &bytes);
            Ok((importance.scores, Some(record)))
        }
        (strategy, None) => {
            Err(Failure::new("importance", format!("strategy `{}` has no importance file to rank by", strategy.name())))
        }
    }
}

/// Ranks the model's experts and keeps the best `keep` of each layer. `file` is the importance file of a measured ranking.
pub(crate) fn select(
    model: &Model,
    ranking: &Ranking,
    keep: usize,
    file: Option<&Path>,
    source: Option<&Digest>,
) -> Result<(Selection, Option<ImportanceRecord>), Failure> {
    let (scores, record) = scores(model, ranking, file, source)?;
    let selection = Selection::rank(&model.experts, ranking.strategy, &scores, keep).map_err(failed("selection"))?;
    Ok((selection, record))
}

fn record(importance: &Importance, ranking: &Ranking, bytes: &[u8]) -> ImportanceRecord {
    let from = &importance.provenance;
    ImportanceRecord {
        path: ranking.file_name(),
        sha256: Digest::of(bytes).hex(),
        model: from.model.clone(),
        calibration_corpus: from.calibration_corpus.clone(),
        calibration_corpus_sha256: from.calibration_corpus_sha256.clone(),
        calibration_examples: from.calibration_examples,
        calibration_tokens: from.calibration_tokens,
        metric_version: importance.metric.version(),
    }
}
