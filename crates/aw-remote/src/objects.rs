//! Object stores: S3 and what speaks as it does, Google Cloud Storage, Azure Blob Storage.
//!
//! The protocols and credentials are `object_store`'s; the bytes go through the same HTTP client as everything else here, so there is one
//! TLS, one set of time limits, and no second HTTP stack to build. Requests are made one at a time on the calling thread.

mod connector;
mod stream;

use std::collections::BTreeMap;

use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::path::Path;
use object_store::{Error, GetOptions, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, RetryConfig};
use zeroize::Zeroizing;

use crate::{ObjectLocation, Provider};
use connector::Connector;

pub use stream::ObjectState;

/// Longest answer that is read into memory, in bytes.
const ANSWER_BYTES_MAX: u64 = 256 << 20;

/// What object stores are told: the variables their own tools use, such as `AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL`,
/// `AZURE_STORAGE_CONNECTION_STRING` or `GOOGLE_SERVICE_ACCOUNT`. Without credentials among them the stores ask the machine they run on
/// (instance roles, managed identities).
#[derive(Clone, Default)]
pub struct Variables(BTreeMap<String, Zeroizing<String>>);

impl Variables {
    /// Those of a list that object stores know; the others are left out.
    pub fn of(all: impl IntoIterator<Item = (String, String)>) -> Self {
        let known = |name: &str| ["AWS_", "AZURE_", "GOOGLE_"].iter().any(|prefix| name.starts_with(prefix));
        Self(all.into_iter().filter(|(name, _)| known(name)).map(|(name, value)| (name, Zeroizing::new(value))).collect())
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn with(&self, prefix: &str) -> impl Iterator<Item = (String, &str)> {
        let ours = self.0.iter().filter(move |(name, _)| name.starts_with(prefix));
        ours.map(|(name, value)| (name.to_ascii_lowercase(), value.as_str()))
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.as_str())
    }
}

impl std::fmt::Debug for Variables {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_set().entries(self.0.keys()).finish()
    }
}

/// A bucket.
pub struct Bucket {
    store: Box<dyn ObjectStore>,
    runtime: tokio::runtime::Runtime,
}

impl std::fmt::Debug for Bucket {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Bucket({})", self.store)
    }
}

/// An object as it was read.
#[derive(Debug)]
pub enum Got {
    /// It is there.
    Object {
        /// Its bytes.
        bytes: Vec<u8>,
        /// What identifies its state.
        validator: Option<String>,
        /// Its media type.
        content_type: Option<String>,
    },
    /// It is as the validator said.
    NotModified,
    /// There is none.
    Nothing,
    /// It is longer than the limit.
    TooLong,
}

impl Bucket {
    /// Opens a bucket; nothing is asked yet.
    ///
    /// # Errors
    /// What is wrong with the settings.
    pub fn open(provider: Provider, account: Option<&str>, bucket: &str, variables: &Variables) -> Result<Self, String> {
        let retry = RetryConfig { max_retries: 3, retry_timeout: std::time::Duration::from_secs(30), ..RetryConfig::default() };
        let said = |error: Error| error.to_string();
        let store: Box<dyn ObjectStore> = match provider {
            Provider::S3 => {
                let mut builder = AmazonS3Builder::new();
                for (name, value) in variables.with("AWS_") {
                    if let Ok(key) = name.parse() {
                        builder = builder.with_config(key, value);
                    }
                }
                let builder = builder.with_bucket_name(bucket).with_retry(retry).with_http_connector(Connector::new());
                Box::new(builder.build().map_err(said)?)
            }
            Provider::Gcs => {
                let mut builder = GoogleCloudStorageBuilder::new();
                for (name, value) in variables.with("GOOGLE_") {
                    if let Ok(key) = name.parse() {
                        builder = builder.with_config(key, value);
                    }
                }
                let builder = builder.with_bucket_name(bucket).with_retry(retry).with_http_connector(Connector::new());
                Box::new(builder.build().map_err(said)?)
            }
            Provider::Azure => {
                let mut builder = MicrosoftAzureBuilder::new();
                match variables.get("AZURE_STORAGE_CONNECTION_STRING") {
                    Some(text) => builder = connection(builder, text)?,
                    None => {
                        for (name, value) in variables.with("AZURE_") {
                            if let Ok(key) = name.parse() {
                                builder = builder.with_config(key, value);
                            }
                        }
                    }
                }
                if let Some(account) = account {
                    builder = builder.with_account(account);
                }
                let builder = builder.with_container_name(bucket).with_retry(retry).with_http_connector(Connector::new());
                Box::new(builder.build().map_err(said)?)
            }
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(|error| error.to_string())?;
        Ok(Self { store, runtime })
    }

    /// Opens the bucket of an object.
    ///
    /// # Errors
    /// What is wrong with the settings.
    pub fn of(location: &ObjectLocation, variables: &Variables) -> Result<Self, String> {
        Self::open(location.provider, location.account.as_deref(), &location.bucket, variables)
    }

    /// Reads an object of at most `limit` bytes.
    ///
    /// # Errors
    /// What the store says.
    pub fn get(&self, key: &str, validator: Option<&str>, limit: u64) -> Result<Got, String> {
        let path = path(key)?;
        let options = GetOptions { if_none_match: validator.map(str::to_owned), ..GetOptions::default() };
        self.runtime.block_on(async {
            let result = match self.store.get_opts(&path, options).await {
                Ok(result) => result,
                Err(Error::NotFound { .. }) => return Ok(Got::Nothing),
                Err(Error::NotModified { .. }) => return Ok(Got::NotModified),
                Err(error) => return Err(error.to_string()),
            };
            if result.meta.size > limit {
                return Ok(Got::TooLong);
            }
            // Google's generation is the only thing of an object there that never repeats; elsewhere the ETag is asked with.
            let validator = result.meta.e_tag.clone().or_else(|| result.meta.version.clone());
            let content_type = result.attributes.get(&object_store::Attribute::ContentType).map(|text| str::to_owned(text));
            let bytes = result.bytes().await.map_err(|error| error.to_string())?.to_vec();
            Ok(Got::Object { bytes, validator, content_type })
        })
    }

    /// Puts an object that is not there; false when there is one.
    ///
    /// # Errors
    /// What the store says.
    pub fn create(&self, key: &str, bytes: &[u8]) -> Result<bool, String> {
        let path = path(key)?;
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        self.runtime.block_on(async {
            match self.store.put_opts(&path, bytes.to_vec().into(), options).await {
                Ok(_) => Ok(true),
                Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(false),
                Err(error) => Err(error.to_string()),
            }
        })
    }

    /// Whether there is an object.
    ///
    /// # Errors
    /// What the store says.
    pub fn has(&self, key: &str) -> Result<bool, String> {
        let path = path(key)?;
        self.runtime.block_on(async {
            match self.store.head(&path).await {
                Ok(_) => Ok(true),
                Err(Error::NotFound { .. }) => Ok(false),
                Err(error) => Err(error.to_string()),
            }
        })
    }

    /// The last parts of the names directly below a folder, sorted.
    ///
    /// # Errors
    /// What the store says.
    pub fn names(&self, folder: &str) -> Result<Vec<String>, String> {
        let path = path(folder)?;
        let found = self.runtime.block_on(self.store.list_with_delimiter(Some(&path))).map_err(|error| error.to_string())?;
        let mut names: Vec<String> =
            found.objects.iter().filter_map(|object| object.location.filename().map(str::to_owned)).collect();
        names.sort();
        Ok(names)
    }
}

/// A name as the store has it, without any rewriting.
fn path(key: &str) -> Result<Path, String> {
    Path::parse(key).map_err(|error| error.to_string())
}

/// An Azure connection string: `AccountName=…;AccountKey=…;BlobEndpoint=…`.
fn connection(mut builder: MicrosoftAzureBuilder, text: &str) -> Result<MicrosoftAzureBuilder, String> {
    let mut scheme = "https";
    let (mut account, mut suffix, mut endpoint) = (None, "core.windows.net", None);
    for part in text.split(';').filter(|part| !part.trim().is_empty()) {
        let (name, value) =
            part.split_once('=').ok_or("AZURE_STORAGE_CONNECTION_STRING: expected `name=value` parts with `;` between")?;
        match name.trim() {
            "DefaultEndpointsProtocol" => scheme = value,
            "AccountName" => account = Some(value),
            "AccountKey" => builder = builder.with_access_key(value),
            "SharedAccessSignature" => {
                builder = builder.with_config(object_store::azure::AzureConfigKey::SasKey, value.trim_start_matches('?'));
            }
            "EndpointSuffix" => suffix = value,
            "BlobEndpoint" => endpoint = Some(value.trim_end_matches('/').to_owned()),
            // Endpoints of services that are not blobs.
            "QueueEndpoint" | "TableEndpoint" | "FileEndpoint" => {}
            other => return Err(format!("AZURE_STORAGE_CONNECTION_STRING: unknown part `{}`", other.escape_debug())),
        }
    }
    if let Some(account) = account {
        builder = builder.with_account(account);
        if endpoint.is_none() {
            endpoint = Some(format!("{scheme}://{account}.blob.{suffix}"));
        }
    }
    let endpoint = endpoint.ok_or("AZURE_STORAGE_CONNECTION_STRING: neither AccountName nor BlobEndpoint")?;
    let plain = endpoint.starts_with("http://");
    Ok(builder.with_endpoint(endpoint).with_allow_http(plain))
}
