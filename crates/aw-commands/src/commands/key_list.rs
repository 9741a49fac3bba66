//! `key/list`: the keys of this home, and those of others that were imported.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::exit::ExitCode;
use crate::identity;
use crate::keys::{self, KeyView};
use crate::registry::{About, Command, Example, Outcome, Reach, Surface};
use crate::report::Report;

pub(super) fn command() -> Command {
    let about = About {
        name: "key/list",
        summary: "Lists keys: this node's identity, its signing keys, and those of others that were imported",
        details: "Says which count: a superseded or expired key counts for what it signed before, a revoked one for nothing. No secret is read \
                  or shown.",
        reach: Reach::Local,
        examples: &[Example { what: "all keys", line: "key list" }],
        exit_codes: &[ExitCode::Ok, ExitCode::Refused, ExitCode::Environment],
    };
    Command::new(about, run)
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {}

/// The keys there are.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyListResult {
    /// The keys: the identity, this home's own by name, then imported ones.
    pub keys: Vec<KeyView>,
    /// Files with secrets that belong to no key: left by a process that ended while it made one. They never signed anything.
    pub strays: Vec<PathBuf>,
}

impl Outcome for KeyListResult {}

fn run(environment: &Environment, _: Parameters, _: &Surface<'_>) -> Result<KeyListResult, Report> {
    let (keyring, now) = (environment.keyring(), keys::now());
    let identity = identity::load(&environment.identity_file())?;
    let own = keyring.keys(now)?;
    let registry = keyring.registry(now)?;
    let ours = keyring.own_registry(now)?;
    let imported = registry.entries().iter().filter(|entry| ours.get(&entry.key_id).is_none());
    let keys = identity
        .iter()
        .map(|key| KeyView::of_identity(&key.public()))
        .chain(own.iter().map(|key| KeyView::of(&key.entry, Some(&key.name), now)))
        .chain(imported.map(|entry| KeyView::of(entry, None, now)));
    Ok(KeyListResult { keys: keys.collect(), strays: keyring.strays(now)? })
}
