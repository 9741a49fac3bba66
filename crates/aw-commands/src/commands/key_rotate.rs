//! `key/rotate`: makes the key that comes after one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::exit::ExitCode;
use crate::keys::{self, KeyView};
use crate::registry::{About, Command, Example, Outcome, Reach, Surface};
use crate::report::Report;

pub(super) fn command() -> Command {
    let about = About {
        name: "key/rotate",
        summary: "Makes the key that comes after one, under the same name",
        details: "From now on the old key signs nothing; what it signed before counts on. Hand the registry on again afterwards \
                  (`key registry`), so that others know the new key.",
        reach: Reach::Local,
        examples: &[Example { what: "a new key for `release`", line: "key rotate release" }],
        exit_codes: &[ExitCode::Ok, ExitCode::Refused, ExitCode::Environment],
    };
    Command::new(about, run)
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    /// The old key: its name or its key id.
    #[schemars(extend("x-position" = 1))]
    key: String,
}

/// A key and the one that came after it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyRotateResult {
    /// The old key.
    pub old: KeyView,
    /// The new key.
    pub new: KeyView,
}

impl Outcome for KeyRotateResult {}

fn run(environment: &Environment, parameters: Parameters, _: &Surface<'_>) -> Result<KeyRotateResult, Report> {
    let now = keys::now();
    let (old, new) = environment.keyring().rotate(&parameters.key, now)?;
    let view = |key: &keys::OwnKey| KeyView::of(&key.entry, Some(&key.name), now);
    Ok(KeyRotateResult { old: view(&old), new: view(&new) })
}
