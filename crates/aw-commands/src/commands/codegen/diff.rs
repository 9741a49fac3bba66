//! `codegen/diff`: what a newer ontology changes for those who use an older one.

use codegen::diff::{Class, Diff};
use schemars::JsonSchema;
use serde::Deserialize;

use super::settings::forge;
use super::support::{ReadingParameters, report, source};
use crate::environment::Environment;
use crate::exit::ExitCode;
use crate::registry::{About, Command, Example, Outcome, Reach, Surface};
use crate::report::Report;

pub(super) fn command() -> Command {
    let about = About {
        name: "codegen/diff",
        summary: "Compares two versions of an ontology, and says whom the change breaks",
        details: "Every difference is classified (cosmetic, additive, breaking, destructive), with whether old readers and old writers still \
                  go on, and the version step the whole demands.",
        reach: Reach::Local,
        examples: &[
            Example { what: "two files", line: "codegen diff ontology-1.ttl ontology-2.ttl" },
            Example {
                what: "two ontologies as they are found",
                line: "codegen diff schemaorg-29.ttl schemaorg-30.ttl --vocabulary ontology --namespace SchemaOrg --ontology-version 1.0.0 --json",
            },
        ],
        exit_codes: &[ExitCode::Ok, ExitCode::No, ExitCode::Usage, ExitCode::Refused, ExitCode::Stage],
    };
    Command::new(about, run).meaning(super::MEANINGS)
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    /// The older ontology.
    #[schemars(extend("x-position" = 1))]
    old: String,
    /// The newer ontology.
    #[schemars(extend("x-position" = 2))]
    new: String,
    #[serde(flatten)]
    reading: ReadingParameters,
}

impl Outcome for Diff {
    fn exit_code(&self) -> ExitCode {
        if self.class == Some(Class::Destructive) { ExitCode::Refused } else { ExitCode::Ok }
    }
}

fn run(environment: &Environment, parameters: Parameters, _: &Surface<'_>) -> Result<Diff, Report> {
    let reading = parameters.reading.reading()?;
    let (old, new) = (source(&parameters.old)?, source(&parameters.new)?);
    forge(environment, None, false)?.diff(&old, &new, &reading).map_err(report)
}
