//! `codegen/pin`: an artifact beside the version a consumer uses.

use std::path::PathBuf;

use aw_alloy::keys::PublicKey;
use codegen::delivery::{ArtifactName, Consumer, NameError, Pin, Settings};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::settings::artifacts;
use super::support::consumer_report;
use crate::environment::Environment;
use crate::exit::ExitCode;
use crate::registry::{About, Command, Example, Outcome, Reach, Surface};
use crate::report::Report;

pub(super) fn command() -> Command {
    let about = About {
        name: "codegen/pin",
        summary: "Pins a published artifact in a consumer and stages it beside the version in use",
        details: "Fetches the artifact, checks every sum and the signature, writes it beside, and names it in `forge.pin.json`. The version \
                  in use stays in use until `codegen adopt`; compile against the staged folder before that. The first version of a \
                  consumer is used at once.",
        reach: Reach::Local,
        examples: &[
            Example {
                what: "the first time, saying whose signature counts",
                line: "codegen pin ontology@d761e55d728951e1+forge.0.1.0.wire --target rust --public-key ed25519:…",
            },
            Example {
                what: "a newer version, from a registry",
                line: "codegen pin ontology@9f0c2f4be0a1b2c3+forge.0.1.0.wire --from oci://registry.example.org/contracts",
            },
        ],
        exit_codes: &[ExitCode::Ok, ExitCode::No, ExitCode::Usage, ExitCode::Environment],
    };
    Command::new(about, run)
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    /// The artifact's name.
    #[schemars(extend("x-position" = 1))]
    artifact: String,
    /// Where it is: a folder, or `oci://host/name`; the home folder's own store when not given.
    #[schemars(extend("x-value-name" = "STORE"))]
    from: Option<String>,
    /// The consumer's folder, with `forge.pin.json` in it.
    #[serde(default = "here")]
    #[schemars(extend("x-value-name" = "FOLDER"))]
    consumer: PathBuf,
    /// A target the consumer uses. May be given several times; those of the pin when not given.
    #[serde(default)]
    #[schemars(extend("x-value-name" = "TARGET"))]
    target: Vec<String>,
    /// A public key whose signature counts. May be given several times; those of the pin when not given.
    #[serde(default)]
    #[schemars(extend("x-value-name" = "KEY"))]
    public_key: Vec<String>,
    /// The folder that holds the version in use, from the consumer's; that of the pin, or `generated/`, when not given.
    #[schemars(extend("x-value-name" = "FOLDER"))]
    out_dir: Option<String>,
    /// Whether files that somebody edited in a staged version may be lost.
    #[serde(default)]
    discard_edits: bool,
}

pub(super) fn here() -> PathBuf {
    PathBuf::from(".")
}

/// What staging did.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct StagedResult {
    /// The pin as it is now.
    pub pin: Pin,
    /// The staged version's folder: what to compile against before adopting it.
    pub folder: PathBuf,
    /// Whether something was written.
    pub is_new: bool,
    /// Files of the version before that this one does not have.
    pub deletions: Vec<String>,
    /// Folders of versions that the pin no longer names, removed.
    pub removed: Vec<PathBuf>,
}

impl Outcome for StagedResult {}

fn run(environment: &Environment, parameters: Parameters, _: &Surface<'_>) -> Result<StagedResult, Report> {
    let name: ArtifactName =
        parameters.artifact.parse().map_err(|error: NameError| Report::from_error(ExitCode::Usage, "artifact", &error))?;
    let key = |text: &String| PublicKey::parse(text).map_err(|error| Report::from_error(ExitCode::Usage, "public-key", &error));
    let settings = Settings {
        targets: parameters.target,
        out_dir: parameters.out_dir,
        keys: parameters.public_key.iter().map(key).collect::<Result<_, _>>()?,
        discard_edits: parameters.discard_edits,
    };
    let store = artifacts(environment, parameters.from.as_deref())?;
    let staged = Consumer::new(parameters.consumer).stage(&*store, &name, &settings).map_err(consumer_report)?;
    Ok(StagedResult {
        pin: staged.pin,
        folder: staged.folder,
        is_new: staged.is_new,
        deletions: staged.deletions,
        removed: staged.removed,
    })
}
