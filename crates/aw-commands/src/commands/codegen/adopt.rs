//! `codegen/adopt`: the version that was staged last.

use std::path::PathBuf;

use codegen::delivery::{Consumer, Pin};
use schemars::JsonSchema;
use serde::Deserialize;

use super::pin::here;
use super::support::consumer_report;
use crate::environment::Environment;
use crate::exit::ExitCode;
use crate::registry::{About, Command, Example, Outcome, Reach, Surface};
use crate::report::Report;

pub(super) fn command() -> Command {
    let about = About {
        name: "codegen/adopt",
        summary: "Uses the version that was staged last",
        details: "One flip: no network, no generation. Compile against the staged folder first; `codegen rollback` goes back.",
        reach: Reach::Local,
        examples: &[Example { what: "use the new contracts", line: "codegen adopt --consumer services/orders" }],
        exit_codes: &[ExitCode::Ok, ExitCode::No, ExitCode::Usage, ExitCode::Environment],
    };
    Command::new(about, run)
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    /// The consumer's folder, with `forge.pin.json` in it.
    #[serde(default = "here")]
    #[schemars(extend("x-value-name" = "FOLDER"))]
    consumer: PathBuf,
}

impl Outcome for Pin {}

fn run(_: &Environment, parameters: Parameters, _: &Surface<'_>) -> Result<Pin, Report> {
    Consumer::new(parameters.consumer).adopt().map_err(consumer_report)
}
