//! What a comparison found: as JSON, as tables, as measurements of the stage.

use std::collections::BTreeMap;

use aw_domain::{Failure, Inputs};
use serde::Serialize;
use serde_json::{Value, json};

use super::config::ComparisonConfig;
use super::measure::{Candidate, CorpusResult};
use crate::comparison::{Choice, Figure, Measured, mean_over, overlap, table_cell};
use crate::evaluation::bootstrap::{Interval, Settings};
use crate::families::Model;
use crate::prune::{DEFAULT_SHARD_BYTES, Selection, Strategy, plan_prune};
use crate::source::label;
use crate::stages::failed;
use crate::stages::prune::round;
use crate::{RUNTIME, TOOL};

/// `schema` of `comparison.json`.
const SCHEMA: &str = "criterion_comparison.v1";
/// Share of the resamples inside an interval.
const CONFIDENCE: f64 = 0.95;

/// Everything a comparison found.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    schema: &'static str,
    tool: &'static str,
    runtime: &'static str,
    precision: &'static str,
    model: ModelView,
    max_length: usize,
    /// How the intervals are made.
    bootstrap: Value,
    criteria: Vec<CriterionView>,
    pub(super) budgets: Vec<BudgetView>,
    pub(super) corpora: Vec<CorpusView>,
    overlaps: Vec<OverlapView>,
    choices: Vec<Choice>,
    notes: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ModelView {
    label: String,
    architecture: &'static str,
    experts_per_layer: usize,
    experts_per_token: usize,
    bytes: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CriterionView {
    name: String,
    strategy: &'static str,
    metric: &'static str,
    calibration_corpus: Option<String>,
    seeds: Vec<u64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BudgetView {
    pub(super) name: String,
    pub(super) keep_experts_per_layer: usize,
    allocation: super::config::AllocationName,
    /// Bytes of the weights a cut to this budget leaves.
    bytes: u64,
    /// The same as a share of the base's.
    pub(super) share_of_bytes: f64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CorpusView {
    pub(super) id: String,
    sha256: String,
    examples: usize,
    predicted_tokens: u64,
    pub(super) base_perplexity: f64,
    base_samples: Value,
    pub(super) results: Vec<ResultView>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ResultView {
    pub(super) criterion: String,
    pub(super) budget: String,
    #[serde(flatten)]
    pub(super) figure: Figure,
    /// With seeds: the excess of each, in their order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    excess_by_seed: Vec<f64>,
    /// Per example, hashed; one file a seed.
    samples: Vec<Value>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct OverlapView {
    budget: String,
    criteria: Vec<String>,
    /// Share of kept experts two criteria have in common, row by row.
    shares: Vec<Vec<f64>>,
}

impl Report {
    pub(super) fn new(
        comparison: &ComparisonConfig,
        base: &Model,
        inputs: &Inputs,
        candidates: &[Candidate],
        corpora: Vec<CorpusResult>,
    ) -> Result<Self, Failure> {
        let settings = Settings { resamples: comparison.resamples, confidence: CONFIDENCE, seed: comparison.seed };
        let budgets = comparison.budgets.iter().map(|budget| {
            let keep = budget.keep(base.experts.experts, base.experts.top_k, base.experts.groups);
            let selection = Selection::for_estimate(&base.experts, keep).map_err(failed("selection"))?;
            let plan = plan_prune(base, &selection, DEFAULT_SHARD_BYTES).map_err(failed("prune"))?;
            Ok(BudgetView {
                name: budget.name(keep, base.experts.experts),
                keep_experts_per_layer: keep,
                allocation: budget.allocation,
                bytes: plan.bytes_out,
                share_of_bytes: plan.bytes_out as f64 / plan.bytes_in as f64,
            })
        });
        let budgets = budgets.collect::<Result<Vec<_>, Failure>>()?;
        let criterion = |criterion: &super::config::Criterion| {
            let strategy = Strategy::from(criterion.strategy);
            CriterionView {
                name: criterion.name.clone(),
                strategy: strategy.name(),
                metric: strategy.metric(),
                calibration_corpus: criterion.calibration_corpus.clone(),
                seeds: criterion.seeds.clone(),
            }
        };
        let corpora = corpora.into_iter().map(|corpus| view(comparison, candidates, corpus, settings));
        Ok(Self {
            schema: SCHEMA,
            tool: TOOL,
            runtime: RUNTIME,
            precision: "f32 arithmetic on weights as stored",
            model: ModelView {
                label: label(&inputs.source_label),
                architecture: base.family.architecture(),
                experts_per_layer: base.experts.experts,
                experts_per_token: base.experts.top_k,
                bytes: base.checkpoint.tensors().iter().map(|tensor| tensor.len).sum(),
            },
            max_length: comparison.max_length,
            bootstrap: json!({
                "method": "paired over examples, percentile interval",
                "resamples": settings.resamples,
                "confidence": settings.confidence,
                "seed": settings.seed,
            }),
            criteria: comparison.criteria.iter().map(criterion).collect(),
            overlaps: overlaps(comparison, &budgets, candidates),
            budgets,
            corpora: corpora.collect::<Result<_, _>>()?,
            choices: candidates.iter().map(|candidate| candidate.choice.clone()).collect(),
            notes: comparison.notes(),
        })
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("names and finite numbers are JSON");
        bytes.push(b'\n');
        bytes
    }

    /// What the link records: all but the kept experts, which the file has.
    pub(super) fn measurements(&self) -> Value {
        let mut value = serde_json::to_value(self).expect("names and finite numbers are JSON");
        if let Some(members) = value.as_object_mut() {
            members.shift_remove("choices");
            members.insert("tables".into(), self.tables().iter().map(Table::to_value).collect());
        }
        value
    }

    /// The tables as text.
    pub(super) fn to_text(&self) -> String {
        self.tables().iter().map(Table::to_text).collect::<Vec<_>>().join("\n")
    }

    fn tables(&self) -> Vec<Table> {
        let corpora = self.corpora.iter().map(|corpus| self.corpus_table(corpus));
        corpora.chain(self.overlaps.iter().map(OverlapView::table)).collect()
    }

    /// A row a criterion, a column a budget.
    fn corpus_table(&self, corpus: &CorpusView) -> Table {
        let cells: BTreeMap<(&str, &str), &Figure> =
            corpus.results.iter().map(|result| ((result.criterion.as_str(), result.budget.as_str()), &result.figure)).collect();
        let budgets = self.budgets.iter().map(|budget| budget.name.as_str());
        let row = |criterion: &CriterionView| {
            let cell =
                |budget: &str| cells.get(&(criterion.name.as_str(), budget)).map_or("-".into(), |figure| table_cell(figure));
            std::iter::once(criterion.name.clone()).chain(budgets.clone().map(cell)).collect()
        };
        Table {
            title: format!(
                "{}: log-perplexity above the base's ({:.3} perplexity), with its {:.0} % interval",
                corpus.id,
                corpus.base_perplexity,
                CONFIDENCE * 100.0
            ),
            columns: std::iter::once("criterion".into()).chain(budgets.clone().map(|budget| format!(">{budget}"))).collect(),
            rows: self.criteria.iter().map(row).collect(),
        }
    }
}

impl OverlapView {
    fn table(&self) -> Table {
        let row = |(name, shares): (&String, &Vec<f64>)| {
            let cells = shares.iter().map(|share| format!("{:.0} %", share * 100.0));
            std::iter::once(name.clone()).chain(cells).collect()
        };
        Table {
            title: format!("kept experts in common, {}", self.budget),
            columns: std::iter::once("criterion".into()).chain(self.criteria.iter().map(|name| format!(">{name}"))).collect(),
            rows: self.criteria.iter().zip(&self.shares).map(row).collect(),
        }
    }
}

fn view(
    comparison: &ComparisonConfig,
    candidates: &[Candidate],
    corpus: CorpusResult,
    settings: Settings,
) -> Result<CorpusView, Failure> {
    let mut results = Vec::new();
    for (criterion, it) in comparison.criteria.iter().enumerate() {
        for budget in 0..comparison.budgets.len() {
            let of = |candidate: &&(&Candidate, &(Measured, Value))| {
                candidate.0.criterion == criterion && candidate.0.budget == budget
            };
            let found: Vec<_> = candidates.iter().zip(&corpus.candidates).collect();
            let found: Vec<_> = found.iter().filter(of).collect();
            let Some((first, _)) = found.first() else { continue };
            let measured: Vec<&Measured> = found.iter().map(|(_, (measured, _))| measured).collect();
            let figure = mean_over(&measured).and_then(|mean| mean.against(&corpus.base, settings));
            let figure = figure.ok_or_else(|| not_comparable(&it.name, &corpus.id))?;
            let excess = |measured: &&Measured| measured.against(&corpus.base, Settings { resamples: 1, ..settings });
            let excess_by_seed = measured.iter().filter_map(excess).map(|figure| figure.excess.estimate);
            results.push(ResultView {
                criterion: it.name.clone(),
                budget: first.choice.budget.clone(),
                figure: rounded(figure),
                excess_by_seed: if it.seeds.is_empty() { Vec::new() } else { excess_by_seed.map(|it| round(it, 9)).collect() },
                samples: found.iter().map(|(_, (_, samples))| samples.clone()).collect(),
            });
        }
    }
    Ok(CorpusView {
        id: corpus.id,
        sha256: corpus.sha256,
        examples: corpus.examples,
        predicted_tokens: corpus.predicted,
        base_perplexity: round(corpus.base_perplexity, 9),
        base_samples: corpus.base_samples,
        results,
    })
}

/// Nine decimals: beyond, sums in another order would differ.
fn rounded(figure: Figure) -> Figure {
    let Interval { estimate, low, high, n } = figure.excess;
    let excess = Interval { estimate: round(estimate, 9), low: round(low, 9), high: round(high, 9), n };
    Figure { perplexity: round(figure.perplexity, 9), excess }
}

fn not_comparable(criterion: &str, corpus: &str) -> Failure {
    let message = format!("`{criterion}` on `{corpus}`: the measured log-likelihoods are not finite, so nothing can be compared");
    Failure::new("not-finite", message).with_hint("check the model: its base must score every example")
}

/// Overlaps of what every pair of criteria keeps; of a random criterion, its first seed.
fn overlaps(comparison: &ComparisonConfig, budgets: &[BudgetView], candidates: &[Candidate]) -> Vec<OverlapView> {
    let of_budget = |(index, budget): (usize, &BudgetView)| {
        let mut chosen: Vec<&Candidate> = Vec::new();
        for candidate in candidates.iter().filter(|candidate| candidate.budget == index) {
            if chosen.last().is_none_or(|last| last.criterion != candidate.criterion) {
                chosen.push(candidate);
            }
        }
        let name = |candidate: &&Candidate| comparison.criteria[candidate.criterion].name.clone();
        let row = |one: &&Candidate| chosen.iter().map(|other| round(overlap(&one.choice.kept, &other.choice.kept), 4)).collect();
        OverlapView {
            budget: budget.name.clone(),
            criteria: chosen.iter().map(name).collect(),
            shares: chosen.iter().map(row).collect(),
        }
    };
    budgets.iter().enumerate().map(of_budget).collect()
}

/// A table for people: columns whose name starts with `>` stand to the right.
struct Table {
    title: String,
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    fn to_value(&self) -> Value {
        json!({"title": self.title, "columns": self.columns, "rows": self.rows})
    }

    fn to_text(&self) -> String {
        let names: Vec<String> = self.columns.iter().map(|name| name.trim_start_matches('>').to_owned()).collect();
        let all = || std::iter::once(&names).chain(&self.rows);
        let width = |column: usize| all().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0);
        let line = |row: &Vec<String>| {
            let cells = row.iter().enumerate().map(|(column, cell)| {
                let space = " ".repeat(width(column).saturating_sub(cell.chars().count()));
                if self.columns[column].starts_with('>') { format!("{space}{cell}") } else { format!("{cell}{space}") }
            });
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        let lines: Vec<String> = all().map(line).collect();
        format!("{}\n\n{}\n", self.title, lines.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_stands_in_columns() {
        let cell = |text: &str| text.to_owned();
        let table = Table {
            title: "t".into(),
            columns: vec![cell("criterion"), cell(">8 of 16")],
            rows: vec![vec![cell("count"), cell("+0.1")], vec![cell("random"), cell("+12.345678")]],
        };
        assert_eq!(table.to_text(), "t\n\ncriterion     8 of 16\ncount            +0.1\nrandom     +12.345678\n");
    }
}
