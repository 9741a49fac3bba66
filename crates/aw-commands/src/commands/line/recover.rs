//! `line/recover`: puts in order what dead workers left.

use std::path::PathBuf;

use aw_line::{Recovered, Station};
use schemars::JsonSchema;
use serde::Deserialize;

use super::moved::{LineMovedResult, MovedView};
use super::support;
use crate::environment::Environment;
use crate::exit::ExitCode;
use crate::registry::{About, Command, Example, Reach, Surface};
use crate::report::Report;

pub(super) fn command() -> Command {
    let about = About {
        name: "line/recover",
        summary: "Sends the parts of dead workers back to intake",
        details: "Every worker does this when it starts and whenever it looks for work; this is for when none is to be started. Parts of \
                  living workers are left alone. A part that was recovered as often as the node file allows goes to rework.",
        reach: Reach::Local,
        examples: &[Example { what: "after a power cut, without starting a worker", line: "line recover --root line-1" }],
        exit_codes: &[ExitCode::Ok, ExitCode::Environment],
    };
    Command::new(about, run)
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    /// The line's folder; the working folder when not given.
    #[schemars(extend("x-value-name" = "FOLDER"))]
    root: Option<PathBuf>,
}

fn run(_: &Environment, parameters: Parameters, _: &Surface<'_>) -> Result<LineMovedResult, Report> {
    let root = support::open(parameters.root.as_deref())?;
    let file = support::node_file(&root)?;
    let recovered = root.hold().and_then(|held| held.recover_dead(file.forge.max_retries, None)).map_err(support::line)?;
    let moved = recovered.into_iter().map(|(part, outcome)| {
        let (part, to) = match outcome {
            Recovered::Again(again) => (again.to_string(), Station::Intake),
            Recovered::Exhausted => (part.to_string(), Station::Rework),
        };
        MovedView { part, from: Station::Assembly.to_string(), to: to.to_string() }
    });
    Ok(LineMovedResult { root: root.folder().to_owned(), moved: moved.collect(), refused: Vec::new(), dry_run: false })
}
