//! The node's identity key: one file that only its owner may read.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use aw_alloy::digest::{from_hex, to_hex};
use aw_alloy::keys::SecretKey;

use crate::exit::ExitCode;
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
    let disk = |source| IdentityError::Disk { action: "read", path: path.to_owned(), source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(disk(error)),
    };
    let mode = file.metadata().map_err(disk)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(IdentityError::Open { path: path.to_owned(), mode });
    }
    let mut text = String::new();
    let not_a_key = || IdentityError::NotAKey { path: path.to_owned() };
    file.take(FILE_BYTES + 1).read_to_string(&mut text).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => not_a_key(),
        _ => disk(error),
    })?;
    let bytes =
        text.strip_suffix('\n').and_then(from_hex).and_then(|bytes| <[u8; 32]>::try_from(bytes).ok()).ok_or_else(not_a_key)?;
    Ok(Some(SecretKey::from_bytes(&bytes)))
}

/// Reads the key, or makes one. Of several processes that make one at once, all get the same.
pub(crate) fn load_or_create(path: &Path) -> Result<SecretKey, IdentityError> {
    if let Some(key) = load(path)? {
        return Ok(key);
    }
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(IdentityError::Randomness)?;
    write_new(path, &bytes).map_err(|source| IdentityError::Disk { action: "made", path: path.to_owned(), source })?;
    let gone = || IdentityError::Disk { action: "read", path: path.to_owned(), source: io::ErrorKind::NotFound.into() };
    load(path)?.ok_or_else(gone)
}

/// Puts a key in place whole and synced, unless another one got there first.
fn write_new(path: &Path, bytes: &[u8; 32]) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::NotFound)?;
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let temporary = path.with_extension(format!("{}-{number}.tmp", std::process::id()));
    remove(&temporary)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    file.write_all(format!("{}\n", to_hex(bytes)).as_bytes())?;
    file.sync_all()?;
    // A link, not a rename: it never replaces the key that another process has signed with already.
    let linked = match fs::hard_link(&temporary, path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    };
    remove(&temporary)?;
    linked?;
    File::open(folder)?.sync_all()
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
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
