//! `line/promote`: sends deferred or failed parts to intake.

use aw_line::{Held, PartName, Station};

use super::moved::{self, LineMovedResult, Parameters};
use crate::environment::Environment;
use crate::registry::{About, Command, Example, Reach, Surface};
use crate::report::Report;

pub(super) fn command() -> Command {
    let about = About {
        name: "line/promote",
        summary: "Sends deferred or failed parts back to intake",
        details: "A deferred part goes on as it was; a failed one goes as with `line retry`.",
        reach: Reach::Local,
        examples: &[Example { what: "a part that was parked", line: "line promote big-model-1.0.0" }],
        exit_codes: moved::EXIT_CODES,
    };
    Command::new(about, run).meaning(moved::MEANINGS)
}

fn run(_: &Environment, parameters: Parameters, _: &Surface<'_>) -> Result<LineMovedResult, Report> {
    let reason = parameters.reason.as_deref();
    let planned = |_: Station, part: &PartName| (part.with_retries(0).to_string(), Station::Intake.to_string());
    moved::each(&parameters, &[Station::Deferred, Station::Rework], planned, |held: &Held, from, part: &PartName| {
        let name = match from {
            Station::Deferred => {
                held.undefer(part, reason)?;
                part.to_string()
            }
            _ => held.retry(part)?.to_string(),
        };
        Ok((name, Station::Intake.to_string()))
    })
}
