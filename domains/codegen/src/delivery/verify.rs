//! Holding an artifact against its signature and its sums.

use std::collections::BTreeMap;

use aw_alloy::digest::Digest;
use aw_alloy::keys::{PublicKey, Signature, SignatureVerdict};
use aw_alloy::tree::TreePath;

use super::{Entry, Manifest, ManifestError, sums};

/// Whose signature counts.
#[derive(Clone, Copy, Debug)]
pub struct Trust<'a>(pub &'a [PublicKey]);

/// A manifest that is what its signer signed.
#[derive(Clone, Debug)]
pub struct Verified {
    /// The manifest.
    pub manifest: Manifest,
    /// SHA-256 of its bytes.
    pub manifest_sha256: Digest,
    /// Who signed it.
    pub signer: PublicKey,
}

/// Why files are not the artifact they should be.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// A file is missing.
    #[error("`{path}` is missing")]
    Missing {
        /// Which.
        path: String,
    },
    /// A file is not one of the artifact's.
    #[error("`{path}` is no file of this artifact")]
    Foreign {
        /// Which.
        path: String,
    },
    /// A file has other bytes.
    #[error("`{path}` has other bytes: SHA-256 is {found}, expected {expected}")]
    Sum {
        /// Which.
        path: String,
        /// What its bytes give.
        found: String,
        /// What the artifact says.
        expected: String,
    },
    /// `SHA256SUMS` is damaged or contradicts the manifest.
    #[error("`SHA256SUMS`: {reason}")]
    Sums {
        /// What is wrong.
        reason: String,
    },
    /// The manifest is none.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The manifest is not signed by the key it names.
    #[error("`manifest.sig`: {reason}")]
    Signature {
        /// What is wrong.
        reason: String,
    },
    /// It is signed by someone else.
    #[error("`manifest.sig` is by key {signer}, expected one of: {expected}")]
    Untrusted {
        /// Who signed.
        signer: String,
        /// Who may.
        expected: String,
    },
}

impl Trust<'_> {
    /// Reads a manifest and holds it against its signature.
    ///
    /// # Errors
    /// [`VerifyError::Manifest`], [`VerifyError::Signature`] and [`VerifyError::Untrusted`].
    pub fn manifest(self, manifest: &[u8], signature: &[u8]) -> Result<Verified, VerifyError> {
        let odd = |reason: String| VerifyError::Signature { reason };
        let signature: Signature = serde_json::from_slice(signature).map_err(|error| odd(error.to_string()))?;
        let signer = match signature.verify(Manifest::CONTEXT, manifest) {
            SignatureVerdict::Good(key) => key,
            SignatureVerdict::Bad(reason) | SignatureVerdict::Unknown(reason) => return Err(odd(reason)),
        };
        if !self.0.contains(&signer) {
            let names: Vec<String> = self.0.iter().map(ToString::to_string).collect();
            let expected = if names.is_empty() { "(no key is trusted)".to_owned() } else { names.join(", ") };
            return Err(VerifyError::Untrusted { signer: signer.to_string(), expected });
        }
        Ok(Verified { manifest: Manifest::read(manifest)?, manifest_sha256: Digest::of(manifest), signer })
    }
}

/// Verifies a whole artifact, or one of which only some targets are there: of those, every file must be.
///
/// # Errors
/// [`VerifyError`], the first that is found: signature, sums, then files by path.
pub fn verify(
    files: &BTreeMap<TreePath, Vec<u8>>,
    trust: Trust<'_>,
    targets: Option<&[String]>,
) -> Result<Verified, VerifyError> {
    let own = |name: &str| {
        let found = files.iter().find(|(path, _)| path.as_str() == name).map(|(_, bytes)| bytes.as_slice());
        found.ok_or_else(|| VerifyError::Missing { path: name.to_owned() })
    };
    let verified = trust.manifest(own(Manifest::FILE)?, own(Manifest::SIGNATURE)?)?;
    check_sums(&verified, own(Manifest::SUMS)?)?;
    let expected = expected(&verified.manifest, targets);
    for (path, content) in &expected {
        let bytes = files.get(*path).ok_or_else(|| VerifyError::Missing { path: path.to_string() })?;
        check(path.as_str(), content, bytes)?;
    }
    let is_own = |path: &TreePath| matches!(path.as_str(), Manifest::FILE | Manifest::SIGNATURE | Manifest::SUMS);
    match files.keys().find(|path| !expected.contains_key(path) && !is_own(path)) {
        Some(foreign) => Err(VerifyError::Foreign { path: foreign.to_string() }),
        None => Ok(verified),
    }
}

/// The files that a manifest names, of these targets or of all.
pub(super) fn expected<'m>(manifest: &'m Manifest, targets: Option<&[String]>) -> BTreeMap<&'m TreePath, Entry> {
    let wanted = |name: &String| targets.is_none_or(|targets| targets.contains(name));
    let of_targets = manifest.targets.iter().filter(|(name, _)| wanted(name)).flat_map(|(_, record)| &record.files);
    manifest.documents.iter().chain(of_targets).map(|file| (&file.path, file.content)).collect()
}

/// Holds bytes against what they should be.
pub(super) fn check(path: &str, content: &Entry, bytes: &[u8]) -> Result<(), VerifyError> {
    let found = Digest::of(bytes);
    if found == content.sha256 && bytes.len() as u64 == content.bytes {
        return Ok(());
    }
    Err(VerifyError::Sum { path: path.to_owned(), found: found.hex(), expected: content.sha256.hex() })
}

/// The sums say what the manifest says, of all targets.
pub(super) fn check_sums(verified: &Verified, bytes: &[u8]) -> Result<(), VerifyError> {
    let odd = |reason: String| VerifyError::Sums { reason };
    let text = std::str::from_utf8(bytes).map_err(|error| odd(error.to_string()))?;
    let sums = sums::read(text).map_err(odd)?;
    let manifest_path = TreePath::new(Manifest::FILE).expect("the names of documents are paths");
    let files = expected(&verified.manifest, None).into_iter().map(|(path, content)| (path.clone(), content.sha256));
    let expected: BTreeMap<TreePath, Digest> = files.chain([(manifest_path, verified.manifest_sha256)]).collect();
    for (path, digest) in &expected {
        match sums.get(path) {
            Some(found) if found == digest => {}
            Some(_) => return Err(odd(format!("`{path}` has another sum than the manifest says"))),
            None => return Err(odd(format!("`{path}` is missing"))),
        }
    }
    match sums.keys().find(|path| !expected.contains_key(*path)) {
        Some(path) => Err(odd(format!("`{path}` is no file of this artifact"))),
        None => Ok(()),
    }
}
