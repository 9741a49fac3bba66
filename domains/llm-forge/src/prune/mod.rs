//! Expert pruning: choose which experts of each layer stay, plan the output to the byte, write it in one streaming pass.
//!
//! A prune goes through four steps, each of which can refuse before the next costs anything:
//!
//! 1. [`Scores`] come from a profile, from [`router_l2`] or from [`random_scores`];
//! 2. [`Selection::rank`] keeps the best of each layer;
//! 3. [`plan_prune`] says from headers alone which tensor goes where under which name;
//! 4. [`rewrite`] reads every source shard once and writes the rest, hashing both; [`Sidecar`] records it and
//!    [`verify_rewrite`] holds the result against the source.
//!
//! # Determinism
//! Output bytes depend on the source, the kept experts, the shard size and this code only.

mod companions;
mod config;
mod hashing;
mod header;
mod layout;
mod plan;
pub(crate) mod random;
mod rewrite;
mod router;
mod selection;
mod sidecar;
mod sink;
mod strategy;
mod stream;
mod verify;

#[cfg(feature = "hub")]
pub(crate) use companions::goes_along;
pub use companions::{companion_files, is_tokenizer_file};
pub use config::{ConfigEditError, edit_expert_count};
pub use plan::{Counters, DEFAULT_SHARD_BYTES, PlanError, PlannedShard, PlannedTensor, PrunePlan, Slice, plan_prune};
pub use random::random_scores;
pub use rewrite::{FileRecord, RewriteError, Rewritten, rewrite};
pub use router::router_l2;
pub use selection::{Scores, SelectError, Selection, check_budget, check_keep};
pub use sidecar::{
    ImportanceRecord, RankedBy, SIDECAR_FILE, SIDECAR_SCHEMA, SelectionRecord, ShardIn, ShardOut, Sidecar, Source, Times, Tool,
};
pub use sink::{FolderOutput, OutputFile, OutputFiles, PARTIAL_SUFFIX};
pub use strategy::Strategy;
pub use verify::{Difference, Sample, Verification, VerifyError, verify_rewrite};
