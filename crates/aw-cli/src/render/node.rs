//! How the node's own affairs look: gc and doctor.

use aw_commands::{CheckState, DoctorResult, DomainView, GcResult, words};

use crate::page::{Page, Style};

pub(crate) fn gc(result: &GcResult, page: &mut Page) {
    for kept in &result.forgotten {
        page.line(&format!("let go: {} ({})", kept.id, kept.name));
    }
    let rows: Vec<Vec<String>> = result
        .removed
        .iter()
        .map(|removed| vec![removed.what.clone(), removed.files.to_string(), words::bytes(removed.bytes)])
        .collect();
    if !rows.is_empty() {
        page.heading(if result.dry_run { "would be freed" } else { "freed" });
        page.table(&["what", ">files", ">size"], &rows);
        page.gap();
    }
    let verb = if result.dry_run { "would become free" } else { "became free" };
    let stays =
        format!("{} in {} stay", words::bytes(result.remaining_bytes), words::count(count(result.remaining_files), "file"));
    page.line(&format!("{} {verb}, {stays}", words::bytes(result.freed_bytes)));
    page.heading("kept");
    match result.kept.is_empty() {
        true => page.line("  no artifact is kept"),
        false => page
            .table(&["id", "name"], &result.kept.iter().map(|kept| vec![kept.id.clone(), kept.name.clone()]).collect::<Vec<_>>()),
    }
    for fault in &result.damaged {
        page.marked(Style::Warn, "damaged: ", &format!("{fault}; the stage runs again when it is needed"));
    }
    for stranger in &result.strangers {
        page.marked(Style::Warn, "left alone: ", &format!("`{}`, the store did not put it there", stranger.display()));
    }
}

fn count(files: u64) -> usize {
    usize::try_from(files).unwrap_or(usize::MAX)
}

pub(crate) fn doctor(result: &DoctorResult, page: &mut Page) {
    page.heading(&format!("alloyworks {}", result.version));
    page.pairs(&[("home", result.home.display().to_string())]);
    page.gap();
    for check in &result.checks {
        let (style, word) = match check.state {
            CheckState::Ok => (Style::Good, "ok"),
            CheckState::Note => (Style::Warn, "note"),
            CheckState::Broken => (Style::Bad, "BROKEN"),
        };
        page.marked(style, &format!("  {word:<8}"), &format!("{:<10} {}", check.what, check.detail));
        if let Some(hint) = &check.hint {
            page.marked(Style::Warn, "          hint: ", hint);
        }
    }
    let memory = &result.memory;
    let size = |bytes: Option<u64>| bytes.map_or("unknown".to_owned(), words::bytes);
    page.heading("machine");
    page.pairs(&[
        (
            "processor",
            format!(
                "{}, {}: {}",
                result.architecture,
                words::count(result.threads, "thread"),
                result.processor_features.join(" ")
            ),
        ),
        ("memory", format!("{}, {} available", size(memory.total_bytes), size(memory.available_bytes))),
        (
            "container",
            memory
                .container_limit_bytes
                .map_or("no memory limit".to_owned(), |bytes| format!("memory limit {}", words::bytes(bytes))),
        ),
        ("free disk", size(result.free_bytes)),
    ]);
    for domain in &result.domains {
        stages(domain, page);
    }
    page.heading("shell");
    page.line("  completions: `alloyworks completions bash` (zsh, fish, elvish, powershell) writes them to standard output");
}

fn stages(domain: &DomainView, page: &mut Page) {
    page.heading(&format!("domain {} {}", domain.id, domain.version));
    let runs = |here: bool| if here { "here" } else { "declared only" };
    let rows: Vec<Vec<String>> = domain
        .stages
        .iter()
        .map(|stage| vec![stage.name.clone(), stage.phase.clone(), runs(stage.runs_here).to_owned(), stage.summary.clone()])
        .collect();
    page.table(&["stage", "phase", "runs", "what it does"], &rows);
}
