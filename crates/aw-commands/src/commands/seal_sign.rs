//! `seal/sign`: signs a folder the way the OpenSSF Model Signing programs do.

use std::path::PathBuf;

use aw_alloy::export::model_signing::{self, IGNORED, key_hint};
use aw_alloy::tree::TreePath;
use aw_foundry::list_folder;
use aw_store::SourceOptions;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::seal_support::{bundle_report, inside, not_in_artifact, signing_key, write};
use crate::environment::{Environment, threads};
use crate::exit::ExitCode;
use crate::registry::{About, Command, Example, Outcome, Reach, Surface};
use crate::report::{Place, Report};

pub(super) fn command() -> Command {
    let about = About {
        name: "seal/sign",
        summary: "Signs a folder as an OpenSSF Model Signing bundle",
        details: "Any folder: the bundle names every file with its SHA-256, and `model_signing verify key` accepts it. What has not \
                  been touched since it was last hashed is not read again. Git's own files and the signature are left out, as \
                  `model_signing` does. Symbolic links are refused.",
        reach: Reach::Local,
        examples: &[
            Example { what: "sign a model's folder", line: "seal sign ./model --key release" },
            Example {
                what: "with a key of your own, beside an artifact",
                line: "seal sign ./compact-1.0.0 --private-key release.pem --signature compact.sig",
            },
        ],
        exit_codes: &[ExitCode::Ok, ExitCode::Refused, ExitCode::Environment, ExitCode::Cancelled],
    };
    Command::new(about, run)
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    /// The folder to sign.
    #[schemars(extend("x-position" = 1))]
    folder: PathBuf,
    /// Name of the key to sign with, as `alloyworks key list` has it: P-256 or P-384.
    key: Option<String>,
    /// A private key of your own instead, in PKCS#8 PEM, readable by nobody else.
    #[schemars(extend("x-value-name" = "FILE"))]
    private_key: Option<PathBuf>,
    /// Where the signature goes; `model.sig` when not given.
    #[schemars(extend("x-value-name" = "FILE"))]
    signature: Option<PathBuf>,
    /// A file or folder in the folder to leave out. May be given several times.
    #[serde(default)]
    #[schemars(extend("x-value-name" = "PATH"))]
    leave_out: Vec<String>,
    /// Read every file, whatever is known of it.
    #[serde(default)]
    rehash: bool,
    /// Threads to hash with; all the machine gives when not given.
    #[schemars(range(min = 1, max = 4096), extend("x-value-name" = "N"))]
    threads: Option<u32>,
}

/// A folder that was signed.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SealSignResult {
    /// The signature.
    pub signature: PathBuf,
    /// The folder's name in the signature.
    pub name: String,
    /// Files that are signed.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes that were read; the others had not been touched since they were last hashed.
    pub hashed_bytes: u64,
    /// The digest over all digests, in hex.
    pub root: String,
    /// Short name of the key.
    pub key_id: String,
    /// What the signature calls the key: the SHA-256 of its PEM text.
    pub key_hint: String,
    /// Files and folders that were left out.
    pub left_out: Vec<String>,
}

impl Outcome for SealSignResult {}

fn run(environment: &Environment, parameters: Parameters, surface: &Surface<'_>) -> Result<SealSignResult, Report> {
    let key = signing_key(environment, parameters.key.as_deref(), parameters.private_key.as_deref())?;
    let signature = parameters.signature.unwrap_or_else(|| PathBuf::from("model.sig"));
    not_in_artifact(&signature)?;
    let mut left_out = IGNORED.map(|path| TreePath::new(path).map_err(Report::bug)).into_iter().collect::<Result<Vec<_>, _>>()?;
    left_out.extend(inside(&parameters.folder, &signature));
    for (index, text) in parameters.leave_out.iter().enumerate() {
        left_out.push(path(index, text)?);
    }
    left_out.sort();
    left_out.dedup();
    let options =
        SourceOptions { trust_index: !parameters.rehash, threads: threads(parameters.threads), ..SourceOptions::default() };
    let mut hook = |_| if (surface.cancelled)() { std::ops::ControlFlow::Break(()) } else { std::ops::ControlFlow::Continue(()) };
    let listed = list_folder(&environment.store()?, &parameters.folder, left_out, &options, &mut hook)
        .map_err(|error| bundle_report(&error))?;
    let bytes = model_signing::sign(&listed.manifest, &key).map_err(|error| {
        Report::from_error(ExitCode::Refused, "key-kind", &error).hint("`alloyworks key create` makes a P-256 key")
    })?;
    write(&signature, &bytes)?;
    let public = key.public();
    Ok(SealSignResult {
        signature,
        name: listed.manifest.name.clone(),
        files: listed.manifest.resources.len(),
        bytes: listed.bytes,
        hashed_bytes: listed.hashed_bytes,
        root: listed.manifest.root().hex(),
        key_id: public.id(),
        key_hint: key_hint(&public),
        left_out: listed.manifest.ignored.iter().map(ToString::to_string).collect(),
    })
}

fn path(index: usize, text: &str) -> Result<TreePath, Report> {
    let place = Place { member: Some(format!("leaveOut[{index}]")), ..Place::default() };
    let bare = text.trim_start_matches("./").trim_end_matches('/');
    TreePath::new(bare).map_err(|error| {
        Report::new(ExitCode::Usage, "leave-out", error.to_string()).at(place).hint("paths to leave out start in the folder")
    })
}
