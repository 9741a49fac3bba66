//! `key/show`: one key, and its public half for others.

use schemars::JsonSchema;
use serde::Deserialize;

use super::key_create::KeyResult;
use crate::environment::Environment;
use crate::exit::ExitCode;
use crate::identity;
use crate::keys::{self, IDENTITY, KeyView};
use crate::registry::{About, Command, Example, Reach, Surface};
use crate::report::Report;

pub(super) fn command() -> Command {
    let about = About {
        name: "key/show",
        summary: "Shows a key: what is known of it, and its public half as PEM",
        details: "Only the public half; the secret is read by no command that shows anything.",
        reach: Reach::Local,
        examples: &[
            Example { what: "a key by its name", line: "key show release" },
            Example { what: "this node's identity", line: "key show identity" },
            Example { what: "a key by its id, also one of others", line: "key show 1f6c2f2f8e5b7a90" },
        ],
        exit_codes: &[ExitCode::Ok, ExitCode::Refused, ExitCode::Environment],
    };
    Command::new(about, run)
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    /// Its name or its key id; `identity` for this node's identity.
    #[schemars(extend("x-position" = 1))]
    key: String,
}

fn run(environment: &Environment, parameters: Parameters, _: &Surface<'_>) -> Result<KeyResult, Report> {
    let which = parameters.key.as_str();
    if let Some(key) = identity::load(&environment.identity_file())? {
        let public = key.public();
        if which == IDENTITY || which == public.id() {
            return Ok(KeyResult::of(KeyView::of_identity(&public)));
        }
    }
    if which == IDENTITY {
        let report = Report::new(ExitCode::Usage, "key-unknown", "this node has no identity key yet");
        return Err(report.hint("the first `run`, or the first `key create`, makes it"));
    }
    let (keyring, now) = (environment.keyring(), keys::now());
    let registry = keyring.registry(now)?;
    let view = match (keyring.find(which, now), registry.get(which)) {
        (Ok(key), _) => KeyView::of(&key.entry, Some(&key.name), now),
        (Err(_), Some(entry)) => KeyView::of(entry, None, now),
        (Err(error), None) => return Err(error.into()),
    };
    Ok(KeyResult::of(view))
}
