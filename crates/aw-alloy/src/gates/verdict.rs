//! What a verdict is made of.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::evidence::FileState;
use crate::decimal::Decimal;

/// How something was judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It holds.
    Pass,
    /// It does not hold, or what it needs is missing.
    Fail,
    /// There is nothing it could be asked of.
    NotApplicable,
}

/// How what was measured is held against its bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Relation {
    /// At least.
    #[serde(rename = ">=")]
    AtLeast,
    /// At most.
    #[serde(rename = "<=")]
    AtMost,
    /// More than.
    #[serde(rename = ">")]
    MoreThan,
}

/// One rule, what it was held against, and how it came out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rule {
    /// Its id; for a criterion the path below `acceptanceCriteria`.
    pub rule: String,
    /// The rule in words.
    pub text: String,
    /// How it came out.
    pub outcome: Outcome,
    /// What was found.
    pub message: String,
    /// What was measured, and held against the bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measured: Option<String>,
    /// How it is held against the bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relation: Option<Relation>,
    /// The bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bound: Option<String>,
    /// Every number that took part, by what it is.
    pub numbers: BTreeMap<String, Decimal>,
    /// Where all of it stands, and the files behind it.
    pub evidence: Vec<Found>,
}

/// A place in the document, and the file it vouches for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Found {
    /// The member, such as `results.benchmarks[1]`.
    pub path: String,
    /// The file, from the artifact's root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The hash the document has for the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
    /// What the file itself said to that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<FileState>,
}

/// What one gate says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GateVerdict {
    /// The gate.
    pub gate: String,
    /// Fails when one rule fails.
    pub outcome: Outcome,
    /// Its rules, those that do not apply included.
    pub rules: Vec<Rule>,
}

impl Outcome {
    /// The outcome of all: one failure fails, nothing at all does not apply.
    pub fn of(outcomes: impl IntoIterator<Item = Self>) -> Self {
        outcomes.into_iter().fold(Self::NotApplicable, |so_far, next| match (so_far, next) {
            (Self::Fail, _) | (_, Self::Fail) => Self::Fail,
            (Self::Pass, _) | (_, Self::Pass) => Self::Pass,
            (Self::NotApplicable, Self::NotApplicable) => Self::NotApplicable,
        })
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::NotApplicable => "not-applicable",
        }
    }
}

impl Relation {
    /// Its sign.
    pub fn sign(self) -> &'static str {
        match self {
            Self::AtLeast => ">=",
            Self::AtMost => "<=",
            Self::MoreThan => ">",
        }
    }

    fn holds(self, measured: &Decimal, bound: &Decimal) -> bool {
        match self {
            Self::AtLeast => measured >= bound,
            Self::AtMost => measured <= bound,
            Self::MoreThan => measured > bound,
        }
    }
}

impl GateVerdict {
    pub(crate) fn new(gate: &str, rules: Vec<Rule>) -> Self {
        Self { gate: gate.into(), outcome: Outcome::of(rules.iter().map(|rule| rule.outcome)), rules }
    }

    /// A gate with nothing to judge, and why.
    pub(crate) fn not_applicable(gate: &str, message: impl Into<String>) -> Self {
        let rule = Rule::new("applies", "there is something to judge");
        Self::new(gate, vec![rule.ends(Outcome::NotApplicable, message)])
    }

    /// The rules that failed.
    pub fn failures(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(|rule| rule.outcome == Outcome::Fail)
    }
}

impl Rule {
    /// A rule that fails until it is said how it came out.
    pub(crate) fn new(rule: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            rule: rule.into(),
            text: text.into(),
            outcome: Outcome::Fail,
            message: String::new(),
            measured: None,
            relation: None,
            bound: None,
            numbers: BTreeMap::new(),
            evidence: Vec::new(),
        }
    }

    pub(crate) fn ends(mut self, outcome: Outcome, message: impl Into<String>) -> Self {
        self.outcome = outcome;
        self.message = message.into();
        self
    }

    pub(crate) fn passes(self, message: impl Into<String>) -> Self {
        self.ends(Outcome::Pass, message)
    }

    pub(crate) fn fails(self, message: impl Into<String>) -> Self {
        self.ends(Outcome::Fail, message)
    }

    pub(crate) fn number(mut self, name: &str, value: &Decimal) -> Self {
        self.numbers.insert(name.into(), value.clone());
        self
    }

    pub(crate) fn at(mut self, path: impl Into<String>) -> Self {
        self.evidence.push(Found { path: path.into(), file: None, hash: None, state: None });
        self
    }

    pub(crate) fn found(mut self, found: impl IntoIterator<Item = Found>) -> Self {
        self.evidence.extend(found);
        self
    }

    /// Says what was measured and what it is held against, without judging.
    pub(crate) fn shows(mut self, measured: impl Into<String>, relation: Relation, bound: impl Into<String>) -> Self {
        self.measured = Some(measured.into());
        self.relation = Some(relation);
        self.bound = Some(bound.into());
        self
    }

    /// Says what the bound is where nothing could be measured.
    pub(crate) fn asks(mut self, relation: Relation, bound: &Decimal) -> Self {
        self.relation = Some(relation);
        self.bound = Some(bound.to_string());
        self
    }

    /// Holds a number against its bound. A file that is not what was hashed fails the rule whatever the number.
    pub(crate) fn holds(self, measured: &Decimal, relation: Relation, bound: &Decimal, message: impl Into<String>) -> Self {
        let rule = self.shows(measured.to_string(), relation, bound.to_string());
        if let Some(other) = rule.evidence.iter().find(|found| found.state == Some(FileState::Differs)) {
            let message = format!(
                "`{}` is not the file that `{}` was measured from",
                other.file.as_deref().unwrap_or_default(),
                other.path
            );
            return rule.fails(message);
        }
        let outcome = if relation.holds(measured, bound) { Outcome::Pass } else { Outcome::Fail };
        rule.ends(outcome, message)
    }
}
