//! `line/retry`: sends failed parts back to intake.

use aw_line::{Held, PartName, Station};

use super::moved::{self, LineMovedResult, Parameters};
use crate::environment::Environment;
use crate::registry::{About, Command, Example, Reach, Surface};
use crate::report::Report;

pub(super) fn command() -> Command {
    let about = About {
        name: "line/retry",
        summary: "Sends failed parts back to intake, to be built again",
        details: "The count of recoveries begins anew, the error stays beside the part as `<name>.error.<n>.json`, and stages that were finished do not run again.",
        reach: Reach::Local,
        examples: &[
            Example { what: "once what was wrong is put right", line: "line retry tiny-moe-code-8-1.0.0 --root line-1" },
            Example { what: "what would be done", line: "line retry tiny-moe-code-8-1.0.0 --dry-run" },
        ],
        exit_codes: moved::EXIT_CODES,
    };
    Command::new(about, run).meaning(moved::MEANINGS)
}

fn run(_: &Environment, parameters: Parameters, _: &Surface<'_>) -> Result<LineMovedResult, Report> {
    let reason = parameters.reason.as_deref();
    let planned = |_: Station, part: &PartName| (part.with_retries(0).to_string(), Station::Intake.to_string());
    moved::each(&parameters, &[Station::Rework], planned, |held: &Held, _, part: &PartName| {
        let _ = reason;
        Ok((held.retry(part)?.to_string(), Station::Intake.to_string()))
    })
}
