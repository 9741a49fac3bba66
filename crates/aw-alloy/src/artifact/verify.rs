//! Checks an artifact document by itself and says which files must lie beside it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{ARTIFACT_SUFFIX, Artifact, CARD_FILE, pipeline_hash};
use crate::chain::{Link, replay};
use crate::digest::{Digest, LinkDigest, TreeRoot};
use crate::keys::{PublicKey, SignatureVerdict};
use crate::text::Node;
use crate::tree::{Tree, TreeEntry, TreePath};

/// Most files looked at while the links' trees are made anew, all trees together. A thousand links over a thousand files stay far below
/// it; a document of the allowed size could ask for a thousand times as many.
const REPLAYED_FILES_MAX: usize = 1 << 22;
/// Where a link's records lie.
const RECORDS: &str = "records/";

/// What checking an artifact document found.
#[derive(Debug)]
pub struct Verification {
    /// The artifact, when the bytes are one.
    pub artifact: Option<Artifact>,
    /// Everything that is wrong or cannot be checked; empty when all is good.
    pub findings: Vec<Finding>,
    /// The files that must lie beside the document, sorted by path.
    pub files: Vec<ExpectedFile>,
    /// Who sealed it, when the seal's signature is good.
    pub signer: Option<PublicKey>,
}

/// One thing that is wrong or cannot be checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The link it concerns, as people call it: `link 1 (expert-prune)`, `seal`, `document`.
    pub place: String,
    /// The file it concerns.
    pub file: Option<String>,
    /// What was found and what was expected.
    pub message: String,
}

/// Whether something is known to be wrong or could not be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It could not be checked.
    Unknown,
    /// It is wrong.
    Bad,
}

/// A file that must lie beside the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedFile {
    /// Its path.
    pub path: TreePath,
    /// SHA-256 of its content.
    pub digest: Digest,
    /// Its length in bytes; `None` where only the digest is recorded.
    pub bytes: Option<u64>,
    /// What vouches for it.
    pub origin: Origin,
}

/// What vouches for a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It was part of the source.
    Source,
    /// A link wrote it; the text names the link.
    Link(String),
    /// A link's record; the text names the link.
    Record(String),
    /// The card, bound by the seal.
    Card,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Source => f.write_str("source"),
            Self::Link(link) => f.write_str(link),
            Self::Record(link) => write!(f, "record of {link}"),
            Self::Card => f.write_str("card"),
        }
    }
}

/// Checks the bytes of an artifact document named `file_name`: form, seal, every link's signature, the order of the chain and every
/// tree's root, recomputed from the files the chain names.
///
/// With `trusted` the signer must be one of those keys; without, any consistent signer is accepted and the caller must say so.
pub fn verify(bytes: &[u8], file_name: &str, trusted: &[PublicKey]) -> Verification {
    verify_within(REPLAYED_FILES_MAX, bytes, file_name, trusted)
}

/// As [`verify`], with the most files that are looked at while trees are made anew.
pub(super) fn verify_within(files_max: usize, bytes: &[u8], file_name: &str, trusted: &[PublicKey]) -> Verification {
    let mut check = Check { findings: Vec::new(), files: Vec::new() };
    let artifact = match Artifact::read(bytes) {
        Ok(artifact) => artifact,
        Err(error) => {
            check.bad("document", error.to_string());
            return Verification { artifact: None, findings: check.findings, files: Vec::new(), signer: None };
        }
    };
    check.form(&artifact, bytes, file_name);
    let signer = check.seal(&artifact, trusted);
    check.links(&artifact, signer, files_max);
    if check.findings.iter().any(|finding| finding.place.starts_with("link")) {
        // A broken link breaks the document's digest too; the link is the news.
        check.findings.retain(|finding| finding.place != "seal" || !finding.message.starts_with("the document"));
    }
    check.files.sort_by(|a, b| a.path.cmp(&b.path));
    Verification { artifact: Some(artifact), findings: check.findings, files: check.files, signer }
}

struct Check {
    findings: Vec<Finding>,
    files: Vec<ExpectedFile>,
}

impl Check {
    fn bad(&mut self, place: &str, message: String) {
        self.findings.push(Finding { severity: Severity::Bad, place: place.into(), file: None, message });
    }

    fn form(&mut self, artifact: &Artifact, bytes: &[u8], file_name: &str) {
        let expected = artifact.to_bytes();
        if bytes != expected {
            let at = bytes
                .iter()
                .zip(&expected)
                .position(|(found, expected)| found != expected)
                .unwrap_or(bytes.len().min(expected.len()));
            let line = bytes[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
            self.bad("document", format!("the file is not in the form it was sealed in: line {line}, byte {at} differs"));
        }
        let expected_name = format!("{}{ARTIFACT_SUFFIX}", artifact.name());
        if file_name != expected_name {
            self.bad("document", format!("the file is named `{file_name}`, expected `{expected_name}`"));
        }
        if expected_name.contains('/') || TreePath::new(expected_name).is_err() {
            self.bad("document", "`name` holds what no file's name can hold; expected letters, digits, `.`, `_` and `-`".into());
        }
        if artifact.text("integrity.alloyHash") != Some(pipeline_hash(artifact.node()).to_string().as_str()) {
            self.bad("document", "`integrity.alloyHash` is not the hash of `source` and `stages`".into());
        }
    }

    fn seal(&mut self, artifact: &Artifact, trusted: &[PublicKey]) -> Option<PublicKey> {
        let Some(seal) = artifact.seal_member() else {
            self.bad("seal", "the document carries no readable seal".into());
            return None;
        };
        if artifact.node().as_object().and_then(|object| object.iter().last()).is_none_or(|last| last.name != "seal") {
            self.bad("seal", "the seal is not the document's last member".into());
        }
        let document = artifact.document_digest();
        if seal.document != document {
            self.bad("seal", format!("the document has digest {}, sealed was {}", document.short(), seal.document.short()));
        }
        let chain = artifact.chain();
        if seal.last_link != chain.last_link() {
            self.bad("seal", "the seal is over another chain: its last link is not this one's".into());
        }
        match seal.verify() {
            SignatureVerdict::Good(key) => {
                if !trusted.is_empty() && !trusted.contains(&key) {
                    let expected: Vec<String> = trusted.iter().map(PublicKey::id).collect();
                    self.bad("seal", format!("signed by key {}, expected {}", key.id(), expected.join(" or ")));
                }
                Some(key)
            }
            SignatureVerdict::Bad(message) => {
                self.bad("seal", message);
                None
            }
            SignatureVerdict::Unknown(message) => {
                self.findings.push(Finding { severity: Severity::Unknown, place: "seal".into(), file: None, message });
                None
            }
        }
    }

    fn links(&mut self, artifact: &Artifact, signer: Option<PublicKey>, files_max: usize) {
        let chain = artifact.chain();
        let source_root = chain.source.files.root();
        if source_root != chain.source.root {
            self.bad("source", format!("its files have root {}, recorded is {}", source_root.short(), chain.source.root.short()));
        }
        let mut tree = match chain.source.first_tree() {
            Ok(tree) => tree,
            Err(error) => return self.bad("source", error.to_string()),
        };
        let mut root = tree.root();
        let mut origins = Origins::default();
        let stages = stages(artifact.node());
        let mut previous = LinkDigest::of_source(chain.source.root);
        let mut replayed = 0usize;
        for (position, link) in chain.links.iter().enumerate() {
            let place = link.label();
            replayed = replayed.saturating_add(tree.entries().len() + link.carries.len() + link.writes.len());
            if replayed > files_max {
                let message = format!(
                    "the trees up to here hold more than {files_max} files together; this link and those after it were not checked"
                );
                return self.findings.push(Finding { severity: Severity::Unknown, place, file: None, message });
            }
            self.link(link, &place, position, previous, signer, root, &stages);
            previous = link.digest();
            match replay(&tree, &link.replaces, &link.carries, &link.writes) {
                Ok(after) => {
                    origins.follow(link, &place);
                    tree = after;
                }
                Err(error) => return self.bad(&place, error.to_string()),
            }
            root = tree.root();
            if root != link.output {
                self.bad(&place, format!("its files make root {}, recorded is {}", root.short(), link.output.short()));
            }
            self.records(link, &place);
        }
        self.expect(artifact, &tree, &origins);
    }

    fn records(&mut self, link: &Link, place: &str) {
        for record in &link.records {
            if !record.path.as_str().starts_with(RECORDS) {
                self.bad(place, format!("its record `{}` does not lie below `{RECORDS}`", record.path));
            }
            let file = ExpectedFile {
                path: record.path.clone(),
                digest: record.digest,
                bytes: Some(record.bytes),
                origin: Origin::Record(place.into()),
            };
            self.files.push(file);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "everything one link is held against")]
    fn link(
        &mut self,
        link: &Link,
        place: &str,
        position: usize,
        previous: LinkDigest,
        signer: Option<PublicKey>,
        root: TreeRoot,
        stages: &[Option<Stage>],
    ) {
        match link.verify_signature() {
            SignatureVerdict::Good(key) => {
                if signer.is_some_and(|signer| signer != key) {
                    self.bad(place, format!("signed by key {}, the seal by another", key.id()));
                }
            }
            SignatureVerdict::Bad(message) => self.bad(place, message),
            SignatureVerdict::Unknown(message) => {
                self.findings.push(Finding { severity: Severity::Unknown, place: place.into(), file: None, message });
            }
        }
        if link.index as usize != position {
            self.bad(place, format!("it stands at position {position}, it was signed as {}", link.index));
        }
        if link.previous != previous {
            self.bad(place, "it does not follow the link before it".into());
        }
        if link.input != root {
            self.bad(place, format!("its input root is {}, the stage before made {}", link.input.short(), root.short()));
        }
        let key = crate::chain::stage_key(&link.stage_type, link.code_version, &link.configuration, &link.read);
        if key != Ok(link.stage_key) {
            self.bad(place, "its stage key is not made from its stage, code, configuration and inputs".into());
        }
        let stage = stages.get(link.stage_index as usize).and_then(Option::as_ref);
        if !stage.is_some_and(|stage| stage.name == link.stage_type && stage.config == link.configuration) {
            self.bad(place, format!("its configuration is not that of `stages[{}]`", link.stage_index));
        }
    }

    fn expect(&mut self, artifact: &Artifact, tree: &Tree, origins: &Origins) {
        for entry in tree.entries() {
            let origin = origins.of(&entry.path);
            self.files.push(ExpectedFile { path: entry.path.clone(), digest: entry.digest, bytes: Some(entry.bytes), origin });
        }
        if let Some(card) = artifact.text("integrity.cardHash") {
            match card.parse() {
                Ok(digest) => {
                    let path = TreePath::new(CARD_FILE).expect("a constant path");
                    self.files.push(ExpectedFile { path, digest, bytes: None, origin: Origin::Card });
                }
                Err(error) => self.bad("document", format!("`integrity.cardHash`: {error}")),
            }
        }
        self.one_folder(artifact);
    }

    /// Everything beside the document, and the document, must be able to lie in one folder.
    fn one_folder(&mut self, artifact: &Artifact) {
        let entry = |path: TreePath, digest| TreeEntry { path, digest, bytes: 0 };
        let mut entries: Vec<TreeEntry> = self.files.iter().map(|file| entry(file.path.clone(), file.digest)).collect();
        let document = TreePath::new(format!("{}{ARTIFACT_SUFFIX}", artifact.name()));
        entries.extend(document.ok().map(|path| entry(path, Digest::of(b""))));
        if let Err(error) = Tree::new(entries) {
            self.bad("document", format!("its files cannot lie in one folder: {error}"));
        }
    }
}

/// Which link vouches for which file; the source for all others. A path that a link takes out of the tree keeps its entry, which
/// the carry or write that brings the path back replaces.
#[derive(Default)]
struct Origins(BTreeMap<TreePath, Origin>);

impl Origins {
    fn of(&self, path: &TreePath) -> Origin {
        self.0.get(path).cloned().unwrap_or(Origin::Source)
    }

    /// Follows the files through a link. The work is that of what the link names, not of the whole tree.
    fn follow(&mut self, link: &Link, place: &str) {
        // All looked up before any is set: files may change places.
        let carried: Vec<Origin> = link.carries.iter().map(|carry| self.of(&carry.from)).collect();
        for (carry, origin) in link.carries.iter().zip(carried) {
            self.0.insert(carry.path.clone(), origin);
        }
        for entry in &link.writes {
            self.0.insert(entry.path.clone(), Origin::Link(place.into()));
        }
    }
}

/// A stage of the document as links record it.
struct Stage {
    name: String,
    config: Value,
}

/// The document's stages, each read once however many links name it; `None` for what is no stage.
fn stages(document: &Node) -> Vec<Option<Stage>> {
    let stages = document.get("stages").and_then(Node::as_array).unwrap_or_default();
    let stage = |node: &Node| {
        let mut config = node.to_serde();
        let object = config.as_object_mut()?;
        object.shift_remove("notes");
        let name = object.shift_remove("type")?.as_str()?.to_owned();
        Some(Stage { name, config })
    };
    stages.iter().map(stage).collect()
}
