//! What a foreman should look at, told from what the line's files say. Pure: what was found is handed in.
//!
//! # Source
//! The foundry and line, section 8, foreman alerts.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Failures of the same kind that make an alert.
pub const REPEATED: usize = 3;
/// Intervals of the heartbeat without any progress after which a part counts as stalled.
pub const STALLED_INTERVALS: u32 = 20;

/// Something a foreman should look at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Alert {
    /// How urgent it is.
    pub severity: Severity,
    /// What it is about.
    pub kind: Kind,
    /// The part concerned.
    pub part: Option<String>,
    /// What was found, with its numbers.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

/// How urgent something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing goes on, or something is lost, until somebody acts.
    Critical,
    /// A part waits for somebody.
    Warning,
    /// Worth knowing.
    Note,
}

/// What an alert is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A file system has less free than its floor.
    DiskUnderFloor,
    /// The memory that is available is less than what a part may take.
    Memory,
    /// A worker says that it lives, and does not.
    StaleHeartbeat,
    /// A part is being built and does not get on.
    StalledPart,
    /// Parts wait, and nobody builds.
    NoWorker,
    /// Several parts failed the same way.
    RepeatedFailure,
    /// A cycle made a result much worse, and the run was halted.
    RegressionHalt,
    /// The pipeline does not reproduce a published score, and the candidate was not judged.
    CalibrationHalt,
    /// A part was recovered as often as is allowed.
    RetriesExhausted,
    /// The shipping side refused a part.
    ShipRefused,
    /// Something in the stations is no part, or a part twice.
    Oddity,
}

/// A file system of the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    /// What it is called: `hot`, or a tier's name.
    pub name: String,
    /// What is free, in bytes; `None` when it cannot be reached.
    pub free_bytes: Option<u64>,
    /// What is to stay free, in bytes.
    pub floor_bytes: u64,
}

/// A worker as its heartbeat shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Worker {
    /// Its name.
    pub name: Option<String>,
    /// Whether it says that it lives, and does not.
    pub is_stale: bool,
    /// Whether it lives.
    pub is_alive: bool,
    /// The part it builds.
    pub part: Option<String>,
    /// Seconds since that part last got on; `None` when that is not known.
    pub idle_seconds: Option<u64>,
    /// Seconds between its beats.
    pub interval_seconds: u64,
}

/// A part in rework.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// Its name.
    pub part: String,
    /// What its error says.
    pub error: String,
    /// The stage it failed at.
    pub stage: Option<String>,
    /// Endings of the files beside it.
    pub sidecars: Vec<String>,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// The node's file systems.
    pub disks: Vec<Disk>,
    /// Memory that is available, in bytes.
    pub memory_available_bytes: Option<u64>,
    /// Memory that a process of a part may take, in bytes.
    pub memory_limit_bytes: Option<u64>,
    /// The workers.
    pub workers: Vec<Worker>,
    /// How many parts wait.
    pub waiting: usize,
    /// Parts in rework.
    pub rework: Vec<Failed>,
    /// What stands in the stations and is no part, or a part twice.
    pub oddities: Vec<String>,
}

/// Everything a foreman should look at, the most urgent first.
pub fn alerts(found: &Found) -> Vec<Alert> {
    let mut alerts = Vec::new();
    let mut tell = |severity, kind, part: Option<&str>, message: String, hint: Option<&str>| {
        alerts.push(Alert { severity, kind, part: part.map(str::to_owned), message, hint: hint.map(str::to_owned) });
    };
    for disk in &found.disks {
        match disk.free_bytes {
            None => tell(
                Severity::Warning,
                Kind::DiskUnderFloor,
                None,
                format!("`{}` cannot be reached", disk.name),
                Some("mount it, or take it out of the node file"),
            ),
            Some(free) if free < disk.floor_bytes => tell(
                Severity::Critical,
                Kind::DiskUnderFloor,
                None,
                format!("`{}` has {free} bytes free, its floor is {} bytes", disk.name, disk.floor_bytes),
                Some("`alloyworks line evict` moves or deletes work that nothing needs; `alloyworks gc` clears the store"),
            ),
            Some(_) => {}
        }
    }
    if let (Some(available), Some(limit)) = (found.memory_available_bytes, found.memory_limit_bytes)
        && available < limit
    {
        let message = format!("{available} bytes of memory are available, a part's process may take {limit} bytes");
        tell(Severity::Warning, Kind::Memory, None, message, Some("free memory, or lower `memory_limit_gb` in the node file"));
    }
    for worker in &found.workers {
        let name = worker.name.as_deref().map(|name| format!(" `{name}`")).unwrap_or_default();
        if worker.is_stale {
            let message = format!("the worker{name} is gone and did not say so");
            let hint = "start one with `alloyworks line work`, which recovers its part; or `alloyworks line recover`";
            tell(Severity::Critical, Kind::StaleHeartbeat, worker.part.as_deref(), message, Some(hint));
        }
        let stalled_after = worker.interval_seconds.saturating_mul(u64::from(STALLED_INTERVALS));
        if let (false, Some(part), Some(idle)) = (worker.is_stale, &worker.part, worker.idle_seconds)
            && idle > stalled_after
        {
            let message = format!("`{part}` has not got on for {idle} s");
            let hint = "`alloyworks line watch` shows what it does; `alloyworks line cancel` stops it";
            tell(Severity::Warning, Kind::StalledPart, Some(part), message, Some(hint));
        }
    }
    if found.waiting > 0 && !found.workers.iter().any(|worker| worker.is_alive) {
        let message = format!(
            "{} part{} wait{}, and no worker is alive",
            found.waiting,
            plural(found.waiting),
            if found.waiting == 1 { "s" } else { "" }
        );
        tell(Severity::Note, Kind::NoWorker, None, message, Some("`alloyworks line work` builds them"));
    }
    failures(&found.rework, &mut tell);
    for oddity in &found.oddities {
        tell(Severity::Warning, Kind::Oddity, None, oddity.clone(), None);
    }
    alerts.sort();
    alerts
}

fn failures(rework: &[Failed], tell: &mut impl FnMut(Severity, Kind, Option<&str>, String, Option<&str>)) {
    let mut alike: BTreeMap<(Option<&str>, String), Vec<&str>> = BTreeMap::new();
    for failed in rework {
        let part = Some(failed.part.as_str());
        let has = |ending: &str| failed.sidecars.iter().any(|sidecar| sidecar.ends_with(ending));
        let (kind, severity, hint) = if has("REGRESSION_HALT.json") || failed.error.starts_with("regression-halt") {
            (Kind::RegressionHalt, Severity::Warning, "read its `.REGRESSION_HALT.json`; a recipe may allow the loss, in words")
        } else if has("CALIBRATION_HALT.json") {
            (
                Kind::CalibrationHalt,
                Severity::Warning,
                "read its `.CALIBRATION_HALT.json`; put the pipeline right before anything is judged",
            )
        } else if failed.error.starts_with("crash recovery exhausted") {
            (Kind::RetriesExhausted, Severity::Warning, "look why its worker died, then `alloyworks line retry`")
        } else if is_refusal(&failed.part) {
            (Kind::ShipRefused, Severity::Warning, "put right what the rules name, and add the part anew under another version")
        } else {
            alike.entry((failed.stage.as_deref(), shape(&failed.error))).or_default().push(&failed.part);
            continue;
        };
        tell(severity, kind, part, failed.error.clone(), Some(hint));
    }
    for ((stage, error), parts) in alike.iter().filter(|(_, parts)| parts.len() >= REPEATED) {
        let stage = stage.map(|stage| format!(" at stage `{stage}`")).unwrap_or_default();
        let message = format!("{} parts failed alike{stage}: {error} ({})", parts.len(), parts.join(", "));
        let hint = "the cause is likely the node's or the recipes' common one; `alloyworks line retry` once it is put right";
        tell(Severity::Warning, Kind::RepeatedFailure, None, message, Some(hint));
    }
}

/// Whether a name is that of the record of a refusal, `<stem>.refused<n>`.
fn is_refusal(part: &str) -> bool {
    part.rsplit_once(".refused").is_some_and(|(_, number)| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// An error without what differs from part to part: its numbers and what stands in backticks.
fn shape(error: &str) -> String {
    let mut shape = String::new();
    for (index, piece) in error.split('`').enumerate() {
        if index % 2 == 1 {
            shape.push('…');
            continue;
        }
        let mut last_digit = false;
        for character in piece.chars() {
            let digit = character.is_ascii_digit();
            if !digit {
                shape.push(character);
            } else if !last_digit {
                shape.push('#');
            }
            last_digit = digit;
        }
    }
    shape
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(part: &str, error: &str, stage: Option<&str>) -> Failed {
        Failed { part: part.into(), error: error.into(), stage: stage.map(str::to_owned), sidecars: Vec::new() }
    }

    fn kinds(found: &Found) -> Vec<Kind> {
        alerts(found).iter().map(|alert| alert.kind).collect()
    }

    fn worker() -> Worker {
        Worker {
            name: None,
            is_stale: false,
            is_alive: true,
            part: Some("a.alloy.json".into()),
            idle_seconds: Some(0),
            interval_seconds: 30,
        }
    }

    #[test]
    fn a_line_in_order_has_nothing_to_tell() {
        let disk = Disk { name: "hot".into(), free_bytes: Some(10), floor_bytes: 10 };
        let found = Found {
            disks: vec![disk],
            memory_available_bytes: Some(5),
            memory_limit_bytes: Some(5),
            workers: vec![worker()],
            waiting: 3,
            rework: vec![failed("a", "stage-failed/x: 1", None), failed("b", "stage-failed/x: 2", None)],
            oddities: Vec::new(),
        };
        assert_eq!(alerts(&found), []);
    }

    #[test]
    fn every_kind_is_found_and_the_urgent_come_first() {
        let mut halted = failed("h", "something", None);
        halted.sidecars.push("h.REGRESSION_HALT.json".into());
        let mut uncalibrated = failed("c", "something", None);
        uncalibrated.sidecars.push("c.CALIBRATION_HALT.json".into());
        let found = Found {
            disks: vec![
                Disk { name: "hot".into(), free_bytes: Some(9), floor_bytes: 10 },
                Disk { name: "shelf".into(), free_bytes: None, floor_bytes: 0 },
            ],
            memory_available_bytes: Some(4),
            memory_limit_bytes: Some(5),
            workers: vec![Worker { is_stale: true, is_alive: false, ..worker() }],
            waiting: 1,
            rework: vec![
                halted,
                uncalibrated,
                failed("e", "crash recovery exhausted", None),
                failed("s.refused1", "rule `x`", None),
            ],
            oddities: vec!["`x` is no part".into()],
        };
        let kinds = kinds(&found);
        assert_eq!(kinds.len(), 10, "{kinds:?}");
        assert_eq!(kinds[..2], [Kind::DiskUnderFloor, Kind::StaleHeartbeat]);
        assert_eq!(kinds[9], Kind::NoWorker);
    }

    #[test]
    fn a_part_that_does_not_get_on_is_found_after_twenty_intervals() {
        let idle = |seconds| Found { workers: vec![Worker { idle_seconds: Some(seconds), ..worker() }], ..Found::default() };
        assert_eq!(kinds(&idle(600)), []);
        assert_eq!(kinds(&idle(601)), [Kind::StalledPart]);
    }

    #[test]
    fn failures_are_alike_whatever_their_numbers_and_names() {
        let rework = |last| Found {
            rework: vec![
                failed("a", "disk: `x/1` has 12 bytes", Some("quant")),
                failed("b", "disk: `y/2` has 9 bytes", Some("quant")),
                failed("c", "disk: `z` has 777 bytes", last),
            ],
            ..Found::default()
        };
        assert_eq!(kinds(&rework(Some("quant"))), [Kind::RepeatedFailure]);
        assert_eq!(kinds(&rework(Some("eval"))), []);
        assert!(alerts(&rework(Some("quant")))[0].message.contains("(a, b, c)"));
    }
}
