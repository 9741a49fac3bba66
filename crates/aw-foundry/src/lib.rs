//! Plans and runs a recipe: cache, resume, cancellation, limits. Emits typed events and draws nothing.
//!
//! [`plan()`] refuses everything that can be refused before any content is computed and says what a run would do. [`run()`] does it:
//! a stage whose key is in the store is not run again, heavy stages run in a child process under a memory limit, and what
//! comes out is a sealed artifact in a folder. [`verify_folder`] checks such a folder. What a stage does is its domain's affair, where
//! bytes rest is `aw-store`'s, and the document's rules are `aw-alloy`'s.

mod bundle;
pub mod child;
mod clock;
mod error;
mod events;
mod evidence;
mod halt;
mod inputs;
mod plan;
mod publish;
mod record;
mod run;
mod verify;
mod worker;

pub use bundle::{BundleError, CheckOptions, CheckedFolder, ListedFolder, check_folder, list_folder};
pub use error::{PlanError, RunError, VerifyError};
pub use events::Event;
pub use evidence::{EvidenceError, EvidenceOptions, corpora_at_hand, gather};
pub use plan::{Cached, Plan, PlannedFile, SourceState, Step, plan};
pub use run::{Run, RunOptions, Signer, StageReport, WorkerCommand, run};
pub use verify::{FolderVerdict, verify_folder};
pub use worker::{Job, serve};

use aw_domain::Registry;
use aw_store::Store;

/// What planning and running need: the domains and the store.
#[derive(Clone, Copy)]
pub struct Foundry<'a> {
    /// The domains this program knows.
    pub registry: &'a Registry,
    /// Where trees and stage records rest.
    pub store: &'a Store,
    /// Whether nothing may be asked of any other machine.
    pub offline: bool,
}
