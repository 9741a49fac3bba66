//! The store: trees and blobs by content, the stage cache, the artifacts that are kept, and the [`entities`].
//!
//! One folder, any number of processes. Everything that matters is written under a temporary name, synced and renamed, so a
//! crash at any instruction leaves a store that the next writer repairs. What a digest means is `aw-alloy`'s, what a
//! stage record says is `aw-foundry`'s; this crate only keeps the bytes, and says when they are no longer what they were.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use aw_store::{Link, Needs, StageState, Store, no_hook};
//! use aw_alloy::digest::{Digest, StageKey};
//!
//! let home = tempfile::tempdir()?;
//! let store = Store::open(home.path())?;
//! let writer = store.writer()?;
//!
//! // A stage fills a folder, which becomes a tree without copying.
//! let work = writer.scratch_folder()?;
//! std::fs::write(work.join("weights"), b"1 2 3")?;
//! let tree = writer.adopt_folder(&work, 2, &mut no_hook)?;
//!
//! let key = StageKey::from_digest(Digest::of(b"what the stage was asked to do"));
//! let needs = Needs { trees: vec![tree.root()], ..Needs::default() };
//! writer.record_stage(&key, &needs, b"{}")?;
//! assert!(matches!(store.stage(&key)?, StageState::Ready(_)));
//!
//! store.export(&tree, &home.path().join("out"), Link::Copy)?;
//! # Ok(())
//! # }
//! ```

mod adopt;
mod check;
#[cfg(test)]
mod crash;
mod disk;
pub mod entities;
mod gc;
mod hash;
mod kept;
mod layout;
mod materialise;
mod record;
mod sealed;
mod source;
mod stages;
mod store;
mod trees;
mod writer;

pub use adopt::{AdoptError, BlobWriter, Finished};
pub use check::{CheckError, Fault, Found};
pub use disk::DiskError;
pub use gc::{Count, GcError, GcReport, StageRecords};
pub use hash::{Hook, Progress};
pub use kept::{KeepError, Kept, KeptError, KeptId, KeptIdError};
pub use materialise::{Link, PlaceError, Placed};
pub use record::Needs;
pub use source::{Filter, HashedFolder, IndexState, Peek, SourceError, SourceOptions};
pub use stages::{RecordStageError, StageRecord, StageState};
pub use store::{OpenError, Store, free_bytes};
pub use trees::{AdoptFolderError, Manifest, PutTreeError, no_hook};
pub use writer::{Writer, WriterError};
