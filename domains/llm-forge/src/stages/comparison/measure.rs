//! Which choices are compared, and what each costs.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

use aw_domain::{Context, Failure, Inputs, Progress, TreeEntry, Unit};
use serde_json::{Value, json};

use super::COMPARISON;
use super::config::{AllocationName, ComparisonConfig, slug};
use crate::comparison::{Choice, Measured, choose};
use crate::corpus::Corpus;
use crate::families::Model;
use crate::forward::{ExpertMask, Options};
use crate::hashes::model_hash_of;
use crate::perplexity::{Perplexity, PerplexitySettings, perplexity};
use crate::prune::Scores;
use crate::ranking;
use crate::stages::{IMPORTANCE, failed, path};
use crate::tokenizer::Tokenizer;

/// A choice of experts and what it was made from.
pub(super) struct Candidate {
    /// Index of the criterion.
    pub(super) criterion: usize,
    /// Index of the budget.
    pub(super) budget: usize,
    pub(super) choice: Choice,
    pub(super) scores: Scores,
}

/// Every choice the configuration asks for, criteria first.
pub(super) fn candidates(comparison: &ComparisonConfig, base: &Model, inputs: &Inputs) -> Result<Vec<Candidate>, Failure> {
    let hash = model_hash_of(&inputs.source_entries, "");
    let mut candidates = Vec::new();
    for (criterion_index, criterion) in comparison.criteria.iter().enumerate() {
        for ranking in criterion.rankings() {
            let folder = ranking.measured_on().and_then(|corpus| inputs.folders.get(&format!("{IMPORTANCE}/{corpus}")));
            let file = folder.map(|folder| folder.join(ranking.file_name()));
            let (scores, _) = ranking::scores(base, &ranking, file.as_deref(), hash.as_ref())?;
            for (budget_index, budget) in comparison.budgets.iter().enumerate() {
                if budget.allocation == AllocationName::Adaptive && criterion.is_random() {
                    continue;
                }
                let keep = budget.keep(base.experts.experts, base.experts.top_k, base.experts.groups);
                let kept = choose(&base.experts, ranking.strategy, &scores, keep, budget.allocation.into())
                    .map_err(failed("selection"))?;
                let name = budget.name(keep, base.experts.experts);
                let choice = Choice { criterion: criterion.name.clone(), budget: name, seed: ranking.seed, kept };
                candidates.push(Candidate { criterion: criterion_index, budget: budget_index, choice, scores: scores.clone() });
            }
        }
    }
    Ok(candidates)
}

/// What was measured on one corpus.
pub(super) struct CorpusResult {
    pub(super) id: String,
    pub(super) sha256: String,
    pub(super) examples: usize,
    pub(super) predicted: u64,
    pub(super) base: Measured,
    pub(super) base_perplexity: f64,
    pub(super) base_samples: Value,
    /// Per candidate, in their order.
    pub(super) candidates: Vec<(Measured, Value)>,
}

/// A measured choice, shared by all that keep the same experts.
type Known = BTreeMap<BTreeMap<usize, Vec<usize>>, (Measured, Value)>;

/// A comparison under way.
pub(super) struct Run<'a, 'c> {
    pub(super) comparison: &'a ComparisonConfig,
    pub(super) base: &'a Model,
    pub(super) tokenizer: &'a Tokenizer,
    pub(super) inputs: &'a Inputs,
    pub(super) context: &'a Context<'c>,
    /// Forward passes done, and to do.
    pub(super) passes: (Cell<u64>, Cell<u64>),
}

impl Run<'_, '_> {
    /// Measures the base and every choice on every corpus. Choices that keep the same experts are measured once.
    pub(super) fn measure(&self, candidates: &[Candidate]) -> Result<(Vec<CorpusResult>, Vec<TreeEntry>), Failure> {
        let mut writes = Vec::new();
        let different: std::collections::BTreeSet<_> = candidates.iter().map(|candidate| &candidate.choice.kept).collect();
        self.passes.1.set((1 + different.len() as u64) * self.comparison.evaluation_corpora.len() as u64);
        let corpora = self.comparison.evaluation_corpora.iter().map(|id| self.corpus(id, candidates, &mut writes));
        Ok((corpora.collect::<Result<_, _>>()?, writes))
    }

    fn corpus(&self, id: &str, candidates: &[Candidate], writes: &mut Vec<TreeEntry>) -> Result<CorpusResult, Failure> {
        let corpus = Corpus::open(&self.inputs.files[id]).map_err(failed("corpus"))?;
        let base = self.perplexity(&corpus, id, "base", None)?;
        let base_samples = self.keep_samples(id, "base", &base, writes)?;
        let mut known = Known::new();
        let mut results = Vec::with_capacity(candidates.len());
        for candidate in candidates {
            let choice = &candidate.choice;
            if !known.contains_key(&choice.kept) {
                let name = name(choice);
                let mask = ExpertMask::new(&self.base.experts, &choice.kept).map_err(failed("mask"))?;
                let measured = self.perplexity(&corpus, id, &name, Some(&mask))?;
                let samples = self.keep_samples(id, &name, &measured, writes)?;
                known.insert(choice.kept.clone(), (Measured::of(&measured), samples));
            }
            results.push(known[&choice.kept].clone());
        }
        Ok(CorpusResult {
            id: id.to_owned(),
            sha256: corpus.sha256.to_string(),
            examples: base.samples.len(),
            predicted: base.predicted(),
            base_perplexity: base.value(),
            base: Measured::of(&base),
            base_samples,
            candidates: results,
        })
    }

    fn perplexity(&self, corpus: &Corpus, id: &str, name: &str, mask: Option<&ExpertMask>) -> Result<Perplexity, Failure> {
        let (comparison, context) = (self.comparison, self.context);
        let doing = format!("{name} on `{id}`");
        let (before, all) = (self.passes.0.get(), self.passes.1.get());
        let report = |done: u64, total: u64| {
            let done = before * total + done;
            context.progress(Progress { doing: doing.clone(), done, total: Some(all * total), unit: Unit::Steps });
            if context.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let settings = PerplexitySettings { max_length: comparison.max_length, max_examples: comparison.max_examples };
        let options = Options::with_threads(context.threads());
        let measured = perplexity(self.base, mask, (corpus, self.tokenizer), settings, options, &report);
        context.check_cancelled()?;
        self.passes.0.set(before + 1);
        measured.map_err(failed("perplexity"))
    }

    fn keep_samples(&self, id: &str, name: &str, measured: &Perplexity, writes: &mut Vec<TreeEntry>) -> Result<Value, Failure> {
        let file = path(format!("{COMPARISON}/samples/{id}.{}.jsonl", slug(name)))?;
        let mut out = self.context.create(&file).map_err(failed("write"))?;
        measured.write_samples(&mut out).map_err(failed("write"))?;
        let entry = out.finish().map_err(failed("write"))?;
        let samples = json!({"path": entry.path, "sha256": entry.digest});
        writes.push(entry);
        Ok(samples)
    }

    /// Forward passes over a corpus that were done.
    pub(super) fn passes(&self) -> u64 {
        self.passes.0.get()
    }
}

/// A choice's name in file names and progress.
fn name(choice: &Choice) -> String {
    match choice.seed {
        Some(seed) => format!("{} {seed} {}", choice.criterion, choice.budget),
        None => format!("{} {}", choice.criterion, choice.budget),
    }
}
