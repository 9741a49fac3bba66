//! Where ontologies are read: files, HTTP, object stores.
//!
//! [`Sources::fetch`] gives the bytes of one source and what identifies their state there. What may be read is bounded: files lie under
//! allowed roots where somebody else names them, HTTP stays within a [`Network`], nothing is longer than [`SOURCE_BYTES_MAX`]. An empty
//! source is an error and never "no change".
//!
//! # Source
//! Codegen, sections 6 and 8.

mod file;
mod http;
mod location;
#[cfg(feature = "object-stores")]
mod objects;
mod state;

use std::path::PathBuf;

use crate::diagnostic::Diagnostic;
use crate::net::{Network, NetworkError, Secret};

pub use aw_remote::{ObjectLocation, Provider};
pub use location::{Location, file_uri};
pub use state::{Asked, Generated, NoChange, State, StateError};

/// Longest source, in bytes.
pub const SOURCE_BYTES_MAX: u64 = 32 << 20;

/// What may be read, and with which credentials. Credentials are handed in; nothing here reads the environment.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// Folders that files must lie in; `None` where the caller is who started the program, and may read what it may.
    pub roots: Option<Vec<PathBuf>>,
    /// Where HTTP may go.
    pub network: Network,
    /// Sent to HTTP sources, to the origin that was asked and along no redirect elsewhere.
    pub bearer: Option<Secret>,
    /// What object stores are told; `None` where they may not be read.
    #[cfg(feature = "object-stores")]
    pub object_stores: Option<crate::objects::Variables>,
}

/// What a source had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The bytes; none when it is not modified.
    pub bytes: Vec<u8>,
    /// Where they were read: an address without query, since one may hold a signature.
    pub source_uri: String,
    /// What identifies the state there: an ETag or a generation.
    pub validator: Option<String>,
    /// The media type the source says.
    pub content_type: Option<String>,
    /// Whether the source says that nothing changed since the validator that was given.
    pub not_modified: bool,
}

/// Why a source could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The text names no source.
    #[error(
        "`{text}` names no source: {reason}; expected a path, file://, http://, https://, s3://, gs://, az:// or azureblob://"
    )]
    Location {
        /// As given, shortened and made printable.
        text: String,
        /// What is wrong.
        reason: String,
    },
    /// The file lies where none may be read.
    #[error("`{}` is not in a folder that sources may be read from", path.display())]
    Outside {
        /// Which file, as asked for.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("cannot read `{}`: {reason}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// HTTP failed.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The object store failed, or cannot be used.
    #[error("{uri}: {reason}")]
    Object {
        /// Which object.
        uri: String,
        /// What happened.
        reason: String,
    },
    /// There is nothing in it.
    #[error("{uri} is empty; expected an ontology")]
    Empty {
        /// Which source.
        uri: String,
    },
    /// It is too long.
    #[error("{uri} has more than {SOURCE_BYTES_MAX} bytes, the most that is read")]
    TooLong {
        /// Which source.
        uri: String,
    },
}

impl SourceError {
    /// Its code, as diagnostics carry it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Location { .. } => "E-SOURCE-LOCATION",
            Self::Outside { .. } => "E-SOURCE-ROOT",
            Self::File { .. } | Self::Object { .. } => "E-SOURCE-READ",
            Self::Network(NetworkError::TooLong { .. }) | Self::TooLong { .. } => "E-SOURCE-LIMIT",
            Self::Network(NetworkError::NotAllowed { .. } | NetworkError::Plain { .. } | NetworkError::Redirect { .. }) => {
                "E-SOURCE-ORIGIN"
            }
            Self::Network(_) => "E-SOURCE-HTTP",
            Self::Empty { .. } => "E-SOURCE-EMPTY",
        }
    }

    /// The same, as every other thing that is said about an ontology.
    pub fn diagnostic(&self) -> Diagnostic {
        Diagnostic::new(self.code(), "source", self.to_string())
    }
}

impl Sources {
    /// Whether a source may be read. Nothing is fetched, and no name is resolved.
    ///
    /// # Errors
    /// [`SourceError`] that fetching it would give.
    pub fn allows(&self, location: &Location) -> Result<(), SourceError> {
        match location {
            Location::File(path) => file::allowed(path, self.roots.as_deref()),
            Location::Http(url) => Ok(self.network.permits(&url.origin, &url.origin)?),
            // What an object store gives is a matter of the credentials this process was given for it.
            Location::Object(_) => Ok(()),
        }
    }

    /// Reads a source. With the validator of the last generated state the source may answer that nothing changed.
    ///
    /// # Errors
    /// [`SourceError`].
    pub fn fetch(&self, location: &Location, validator: Option<&str>) -> Result<Fetched, SourceError> {
        let fetched = match location {
            Location::File(path) => file::fetch(path, self.roots.as_deref())?,
            Location::Http(url) => http::fetch(url, self, validator)?,
            Location::Object(object) => self.object(object, validator)?,
        };
        if !fetched.not_modified && fetched.bytes.is_empty() {
            return Err(SourceError::Empty { uri: fetched.source_uri });
        }
        Ok(fetched)
    }

    /// Whether a source is there. Of a file the first byte is read, of HTTP the head of the answer, of an object the whole.
    ///
    /// # Errors
    /// [`SourceError`] that fetching it would give, but for what is wrong with its bytes.
    pub fn answers(&self, location: &Location) -> Result<(), SourceError> {
        match location {
            Location::File(path) => file::is_there(path, self.roots.as_deref()),
            Location::Http(url) => http::answers(url, self),
            Location::Object(object) => self.object(object, None).map(|_| ()),
        }
    }

    #[cfg(feature = "object-stores")]
    fn object(&self, object: &ObjectLocation, validator: Option<&str>) -> Result<Fetched, SourceError> {
        let refused = || SourceError::Object { uri: object.to_string(), reason: "object stores may not be read here".to_owned() };
        objects::fetch(object, self.object_stores.as_ref().ok_or_else(refused)?, validator)
    }

    #[cfg(not(feature = "object-stores"))]
    #[allow(clippy::unused_self, reason = "with object stores it is used")]
    fn object(&self, object: &ObjectLocation, _: Option<&str>) -> Result<Fetched, SourceError> {
        let reason = "this program was built without object stores; build it with the feature `object-stores`".to_owned();
        Err(SourceError::Object { uri: object.to_string(), reason })
    }
}
