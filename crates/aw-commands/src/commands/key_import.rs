//! `key/import`: takes in what a registry says of others' keys.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::exit::ExitCode;
use crate::keys;
use crate::registry::{About, Command, Example, Outcome, Reach, Surface};
use crate::report::Report;

pub(super) fn command() -> Command {
    let about = About {
        name: "key/import",
        summary: "Takes in what a key registry says of others' keys",
        details: "From then on `verify` checks their signatures without `--registry`. What is known of a key only grows: a revocation is never \
                  given up for an older file. The file itself is not signed: take it from where you trust it.",
        reach: Reach::Local,
        examples: &[Example { what: "the keys of somebody else", line: "key import registry.json" }],
        exit_codes: &[ExitCode::Ok, ExitCode::Refused, ExitCode::Environment],
    };
    Command::new(about, run)
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    /// The registry's file, as `key registry` writes it.
    #[schemars(extend("x-position" = 1))]
    file: PathBuf,
}

/// What taking in a registry did.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyImportResult {
    /// Keys that were not known.
    pub added: usize,
    /// Keys of which more is known than before.
    pub changed: usize,
    /// Keys of which nothing new was said.
    pub unchanged: usize,
}

impl Outcome for KeyImportResult {}

fn run(environment: &Environment, parameters: Parameters, _: &Surface<'_>) -> Result<KeyImportResult, Report> {
    let merged = environment.keyring().import(&parameters.file, keys::now())?;
    Ok(KeyImportResult { added: merged.added, changed: merged.changed, unchanged: merged.unchanged })
}
