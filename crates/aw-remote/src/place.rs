//! What names an object, or a folder of them.

use std::fmt;

/// An object of an object store; without a key the whole bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectLocation {
    /// Whose store it is.
    pub provider: Provider,
    /// The storage account, Azure's alone; where none is named, it is that of the settings.
    pub account: Option<String>,
    /// The bucket or container.
    pub bucket: String,
    /// The object's name.
    pub key: String,
}

/// A kind of object store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provider {
    /// S3 and what speaks as it does.
    S3,
    /// Google Cloud Storage.
    Gcs,
    /// Azure Blob Storage.
    Azure,
}

impl ObjectLocation {
    /// What the forms of an address are.
    pub const FORMS: &'static str =
        "s3://bucket/name, gs://bucket/name, az://container/name or azureblob://account/container/name";

    /// Whether an address is one of an object store, by its scheme.
    pub fn is_meant(text: &str) -> bool {
        text.split_once("://")
            .is_some_and(|(scheme, _)| ["s3", "gs", "az", "azureblob"].iter().any(|known| scheme.eq_ignore_ascii_case(known)))
    }

    /// Reads an address; `None` when it is none, or its name could lead elsewhere. The key is empty where only a bucket is named.
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let (provider, account, rest) = match scheme.to_ascii_lowercase().as_str() {
            "s3" => (Provider::S3, None, rest),
            "gs" => (Provider::Gcs, None, rest),
            "az" => (Provider::Azure, None, rest),
            "azureblob" => {
                let (account, rest) = rest.split_once('/')?;
                (Provider::Azure, Some(account), rest)
            }
            _ => return None,
        };
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        let name = |name: &str| {
            !name.is_empty() && name.len() <= 255 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        };
        let plain = key.is_empty() || !key.split('/').any(|part| matches!(part, "" | "." | ".."));
        let fits = account.is_none_or(name) && name(bucket) && plain && key.len() <= 1024 && !key.chars().any(char::is_control);
        let (account, bucket, key) = (account.map(str::to_owned), bucket.to_owned(), key.to_owned());
        fits.then_some(Self { provider, account, bucket, key })
    }

    /// The object of that name below this one.
    pub fn below(&self, name: &str) -> String {
        if self.key.is_empty() { name.to_owned() } else { format!("{}/{name}", self.key) }
    }
}

impl fmt::Display for ObjectLocation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.provider, &self.account) {
            (Provider::S3, _) => write!(formatter, "s3://{}", self.bucket)?,
            (Provider::Gcs, _) => write!(formatter, "gs://{}", self.bucket)?,
            (Provider::Azure, None) => write!(formatter, "az://{}", self.bucket)?,
            (Provider::Azure, Some(account)) => write!(formatter, "azureblob://{account}/{}", self.bucket)?,
        }
        if self.key.is_empty() { Ok(()) } else { write!(formatter, "/{}", self.key) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_or_refused() {
        for text in
            ["s3://bucket/a/b.ttl", "gs://bucket/k", "az://container/a", "azureblob://account/container/a/b.nt", "s3://bucket"]
        {
            assert_eq!(ObjectLocation::parse(text).map(|found| found.to_string()).as_deref(), Some(text));
        }
        for bad in ["s3:///key", "s3://b/../k", "s3://b/a//c", "gs://u@b/k", "azureblob://a", "http://b/k", "s3://b/a\n", "b/k"] {
            assert_eq!(ObjectLocation::parse(bad), None, "{bad}");
        }
        assert!(ObjectLocation::is_meant("S3://x") && !ObjectLocation::is_meant("oci://x/y"));
    }
}
