//! Artifacts in an object store.

use aw_alloy::tree::TreePath;

use super::{Shelf, ShelfStore, StoreError};
use crate::objects::{Bucket, Variables};
use crate::source::ObjectLocation;

/// A bucket, or a folder of one, that keeps artifacts by content. Records are created with the store's own "only if there is none", so that
/// of two publishers of one name one is first.
#[derive(Debug)]
pub struct Objects {
    bucket: Bucket,
    location: ObjectLocation,
}

impl Objects {
    /// The store in a folder of a bucket, such as `s3://bucket/contracts` or `azureblob://account/container/contracts`.
    ///
    /// # Errors
    /// [`StoreError::Remote`] for a place that is none, or settings that are not enough.
    pub fn open(place: &str, variables: &Variables) -> Result<ShelfStore<Self>, StoreError> {
        let failed = |reason: String| StoreError::Remote { place: place.escape_debug().take(200).collect(), reason };
        let location = ObjectLocation::parse(place.trim_end_matches('/'))
            .ok_or_else(|| failed(format!("expected {}", ObjectLocation::FORMS)))?;
        if !location.key.is_empty() {
            TreePath::new(location.key.as_str()).map_err(|error| failed(error.to_string()))?;
        }
        let bucket = Bucket::of(&location, variables).map_err(failed)?;
        Ok(ShelfStore(Self { bucket, location }))
    }

    fn key(&self, name: &str) -> String {
        self.location.below(name)
    }

    fn failed(&self, reason: String) -> StoreError {
        StoreError::Remote { place: self.location.to_string(), reason }
    }
}

impl Shelf for Objects {
    fn place(&self) -> String {
        self.location.to_string()
    }

    fn read(&self, name: &TreePath, limit: u64) -> Result<Option<Vec<u8>>, StoreError> {
        use crate::objects::Got;
        let too_long = || format!("`{name}` is longer than {limit} bytes, the most that is read");
        match self.bucket.get(&self.key(name.as_str()), None, limit).map_err(|reason| self.failed(reason))? {
            Got::Object { bytes, .. } => Ok(Some(bytes)),
            Got::Nothing => Ok(None),
            Got::TooLong => Err(self.failed(too_long())),
            Got::NotModified => Err(self.failed(format!("`{name}`: it says that nothing changed, and was not asked"))),
        }
    }

    fn create(&self, name: &TreePath, bytes: &[u8]) -> Result<bool, StoreError> {
        let key = self.key(name.as_str());
        // Content that is there is not sent again.
        let there = self.bucket.has(&key).map_err(|reason| self.failed(reason))?;
        if there { Ok(false) } else { self.bucket.create(&key, bytes).map_err(|reason| self.failed(reason)) }
    }

    fn names(&self, folder: &str) -> Result<Vec<String>, StoreError> {
        self.bucket.names(&self.key(folder)).map_err(|reason| self.failed(reason))
    }
}
