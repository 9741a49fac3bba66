//! The silent-regression gate: no cycle may make the result much worse than the cycle before without the recipe saying so.
//!
//! A run applies it to each measurement as it comes and halts; here a document is held against it afterwards.
//!
//! # Source
//! The foundry and line, section 2.3.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::measured::{Row, items, number, rows, text};
use super::{GateVerdict, Outcome, Relation, Rule};
use crate::decimal::Decimal;
use crate::text::Node;

const GATE: &str = "silent-regression";
/// What one cycle may cost, in percent, before its absolute cost is looked at.
const PERCENT: u32 = 10;
/// What one cycle may cost in absolute terms.
const ABSOLUTE: u32 = 1;
/// What a structural change within a cycle may cost, in percent.
const STRUCTURAL_PERCENT: u32 = 5;

/// What a cycle may cost. A cycle regresses when it costs more than both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// In percent of the value before.
    pub max_percent: Decimal,
    /// In absolute terms.
    pub max_absolute: Decimal,
    /// Why the recipe sets them; `None` when they are the usual ones.
    pub reason: Option<String>,
}

impl Default for Limits {
    /// 10 % and 1.0.
    fn default() -> Self {
        Self { max_percent: PERCENT.into(), max_absolute: ABSOLUTE.into(), reason: None }
    }
}

/// One quantity of which less is better, measured before the first cycle and after each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Series {
    /// What was measured.
    pub benchmark: String,
    /// The unmodified base first, then the value after each cycle.
    pub values: Vec<Decimal>,
    /// What a cycle may cost.
    pub limits: Limits,
    /// Where the values stand.
    pub path: String,
}

/// Holds each cycle against the one before; one rule a cycle.
pub fn judge_series(series: &Series) -> Vec<Rule> {
    let Limits { max_percent, max_absolute, reason } = &series.limits;
    let mut rules = Vec::new();
    for (before, pair) in series.values.windows(2).enumerate() {
        let [previous, current] = pair else { continue };
        let increase = current.minus(previous);
        let hundred = Decimal::from(100);
        let beyond_percent = increase.times(&hundred) > previous.times(max_percent);
        let beyond_absolute = increase > *max_absolute;
        let text = format!(
            "cycle {} is not both more than {max_percent} % and more than {max_absolute} worse than what was before",
            before + 1
        );
        let rule = Rule::new(format!("{}.cycle-{}", series.benchmark, before + 1), text).at(&series.path);
        let rule = rule
            .number("previous", previous)
            .number("current", current)
            .number("increase", &increase)
            .number("maxPercent", max_percent)
            .number("maxAbsolute", max_absolute);
        let bound = previous.times(&max_percent.plus(&hundred)).times(&hundredth());
        // The looser of the two bounds is the one that decides.
        let bound = bound.max(previous.plus(max_absolute));
        let rule = rule.shows(current.to_string(), Relation::AtMost, bound.to_string());
        let said = reason.as_ref().map_or(String::new(), |reason| format!("; the recipe sets these limits: {reason}"));
        let message = format!("`{}` went from {previous} to {current}, by {increase}{said}", series.benchmark);
        let outcome = if beyond_percent && beyond_absolute { Outcome::Fail } else { Outcome::Pass };
        rules.push(rule.ends(outcome, message));
    }
    rules
}

/// Holds a structural change within a cycle, such as the removal of heads, against the value after the training before it.
pub fn judge_structural(benchmark: &str, trained: &Decimal, current: &Decimal) -> Rule {
    let percent = Decimal::from(STRUCTURAL_PERCENT);
    let text = format!("a structural change is not more than {percent} % worse than what training left");
    let bound = trained.times(&percent.plus(&Decimal::from(100))).times(&hundredth());
    let message = format!("`{benchmark}` went from {trained} to {current}");
    let rule = Rule::new(format!("{benchmark}.structural"), text).number("previous", trained).number("current", current);
    rule.number("maxPercent", &percent).holds(current, Relation::AtMost, &bound, message)
}

fn hundredth() -> Decimal {
    "0.01".parse().expect("a constant number")
}

/// Judges what a document says of its cycles. Limits other than the usual are those its own stages state.
pub fn judge(document: &Node) -> GateVerdict {
    let series = series(document);
    let rules: Vec<Rule> = series.iter().flat_map(judge_series).collect();
    if rules.is_empty() {
        return GateVerdict::not_applicable(GATE, "no perplexity was measured before and after");
    }
    GateVerdict::new(GATE, rules)
}

/// Judges what a run has measured so far.
pub fn judge_all(series: &[Series]) -> GateVerdict {
    GateVerdict::new(GATE, series.iter().flat_map(judge_series).collect())
}

/// What a document measured before and after.
fn series(document: &Node) -> Vec<Series> {
    let rows = rows(document);
    let mut found: Vec<Series> =
        rows.iter().filter(|row| row.lower_is_better()).filter_map(|row| of_row(document, row)).collect();
    if found.is_empty() {
        let results = document.get("results");
        let value = |name| results.and_then(|results| number(results, name));
        found.extend(value("baselinePerplexity").zip(value("finalPerplexity")).map(|(base, last)| Series {
            benchmark: "perplexity".into(),
            values: vec![base, last],
            limits: limits(document, "perplexity", None),
            path: "results.finalPerplexity".into(),
        }));
    }
    found
}

fn of_row(document: &Node, row: &Row<'_>) -> Option<Series> {
    let after: Option<Vec<Decimal>> = match items(row.node, "cycles") {
        [] => row.value().map(|value| vec![value]),
        cycles => cycles.iter().map(Decimal::of_node).collect(),
    };
    let values = std::iter::once(row.base_value()?).chain(after?).collect();
    Some(Series { benchmark: row.label(), values, limits: limits(document, row.name(), row.subset()), path: row.path() })
}

/// The limits that the document's own stages state for a measurement.
fn limits(document: &Node, name: &str, subset: Option<&str>) -> Limits {
    let benchmarks = items(document, "stages").iter().flat_map(|stage| items(stage, "benchmarks"));
    let mut of_this = benchmarks.filter(|benchmark| text(benchmark, "name") == Some(name) && text(benchmark, "subset") == subset);
    of_this.find_map(|benchmark| Limits::of(benchmark.get("regression")?)).unwrap_or_default()
}

impl Limits {
    /// Reads limits that are stated in full, with their reason; anything less is not an override.
    pub fn of(stated: &Node) -> Option<Self> {
        let limit = |name| number(stated, name).filter(|limit| !limit.is_negative());
        Some(Self {
            max_percent: limit("maxPercent")?,
            max_absolute: limit("maxAbsolute")?,
            reason: Some(text(stated, "reason")?.to_owned()),
        })
    }
}
