//! The signing keys of a home folder, and what is known of keys.
//!
//! A key's secret is `keys/signing/<name>/<key id>.pem`: unencrypted PKCS#8, mode 0600, never replaced. What is known of this home's own
//! keys is `keys/registry.json`; what was imported of others' is `keys/known.json`. Both only grow. The identity key is beside them, in
//! its own file, and signs nothing that these sign.

mod error;
mod view;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use aw_alloy::Moment;
use aw_alloy::signing::{Curve, KEY_LIFE_SECONDS, KeyEntry, KeyRegistry, Merged, SigningKey, base64};
use aw_alloy::text::Object;
use zeroize::Zeroizing;

use crate::private_file::{self, PrivateFileError};

pub(crate) use error::KeyringError;
pub use view::{KeyPurpose, KeyState, KeyView};

/// The name of the identity key, which no signing key takes.
pub(crate) const IDENTITY: &str = "identity";
/// Most characters of a key's name.
const NAME_MAX: usize = 64;
/// Most bytes of a secret's file.
const SECRET_FILE_MAX: u64 = 4096;
/// Most bytes of a registry's file.
const REGISTRY_FILE_MAX: u64 = 32 << 20;
/// How often random bytes are taken until they are a secret of a curve: once is all but always enough.
const SECRET_TRIES: usize = 16;

/// Now.
pub(crate) fn now() -> Moment {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    // Milliseconds: what documents say is what is compared.
    Moment::from_unix(i64::try_from(since.as_secs()).unwrap_or(i64::MAX), since.subsec_millis() * 1_000_000)
}

/// The keys of a home folder.
pub(crate) struct Keyring {
    folder: PathBuf,
}

/// One of this home's own keys.
#[derive(Clone, Debug)]
pub(crate) struct OwnKey {
    /// What people call it here; its successors have the same name.
    pub(crate) name: String,
    /// What is known of it.
    pub(crate) entry: KeyEntry,
}

impl Keyring {
    /// The keys below a home folder. Makes nothing on disk.
    pub(crate) fn new(home: &Path) -> Self {
        Self { folder: home.join("keys") }
    }

    /// Everything known of keys: this home's own as of now, others' as of what was imported.
    pub(crate) fn registry(&self, now: Moment) -> Result<KeyRegistry, KeyringError> {
        let mut registry = self.read(&self.own_file())?.as_of(now);
        registry.merge(&self.read(&self.known_file())?).map_err(KeyringError::Merge)?;
        Ok(registry)
    }

    /// Everything known of keys, with what a registry's file says: it adds to what is known, and takes no revocation back.
    pub(crate) fn registry_with(&self, file: &Path, now: Moment) -> Result<KeyRegistry, KeyringError> {
        let theirs = read_registry(file)?.ok_or_else(|| KeyringError::disk("read", file, io::ErrorKind::NotFound.into()))?;
        let mut registry = self.registry(now)?;
        registry.merge(&theirs).map_err(KeyringError::Merge)?;
        Ok(registry)
    }

    /// What others need to check signatures of this home's own keys.
    pub(crate) fn own_registry(&self, now: Moment) -> Result<KeyRegistry, KeyringError> {
        let own = self.read(&self.own_file())?;
        Ok(self.registry(now)?.only(|entry| own.get(&entry.key_id).is_some()))
    }

    /// This home's own keys, by name and then by when they were made.
    pub(crate) fn keys(&self, now: Moment) -> Result<Vec<OwnKey>, KeyringError> {
        let registry = self.own_registry(now)?;
        let mut keys = Vec::new();
        for (name, id) in self.files()? {
            keys.extend(registry.get(&id).map(|entry| OwnKey { name, entry: entry.clone() }));
        }
        keys.sort_by(|a, b| {
            (&a.name, a.entry.registered_at, &a.entry.key_id).cmp(&(&b.name, b.entry.registered_at, &b.entry.key_id))
        });
        Ok(keys)
    }

    /// Secrets that no registry entry belongs to: of a process that ended while it made a key. They never signed anything.
    pub(crate) fn strays(&self, now: Moment) -> Result<Vec<PathBuf>, KeyringError> {
        let registry = self.own_registry(now)?;
        let files = self.files()?.into_iter();
        Ok(files.filter(|(_, id)| registry.get(id).is_none()).map(|(name, id)| self.secret_file(&name, &id)).collect())
    }

    /// Makes a key under a name that no key which still counts has.
    pub(crate) fn create(
        &self,
        name: &str,
        curve: Curve,
        owner: &str,
        authority: &str,
        now: Moment,
    ) -> Result<OwnKey, KeyringError> {
        check_name(name)?;
        let _lock = self.lock()?;
        if let Some(taken) = self.keys(now)?.iter().find(|key| key.name == name && key.entry.revoked_at.is_none()) {
            return Err(KeyringError::Taken { name: name.into(), key_id: taken.entry.key_id.clone() });
        }
        let entry = self.make(name, curve, owner, authority, now)?;
        let mut registry = self.read(&self.own_file())?.as_of(now);
        registry.add(entry.clone()).map_err(KeyringError::Merge)?;
        self.write(&self.own_file(), &registry)?;
        Ok(OwnKey { name: name.into(), entry })
    }

    /// Makes the key that comes after one, and marks that one as superseded as of now. Returns both, the old one first.
    pub(crate) fn rotate(&self, which: &str, now: Moment) -> Result<(OwnKey, OwnKey), KeyringError> {
        let _lock = self.lock()?;
        let old = self.find(which, now)?;
        if let Some(at) = old.entry.revoked_at {
            return Err(KeyringError::Revoked { key_id: old.entry.key_id, at });
        }
        if let Some(by) = old.entry.superseded_by {
            return Err(KeyringError::Superseded { key_id: old.entry.key_id, by });
        }
        let Some(key) = old.entry.key() else { return Err(KeyringError::NotTheKey { path: self.own_file() }) };
        let (owner, authority) = (&old.entry.owner, &old.entry.registration_authority);
        let entry = self.make(&old.name, key.curve(), owner, authority, now)?;
        let mut registry = self.read(&self.own_file())?.as_of(now);
        registry.add(entry.clone()).map_err(KeyringError::Merge)?;
        registry.supersede(&old.entry.key_id, &entry.key_id, now).map_err(KeyringError::Merge)?;
        self.write(&self.own_file(), &registry)?;
        let before = registry.get(&old.entry.key_id).cloned().unwrap_or(old.entry);
        Ok((OwnKey { name: old.name.clone(), entry: before }, OwnKey { name: old.name, entry }))
    }

    /// Revokes a key, for good.
    pub(crate) fn revoke(&self, which: &str, reason: Option<&str>, now: Moment) -> Result<OwnKey, KeyringError> {
        let _lock = self.lock()?;
        let key = self.find(which, now)?;
        let mut registry = self.read(&self.own_file())?.as_of(now);
        registry.revoke(&key.entry.key_id, now, reason).map_err(KeyringError::Merge)?;
        self.write(&self.own_file(), &registry)?;
        let entry = registry.get(&key.entry.key_id).cloned().unwrap_or(key.entry);
        Ok(OwnKey { name: key.name, entry })
    }

    /// Takes in what a registry file says of keys. What it says of this home's own keys counts too: it can only take from them.
    pub(crate) fn import(&self, path: &Path, now: Moment) -> Result<Merged, KeyringError> {
        let theirs = read_registry(path)?.ok_or_else(|| KeyringError::disk("read", path, io::ErrorKind::NotFound.into()))?;
        let _lock = self.lock()?;
        // Held against everything known first: nothing is taken in when one entry contradicts.
        let merged = self.registry(now)?.merge(&theirs).map_err(KeyringError::Merge)?;
        let mut known = self.read(&self.known_file())?;
        known.merge(&theirs).map_err(KeyringError::Merge)?;
        self.write(&self.known_file(), &known.as_of(now))?;
        Ok(merged)
    }

    /// The key that goes by a name or a key id: of several of one name the one that may sign, else the newest.
    pub(crate) fn find(&self, which: &str, now: Moment) -> Result<OwnKey, KeyringError> {
        let keys = self.keys(now)?;
        if let Some(key) = keys.iter().find(|key| key.entry.key_id == which) {
            return Ok(key.clone());
        }
        let named: Vec<&OwnKey> = keys.iter().filter(|key| key.name == which).collect();
        let live = named.iter().rev().find(|key| key.entry.may_sign(now));
        let chosen = live.or(named.last()).ok_or_else(|| {
            let mut names: Vec<String> = keys.iter().map(|key| key.name.clone()).collect();
            names.dedup();
            KeyringError::Unknown { which: which.into(), names }
        })?;
        Ok((*chosen).clone())
    }

    /// The secret of a key that may sign now, by name or key id, and what is known of it.
    pub(crate) fn signing_key(&self, which: &str, now: Moment) -> Result<(SigningKey, OwnKey), KeyringError> {
        let own = self.find(which, now)?;
        let key_id = own.entry.key_id.clone();
        if let Some(at) = own.entry.revoked_at {
            return Err(KeyringError::Revoked { key_id, at });
        }
        if let Some(by) = &own.entry.superseded_by {
            return Err(KeyringError::Superseded { key_id, by: by.clone() });
        }
        if !own.entry.may_sign(now) {
            let (from, to) = (own.entry.registered_at, own.entry.expires_at);
            return Err(KeyringError::OutsideItsTime { name: own.name, key_id, from, to });
        }
        let path = self.secret_file(&own.name, &key_id);
        let read = private_file::read(&path, SECRET_FILE_MAX).map_err(|error| match error {
            PrivateFileError::Disk(source) => KeyringError::disk("read", &path, source),
            PrivateFileError::Open { mode } => KeyringError::Open { path: path.clone(), mode },
        })?;
        let bytes = read.ok_or_else(|| KeyringError::disk("read", &path, io::ErrorKind::NotFound.into()))?;
        let key = str::from_utf8(&bytes).ok().and_then(|text| SigningKey::from_pem(text).ok());
        let key = key.ok_or_else(|| KeyringError::NotAKey { path: path.clone() })?;
        if own.entry.key() != Some(key.public()) {
            return Err(KeyringError::NotTheKey { path });
        }
        Ok((key, own))
    }

    /// Makes a secret and puts it in its file. It counts as soon as the registry has its entry, and not before.
    fn make(&self, name: &str, curve: Curve, owner: &str, authority: &str, now: Moment) -> Result<KeyEntry, KeyringError> {
        let key = random_key(curve)?;
        let public = key.public();
        let key_id = public.id();
        let path = self.secret_file(name, &key_id);
        private_file::write_new(&path, key.to_pem().as_bytes()).map_err(|source| KeyringError::disk("made", &path, source))?;
        Ok(KeyEntry {
            key_id,
            algorithm: curve.algorithm(),
            public_key: base64::standard(&public.to_der()),
            owner: owner.into(),
            registered_at: now,
            expires_at: now.after(KEY_LIFE_SECONDS),
            revoked_at: None,
            superseded_by: None,
            superseded_at: None,
            registration_authority: authority.into(),
            revocation_reason: None,
            as_of: None,
            more: Object::new(),
        })
    }

    /// Names and key ids of the secrets there are.
    fn files(&self) -> Result<Vec<(String, String)>, KeyringError> {
        let mut found = Vec::new();
        for name in names_in(&self.folder.join("signing"))? {
            for file in names_in(&self.folder.join("signing").join(&name))? {
                if let Some(id) = file.strip_suffix(".pem") {
                    found.push((name.clone(), id.to_owned()));
                }
            }
        }
        Ok(found)
    }

    fn secret_file(&self, name: &str, key_id: &str) -> PathBuf {
        self.folder.join("signing").join(name).join(format!("{key_id}.pem"))
    }

    fn own_file(&self) -> PathBuf {
        self.folder.join("registry.json")
    }

    fn known_file(&self) -> PathBuf {
        self.folder.join("known.json")
    }

    fn read(&self, path: &Path) -> Result<KeyRegistry, KeyringError> {
        Ok(read_registry(path)?.unwrap_or_default())
    }

    fn write(&self, path: &Path, registry: &KeyRegistry) -> Result<(), KeyringError> {
        let written = private_file::replace(path, registry.to_text().as_bytes());
        written.map_err(|source| KeyringError::disk("written", path, source))
    }

    /// Held while the registries are read and written again, so that no process writes over what another one wrote.
    fn lock(&self) -> Result<File, KeyringError> {
        let path = self.folder.join("lock");
        private_file::write_new(&path, b"").map_err(|source| KeyringError::disk("made", &path, source))?;
        let locked = File::open(&path).and_then(|file| file.lock().map(|()| file));
        locked.map_err(|source| KeyringError::disk("locked", &path, source))
    }
}

/// Reads a registry's file; `None` when there is none.
pub(crate) fn read_registry(path: &Path) -> Result<Option<KeyRegistry>, KeyringError> {
    let length = match fs::metadata(path) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(KeyringError::disk("read", path, error)),
    };
    if length > REGISTRY_FILE_MAX {
        return Err(KeyringError::disk("read", path, io::Error::other(format!("it is longer than {REGISTRY_FILE_MAX} bytes"))));
    }
    let bytes = fs::read(path).map_err(|source| KeyringError::disk("read", path, source))?;
    let registry = KeyRegistry::read(&bytes);
    registry.map(Some).map_err(|problems| KeyringError::Registry { path: path.to_owned(), problems })
}

fn random_key(curve: Curve) -> Result<SigningKey, KeyringError> {
    let mut bytes = Zeroizing::new(vec![0; curve.secret_bytes()]);
    for _ in 0..SECRET_TRIES {
        getrandom::fill(&mut bytes).map_err(KeyringError::Randomness)?;
        if let Ok(key) = SigningKey::from_secret(curve, &bytes) {
            return Ok(key);
        }
    }
    Err(KeyringError::Randomness(getrandom::Error::UNEXPECTED))
}

fn check_name(name: &str) -> Result<(), KeyringError> {
    let starts = name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    let plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_');
    let id = name.len() == 16 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    match starts && plain && !id && name.len() <= NAME_MAX && name != IDENTITY {
        true => Ok(()),
        false => Err(KeyringError::Name { name: name.chars().take(80).collect() }),
    }
}

fn names_in(folder: &Path) -> Result<Vec<String>, KeyringError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(Vec::new()),
        Err(error) => return Err(KeyringError::disk("read", folder, error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(|error| KeyringError::disk("read", folder, error))?.file_name();
        names.extend(name.into_string().ok());
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests;
