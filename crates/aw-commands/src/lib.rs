//! What can be asked of Alloyworks: one definition per command, read by every surface.
//!
//! A [`Command`] has a name, a summary, a reach, the schemas of its typed parameters and result, and one function. The
//! [`registry()`] lists them; the program, a server or a remote node finds everything it needs there and adds no logic of
//! its own. What running means is `aw-foundry`'s affair, drawing is the surface's. This crate is also the composition root: the
//! built-in domains are named in `domains.rs`, and environment variables are read in `variables.rs` alone.
//!
//! Features: `llm-forge` (default) builds that domain in.
//!
//! ```
//! let registry = aw_commands::registry();
//! let names: Vec<&str> = registry.iter().map(|command| command.name).collect();
//! assert!(names.starts_with(&["forge/plan", "forge/run"]) && names.ends_with(&["node/doctor"]));
//! assert!(registry[0].parameters["properties"]["recipe"].is_object());
//! ```

#![allow(clippy::result_large_err, reason = "a command makes one report, and ends with it")]

mod commands;
mod domains;
mod environment;
mod events;
mod exit;
mod identity;
mod keys;
mod machine;
mod measured;
mod private_file;
mod recipe_file;
mod registry;
mod report;
mod size;
pub mod variables;
pub mod words;

pub use aw_alloy::coverage::{Coverage, Element, State as CoverageState};
pub use aw_alloy::gates::{GateVerdict, Outcome as GateOutcome, Rule, Verdicts};
pub use commands::data_delete::DeleteResult;
pub use commands::data_fork::ForkResult;
pub use commands::data_get::GetResult;
pub use commands::data_history::{HistoryFindingView, HistoryResult, VerificationView};
pub use commands::data_import::{ImportResult, ImportedView};
pub use commands::data_list::ListResult;
pub use commands::data_resolve::ResolveResult;
pub use commands::data_support::{EntityView, EntryView};
pub use commands::data_upsert::UpsertResult;
pub use commands::doctor::{Check, CheckState, DoctorResult, DomainView, StageTypeView};
pub use commands::gc::{GcResult, KeptView, Removed};
pub use commands::judge::JudgeResult;
pub use commands::key_create::KeyResult;
pub use commands::key_import::KeyImportResult;
pub use commands::key_list::KeyListResult;
pub use commands::key_registry::KeyRegistryResult;
pub use commands::key_rotate::KeyRotateResult;
#[cfg(feature = "line")]
pub use commands::line::{
    add::{AddedView, LineAddResult, RefusedView},
    doctor::LineDoctorResult,
    evict::LineEvictResult,
    init::LineInitResult,
    list::{LineListResult, OddityView, PartView},
    moved::{LineMovedResult, MovedView, NotMovedView},
    reorder::LineOrderResult,
    status::{DiskView, LineStatusResult, NextView, StationView, WorkerView},
    watch::LineWatchResult,
    work::LineWorkResult,
};
pub use commands::plan::{PlanResult, StepState, StepView};
pub use commands::registry;
pub use commands::run::{RunResult, StageView};
pub use commands::seal_check::SealCheckResult;
pub use commands::seal_export::{ExportFormat, SealExportResult};
pub use commands::seal_import::SealImportResult;
pub use commands::seal_sign::SealSignResult;
pub use commands::show::{ArtifactView, DocumentView, LinkView, RecipeStageView, RecipeView, ShowResult};
pub use commands::validate::{FileKind, ProblemView, ValidateResult, Validated};
pub use commands::verify::{FindingView, Verdict, VerifyResult};
pub use domains::built_in;
pub use environment::{DomainSource, Environment, EnvironmentError, Settings};
pub use events::{ProgressUnit, RunEvent};
pub use exit::ExitCode;
pub use keys::{KeyPurpose, KeyState, KeyView};
pub use measured::{Benchmark, Table, benchmarks, tables};
pub use registry::{AREAS, Answer, Command, Example, Outcome, Reach, Surface};
pub use report::{Place, Report, Severity};
pub use size::{MemoryLimit, SizeError};

/// Builds one part of a line: what the program does when a worker starts it as the process of a part. `make` is asked for the environment
/// once the process has its limits.
///
/// # Errors
/// When the job cannot be read or an answer cannot be written.
#[cfg(feature = "line")]
pub fn serve_part(
    make: impl FnOnce() -> Result<Environment, Report>,
    input: impl std::io::Read + Send + 'static,
    output: impl std::io::Write + Send,
) -> std::io::Result<()> {
    commands::line::part::serve(make, input, output)
}

/// Serves one stage: what the program does when a run starts it as the process of a heavy stage.
///
/// # Errors
/// When the job cannot be read or an answer cannot be written.
pub fn serve_worker(
    registry: &aw_domain::Registry,
    input: impl std::io::Read + Send + 'static,
    output: impl std::io::Write + Send,
) -> std::io::Result<()> {
    aw_foundry::serve(registry, input, output)
}
