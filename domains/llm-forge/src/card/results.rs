//! Results as the card shows them: the forged model beside the unmodified base and the controls, differences with their interval.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::Card;
use super::text::{cell, grouped};

/// One benchmark's result in the document's `results.benchmarks`.
pub(super) struct Measured<'a>(&'a Value);

/// Benchmarks whose data has a place on the Hub.
const DATASETS: &[(&str, &str)] = &[
    ("humaneval", "openai/openai_humaneval"),
    ("humaneval_plus", "evalplus/humanevalplus"),
    ("ifeval", "google/IFEval"),
    ("gpqa", "Idavidrein/gpqa"),
    ("mmlu_pro", "TIGER-Lab/MMLU-Pro"),
];

impl<'a> Measured<'a> {
    fn text(&self, member: &str) -> &'a str {
        self.0[member].as_str().unwrap_or_default()
    }

    fn name(&self) -> &'a str {
        self.text("name")
    }

    fn metric(&self) -> &'a str {
        match self.text("metric") {
            "" => "score",
            metric => metric,
        }
    }

    /// What was measured, and on which file or runtime when that is said.
    fn label(&self) -> String {
        let parts = [self.name(), self.text("subset"), self.text("runtime"), self.text("tier")];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
    }

    /// The value of a variant: a member of its own, else one of `metrics`.
    fn value(&self, variant: &str) -> Option<f64> {
        self.0[variant].as_f64().or_else(|| self.0["metrics"][variant].as_f64())
    }

    /// Forged less base as it was measured, with its interval and unit where it has them; else the difference of the two values.
    fn difference(&self) -> Option<String> {
        let Some(delta) = self.0["delta"].as_f64() else {
            return Some(format!("{:+.4}", self.value("forged")? - self.value("base")?));
        };
        let bound = |at: usize| self.0["ci95"].get(at).and_then(Value::as_f64);
        let mut text = format!("{delta:+.4}");
        if let (Some(low), Some(high)) = (bound(0), bound(1)) {
            let _ = write!(text, " [{low:+.4}, {high:+.4}]");
        }
        let unit = self.text("deltaUnit");
        if !unit.is_empty() && unit != self.metric() {
            let _ = write!(text, " in {}", cell(unit));
        }
        Some(text)
    }

    /// The result as `model-index` has it; `None` when the forged model has no value.
    pub(super) fn indexed(&self) -> Option<Value> {
        let value = self.value("forged")?;
        let mut name = self.metric().to_owned();
        if let Some(base) = self.value("base") {
            let _ = write!(name, " (unmodified base {base:.4}");
            if let Some(difference) = self.difference() {
                let _ = write!(name, ", difference {difference}");
            }
            name.push(')');
        }
        let dataset = DATASETS.iter().find(|(name, _)| *name == self.name()).map_or("custom", |(_, dataset)| dataset);
        let mut dataset = json!({"type": dataset, "name": self.label()});
        // Results of one dataset are told apart by their configuration.
        let config = [self.text("subset"), self.text("runtime"), self.text("tier")];
        let config: Vec<&str> = config.into_iter().filter(|part| !part.is_empty()).collect();
        if !config.is_empty() {
            dataset["config"] = json!(config.join("/"));
        }
        let metric = json!({"type": self.metric(), "value": value, "name": name, "verified": false});
        Some(json!({
            "task": {"type": "text-generation", "name": "Text Generation"},
            "dataset": dataset,
            "metrics": [metric],
        }))
    }
}

impl Card<'_> {
    pub(super) fn results(&self) -> Vec<Measured<'_>> {
        self.list("/results/benchmarks").into_iter().map(Measured).collect()
    }

    /// The tables of results: one for each metric, a column for each variant that was measured with it.
    pub(super) fn benchmarks(&self) -> String {
        let results = self.results();
        if results.is_empty() {
            return String::new();
        }
        let mut text = String::from("## Benchmarks\n\nEvery column of a table was measured in the same run, in the same way.\n");
        let mut metrics: Vec<&str> = Vec::new();
        for result in &results {
            if !metrics.contains(&result.metric()) {
                metrics.push(result.metric());
            }
        }
        for metric in metrics {
            let of_metric: Vec<&Measured<'_>> = results.iter().filter(|result| result.metric() == metric).collect();
            text += &table(metric, &of_metric);
        }
        text
    }
}

fn table(metric: &str, results: &[&Measured<'_>]) -> String {
    let mut variants: Vec<&str> = vec!["base", "forged"];
    for name in results.iter().filter_map(|result| result.0["metrics"].as_object()).flat_map(|metrics| metrics.keys()) {
        if !variants.contains(&name.as_str()) {
            variants.push(name);
        }
    }
    let counted = results.iter().any(|result| result.0["n"].is_u64());
    let better = match results.first().and_then(|result| result.0["higherIsBetter"].as_bool()) {
        Some(true) => ", higher is better",
        Some(false) => ", lower is better",
        None => "",
    };
    let heads: Vec<String> = variants.iter().map(|variant| cell(variant)).collect();
    let mut text = format!("\n**{}**{better}.", cell(metric));
    if results.iter().any(|result| result.0["ci95"].is_array()) {
        text.push_str(" In brackets: the 95 % confidence interval of the difference, by paired bootstrap.");
    }
    let _ = write!(text, "\n\n| measured on | {} | forged less base |", heads.join(" | "));
    let _ = write!(text, "{} verified |\n|---|{}---:|", if counted { " n |" } else { "" }, "---:|".repeat(variants.len()));
    text.push_str(if counted { "---:|---|\n" } else { "---|\n" });
    for result in results {
        let value = |variant: &&str| result.value(variant).map_or("not run".into(), |value| format!("{value:.4}"));
        let cells: Vec<String> = variants.iter().map(value).collect();
        let difference = result.difference().unwrap_or_else(|| "no base".into());
        let _ = write!(text, "| {} | {} | {difference} |", cell(&result.label()), cells.join(" | "));
        if counted {
            let _ = write!(text, " {} |", grouped(&result.0["n"]));
        }
        let hashed = result.0.get("resultHash").is_some_and(|hash| !hash.is_null());
        let _ = writeln!(text, " {} |", if hashed { "per-example results hashed" } else { "self-reported" });
    }
    text
}
