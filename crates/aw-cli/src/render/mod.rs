//! How results and reports look to people. A result that has no page of its own is written as JSON, never left out.

mod artifact;
mod contracts;
mod data;
mod door;
mod judge;
mod key;
mod line;
mod node;
mod plan;
mod recipe;
mod report;
mod run;
mod seal;
mod validate;
mod verify;

use aw_commands::{Benchmark, ShowResult, Table};
use serde_json::{Error, Value, from_value};

use crate::page::Page;

pub(crate) use plan::plan;
pub(crate) use report::report;

/// Writes the result of the command of that name.
pub(crate) fn result(command: &str, result: Value, page: &mut Page) -> Result<(), Error> {
    match command {
        "forge/plan" => plan(&from_value(result)?, page),
        "forge/run" => run::run(&from_value(result)?, page),
        "forge/validate" => validate::validate(&from_value(result)?, page),
        "forge/verify" => verify::verify(&from_value(result)?, page),
        "forge/judge" => judge::judge(&from_value(result)?, page),
        "forge/show" => match from_value(result)? {
            ShowResult::Recipe(view) => recipe::recipe(&view, page),
            ShowResult::Artifact(view) => artifact::artifact(&view, page),
            ShowResult::Document(view) => artifact::document(&view, page),
            ShowResult::Card { text } => page.raw(&text),
        },
        "seal/sign" => seal::sign(&from_value(result)?, page),
        "seal/check" => seal::check(&from_value(result)?, page),
        "seal/export" => seal::export(&from_value(result)?, page),
        "seal/import" => seal::import(&from_value(result)?, page),
        "data/upsert" => data::upsert(&from_value(result)?, page),
        "data/get" => data::get(&from_value(result)?, page),
        "data/list" => data::list(&from_value(result)?, page),
        "data/delete" => data::delete(&from_value(result)?, page),
        "data/history" => data::history(&from_value(result)?, page),
        "data/fork" => data::fork(&from_value(result)?, page),
        "data/import" => data::import(&from_value(result)?, page),
        "data/resolve" => data::resolve(&from_value(result)?, page),
        "key/create" | "key/show" | "key/revoke" => key::one(&from_value(result)?, page),
        "key/list" => key::list(&from_value(result)?, page),
        "key/rotate" => key::rotated(&from_value(result)?, page),
        "key/import" => key::imported(&from_value(result)?, page),
        name if name.starts_with("codegen/") => contracts::contracts(name, &result, page),
        name if name.starts_with("door/") => door::door(name, &result, page),
        name if name.starts_with("line/") => line::line(name, result, page)?,
        "store/gc" => node::gc(&from_value(result)?, page),
        "node/doctor" => node::doctor(&from_value(result)?, page),
        _ => page.raw(&format!("{result:#}")),
    }
    Ok(())
}

/// The results table: a row a benchmark, a column a model.
fn benchmarks(benchmarks: &[Benchmark], page: &mut Page) {
    if benchmarks.is_empty() {
        return;
    }
    let mut columns: Vec<&str> = Vec::new();
    for name in benchmarks.iter().flat_map(|benchmark| benchmark.values.keys()) {
        if !columns.contains(&name.as_str()) {
            columns.push(name);
        }
    }
    // Rows may start with different columns; these two come first in every table.
    columns.sort_by_key(|name| ["base", "forged"].iter().position(|first| first == name).unwrap_or(2));
    let head: Vec<String> = ["benchmark", "on", "measures"]
        .into_iter()
        .map(str::to_owned)
        .chain(columns.iter().map(|name| format!(">{name}")))
        .collect();
    let rows: Vec<Vec<String>> = benchmarks.iter().map(|benchmark| row(benchmark, &columns)).collect();
    page.heading("results");
    page.table(&head.iter().map(String::as_str).collect::<Vec<_>>(), &rows);
}

/// The tables of stages, as they are.
fn tables(tables: &[Table], page: &mut Page) {
    for table in tables {
        page.heading(&table.title);
        page.table(&table.columns.iter().map(String::as_str).collect::<Vec<_>>(), &table.rows);
    }
}

fn row(benchmark: &Benchmark, columns: &[&str]) -> Vec<String> {
    // A metric named as its benchmark says nothing new.
    let metric = benchmark.metric.clone().filter(|metric| *metric != benchmark.name);
    let measures: Vec<String> = metric.into_iter().chain(benchmark.unit.clone()).collect();
    let measures = measures.join(", ");
    let on: Vec<&str> = [&benchmark.subset, &benchmark.tier].into_iter().flatten().map(String::as_str).collect();
    let names = [benchmark.name.clone(), on.join(", "), measures];
    names.into_iter().chain(columns.iter().map(|name| benchmark.values.get(*name).map_or(String::new(), value))).collect()
}

fn value(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_f64() => number.as_f64().map_or(String::new(), decimals),
        other => other.to_string(),
    }
}

/// Four decimals where they matter, fewer for large numbers.
fn decimals(number: f64) -> String {
    match number.abs() {
        1e6.. => format!("{number:.3e}"),
        1000.0.. => format!("{number:.1}"),
        _ => format!("{number:.4}"),
    }
}

fn optional(text: Option<&String>) -> String {
    text.cloned().unwrap_or_else(|| "unknown".into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn base_and_forged_lead_and_gaps_stay_gaps() {
        let rows: Vec<Benchmark> = from_value(json!([
            {"name": "perplexity", "subset": "code", "metric": null, "unit": "per token", "values": {"forged": 3.5, "random": 12345.678, "base": 3.25}},
            {"name": "humaneval", "subset": null, "metric": "pass@1", "unit": null, "values": {"forged": 0, "status": "partial"}},
        ]))
        .unwrap();
        let mut page = Page::new(false);
        benchmarks(&rows, &mut page);
        let expected = "results\n  benchmark   on    measures     base  forged   random   status\n  \
                        perplexity  code  per token  3.2500  3.5000  12345.7\n  \
                        humaneval         pass@1                  0           partial\n";
        assert_eq!(page.into_text(), expected);
    }
}
