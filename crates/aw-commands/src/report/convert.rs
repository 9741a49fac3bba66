//! Library errors, each turned into a report in this one place.

use std::path::Path;

use aw_foundry::{PlanError, RunError, VerifyError};
use aw_store::{GcError, KeepError, KeptError, OpenError, WriterError};

use super::Report;
use crate::exit::ExitCode;

impl Report {
    /// Why there is no plan for the recipe in `file`.
    pub(crate) fn from_plan(error: PlanError, file: &Path) -> Self {
        match error {
            PlanError::Refused(problems) => {
                Self::problems(ExitCode::Refused, "recipe-refused", "the recipe is refused for", Some(file), problems)
            }
            PlanError::Source(error) => Self::from_error(ExitCode::Environment, "source", &error).hint_if(error.hint()),
            PlanError::Store(error) => Self::from_error(ExitCode::Environment, "store", &error),
            other => Self::from_error(ExitCode::Environment, "plan", &other),
        }
    }
}

impl From<RunError> for Report {
    fn from(error: RunError) -> Self {
        let hint = error.hint();
        let report = match &error {
            RunError::Cancelled => Self::new(ExitCode::Cancelled, "cancelled", error.to_string()),
            RunError::Stage { failure, .. } => {
                let report = Self::new(ExitCode::Stage, &format!("stage-failed/{}", failure.code), error.to_string());
                Self { causes: failure.causes.clone(), ..report }
            }
            RunError::SourceChanged { .. } | RunError::SourceFileChanged { .. } => {
                Self::from_error(ExitCode::Environment, "source-changed", &error)
            }
            RunError::Fetch(failure) => {
                Self { causes: failure.causes.clone(), ..Self::from_error(ExitCode::Environment, "fetch", &error) }
            }
            RunError::SourceDamaged { .. } => Self::from_error(ExitCode::Environment, "source-damaged", &error),
            RunError::SourcePin { .. } => Self::from_error(ExitCode::Refused, "source-pin", &error),
            RunError::Source(source) => Self::from_error(ExitCode::Environment, "source", source),
            RunError::RegressionHalt { .. } => Self::from_error(ExitCode::No, "regression-halt", &error),
            RunError::OutOccupied { .. } => Self::from_error(ExitCode::Refused, "out-occupied", &error),
            RunError::Place { .. } => Self::from_error(ExitCode::Environment, "place", &error),
            RunError::Output { .. } => Self::bug(&error),
            RunError::Sign(problems) => {
                Self::problems(ExitCode::Refused, "not-signed", "the artifact cannot be signed for", None, problems.clone())
            }
            RunError::Assemble(_) => Self::from_error(ExitCode::Bug, "bug", &error),
            RunError::Store(source) => Self::from_error(ExitCode::Environment, "store", source),
            other => Self::from_error(ExitCode::Environment, "run", other),
        };
        report.hint_if(hint)
    }
}

impl From<VerifyError> for Report {
    fn from(error: VerifyError) -> Self {
        match &error {
            VerifyError::Documents { found: 0, .. } => Self::from_error(ExitCode::Unknown, "no-artifact", &error)
                .hint("name an artifact's folder, or its document; without the document nothing can be told"),
            VerifyError::Documents { .. } => Self::from_error(ExitCode::Unknown, "several-artifacts", &error)
                .hint("name one of the documents; an artifact lies in a folder of its own"),
            VerifyError::Read { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                Self::from_error(ExitCode::Usage, "not-found", &error)
            }
            _ => Self::from_error(ExitCode::Environment, "read", &error),
        }
    }
}

impl From<OpenError> for Report {
    fn from(error: OpenError) -> Self {
        Self::from_error(ExitCode::Environment, "store", &error).hint_if(error.hint())
    }
}

impl From<WriterError> for Report {
    fn from(error: WriterError) -> Self {
        Self::from_error(ExitCode::Environment, "store", &error).hint_if(error.hint())
    }
}

impl From<GcError> for Report {
    fn from(error: GcError) -> Self {
        let code = if matches!(error, GcError::Busy { .. }) { "store-busy" } else { "store" };
        Self::from_error(ExitCode::Environment, code, &error).hint_if(error.hint())
    }
}

impl From<KeptError> for Report {
    fn from(error: KeptError) -> Self {
        Self::from_error(ExitCode::Environment, "store", &error).hint_if(error.hint())
    }
}

impl From<KeepError> for Report {
    fn from(error: KeepError) -> Self {
        Self::from_error(ExitCode::Environment, "store", &error)
    }
}
