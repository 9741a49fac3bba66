//! The W3C's test suites, read from their manifests. What fails must be what `decisions.txt` says, no more and no less.

mod canon;
mod json_ld;
mod manifest;
mod turtle;

use std::collections::BTreeMap;

/// Tests that fail on purpose: suite, test and reason.
const DECISIONS: &str = include_str!("decisions.txt");

/// What came of one test.
struct Outcome {
    id: String,
    name: String,
    result: Result<(), String>,
}

/// Prints the count and each failure, and holds them against the decisions.
fn judge(suite: &str, outcomes: &[Outcome]) {
    let lines = DECISIONS.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let rows = lines.map(|line| line.splitn(3, ' ').collect::<Vec<_>>()).filter(|row| row[0] == suite);
    let decisions: BTreeMap<&str, &str> = rows.map(|row| (row[1], row[2])).collect();
    let passed = outcomes.iter().filter(|it| it.result.is_ok()).count();
    eprintln!("{suite}: {passed} of {} pass", outcomes.len());
    let mut wrong = Vec::new();
    for outcome in outcomes {
        match (&outcome.result, decisions.get(outcome.id.as_str())) {
            (Ok(()), None) => {}
            (Ok(()), Some(_)) => wrong.push(format!("{} ({}) passes, but is listed as failing", outcome.id, outcome.name)),
            (Err(message), Some(reason)) => eprintln!("  {} ({}): {reason} [{message}]", outcome.id, outcome.name),
            (Err(message), None) => wrong.push(format!("{} ({}) fails: {message}", outcome.id, outcome.name)),
        }
    }
    let known = |id: &&&str| !outcomes.iter().any(|it| it.id == ***id);
    wrong.extend(decisions.keys().filter(known).map(|id| format!("{id} is listed as failing, but there is no such test")));
    assert!(!outcomes.is_empty(), "{suite}: the manifest lists no test");
    assert!(wrong.is_empty(), "{suite}:\n{}", wrong.join("\n"));
}
