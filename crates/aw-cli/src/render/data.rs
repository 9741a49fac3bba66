//! How entities and their history look.

use aw_commands::{
    DeleteResult, EntityView, EntryView, ForkResult, GetResult, HistoryResult, ImportResult, ImportedView, ListResult,
    ResolveResult, UpsertResult, VerificationView, words,
};

use super::optional;
use super::verify::mark;
use crate::page::{Page, Style};

pub(crate) fn upsert(result: &UpsertResult, page: &mut Page) {
    let done = result.change.as_deref().map_or("unchanged", done);
    one(&result.entity, done, page);
    result.remarks.iter().for_each(|remark| page.marked(Style::Warn, "  remark: ", remark));
}

/// A change, as something that was done.
fn done(change: &str) -> &str {
    match change {
        "create" => "created",
        "update" => "updated",
        "delete" => "deleted",
        "fork" => "forked",
        "import" => "imported",
        other => other,
    }
}

fn one(entity: &EntityView, done: &str, page: &mut Page) {
    page.marked(Style::Good, done, &format!("  {} ({}, revision {})", entity.name, entity.collection, entity.revision));
    page.pairs(&[("id", entity.id.clone()), ("document", entity.document.clone())]);
}

pub(crate) fn get(result: &GetResult, page: &mut Page) {
    match (&result.text, &result.file) {
        (Some(text), _) => page.raw(text),
        (None, Some(file)) => {
            page.line(&format!("{} {} revision {}: {}", result.collection, result.id, result.entry.revision, file.display()))
        }
        (None, None) => {}
    }
}

pub(crate) fn list(result: &ListResult, page: &mut Page) {
    if result.entities.is_empty() {
        return page.line("nothing");
    }
    let fact = |entity: &EntityView, field: &str| entity.facts.get(field).cloned().unwrap_or_default();
    let row = |entity: &EntityView| {
        vec![
            entity.collection.clone(),
            entity.name.clone(),
            fact(entity, "version"),
            fact(entity, "architecture"),
            fact(entity, "state"),
            entity.revision.to_string(),
            entity.updated_at.clone(),
            entity.id.clone(),
        ]
    };
    let rows: Vec<Vec<String>> = result.entities.iter().map(row).collect();
    page.table(&["collection", "name", "version", "architecture", "state", ">revision", "changed", "id"], &rows);
    if let Some(next) = &result.next {
        page.marked(Style::Faint, "  there is more: ", &format!("--after {next}"));
    }
}

pub(crate) fn delete(result: &DeleteResult, page: &mut Page) {
    let what = format!("  {} ({}), revision {}", result.entry.name, result.collection, result.entry.revision);
    page.marked(Style::Good, "deleted", &what);
    page.pairs(&[("id", result.id.clone())]);
}

pub(crate) fn history(result: &HistoryResult, page: &mut Page) {
    if let (Some(collection), Some(id)) = (&result.collection, &result.id) {
        page.heading(&format!("{collection} {id}"));
        let row = |entry: &EntryView| {
            vec![
                entry.revision.to_string(),
                entry.change.clone(),
                entry.at.clone(),
                entry.name.clone(),
                optional(entry.version.as_ref()),
                entry.document.as_deref().map_or(String::new(), short),
                entry.actor.chars().take(16).collect(),
                entry.sequence.to_string(),
            ]
        };
        let rows: Vec<Vec<String>> = result.entries.iter().map(row).collect();
        page.table(&[">revision", "change", "at", "name", "version", "document", "by key", ">entry"], &rows);
        if let Some(next) = result.next {
            page.marked(Style::Faint, "  there is more: ", &format!("--before {next}"));
        }
    }
    if let Some(verification) = &result.verification {
        verified(verification, page);
    }
}

/// The beginning of a digest, as far as people compare them.
fn short(digest: &str) -> String {
    digest.trim_start_matches("sha256:").chars().take(16).collect()
}

fn verified(verification: &VerificationView, page: &mut Page) {
    page.gap();
    for finding in &verification.findings {
        let (style, word) = mark(finding.verdict);
        let at = finding.sequence.map_or(String::new(), |sequence| format!("entry {sequence}: "));
        page.marked(style, &format!("  {word:<8}"), &format!("{at}{}", finding.message));
    }
    let (style, word) = mark(verification.verdict);
    let entities = usize::try_from(verification.entities).unwrap_or(usize::MAX);
    let of = match entities {
        1 => "1 entity".to_owned(),
        count => format!("{count} entities"),
    };
    page.marked(style, word, &format!("  history of {of}, {} entries", verification.entries));
    page.pairs(&[("head", optional(verification.head.as_ref()))]);
}

pub(crate) fn fork(result: &ForkResult, page: &mut Page) {
    one(&result.entity, "forked", page);
    page.pairs(&[("parent", result.parent.clone())]);
}

pub(crate) fn import(result: &ImportResult, page: &mut Page) {
    let show = |imported: &ImportedView, page: &mut Page| {
        one(&imported.entity, if imported.new { "imported" } else { "there already" }, page);
    };
    show(&result.recipe, page);
    if let Some(artifact) = &result.artifact {
        show(artifact, page);
    }
    page.heading("members");
    for (what, members) in [
        ("in the recipe", &result.in_recipe),
        ("in the artifact alone", &result.in_artifact),
        ("no place in a recipe", &result.no_place),
        ("null", &result.nulls),
    ] {
        if !members.is_empty() {
            page.marked(Style::Faint, &format!("  {what}: "), &members.join(", "));
        }
    }
    for (what, problems) in [("the recipe is a draft: ", &result.problems), ("it cannot run here: ", &result.cannot_run)] {
        if !problems.is_empty() {
            page.marked(Style::Warn, &format!("  {what}"), &words::count(problems.len(), "problem"));
            problems.iter().for_each(|problem| page.raw(&format!("    {problem}")));
        }
    }
}

pub(crate) fn resolve(result: &ResolveResult, page: &mut Page) {
    let (style, word) = if result.resolves { (Style::Good, "resolves") } else { (Style::Bad, "DOES NOT RESOLVE") };
    let recipe = format!("  recipe {} {}", optional(result.recipe_id.as_ref()), optional(result.recipe_version.as_ref()));
    page.marked(style, word, &recipe);
    let mut pairs = vec![("artifact", result.artifact.clone())];
    pairs.extend(result.revision.map(|revision| ("revision", revision.to_string())));
    pairs.extend(result.digest.clone().map(|digest| ("digest", digest)));
    page.pairs(&pairs);
    result.remarks.iter().for_each(|remark| page.marked(Style::Warn, "  remark: ", remark));
}
