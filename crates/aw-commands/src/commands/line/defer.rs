//! `line/defer`: parks waiting parts.

use aw_line::{Held, PartName, Station};

use super::moved::{self, LineMovedResult, Parameters};
use crate::environment::Environment;
use crate::registry::{About, Command, Example, Reach, Surface};
use crate::report::Report;

pub(super) fn command() -> Command {
    let about = About {
        name: "line/defer",
        summary: "Parks waiting parts: they are not built until they are promoted",
        details: "The part keeps everything beside it; the reason stands in the log.",
        reach: Reach::Local,
        examples: &[Example { what: "not tonight", line: "line defer big-model-1.0.0 --reason 'waits for the larger machine'" }],
        exit_codes: moved::EXIT_CODES,
    };
    Command::new(about, run).meaning(moved::MEANINGS)
}

fn run(_: &Environment, parameters: Parameters, _: &Surface<'_>) -> Result<LineMovedResult, Report> {
    let reason = parameters.reason.as_deref();
    let planned = |_: Station, part: &PartName| (part.to_string(), Station::Deferred.to_string());
    moved::each(&parameters, &[Station::Intake], planned, |held: &Held, _, part: &PartName| {
        held.defer(part, reason)?;
        Ok((part.to_string(), Station::Deferred.to_string()))
    })
}
