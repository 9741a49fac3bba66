//! The seam between generating and using: signed artifacts, where they are kept, and consumers that adopt them.
//!
//! An [`Artifact`] holds the files of every target, what was found on the way and a signed [`Manifest`]; it is named by the ontology's
//! content and never changes. An [`ArtifactStore`] keeps artifacts: a [`Directory`], an OCI registry ([`oci::Registry`]), an object store.
//! A [`Consumer`] pins one, has it beside the version it uses, and adopts it, or goes back, by one flip.
//!
//! # Source
//! Codegen, section 11.

mod artifact;
#[cfg(feature = "object-stores")]
mod bucket;
mod consumer;
#[cfg(test)]
mod crash;
mod directory;
mod index;
mod manifest;
mod name;
pub mod oci;
mod shelf;
mod store;
mod sums;
mod verify;

#[cfg(feature = "object-stores")]
pub use bucket::Objects;

pub use artifact::{Artifact, BuildError, Contents, TargetContents, removed_symbols};
pub(crate) use aw_disk as disk;
pub use aw_disk::DiskError;
pub use consumer::{Active, Consumer, ConsumerError, Pin, PinError, Pinned, Settings, Staged, Status, VersionReport};
pub use directory::Directory;
pub use index::{Entry, Index};
pub use manifest::{FileRecord, Manifest, ManifestError, TargetRecord};
pub use name::{ArtifactName, NameError};
pub use shelf::{Shelf, ShelfStore};
pub use store::{ArtifactStore, Published, StoreError, fetch};
pub use verify::{Trust, Verified, VerifyError, verify};

/// Most bytes of a manifest or another document of an artifact.
pub const DOCUMENT_BYTES_MAX: u64 = 64 << 20;
/// Most bytes of one file.
pub const FILE_BYTES_MAX: u64 = 256 << 20;
/// Most bytes of all files of an artifact together.
pub const ARTIFACT_BYTES_MAX: u64 = 1 << 30;
/// Most files of an artifact.
pub const FILES_MAX: usize = 100_000;
