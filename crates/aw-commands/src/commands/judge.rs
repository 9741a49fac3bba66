//! `forge/judge`: whether an artifact may ship, by its own criteria and by the gates.

use std::path::{Path, PathBuf};

use aw_alloy::coverage::{Coverage, score};
use aw_alloy::document::Document;
use aw_alloy::gates::{Evidence, Outcome as GateOutcome, Verdicts, judge};
use aw_alloy::keys::PublicKey;
use aw_foundry::{EvidenceError, EvidenceOptions, gather, verify_folder};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::show::document_in;
use crate::environment::{Environment, threads};
use crate::exit::ExitCode;
use crate::recipe_file::read_bounded;
use crate::registry::{About, Command, Example, Outcome, Reach, Surface};
use crate::report::{Place, Report};

pub(super) fn command() -> Command {
    let about = About {
        name: "forge/judge",
        summary: "Judges whether an artifact may ship: its acceptance criteria and every gate",
        details: "Criteria and gates read the document and what lies beside it: an artifact of this program is verified first, samples are \
                  hashed, corpora are hashed and compared example by example with what was measured on. What is missing fails. A document \
                  that states no criteria is put through the gates, and whether it may ship cannot be told. The same document and the same \
                  files give the same verdict anywhere; `--out` keeps it.",
        reach: Reach::Local,
        examples: &[
            Example {
                what: "may it ship, with the corpora where the recipe lies",
                line: "judge ./compact-1.0.0 --corpora recipes/tiny-moe",
            },
            Example {
                what: "a document of others, keeping the verdict",
                line: "judge olmoe-1b-7b-compacted-5b.alloy.json --items humaneval=HumanEval.jsonl --out verdict.json",
            },
        ],
        exit_codes: &[ExitCode::Ok, ExitCode::No, ExitCode::Refused, ExitCode::Unknown, ExitCode::Environment],
    };
    Command::new(about, run)
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    /// The artifact's folder, or a document (`*.alloy.json`) of any origin.
    #[schemars(extend("x-position" = 1))]
    artifact: PathBuf,
    /// The folder that the paths of declared corpora start from; the document's own when not given.
    #[schemars(extend("x-value-name" = "FOLDER"))]
    corpora: Option<PathBuf>,
    /// A benchmark's items, one JSON object a line: `NAME=FILE`. May be given several times.
    #[serde(default)]
    #[schemars(extend("x-value-name" = "NAME=FILE"))]
    items: Vec<String>,
    /// A public key, 64 hex digits: the artifact's signer must be one of those named. May be given several times.
    #[serde(default)]
    #[schemars(extend("x-value-name" = "HEX"))]
    key: Vec<String>,
    /// Where the verdict is written.
    #[schemars(extend("x-value-name" = "FILE"))]
    out: Option<PathBuf>,
    /// Threads to hash with; all the machine gives when not given.
    #[schemars(range(min = 1, max = 4096), extend("x-value-name" = "N"))]
    threads: Option<u32>,
}

/// What judging an artifact came to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JudgeResult {
    /// The document.
    pub document: PathBuf,
    /// The verdict, as `--out` writes it.
    pub verdicts: Verdicts,
    /// What of its making carries evidence.
    pub coverage: Coverage,
    /// Where the verdict was written.
    pub written: Option<PathBuf>,
}

impl Outcome for JudgeResult {
    fn exit_code(&self) -> ExitCode {
        match self.verdicts.outcome {
            GateOutcome::Pass => ExitCode::Ok,
            GateOutcome::Fail => ExitCode::No,
            GateOutcome::NotApplicable => ExitCode::Unknown,
        }
    }
}

fn run(_: &Environment, parameters: Parameters, _: &Surface<'_>) -> Result<JudgeResult, Report> {
    let path = match &parameters.artifact {
        folder if folder.is_dir() => document_in(folder)?,
        document => document.clone(),
    };
    let bytes = read_bounded(&path, "document")?;
    let document = Document::read(&bytes).map_err(|problems| {
        Report::problems(ExitCode::Refused, "document-refused", "the document is refused for", Some(&path), problems)
    })?;
    let evidence = evidence(&document, &path, &parameters)?;
    let verdicts = judge(&document, &evidence);
    let coverage = score(document.node(), &evidence);
    if let Some(out) = &parameters.out {
        std::fs::write(out, verdicts.to_bytes()).map_err(|error| {
            Report::new(ExitCode::Environment, "write", format!("`{}` cannot be written: {error}", out.display()))
        })?;
    }
    Ok(JudgeResult { document: path, verdicts, coverage, written: parameters.out })
}

/// Everything that is at hand beside the document.
fn evidence(document: &Document, path: &Path, parameters: &Parameters) -> Result<Evidence, Report> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let chained = document.node().get("chain").is_some_and(|chain| !chain.is_null());
    let verification = if chained {
        let trusted = trusted_keys(&parameters.key, "key")?;
        Some(verify_folder(path, &trusted, threads(parameters.threads))?.verification)
    } else {
        None
    };
    let mut items = Vec::new();
    for (index, stated) in parameters.items.iter().enumerate() {
        let place = Place { member: Some(format!("items[{index}]")), ..Place::default() };
        let Some((name, file)) = stated.split_once('=').filter(|(name, file)| !name.is_empty() && !file.is_empty()) else {
            let message = format!("`{stated}` does not say which benchmark the items are of");
            return Err(Report::new(ExitCode::Usage, "items", message).at(place).hint("`NAME=FILE` is right"));
        };
        items.push((name.to_owned(), PathBuf::from(file)));
    }
    let corpora = parameters.corpora.as_deref().unwrap_or(folder);
    Ok(gather(document, verification.as_ref(), &EvidenceOptions { folder, corpora, items: &items })?)
}

/// The keys that were named as text.
pub(super) fn trusted_keys(texts: &[String], member: &str) -> Result<Vec<PublicKey>, Report> {
    let mut trusted = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        let place = Place { member: Some(format!("{member}[{index}]")), ..Place::default() };
        let key = PublicKey::parse(text);
        trusted.push(key.map_err(|error| Report::new(ExitCode::Usage, "key", error.to_string()).at(place))?);
    }
    Ok(trusted)
}

impl From<EvidenceError> for Report {
    fn from(error: EvidenceError) -> Self {
        let (exit, code) = match &error {
            EvidenceError::Read { source, .. } if source.kind() == std::io::ErrorKind::NotFound => (ExitCode::Usage, "read"),
            EvidenceError::Read { .. } => (ExitCode::Environment, "read"),
            EvidenceError::Line { .. } => (ExitCode::Refused, "too-large"),
        };
        Self::new(exit, code, error.to_string())
    }
}
