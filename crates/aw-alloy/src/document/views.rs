//! What readers of a document look up, by the format's own rules.

use serde::de::DeserializeOwned;

use super::{Document, aliases};
use crate::decimal::Decimal;
use crate::document::members::ENSEMBLE;
use crate::text::Node;

/// Members of the open bag that stand for the score, in the order they are looked for.
const SCORE_METRICS: [&str; 6] = ["score", "accuracy", "passing", "improvement", "final", "status"];

/// The headline score of a benchmark result: `score`, else of the open bag `score`, `accuracy`, `passing`, `improvement`, `final`,
/// `status`. Zero is a value; `null` is none.
///
/// # Source
/// The alloy format, section 7.
pub fn headline_score(result: &Node) -> Option<&Node> {
    let metric = |name: &&str| result.get("metrics").and_then(|metrics| metrics.get(name)).filter(|value| !value.is_null());
    let score = result.get("score").filter(|score| !score.is_null());
    score.or_else(|| SCORE_METRICS.iter().find_map(metric))
}

/// Score minus base score, as published where it is, else computed exactly; `None` when a score is missing.
pub fn delta(result: &Node) -> Option<Decimal> {
    let number = |name: &str| result.get(name).and_then(Decimal::of_node);
    number("delta").or_else(|| Some(number("score")?.minus(&number("baseScore")?)))
}

/// The members of an ensemble's source.
#[derive(Clone, Debug, PartialEq)]
pub struct Ensemble<'a> {
    /// The model that is helped.
    pub target: Option<&'a str>,
    /// The models that help.
    pub specialists: Vec<&'a str>,
}

impl Document {
    /// The results of its benchmarks, in order.
    pub fn benchmarks(&self) -> &[Node] {
        let results = self.node().get("results");
        results.and_then(|results| results.get("benchmarks")).and_then(Node::as_array).unwrap_or_default()
    }

    /// The result of a benchmark, by any of its names.
    pub fn benchmark(&self, name: &str) -> Option<&Node> {
        let named =
            |result: &&Node| result.get("name").and_then(Node::as_str).is_some_and(|it| aliases::same_benchmark(it, name));
        self.benchmarks().iter().find(named)
    }

    /// Its stages, in order.
    pub fn stages(&self) -> &[Node] {
        self.node().get("stages").and_then(Node::as_array).unwrap_or_default()
    }

    /// What vouches for it: at the root in ensembles and artifacts, in the results elsewhere.
    pub fn integrity(&self) -> Option<&Node> {
        let there = |node: Option<&'_ Node>| node.is_some_and(|node| node.as_object().is_some());
        let at_root = self.node().get("integrity");
        let in_results = self.node().get("results").and_then(|results| results.get("integrity"));
        if there(at_root) { at_root } else { in_results.filter(|node| node.as_object().is_some()) }
    }

    /// Its kind, for documents of a special shape.
    pub fn kind(&self) -> Option<&str> {
        self.node().get("type").and_then(Node::as_str)
    }

    /// Its architecture: of an ensemble, its kind.
    pub fn architecture(&self) -> Option<&str> {
        let stated = self.node().get("source").and_then(|source| source.get("architecture")).and_then(Node::as_str);
        stated.or_else(|| self.kind().filter(|kind| *kind == ENSEMBLE))
    }

    /// The models of an ensemble; `None` for any other document.
    pub fn ensemble(&self) -> Option<Ensemble<'_>> {
        let source = self.node().get("source").filter(|_| self.kind() == Some(ENSEMBLE))?;
        fn model(node: &Node) -> Option<&str> {
            node.get("baseModel").and_then(Node::as_str)
        }
        let specialists = source.get("specialists").and_then(Node::as_array).unwrap_or_default();
        Some(Ensemble {
            target: source.get("target").and_then(model),
            specialists: specialists.iter().filter_map(model).collect(),
        })
    }

    /// A root member as one of the typed [`members`](super::members); `None` when it is absent, `null` or of another shape.
    pub fn member<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        serde_json::from_value(self.node().get(name)?.to_serde()).ok()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::document::members::{Hardware, Results, Source};
    use crate::text::{Limits, json};

    fn node(text: &str) -> Node {
        json::parse(text.as_bytes(), &Limits::DOCUMENT).unwrap()
    }

    #[test]
    fn the_first_score_in_order_is_the_headline_and_zero_is_one() {
        for (result, expected) in [
            (r#"{"score": 0, "metrics": {"score": 5}}"#, Some("0")),
            (r#"{"score": null, "metrics": {"accuracy": 68.50, "passing": 3}}"#, Some("68.50")),
            (r#"{"metrics": {"final": 2.9, "improvement": 0.0}}"#, Some("0.0")),
            (r#"{"metrics": {"status": "pending"}}"#, Some("\"pending\"")),
            (r#"{"metrics": {"total": 164}}"#, None),
            ("{}", None),
        ] {
            assert_eq!(headline_score(&node(result)).map(json::compact).as_deref(), expected, "{result}");
        }
    }

    #[test]
    fn published_differences_lead_and_computed_ones_are_exact() {
        for (result, expected) in [
            (r#"{"score": 36.0, "baseScore": 40.9, "delta": -5}"#, Some("-5")),
            (r#"{"score": 85.4, "baseScore": 88.4}"#, Some("-3")),
            (r#"{"score": 0.3, "baseScore": 0.1}"#, Some("0.2")),
            (r#"{"score": 41, "baseScore": 40.95}"#, Some("0.05")),
            (r#"{"score": 41, "baseScore": 41}"#, Some("0")),
            (r#"{"score": -0.5, "baseScore": 0.5}"#, Some("-1")),
            (r#"{"score": 41}"#, None),
            (r#"{"score": 4e1, "baseScore": 41}"#, Some("-1")),
            (r#"{"score": "40", "baseScore": 41}"#, None),
        ] {
            assert_eq!(delta(&node(result)).map(|it| it.to_string()).as_deref(), expected, "{result}");
        }
    }

    #[test]
    fn views_of_an_ensemble_and_of_typed_members() {
        let text = br#"{"name": "e", "type": "many-worlds-ensemble", "source": {"target": {"baseModel": "a"}, "specialists": [{"baseModel": "b"}]},
            "hardware": {"supportsCPU": true}, "target": null, "results": {"benchmarks": [{"name": "humaneval+", "metrics": {"status": "pending", "n": 3, "ok": true}}]}}"#;
        let document = Document::read(text).unwrap();
        assert_eq!(document.ensemble(), Some(Ensemble { target: Some("a"), specialists: vec!["b"] }));
        assert_eq!(document.architecture(), Some("many-worlds-ensemble"));
        assert!(document.benchmark("humaneval_plus").is_some() && document.benchmark("humaneval").is_none());
        assert!(document.member::<Hardware>("hardware").unwrap().supports_cpu);
        assert_eq!(document.member::<Source>("source").unwrap().specialists.unwrap()[0].base_model, "b");
        assert_eq!(document.member::<Results>("results").unwrap().benchmarks[0].metrics.len(), 3);
        assert_eq!(document.member::<Hardware>("target"), None);
    }
}
