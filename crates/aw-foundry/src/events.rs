//! What a run says while it goes. Consumers draw; this crate does not.

use aw_alloy::digest::{ArtifactId, TreeRoot};
use aw_domain::Progress;
use serde::Serialize;

/// One thing that happened in a run. Positions count steps from 1, repeated cycles included.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum Event {
    /// The source is being brought from elsewhere.
    SourceFetching {
        /// How far it is.
        #[serde(flatten)]
        progress: Progress,
    },
    /// The source is being hashed.
    SourceHashing {
        /// Bytes hashed.
        done_bytes: u64,
        /// Bytes to hash.
        total_bytes: u64,
    },
    /// The source is known.
    SourceReady {
        /// Root of its tree.
        root: TreeRoot,
        /// Its size in bytes.
        bytes: u64,
    },
    /// A stage starts.
    StageStarted {
        /// Which step.
        step: usize,
        /// Of how many.
        steps: usize,
        /// The stage type.
        stage: String,
    },
    /// A stage goes on.
    StageProgress {
        /// Which step.
        step: usize,
        /// How far it is.
        #[serde(flatten)]
        progress: Progress,
    },
    /// A stage is done, or was done before.
    StageFinished {
        /// Which step.
        step: usize,
        /// Of how many.
        steps: usize,
        /// The stage type.
        stage: String,
        /// Whether it was in the store already.
        cached: bool,
        /// How long it took when it ran, in seconds.
        seconds: f64,
        /// Root of the tree after it.
        output: TreeRoot,
    },
    /// A stage in the store is not whole any more and runs again.
    StageDamaged {
        /// Which step.
        step: usize,
        /// The stage type.
        stage: String,
        /// The first thing found wrong.
        reason: String,
    },
    /// The artifact is sealed.
    Sealed {
        /// Its id.
        artifact: ArtifactId,
        /// Root of its files.
        output: TreeRoot,
        /// Whether this very artifact was already kept in the store.
        unchanged: bool,
    },
    /// The artifact lies in its folder.
    Placed {
        /// The folder.
        folder: String,
    },
}
