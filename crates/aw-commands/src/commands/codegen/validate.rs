//! `codegen/validate`: whether contracts can be made of an ontology.

use codegen::forge::Validated;
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
        name: "codegen/validate",
        summary: "Checks an ontology against the shapes and the rules of the model",
        details: "Reads it as `codegen generate` does and writes nothing. Everything that is wrong is told at once, with its place.",
        reach: Reach::Local,
        examples: &[
            Example { what: "with the built-in shapes", line: "codegen validate ontology.ttl" },
            Example {
                what: "with shapes of one's own, losses refused",
                line: "codegen validate ontology.ttl --shapes rules.ttl --strict",
            },
        ],
        exit_codes: &[ExitCode::Ok, ExitCode::No, ExitCode::Usage, ExitCode::Refused, ExitCode::Stage],
    };
    Command::new(about, run).meaning(super::MEANINGS)
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    /// The ontology: a file, or file://, http(s)://, s3://, gs://, az:// or azureblob://.
    #[schemars(extend("x-position" = 1))]
    source: String,
    #[serde(flatten)]
    reading: ReadingParameters,
}

impl Outcome for Validated {}

fn run(environment: &Environment, parameters: Parameters, _: &Surface<'_>) -> Result<Validated, Report> {
    let reading = parameters.reading.reading()?;
    forge(environment, None, false)?.validate(&source(&parameters.source)?, &reading).map_err(report)
}
