//! `door/approve`: a person says that an artifact may go.

use std::path::PathBuf;

use aw_ship::{Door, Policy};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::settings::{bundles, key, now, resolve};
use crate::commands::judge::trusted_keys;
use crate::environment::{Environment, threads};
use crate::exit::ExitCode;
use crate::registry::{About, Command, Example, Outcome, Reach, Surface};
use crate::report::Report;

pub(super) fn command() -> Command {
    let about = About {
        name: "door/approve",
        summary: "Approves a finished artifact for shipping, signed and for exactly its bytes",
        details: "Writes a record beside the part or folder: who approved, when, why, and the hash of the document, signed with this node's \
                  identity. `ship` takes it for these bytes alone, and only from a key that may approve there. What the gates refuse cannot \
                  be approved.",
        reach: Reach::Local,
        examples: &[
            Example {
                what: "an artifact's folder",
                line: "approve ./contracts-1.0.0 --as \"Ada Example\" --reason \"reviewed\"",
            },
            Example { what: "a finished part of a line", line: "approve compact --root /srv/forge --as \"Ada Example\"" },
        ],
        exit_codes: &[ExitCode::Ok, ExitCode::Usage, ExitCode::Refused, ExitCode::Environment],
    };
    Command::new(about, run)
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    /// An artifact's folder, or with `--root` the name of a finished part.
    #[schemars(extend("x-position" = 1, "x-value-name" = "PART|FOLDER"))]
    part: PathBuf,
    /// Who approves.
    #[serde(rename = "as")]
    #[schemars(extend("x-value-name" = "NAME"))]
    approver: String,
    /// The root of the line whose finished part is meant.
    #[schemars(extend("x-value-name" = "ROOT"))]
    root: Option<PathBuf>,
    /// Why.
    #[schemars(extend("x-value-name" = "TEXT"))]
    reason: Option<String>,
    /// A public key, 64 hex digits: the artifact's signer must be one of those named. May be given several times.
    #[serde(default)]
    #[schemars(extend("x-value-name" = "HEX"))]
    key: Vec<String>,
    /// The folder that the paths of declared corpora start from; the part's or the artifact's own when not given.
    #[schemars(extend("x-value-name" = "FOLDER"))]
    corpora: Option<PathBuf>,
    /// Threads to hash with; all the machine gives when not given.
    #[schemars(range(min = 1, max = 4096), extend("x-value-name" = "N"))]
    threads: Option<u32>,
}

/// An approval that was written.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApproveResult {
    /// The artifact's name.
    pub artifact: String,
    /// SHA-256 of the artifact's document.
    pub file_hash: String,
    /// Who approved.
    pub approver: String,
    /// When.
    pub approved_at: String,
    /// The public key it is signed with.
    pub public_key: String,
    /// Where it was written.
    pub written: PathBuf,
}

impl Outcome for ApproveResult {}

fn run(environment: &Environment, parameters: Parameters, surface: &Surface<'_>) -> Result<ApproveResult, Report> {
    let mut bundles = bundles(Some(&parameters.part), parameters.root.as_deref(), false)?;
    let (_, bundle) = bundles.pop().ok_or_else(|| Report::bug("no bundle"))?;
    let bundle = bundle?;
    let key = key(environment)?;
    let door = Door {
        key: &key,
        policy: Policy::Person,
        approvers: &[key.public()],
        trusted: &trusted_keys(&parameters.key, "key")?,
        corpora: parameters.corpora.as_deref(),
        registry: environment.registry(),
        threads: threads(parameters.threads),
        resolve: &|artifact| resolve(environment, artifact),
        now: &now,
        watch: &|_| !(surface.cancelled)(),
    };
    let (approval, _) = door.approve(&bundle, &parameters.approver, parameters.reason.as_deref())?;
    Ok(ApproveResult {
        artifact: approval.artifact.name,
        file_hash: approval.artifact.file_hash.to_string(),
        approver: approval.approver,
        approved_at: approval.approved_at,
        public_key: approval.signature.public_key,
        written: bundle.sidecar("approval"),
    })
}
