//! Checks an artifact's folder: the document by itself, then every file it names, and that there is nothing else.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use aw_alloy::artifact::{ARTIFACT_SUFFIX, ExpectedFile, Finding, Severity, Verification, verify};
use aw_alloy::digest::{Digest, Hasher};
use aw_alloy::keys::PublicKey;

use crate::error::VerifyError;

/// Longest document read, in bytes.
const DOCUMENT_BYTES_MAX: u64 = 32 << 20;
/// Bytes read at once: small enough to still be in the cache when they are hashed.
const READ_BYTES: usize = 256 << 10;
/// Most files looked at in a folder before it is refused.
const FILES_MAX: usize = 1_000_000;

/// What checking a folder found.
#[derive(Debug)]
pub struct FolderVerdict {
    /// The document.
    pub document: PathBuf,
    /// What is wrong and what could not be checked, document first, then files by path.
    pub verification: Verification,
    /// Bytes hashed.
    pub bytes: u64,
}

/// Checks the artifact in `folder`, or the one whose document is at `folder`. With `trusted`, only those keys are accepted.
///
/// # Errors
/// [`VerifyError`] when there is no single document or the folder cannot be read; everything else is a finding.
pub fn verify_folder(folder: &Path, trusted: &[PublicKey], threads: usize) -> Result<FolderVerdict, VerifyError> {
    let (folder, document) = find_document(folder)?;
    let read = |source| VerifyError::Read { path: document.clone(), source };
    let mut bytes = Vec::new();
    File::open(&document).and_then(|file| file.take(DOCUMENT_BYTES_MAX + 1).read_to_end(&mut bytes)).map_err(read)?;
    if bytes.len() as u64 > DOCUMENT_BYTES_MAX {
        return Err(read(io::Error::other(format!("it is longer than {DOCUMENT_BYTES_MAX} bytes"))));
    }
    let name = document.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut verification = verify(&bytes, &name, trusted);
    let mut hashed = bytes.len() as u64;
    if verification.artifact.is_some() {
        let (findings, more) = files(&folder, &name, &verification.files, threads)?;
        verification.findings.extend(findings);
        hashed += more;
    }
    Ok(FolderVerdict { document, verification, bytes: hashed })
}

fn find_document(folder: &Path) -> Result<(PathBuf, PathBuf), VerifyError> {
    let read = |source| VerifyError::Read { path: folder.to_owned(), source };
    if folder.is_file() {
        let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        return Ok((parent.to_owned(), folder.to_owned()));
    }
    let mut documents = Vec::new();
    for entry in fs::read_dir(folder).map_err(read)? {
        let path = entry.map_err(read)?.path();
        if path.to_string_lossy().ends_with(ARTIFACT_SUFFIX) {
            documents.push(path);
        }
    }
    match documents.as_slice() {
        [document] => Ok((folder.to_owned(), document.clone())),
        _ => Err(VerifyError::Documents { folder: folder.to_owned(), found: documents.len() }),
    }
}

fn files(folder: &Path, document: &str, expected: &[ExpectedFile], threads: usize) -> Result<(Vec<Finding>, u64), VerifyError> {
    let mut present = BTreeSet::new();
    let mut odd = Vec::new();
    walk(folder, "", &mut present, &mut odd)?;
    let mut findings: Vec<Finding> = odd;
    let mut to_hash = Vec::new();
    for file in expected {
        if present.remove(file.path.as_str()) {
            to_hash.push(file)
        } else {
            findings.push(bad(file, "the file is missing".into()))
        }
    }
    present.remove(document);
    for extra in present {
        let message = "the file is not part of the artifact".into();
        findings.push(Finding { severity: Severity::Bad, place: "folder".into(), file: Some(extra), message });
    }
    let (more, bytes) = hash_all(folder, &to_hash, threads)?;
    findings.extend(more);
    findings.sort_by(|a, b| a.file.cmp(&b.file));
    Ok((findings, bytes))
}

fn bad(file: &ExpectedFile, message: String) -> Finding {
    Finding { severity: Severity::Bad, place: file.origin.to_string(), file: Some(file.path.to_string()), message }
}

/// Lists regular files; links and special files are findings, not followed.
fn walk(folder: &Path, below: &str, present: &mut BTreeSet<String>, odd: &mut Vec<Finding>) -> Result<(), VerifyError> {
    let read = |source| VerifyError::Read { path: folder.to_owned(), source };
    for entry in fs::read_dir(folder).map_err(read)? {
        let entry = entry.map_err(read)?;
        let name = entry.file_name();
        let path = format!("{below}{}", name.to_string_lossy());
        let kind = entry.file_type().map_err(read)?;
        if kind.is_dir() {
            walk(&entry.path(), &format!("{path}/"), present, odd)?;
        } else if kind.is_file() && name.to_str().is_some() && present.len() < FILES_MAX {
            present.insert(path);
        } else {
            let message = "expected a regular file with a UTF-8 name, found something else".into();
            odd.push(Finding { severity: Severity::Bad, place: "folder".into(), file: Some(path), message });
        }
    }
    Ok(())
}

fn hash_all(folder: &Path, files: &[&ExpectedFile], threads: usize) -> Result<(Vec<Finding>, u64), VerifyError> {
    let next = AtomicUsize::new(0);
    let found = Mutex::new((Vec::new(), 0, None));
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, files.len().max(1)) {
            scope.spawn(|| {
                let mut buffer = vec![0; READ_BYTES];
                while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let path = folder.join(&file.path);
                    let outcome = hash(&path, file.bytes, &mut buffer);
                    let mut found = found.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    match outcome {
                        Ok((digest, bytes)) => {
                            found.1 += bytes;
                            if file.bytes.is_some_and(|expected| expected != bytes) {
                                found.0.push(bad(
                                    file,
                                    format!("the file has {bytes} bytes, expected {}", file.bytes.unwrap_or_default()),
                                ));
                            } else if digest != Some(file.digest) {
                                let digest = digest.map(|digest| digest.to_string()).unwrap_or_default();
                                found.0.push(bad(
                                    file,
                                    format!("the file's content differs: expected {}, found {digest}", file.digest),
                                ));
                            }
                        }
                        Err(source) => found.2 = Some(VerifyError::Read { path, source }),
                    }
                }
            });
        }
    });
    match found.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
        (_, _, Some(error)) => Err(error),
        (findings, bytes, None) => Ok((findings, bytes)),
    }
}

/// Hashes a file; a file of another length than expected is not read.
fn hash(path: &Path, expected: Option<u64>, buffer: &mut [u8]) -> io::Result<(Option<Digest>, u64)> {
    let mut file = File::open(path)?;
    let bytes = file.metadata()?.len();
    if expected.is_some_and(|expected| expected != bytes) {
        return Ok((None, bytes));
    }
    let mut hasher = Hasher::new();
    let mut total = 0;
    loop {
        match file.read(buffer)? {
            0 => return Ok((Some(hasher.finish()), total)),
            read => {
                hasher.update(&buffer[..read]);
                total += read as u64;
            }
        }
    }
}
