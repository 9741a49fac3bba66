//! `seal/check`: checks a folder against an OpenSSF Model Signing bundle.

use std::path::PathBuf;

use aw_alloy::export::model_signing::{Bundle, Material, SignatureState, certificates};
use aw_foundry::{CheckOptions, check_folder};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::seal_support::{bundle_report, exit_code, inside, public_keys, signature_finding, verdict, view};
use super::verify::{FindingView, Verdict};
use crate::environment::{Environment, threads};
use crate::exit::ExitCode;
use crate::recipe_file::read_bounded;
use crate::registry::{About, Command, Example, Outcome, Reach, Surface};
use crate::report::Report;

pub(super) fn command() -> Command {
    let about = About {
        name: "seal/check",
        summary: "Checks a folder against an OpenSSF Model Signing bundle",
        details: "Offline. Reads bundles of `model_signing` as well as our own, by files and by shards. Every byte is read; a file that \
                  was changed, renamed, removed or added is found. Without a key to check the signature with it cannot be told who \
                  signed, and neither can it for Sigstore identities, which need Sigstore's roots and log.",
        reach: Reach::Local,
        examples: &[
            Example {
                what: "is this what the holder of the key signed",
                line: "seal check ./model --public-key release.pub.pem",
            },
            Example {
                what: "with a signature that lies elsewhere",
                line: "seal check ./model --signature downloads/model.sig --public-key release.pub.pem",
            },
        ],
        exit_codes: &[ExitCode::Ok, ExitCode::No, ExitCode::Refused, ExitCode::Unknown, ExitCode::Environment],
    };
    Command::new(about, run)
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    /// The folder.
    #[schemars(extend("x-position" = 1))]
    folder: PathBuf,
    /// The signature; `model.sig` when not given.
    #[schemars(extend("x-value-name" = "FILE"))]
    signature: Option<PathBuf>,
    /// A public key in PEM: the signer must be one of those named. May be given several times.
    #[serde(default)]
    #[schemars(extend("x-value-name" = "FILE"))]
    public_key: Vec<PathBuf>,
    /// A root certificate in PEM, for signatures made with a certificate: a path must lead to one of those named. May be given several
    /// times, and a file may hold several.
    #[serde(default)]
    #[schemars(extend("x-value-name" = "FILE"))]
    certificate_authority: Vec<PathBuf>,
    /// Threads to hash with; all the machine gives when not given.
    #[schemars(range(min = 1, max = 4096), extend("x-value-name" = "N"))]
    threads: Option<u32>,
}

/// What checking a folder against a signature found.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SealCheckResult {
    /// The answer.
    pub verdict: Verdict,
    /// The signature.
    pub signature: PathBuf,
    /// The name the signed folder had.
    pub name: String,
    /// How it says who signed: `key`, `certificate` or `sigstore`.
    pub signed_by: String,
    /// How files were hashed: `files` or `shards`.
    pub method: String,
    /// The hash function.
    pub hash: String,
    /// Files that were hashed.
    pub files: usize,
    /// Bytes that were hashed.
    pub bytes: u64,
    /// Short name of the key, when its signature is good.
    pub key_id: Option<String>,
    /// Everything that is wrong or cannot be checked.
    pub findings: Vec<FindingView>,
    /// What this check does not cover.
    pub not_checked: Vec<String>,
}

impl Outcome for SealCheckResult {
    fn exit_code(&self) -> ExitCode {
        exit_code(self.verdict)
    }
}

fn run(_: &Environment, parameters: Parameters, surface: &Surface<'_>) -> Result<SealCheckResult, Report> {
    let signature = parameters.signature.unwrap_or_else(|| PathBuf::from("model.sig"));
    let trusted = public_keys(&parameters.public_key)?;
    let bytes = read_bounded(&signature, "signature")?;
    let bundle = Bundle::read(&bytes).map_err(|problems| {
        Report::problems(ExitCode::Refused, "bundle-refused", "the signature is refused for", Some(&signature), problems)
    })?;
    let manifest = &bundle.manifest;
    let mut result = SealCheckResult {
        verdict: Verdict::Unknown,
        name: manifest.name.clone(),
        signed_by: match bundle.material {
            Material::Key { .. } => "key",
            Material::Certificates(_) => "certificate",
            Material::Sigstore => "sigstore",
        }
        .into(),
        method: if manifest.shard_bytes.is_some() { "shards" } else { "files" }.into(),
        hash: manifest.hash.name().into(),
        files: 0,
        bytes: 0,
        key_id: None,
        findings: Vec::new(),
        not_checked: Vec::new(),
        signature,
    };
    let state = match bundle.material {
        Material::Certificates(_) => bundle.check_certificate(&roots(&parameters.certificate_authority)?),
        Material::Key { .. } | Material::Sigstore => bundle.check_key(&trusted),
    };
    match &state {
        SignatureState::Good(key) => result.key_id = Some(key.id()),
        SignatureState::Bad(message) => result.findings.push(signature_finding(Verdict::Bad, message)),
        SignatureState::Unknown(message) => result.findings.push(signature_finding(Verdict::Unknown, message)),
    }
    if matches!(state, SignatureState::Bad(_)) {
        result.not_checked.push("files not looked at: a list whose signature is bad says nothing of them".into());
    } else {
        let left_out: Vec<_> = inside(&parameters.folder, &result.signature).into_iter().collect();
        let options = CheckOptions { left_out: &left_out, extra_is_bad: true, threads: threads(parameters.threads) };
        let checked = check_folder(&parameters.folder, manifest, &options, &|_| !(surface.cancelled)())
            .map_err(|error| bundle_report(&error))?;
        (result.files, result.bytes) = (checked.files, checked.bytes);
        result.findings.extend(checked.findings.into_iter().map(view));
        result.not_checked.extend(checked.notes);
        if !manifest.ignored.is_empty() {
            let ignored: Vec<String> = manifest.ignored.iter().map(|path| format!("`{path}`")).collect();
            result.not_checked.push(format!("left out by the signer: {}", ignored.join(", ")));
        }
    }
    result.not_checked.push("revocation not checked; nothing tells when it was signed".into());
    result.verdict = verdict(&result.findings);
    Ok(result)
}

fn roots(paths: &[PathBuf]) -> Result<Vec<Vec<u8>>, Report> {
    let mut roots = Vec::new();
    for path in paths {
        let bytes = read_bounded(path, "root certificate")?;
        let refuse = |problems| {
            Report::problems(ExitCode::Refused, "certificate", "the root certificate is refused for", Some(path), problems)
        };
        roots.extend(certificates(&bytes).map_err(refuse)?);
    }
    Ok(roots)
}
