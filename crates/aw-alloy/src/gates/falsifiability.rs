//! The falsifiability gate: who claims an improvement shows what it is an improvement over, and that it is one.
//!
//! Negative controls are what `priorMetricBaselines` holds, and what an evaluation measured beside the forged model. A control that
//! fails is kept: its samples are pinned by their hash.
//!
//! # Source
//! The foundry and line, section 2.1; the alloy format, section 6, PriorMetricBaseline.

use super::measured::{Row, at, benchmark_name, claimed, hash as measured_hash, items, number, rows, rows_of, text};
use super::{Evidence, GateVerdict, Relation, Rule, band_points};
use crate::decimal::Decimal;
use crate::text::{Node, Value};

const GATE: &str = "falsifiability";

/// Judges what a document claims against its controls.
pub fn judge(document: &Node, evidence: &Evidence) -> GateVerdict {
    let claims = claims(document);
    if claims.is_empty() {
        return GateVerdict::not_applicable(GATE, "no improvement is claimed, over the base or over another method");
    }
    let gate = Gate { document, evidence, rows: rows(document) };
    let mut rules = Vec::new();
    let mut controls = 0;
    for (index, baseline) in items(document, "priorMetricBaselines").iter().enumerate() {
        controls += gate.baseline(baseline, &format!("priorMetricBaselines[{index}]"), &mut rules);
    }
    for row in claimed(document) {
        for control in row.controls() {
            controls += 1;
            let value = control.value.as_ref();
            rules.push(gate.beats(&Against { name: control.name, path: &control.path, value, band: None, row: Some(row) }));
            rules.push(gate.pinned(control.name, &control.path, control.samples_path, control.samples_hash));
        }
    }
    let rule = Rule::new("negative-control", "who claims an improvement carries a negative control");
    let rule = claims.iter().fold(rule, |rule, claim| rule.at(claim));
    rules.insert(0, match controls {
        0 => rule.fails(
            "an improvement is claimed and there is no negative control: give another way of doing the same in `priorMetricBaselines`, or \
             as a control of the evaluation",
        ),
        1 => rule.passes("there is one negative control"),
        many => rule.passes(format!("there are {many} negative controls")),
    });
    GateVerdict::new(GATE, rules)
}

/// Where a document claims an improvement.
fn claims(document: &Node) -> Vec<String> {
    let mut claims = Vec::new();
    let positive = |value: Option<Decimal>| value.is_some_and(|value| value > Decimal::ZERO);
    if positive(at(document, &["results"]).and_then(|results| number(results, "improvementPct"))) {
        claims.push("results.improvementPct".to_owned());
    }
    for row in rows(document) {
        let better = |(value, base): (Decimal, Decimal)| if row.lower_is_better() { value < base } else { value > base };
        if row.value().zip(row.base_value()).is_some_and(better) || !row.controls().is_empty() {
            claims.push(row.path());
        }
    }
    if !items(document, "priorMetricBaselines").is_empty() {
        claims.push("priorMetricBaselines".to_owned());
    }
    let criteria = at(document, &["acceptanceCriteria", "benchmarks"]).and_then(Node::as_object);
    for criterion in criteria.into_iter().flatten() {
        if positive(number(&criterion.value, "anchorDelta")) {
            claims.push(format!("acceptanceCriteria.benchmarks.{}.anchorDelta", criterion.name));
        }
    }
    claims
}

struct Gate<'a> {
    document: &'a Node,
    evidence: &'a Evidence,
    rows: Vec<Row<'a>>,
}

/// A control's value and the row it is held against.
struct Against<'a> {
    name: &'a str,
    path: &'a str,
    value: Option<&'a Decimal>,
    band: Option<Decimal>,
    row: Option<Row<'a>>,
}

impl<'a> Gate<'a> {
    /// One entry of `priorMetricBaselines`, in either shape; gives how many negative controls it is.
    fn baseline(&self, baseline: &'a Node, path: &str, rules: &mut Vec<Rule>) -> usize {
        let name =
            ["id", "name"].iter().find_map(|name| text(baseline, name)).or_else(|| text(baseline, "metric")).unwrap_or("unnamed");
        let band = ["band", "tolerance"].iter().find_map(|name| number(baseline, name)).filter(|band| !band.is_negative());
        let values = values(baseline);
        for (benchmark, value) in scores(at(baseline, &["evaluation", "anchorReproduction"])) {
            let path = format!("{path}.evaluation.anchorReproduction.{benchmark}");
            rules.push(self.reproduces(name, &path, &value, band.clone(), self.row(benchmark)));
        }
        match role(baseline) {
            Role::Shipped => 0,
            Role::Anchor => {
                for Stated { benchmark, path: below, value, .. } in &values {
                    rules.push(self.reproduces(name, &format!("{path}.{below}"), value, band.clone(), self.row(benchmark)));
                }
                0
            }
            Role::Unknown => {
                let rule = Rule::new(format!("{name}.role"), "a baseline is a negative control or an anchor").at(path);
                rules.push(rule.fails("it states no `role`; `negative_control` or `anchor` is right"));
                0
            }
            Role::Control => {
                if values.is_empty() {
                    let rule = Rule::new(format!("{name}.measured"), "a negative control has a value").at(path);
                    rules.push(rule.fails("it has no result to be held against"));
                }
                for Stated { benchmark, path: below, value, lower } in &values {
                    let (path, row) = (format!("{path}.{below}"), self.row(benchmark));
                    let against = Against { name, path: &path, value: Some(value), band: band.clone(), row };
                    rules.push(match (row, self.perplexity(benchmark)) {
                        (None, Some(current)) => {
                            compare(self.rule(&against, benchmark), &against, &current, lower.unwrap_or(true), Decimal::ZERO)
                        }
                        _ => self.beats_named(&against, benchmark, *lower),
                    });
                }
                let (holder, below) =
                    match baseline.get("evaluation").filter(|evaluation| evaluation.get("samplesPath").is_some()) {
                        Some(evaluation) => (evaluation, format!("{path}.evaluation")),
                        None => (baseline, path.to_owned()),
                    };
                rules.push(self.pinned(name, &below, text(holder, "samplesPath"), text(holder, "samplesHash")));
                1
            }
        }
    }

    fn row(&self, benchmark: &str) -> Option<Row<'a>> {
        let found = rows_of(&self.rows, benchmark);
        found.into_iter().find(|row| row.value().is_some())
    }

    /// The result's perplexity, where it stands at the root of the results only.
    fn perplexity(&self, benchmark: &str) -> Option<Decimal> {
        (benchmark == "perplexity").then(|| number(self.document.get("results")?, "finalPerplexity"))?
    }

    fn reproduces(&self, name: &str, path: &str, stated: &Decimal, band: Option<Decimal>, row: Option<Row<'_>>) -> Rule {
        let rule = Rule::new(format!("{name}.anchor"), "the anchor of a baseline is reproduced within the band").at(path);
        let rule = rule.number("anchor", stated);
        let Some((row, measured)) = row.and_then(|row| Some((row, row.base_value()?))) else {
            return rule.fails("the base was not measured on it");
        };
        let band = band.unwrap_or_else(band_points);
        let apart = measured.minus(stated).abs();
        let message =
            format!("the baseline had the base at {stated} on `{}`, measured is {measured}: {apart} apart", row.label());
        rule.at(row.path()).number("measured", &measured).holds(&apart, Relation::AtMost, &band, message)
    }

    fn beats(&self, against: &Against<'a>) -> Rule {
        let label = against.row.map(|row| row.label()).unwrap_or_default();
        self.beats_named(against, &label, None)
    }

    fn beats_named(&self, against: &Against<'a>, benchmark: &str, lower: Option<bool>) -> Rule {
        let Some((row, forged)) = against.row.and_then(|row| Some((row, row.value()?))) else {
            let rule = self.rule(against, benchmark);
            return rule.fails(format!(
                "`{benchmark}` was not measured on the forged model, so `{}` cannot be held against it",
                against.name
            ));
        };
        // Points have the band that two measurements of one model may be apart; other units have none of their own.
        let usual = if row.score().is_ok() { band_points() } else { Decimal::ZERO };
        let rule = self.rule(against, &row.label()).found([row.samples(self.evidence)]);
        compare(rule, against, &forged, lower.unwrap_or(row.lower_is_better()), usual)
    }

    fn rule(&self, against: &Against<'_>, benchmark: &str) -> Rule {
        let text = "the forged model is better than a negative control by more than the band";
        Rule::new(format!("{}.{benchmark}", against.name), text).at(against.path)
    }

    fn pinned(&self, name: &str, path: &str, samples: Option<&str>, hash: Option<&str>) -> Rule {
        let rule = Rule::new(format!("{name}.samples"), "a control's samples are kept and pinned by their hash");
        let found = self.evidence.of_file(path, samples, hash);
        let differs = found.state == Some(super::FileState::Differs);
        let rule = rule.found([found]);
        match (samples, hash.map(measured_hash)) {
            _ if differs => rule.fails("the samples at hand are not those that were pinned"),
            (None, _) => rule.fails("it names no file of samples"),
            (_, None) => rule.fails("it has no `samplesHash`: anyone could put other samples in their place"),
            (_, Some(Err(error))) => rule.fails(format!("`samplesHash` pins nothing: {error}")),
            (_, Some(Ok(_))) => rule.passes("they are pinned"),
        }
    }
}

/// Holds the forged model's value against a control's.
fn compare(rule: Rule, against: &Against<'_>, forged: &Decimal, lower: bool, usual: Decimal) -> Rule {
    let rule = rule.number("forged", forged);
    let Some(control) = against.value else { return rule.fails("the control was not measured") };
    let band = against.band.clone().unwrap_or(usual);
    let margin = if lower { control.minus(forged) } else { forged.minus(control) };
    let rule = rule.number("control", control).number("band", &band);
    let direction = if lower { "lower" } else { "higher" };
    let message = format!("forged {forged}, `{}` {control} ({direction} is better): ahead by {margin}", against.name);
    rule.holds(&margin, Relation::MoreThan, &band, message)
}

enum Role {
    Control,
    Anchor,
    /// What was shipped is no control of itself.
    Shipped,
    Unknown,
}

fn role(baseline: &Node) -> Role {
    match (text(baseline, "role"), text(baseline, "outcome")) {
        (Some("negative_control"), _) => Role::Control,
        (Some("anchor"), _) => Role::Anchor,
        (Some(_), _) => Role::Unknown,
        (None, Some("shipped")) => Role::Shipped,
        (None, Some(_)) => Role::Control,
        // The flat shape says nothing else about what it is; the other one is by its nature an attempt that was given up.
        (None, None) if baseline.get("value").is_some() => Role::Unknown,
        (None, None) => Role::Control,
    }
}

/// A value that a baseline states.
struct Stated<'a> {
    benchmark: &'a str,
    path: String,
    value: Decimal,
    lower: Option<bool>,
}

fn values(baseline: &Node) -> Vec<Stated<'_>> {
    let lower = baseline.get("higherIsBetter").and_then(Node::as_bool).map(|higher| !higher);
    if let (Some(value), Some(metric)) = (number(baseline, "value"), text(baseline, "metric")) {
        return vec![Stated { benchmark: metric, path: "value".into(), value, lower }];
    }
    let places = [("evaluation.results", at(baseline, &["evaluation", "results"])), ("results", baseline.get("results"))];
    let found = places.into_iter().find(|(_, results)| results.is_some());
    let (below, results) = found.unwrap_or(("results", None));
    let stated = |(benchmark, value)| Stated { benchmark, path: format!("{below}.{benchmark}"), value, lower };
    scores(results).into_iter().map(stated).collect()
}

/// The numbers of an object by benchmark, without the differences that published documents keep beside them.
fn scores(results: Option<&Node>) -> Vec<(&str, Decimal)> {
    let Some(Value::Object(results)) = results.map(|results| &results.value) else { return Vec::new() };
    let scores = results.iter().filter(|member| !member.name.starts_with("delta"));
    scores.filter_map(|member| Some((benchmark_name(&member.name), Decimal::of_node(&member.value)?))).collect()
}
