//! Why a key cannot be made, found or used.

use std::io;
use std::path::{Path, PathBuf};

use aw_alloy::Moment;
use aw_alloy::signing::MergeError;
use aw_alloy::text::Problem;

use crate::exit::ExitCode;
use crate::report::Report;

/// Why a key cannot be made, found or used. No secret is in any of them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum KeyringError {
    /// A file cannot be read or made.
    #[error("`{}` cannot be {action}: {source}", path.display())]
    Disk { action: &'static str, path: PathBuf, source: io::Error },
    /// Others may read a secret.
    #[error("the secret key `{}` can be read by others (mode {mode:03o}), expected mode 600", path.display())]
    Open { path: PathBuf, mode: u32 },
    /// A file is no secret key.
    #[error("`{}` is not a secret key: expected unencrypted PKCS#8 PEM", path.display())]
    NotAKey { path: PathBuf },
    /// A file holds another key than the registry says.
    #[error("`{}` holds another key than the registry says", path.display())]
    NotTheKey { path: PathBuf },
    /// A registry cannot be read.
    #[error("the key registry `{}` cannot be read", path.display())]
    Registry { path: PathBuf, problems: Vec<Problem> },
    /// A registry does not take something.
    #[error(transparent)]
    Merge(MergeError),
    /// A name that keys do not have.
    #[error("`{name}` is no name for a key: expected lower-case letters, digits, `-` and `_`, neither `identity` nor a key id")]
    Name { name: String },
    /// There is a key of that name.
    #[error("there is a key `{name}` already: {key_id}")]
    Taken { name: String, key_id: String },
    /// There is no such key.
    #[error("there is no key `{which}` here")]
    Unknown { which: String, names: Vec<String> },
    /// It was revoked.
    #[error("key {key_id} was revoked at {at}, for good")]
    Revoked { key_id: String, at: Moment },
    /// Another one came after it.
    #[error("key {key_id} was superseded by key {by}")]
    Superseded { key_id: String, by: String },
    /// It counts no more, or not yet.
    #[error("key {key_id} counts from {from} to {to}")]
    OutsideItsTime { name: String, key_id: String, from: Moment, to: Moment },
    /// There is no randomness to make one from.
    #[error("the operating system gives no randomness for a key: {0}")]
    Randomness(getrandom::Error),
}

impl KeyringError {
    pub(super) fn disk(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Disk { action, path: path.to_owned(), source }
    }
}

impl From<KeyringError> for Report {
    fn from(error: KeyringError) -> Self {
        let message = error.to_string();
        let (exit, code, hint) = match error {
            KeyringError::Registry { path, problems } => {
                let what = format!("the key registry `{}` has", path.display());
                return Self::problems(ExitCode::Refused, "key-registry", &what, Some(&path), problems);
            }
            KeyringError::Disk { source, .. } if source.kind() == io::ErrorKind::NotFound => (ExitCode::Usage, "not-found", None),
            KeyringError::Disk { .. } | KeyringError::Randomness(_) => (ExitCode::Environment, "key", None),
            KeyringError::Open { path, .. } => {
                let hint = format!("if nobody else has read it, `chmod 600 {}`; else revoke it", path.display());
                (ExitCode::Environment, "key", Some(hint))
            }
            KeyringError::NotAKey { .. } | KeyringError::NotTheKey { .. } => {
                (ExitCode::Environment, "key", Some("restore it from a copy, or revoke the key and make another".into()))
            }
            KeyringError::Merge(MergeError::Conflict { .. }) => {
                (ExitCode::Refused, "key-conflict", Some("ask its owner which of the two is right; nothing was taken in".into()))
            }
            KeyringError::Merge(_) => (ExitCode::Refused, "key-state", None),
            KeyringError::Name { .. } => (ExitCode::Usage, "key-name", None),
            KeyringError::Taken { name, .. } => (
                ExitCode::Refused,
                "key-taken",
                Some(format!("`alloyworks key rotate {name}` makes the one that comes after it")),
            ),
            KeyringError::Unknown { names, .. } => {
                let hint = match names.is_empty() {
                    true => "make one: `alloyworks key create --name release`".to_owned(),
                    false => format!("there are: {}", names.join(", ")),
                };
                (ExitCode::Usage, "key-unknown", Some(hint))
            }
            KeyringError::Revoked { .. } => {
                (ExitCode::Refused, "key-state", Some("make another with `alloyworks key create`; the name is free again".into()))
            }
            KeyringError::Superseded { by, .. } => (ExitCode::Refused, "key-state", Some(format!("use key {by}"))),
            KeyringError::OutsideItsTime { name, .. } => (
                ExitCode::Refused,
                "key-state",
                Some(format!("`alloyworks key rotate {name}` makes the one that comes after it")),
            ),
        };
        Self::new(exit, code, message).hint_if(hint)
    }
}
