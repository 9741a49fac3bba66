//! How a plan looks.

use aw_commands::{PlanResult, StepState, StepView, words};

use crate::page::Page;

pub(crate) fn plan(plan: &PlanResult, page: &mut Page) {
    page.heading(&format!("{} {}", plan.name, plan.version));
    let hashing =
        if plan.to_hash_bytes > 0 { format!(", {} to be hashed first", words::bytes(plan.to_hash_bytes)) } else { String::new() };
    let from = plan.source_from.as_ref().map_or_else(|| plan.source.display().to_string(), Clone::clone);
    let fetching = if plan.to_fetch_bytes > 0 {
        format!(", {} to be downloaded first", words::bytes(plan.to_fetch_bytes))
    } else {
        String::new()
    };
    let limit = plan.memory_limit_bytes.map_or("no limit".to_owned(), |bytes| format!("limit {}", words::bytes(bytes)));
    page.pairs(&[
        ("source", format!("{from}, {}{fetching}{hashing}", words::bytes(plan.source_bytes))),
        ("disk", format!("{} will be written, {} are free", words::bytes(plan.disk_bytes), words::bytes(plan.free_bytes))),
        ("memory", format!("{} at most, {limit}", words::bytes(plan.memory_bytes))),
        ("time", plan.seconds.map_or("unknown".to_owned(), |seconds| format!("about {}", words::duration(seconds)))),
    ]);
    page.gap();
    let rows: Vec<Vec<String>> = plan.steps.iter().enumerate().map(|(index, step)| row(index, step)).collect();
    page.table(&[">", "stage", ">cycle", "state", ">reads", ">writes", ">memory", ">time", "notes"], &rows);
}

fn row(index: usize, step: &StepView) -> Vec<String> {
    let derived = step.derived_from.iter().map(|from| format!("derived from {from}"));
    let notes: Vec<String> = derived.chain(step.notes.iter().cloned()).collect();
    let state = match step.state {
        StepState::Cached => "cached",
        StepState::WillRun => "will run",
        StepState::Depends => "not known yet",
    };
    vec![
        (index + 1).to_string(),
        step.stage.clone(),
        if step.cycle > 1 { step.cycle.to_string() } else { String::new() },
        state.into(),
        words::bytes(step.bytes_in),
        words::bytes(step.bytes_out),
        words::bytes(step.memory_bytes),
        step.seconds.map_or(String::new(), words::duration),
        notes.join("; "),
    ]
}
