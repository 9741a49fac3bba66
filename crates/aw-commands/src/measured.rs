//! What an artifact says was measured, as a table has it: one row a benchmark, one column a model.

use aw_alloy::chain::Link;
use aw_alloy::text::{Node, Value as Text};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One benchmark's numbers: the unmodified base, the forged model, and whatever else was measured beside them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Benchmark {
    /// Its name.
    pub name: String,
    /// Which part of it, or which corpus.
    pub subset: Option<String>,
    /// Which of the artifact's files it was measured on, where that is one tier of several.
    pub tier: Option<String>,
    /// What is measured.
    pub metric: Option<String>,
    /// What it is measured in.
    pub unit: Option<String>,
    /// The numbers by what they are of: `base`, `forged`, then each control in the artifact's order.
    pub values: Map<String, Value>,
}

/// A table that a stage measured and wants seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Table {
    /// What it shows.
    pub title: String,
    /// Names of its columns; `>` before a name sets the column to the right.
    pub columns: Vec<String>,
    /// Its rows, a cell a column.
    pub rows: Vec<Vec<String>>,
}

/// The tables among what the links measured (`measurements.tables`), in the chain's order. Whatever else stands there is passed over:
/// any domain may mean something of its own by the word.
pub fn tables(links: &[Link]) -> Vec<Table> {
    let of = |link: &Link| link.measurements.get("tables").and_then(Value::as_array).cloned().unwrap_or_default();
    links.iter().flat_map(of).filter_map(|table| serde_json::from_value(table).ok()).collect()
}

/// The benchmarks of a document, in its order. A result without a name is called `unnamed`, not left out.
pub fn benchmarks(document: &Node) -> Vec<Benchmark> {
    let results = document.get("results").and_then(|results| results.get("benchmarks")).and_then(Node::as_array);
    results.unwrap_or_default().iter().map(benchmark).collect()
}

fn benchmark(node: &Node) -> Benchmark {
    let text = |name: &str| node.get(name).and_then(Node::as_str).map(str::to_owned);
    let metrics = node.get("metrics");
    let mut values = Map::new();
    for (column, plain) in [("base", "baseScore"), ("forged", "score")] {
        let value = metrics.and_then(|metrics| metrics.get(column)).or_else(|| node.get(plain)).filter(|value| !value.is_null());
        values.extend(value.map(|value| (column.to_owned(), value.to_serde())));
    }
    let unit = text("unit").or_else(|| metrics?.get("unit")?.as_str().map(str::to_owned));
    if let Some(Text::Object(members)) = metrics.map(|metrics| &metrics.value) {
        for member in
            members.iter().filter(|member| member.name != "unit" && !values.contains_key(&member.name)).collect::<Vec<_>>()
        {
            values.insert(member.name.clone(), member.value.to_serde());
        }
    }
    Benchmark {
        name: text("name").unwrap_or_else(|| "unnamed".into()),
        subset: text("subset"),
        tier: text("tier"),
        metric: text("metric"),
        unit,
        values,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use aw_alloy::text::{Limits, json};

    fn read(text: &str) -> Benchmark {
        benchmark(&json::parse(text.as_bytes(), &Limits::DOCUMENT).unwrap())
    }

    #[test]
    fn base_and_forged_come_first_wherever_they_stand() {
        let row = read(
            r#"{"name": "perplexity", "subset": "code", "unit": "nats", "metrics": {"forged": 3.5, "random": 9, "base": 3.25}}"#,
        );
        assert_eq!(row.values.keys().collect::<Vec<_>>(), ["base", "forged", "random"]);
        assert_eq!((row.unit.as_deref(), row.values["base"].as_f64()), (Some("nats"), Some(3.25)));
    }

    #[test]
    fn published_scores_are_read_and_zero_is_a_value() {
        let row = read(
            r#"{"name": "humaneval", "metric": "pass@1", "score": 0, "baseScore": 89.0, "metrics": {"total": 164, "status": "partial"}}"#,
        );
        assert_eq!(row.values.keys().collect::<Vec<_>>(), ["base", "forged", "total", "status"]);
        assert_eq!((row.values["base"].as_f64(), row.values["forged"].as_f64()), (Some(89.0), Some(0.0)));
        assert_eq!(read(r#"{"name": "x", "score": null}"#).values.len(), 0);
    }
}
