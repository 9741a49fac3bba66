//! `codegen/rollback`: the version before.

use std::path::PathBuf;

use codegen::delivery::{Consumer, Pin};
use schemars::JsonSchema;
use serde::Deserialize;

use super::pin::here;
use super::support::consumer_report;
use crate::environment::Environment;
use crate::exit::ExitCode;
use crate::registry::{About, Command, Example, Reach, Surface};
use crate::report::Report;

pub(super) fn command() -> Command {
    let about = About {
        name: "codegen/rollback",
        summary: "Goes back to the version before",
        details: "One flip: no network, no generation; both versions are on disk until the next is staged.",
        reach: Reach::Local,
        examples: &[Example { what: "go back", line: "codegen rollback --consumer services/orders" }],
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

fn run(_: &Environment, parameters: Parameters, _: &Surface<'_>) -> Result<Pin, Report> {
    Consumer::new(parameters.consumer).rollback().map_err(consumer_report)
}
