//! How the end of a run looks.

use aw_commands::{RunResult, words};

use super::{benchmarks, tables};
use crate::page::Page;

pub(crate) fn run(run: &RunResult, page: &mut Page) {
    page.heading("stages");
    let rows: Vec<Vec<String>> = run
        .stages
        .iter()
        .enumerate()
        .map(|(index, stage)| {
            let how = if stage.cached { "cached".to_owned() } else { words::duration(stage.seconds) };
            vec![(index + 1).to_string(), stage.stage.clone(), how, stage.output.clone()]
        })
        .collect();
    page.table(&[">", "stage", ">time", "output root"], &rows);
    benchmarks(&run.benchmarks, page);
    tables(&run.tables, page);
    page.heading(&format!("{} {}", run.name, run.version));
    let unchanged = if run.unchanged { " (the very one that was kept already)" } else { "" };
    let mut pairs = vec![
        ("artifact", format!("{}{unchanged}", run.artifact)),
        ("output", run.output.clone()),
        ("lies in", run.folder.display().to_string()),
        ("signed by", format!("key {}", run.key_id)),
        ("took", words::duration(run.seconds)),
        ("check it", run.verify.clone()),
    ];
    if let Some(key) = &run.signed_with {
        pairs.insert(4, ("signed for others by", format!("key {key}")));
    }
    page.pairs(&pairs);
}
