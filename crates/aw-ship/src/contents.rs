//! What is published: the files of a verified artifact, in the order they go.

use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use aw_alloy::artifact::{Artifact, CARD_FILE, Verification};
use aw_alloy::digest::{Digest, Hasher};
use aw_alloy::tree::TreePath;

use crate::error::{ShipError, disk};
use crate::files;

/// A file of an artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentFile {
    /// Its path below the artifact's folder.
    pub path: TreePath,
    /// SHA-256 of its bytes, as it was verified.
    pub digest: Digest,
    /// Its length in bytes.
    pub bytes: u64,
}

/// The files of a verified artifact.
#[derive(Clone, Debug)]
pub struct Contents {
    /// Where they lie.
    pub folder: PathBuf,
    /// The artifact.
    pub artifact: Artifact,
    /// The name of its document in the folder.
    pub document: TreePath,
    /// SHA-256 of the document's bytes: what an approval and a receipt are for.
    pub document_digest: Digest,
    /// Every file: all others by path, then the document, and the card last.
    pub files: Vec<ContentFile>,
}

impl Contents {
    /// Takes what verifying a folder found. The document is read once more, so that its digest is that of these bytes.
    ///
    /// # Errors
    /// [`ShipError`] when a file cannot be looked at, or the document is no longer the one that was verified.
    pub fn of(folder: &Path, document: &Path, verification: &Verification) -> Result<Self, ShipError> {
        let bundle = |reason: &str| ShipError::Bundle { path: folder.to_owned(), reason: reason.to_owned() };
        let artifact = verification.artifact.clone().ok_or_else(|| bundle("its document is no artifact's"))?;
        let name = document.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let name = TreePath::new(name).map_err(|error| bundle(&error.to_string()))?;
        let bytes = files::read(document)?.ok_or_else(|| bundle("its document is gone"))?;
        let document_digest = Digest::of(&bytes);
        if bytes != artifact.to_bytes() {
            let (expected, found) = (Digest::of(&artifact.to_bytes()).to_string(), document_digest.to_string());
            return Err(ShipError::Changed { path: document.to_owned(), expected, found });
        }
        let mut all = Vec::with_capacity(verification.files.len() + 1);
        for file in &verification.files {
            let place = folder.join(&file.path);
            let length = match file.bytes {
                Some(bytes) => bytes,
                // One that is gone is a finding already.
                None => std::fs::symlink_metadata(&place).map(|found| found.len()).unwrap_or_default(),
            };
            all.push(ContentFile { path: file.path.clone(), digest: file.digest, bytes: length });
        }
        all.push(ContentFile { path: name.clone(), digest: document_digest, bytes: bytes.len() as u64 });
        let rank = |file: &ContentFile| (file.path.as_str() == CARD_FILE, file.path == name);
        all.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| a.path.cmp(&b.path)));
        all.dedup_by(|a, b| a.path == b.path);
        Ok(Self { folder: folder.to_owned(), artifact, document: name, document_digest, files: all })
    }

    /// The artifact's version, or that of its recipe.
    pub fn version(&self) -> &str {
        self.artifact.text("recipeVersion").or_else(|| self.artifact.text("version")).unwrap_or("0.0.0")
    }

    /// What names exactly these bytes in a folder or a bucket: `<name>-<version>-<12 digits of the document's digest>`.
    pub fn label(&self) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
        let named = format!("{}-{}", self.artifact.name(), self.version());
        let named: String = named.chars().map(plain).take(200).collect();
        let named = named.trim_start_matches('.');
        let hex = self.document_digest.hex();
        format!("{named}-{}", hex.get(..12).unwrap_or(&hex))
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().fold(0, |sum, file| sum.saturating_add(file.bytes))
    }

    /// Opens a file from a byte on; no link is followed on any level.
    ///
    /// # Errors
    /// When it cannot be read, or has another length than was verified.
    pub fn open(&self, file: &ContentFile, start: u64) -> io::Result<File> {
        let mut folder = self.folder.clone();
        let parts: Vec<&str> = file.path.as_str().split('/').collect();
        for part in parts.iter().take(parts.len().saturating_sub(1)) {
            folder.push(part);
            if !std::fs::symlink_metadata(&folder)?.is_dir() {
                return Err(io::Error::other(format!("`{}` is no folder", folder.display())));
            }
        }
        let mut opened = files::open(&self.folder.join(&file.path))?;
        let length = opened.metadata()?.len();
        if length != file.bytes {
            return Err(io::Error::other(format!("it has {length} bytes, {} were verified", file.bytes)));
        }
        opened.seek(SeekFrom::Start(start))?;
        Ok(opened)
    }

    /// Reads a whole file that is small enough, held against its digest.
    ///
    /// # Errors
    /// [`ShipError::Changed`] when it is another; [`ShipError::Disk`].
    pub fn read(&self, file: &ContentFile, limit: u64) -> Result<Vec<u8>, ShipError> {
        let path = self.folder.join(&file.path);
        let mut bytes = Vec::new();
        let read = self.open(file, 0).and_then(|opened| opened.take(limit.saturating_add(1)).read_to_end(&mut bytes));
        read.map_err(disk("read", &path))?;
        if bytes.len() as u64 > limit {
            return Err(disk("read", &path)(io::Error::other(format!("it is longer than {limit} bytes"))));
        }
        check(&path, &file.digest, &Digest::of(&bytes))?;
        Ok(bytes)
    }
}

/// Hashes a stream.
pub(crate) fn hash(mut stream: impl Read) -> io::Result<(Digest, u64)> {
    let mut hasher = Hasher::new();
    let bytes = io::copy(&mut stream, &mut hasher)?;
    Ok((hasher.finish(), bytes))
}

/// Holds a file against what was verified.
pub(crate) fn check(path: &Path, expected: &Digest, found: &Digest) -> Result<(), ShipError> {
    if expected == found {
        return Ok(());
    }
    Err(ShipError::Changed { path: path.to_owned(), expected: expected.to_string(), found: found.to_string() })
}
