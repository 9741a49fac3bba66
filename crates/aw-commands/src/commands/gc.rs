//! `store/gc`: frees what no kept artifact and no cached stage needs, and lists what is kept.

use std::path::PathBuf;

use aw_store::{Count, GcReport, Kept, KeptId, StageRecords, Store};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::exit::ExitCode;
use crate::registry::{About, Command, Example, Outcome, Reach, Surface};
use crate::report::Report;

pub(super) fn command() -> Command {
    let about = About {
        name: "store/gc",
        summary: "Frees what the store no longer needs, and lists the artifacts it keeps",
        details: "Artifacts that a run sealed are kept until they are let go with `--forget`. Outputs of stages stay too, so that they do \
                  not run again; `--all-stages` gives them up. Artifacts in folders of their own are never touched. \
                  Refuses while a run goes on.",
        reach: Reach::Local,
        examples: &[
            Example { what: "what would be freed, and what is kept", line: "gc --dry-run" },
            Example { what: "also free the outputs of stages", line: "gc --all-stages" },
            Example { what: "let a kept artifact go", line: "gc --forget 5f0c6f0e-3f7e-8d5a-9a3c-1b2d3c4e5f60" },
        ],
        exit_codes: &[ExitCode::Ok, ExitCode::Refused, ExitCode::Environment],
    };
    Command::new(about, run)
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    /// Only say what would be freed.
    #[serde(default)]
    dry_run: bool,
    /// Give up the outputs of stages too: what kept artifacts need stays, everything else would run again.
    #[serde(default)]
    all_stages: bool,
    /// Let go of the kept artifact with this id first. May be given several times.
    #[serde(default)]
    #[schemars(extend("x-value-name" = "ID"))]
    forget: Vec<String>,
}

/// What was freed and what stays.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GcResult {
    /// Whether it was only looked at.
    pub dry_run: bool,
    /// The artifacts let go.
    pub forgotten: Vec<KeptView>,
    /// The artifacts kept.
    pub kept: Vec<KeptView>,
    /// What was freed, by kind.
    pub removed: Vec<Removed>,
    /// Bytes that became free.
    pub freed_bytes: u64,
    /// Files that stay.
    pub remaining_files: u64,
    /// Their bytes.
    pub remaining_bytes: u64,
    /// Records of stages that were damaged: those stages run again.
    pub damaged: Vec<String>,
    /// Things in the store's folder that the store did not put there; left alone.
    pub strangers: Vec<PathBuf>,
}

impl Outcome for GcResult {}

/// A kept artifact.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeptView {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
}

/// Files of one kind that were freed.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Removed {
    /// What they are.
    pub what: String,
    /// How many.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

fn run(environment: &Environment, parameters: Parameters, _: &Surface<'_>) -> Result<GcResult, Report> {
    if parameters.dry_run && !parameters.forget.is_empty() {
        let message =
            "`--forget` and `--dry-run` do not go together: what an artifact alone needs is known only once it is let go";
        return Err(Report::new(ExitCode::Usage, "parameters", message).hint("leave one of the two out"));
    }
    let store = environment.store()?;
    let forgotten = forget(&store, &parameters.forget)?;
    let stages = if parameters.all_stages { StageRecords::Drop } else { StageRecords::Keep };
    let report = store.gc(stages, parameters.dry_run)?;
    let kept = kept(&store)?.iter().map(KeptView::of).collect();
    Ok(GcResult::of(&report, parameters.dry_run, forgotten, kept))
}

fn kept(store: &Store) -> Result<Vec<Kept>, Report> {
    let mut kept = Vec::new();
    for id in store.list_kept()? {
        // One that another process let go meanwhile is not kept.
        kept.extend(store.kept(&id)?);
    }
    Ok(kept)
}

/// Lets artifacts go; none when one of the ids is not kept.
fn forget(store: &Store, ids: &[String]) -> Result<Vec<KeptView>, Report> {
    let mut found = Vec::new();
    for text in ids {
        let id = KeptId::new(text.clone()).map_err(|error| Report::new(ExitCode::Usage, "id", error.to_string()))?;
        match store.kept(&id)? {
            Some(kept) => found.push(kept),
            None => return Err(not_kept(store, text)?),
        }
    }
    if !found.is_empty() {
        let writer = store.writer()?;
        for kept in &found {
            writer.unkeep(&kept.id)?;
        }
    }
    Ok(found.iter().map(KeptView::of).collect())
}

fn not_kept(store: &Store, id: &str) -> Result<Report, Report> {
    let list: Vec<String> = kept(store)?.iter().map(|kept| format!("`{}` ({})", kept.id, kept.name)).collect();
    let report =
        Report::new(ExitCode::Refused, "not-kept", format!("no artifact is kept under the id `{id}`; nothing was let go"));
    Ok(report.hint(if list.is_empty() {
        "the store keeps no artifact".to_owned()
    } else {
        format!("kept are {}", list.join(", "))
    }))
}

impl KeptView {
    fn of(kept: &Kept) -> Self {
        Self { id: kept.id.to_string(), name: kept.name.clone() }
    }
}

impl GcResult {
    fn of(report: &GcReport, dry_run: bool, forgotten: Vec<KeptView>, kept: Vec<KeptView>) -> Self {
        let removed = |(what, count): (&str, Count)| Removed { what: what.into(), files: count.files, bytes: count.bytes };
        let removed = [
            ("file contents", report.blobs),
            ("file contents still linked from folders outside (their space stays taken)", report.blobs_linked_outside),
            ("lists of files", report.trees),
            ("records of stages", report.stages),
            ("indices of source folders that are gone", report.sources),
            ("leftovers of runs that died", report.scratch),
        ]
        .map(removed);
        Self {
            dry_run,
            forgotten,
            kept,
            removed: removed.into_iter().filter(|removed| removed.files > 0).collect(),
            freed_bytes: report.freed_bytes(),
            remaining_files: report.remaining.files,
            remaining_bytes: report.remaining.bytes,
            damaged: report.damaged.iter().map(ToString::to_string).collect(),
            strangers: report.strangers.clone(),
        }
    }
}
