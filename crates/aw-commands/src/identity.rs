//! The node's identity key: one file that only its owner may read.

use std::io;
use std::path::{Path, PathBuf};

use aw_alloy::digest::{from_hex, to_hex};
use aw_alloy::keys::SecretKey;
use zeroize::Zeroizing;

use crate::exit::ExitCode;
use crate::private_file::{self, PrivateFileError};
use crate::report::Report;

/// What the file holds: 64 hex digits and a line end.
const FILE_BYTES: u64 = 65;

/// Why there is no identity.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum IdentityError {
    /// The file cannot be read or made.
    #[error("the identity key `{}` cannot be {action}: {source}", path.display())]
    Disk { action: &'static str, path: PathBuf, source: io::Error },
    /// Others may read it.
    #[error("the identity key `{}` can be read by others (mode {mode:03o}), expected mode 600", path.display())]
    Open { path: PathBuf, mode: u32 },
    /// It is not a key.
    #[error("`{}` is not an identity key: expected 64 lower-case hex digits and a line end", path.display())]
    NotAKey { path: PathBuf },
    /// There is no randomness to make one from.
    #[error("the operating system gives no randomness for an identity key: {0}")]
    Randomness(getrandom::Error),
}

impl From<IdentityError> for Report {
    fn from(error: IdentityError) -> Self {
        let hint = match &error {
            IdentityError::Open { path, .. } => Some(format!("if nobody else has read it, `chmod 600 {}`", path.display())),
            IdentityError::NotAKey { .. } => {
                Some("restore it from a copy, or move it away: the next run makes a new identity".into())
            }
            _ => None,
        };
        Self::new(ExitCode::Environment, "identity", error.to_string()).hint_if(hint)
    }
}

/// Reads the key; `None` when there is none yet.
pub(crate) fn load(path: &Path) -> Result<Option<SecretKey>, IdentityError> {
    let read = private_file::read(path, FILE_BYTES).map_err(|error| match error {
        PrivateFileError::Disk(source) => IdentityError::Disk { action: "read", path: path.to_owned(), source },
        PrivateFileError::Open { mode } => IdentityError::Open { path: path.to_owned(), mode },
    })?;
    let Some(text) = read else { return Ok(None) };
    let text = str::from_utf8(&text).ok().and_then(|text| text.strip_suffix('\n'));
    let bytes = text.and_then(from_hex).and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    let bytes = Zeroizing::new(bytes.ok_or_else(|| IdentityError::NotAKey { path: path.to_owned() })?);
    Ok(Some(SecretKey::from_bytes(&bytes)))
}

/// Reads the key, or makes one. Of several processes that make one at once, all get the same.
pub(crate) fn load_or_create(path: &Path) -> Result<SecretKey, IdentityError> {
    if let Some(key) = load(path)? {
        return Ok(key);
    }
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(bytes.as_mut()).map_err(IdentityError::Randomness)?;
    write_new(path, &bytes).map_err(|source| IdentityError::Disk { action: "made", path: path.to_owned(), source })?;
    let gone = || IdentityError::Disk { action: "read", path: path.to_owned(), source: io::ErrorKind::NotFound.into() };
    load(path)?.ok_or_else(gone)
}

/// Puts a key in place, unless another process got there first: a key that something was signed with is never replaced.
fn write_new(path: &Path, bytes: &[u8; 32]) -> io::Result<()> {
    private_file::write_new(path, Zeroizing::new(format!("{}\n", to_hex(bytes))).as_bytes())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn made_once_private_and_the_same_ever_after() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("keys/identity.ed25519");
        assert!(load(&path).unwrap().is_none());
        let made: Vec<String> = std::thread::scope(|scope| {
            let make = || load_or_create(&path).unwrap().public().to_string();
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(make)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).chain([make()]).collect()
        });
        assert!(made.iter().all(|key| *key == made[0]));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "a temporary file was left");
        let other = tempfile::tempdir().unwrap();
        assert_ne!(load_or_create(&other.path().join("k")).unwrap().public().to_string(), made[0]);
    }

    #[test]
    fn a_key_that_others_can_read_or_that_is_none_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("identity.ed25519");
        load_or_create(&path).unwrap();
        let secret = fs::read_to_string(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = load(&path).unwrap_err();
        assert!(matches!(error, IdentityError::Open { mode: 0o640, .. }));
        let report = Report::from(error);
        assert!(!format!("{report:?}").contains(secret.trim()), "a secret in a report");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        for text in ["", "00\n", secret.trim(), &format!("{secret}\n"), &secret.replace('\n', "g\n")] {
            fs::write(&path, text).unwrap();
            let error = load_or_create(&path).unwrap_err();
            assert!(matches!(error, IdentityError::NotAKey { .. }), "{text:?}");
        }
    }

    #[test]
    fn a_key_that_is_there_is_never_replaced() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("keys/identity.ed25519");
        let key = load_or_create(&path).unwrap().public();
        write_new(&path, &[9; 32]).unwrap();
        assert_eq!(load(&path).unwrap().unwrap().public(), key);
    }
}
