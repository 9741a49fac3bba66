//! What the commands of the area `seal` share: keys, documents, and files that appear whole.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use aw_alloy::artifact::{ARTIFACT_SUFFIX, Finding, Severity};
use aw_alloy::digest::from_hex;
use aw_alloy::document::Document;
use aw_alloy::signing::{Curve, KeyFormError, SigningKey, VerificationKey};
use aw_alloy::tree::TreePath;
use aw_foundry::BundleError;
use zeroize::Zeroizing;

use super::verify::{FindingView, Verdict};
use crate::environment::Environment;
use crate::exit::ExitCode;
use crate::keys::{IDENTITY, Keyring, now};
use crate::private_file::{self, PrivateFileError};
use crate::recipe_file::read_bounded;
use crate::report::{Place, Report};

/// Longest key file read, in bytes.
const KEY_BYTES_MAX: u64 = 16 << 10;

/// The key to sign with: one of this node's by its name, or one of the user's own from a file.
pub(super) fn signing_key(environment: &Environment, name: Option<&str>, file: Option<&Path>) -> Result<SigningKey, Report> {
    match (name, file) {
        (Some(name), None) => named_key(environment, name),
        (None, Some(file)) => private_key(file),
        (None, None) => {
            let message = "no key was named to sign with";
            Err(Report::new(ExitCode::Usage, "no-key", message).hint("name one with `--key` or `--private-key`"))
        }
        (Some(_), Some(_)) => Err(Report::new(ExitCode::Usage, "parameters", "`key` and `privateKey` do not go together")),
    }
}

/// A key that may no longer sign is refused. The node's identity signs statements too: they say who forged.
fn named_key(environment: &Environment, name: &str) -> Result<SigningKey, Report> {
    if name == IDENTITY {
        return identity(&environment.identity_file());
    }
    let (key, _) = Keyring::new(environment.home()).signing_key(name, now())?;
    Ok(key)
}

fn identity(path: &Path) -> Result<SigningKey, Report> {
    let none = || {
        let message = "this home has no identity key that can be read";
        Report::new(ExitCode::Environment, "identity", message).hint("`alloyworks doctor` tells what is wrong with it")
    };
    let bytes = private_file::read(path, KEY_BYTES_MAX).ok().flatten().ok_or_else(none)?;
    let hex = str::from_utf8(&bytes).ok().and_then(|text| text.strip_suffix('\n')).and_then(from_hex);
    let secret = Zeroizing::new(hex.ok_or_else(none)?);
    SigningKey::from_secret(Curve::Ed25519, &secret).map_err(|_| none())
}

/// Reads a secret key in PKCS#8 PEM from a file of the user's own.
fn private_key(path: &Path) -> Result<SigningKey, Report> {
    let refuse = |exit, message: String| Report::new(exit, "private-key", message).at(file_place(path));
    let read = private_file::read(path, KEY_BYTES_MAX).map_err(|error| match error {
        PrivateFileError::Open { mode } => {
            let message = format!("the private key can be read by others (mode {mode:03o}), expected mode 600");
            refuse(ExitCode::Environment, message).hint("if nobody else has read it, `chmod 600` it")
        }
        PrivateFileError::Disk(error) => refuse(ExitCode::Environment, format!("the private key cannot be read: {error}")),
    })?;
    let Some(bytes) = read else { return Err(refuse(ExitCode::Usage, "there is no such private key".into())) };
    let key = str::from_utf8(&bytes).map_err(|_| KeyFormError::Text).and_then(SigningKey::from_pem);
    key.map_err(|error| {
        refuse(ExitCode::Refused, format!("the private key is not read: {error}"))
            .hint("`openssl pkcs8 -topk8 -nocrypt -in KEY -out KEY.pem` writes other forms as PKCS#8")
    })
}

/// Reads public keys in PEM, each from a file.
pub(super) fn public_keys(paths: &[PathBuf]) -> Result<Vec<VerificationKey>, Report> {
    let read = |path: &PathBuf| {
        let bytes = read_bounded(path, "public key")?;
        let text = String::from_utf8_lossy(&bytes);
        VerificationKey::read(&text).map_err(|error| {
            let message = format!("the public key is not read: {error}");
            Report::new(ExitCode::Refused, "public-key", message).at(file_place(path))
        })
    };
    paths.iter().map(read).collect()
}

/// Where something is wrong when all that is known is the file.
pub(super) fn file_place(path: &Path) -> Place {
    Place { file: Some(path.display().to_string()), ..Place::default() }
}

/// A document of any origin, with its file's name.
pub(super) fn document(path: &Path) -> Result<(Document, PathBuf, String), Report> {
    let file = if path.is_dir() { super::show::document_in(path)? } else { path.to_owned() };
    let bytes = read_bounded(&file, "document")?;
    let document = Document::read(&bytes)
        .map_err(|problems| Report::problems(ExitCode::Refused, "not-a-document", "the document has", Some(&file), problems))?;
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok((document, file, name))
}

/// Writes a file so that it appears whole or not at all.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), Report> {
    let temporary = {
        let mut name = path.file_name().unwrap_or_default().to_os_string();
        name.push(format!(".{}.tmp", std::process::id()));
        path.with_file_name(name)
    };
    let put = || {
        let mut file = File::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    put().map_err(|error| {
        // Nothing was there before; if it cannot be removed either, the error above says why.
        let _ = fs::remove_file(&temporary);
        Report::new(ExitCode::Environment, "write", format!("it cannot be written: {error}")).at(file_place(path))
    })
}

/// The path of `file` in `folder`, when it lies there.
pub(super) fn inside(folder: &Path, file: &Path) -> Option<TreePath> {
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file = parent.canonicalize().ok()?.join(file.file_name()?);
    let relative = file.strip_prefix(folder.canonicalize().ok()?).ok()?;
    TreePath::new(relative.to_str()?).ok()
}

/// Refuses a new file in an artifact's folder, which holds the artifact and nothing else.
pub(super) fn not_in_artifact(out: &Path) -> Result<(), Report> {
    let parent = out.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let holds_document = entries.map(|entry| entry.file_name()).any(|name| name.to_string_lossy().ends_with(ARTIFACT_SUFFIX));
    if !holds_document {
        return Ok(());
    }
    let message = format!("`{}` would lie in an artifact's folder, where `verify` accepts nothing new", out.display());
    Err(Report::new(ExitCode::Usage, "in-artifact", message).hint("name a place beside the folder"))
}

/// The worst of what was found.
pub(super) fn verdict(findings: &[FindingView]) -> Verdict {
    let found = |verdict| findings.iter().any(|finding| finding.verdict == verdict);
    if found(Verdict::Bad) {
        Verdict::Bad
    } else if found(Verdict::Unknown) {
        Verdict::Unknown
    } else {
        Verdict::Good
    }
}

/// How a command ends with an answer.
pub(super) fn exit_code(verdict: Verdict) -> ExitCode {
    match verdict {
        Verdict::Good => ExitCode::Ok,
        Verdict::Bad => ExitCode::No,
        Verdict::Unknown => ExitCode::Unknown,
    }
}

/// A finding of a check, as results have it.
pub(super) fn view(finding: Finding) -> FindingView {
    let verdict = if finding.severity == Severity::Bad { Verdict::Bad } else { Verdict::Unknown };
    FindingView { verdict, place: finding.place, file: finding.file, message: finding.message }
}

/// What is said of the signature itself.
pub(super) fn signature_finding(verdict: Verdict, message: impl Into<String>) -> FindingView {
    FindingView { verdict, place: "signature".into(), file: None, message: message.into() }
}

/// The report of a folder that cannot be signed or checked.
pub(super) fn bundle_report(error: &BundleError) -> Report {
    match error {
        BundleError::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => {
            Report::from_error(ExitCode::Usage, "not-found", error)
        }
        BundleError::Odd { .. } | BundleError::Name { .. } | BundleError::Empty { .. } => {
            Report::from_error(ExitCode::Refused, "not-signable", error)
        }
        BundleError::Source(source) => Report::from_error(ExitCode::Environment, "source", source).hint_if(source.hint()),
        BundleError::Cancelled => Report::from_error(ExitCode::Cancelled, "cancelled", error),
        _ => Report::from_error(ExitCode::Environment, "read", error),
    }
}
