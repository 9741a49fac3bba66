//! `line/move`: gives a waiting part another place in the order.

use std::path::PathBuf;

use aw_line::{PartName, Position, Station};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::support;
use crate::environment::Environment;
use crate::exit::ExitCode;
use crate::registry::{About, Command, Example, Outcome, Reach, Surface};
use crate::report::Report;

pub(super) fn command() -> Command {
    let about = About {
        name: "line/move",
        summary: "Gives a waiting part another place in the order",
        details: "Parts are taken in the order of their files' modification times, so this changes them, and nothing else.",
        reach: Reach::Local,
        examples: &[
            Example { what: "next of all", line: "line move urgent-1.0.0 --first" },
            Example { what: "right after another", line: "line move small-1.0.0 --after urgent-1.0.0" },
        ],
        exit_codes: &[ExitCode::Ok, ExitCode::Refused, ExitCode::Environment],
    };
    Command::new(about, run)
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    /// The part, by name or stem.
    #[schemars(extend("x-position" = 1))]
    part: String,
    /// The line's folder; the working folder when not given.
    #[schemars(extend("x-value-name" = "FOLDER"))]
    root: Option<PathBuf>,
    /// Before all others.
    #[serde(default)]
    first: bool,
    /// After all others.
    #[serde(default)]
    last: bool,
    /// Just before that one.
    #[schemars(extend("x-value-name" = "PART"))]
    before: Option<String>,
    /// Just after that one.
    #[schemars(extend("x-value-name" = "PART"))]
    after: Option<String>,
    /// Change nothing, and say what the order is.
    #[serde(default)]
    dry_run: bool,
}

/// The order of the waiting parts.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LineOrderResult {
    /// The part.
    pub part: String,
    /// Its place in the order now, from 1.
    pub place: usize,
    /// All that wait, in their order.
    pub order: Vec<String>,
    /// Whether nothing was changed.
    pub dry_run: bool,
}

impl Outcome for LineOrderResult {}

fn run(_: &Environment, parameters: Parameters, _: &Surface<'_>) -> Result<LineOrderResult, Report> {
    let root = support::open(parameters.root.as_deref())?;
    let find = |text: &str| aw_line::find(&root, text, &[Station::Intake]).map(|(_, part)| part).map_err(support::line);
    let part = find(&parameters.part)?;
    let mut positions = Vec::new();
    positions.extend(parameters.first.then_some(Position::First));
    positions.extend(parameters.last.then_some(Position::Last));
    positions.extend(parameters.before.as_deref().map(&find).transpose()?.map(Position::Before));
    positions.extend(parameters.after.as_deref().map(&find).transpose()?.map(Position::After));
    let [position] = positions.as_slice() else {
        let message =
            format!("exactly one of `--first`, `--last`, `--before` and `--after` says where, {} are given", positions.len());
        return Err(support::wrong("part", message));
    };
    if !parameters.dry_run {
        root.hold().and_then(|held| held.reorder(&part, position)).map_err(support::line)?;
    }
    let mut order: Vec<PartName> = aw_line::waiting(&root).map_err(support::line)?.into_iter().map(|(_, name)| name).collect();
    if parameters.dry_run {
        order = moved(order, &part, position);
    }
    let place = order.iter().position(|name| *name == part).map_or(0, |at| at + 1);
    let order = order.iter().map(ToString::to_string).collect();
    Ok(LineOrderResult { part: part.to_string(), place, order, dry_run: parameters.dry_run })
}

/// The order as it would be.
fn moved(mut order: Vec<PartName>, part: &PartName, position: &Position) -> Vec<PartName> {
    let Some(from) = order.iter().position(|name| name == part) else { return order };
    let (part, len) = (order.remove(from), order.len());
    let place = |other: &PartName| order.iter().position(|name| name == other);
    let to = match position {
        Position::First => 0,
        Position::Last => len,
        Position::Before(other) => place(other).unwrap_or(from),
        Position::After(other) => place(other).map_or(from, |at| at + 1),
    };
    order.insert(to, part);
    order
}
