//! `key/registry`: what others need to check signatures of this home's keys.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::environment::Environment;
use crate::exit::ExitCode;
use crate::keys;
use crate::registry::{About, Command, Example, Outcome, Reach, Surface};
use crate::report::Report;

pub(super) fn command() -> Command {
    let about = About {
        name: "key/registry",
        summary: "Writes the key registry that others check signatures against",
        details: "Public halves, times, successors and revocations of this home's signing keys, as of now. Whoever has the file checks \
                  with `verify --registry FILE`, or takes it in with `key import`. It says nothing of what happens after it was written: hand it \
                  on again after every rotation and revocation.",
        reach: Reach::Local,
        examples: &[Example { what: "into a file for others", line: "key registry > registry.json" }],
        exit_codes: &[ExitCode::Ok, ExitCode::Refused, ExitCode::Environment],
    };
    Command::new(about, run)
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    /// Also what was imported of others' keys, each as of when it is known.
    #[serde(default)]
    all: bool,
}

/// A key registry, as its file is written.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyRegistryResult {
    /// As of when it is.
    pub as_of: Value,
    /// One entry a key: `keyId`, `algorithm`, `publicKey`, `owner`, `registeredAt`, `expiresAt`, `revokedAt`, `supersededBy`,
    /// `registrationAuthority`, and `supersededAt`, `revocationReason`, `asOf` where there is something to say.
    pub keys: Vec<Value>,
}

impl Outcome for KeyRegistryResult {}

fn run(environment: &Environment, parameters: Parameters, _: &Surface<'_>) -> Result<KeyRegistryResult, Report> {
    let (keyring, now) = (environment.keyring(), keys::now());
    let registry = if parameters.all { keyring.registry(now)? } else { keyring.own_registry(now)? };
    serde_json::from_value(registry.node().to_serde()).map_err(Report::bug)
}
