//! The stage cache: by stage key, what a stage gave the last time.

use aw_alloy::digest::StageKey;

use crate::check::Fault;
use crate::disk::{self, Disk, DiskError};
use crate::record::{self, Header, Needs, RECORD_BYTES_MAX};
use crate::store::Store;
use crate::trees::has_manifest;
use crate::writer::Writer;

/// What a stage gave: the caller's own bytes, and what they refer to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageRecord {
    /// The trees and blobs it needs.
    pub needs: Needs,
    /// The bytes as they were recorded; the store does not read them.
    pub record: Vec<u8>,
}

/// What the cache knows of a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StageState {
    /// It ran, and everything it gave is here.
    Ready(StageRecord),
    /// It never ran here, or its record was collected.
    Absent,
    /// It ran, but what it gave is no longer whole: it must run again. At least one fault.
    Damaged(Vec<Fault>),
}

/// Why a stage was not recorded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordStageError {
    /// The record cannot be written.
    #[error("cannot record the stage {key}: {source}")]
    Disk {
        /// The stage's key.
        key: StageKey,
        /// What went wrong.
        source: DiskError,
    },
    /// Something it needs is not in the store.
    #[error("cannot record the stage {key}: {fault}")]
    Incomplete {
        /// The stage's key.
        key: StageKey,
        /// What is missing.
        fault: Box<Fault>,
    },
    /// The record is longer than can be read back.
    #[error("cannot record the stage {key}: expected at most {RECORD_BYTES_MAX} bytes, got {bytes}")]
    TooLong {
        /// The stage's key.
        key: StageKey,
        /// The record's length.
        bytes: u64,
    },
}

impl Store {
    /// Looks up a stage, and whether all it gave is here (as [`Store::check`] does).
    ///
    /// # Errors
    /// [`DiskError`] when the store cannot be read.
    pub fn stage(&self, key: &StageKey) -> Result<StageState, DiskError> {
        let place = self.layout.stage(key);
        let Some(bytes) = disk::read(&place, RECORD_BYTES_MAX)? else {
            return Ok(StageState::Absent);
        };
        let (header, record) = match record::decode(&bytes, &key.to_string()) {
            Ok(decoded) => decoded,
            Err(why) => return Ok(StageState::Damaged(vec![Fault::BadRecord { place, why }])),
        };
        let faults = self.check_needs(&header.needs, Contents::Checked)?;
        Ok(if faults.is_empty() {
            StageState::Ready(StageRecord { needs: header.needs, record })
        } else {
            StageState::Damaged(faults)
        })
    }

    /// What of `needs` is not here as it should be.
    pub(crate) fn check_needs(&self, needs: &Needs, contents: Contents) -> Disk<Vec<Fault>> {
        let mut faults = Vec::new();
        for root in &needs.manifests {
            faults.extend(has_manifest(self, root)?);
        }
        for root in &needs.trees {
            match contents {
                Contents::Checked => faults.extend(self.check_root(root)?.1),
                Contents::Assumed => faults.extend(has_manifest(self, root)?),
            }
        }
        for digest in &needs.blobs {
            if !self.holds_blob(digest)? {
                faults.push(Fault::NoBlob { digest: *digest });
            }
        }
        Ok(faults)
    }
}

/// Whether the files of the trees that are needed are looked at too, or only their lists.
#[derive(Clone, Copy)]
pub(crate) enum Contents {
    Checked,
    Assumed,
}

impl Writer {
    /// Looks up a stage as [`Store::stage`] does, removes what was changed under its name, and marks a hit as used now.
    ///
    /// # Errors
    /// [`DiskError`] when the store cannot be read or changed.
    pub fn stage(&self, key: &StageKey) -> Result<StageState, DiskError> {
        let state = self.store().stage(key)?;
        match &state {
            StageState::Ready(_) => disk::touch(&self.layout.stage(key))?,
            StageState::Absent => {}
            StageState::Damaged(faults) => self.discard(faults)?,
        }
        Ok(state)
    }

    /// Records what a stage gave. Its trees must have been put first; an earlier record of the key is replaced.
    ///
    /// # Errors
    /// [`RecordStageError::Incomplete`] when a tree's list of files or a blob it needs is not in the store.
    pub fn record_stage(&self, key: &StageKey, needs: &Needs, record: &[u8]) -> Result<(), RecordStageError> {
        let disk_error = |source| RecordStageError::Disk { key: *key, source };
        // The contents were looked at when each tree was put; looking again would stat every file twice.
        if let Some(fault) = self.check_needs(needs, Contents::Assumed).map_err(disk_error)?.into_iter().next() {
            return Err(RecordStageError::Incomplete { key: *key, fault: Box::new(fault) });
        }
        let header = Header { id: key.to_string(), name: String::new(), needs: needs.clone() };
        let bytes = record::encode(&header, record);
        if bytes.len() as u64 > RECORD_BYTES_MAX {
            return Err(RecordStageError::TooLong { key: *key, bytes: bytes.len() as u64 });
        }
        self.publish(&bytes, &self.layout.stage(key)).map_err(disk_error)
    }
}
