//! How a recipe looks.

use aw_commands::RecipeView;
use serde_json::Value;

use super::optional;
use crate::page::{Page, Style};

pub(crate) fn recipe(recipe: &RecipeView, page: &mut Page) {
    page.heading(&format!("{} {} (recipe)", recipe.name, recipe.version));
    if let Some(summary) = &recipe.summary {
        page.raw(summary);
        page.gap();
    }
    page.pairs(&[
        ("id", recipe.id.clone()),
        ("digest", recipe.digest.clone()),
        ("domains", recipe.domains.join(", ")),
        ("source", format!("{} ({})", recipe.source, recipe.architecture)),
        ("cycles", recipe.cycles.to_string()),
        ("measures", recipe.benchmarks.join(", ")),
        ("licence", optional(recipe.license.as_ref())),
    ]);
    page.heading("stages");
    for (index, stage) in recipe.stages.iter().enumerate() {
        let runs = if stage.runs_here { "" } else { "  (declared, cannot run here)" };
        page.marked(Style::Bold, &format!("  {}. {}", index + 1, stage.stage), runs);
        if let Value::Object(members) = &stage.configuration {
            for (name, value) in members {
                page.line(&format!("       {name}: {value}"));
            }
        }
        if let Some(notes) = &stage.notes {
            notes.lines().for_each(|line| page.marked(Style::Faint, "       # ", line));
        }
    }
    limitations(&recipe.limitations, page);
}

/// What the result cannot do: always shown when there is something.
pub(super) fn limitations(limitations: &[String], page: &mut Page) {
    if !limitations.is_empty() {
        page.heading("limitations");
        limitations.iter().for_each(|text| page.line(&format!("  - {text}")));
    }
}
