//! The anchor-reproduction gate: the pipeline measures the unmodified base as others did before any forged number counts.
//!
//! # Source
//! The foundry and line, section 5, gate 3; the alloy format, section 4, `calibrationAnchor`.

use super::measured::{Row, items, number, rows, rows_of, text};
use super::{GateVerdict, Outcome, Relation, Rule, band_points};
use crate::text::{Node, Value};

const GATE: &str = "anchor-reproduction";

/// Judges every `calibrationAnchor` of a document, and that there is one where scores are claimed.
pub fn judge(document: &Node) -> GateVerdict {
    let rows = rows(document);
    let anchors = anchors(document);
    if anchors.is_empty() && rows.is_empty() {
        return GateVerdict::not_applicable(GATE, "nothing was measured");
    }
    let mut rules: Vec<Rule> = anchors.iter().map(|anchor| judge_one(anchor, &rows)).collect();
    let scored = rows.iter().find(|row| row.score().is_ok());
    match scored {
        Some(row) if anchors.is_empty() => {
            let rule = Rule::new("declared", "where scores are claimed, an anchor is declared").at(row.path());
            rules.push(rule.fails(
                "no evaluation has a `calibrationAnchor`; where the base has no published score, `publishedScore: null` and the base's own \
                 score, measured in the same pipeline, are right",
            ));
        }
        _ => rules.extend(rows.iter().filter(|row| row.score().is_err()).filter_map(beside)),
    }
    if rules.is_empty() {
        return GateVerdict::not_applicable(
            GATE,
            "no score is claimed, and nothing was measured that a base could be held against",
        );
    }
    GateVerdict::new(GATE, rules)
}

/// What is measured in another unit than points has no published score: it anchors on the base measured beside it.
fn beside(row: &Row<'_>) -> Option<Rule> {
    row.value()?;
    let rule = Rule::new("self-anchored", "what has no published score is held against the base, measured in the same run");
    let rule = rule.at(row.path());
    if row.is_against_base() {
        return Some(rule.passes(format!("`{}` is measured against the base", row.label())));
    }
    Some(match row.base_value() {
        Some(base) => rule.number("base", &base).passes(format!("the base was measured on `{}` too: {base}", row.label())),
        None => rule.fails(format!("the base was not measured on `{}`", row.label())),
    })
}

struct Anchor<'a> {
    path: String,
    node: &'a Node,
    /// The benchmark it belongs to, where it stands at one; else those of its stage.
    benchmarks: Vec<&'a str>,
}

fn anchors(document: &Node) -> Vec<Anchor<'_>> {
    let mut anchors = Vec::new();
    let mut lists = Vec::new();
    for (index, stage) in items(document, "stages").iter().enumerate() {
        let path = format!("stages[{index}]");
        let benchmarks: Vec<&str> = items(stage, "benchmarks").iter().filter_map(|benchmark| text(benchmark, "name")).collect();
        anchors.extend(anchor(&path, stage, benchmarks));
        lists.push((path + ".benchmarks", items(stage, "benchmarks")));
    }
    lists.push(("evaluationBenchmarks".into(), items(document, "evaluationBenchmarks")));
    for (path, benchmarks) in lists {
        for (index, benchmark) in benchmarks.iter().enumerate() {
            let name = text(benchmark, "name").into_iter().collect();
            anchors.extend(anchor(&format!("{path}[{index}]"), benchmark, name));
        }
    }
    anchors
}

fn anchor<'a>(below: &str, holder: &'a Node, benchmarks: Vec<&'a str>) -> Option<Anchor<'a>> {
    let node = holder.get("calibrationAnchor").filter(|anchor| !anchor.is_null())?;
    Some(Anchor { path: format!("{below}.calibrationAnchor"), node, benchmarks })
}

fn judge_one(anchor: &Anchor<'_>, rows: &[Row<'_>]) -> Rule {
    let node = anchor.node;
    let rule = Rule::new("reproduced", "the base's measured score is within the tolerance of its published one").at(&anchor.path);
    if node.as_object().is_none() {
        return rule.fails(format!("the anchor is {}, expected an object", node.value.kind()));
    }
    let Some(measured) = number(node, "measuredScore") else {
        return rule.fails("the anchor has no `measuredScore`: the base was not measured");
    };
    let rule = rule.number("measured", &measured);
    match node.get("publishedScore").map(|published| &published.value) {
        Some(Value::Null) => self_anchor(anchor, rule, rows),
        None => rule.fails("the anchor has no `publishedScore`: a number with its source, or `null` where none was published"),
        Some(_) => {
            let Some(published) = number(node, "publishedScore") else {
                return rule.fails("`publishedScore` is neither a number nor `null`");
            };
            let band = number(node, "tolerance").unwrap_or_else(band_points);
            let apart = measured.minus(&published).abs();
            let rule = rule.number("published", &published).number("tolerance", &band);
            if text(node, "publishedSource").is_none() {
                let rule = rule.shows(apart.to_string(), Relation::AtMost, band.to_string());
                return rule.fails(format!("`publishedScore` {published} has no `publishedSource`: a published score is cited"));
            }
            let message = format!("measured {measured}, published {published}: {apart} points apart, {band} allowed");
            let rule = rule.holds(&apart, Relation::AtMost, &band, message);
            contradiction(node, rule)
        }
    }
}

/// What the document itself says of its anchor cannot turn the verdict; where it says otherwise, that is told.
fn contradiction(node: &Node, mut rule: Rule) -> Rule {
    let claimed = node.get("passed").and_then(Node::as_bool);
    if claimed.is_some_and(|claimed| claimed != (rule.outcome == Outcome::Pass)) {
        rule.message.push_str("; the document's `passed` says otherwise");
    }
    rule
}

/// Without a published score the base, measured in the same pipeline, is the anchor: some result must say so.
fn self_anchor(anchor: &Anchor<'_>, mut rule: Rule, rows: &[Row<'_>]) -> Rule {
    rule.rule = "self-anchored".into();
    rule.text = "with no published score, the anchor is the base's own score in a result of the same evaluation".into();
    let measured = rule.numbers.get("measured").cloned().unwrap_or(crate::decimal::Decimal::ZERO);
    let of_anchor: Vec<Row<'_>> = match anchor.benchmarks.is_empty() {
        true => rows.to_vec(),
        false => anchor.benchmarks.iter().flat_map(|name| rows_of(rows, name)).collect(),
    };
    match of_anchor.iter().find(|row| row.base_score().as_ref() == Some(&measured)) {
        Some(row) => {
            rule.at(row.path()).passes(format!("the base scored {measured} on `{}` in the same evaluation", row.label()))
        }
        None => {
            rule.fails(format!("the anchor says the base scored {measured}; no result of its evaluation has that `baseScore`"))
        }
    }
}
