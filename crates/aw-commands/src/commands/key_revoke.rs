//! `key/revoke`: takes a key back, for good.

use schemars::JsonSchema;
use serde::Deserialize;

use super::key_create::KeyResult;
use crate::environment::Environment;
use crate::exit::ExitCode;
use crate::keys::{self, KeyView};
use crate::registry::{About, Command, Example, Reach, Surface};
use crate::report::Report;

pub(super) fn command() -> Command {
    let about = About {
        name: "key/revoke",
        summary: "Takes a key back, for good: nothing it ever signed counts any more",
        details: "For a secret that others may have read. There is no way back. Others learn of it by the registry: hand it on again \
                  afterwards (`key registry`).",
        reach: Reach::Local,
        examples: &[Example { what: "its secret was lost", line: "key revoke release --reason \"laptop lost\"" }],
        exit_codes: &[ExitCode::Ok, ExitCode::Refused, ExitCode::Environment],
    };
    Command::new(about, run)
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    /// The key: its name, which means the one that counts now, or its key id.
    #[schemars(extend("x-position" = 1))]
    key: String,
    /// Why, for those who read the registry.
    #[schemars(length(min = 1, max = 1000))]
    reason: Option<String>,
}

fn run(environment: &Environment, parameters: Parameters, _: &Surface<'_>) -> Result<KeyResult, Report> {
    let now = keys::now();
    let key = environment.keyring().revoke(&parameters.key, parameters.reason.as_deref(), now)?;
    Ok(KeyResult::of(KeyView::of(&key.entry, Some(&key.name), now)))
}
