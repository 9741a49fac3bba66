//! What an artifact says of itself.

use std::collections::BTreeMap;

use aw_alloy::digest::Digest;
use aw_alloy::text::{Limits, Node, canonical, json};
use aw_alloy::tree::TreePath;
use serde::{Deserialize, Serialize};

use crate::diff::Class;
use crate::smoke::Smoke;

use super::index::{hex, hex_or_none};
use super::{ArtifactName, Entry};

/// The signed document of an artifact. It lies there as its RFC 8785 form, so that the file's own SHA-256 identifies it.
///
/// # Source
/// Codegen, section 11. `documents` and `removed_symbols` are of this implementation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The artifact's name.
    pub artifact: ArtifactName,
    /// First 16 digits of the model's digest.
    pub ontology_key: String,
    /// Identity of the model.
    #[serde(with = "hex")]
    pub model_digest: Digest,
    /// Identity of the graph it was read from, when it was RDF.
    #[serde(with = "hex_or_none", default, skip_serializing_if = "Option::is_none")]
    pub graph_digest: Option<Digest>,
    /// The ontology's version.
    pub model_version: String,
    /// Version of the forge that made it.
    pub forge_version: String,
    /// How members are named on the wire.
    pub profile: String,
    /// Where the ontology was read.
    pub source_uri: String,
    /// Files and checks of each target.
    pub targets: BTreeMap<String, TargetRecord>,
    /// The artifact's own documents beside this one, so that the signature covers them too.
    pub documents: Vec<FileRecord>,
    /// The artifact it was compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diff_base: Option<ArtifactName>,
    /// The worst class of change since then; `null` without a comparison or a difference.
    pub classification: Option<Class>,
    /// What was destroyed with leave, by name, sorted.
    pub allowed_destructive: Vec<String>,
    /// Ranges that were taken as text with leave, sorted.
    pub lossy_ranges: Vec<String>,
    /// How many diagnostics `diagnostics.json` has.
    pub diagnostics_count: u64,
}

/// One target of an artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetRecord {
    /// Its files, by path.
    pub files: Vec<FileRecord>,
    /// Whether they compile.
    pub smoke: Smoke,
    /// Names that the files of the artifact compared with declared and these no longer do, so that callers can be searched.
    #[serde(default)]
    pub removed_symbols: Vec<String>,
}

/// One file of an artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// Its path from the artifact's root: those of a target start with the target's name.
    pub path: TreePath,
    /// Its content.
    #[serde(flatten)]
    pub content: Entry,
}

/// Why bytes are no manifest.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// They are no JSON.
    #[error("manifest.json: {0}")]
    Syntax(#[from] aw_alloy::text::SyntaxError),
    /// They are JSON of another form.
    #[error("manifest.json: {0}")]
    Form(#[from] serde_json::Error),
    /// They are not their own RFC 8785 form.
    #[error("manifest.json: these are not the bytes of its canonical form (RFC 8785), which are the ones that were signed")]
    NotCanonical,
    /// They contradict themselves.
    #[error("manifest.json: {0}")]
    Contradiction(String),
}

impl Manifest {
    /// The name of its file.
    pub const FILE: &'static str = "manifest.json";
    /// The name of the file with its signature.
    pub const SIGNATURE: &'static str = "manifest.sig";
    /// The name of the file with the sums of all others but the signature.
    pub const SUMS: &'static str = "SHA256SUMS";
    /// The name of the file with the diagnostics.
    pub const DIAGNOSTICS: &'static str = "diagnostics.json";
    /// The name of the file with the comparison.
    pub const DIFF: &'static str = "diff.json";
    /// What a signature over a manifest is made for.
    pub const CONTEXT: &'static str = "alloyworks.codegen.manifest.v1";

    /// The RFC 8785 form: what is written and what is signed.
    ///
    /// # Errors
    /// [`ManifestError::Contradiction`] for a count beyond 2^53.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ManifestError> {
        canonical::to_bytes(&Node::from_serde(&serde_json::to_value(self)?))
            .map_err(|error| ManifestError::Contradiction(error.to_string()))
    }

    /// Reads and checks a manifest: its form, its paths, that names, key and digest agree, that nothing stands twice.
    ///
    /// # Errors
    /// [`ManifestError`].
    pub fn read(bytes: &[u8]) -> Result<Self, ManifestError> {
        let node = json::parse(bytes, &Limits::DOCUMENT)?;
        if canonical::to_bytes(&node).ok().as_deref() != Some(bytes) {
            return Err(ManifestError::NotCanonical);
        }
        let manifest: Self = serde_json::from_slice(bytes)?;
        manifest.check().map_err(ManifestError::Contradiction)?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), String> {
        let name = &self.artifact;
        for (what, in_name, said) in [
            ("the ontology key", name.key(), self.ontology_key.as_str()),
            ("the ontology key", name.key(), &self.model_digest.hex()[..16]),
            ("the forge's version", name.forge(), &self.forge_version),
            ("the profile", name.profile(), &self.profile),
        ] {
            if in_name != said {
                return Err(format!("{what} is `{in_name}` in the artifact's name and `{said}` beside it"));
            }
        }
        let mut seen = std::collections::BTreeSet::new();
        let mut files = 0;
        for (target, record) in &self.targets {
            if !is_target(target) {
                return Err(format!("`{}` names no target: expected lower-case letters and digits", target.escape_debug()));
            }
            for file in &record.files {
                if !file.path.as_str().starts_with(&format!("{target}/")) {
                    return Err(format!("file `{}` of target `{target}` is not below `{target}/`", file.path));
                }
            }
            files += record.files.len();
        }
        for file in self.files() {
            if !seen.insert(&file.path) {
                return Err(format!("file `{}` stands twice", file.path));
            }
        }
        for file in &self.documents {
            if !matches!(file.path.as_str(), Self::DIAGNOSTICS | Self::DIFF) {
                return Err(format!("`{}` is no document of an artifact", file.path));
            }
        }
        if files > super::FILES_MAX {
            return Err(format!("{files} files are more than the {} that are read", super::FILES_MAX));
        }
        Ok(())
    }

    /// Every file it names: documents, then those of the targets.
    pub fn files(&self) -> impl Iterator<Item = &FileRecord> {
        self.documents.iter().chain(self.targets.values().flat_map(|record| &record.files))
    }
}

/// Whether it may name a target, and so a folder.
pub(super) fn is_target(name: &str) -> bool {
    !name.is_empty() && name.len() <= 32 && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}
