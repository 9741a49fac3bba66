//! Kept artifacts: what gc must never touch, and why.

use std::fmt;
use std::path::PathBuf;

use crate::check::Fault;
use crate::disk::{self, Disk, DiskError};
use crate::record::{self, Header, Needs, RECORD_BYTES_MAX};
use crate::stages::Contents;
use crate::store::Store;
use crate::writer::Writer;

/// Longest name of a kept artifact, in bytes.
const NAME_BYTES_MAX: usize = 200;
/// Longest id, in bytes.
const ID_BYTES_MAX: usize = 128;

/// The id of a kept artifact: a UUID, the hex digits of a digest, or another short name in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeptId(String);

/// Why a text is not an id for a kept artifact.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{}` is not an id: expected 1 to {ID_BYTES_MAX} of the characters a-z, 0-9, `-`, `_` and `.`, not starting with `.`",
    text.escape_debug()
)]
pub struct KeptIdError {
    /// The text as given.
    pub text: String,
}

impl KeptId {
    /// Checks and takes an id. It becomes a file name, also on file systems that do not tell cases apart.
    ///
    /// # Errors
    /// [`KeptIdError`] for any other character, an empty or over-long text, or a leading dot.
    pub fn new(text: impl Into<String>) -> Result<Self, KeptIdError> {
        let text = text.into();
        let plain = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte));
        if !plain || text.is_empty() || text.len() > ID_BYTES_MAX || text.starts_with('.') {
            return Err(KeptIdError { text });
        }
        Ok(Self(text))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A kept artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its id.
    pub id: KeptId,
    /// What people call it.
    pub name: String,
    /// What it needs from the store.
    pub needs: Needs,
    /// Its document, byte for byte as given.
    pub document: Vec<u8>,
}

/// Why an artifact was not kept, or let go.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeepError {
    /// Its record cannot be written or removed.
    #[error("cannot keep the artifact `{id}`: {source}")]
    Disk {
        /// The artifact.
        id: KeptId,
        /// What went wrong.
        source: DiskError,
    },
    /// Its name is empty, too long, or holds a control character.
    #[error("cannot keep the artifact `{id}` as `{}`: expected a name of 1 to {NAME_BYTES_MAX} bytes without control characters", name.escape_debug())]
    Name {
        /// The artifact.
        id: KeptId,
        /// The name as given.
        name: String,
    },
    /// Something it needs is not in the store.
    #[error("cannot keep the artifact `{id}`: {} things it needs are not in the store as they should be; the first: {}", faults.len(), faults[0])]
    Incomplete {
        /// The artifact.
        id: KeptId,
        /// What is missing; at least one.
        faults: Vec<Fault>,
    },
    /// Another artifact is kept under the id.
    #[error("cannot keep the artifact `{id}`: another one, named `{name}`, is kept under that id")]
    Taken {
        /// The id.
        id: KeptId,
        /// The name of the one that has it.
        name: String,
    },
    /// The document is longer than can be read back.
    #[error("cannot keep the artifact `{id}`: expected a document of at most {RECORD_BYTES_MAX} bytes, got {bytes}")]
    TooLong {
        /// The artifact.
        id: KeptId,
        /// The length of its record.
        bytes: u64,
    },
    /// The record that has the id is damaged.
    #[error(transparent)]
    Damaged(#[from] KeptError),
}

/// Why a kept artifact cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeptError {
    /// Its file cannot be read.
    #[error("cannot read what is kept: {0}")]
    Disk(#[from] DiskError),
    /// Its file is damaged.
    #[error("the record of the kept artifact `{id}` (`{}`) is damaged: {why}", place.display())]
    Damaged {
        /// The artifact.
        id: String,
        /// The record's file.
        place: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

impl KeptError {
    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Disk(_) => None,
            Self::Damaged { .. } => {
                Some("restore the file from a copy, or remove it to let the artifact go; gc does nothing until then")
            }
        }
    }
}

impl Store {
    /// One kept artifact; `None` when nothing is kept under that id.
    ///
    /// # Errors
    /// [`KeptError`] when its record cannot be read or is damaged.
    pub fn kept(&self, id: &KeptId) -> Result<Option<Kept>, KeptError> {
        let place = self.layout.kept(id.as_str());
        let Some(bytes) = disk::read(&place, RECORD_BYTES_MAX)? else {
            return Ok(None);
        };
        match record::decode(&bytes, id.as_str()) {
            Ok((header, document)) => Ok(Some(Kept { id: id.clone(), name: header.name, needs: header.needs, document })),
            Err(why) => Err(KeptError::Damaged { id: id.to_string(), place, why }),
        }
    }

    /// The ids of everything kept, sorted.
    ///
    /// # Errors
    /// [`KeptError::Damaged`] for a file whose name is not an id's.
    pub fn list_kept(&self) -> Result<Vec<KeptId>, KeptError> {
        let mut ids = Vec::new();
        for place in disk::list(&self.layout.folder("kept"))? {
            let name = place.file_name().unwrap_or_default().to_string_lossy().into_owned();
            match name.strip_suffix(".record").map(KeptId::new) {
                Some(Ok(id)) => ids.push(id),
                _ => return Err(KeptError::Damaged { id: name, place, why: "expected a file named `<id>.record`".into() }),
            }
        }
        Ok(ids)
    }
}

impl Writer {
    /// Keeps an artifact: gc touches nothing it needs until it is let go. Keeping the same one twice is harmless.
    ///
    /// # Errors
    /// [`KeepError::Incomplete`] when something it needs is not in the store, [`KeepError::Taken`] when another artifact has
    /// the id.
    pub fn keep(&self, kept: &Kept) -> Result<(), KeepError> {
        let id = &kept.id;
        if kept.name.is_empty() || kept.name.len() > NAME_BYTES_MAX || kept.name.chars().any(char::is_control) {
            return Err(KeepError::Name { id: id.clone(), name: kept.name.clone() });
        }
        match self.kept(id)? {
            Some(there) if there == *kept => return Ok(()),
            Some(there) => return Err(KeepError::Taken { id: id.clone(), name: there.name }),
            None => {}
        }
        let disk_error = |source| KeepError::Disk { id: id.clone(), source };
        let faults = self.check_needs(&kept.needs, Contents::Checked).map_err(disk_error)?;
        if !faults.is_empty() {
            return Err(KeepError::Incomplete { id: id.clone(), faults });
        }
        let header = Header { id: id.to_string(), name: kept.name.clone(), needs: kept.needs.clone() };
        let bytes = record::encode(&header, &kept.document);
        if bytes.len() as u64 > RECORD_BYTES_MAX {
            return Err(KeepError::TooLong { id: id.clone(), bytes: bytes.len() as u64 });
        }
        self.publish(&bytes, &self.layout.kept(id.as_str())).map_err(disk_error)
    }

    /// Lets a kept artifact go; false when nothing was kept under that id. What it needed stays until the next gc.
    ///
    /// # Errors
    /// [`KeepError::Disk`] when its record cannot be removed.
    pub fn unkeep(&self, id: &KeptId) -> Result<bool, KeepError> {
        let place = self.layout.kept(id.as_str());
        let there = place.symlink_metadata().is_ok();
        self.forget(&place).map_err(|source| KeepError::Disk { id: id.clone(), source })?;
        Ok(there)
    }

    fn forget(&self, place: &std::path::Path) -> Disk<()> {
        disk::remove_file(place)?;
        disk::sync_dir(disk::parent(place))
    }
}
