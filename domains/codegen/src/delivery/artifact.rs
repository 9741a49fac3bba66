//! Making an artifact.

use std::collections::{BTreeMap, BTreeSet};

use aw_alloy::digest::Digest;
use aw_alloy::keys::SecretKey;
use aw_alloy::tree::{PathError, TreePath};

use crate::diagnostic::{self, Diagnostic};
use crate::diff::Diff;
use crate::model::{Model, ModelDigest};
use crate::smoke::Smoke;

use super::manifest::is_target;
use super::{ArtifactName, Entry, FileRecord, Index, Manifest, ManifestError, NameError, TargetRecord, sums};

/// Files of one target, to be published.
#[derive(Clone, Debug)]
pub struct TargetContents {
    /// The target's name, which is the name of its folder.
    pub name: String,
    /// Path below that folder, and bytes.
    pub files: Vec<(String, Vec<u8>)>,
    /// How they were checked.
    pub smoke: Smoke,
    /// Names that are declared no more.
    pub removed_symbols: Vec<String>,
}

/// Everything an artifact is made of.
#[derive(Clone, Debug)]
pub struct Contents<'a> {
    /// The model the files were made of.
    pub model: &'a Model,
    /// Identity of the graph it was read from.
    pub graph_digest: Option<Digest>,
    /// Version of the forge.
    pub forge_version: &'a str,
    /// How members are named on the wire.
    pub profile: &'a str,
    /// Where the ontology was read.
    pub source_uri: &'a str,
    /// The files.
    pub targets: Vec<TargetContents>,
    /// Targets that may be published although nothing checked them.
    pub allow_unverified: &'a [String],
    /// The artifact before this one and how the models differ.
    pub base: Option<(&'a Manifest, Diff)>,
    /// What may be destroyed, by name.
    pub allow_destructive: &'a [String],
    /// Ranges that were taken as text.
    pub lossy_ranges: &'a [String],
    /// What was found on the way.
    pub diagnostics: &'a [Diagnostic],
}

/// Why no artifact was made.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// What stands in the way, each with its code: `E-DESTRUCTIVE`, `E-ALLOW-UNKNOWN`, `E-VERSION-STEP`, `E-VERSION`, `E-UNVERIFIED`,
    /// `E-SMOKE`, `E-TARGET`, and every error among the diagnostics.
    #[error("nothing can be published: {} ({}: {})", .0.first().map_or("no reason", |d| d.code.as_str()),
        .0.first().map_or("", |d| d.subject.as_str()), .0.first().map_or("", |d| d.message.as_str()))]
    Refused(Vec<Diagnostic>),
    /// The artifact would have no usable name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A file would lie where none may.
    #[error("target `{target}`: {source}")]
    Path {
        /// Whose file it is.
        target: String,
        /// What is wrong with its path.
        source: PathError,
    },
    /// The manifest would not be readable.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
}

/// A finished artifact: every file with its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    name: ArtifactName,
    files: BTreeMap<TreePath, Vec<u8>>,
}

impl Artifact {
    /// Makes and signs an artifact. The same contents and key give the same bytes.
    ///
    /// # Errors
    /// [`BuildError`]; everything that is refused is told at once.
    pub fn build(contents: Contents<'_>, key: &SecretKey) -> Result<Self, BuildError> {
        let mut refused: Vec<Diagnostic> = contents.diagnostics.iter().filter(|said| said.is_error()).cloned().collect();
        check_targets(&contents, &mut refused);
        let (allowed, base) = match contents.base {
            None => (named_for_nothing(contents.allow_destructive, &mut refused), None),
            Some((manifest, diff)) => {
                refused.extend(diff.version_step());
                let allowed = diff.permit(contents.allow_destructive).unwrap_or_else(|found| {
                    refused.extend(found);
                    Vec::new()
                });
                (allowed, Some((manifest, diff)))
            }
        };
        if !refused.is_empty() {
            diagnostic::sort(&mut refused);
            return Err(BuildError::Refused(refused));
        }

        let digest = ModelDigest::of(contents.model);
        let name = ArtifactName::new(&digest.key(), contents.forge_version, contents.profile)?;
        let mut files: BTreeMap<TreePath, Vec<u8>> = BTreeMap::new();
        let mut targets = BTreeMap::new();
        for target in contents.targets {
            let mut records = Vec::new();
            for (path, bytes) in target.files {
                let odd = |source| BuildError::Path { target: target.name.clone(), source };
                let path = TreePath::new(path).and_then(|path| path.under(&target.name)).map_err(odd)?;
                records.push(FileRecord { path: path.clone(), content: Entry::of(&bytes) });
                files.insert(path, bytes);
            }
            records.sort_by(|a, b| a.path.cmp(&b.path));
            let record = TargetRecord { files: records, smoke: target.smoke, removed_symbols: target.removed_symbols };
            targets.insert(target.name, record);
        }
        let diff = base.map(|(manifest, mut diff)| {
            let before = manifest.targets.values().flat_map(|record| &record.files).map(|file| &file.path);
            diff.deletions = before.filter(|path| !files.contains_key(*path)).map(ToString::to_string).collect();
            (manifest.artifact.clone(), diff)
        });
        let mut documents = Vec::new();
        let mut document = |name: &str, bytes: Vec<u8>| {
            let path = TreePath::new(name).expect("the names of documents are paths");
            documents.push(FileRecord { path: path.clone(), content: Entry::of(&bytes) });
            files.insert(path, bytes);
        };
        let mut diagnostics = contents.diagnostics.to_vec();
        diagnostic::sort(&mut diagnostics);
        document(Manifest::DIAGNOSTICS, pretty(&diagnostics)?);
        document(Manifest::DIFF, pretty(&diff.as_ref().map(|(_, diff)| diff))?);

        let mut lossy_ranges = contents.lossy_ranges.to_vec();
        lossy_ranges.sort();
        lossy_ranges.dedup();
        let manifest = Manifest {
            artifact: name.clone(),
            ontology_key: digest.key(),
            model_digest: digest.0,
            graph_digest: contents.graph_digest,
            model_version: contents.model.version.clone(),
            forge_version: contents.forge_version.to_owned(),
            profile: contents.profile.to_owned(),
            source_uri: contents.source_uri.to_owned(),
            targets,
            documents,
            classification: diff.as_ref().and_then(|(_, diff)| diff.class),
            diff_base: diff.map(|(base, _)| base),
            allowed_destructive: allowed,
            lossy_ranges,
            diagnostics_count: diagnostics.len() as u64,
        };
        let bytes = manifest.to_bytes()?;
        // What is published must be readable: the reader's own checks come first.
        Manifest::read(&bytes)?;
        let signature = key.sign(Manifest::CONTEXT, &bytes);
        let own = |name: &str| TreePath::new(name).expect("the names of documents are paths");
        files.insert(own(Manifest::FILE), bytes);
        let sums = sums::write(files.iter().map(|(path, bytes)| (path, Digest::of(bytes))));
        files.insert(own(Manifest::SUMS), sums.into_bytes());
        files.insert(own(Manifest::SIGNATURE), pretty(&signature)?);
        Ok(Self { name, files })
    }

    /// Takes files as they are; nothing is checked but that there is a manifest that says the name.
    ///
    /// # Errors
    /// [`ManifestError`].
    pub fn from_files(files: BTreeMap<TreePath, Vec<u8>>) -> Result<Self, ManifestError> {
        let manifest = files.iter().find(|(path, _)| path.as_str() == Manifest::FILE).map(|(_, bytes)| bytes);
        let bytes = manifest.ok_or_else(|| ManifestError::Contradiction("there is none".to_owned()))?;
        let name = Manifest::read(bytes)?.artifact;
        Ok(Self { name, files })
    }

    /// Its name.
    pub fn name(&self) -> &ArtifactName {
        &self.name
    }

    /// Every file with its bytes, by path.
    pub fn files(&self) -> &BTreeMap<TreePath, Vec<u8>> {
        &self.files
    }

    /// Every file with its content's identity.
    pub fn index(&self) -> Index {
        Index { files: self.files.iter().map(|(path, bytes)| (path.clone(), Entry::of(bytes))).collect() }
    }
}

/// Names that were declared and are no more, sorted.
pub fn removed_symbols<'a>(old: impl IntoIterator<Item = &'a str>, new: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let new: BTreeSet<&str> = new.into_iter().collect();
    let gone: BTreeSet<&str> = old.into_iter().filter(|name| !new.contains(name)).collect();
    gone.into_iter().map(str::to_owned).collect()
}

fn check_targets(contents: &Contents<'_>, refused: &mut Vec<Diagnostic>) {
    let mut names = BTreeSet::new();
    for target in &contents.targets {
        if !is_target(&target.name) || !names.insert(target.name.as_str()) {
            let message = "expected names of lower-case letters and digits, each once";
            refused.push(Diagnostic::new("E-TARGET", target.name.escape_debug().to_string(), message));
        }
        match &target.smoke {
            Smoke::Skipped { missing } if !contents.allow_unverified.contains(&target.name) => {
                let message = format!("nothing compiled it ({missing}); allow it by name (--allow-unverified {})", target.name);
                refused.push(Diagnostic::new("E-UNVERIFIED", &target.name, message).for_target(&target.name));
            }
            Smoke::Failed { tool, findings } => {
                let first = findings.first().map_or("", |finding| finding.message.as_str());
                let message = format!("{tool} refuses it with {} findings, the first: {first}", findings.len());
                refused.push(Diagnostic::new("E-SMOKE", &target.name, message).for_target(&target.name));
            }
            _ => {}
        }
    }
    if names.is_empty() {
        refused.push(Diagnostic::new("E-TARGET", "targets", "an artifact has at least one target"));
    }
    for name in contents.allow_unverified.iter().filter(|name| !names.contains(name.as_str())) {
        let message = "it is allowed unverified and is no target of this artifact";
        refused.push(Diagnostic::new("E-ALLOW-UNKNOWN", name.escape_debug().to_string(), message));
    }
}

/// Leave to destroy where there is nothing to destroy.
fn named_for_nothing(names: &[String], refused: &mut Vec<Diagnostic>) -> Vec<String> {
    for name in names {
        let message = "it names no destructive change; there is no earlier version to compare with";
        refused.push(Diagnostic::new("E-ALLOW-UNKNOWN", name.escape_debug().to_string(), message));
    }
    Vec::new()
}

fn pretty(value: &impl serde::Serialize) -> Result<Vec<u8>, ManifestError> {
    let mut bytes = serde_json::to_vec_pretty(value)?;
    bytes.push(b'\n');
    Ok(bytes)
}
