//! What a comparison is asked for, and what of it can be refused before any work.

use std::collections::BTreeSet;

use aw_domain::Problem;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::comparison::{Allocation, keep_for_ratio};
use crate::families::Groups;
use crate::prune::{Strategy, check_budget};
use crate::ranking::Ranking;
use crate::stages::facts::Facts;
use crate::stages::prune::StrategyName;

/// Configuration of `criterion-comparison`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ComparisonConfig {
    /// The ways of choosing experts.
    #[schemars(length(min = 1))]
    pub(super) criteria: Vec<Criterion>,
    /// How many experts stay.
    #[schemars(length(min = 1))]
    pub(super) budgets: Vec<Budget>,
    /// The corpora every choice is measured on, by their ids in the recipe's `evaluationCorpora`.
    #[schemars(length(min = 1))]
    pub(super) evaluation_corpora: Vec<String>,
    /// Tokens after which an example is cut.
    #[serde(default = "max_length")]
    #[schemars(range(min = 2))]
    pub(super) max_length: usize,
    /// Examples after which a corpus is left.
    #[schemars(range(min = 1))]
    pub(super) max_examples: Option<u64>,
    /// Times the examples are drawn again for the intervals.
    #[serde(default = "resamples")]
    #[schemars(range(min = 100, max = 1_000_000))]
    pub(super) resamples: usize,
    /// Seed of these draws.
    #[serde(default)]
    pub(super) seed: u64,
}

/// A way of choosing experts.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Criterion {
    /// What it is called in the results.
    #[schemars(regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9 _-]{0,63}$"))]
    pub(super) name: String,
    /// How experts are ranked.
    pub(super) strategy: StrategyName,
    /// The corpus whose profile is used, for the strategies that need one.
    pub(super) calibration_corpus: Option<String>,
    /// Seeds of the `random` strategy; the mean over them is shown.
    #[serde(default)]
    pub(super) seeds: Vec<u64>,
}

/// How many experts stay: one of `keepRatio` and `keepExpertsPerLayer`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Budget {
    /// Share of the experts, above 0 and below 1, rounded half up to a whole number of them and never below what routing needs.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub(super) keep_ratio: Option<f64>,
    /// Experts of each layer; with an adaptive allocation their mean.
    #[schemars(range(min = 1))]
    pub(super) keep_experts_per_layer: Option<usize>,
    /// How they are spread over the layers.
    #[serde(default)]
    pub(super) allocation: AllocationName,
}

/// How a budget is spread over the layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum AllocationName {
    /// Every layer keeps as many.
    #[default]
    Uniform,
    /// As many in all, each spent where it captures the largest share of its layer's importance. `random` is left out.
    Adaptive,
}

impl From<AllocationName> for Allocation {
    fn from(name: AllocationName) -> Self {
        match name {
            AllocationName::Uniform => Self::Uniform,
            AllocationName::Adaptive => Self::Adaptive,
        }
    }
}

fn max_length() -> usize {
    2048
}

fn resamples() -> usize {
    10_000
}

/// A name as a file name has it.
pub(super) fn slug(name: &str) -> String {
    name.replace(' ', "-")
}

impl Criterion {
    /// The rankings it stands for: one, or one a seed.
    pub(super) fn rankings(&self) -> Vec<Ranking> {
        let ranking = |seed| Ranking { strategy: self.strategy.into(), corpus: self.calibration_corpus.clone(), seed };
        if self.seeds.is_empty() { vec![ranking(None)] } else { self.seeds.iter().map(|seed| ranking(Some(*seed))).collect() }
    }

    pub(super) fn is_random(&self) -> bool {
        Strategy::from(self.strategy) == Strategy::Random
    }
}

impl Budget {
    /// Experts a layer keeps, of so many.
    pub(super) fn keep(&self, experts: usize, top_k: usize, groups: Groups) -> usize {
        match (self.keep_experts_per_layer, self.keep_ratio) {
            (Some(keep), _) => keep,
            (None, ratio) => keep_for_ratio(experts, top_k, groups, ratio.unwrap_or_default()),
        }
    }

    /// The budget's name in the results.
    pub(super) fn name(&self, keep: usize, experts: usize) -> String {
        let adaptive = if self.allocation == AllocationName::Adaptive { " adaptive" } else { "" };
        format!("{keep} of {experts}{adaptive}")
    }
}

impl ComparisonConfig {
    /// What can be refused without the model.
    pub(super) fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut names = BTreeSet::new();
        for (index, criterion) in self.criteria.iter().enumerate() {
            let below = format!("criteria[{index}]");
            let random = criterion.is_random();
            for ranking in criterion.rankings().iter().take(1) {
                let seeds = |problem: Problem| match problem.path.as_str() {
                    "seed" => Problem::new("unused-field", "seeds", "only strategy `random` takes seeds").hint("remove `seeds`"),
                    _ if random => {
                        Problem::new("missing-field", "seeds", "strategy `random` needs seeds").hint("add `seeds: [1, 2, 3]`")
                    }
                    _ => problem,
                };
                let found = ranking.check(false).into_iter().map(seeds);
                problems.extend(found.map(|problem| super::super::eval::under(&below, problem)));
            }
            if !names.insert(slug(&criterion.name)) {
                let message = format!("`{}` names another criterion already", criterion.name);
                problems.push(Problem::new("name-taken", format!("{below}.name"), message));
            }
            let seeds: BTreeSet<u64> = criterion.seeds.iter().copied().collect();
            if seeds.len() < criterion.seeds.len() {
                problems.push(Problem::new("repeated", format!("{below}.seeds"), "a seed stands there twice"));
            }
        }
        for (index, budget) in self.budgets.iter().enumerate() {
            let place = format!("budgets[{index}]");
            match (budget.keep_ratio, budget.keep_experts_per_layer) {
                (Some(_), Some(_)) | (None, None) => problems.push(
                    Problem::new("budget", place, "a budget is one of `keepRatio` and `keepExpertsPerLayer`").hint("give one"),
                ),
                (Some(ratio), None) if !(ratio > 0.0 && ratio < 1.0) => {
                    let message = format!("expected a share above 0 and below 1, got {ratio}");
                    problems.push(Problem::new("budget", format!("{place}.keepRatio"), message));
                }
                _ => {}
            }
        }
        for (index, id) in self.evaluation_corpora.iter().enumerate() {
            if self.evaluation_corpora[..index].contains(id) {
                problems.push(Problem::new(
                    "repeated",
                    format!("evaluationCorpora[{index}]"),
                    format!("`{id}` is measured twice"),
                ));
            }
        }
        let measured = self.criteria.iter().filter(|criterion| !criterion.is_random());
        if measured.count() == 0 && self.budgets.iter().all(|budget| budget.allocation == AllocationName::Adaptive) {
            problems.push(Problem::new(
                "budget",
                "budgets",
                "adaptive budgets are not given to `random`, and nothing else is compared",
            ));
        }
        problems
    }

    /// What can be refused knowing the model.
    pub(super) fn check_model(&self, facts: &Facts) -> Vec<Problem> {
        let (mut problems, mut names) = (Vec::new(), Vec::new());
        for (index, budget) in self.budgets.iter().enumerate() {
            let place = format!("budgets[{index}]");
            let keep = budget.keep(facts.source_experts, facts.top_k, facts.groups);
            if let Err(error) = check_budget(facts.source_experts, facts.top_k, facts.groups, keep) {
                problems.push(Problem::new("budget", place.clone(), error.to_string()));
            }
            names.push(budget.name(keep, facts.source_experts));
            if let Some(earlier) = names[..index].iter().position(|name| *name == names[index]) {
                let message = format!("keeps {}, as `budgets[{earlier}]` does", names[index]);
                problems.push(Problem::new("repeated", place.clone(), message).hint("leave one of them out"));
            }
            if budget.allocation == AllocationName::Adaptive && facts.groups.count > 1 {
                let message = "with grouped routing every layer's groups keep equal counts, so no budget is adaptive";
                problems.push(Problem::new("budget", format!("{place}.allocation"), message).hint("use `uniform`"));
            }
        }
        problems
    }

    /// The calibration corpora whose profiles are read, each once.
    pub(super) fn calibration_corpora(&self) -> Vec<&str> {
        let named = self.criteria.iter().filter_map(|criterion| criterion.calibration_corpus.as_deref());
        named.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Forward passes over a corpus, at most: choices that keep the same experts are measured once.
    pub(super) fn measurements(&self) -> usize {
        let of = |budget: &Budget| {
            let adaptive = budget.allocation == AllocationName::Adaptive;
            let counted = self.criteria.iter().filter(|criterion| !(adaptive && criterion.is_random()));
            counted.map(|criterion| criterion.seeds.len().max(1)).sum::<usize>()
        };
        1 + self.budgets.iter().map(of).sum::<usize>()
    }

    /// What is worth telling.
    pub(super) fn notes(&self) -> Vec<String> {
        let adaptive = self.budgets.iter().any(|budget| budget.allocation == AllocationName::Adaptive);
        let random = self.criteria.iter().any(Criterion::is_random);
        let note = "adaptive budgets follow importance, so `random` is compared at uniform ones only";
        if adaptive && random { vec![note.to_owned()] } else { Vec::new() }
    }
}
