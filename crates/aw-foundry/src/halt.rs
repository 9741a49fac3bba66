//! No silent regression: a run halts when a cycle made the result much worse and the recipe does not allow it.
//!
//! The rule is the gate's in `aw-alloy`; what was measured, the domain says. A halt leaves a report beside where the artifact would have
//! gone. Everything that finished stays in the store.
//!
//! # Source
//! The foundry and line, section 2.3.

use std::fs;
use std::path::{Path, PathBuf};

use aw_alloy::chain::Link;
use aw_alloy::decimal::Decimal;
use aw_alloy::gates::regression::{Series, judge_all};
use aw_alloy::gates::{GateVerdict, Outcome};
use serde_json::{Value, json};

use crate::Foundry;
use crate::error::RunError;
use crate::plan::Plan;
use crate::run::RunOptions;

/// What the report's name ends in.
const REPORT: &str = "REGRESSION_HALT.json";

/// Asks the domains what the links have measured, and halts on what regressed.
pub(crate) fn on_regression(foundry: Foundry<'_>, plan: &Plan, options: &RunOptions<'_>, links: &[Link]) -> Result<(), RunError> {
    let domains = plan.recipe.domains().iter().filter_map(|id| foundry.registry.domain(id).ok());
    let watched: Vec<Series> = domains.flat_map(|domain| domain.watched(links)).collect();
    let verdict = judge_all(&watched);
    let Some(link) = links.last().filter(|_| verdict.outcome == Outcome::Fail) else { return Ok(()) };
    let regressed = watched.iter().find(|series| judge_all(std::slice::from_ref(series)).outcome == Outcome::Fail);
    let report = write(options.out, &report(plan, link, regressed, &verdict))?;
    Err(RunError::RegressionHalt {
        index: link.stage_index as usize,
        stage: link.stage_type.clone(),
        verdict: Box::new(verdict),
        report,
    })
}

fn report(plan: &Plan, link: &Link, regressed: Option<&Series>, verdict: &GateVerdict) -> Value {
    let number = |value: Option<&Decimal>| value.and_then(|value| value.to_string().parse::<f64>().ok());
    let values = regressed.map(|series| series.values.as_slice()).unwrap_or_default();
    let (previous, current) = match values {
        [.., previous, current] => (number(Some(previous)), number(Some(current))),
        _ => (None, None),
    };
    let increase = previous.zip(current).map(|(previous, current)| current - previous);
    let root = plan.recipe.root();
    json!({
        "halted_at_cycle": values.len().saturating_sub(1),
        "cycle_ppls": values.iter().map(|value| number(Some(value))).collect::<Vec<_>>(),
        "regression_ratio": increase.zip(previous).map(|(increase, previous)| increase / previous),
        "regression_absolute": increase,
        "ratio_threshold": number(regressed.map(|series| &series.limits.max_percent)).map(|percent| percent / 100.0),
        "absolute_threshold": number(regressed.map(|series| &series.limits.max_absolute)),
        "model": root.source.base_model,
        "domain": plan.recipe.domains().first(),
        "benchmark": regressed.map(|series| &series.benchmark),
        "recipe": root.name,
        "recipe_version": root.version,
        "recipe_hash": plan.recipe.digest(),
        "stage": link.stage_type,
        "stage_index": link.stage_index,
        "verdict": verdict,
    })
}

/// Takes away the report of an earlier run whose artifact would have gone where one is now.
pub(crate) fn clear(out: &Path) {
    if let Ok((path, _)) = places(out) {
        let _ = fs::remove_file(path); // mostly there is none
    }
}

/// Where the report goes, and where it is written first.
fn places(out: &Path) -> std::io::Result<(PathBuf, PathBuf)> {
    let out = std::path::absolute(out)?;
    let name = out.file_name().unwrap_or_default().to_string_lossy();
    Ok((out.with_file_name(format!("{name}.{REPORT}")), out.with_file_name(format!(".{name}.{REPORT}.new"))))
}

/// Writes the report beside the artifact's folder, whole or not at all.
fn write(out: &Path, report: &Value) -> Result<PathBuf, RunError> {
    let place = |source| RunError::Place { folder: out.to_owned(), source };
    let (path, new) = places(out).map_err(place)?;
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(place)?;
    }
    fs::write(&new, format!("{report:#}\n")).map_err(place)?;
    fs::rename(&new, &path).map_err(place)?;
    Ok(path)
}
