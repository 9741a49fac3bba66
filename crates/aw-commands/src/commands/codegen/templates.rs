//! `codegen/templates`: what the built-in renderers write, as templates to start from.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;

use codegen::emit::Templates;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::support::folder;
use crate::environment::Environment;
use crate::exit::ExitCode;
use crate::registry::{About, Command, Example, Outcome, Reach, Surface};
use crate::report::Report;

pub(super) fn command() -> Command {
    let about = About {
        name: "codegen/templates",
        summary: "Writes the built-in files as templates that you may change",
        details: "One template a language, which writes what the built-in renderer writes, byte for byte. Change it and hand the folder to \
                  `codegen generate --templates`. To replace a piece only, begin a template with `{% extends \"builtin/rust.j2\" %}` and give \
                  the blocks that are to be otherwise; the templates name theirs. Files that are there already are left alone.",
        reach: Reach::Local,
        examples: &[Example { what: "to start from", line: "codegen templates --out templates" }],
        exit_codes: &[ExitCode::Ok, ExitCode::Usage, ExitCode::Environment],
    };
    Command::new(about, run)
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    /// The folder that gets them.
    #[schemars(extend("x-value-name" = "FOLDER"))]
    out: PathBuf,
}

/// What was written.
#[derive(Clone, Debug, Serialize, JsonSchema)]
struct TemplatesResult {
    /// The files that were written.
    written: Vec<String>,
    /// The files that were there already, and left alone.
    kept: Vec<String>,
}

impl Outcome for TemplatesResult {}

fn run(_: &Environment, parameters: Parameters, _: &Surface<'_>) -> Result<TemplatesResult, Report> {
    let out = folder(&parameters.out)?;
    let failed = |error: std::io::Error| Report::from_error(ExitCode::Environment, "templates", &error);
    fs::create_dir_all(&out).map_err(failed)?;
    let mut result = TemplatesResult { written: Vec::new(), kept: Vec::new() };
    for (name, text) in Templates::built_in() {
        let path = out.join(name);
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(mut file) => {
                file.write_all(text.as_bytes()).map_err(failed)?;
                result.written.push(path.display().to_string());
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => result.kept.push(path.display().to_string()),
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(result)
}
