//! `codegen/status`: how a consumer stands.

use std::path::PathBuf;

use codegen::delivery::{Consumer, Pin, VersionReport};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::pin::here;
use super::support::consumer_report;
use crate::environment::Environment;
use crate::exit::ExitCode;
use crate::registry::{About, Command, Example, Outcome, Reach, Surface};
use crate::report::Report;

pub(super) fn command() -> Command {
    let about = About {
        name: "codegen/status",
        summary: "Says which contracts a consumer uses, and whether they are as they were published",
        details: "Offline: reads `forge.pin.json` and what is on disk, and holds every file against its sum and the signature. Changes \
                  nothing.",
        reach: Reach::Local,
        examples: &[Example { what: "of the consumer here", line: "codegen status" }],
        exit_codes: &[ExitCode::Ok, ExitCode::No, ExitCode::Environment],
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

/// How a consumer stands.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct StatusResult {
    /// The pin.
    pub pin: Pin,
    /// The folder that is used.
    pub in_use: Option<PathBuf>,
    /// Whether that is what the pin says.
    pub settled: bool,
    /// How the version that was staged last is on disk; `null` when it is not.
    pub current: Option<VersionReport>,
    /// How the version before is on disk; `null` when it is not, or there is none.
    pub previous: Option<VersionReport>,
}

impl Outcome for StatusResult {
    fn exit_code(&self) -> ExitCode {
        let whole = |report: &Option<VersionReport>| report.as_ref().is_some_and(VersionReport::is_whole);
        let all = self.settled && whole(&self.current) && (self.pin.previous.is_none() || whole(&self.previous));
        if all { ExitCode::Ok } else { ExitCode::No }
    }
}

fn run(_: &Environment, parameters: Parameters, _: &Surface<'_>) -> Result<StatusResult, Report> {
    let status = Consumer::new(parameters.consumer).status().map_err(consumer_report)?;
    Ok(StatusResult {
        pin: status.pin,
        in_use: status.in_use,
        settled: status.settled,
        current: status.current,
        previous: status.previous,
    })
}
