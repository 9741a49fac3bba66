//! The models that were generated from, by their digest: what a later version is compared with.

use std::path::{Path, PathBuf};

use aw_alloy::digest::Digest;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::delivery::{DiskError, disk};
use crate::diff::Facts;
use crate::model::{Model, ModelDigest, from_ir_json, ir_json};

const MODEL_BYTES_MAX: u64 = 256 << 20;

/// What is kept of a model.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    model: Value,
    facts: Facts,
}

/// Why a model that was kept cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelsError {
    /// The disk failed.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// It has another form, or is another model.
    #[error("`{}` is not the model it is named for: {reason}; remove it", path.display())]
    Form {
        /// Where it is.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// The folder of models.
pub(super) struct Models {
    folder: PathBuf,
}

impl Models {
    pub(super) fn of(store: &Path) -> Self {
        Self { folder: store.join("models") }
    }

    /// Keeps a model; one that is there is the same.
    pub(super) fn keep(&self, model: &Model, facts: &Facts) -> Result<(), ModelsError> {
        let path = self.path(&ModelDigest::of(model).0);
        if path.is_file() {
            return Ok(());
        }
        disk::ensure_dir(&self.folder)?;
        let kept = Kept { model: ir_json(model), facts: facts.clone() };
        let form = |error: serde_json::Error| ModelsError::Form { path: path.clone(), reason: error.to_string() };
        let bytes = serde_json::to_vec(&kept).map_err(form)?;
        Ok(disk::replace(&self.folder.join(format!(".{}.tmp", disk::unique())), &path, &bytes)?)
    }

    /// A model by its digest; `None` when it was not kept.
    pub(super) fn get(&self, digest: &Digest) -> Result<Option<(Model, Facts)>, ModelsError> {
        let path = self.path(digest);
        let Some(bytes) = disk::read(&path, MODEL_BYTES_MAX)? else { return Ok(None) };
        let form = |reason: String| ModelsError::Form { path: path.clone(), reason };
        let kept: Kept = serde_json::from_slice(&bytes).map_err(|error| form(error.to_string()))?;
        let model = from_ir_json(&kept.model).map_err(|error| form(error.to_string()))?;
        if ModelDigest::of(&model).0 != *digest {
            return Err(form("its digest is another".to_owned()));
        }
        Ok(Some((model, kept.facts)))
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.folder.join(format!("{}.json", digest.hex()))
    }
}
