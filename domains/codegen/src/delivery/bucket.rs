//! Artifacts in an object store.

use aw_alloy::tree::TreePath;

use super::{Shelf, ShelfStore, StoreError};
use crate::objects::{Bucket, Variables};
use crate::source::{ObjectLocation, Provider};

/// A bucket, or a folder of one, that keeps artifacts by content. Records are created with the store's own "only if there is none", so that
/// of two publishers of one name one is first.
#[derive(Debug)]
pub struct Objects {
    bucket: Bucket,
    prefix: String,
    place: String,
}

impl Objects {
    /// The store in a folder of a bucket, such as `s3://bucket/contracts` or `azureblob://account/container/contracts`.
    ///
    /// # Errors
    /// [`StoreError::Remote`] for a place that is none, or settings that are not enough.
    pub fn open(place: &str, variables: &Variables) -> Result<ShelfStore<Self>, StoreError> {
        let failed = |reason: String| StoreError::Remote { place: place.escape_debug().take(200).collect(), reason };
        let (scheme, rest) = place.split_once("://").ok_or_else(|| failed("expected s3://, gs:// or azureblob://".to_owned()))?;
        let (provider, account, rest) = match scheme {
            "s3" => (Provider::S3, None, rest),
            "gs" => (Provider::Gcs, None, rest),
            "azureblob" => {
                let (account, rest) =
                    rest.split_once('/').ok_or_else(|| failed("expected azureblob://account/container".to_owned()))?;
                (Provider::Azure, Some(account), rest)
            }
            _ => return Err(failed("expected s3://, gs:// or azureblob://".to_owned())),
        };
        let (name, prefix) = rest.trim_end_matches('/').split_once('/').unwrap_or((rest.trim_end_matches('/'), ""));
        if !prefix.is_empty() {
            TreePath::new(prefix).map_err(|error| failed(error.to_string()))?;
        }
        let location =
            ObjectLocation { provider, account: account.map(str::to_owned), bucket: name.to_owned(), key: prefix.to_owned() };
        let bucket = Bucket::of(&location, variables).map_err(failed)?;
        Ok(ShelfStore(Self { bucket, prefix: prefix.to_owned(), place: location.to_string() }))
    }

    fn key(&self, name: &str) -> String {
        if self.prefix.is_empty() { name.to_owned() } else { format!("{}/{name}", self.prefix) }
    }

    fn failed(&self, reason: String) -> StoreError {
        StoreError::Remote { place: self.place.clone(), reason }
    }
}

impl Shelf for Objects {
    fn place(&self) -> String {
        self.place.clone()
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
