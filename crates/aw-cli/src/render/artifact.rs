//! How an artifact looks, as its document has it.

use aw_commands::{ArtifactView, LinkView, words};

use super::{benchmarks, optional};
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
    super::recipe::limitations(&view.limitations, page);
    page.gap();
    page.marked(Style::Warn, "note: ", "shown as the document has it; `alloyworks verify` checks it");
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
