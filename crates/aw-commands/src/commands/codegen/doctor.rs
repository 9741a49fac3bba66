//! `codegen/doctor`: whether the code generator works here.

use codegen::doctor::{Check, CheckState, Patient, examine};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::settings::{signing_key, store, toolchain};
use crate::environment::Environment;
use crate::exit::ExitCode;
use crate::registry::{About, Command, Example, Outcome, Reach, Surface};
use crate::report::Report;

pub(super) fn command() -> Command {
    let about = About {
        name: "codegen/doctor",
        summary: "Checks that the code generator works here",
        details: "A running service, sources over HTTP, from files and from object stores, the byte vectors of the specification, every \
                  compiler, and publishing, staging, adopting and rolling back. What cannot be tried is skipped, and never counts as \
                  passed.",
        reach: Reach::Local,
        examples: &[
            Example { what: "without a service", line: "codegen doctor" },
            Example {
                what: "of a running service, nothing skipped",
                line: "codegen doctor --service http://127.0.0.1:8086 --strict",
            },
        ],
        exit_codes: &[ExitCode::Ok, ExitCode::No, ExitCode::Usage, ExitCode::Environment],
    };
    Command::new(about, run)
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    /// The address of a running service.
    #[schemars(extend("x-value-name" = "URL"))]
    service: Option<String>,
    /// An object to read, as s3://, gs:// or azureblob://.
    #[schemars(extend("x-value-name" = "URL"))]
    object: Option<String>,
    /// Whether what is skipped counts as failed.
    #[serde(default)]
    strict: bool,
}

/// What was checked.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(super) struct DoctorResult {
    /// The checks, in their order.
    checks: Vec<Check>,
    /// Whether what was skipped counts as failed.
    strict: bool,
}

impl Outcome for DoctorResult {
    fn exit_code(&self) -> ExitCode {
        let bad = |check: &Check| check.state == CheckState::Fail || (self.strict && check.state == CheckState::Skip);
        if self.checks.iter().any(bad) { ExitCode::No } else { ExitCode::Ok }
    }
}

fn run(environment: &Environment, parameters: Parameters, _: &Surface<'_>) -> Result<DoctorResult, Report> {
    let disk = |error: std::io::Error| Report::from_error(ExitCode::Environment, "scratch", &error);
    let folder = store(environment).join("doctor");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(disk)?;
    }
    std::fs::create_dir_all(&folder).map_err(disk)?;
    let patient = Patient {
        service: parameters.service,
        toolchain: toolchain(store(environment).join("smoke")),
        object: parameters.object,
        scratch: std::path::absolute(&folder).map_err(disk)?,
        signing_key: std::sync::Arc::new(signing_key(environment)?),
    };
    let checks = examine(&patient);
    std::fs::remove_dir_all(&folder).map_err(disk)?;
    Ok(DoctorResult { checks, strict: parameters.strict })
}
