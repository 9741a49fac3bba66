//! `key/create`: makes a key that signs artifacts for others.

use aw_alloy::signing::Curve;
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
        name: "key/create",
        summary: "Makes a key that signs artifacts for others",
        details: "The secret stays in the home folder, in a file of mode 0600: unencrypted PKCS#8, so that other programs read it too. A key \
                  lasts 90 days; `key rotate` makes the one that comes after it. This node's identity, which signs links and seals, is \
                  another key; the first run or the first `key create` makes it.",
        reach: Reach::Local,
        examples: &[
            Example { what: "a P-256 key", line: "key create --name release" },
            Example {
                what: "an Ed25519 key, with the owner that others will see",
                line: "key create --name ci --algorithm ed25519 --owner https://example.org",
            },
        ],
        exit_codes: &[ExitCode::Ok, ExitCode::Refused, ExitCode::Environment],
    };
    Command::new(about, run)
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    /// What to call it here: lower-case letters, digits, `-` and `_`.
    name: String,
    /// What it signs with: `es256`, which is P-256, when not given.
    #[schemars(extend("enum" = ["es256", "es384", "ed25519"]))]
    algorithm: Option<String>,
    /// Whose it is, as the registry tells others. `node:<key id of this node>` when not given.
    #[schemars(length(min = 1, max = 200))]
    owner: Option<String>,
}

/// A key, and the public half that others need.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyResult {
    /// The key.
    pub key: KeyView,
    /// Its public half as a PEM file; `null` for an algorithm that is not in use here.
    pub public_key_pem: Option<String>,
}

impl Outcome for KeyResult {}

impl KeyResult {
    pub(super) fn of(key: KeyView) -> Self {
        Self { public_key_pem: key.pem(), key }
    }
}

fn run(environment: &Environment, parameters: Parameters, _: &Surface<'_>) -> Result<KeyResult, Report> {
    let curve = match parameters.algorithm.as_deref() {
        Some("es384") => Curve::P384,
        Some("ed25519") => Curve::Ed25519,
        _ => Curve::P256,
    };
    let node = format!("node:{}", identity::load_or_create(&environment.identity_file())?.public().id());
    let owner = parameters.owner.as_deref().unwrap_or(&node);
    let now = keys::now();
    let made = environment.keyring().create(&parameters.name, curve, owner, &node, now)?;
    Ok(KeyResult::of(KeyView::of(&made.entry, Some(&made.name), now)))
}
