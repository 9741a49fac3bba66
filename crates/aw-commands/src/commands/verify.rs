//! `forge/verify`: checks an artifact, every byte of it, offline.

use std::path::PathBuf;

use aw_alloy::artifact::{Artifact, Finding, Severity};
use aw_alloy::keys::PublicKey;
use aw_alloy::signing::{self, Checked, Expected, Standing};
use aw_foundry::{FolderVerdict, verify_folder};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::environment::{Environment, threads};
use crate::exit::ExitCode;
use crate::keys;
use crate::registry::{About, Command, Example, Outcome, Reach, Surface};
use crate::report::{Place, Report};

pub(super) fn command() -> Command {
    let about = About {
        name: "forge/verify",
        summary: "Checks an artifact: every link, every signature, every byte of every file",
        details: "Works offline on the artifact's folder alone. Good, bad and cannot tell are three answers. Without `--key` any \
                  consistent signer is accepted: whoever forged it may be anyone. With `--key` only those signers are. An \
                  `integrity.signature` is good only when a registry knows its key, and the key counts.",
        reach: Reach::Local,
        examples: &[
            Example { what: "is this artifact what it says it is", line: "verify ./compact-1.0.0" },
            Example {
                what: "and made by this node",
                line: "verify ./compact-1.0.0 --key d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            },
            Example {
                what: "and signed for me by a registered key",
                line: "verify ./compact-1.0.0 --registry registry.json --audience https://me.example --nonce q83vASNFZ4mrze8BI0VniQ",
            },
        ],
        exit_codes: &[ExitCode::Ok, ExitCode::No, ExitCode::Unknown, ExitCode::Environment],
    };
    Command::new(about, run)
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    /// The artifact's folder, or its document (`*.alloy.json`).
    #[schemars(extend("x-position" = 1))]
    artifact: PathBuf,
    /// A public key, 64 hex digits: the signer must be one of those named. May be given several times.
    #[serde(default)]
    #[schemars(extend("x-value-name" = "HEX"))]
    key: Vec<String>,
    /// A key registry's file: `integrity.signature` is held against it. Without one, against the keys of this home.
    #[schemars(extend("x-value-name" = "FILE"))]
    registry: Option<PathBuf>,
    /// The nonce you issued, base64url: `integrity.signature` must carry it.
    #[schemars(extend("x-value-name" = "BASE64URL"))]
    nonce: Option<String>,
    /// Your origin URI: `integrity.signature` must be made for it, to the letter.
    #[schemars(extend("x-value-name" = "URI"))]
    audience: Option<String>,
    /// Threads to hash with; all the machine gives when not given.
    #[schemars(range(min = 1, max = 4096), extend("x-value-name" = "N"))]
    threads: Option<u32>,
}

/// What checking an artifact found.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VerifyResult {
    /// The answer.
    pub verdict: Verdict,
    /// The document.
    pub document: PathBuf,
    /// The artifact's id, when the document is one.
    pub artifact: Option<String>,
    /// The artifact's name, when the document is one.
    pub name: Option<String>,
    /// Links of the chain.
    pub links: usize,
    /// Files that must lie beside the document.
    pub files: usize,
    /// Bytes that were hashed.
    pub bytes: u64,
    /// The public key the seal is signed with, when its signature is good.
    pub signer: Option<String>,
    /// Short name of that key.
    pub signer_id: Option<String>,
    /// Whether the signer was held against keys that were named.
    pub signer_checked: bool,
    /// What `integrity.signature` turned out to be; `null` when there is none.
    pub signature: Option<SignatureView>,
    /// Everything that is wrong or cannot be checked.
    pub findings: Vec<FindingView>,
    /// What this check does not cover.
    pub not_checked: Vec<String>,
}

/// What a document's `integrity.signature` turned out to be.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SignatureView {
    /// The answer; why it is not good stands among the findings.
    pub verdict: Verdict,
    /// The algorithm it names.
    pub algorithm: Option<String>,
    /// The key it names.
    pub key_id: Option<String>,
    /// Whose key that is, as the registry says.
    pub owner: Option<String>,
    /// When it says it was made.
    pub attested_at: Option<String>,
}

impl SignatureView {
    fn of(checked: &Checked) -> Option<Self> {
        let verdict = match checked.standing {
            Standing::Absent => return None,
            Standing::Good => Verdict::Good,
            Standing::Unknown => Verdict::Unknown,
            Standing::Bad => Verdict::Bad,
        };
        let algorithm = checked.algorithm.as_ref().map(ToString::to_string);
        let (key_id, owner, attested_at) = (checked.key_id.clone(), checked.owner.clone(), checked.attested_at.clone());
        checked.signed.then_some(Self { verdict, algorithm, key_id, owner, attested_at })
    }
}

/// The answer to whether an artifact is what it says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It is.
    Good,
    /// It is not.
    Bad,
    /// Nothing is known to be wrong, and something cannot be checked.
    Unknown,
}

/// One thing that is wrong or cannot be checked.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FindingView {
    /// `bad` or `unknown`.
    pub verdict: Verdict,
    /// What it concerns: a link, the seal, the document.
    pub place: String,
    /// The file it concerns.
    pub file: Option<String>,
    /// What was found and what was expected.
    pub message: String,
}

impl Outcome for VerifyResult {
    fn exit_code(&self) -> ExitCode {
        match self.verdict {
            Verdict::Good => ExitCode::Ok,
            Verdict::Bad => ExitCode::No,
            Verdict::Unknown => ExitCode::Unknown,
        }
    }
}

fn run(environment: &Environment, parameters: Parameters, _: &Surface<'_>) -> Result<VerifyResult, Report> {
    let trusted: Vec<PublicKey> =
        parameters.key.iter().enumerate().map(|(index, text)| key(index, text)).collect::<Result<_, _>>()?;
    let nonce = parameters
        .nonce
        .as_deref()
        .map(signing::read_nonce)
        .transpose()
        .map_err(|problem| Report::problems(ExitCode::Usage, "parameters", "the parameters have", None, vec![problem]))?;
    let verdict = verify_folder(&parameters.artifact, &trusted, threads(parameters.threads))?;
    let mut result = VerifyResult::of(&verdict, !trusted.is_empty());
    if let Some(artifact) = &verdict.verification.artifact {
        let (checked, known) = signature(environment, &parameters, nonce.as_deref(), artifact)?;
        result.hold(&checked, known);
    }
    Ok(result)
}

/// Holds `integrity.signature` against nonce, audience and the registry that was named, or else the keys of this home; says whether there was
/// a registry.
fn signature(
    environment: &Environment,
    parameters: &Parameters,
    nonce: Option<&[u8]>,
    artifact: &Artifact,
) -> Result<(Checked, bool), Report> {
    let (keyring, now) = (environment.keyring(), keys::now());
    let signed = signing::integrity(artifact.node()).map_or(true, |found| {
        found.and_then(|(_, integrity)| integrity.get("signature")).is_some_and(|signature| !signature.is_null())
    });
    let registry = match &parameters.registry {
        Some(file) => Some(keyring.registry_with(file, now)?),
        None if signed => Some(keyring.registry(now)?).filter(|registry| !registry.entries().is_empty()),
        None => None,
    };
    let audience = parameters.audience.as_deref();
    let expected = Expected { registry: registry.as_ref(), audience, nonce, now };
    Ok((signing::verify(artifact.node(), &expected), registry.is_some()))
}

fn key(index: usize, text: &str) -> Result<PublicKey, Report> {
    let place = Place { member: Some(format!("key[{index}]")), ..Place::default() };
    PublicKey::parse(text).map_err(|error| Report::new(ExitCode::Usage, "key", error.to_string()).at(place))
}

impl VerifyResult {
    fn of(verdict: &FolderVerdict, keys_named: bool) -> Self {
        let verification = &verdict.verification;
        let artifact = verification.artifact.as_ref();
        let findings: Vec<FindingView> = verification.findings.iter().map(FindingView::of).collect();
        let worst = verification.findings.iter().map(|finding| finding.severity).max();
        let mut not_checked = Vec::new();
        if !keys_named {
            not_checked.push("signer not checked against a key you trust; name one with `--key`".to_owned());
        }
        not_checked.push("revocation not checked for the seal's key".to_owned());
        Self {
            verdict: match worst {
                None => Verdict::Good,
                Some(Severity::Unknown) => Verdict::Unknown,
                Some(Severity::Bad) => Verdict::Bad,
            },
            document: verdict.document.clone(),
            artifact: artifact.map(|artifact| artifact.id().to_string()),
            name: artifact.map(|artifact| artifact.name().to_owned()),
            links: artifact.map_or(0, |artifact| artifact.chain().links.len()),
            files: verification.files.len(),
            bytes: verdict.bytes,
            signer: verification.signer.map(|key| key.to_string()),
            signer_id: verification.signer.map(|key| key.id()),
            signer_checked: keys_named,
            signature: None,
            findings,
            not_checked,
        }
    }

    /// Adds what `integrity.signature` turned out to be; `known` when there was a registry to hold it against.
    fn hold(&mut self, checked: &Checked, known: bool) {
        self.signature = SignatureView::of(checked);
        self.findings.extend(checked.findings.iter().map(FindingView::of));
        self.not_checked.extend(checked.notes.iter().cloned());
        if checked.signed && !known {
            self.not_checked.push("no key registry at hand; name one with `--registry`, or take one in with `key import`".into());
        }
        for finding in &checked.findings {
            self.verdict = match (self.verdict, finding.severity) {
                (Verdict::Bad, _) | (_, Severity::Bad) => Verdict::Bad,
                _ => Verdict::Unknown,
            };
        }
    }
}

impl FindingView {
    fn of(finding: &Finding) -> Self {
        let verdict = if finding.severity == Severity::Bad { Verdict::Bad } else { Verdict::Unknown };
        Self { verdict, place: finding.place.clone(), file: finding.file.clone(), message: finding.message.clone() }
    }
}
