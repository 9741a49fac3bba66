//! The evidence gates ask for: what verifying found, samples and corpora hashed now, items of what was measured on.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use aw_alloy::artifact::{Finding, Severity, Verification};
use aw_alloy::digest::{Digest, Hasher};
use aw_alloy::document::Document;
use aw_alloy::gates::{CorpusAtHand, Evidence, Verified};
use aw_alloy::text::Node;
use aw_alloy::tree::TreePath;
use serde_json::Value;

/// Longest line of a corpus, in bytes.
const LINE_BYTES_MAX: u64 = 16 << 20;
/// Members that hold the text of an item, the first that is there.
const TEXTS: &[&str] = &["text", "content", "prompt"];

/// Evidence that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// The file cannot be read.
    #[error("`{}` cannot be read: {source}", path.display())]
    Read {
        /// Which one.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A line is too long for an item.
    #[error("`{}` has a line longer than {LINE_BYTES_MAX} bytes; one item a line is right", path.display())]
    Line {
        /// Of which file.
        path: PathBuf,
    },
}

/// Where evidence beside the document is looked for.
#[derive(Clone, Copy, Debug)]
pub struct EvidenceOptions<'a> {
    /// The folder that paths of samples start from.
    pub folder: &'a Path,
    /// The folder that paths of corpora start from.
    pub corpora: &'a Path,
    /// Items of benchmarks, by name.
    pub items: &'a [(String, PathBuf)],
}

/// Everything that is at hand beside a document.
///
/// # Errors
/// [`EvidenceError`] for a file that is there and cannot be read. One that is not there is no error: the gates say what that means.
pub fn gather(
    document: &Document,
    verification: Option<&Verification>,
    options: &EvidenceOptions<'_>,
) -> Result<Evidence, EvidenceError> {
    let node = document.node();
    let mut evidence = Evidence { verified: verification.map(verified), ..Evidence::default() };
    let mut found = BTreeMap::new();
    for name in sample_files(node) {
        if let Some(file) = inside(options.folder, &name) {
            found.insert(name, hash(&file).map_err(|source| EvidenceError::Read { path: file, source })?);
        }
    }
    evidence.files = Some(found);
    for (id, file) in declared(node, "calibrationCorpora", options.corpora) {
        evidence.corpora.insert(id, read_items(&file)?);
    }
    for (id, file) in declared(node, "evaluationCorpora", options.corpora) {
        evidence.items.insert(id, read_items(&file)?.items);
    }
    for (name, file) in options.items {
        evidence.items.insert(name.clone(), read_items(file)?.items);
    }
    Ok(evidence)
}

/// The corpora that a document declares, to calibrate or to evaluate, and that are there: id and file, each file once. `folder` is where
/// their paths start.
pub fn corpora_at_hand(document: &Document, folder: &Path) -> Vec<(String, PathBuf)> {
    let members = ["calibrationCorpora", "evaluationCorpora"];
    let all = members.into_iter().flat_map(|member| declared(document.node(), member, folder));
    let by_file: BTreeMap<PathBuf, String> = all.map(|(id, file)| (file, id)).collect();
    by_file.into_iter().map(|(file, id)| (id, file)).collect()
}

/// What verifying a folder found, in words.
fn verified(verification: &Verification) -> Verified {
    let told = |finding: &Finding| match &finding.file {
        Some(file) => format!("{}, `{file}`: {}", finding.place, finding.message),
        None => format!("{}: {}", finding.place, finding.message),
    };
    let findings = &verification.findings;
    if findings.is_empty() {
        return Verified::Good;
    }
    let bad = findings.iter().any(|finding| finding.severity == Severity::Bad);
    Verified::Not { bad, findings: findings.iter().map(told).collect() }
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

fn hash(file: &Path) -> io::Result<Digest> {
    let mut hasher = Hasher::new();
    io::copy(&mut std::fs::File::open(file)?, &mut hasher)?;
    Ok(hasher.finish())
}

/// The regular file at a path below a folder, when there is one.
fn inside(folder: &Path, path: &str) -> Option<PathBuf> {
    let file = folder.join(TreePath::new(path).ok()?);
    std::fs::symlink_metadata(&file).is_ok_and(|found| found.is_file()).then_some(file)
}

/// Id and file of the corpora under a member of a document that are there.
fn declared(node: &Node, member: &str, folder: &Path) -> Vec<(String, PathBuf)> {
    let corpora = node.get(member).and_then(Node::as_array).unwrap_or_default();
    let text = |corpus: &Node, name: &str| corpus.get(name).and_then(Node::as_str).map(str::to_owned);
    corpora.iter().filter_map(|corpus| Some((text(corpus, "id")?, inside(folder, &text(corpus, "path")?)?))).collect()
}

/// Hashes a corpus and each of its items.
fn read_items(file: &Path) -> Result<CorpusAtHand, EvidenceError> {
    let unreadable = |source| EvidenceError::Read { path: file.to_owned(), source };
    let mut reader = BufReader::new(std::fs::File::open(file).map_err(unreadable)?);
    let (mut hasher, mut bytes, mut items, mut line) = (Hasher::new(), 0, BTreeSet::new(), Vec::new());
    loop {
        line.clear();
        let read = reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line).map_err(unreadable)?;
        if read == 0 {
            return Ok(CorpusAtHand { digest: hasher.finish(), bytes, items });
        }
        if read as u64 == LINE_BYTES_MAX {
            return Err(EvidenceError::Line { path: file.to_owned() });
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
