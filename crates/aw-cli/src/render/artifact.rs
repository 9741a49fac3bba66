//! How an artifact looks, as its document has it.

use aw_commands::{ArtifactView, DocumentView, LinkView, words};

use super::{benchmarks, optional, tables};
use crate::page::{Page, Style};

pub(crate) fn artifact(view: &ArtifactView, page: &mut Page) {
    page.heading(&format!("{} {} (artifact)", view.name, view.recipe_version.as_deref().unwrap_or_default()));
    if let Some(summary) = &view.summary {
        page.raw(summary);
        page.gap();
    }
    page.pairs(&[
        ("id", view.id.clone()),
        ("recipe", optional(view.recipe_id.as_ref())),
        ("forged at", optional(view.forged_at.as_ref())),
        ("source", format!("{}, {}, root {}", optional(view.source.as_ref()), words::bytes(view.source_bytes), view.source_root)),
        ("output", view.output.clone()),
        (
            "signer",
            view.claimed_signer.as_ref().map_or("no readable seal".to_owned(), |key| format!("{key} (as the document claims)")),
        ),
    ]);
    page.heading("chain");
    let rows: Vec<Vec<String>> = view.links.iter().map(row).collect();
    page.table(&[">link", "stage", ">cycle", ">files", ">wrote", ">time", ">memory", "output root"], &rows);
    benchmarks(&view.benchmarks, page);
    tables(&view.tables, page);
    super::judge::coverage(&view.coverage, page);
    super::recipe::limitations(&view.limitations, page);
    page.gap();
    page.marked(Style::Warn, "note: ", "shown as the document has it; `alloyworks verify` checks it");
}

/// A document of another program: it has no chain.
pub(crate) fn document(view: &DocumentView, page: &mut Page) {
    let kind = if view.has_results { "document of another program" } else { "document of another program, not run" };
    page.heading(&format!("{} {} ({kind})", view.name, view.version.as_deref().unwrap_or_default()));
    if let Some(summary) = &view.summary {
        page.raw(summary);
        page.gap();
    }
    page.pairs(&[
        ("file hash", view.file_hash.clone()),
        ("author", optional(view.author.as_ref())),
        ("source", optional(view.source.as_ref())),
        ("stages", view.stages.join(", ")),
        (
            "trust",
            view.trust_level.as_ref().map_or("says nothing".to_owned(), |level| format!("{level} (as the document claims)")),
        ),
    ]);
    benchmarks(&view.benchmarks, page);
    super::judge::coverage(&view.coverage, page);
    super::recipe::limitations(&view.limitations, page);
    page.gap();
    page.marked(Style::Warn, "note: ", "shown as the document has it; it has no chain that could be verified");
}

fn row(link: &LinkView) -> Vec<String> {
    vec![
        link.index.to_string(),
        link.stage.clone(),
        if link.cycle > 1 { link.cycle.to_string() } else { String::new() },
        link.files.to_string(),
        words::bytes(link.bytes),
        link.seconds.map_or(String::new(), words::duration),
        link.peak_memory_bytes.map_or(String::new(), words::bytes),
        link.output.clone(),
    ]
}
