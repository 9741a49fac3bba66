//! `seal/import`: reads a signed statement of others or our own, and holds it against a folder.

use std::path::{Path, PathBuf};

use aw_alloy::digest::Digest;
use aw_alloy::export::dsse::Envelope;
use aw_alloy::export::model_signing::Manifest;
use aw_alloy::export::statement::Statement;
use aw_alloy::export::{provenance, verdicts};
use aw_alloy::text::{Limits, Node, json};
use aw_alloy::tree::TreePath;
use aw_foundry::{CheckOptions, check_folder};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::seal_support::{bundle_report, exit_code, inside, public_keys, signature_finding, verdict, view};
use super::verify::{FindingView, Verdict};
use crate::environment::{Environment, threads};
use crate::exit::ExitCode;
use crate::recipe_file::read_bounded;
use crate::registry::{About, Command, Example, Outcome, Reach, Surface};
use crate::report::{Place, Report};

pub(super) fn command() -> Command {
    let about = About {
        name: "seal/import",
        summary: "Reads a signed in-toto statement and holds it against a folder",
        details: "Reads SLSA provenance and the gates' verdicts in DSSE envelopes, whoever wrote them. Provenance names every file: \
                  one that was changed, removed or added is found. Verdicts name the document. Without a key to check the signature \
                  with it cannot be told who signed. Bundles of Model Signing are checked with `seal check`.",
        reach: Reach::Local,
        examples: &[
            Example {
                what: "is this how the artifact was made, and by whom",
                line: "seal import compact.provenance.intoto.json ./compact-1.0.0 --public-key release.pub.pem",
            },
            Example {
                what: "what the gates said, as a file",
                line: "seal import compact.verdicts.intoto.json ./compact-1.0.0 --public-key release.pub.pem --out verdicts.json",
            },
        ],
        exit_codes: &[ExitCode::Ok, ExitCode::No, ExitCode::Refused, ExitCode::Unknown, ExitCode::Environment],
    };
    Command::new(about, run)
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    /// The envelope.
    #[schemars(extend("x-position" = 1))]
    envelope: PathBuf,
    /// The folder it is about.
    #[schemars(extend("x-position" = 2))]
    folder: PathBuf,
    /// A public key in PEM: the signer must be one of those named. May be given several times.
    #[serde(default)]
    #[schemars(extend("x-value-name" = "FILE"))]
    public_key: Vec<PathBuf>,
    /// Where to write the claim, when the answer is good.
    #[schemars(extend("x-value-name" = "FILE"))]
    out: Option<PathBuf>,
    /// Threads to hash with; all the machine gives when not given.
    #[schemars(range(min = 1, max = 4096), extend("x-value-name" = "N"))]
    threads: Option<u32>,
}

/// What a statement says and whether it fits a folder.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SealImportResult {
    /// The answer.
    pub verdict: Verdict,
    /// The envelope.
    pub envelope: PathBuf,
    /// The claim it makes.
    pub predicate_type: String,
    /// Files it is about.
    pub subjects: usize,
    /// Files that were hashed.
    pub files: usize,
    /// Bytes that were hashed.
    pub bytes: u64,
    /// Short names of the keys that signed it, of those that were named.
    pub key_ids: Vec<String>,
    /// Who says to have made it.
    pub builder: Option<String>,
    /// The claim itself.
    pub predicate: Value,
    /// Where the claim was written.
    pub file: Option<PathBuf>,
    /// Everything that is wrong or cannot be checked.
    pub findings: Vec<FindingView>,
    /// What this check does not cover.
    pub not_checked: Vec<String>,
}

impl Outcome for SealImportResult {
    fn exit_code(&self) -> ExitCode {
        exit_code(self.verdict)
    }
}

fn run(_: &Environment, parameters: Parameters, surface: &Surface<'_>) -> Result<SealImportResult, Report> {
    let trusted = public_keys(&parameters.public_key)?;
    let (envelope, statement) = read(&parameters.envelope)?;
    // Verdicts are about the document alone; provenance is about everything that came out.
    let whole = match statement.predicate_type.as_str() {
        provenance::PREDICATE_TYPE => true,
        verdicts::PREDICATE_TYPE => false,
        other => return Err(unknown_predicate(&parameters.envelope, other)),
    };
    let judged = if whole { None } else { Some(judged(&parameters.envelope, &statement)?) };
    let mut findings = Vec::new();
    if judged.is_some_and(|judged| !statement.subject.iter().any(|subject| subject.sha256() == Some(judged))) {
        findings.push(FindingView {
            verdict: Verdict::Bad,
            place: "verdicts".into(),
            file: None,
            message: "they are of another document than the statement is about".into(),
        });
    }
    let signers = envelope.signers(&trusted);
    match (trusted.is_empty(), signers.is_empty()) {
        (true, _) => {
            findings.push(signature_finding(Verdict::Unknown, "no key was named to check it with; name one with `--public-key`"))
        }
        (false, true) => findings.push(signature_finding(Verdict::Bad, "no key that was named signed this statement")),
        (false, false) => {}
    }
    let key_ids: Vec<String> = signers.iter().map(|key| key.id()).collect();
    let subjects = statement.subject.len();
    let files = files(&statement, &mut findings);
    let manifest = Manifest::of_files("", files, Vec::new());
    let left_out: Vec<TreePath> = inside(&parameters.folder, &parameters.envelope).into_iter().collect();
    let options = CheckOptions { left_out: &left_out, extra_is_bad: whole, threads: threads(parameters.threads) };
    let checked = check_folder(&parameters.folder, &manifest, &options, &|_| !(surface.cancelled)())
        .map_err(|error| bundle_report(&error))?;
    findings.extend(checked.findings.into_iter().map(view));
    let builder = statement.predicate.get("runDetails").and_then(|details| details["builder"]["id"].as_str()).map(str::to_owned);
    let verdict = verdict(&findings);
    let predicate = Value::Object(statement.predicate);
    let file = parameters.out.filter(|_| verdict == Verdict::Good);
    if let Some(file) = &file {
        let claim = if whole { &predicate } else { &predicate["verdicts"] };
        let text = json::publish(&Node::from_serde(claim));
        super::seal_support::write(file, format!("{text}\n").as_bytes())?;
    }
    Ok(SealImportResult {
        verdict,
        envelope: parameters.envelope,
        predicate_type: statement.predicate_type,
        subjects,
        files: checked.files,
        bytes: checked.bytes,
        key_ids,
        builder,
        predicate,
        file,
        findings,
        not_checked: vec!["revocation not checked; what the claim says beyond the files is the signer's word".into()],
    })
}

fn read(path: &Path) -> Result<(Envelope, Statement), Report> {
    let refuse =
        |problems| Report::problems(ExitCode::Refused, "statement-refused", "the statement is refused for", Some(path), problems);
    let bytes = read_bounded(path, "envelope")?;
    let node = json::parse(&bytes, &Limits::DOCUMENT).map_err(|error| refuse(vec![error.into()]))?;
    if node.get("dsseEnvelope").is_some() {
        let place = Place { file: Some(path.display().to_string()), ..Place::default() };
        return Err(Report::new(ExitCode::Usage, "bundle", "this is a Sigstore bundle, not an envelope")
            .at(place)
            .hint("`alloyworks seal check` checks bundles"));
    }
    let envelope = Envelope::from_node(&node, "").map_err(refuse)?;
    let statement = Statement::of(&envelope).map_err(refuse)?;
    Ok((envelope, statement))
}

/// The document that the verdicts in a statement are of.
fn judged(path: &Path, statement: &Statement) -> Result<Digest, Report> {
    let refuse =
        |problems| Report::problems(ExitCode::Refused, "statement-refused", "the statement is refused for", Some(path), problems);
    Ok(verdicts::of(statement).map_err(refuse)?.artifact.file_hash)
}

fn unknown_predicate(path: &Path, found: &str) -> Report {
    let place = Place { file: Some(path.display().to_string()), member: Some("predicateType".into()), ..Place::default() };
    let accepted = format!("accepted are `{}` and `{}`", provenance::PREDICATE_TYPE, verdicts::PREDICATE_TYPE);
    Report::new(ExitCode::Refused, "predicate-type", format!("the claim is `{found}`, which is not read here"))
        .at(place)
        .hint(accepted)
}

/// The files a statement is about; a subject that is none, or has no SHA-256, cannot be checked.
fn files(statement: &Statement, findings: &mut Vec<FindingView>) -> Vec<(TreePath, Digest)> {
    let mut files = Vec::with_capacity(statement.subject.len());
    for (index, subject) in statement.subject.iter().enumerate() {
        let name = subject.name.clone().unwrap_or_default();
        match (TreePath::new(name.clone()), subject.sha256()) {
            (Ok(path), Some(digest)) => files.push((path, digest)),
            (Err(error), _) => findings.push(FindingView {
                verdict: Verdict::Unknown,
                place: format!("subject[{index}]"),
                file: None,
                message: error.to_string(),
            }),
            (Ok(_), None) => findings.push(FindingView {
                verdict: Verdict::Unknown,
                place: format!("subject[{index}]"),
                file: Some(name),
                message: "it has no SHA-256 that can be read".into(),
            }),
        }
    }
    files
}
