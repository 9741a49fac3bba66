//! `forge/judge`: whether an artifact may ship, by its own criteria and by the gates.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use aw_alloy::artifact::Severity;
use aw_alloy::coverage::{Coverage, score};
use aw_alloy::digest::{Digest, Hasher};
use aw_alloy::document::Document;
use aw_alloy::gates::{CorpusAtHand, Evidence, Outcome as GateOutcome, Verdicts, Verified, judge};
use aw_alloy::keys::PublicKey;
use aw_alloy::text::Node;
use aw_alloy::tree::TreePath;
use aw_foundry::verify_folder;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::show::document_in;
use crate::environment::{Environment, threads};
use crate::exit::ExitCode;
use crate::recipe_file::read_bounded;
use crate::registry::{About, Command, Example, Outcome, Reach, Surface};
use crate::report::{Place, Report};

/// Longest line of a corpus, in bytes.
const LINE_BYTES_MAX: u64 = 16 << 20;
/// Members that hold the text of an item, the first that is there.
const TEXTS: &[&str] = &["text", "content", "prompt"];

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
    let evidence = gather(&document, &path, &parameters)?;
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
fn gather(document: &Document, path: &Path, parameters: &Parameters) -> Result<Evidence, Report> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let node = document.node();
    let mut evidence = Evidence::default();
    if node.get("chain").is_some_and(|chain| !chain.is_null()) {
        evidence.verified = Some(verified(path, parameters)?);
    }
    let mut files = BTreeMap::new();
    for name in sample_files(node) {
        if let Some(file) = inside(folder, &name) {
            files.insert(name, hash(&file)?);
        }
    }
    evidence.files = Some(files);
    let corpora = parameters.corpora.as_deref().unwrap_or(folder);
    for (id, file) in declared(node, "calibrationCorpora", corpora) {
        evidence.corpora.insert(id, read_items(&file)?);
    }
    for (id, file) in declared(node, "evaluationCorpora", corpora) {
        evidence.items.insert(id, read_items(&file)?.items);
    }
    for (index, stated) in parameters.items.iter().enumerate() {
        let place = Place { member: Some(format!("items[{index}]")), ..Place::default() };
        let Some((name, file)) = stated.split_once('=').filter(|(name, file)| !name.is_empty() && !file.is_empty()) else {
            let message = format!("`{stated}` does not say which benchmark the items are of");
            return Err(Report::new(ExitCode::Usage, "items", message).at(place).hint("`NAME=FILE` is right"));
        };
        evidence.items.insert(name.to_owned(), read_items(Path::new(file))?.items);
    }
    Ok(evidence)
}

fn verified(path: &Path, parameters: &Parameters) -> Result<Verified, Report> {
    let mut trusted = Vec::new();
    for (index, text) in parameters.key.iter().enumerate() {
        let place = Place { member: Some(format!("key[{index}]")), ..Place::default() };
        let key = PublicKey::parse(text);
        trusted.push(key.map_err(|error| Report::new(ExitCode::Usage, "key", error.to_string()).at(place))?);
    }
    let verdict = verify_folder(path, &trusted, threads(parameters.threads))?;
    let findings = &verdict.verification.findings;
    if findings.is_empty() {
        return Ok(Verified::Good);
    }
    let told = |finding: &aw_alloy::artifact::Finding| match &finding.file {
        Some(file) => format!("{}, `{file}`: {}", finding.place, finding.message),
        None => format!("{}: {}", finding.place, finding.message),
    };
    let bad = findings.iter().any(|finding| finding.severity == Severity::Bad);
    Ok(Verified::Not { bad, findings: findings.iter().map(told).collect() })
}

/// Every file of samples that the document names, whatever names it.
fn sample_files(node: &Node) -> BTreeSet<String> {
    fn walk(node: &Node, found: &mut BTreeSet<String>) {
        for item in node.as_array().unwrap_or_default() {
            walk(item, found);
        }
        for member in node.as_object().into_iter().flatten() {
            match member.value.as_str().filter(|_| matches!(member.name.as_str(), "samplesPath" | "baseSamplesPath")) {
                Some(path) => drop(found.insert(path.to_owned())),
                None => walk(&member.value, found),
            }
        }
    }
    let mut found = BTreeSet::new();
    let holders = ["results", "priorMetricBaselines"].into_iter().filter_map(|name| node.get(name));
    holders.for_each(|holder| walk(holder, &mut found));
    found
}

/// The regular file at a path below a folder, when there is one.
fn inside(folder: &Path, path: &str) -> Option<PathBuf> {
    let file = folder.join(TreePath::new(path).ok()?);
    std::fs::symlink_metadata(&file).is_ok_and(|found| found.is_file()).then_some(file)
}

/// Id and file of the corpora under a member that are there.
fn declared(node: &Node, member: &str, folder: &Path) -> Vec<(String, PathBuf)> {
    let corpora = node.get(member).and_then(Node::as_array).unwrap_or_default();
    let text = |corpus: &Node, name: &str| corpus.get(name).and_then(Node::as_str).map(str::to_owned);
    corpora.iter().filter_map(|corpus| Some((text(corpus, "id")?, inside(folder, &text(corpus, "path")?)?))).collect()
}

fn hash(file: &Path) -> Result<Digest, Report> {
    let mut hasher = Hasher::new();
    let copied = File::open(file).and_then(|mut file| std::io::copy(&mut file, &mut hasher));
    copied.map_err(|error| cannot_read(file, &error))?;
    Ok(hasher.finish())
}

fn cannot_read(file: &Path, error: &std::io::Error) -> Report {
    let exit = if error.kind() == std::io::ErrorKind::NotFound { ExitCode::Usage } else { ExitCode::Environment };
    Report::new(exit, "read", format!("`{}` cannot be read: {error}", file.display()))
}

/// Hashes a corpus and each of its items.
fn read_items(file: &Path) -> Result<CorpusAtHand, Report> {
    let mut reader = BufReader::new(File::open(file).map_err(|error| cannot_read(file, &error))?);
    let (mut hasher, mut bytes, mut items, mut line) = (Hasher::new(), 0, BTreeSet::new(), Vec::new());
    loop {
        line.clear();
        let read =
            reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line).map_err(|error| cannot_read(file, &error))?;
        if read == 0 {
            return Ok(CorpusAtHand { digest: hasher.finish(), bytes, items });
        }
        if read as u64 == LINE_BYTES_MAX {
            let message = format!("`{}` has a line longer than {LINE_BYTES_MAX} bytes", file.display());
            return Err(Report::new(ExitCode::Refused, "too-large", message).hint("one item a line is right"));
        }
        bytes += read as u64;
        hasher.update(&line);
        items.extend(item(&line));
    }
}

/// What one line is compared by: its text where it has one, else all of it. White space around it makes no difference.
fn item(line: &[u8]) -> Option<Digest> {
    let line = line.trim_ascii();
    let object: Option<Value> = serde_json::from_slice(line).ok();
    let text = object.as_ref().and_then(|object| TEXTS.iter().find_map(|name| object.get(name)?.as_str()));
    let content = text.map_or(line, |text| text.trim().as_bytes());
    (!content.is_empty()).then(|| Digest::of(content))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn items_are_compared_by_their_text() {
        let same = [r#"{"text": "a b"}"#, r#"{"id": 7, "text": " a b\n"}"#, r#"{"prompt": "a b", "task_id": 1}"#, " a b "];
        let items: BTreeSet<Digest> = same.iter().filter_map(|line| item(line.as_bytes())).collect();
        assert_eq!(items.len(), 1);
        assert_ne!(item(b"{\"text\": \"a\"}"), item(b"{\"text\": \"b\"}"));
        assert_eq!((item(b" \n"), item(b"{\"text\": \" \"}")), (None, None));
    }

    #[test]
    fn paths_out_of_the_folder_and_links_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let artifact = folder.path().join("artifact");
        std::fs::create_dir(&artifact).unwrap();
        std::fs::write(folder.path().join("outside"), "x").unwrap();
        std::fs::write(artifact.join("inside"), "x").unwrap();
        std::os::unix::fs::symlink("../outside", artifact.join("link")).unwrap();
        assert!(inside(&artifact, "inside").is_some());
        for path in ["../outside", "link", "", "absent", "/inside"] {
            assert_eq!(inside(&artifact, path), None, "{path}");
        }
    }

    #[test]
    fn every_file_of_samples_is_found() {
        let node = Node::from_serde(&serde_json::json!({
            "results": {"benchmarks": [{"samplesPath": "a", "baseSamplesPath": "b", "controls": [{"samplesPath": "c"}]}]},
            "priorMetricBaselines": [{"evaluation": {"samplesPath": "d"}}, {"samplesPath": "a"}],
            "stages": [{"samplesPath": "e"}],
        }));
        assert_eq!(sample_files(&node).into_iter().collect::<Vec<_>>(), ["a", "b", "c", "d"]);
    }
}
