//! Acceptance criteria: what a recipe demands of its artifact, judged from the document and what is at hand beside it.
//!
//! Decimals are compared as they are spelled: -3.0 is exactly -3.0. What is missing fails. The same document and the same evidence give the
//! same verdict anywhere.
//!
//! # Source
//! The alloy format, section 9; the foundry and line, sections 5 and 7.1.

mod size;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::decimal::Decimal;
use crate::gates::measured::{Row, at, hash as well_formed, rows, rows_of, text};
use crate::gates::{Evidence, Outcome, Relation, Rule};
use crate::text::{Member, Node, Value};

/// Where criteria stand.
const CRITERIA: &str = "acceptanceCriteria";

/// What the criteria of a document come to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Verdict {
    /// Fails when one criterion fails; does not apply when none is stated.
    pub outcome: Outcome,
    /// Every criterion, in the document's order.
    pub criteria: Vec<Rule>,
}

/// Judges every criterion that `document` states.
///
/// # Source
/// The alloy format, section 9.
pub fn judge(document: &Node, evidence: &Evidence) -> Verdict {
    let mut judge = Judge { document, evidence, rows: rows(document), criteria: Vec::new() };
    match document.get(CRITERIA).map(|criteria| &criteria.value) {
        None | Some(Value::Null) => {}
        Some(Value::Object(criteria)) => criteria.iter().for_each(|member| judge.group(member)),
        Some(other) => {
            let rule = Rule::new(CRITERIA, "the criteria are an object").at(CRITERIA);
            judge.criteria.push(rule.fails(format!("expected an object, got {}: nothing of it can be judged", other.kind())));
        }
    }
    let outcome = Outcome::of(judge.criteria.iter().map(|rule| rule.outcome));
    Verdict { outcome, criteria: judge.criteria }
}

struct Judge<'a> {
    document: &'a Node,
    evidence: &'a Evidence,
    rows: Vec<Row<'a>>,
    criteria: Vec<Rule>,
}

impl<'a> Judge<'a> {
    fn group(&mut self, member: &'a Member) {
        let (name, node) = (member.name.as_str(), &member.value);
        let Some(group) = node.as_object().filter(|_| matches!(name, "benchmarks" | "hardware" | "integrity")) else {
            if name != "notes" && !node.is_null() {
                self.unknown(name, node);
            }
            return;
        };
        for criterion in group {
            let rule = format!("{name}.{}", criterion.name);
            match (name, criterion.name.as_str()) {
                ("benchmarks", benchmark) => self.benchmark(benchmark, &criterion.value),
                (_, "notes") => {}
                _ if criterion.value.is_null() => {}
                ("hardware", "maxVramGb") => self.max_vram(&rule, &criterion.value),
                ("hardware", "deviceTier") => self.device_tier(&rule, &criterion.value),
                ("integrity", "modelHashRequired") => self.required(&rule, &criterion.value, Self::model_hash),
                ("integrity", "samplesPathRequired") => self.required(&rule, &criterion.value, Self::samples_paths),
                _ => self.unknown(&rule, &criterion.value),
            }
        }
    }

    /// A demand that cannot be judged is not met.
    fn unknown(&mut self, rule: &str, node: &Node) {
        let message = format!("this program knows no criterion `{rule}` that is {}, so it cannot be judged", node.value.kind());
        let rule = Rule::new(rule, "a criterion is one that can be judged").at(format!("{CRITERIA}.{rule}"));
        self.criteria.push(rule.fails(message));
    }

    fn benchmark(&mut self, name: &str, criterion: &'a Node) {
        let id = format!("benchmarks.{name}");
        let Some(members) = criterion.as_object() else { return self.unknown(&id, criterion) };
        let stated = format!("{CRITERIA}.{id}");
        let floor = Rule::new(format!("{id}.min"), format!("the score of `{name}`, as a fraction, is at least `min`"));
        let floor = floor.at(format!("{stated}.min"));
        self.criteria.push(self.min(floor, name, criterion.get("min")));
        for member in members {
            match member.name.as_str() {
                "min" | "anchorBenchmark" | "notes" => {}
                _ if member.value.is_null() => {}
                "anchorDelta" => {
                    let text = format!(
                        "the score of `{name}` is at least that of the base measured beside it plus `anchorDelta` points"
                    );
                    let rule = Rule::new(format!("{id}.anchorDelta"), text).at(format!("{stated}.anchorDelta"));
                    self.criteria.push(self.anchor_delta(rule, name, &member.value, criterion.get("anchorBenchmark")));
                }
                other => self.unknown(&format!("{id}.{other}"), &member.value),
            }
        }
    }

    fn min(&self, rule: Rule, name: &str, min: Option<&Node>) -> Rule {
        let Some(min) = min.filter(|min| !min.is_null()) else { return rule.fails("the criterion states no `min`") };
        let Some(min) = Decimal::of_node(min) else {
            return rule.fails(format!("`min` is {}, expected a number from 0 to 1", min.value.kind()));
        };
        let rule = rule.number("min", &min);
        if min.is_negative() || min > Decimal::from(1) {
            return rule
                .fails(format!("`min` is {min}, expected a fraction from 0 to 1: scores are points of 0 to 100, `min` is not"));
        }
        let bound = min.hundredfold();
        let (row, score) = match self.score(name) {
            Ok(found) => found,
            Err(why) => return rule.asks(Relation::AtLeast, &bound).fails(why),
        };
        let message = format!("`{}` scored {score}; `min` {min} asks for {bound}", row.label());
        rule.found([row.samples(self.evidence)]).number("score", &score).holds(&score, Relation::AtLeast, &bound, message)
    }

    fn anchor_delta(&self, rule: Rule, name: &str, delta: &Node, anchor_name: Option<&Node>) -> Rule {
        let Some(delta) = Decimal::of_node(delta) else {
            return rule.fails(format!("`anchorDelta` is {}, expected a number of points", delta.value.kind()));
        };
        let rule = rule.number("anchorDelta", &delta);
        let missing = |rule: Rule, why: String| rule.asks(Relation::AtLeast, &delta).fails(why);
        let (row, score) = match self.score(name) {
            Ok(found) => found,
            Err(why) => return missing(rule, why),
        };
        let rule = rule.found([row.samples(self.evidence)]).number("score", &score);
        let anchor_name = match anchor_name.filter(|anchor| !anchor.is_null()).map(|anchor| anchor.as_str().ok_or(anchor)) {
            None => name,
            Some(Ok(anchor)) => anchor,
            Some(Err(other)) => {
                return missing(rule, format!("`anchorBenchmark` is {}, expected the name of a result", other.value.kind()));
            }
        };
        let anchor_row = match self.row(anchor_name) {
            Ok(row) => row,
            Err(why) => return missing(rule, format!("there is no anchor: {why}")),
        };
        let Some(anchor) = anchor_row.base_score() else {
            let message = format!(
                "there is no anchor: `{}` has no `baseScore`, and a score published elsewhere is none",
                anchor_row.label()
            );
            return missing(rule.at(anchor_row.path()), message);
        };
        let change = score.minus(&anchor);
        let message = format!("`{}` scored {score}, the base {anchor}: {change} points, {delta} allowed", row.label());
        let rule = rule.found([anchor_row.base_samples(self.evidence)]).number("anchor", &anchor);
        rule.holds(&change, Relation::AtLeast, &delta, message)
    }

    /// The one result of that name.
    fn row(&self, name: &str) -> Result<Row<'a>, String> {
        match rows_of(&self.rows, name).as_slice() {
            [row] => Ok(*row),
            [] => Err(format!("no result is named `{name}`: it was not measured")),
            several => {
                let places: Vec<String> = several.iter().map(Row::path).collect();
                Err(format!("several results are named `{name}` ({}), and the criterion does not say which", places.join(", ")))
            }
        }
    }

    fn score(&self, name: &str) -> Result<(Row<'a>, Decimal), String> {
        let row = self.row(name)?;
        Ok((row, row.score()?))
    }

    fn max_vram(&mut self, rule: &str, limit: &Node) {
        let rule = Rule::new(rule, "the smallest format that is offered fits the memory").at(format!("{CRITERIA}.{rule}"));
        let Some(limit) = Decimal::of_node(limit).filter(|limit| !limit.is_negative()) else {
            return self
                .criteria
                .push(rule.fails(format!("`maxVramGb` is {}, expected a number of gigabytes", limit.value.kind())));
        };
        let rule = rule.number("maxVramGb", &limit);
        self.criteria.push(match size::smallest(self.document) {
            Some(offer) => {
                let message = format!("{} takes {} GB, {limit} GB are allowed", offer.what, offer.gigabytes);
                rule.at(offer.path).holds(&offer.gigabytes, Relation::AtMost, &limit, message)
            }
            None => rule.asks(Relation::AtMost, &limit).fails("the document gives no size of any format that is offered"),
        });
    }

    fn device_tier(&mut self, rule: &str, tier: &Node) {
        let stated = format!("{CRITERIA}.{rule}");
        let rule = Rule::new(rule, "the class of device it is meant for").at(stated);
        self.criteria.push(match tier.as_str() {
            Some(tier) => rule.ends(Outcome::NotApplicable, format!("`{tier}` is a label; nothing is measured against it")),
            None => rule.fails(format!("`deviceTier` is {}, expected a name", tier.value.kind())),
        });
    }

    /// A demand that is switched on or off. Off, it demands nothing and is not listed.
    fn required(&mut self, rule: &str, switch: &Node, judge: fn(&Self, Rule) -> Rule) {
        match switch.as_bool() {
            Some(false) => {}
            Some(true) => {
                let rule = Rule::new(rule, "").at(format!("{CRITERIA}.{rule}"));
                self.criteria.push(judge(self, rule));
            }
            None => self.unknown(rule, switch),
        }
    }

    fn model_hash(&self, mut rule: Rule) -> Rule {
        rule.text = "the document has a well-formed hash of the model's files".into();
        let (path, hash) = match integrity_text(self.document, "modelHash") {
            Some(found) => found,
            None => return rule.fails("there is no `modelHash`"),
        };
        let rule = rule.found([self.evidence.of_file(path, None, Some(hash))]);
        match well_formed(hash) {
            Ok(_) => rule.passes("`modelHash` is there and well formed"),
            Err(error) => rule.fails(error),
        }
    }

    fn samples_paths(&self, mut rule: Rule) -> Rule {
        rule.text = "every benchmark with a criterion names the file of its samples".into();
        let criteria = at(self.document, &[CRITERIA, "benchmarks"]).and_then(Node::as_object);
        let mut missing = Vec::new();
        let mut count = 0;
        for benchmark in criteria.into_iter().flatten() {
            count += 1;
            match self.row(&benchmark.name) {
                Err(why) => missing.push(why),
                Ok(row) => {
                    rule = rule.found([row.samples(self.evidence)]);
                    if !text(row.node, "samplesPath").is_some_and(stays_inside) {
                        missing.push(format!("`{}` has no `samplesPath` within the artifact", row.label()));
                    }
                }
            }
        }
        match (missing.is_empty(), count) {
            (false, _) => rule.fails(missing.join("; ")),
            (true, 0) => rule.ends(Outcome::NotApplicable, "no benchmark has a criterion"),
            (true, _) => rule.passes("every one of them does"),
        }
    }
}

/// A string member of `integrity`, wherever the document holds that, and its path.
pub(crate) fn integrity_text<'a>(document: &'a Node, name: &str) -> Option<(String, &'a str)> {
    let places = [("integrity", &["integrity"][..]), ("results.integrity", &["results", "integrity"][..])];
    places.iter().find_map(|(path, members)| {
        Some((format!("{path}.{name}"), at(document, members).and_then(|integrity| text(integrity, name))?))
    })
}

/// Whether a path is one of a file below the artifact's root.
pub(crate) fn stays_inside(path: &str) -> bool {
    crate::tree::TreePath::new(path).is_ok()
}
