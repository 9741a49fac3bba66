//! `codegen/ingest`: takes a finished version of an ontology in.

use std::path::PathBuf;

use codegen::forge::{IngestRequest, Ingested};
use codegen::input::Format;
use schemars::JsonSchema;
use serde::Deserialize;

use super::settings::forge;
use super::support::report;
use crate::environment::Environment;
use crate::exit::ExitCode;
use crate::recipe_file::read_bounded;
use crate::registry::{About, Command, Example, Outcome, Reach, Surface};
use crate::report::Report;

pub(super) fn command() -> Command {
    let about = About {
        name: "codegen/ingest",
        summary: "Takes a version of an ontology in, held against the shapes and the version before",
        details: "What is taken in never changes: another graph needs another version. A change that destroys is refused unless each item \
                  is named, and a version step that is smaller than the change demands is refused.",
        reach: Reach::Local,
        examples: &[Example {
            what: "a new version that drops a field",
            line: "codegen ingest ontology-2.ttl --allow-destructive User.nickname",
        }],
        exit_codes: &[ExitCode::Ok, ExitCode::No, ExitCode::Usage, ExitCode::Refused, ExitCode::Stage, ExitCode::Environment],
    };
    Command::new(about, run).meaning(super::MEANINGS)
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    /// The file: Turtle, N-Triples or JSON-LD, as its extension says.
    #[schemars(extend("x-position" = 1))]
    file: PathBuf,
    /// Something that may be destroyed, as the comparison names it. May be given several times.
    #[serde(default)]
    #[schemars(extend("x-value-name" = "NAME"))]
    allow_destructive: Vec<String>,
}

impl Outcome for Ingested {}

fn run(environment: &Environment, parameters: Parameters, _: &Surface<'_>) -> Result<Ingested, Report> {
    let bytes = read_bounded(&parameters.file, "ontology")?;
    let name = parameters.file.display().to_string();
    let format = Format::stated(None, &name).map_err(|unknown| Report::new(ExitCode::Usage, "format", unknown.message))?;
    let request =
        IngestRequest { content_type: Some(format.media_type().to_owned()), allow_destructive: parameters.allow_destructive };
    forge(environment, None, false)?.ingest(&bytes, &request).map_err(report)
}
