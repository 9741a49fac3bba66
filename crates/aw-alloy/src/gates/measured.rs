//! What a document says was measured, as the rules read it: numbers as spelled, names through one table of aliases.

use super::evidence::Evidence;
use super::verdict::Found;
use crate::decimal::Decimal;
use crate::digest::Digest;
pub(crate) use crate::document::aliases::benchmark as benchmark_name;
use crate::document::hashes::{HashText, classify};
use crate::text::Node;

/// Members of the open bag that hold a score of 0 to 100 when `score` itself is absent.
const SCORES: &[&str] = &["score", "accuracy"];
/// Members of the open bag for the two models that are no controls: of this project's artifacts, and of published perplexities.
const BASES: &[&str] = &["base", "baseline"];
const FORGED: &[&str] = &["forged", "final"];

/// One row of `results.benchmarks`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row<'a> {
    pub(crate) index: usize,
    pub(crate) node: &'a Node,
}

/// Every row, in order.
pub(crate) fn rows(document: &Node) -> Vec<Row<'_>> {
    let rows = at(document, &["results", "benchmarks"]).and_then(Node::as_array).unwrap_or_default();
    rows.iter().enumerate().map(|(index, node)| Row { index, node }).collect()
}

/// The rows of that name.
pub(crate) fn rows_of<'a>(rows: &[Row<'a>], name: &str) -> Vec<Row<'a>> {
    rows.iter().filter(|row| benchmark_name(row.name()) == benchmark_name(name)).copied().collect()
}

/// The rows a document is about: those its criteria name, else the first, which is its headline. The others say what it cost.
pub(crate) fn claimed(document: &Node) -> Vec<Row<'_>> {
    let all = rows(document);
    let criteria = at(document, &["acceptanceCriteria", "benchmarks"]).and_then(Node::as_object);
    let named: Vec<&str> = criteria.into_iter().flatten().map(|member| benchmark_name(&member.name)).collect();
    let claimed: Vec<Row<'_>> = all.iter().filter(|row| named.contains(&benchmark_name(row.name()))).copied().collect();
    if claimed.is_empty() { all.into_iter().take(1).collect() } else { claimed }
}

/// The node at a path of members.
pub(crate) fn at<'a>(node: &'a Node, path: &[&str]) -> Option<&'a Node> {
    path.iter().try_fold(node, |node, name| node.get(name))
}

/// A string member that says something.
pub(crate) fn text<'a>(node: &'a Node, name: &str) -> Option<&'a str> {
    node.get(name).and_then(Node::as_str).filter(|text| !text.trim().is_empty())
}

/// The elements of an array member; none when it is no array.
pub(crate) fn items<'a>(node: &'a Node, name: &str) -> &'a [Node] {
    node.get(name).and_then(Node::as_array).unwrap_or_default()
}

/// A hash that counts as evidence.
///
/// # Errors
/// What the text is instead.
pub(crate) fn hash(text: &str) -> Result<Digest, String> {
    match classify(text) {
        HashText::Valid { digest, .. } => Ok(digest),
        HashText::Placeholder => Err(format!("`{text}` stands in the place of a hash and is none")),
        HashText::Malformed => {
            Err(format!("`{}` is no hash: `sha256:` and 64 hex digits are right", text.chars().take(80).collect::<String>()))
        }
    }
}

/// A number member.
pub(crate) fn number(node: &Node, name: &str) -> Option<Decimal> {
    node.get(name).and_then(Decimal::of_node)
}

impl<'a> Row<'a> {
    pub(crate) fn name(&self) -> &'a str {
        self.node.get("name").and_then(Node::as_str).unwrap_or_default()
    }

    pub(crate) fn subset(&self) -> Option<&'a str> {
        text(self.node, "subset")
    }

    /// What it is called where one name has several parts.
    pub(crate) fn label(&self) -> String {
        self.subset().map_or_else(|| self.name().to_owned(), |subset| format!("{}/{subset}", self.name()))
    }

    pub(crate) fn path(&self) -> String {
        format!("results.benchmarks[{}]", self.index)
    }

    /// Whether it measures how far the model is from the base: the base itself is nothing away from itself, and is not measured.
    pub(crate) fn is_against_base(&self) -> bool {
        self.name() == "kl-divergence"
    }

    /// Whether it is measured in something else than points of 0 to 100, as far as the row says so.
    pub(crate) fn is_perplexity(&self) -> bool {
        let named = |name: &str| text(self.node, name) == Some("perplexity");
        named("name") || named("metric")
    }

    pub(crate) fn lower_is_better(&self) -> bool {
        match self.node.get("higherIsBetter").and_then(Node::as_bool) {
            Some(higher) => !higher,
            None => self.is_perplexity(),
        }
    }

    /// The score of 0 to 100.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) fn score(&self) -> Result<Decimal, String> {
        let label = self.label();
        if self.is_perplexity() || self.lower_is_better() {
            return Err(format!("`{label}` has no score of 0 to 100: it is measured in another unit, where lower is better"));
        }
        let bag = SCORES.iter().map(|name| at(self.node, &["metrics", name]));
        let found = std::iter::once(self.node.get("score")).chain(bag).flatten().find(|node| !node.is_null());
        let Some(found) = found else {
            let said = at(self.node, &["metrics", "status"]).and_then(Node::as_str);
            return Err(said.map_or_else(
                || format!("`{label}` has a result without a score"),
                |status| format!("`{label}` has no score yet, its status is `{status}`"),
            ));
        };
        let score =
            Decimal::of_node(found).ok_or_else(|| format!("the score of `{label}` is {}, not a number", found.value.kind()))?;
        if score.is_negative() || score > Decimal::from(100) {
            return Err(format!("the score of `{label}` is {score}, scores go from 0 to 100"));
        }
        Ok(score)
    }

    /// The unmodified base's score, measured beside it.
    pub(crate) fn base_score(&self) -> Option<Decimal> {
        number(self.node, "baseScore")
    }

    fn metric(&self, names: &[&str]) -> Option<Decimal> {
        let bag = self.node.get("metrics")?;
        names.iter().find_map(|name| number(bag, name))
    }

    /// The forged model's value in the row's own unit.
    pub(crate) fn value(&self) -> Option<Decimal> {
        self.score().ok().or_else(|| self.metric(FORGED))
    }

    /// The base's value in the row's own unit.
    pub(crate) fn base_value(&self) -> Option<Decimal> {
        self.base_score().or_else(|| self.metric(BASES))
    }

    /// Its samples and theirs hash, and what the file says.
    pub(crate) fn samples(&self, evidence: &Evidence) -> Found {
        evidence.of_file(self.path(), text(self.node, "samplesPath"), text(self.node, "resultHash"))
    }

    /// The base's samples.
    pub(crate) fn base_samples(&self, evidence: &Evidence) -> Found {
        evidence.of_file(self.path(), text(self.node, "baseSamplesPath"), text(self.node, "baseResultHash"))
    }

    /// What was measured beside it in the same run and is neither base nor forged.
    pub(crate) fn controls(&self) -> Vec<RowControl<'a>> {
        let declared = items(self.node, "controls");
        if !declared.is_empty() {
            let control = |(index, node): (usize, &'a Node)| {
                let name = text(node, "name").unwrap_or("unnamed");
                RowControl {
                    name,
                    path: format!("{}.controls[{index}]", self.path()),
                    value: number(node, "value").or_else(|| self.metric(&[name])),
                    samples_path: text(node, "samplesPath"),
                    samples_hash: text(node, "samplesHash"),
                }
            };
            return declared.iter().enumerate().map(control).collect();
        }
        let Some(bag) = self.node.get("metrics").and_then(Node::as_object).filter(|bag| bag.contains("forged")) else {
            return Vec::new();
        };
        let others =
            bag.iter().filter(|member| !BASES.contains(&member.name.as_str()) && !FORGED.contains(&member.name.as_str()));
        let control = |member: &'a crate::text::Member| {
            let value = Decimal::of_node(&member.value)?;
            let path = format!("{}.metrics.{}", self.path(), member.name);
            Some(RowControl { name: &member.name, path, value: Some(value), samples_path: None, samples_hash: None })
        };
        others.filter_map(control).collect()
    }
}

/// A control measured in the same run as a row.
pub(crate) struct RowControl<'a> {
    pub(crate) name: &'a str,
    pub(crate) path: String,
    pub(crate) value: Option<Decimal>,
    pub(crate) samples_path: Option<&'a str>,
    pub(crate) samples_hash: Option<&'a str>,
}
