//! Why planning, running or verifying ended early.

use std::path::PathBuf;

use aw_alloy::gates::GateVerdict;
use aw_alloy::tree::TreePath;
use aw_domain::{Digest, Failure, Problem, TreeRoot};
use aw_store::{
    AdoptError, DiskError, KeepError, KeptError, PlaceError, PutTreeError, RecordStageError, SourceError, WriterError,
};

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The recipe, its source or its files are refused; all reasons at once.
    #[error("the recipe is refused: {} problem{}", .0.len(), if .0.len() == 1 { "" } else { "s" })]
    Refused(Vec<Problem>),
    /// The source's folder cannot be looked at.
    #[error("the source cannot be read: {0}")]
    Source(#[from] SourceError),
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] DiskError),
}

/// Why a run ended without an artifact. What finished before is in the store and is not run again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// It was asked to stop.
    #[error("the run was cancelled; finished stages are kept and will not run again")]
    Cancelled,
    /// A stage failed.
    #[error("stage {} (`{stage}`) failed: {failure}", index + 1)]
    Stage {
        /// Its position in the recipe, from 0.
        index: usize,
        /// Its stage type.
        stage: String,
        /// What it said.
        failure: Box<Failure>,
    },
    /// The source changed while it was read.
    #[error("the source changed during the run: expected root {expected}, found {found}")]
    SourceChanged {
        /// Root when the run started.
        expected: TreeRoot,
        /// Root now.
        found: TreeRoot,
    },
    /// A file of the source changed between its hashing and its copying into the store.
    #[error("`{path}` of the source changed during the run: expected content {expected}, found {found}")]
    SourceFileChanged {
        /// The file.
        path: TreePath,
        /// Digest of its content when the run started.
        expected: Digest,
        /// Digest of its content now.
        found: Digest,
    },
    /// The source cannot be brought from where it is.
    #[error("the source cannot be fetched: {0}")]
    Fetch(Box<Failure>),
    /// A file of the source is not what its origin says it is.
    #[error("`{}` is not what its origin says: expected {expected}, found {}", file.display(), found.map_or("nothing".to_owned(), |found| found.to_string()))]
    SourceDamaged {
        /// The file.
        file: PathBuf,
        /// What it should hold.
        expected: Digest,
        /// What it holds.
        found: Option<Digest>,
    },
    /// The source is not the one the recipe pins.
    #[error("the source is not the one the recipe pins: expected root {expected}, found {found}")]
    SourcePin {
        /// The pinned root.
        expected: TreeRoot,
        /// The root found.
        found: TreeRoot,
    },
    /// The source cannot be hashed.
    #[error("the source cannot be read: {0}")]
    Source(Box<SourceError>),
    /// A stage's output is not what it says.
    #[error("stage {} (`{stage}`) gave an unusable output: {problem}", index + 1)]
    Output {
        /// Its position in the recipe, from 0.
        index: usize,
        /// Its stage type.
        stage: String,
        /// What is wrong.
        problem: String,
    },
    /// A cycle made the result much worse, and the recipe does not allow it.
    #[error("stage {} (`{stage}`) shows a regression, so the run was halted: {}", index + 1, told(verdict))]
    RegressionHalt {
        /// Position in the recipe of the stage that measured it, from 0.
        index: usize,
        /// Its stage type.
        stage: String,
        /// What the gate says, each failing rule with its numbers.
        verdict: Box<GateVerdict>,
        /// The report that was written.
        report: PathBuf,
    },
    /// The folder for the artifact holds something else.
    #[error("`{}` holds something that is not an artifact; it is left as it is", folder.display())]
    OutOccupied {
        /// The folder.
        folder: PathBuf,
    },
    /// The artifact's folder cannot be put in place.
    #[error("the artifact cannot be placed in `{}`: {source}", folder.display())]
    Place {
        /// The folder.
        folder: PathBuf,
        /// What went wrong.
        source: std::io::Error,
    },
    /// The artifact cannot be put together.
    #[error("this is a bug: {0}")]
    Assemble(#[from] aw_alloy::artifact::ArtifactError),
    /// The artifact cannot be signed.
    #[error("the artifact cannot be signed: {} problem{}", .0.len(), if .0.len() == 1 { "" } else { "s" })]
    Sign(Vec<Problem>),
    /// The store cannot be read or written.
    #[error(transparent)]
    Store(Box<StoreError>),
}

/// The failing rules in a line.
fn told(verdict: &GateVerdict) -> String {
    verdict.failures().map(|rule| rule.message.as_str()).collect::<Vec<_>>().join("; ")
}

/// Why the store could not serve a run: the store's own error of that operation.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    #[error(transparent)]
    Disk(#[from] DiskError),
    #[error(transparent)]
    Writer(#[from] WriterError),
    #[error(transparent)]
    Adopt(#[from] AdoptError),
    #[error(transparent)]
    PutTree(#[from] PutTreeError),
    #[error(transparent)]
    Record(#[from] RecordStageError),
    #[error(transparent)]
    Placed(#[from] PlaceError),
    #[error(transparent)]
    Keep(#[from] KeepError),
    #[error(transparent)]
    Kept(#[from] KeptError),
}

impl StoreError {
    /// What to do about it, where the store can tell.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Writer(error) => error.hint(),
            Self::Placed(error) => error.hint(),
            Self::Kept(error) => error.hint(),
            _ => None,
        }
    }
}

macro_rules! from_store {
    ($($error:ty),+) => {$(
        impl From<$error> for RunError {
            fn from(error: $error) -> Self {
                Self::Store(Box::new(error.into()))
            }
        }
    )+};
}
from_store!(DiskError, WriterError, AdoptError, PutTreeError, RecordStageError, PlaceError, KeepError, KeptError);

impl From<SourceError> for RunError {
    fn from(error: SourceError) -> Self {
        Self::Source(Box::new(error))
    }
}

impl RunError {
    /// What to do about it, where that can be told.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Cancelled => Some("run the same command again to go on where it stopped".into()),
            Self::Stage { failure, .. } => failure.hint.clone(),
            Self::Fetch(failure) => failure.hint.clone(),
            Self::SourceDamaged { file, .. } => {
                let real = file.canonicalize().unwrap_or_else(|_| file.clone());
                Some(format!("remove `{}` and run again: it is fetched anew", real.display()))
            }
            Self::SourceChanged { .. } | Self::SourceFileChanged { .. } => {
                Some("leave the source alone while a recipe runs, then run again".into())
            }
            Self::SourcePin { .. } => {
                Some("put the pinned source back, or pin the new one in `source.root` and raise the recipe's version".into())
            }
            Self::RegressionHalt { report, .. } => Some(format!(
                "look at `{}`; if the recipe means it, say so with `regression` at that benchmark (`maxPercent`, `maxAbsolute`, `reason`)",
                report.display()
            )),
            Self::OutOccupied { .. } => Some("name another folder with `--out`, or empty this one".into()),
            Self::Store(error) => error.hint().map(Into::into),
            Self::Source(error) => error.hint().map(Into::into),
            _ => None,
        }
    }
}

/// Why a folder could not be verified at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// No artifact document, or several.
    #[error("`{}` holds {found} artifact documents (`*.alloy.json`), expected one", folder.display())]
    Documents {
        /// The folder.
        folder: PathBuf,
        /// How many were found.
        found: usize,
    },
    /// Something cannot be read.
    #[error("`{}` cannot be read: {source}", path.display())]
    Read {
        /// What.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}
