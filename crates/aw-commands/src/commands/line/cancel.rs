//! `line/cancel`: takes parts off the line.

use aw_line::{Held, PartName, Station};

use super::moved::{self, LineMovedResult, Parameters};
use crate::environment::Environment;
use crate::registry::{About, Command, Example, Reach, Surface};
use crate::report::Report;

pub(super) fn command() -> Command {
    let about = About {
        name: "line/cancel",
        summary: "Takes waiting parts off the line for good, and stops those that are being built",
        details: "A part that waits or is deferred is removed with everything beside it; the log keeps its hash. The worker of a part that is being built is asked to stop it, and it goes to rework with the error `cancelled`. Finished parts stay.",
        reach: Reach::Local,
        examples: &[
            Example { what: "a part nobody wants any more", line: "line cancel tiny-moe-code-8-1.0.0" },
            Example { what: "what would be removed", line: "line cancel tiny-moe-code-8-1.0.0 --dry-run" },
        ],
        exit_codes: moved::EXIT_CODES,
    };
    Command::new(about, run).meaning(moved::MEANINGS)
}

fn run(_: &Environment, parameters: Parameters, _: &Surface<'_>) -> Result<LineMovedResult, Report> {
    let reason = parameters.reason.as_deref();
    let planned = |from: Station, part: &PartName| {
        let to = if from == Station::Assembly { "asked to stop" } else { "off the line" };
        (part.to_string(), to.to_owned())
    };
    moved::each(
        &parameters,
        &[Station::Intake, Station::Deferred, Station::Assembly],
        planned,
        |held: &Held, _, part: &PartName| {
            let to = match held.cancel(part, reason)? {
                aw_line::Cancelled::Removed => "off the line",
                aw_line::Cancelled::Asked => "asked to stop",
            };
            Ok((part.to_string(), to.to_owned()))
        },
    )
}
