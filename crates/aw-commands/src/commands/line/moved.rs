//! What the verbs that move parts by hand have in common: their parameters, their answer, and going through several parts.

use std::path::PathBuf;

use aw_line::{Held, LineError, PartName, Root, Station};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::support;
use crate::exit::ExitCode;
use crate::registry::Outcome;
use crate::report::Report;

/// What the verbs take.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Parameters {
    /// The parts, by name or stem.
    #[schemars(length(min = 1), extend("x-position" = 1, "x-value-name" = "PART"))]
    pub(super) parts: Vec<String>,
    /// The line's folder; the working folder when not given.
    #[schemars(extend("x-value-name" = "FOLDER"))]
    pub(super) root: Option<PathBuf>,
    /// Why, in a few words; it stands in the log.
    #[schemars(extend("x-value-name" = "TEXT"))]
    pub(super) reason: Option<String>,
    /// Change nothing, and say what would be done.
    #[serde(default)]
    pub(super) dry_run: bool,
}

/// What became of the parts.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LineMovedResult {
    /// The line's folder.
    pub root: PathBuf,
    /// Those that were moved.
    pub moved: Vec<MovedView>,
    /// Those that were not, and why.
    pub refused: Vec<NotMovedView>,
    /// Whether nothing was changed.
    pub dry_run: bool,
}

/// A part that was moved.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MovedView {
    /// Its name now.
    pub part: String,
    /// Where it stood.
    pub from: String,
    /// What became of it: a station, or `off the line`, or `asked to stop`.
    pub to: String,
}

/// A part that was not moved.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotMovedView {
    /// As it was named.
    pub part: String,
    /// Why not.
    pub reason: String,
}

impl Outcome for LineMovedResult {
    fn exit_code(&self) -> ExitCode {
        match (self.moved.is_empty(), self.refused.is_empty()) {
            (_, true) => ExitCode::Ok,
            (true, false) => ExitCode::Refused,
            (false, false) => ExitCode::No,
        }
    }
}

/// How the verbs end.
pub(super) const EXIT_CODES: &[ExitCode] = &[ExitCode::Ok, ExitCode::No, ExitCode::Refused, ExitCode::Environment];
/// What some of that means.
pub(super) const MEANINGS: &[(ExitCode, &str)] = &[
    (ExitCode::No, "Some parts were moved and some not; the answer says which and why."),
    (ExitCode::Refused, "No part was moved; the answer says why."),
];

/// Where a part that was found is to go: what a dry run says.
pub(super) type Planned = fn(Station, &PartName) -> (String, String);

/// Finds each part in one of `stations` and moves it. One that cannot be moved does not keep the others from it.
pub(super) fn each(
    parameters: &Parameters,
    stations: &[Station],
    planned: Planned,
    act: impl Fn(&Held, Station, &PartName) -> Result<(String, String), LineError>,
) -> Result<LineMovedResult, Report> {
    let root: Root = support::open(parameters.root.as_deref())?;
    let mut result =
        LineMovedResult { root: root.folder().to_owned(), moved: Vec::new(), refused: Vec::new(), dry_run: parameters.dry_run };
    let held = if parameters.dry_run { None } else { Some(root.hold().map_err(support::line)?) };
    for text in &parameters.parts {
        let one = aw_line::find(&root, text, stations).and_then(|(from, part)| {
            let (name, to) = match &held {
                Some(held) => act(held, from, &part)?,
                None => planned(from, &part),
            };
            Ok(MovedView { part: name, from: from.to_string(), to })
        });
        match one {
            Ok(moved) => result.moved.push(moved),
            // A disk that would not is not this part's affair.
            Err(error @ LineError::Disk(_)) => return Err(support::line(error)),
            Err(error) => result.refused.push(NotMovedView { part: text.clone(), reason: error.to_string() }),
        }
    }
    Ok(result)
}
