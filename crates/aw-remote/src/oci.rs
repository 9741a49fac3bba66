//! Registries: content by its SHA-256, manifests under tags.
//!
//! # Source
//! OCI distribution-spec 1.1; tokens as the Docker registry's token specification says.

mod auth;
mod reference;
mod upload;

use std::io::{self, Read, Write};
use std::sync::Mutex;

use aw_alloy::digest::{Digest, Hasher};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::net::{Answer, Ask, Client, Method, Network, NetworkError, Url};

pub use auth::Credentials;
pub use reference::{ReferenceError, Repository, is_tag};

/// Media type of a manifest of image-spec 1.1.
pub const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
/// Longest manifest or list that is read, in bytes.
const DOCUMENT_BYTES_MAX: u64 = 64 << 20;
/// Pages of tags that are read.
const PAGES_MAX: usize = 100;

/// Why a registry did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OciError {
    /// The connection, or the status.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// What it says is not what the protocol allows, or it wants credentials that are not there.
    #[error("{0}")]
    Odd(String),
    /// What it has is not what its digest says.
    #[error("`{what}` is damaged: {reason}")]
    Damaged {
        /// Which content.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file that was to be uploaded cannot be read, or is not what it was.
    #[error("`{what}` cannot be uploaded: {reason}")]
    Source {
        /// Which file.
        what: String,
        /// Why not.
        reason: String,
    },
    /// It was asked to stop.
    #[error("the upload was cancelled")]
    Cancelled,
}

/// A repository of a registry.
#[derive(Debug)]
pub struct Registry {
    repository: Repository,
    client: Client,
    streams: Client,
    credentials: Option<Credentials>,
    /// What the registry gave for the credentials, to send with every request.
    authorization: Mutex<Option<Zeroizing<String>>>,
}

impl Registry {
    /// A repository. Asks nothing yet.
    pub fn new(repository: Repository, credentials: Option<Credentials>) -> Self {
        // Whoever names a registry means it, wherever it is. What it redirects to holds content that is checked, and gets no credentials.
        let network = Network { allowed: None, elsewhere: true, private: true, plain: false };
        let (client, streams) = (Client::new(network.clone()), Client::streaming(network));
        Self { repository, client, streams, credentials, authorization: Mutex::new(None) }
    }

    /// Which one it is.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// The manifest under a tag or digest, with the digest of its bytes; `None` when there is none.
    ///
    /// # Errors
    /// [`OciError`]; [`OciError::Damaged`] when a digest was asked for and other bytes came.
    pub fn manifest(&self, reference: &str, media_type: &str) -> Result<Option<(Digest, Vec<u8>)>, OciError> {
        let path = self.path(&format!("manifests/{reference}"));
        let answer = self.ask(Method::GET, &path, &[("Accept", media_type)], &[])?;
        match answer.status {
            404 => return Ok(None),
            200 => {}
            _ => return Err(answer.refusal().into()),
        }
        let bytes = answer.read(DOCUMENT_BYTES_MAX)?;
        let digest = Digest::of(&bytes);
        if reference.starts_with("sha256:") && reference != digest.to_string() {
            return Err(OciError::Damaged { what: reference.to_owned(), reason: format!("its bytes give {digest}") });
        }
        Ok(Some((digest, bytes)))
    }

    /// Puts a manifest under a tag or its digest.
    ///
    /// # Errors
    /// [`OciError`]; also when the registry says that it keeps other bytes.
    pub fn put_manifest(&self, reference: &str, media_type: &str, bytes: &[u8]) -> Result<Digest, OciError> {
        let digest = Digest::of(bytes);
        let path = self.path(&format!("manifests/{reference}"));
        let answer = self.ask(Method::PUT, &path, &[("Content-Type", media_type)], bytes)?;
        if answer.status != 201 {
            return Err(answer.refusal().into());
        }
        match answer.header("docker-content-digest") {
            Some(said) if said != digest.to_string() => {
                Err(OciError::Odd(format!("it keeps the manifest as {}, expected {digest}", said.escape_debug())))
            }
            _ => Ok(digest),
        }
    }

    /// Whether content is there.
    ///
    /// # Errors
    /// [`OciError`].
    pub fn has_blob(&self, digest: &Digest) -> Result<bool, OciError> {
        let answer = self.ask(Method::HEAD, &self.blob_path(digest), &[], &[])?;
        match answer.status {
            200 => Ok(true),
            404 => Ok(false),
            _ => Err(answer.refusal().into()),
        }
    }

    /// Content of at most `limit` bytes; `None` when there is none. Its digest is the caller's to check.
    ///
    /// # Errors
    /// [`OciError`].
    pub fn blob(&self, digest: &Digest, limit: u64) -> Result<Option<Vec<u8>>, OciError> {
        let answer = self.ask(Method::GET, &self.blob_path(digest), &[], &[])?;
        match answer.status {
            200 => Ok(Some(answer.read(limit)?)),
            404 => Ok(None),
            _ => Err(answer.refusal().into()),
        }
    }

    /// Streams content of a known length into `into`, held against its digest; false when there is none.
    ///
    /// # Errors
    /// [`OciError::Damaged`] for other bytes; what was written by then is not to be used.
    pub fn read_blob(&self, digest: &Digest, bytes: u64, into: &mut dyn Write) -> Result<bool, OciError> {
        let answer = self.ask_with(&self.streams, Method::GET, &self.blob_path(digest), &[], &[])?;
        match answer.status {
            404 => return Ok(false),
            200 => {}
            _ => return Err(answer.refusal().into()),
        }
        let mut hashing = Hashing { hasher: Hasher::new(), into };
        let found = answer.copy(bytes, &mut hashing)?;
        let of = hashing.hasher.finish();
        if found != bytes || of != *digest {
            let reason = format!("expected {bytes} bytes of {digest}, found {found} of {of}");
            return Err(OciError::Damaged { what: digest.to_string(), reason });
        }
        Ok(true)
    }

    /// Uploads content that is in memory, unless it is there; says whether anything was sent.
    ///
    /// # Errors
    /// [`OciError`].
    pub fn put_blob(&self, bytes: &[u8]) -> Result<bool, OciError> {
        let digest = Digest::of(bytes);
        if self.has_blob(&digest)? {
            return Ok(false);
        }
        let place = self.begin_upload()?;
        let place = with_digest(place, &digest);
        let answer = self.ask(Method::PUT, &place, &[("Content-Type", "application/octet-stream")], bytes)?;
        if answer.status == 201 { Ok(true) } else { Err(answer.refusal().into()) }
    }

    /// Every tag, as the registry lists them.
    ///
    /// # Errors
    /// [`OciError`].
    pub fn tags(&self) -> Result<Vec<String>, OciError> {
        let mut tags = Vec::new();
        let mut page = self.path("tags/list?n=1000");
        for _ in 0..PAGES_MAX {
            let answer = self.ask(Method::GET, &page, &[], &[])?;
            match answer.status {
                404 => return Ok(tags),
                200 => {}
                _ => return Err(answer.refusal().into()),
            }
            let next = answer.header("link").and_then(next_page).and_then(|next| page.join(next));
            let bytes = answer.read(DOCUMENT_BYTES_MAX)?;
            let list: TagList =
                serde_json::from_slice(&bytes).map_err(|error| OciError::Odd(format!("its list of tags: {error}")))?;
            tags.extend(list.tags.unwrap_or_default());
            match next {
                Some(next) if next.origin == self.repository.origin => page = next,
                _ => return Ok(tags),
            }
        }
        Err(OciError::Odd(format!("it lists more than {PAGES_MAX} pages of tags")))
    }

    /// Asks, with what the registry gave for the credentials; where it wants some, gets them and asks once more.
    fn ask(&self, method: Method, url: &Url, headers: &[(&'static str, &str)], body: &[u8]) -> Result<Answer, OciError> {
        self.ask_with(&self.client, method, url, headers, body)
    }

    fn ask_with(
        &self,
        client: &Client,
        method: Method,
        url: &Url,
        headers: &[(&'static str, &str)],
        body: &[u8],
    ) -> Result<Answer, OciError> {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        self.authorized(url, |authorization| {
            let ask = Ask { method: method.clone(), headers: headers.clone(), authorization, body };
            Ok(client.send(url, &ask)?)
        })
    }

    /// Sends with what is known, and once more with what the registry asks for.
    fn authorized(
        &self,
        url: &Url,
        mut send: impl FnMut(Option<Zeroizing<String>>) -> Result<Answer, OciError>,
    ) -> Result<Answer, OciError> {
        let kept = || self.authorization.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // Uploads may lead to another host, which is none of the credentials' business.
        let own = url.origin == self.repository.origin;
        let known = kept().clone().filter(|_| own);
        let answer = send(known)?;
        if answer.status != 401 || !own {
            return Ok(answer);
        }
        let asked = answer.header("www-authenticate").unwrap_or_default().to_owned();
        let fresh = auth::authorize(&self.client, &self.repository, self.credentials.as_ref(), &asked).map_err(OciError::Odd)?;
        *kept() = Some(fresh.clone());
        send(Some(fresh))
    }

    fn blob_path(&self, digest: &Digest) -> Url {
        self.path(&format!("blobs/{digest}"))
    }

    fn path(&self, below: &str) -> Url {
        Url { origin: self.repository.origin.clone(), path: format!("/v2/{}/{below}", self.repository.name) }
    }

    /// Asks for a place to upload to.
    fn begin_upload(&self) -> Result<Url, OciError> {
        let start = self.path("blobs/uploads/");
        let answer = self.ask(Method::POST, &start, &[], &[])?;
        if answer.status != 202 {
            return Err(answer.refusal().into());
        }
        self.upload_place(&start, &answer)
    }

    /// Where an upload goes on, as an answer says.
    fn upload_place(&self, asked: &Url, answer: &Answer) -> Result<Url, OciError> {
        let place = answer.header("location").and_then(|location| asked.join(location));
        let place = place.ok_or_else(|| OciError::Odd("it takes an upload and does not say where".to_owned()))?;
        if asked.origin.secure && !place.origin.secure {
            return Err(OciError::Odd("it wants an upload without TLS".to_owned()));
        }
        Ok(place)
    }
}

fn with_digest(mut place: Url, digest: &Digest) -> Url {
    place.path.push(if place.path.contains('?') { '&' } else { '?' });
    place.path.push_str(&format!("digest={digest}"));
    place
}

/// Where the next page is: `<…>; rel="next"`.
fn next_page(link: &str) -> Option<&str> {
    let (place, rest) = link.trim().strip_prefix('<')?.split_once('>')?;
    rest.contains("rel=\"next\"").then_some(place)
}

#[derive(Deserialize)]
struct TagList {
    tags: Option<Vec<String>>,
}

/// Passes bytes on and hashes them.
struct Hashing<'a> {
    hasher: Hasher,
    into: &'a mut dyn Write,
}

impl Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.into.write(bytes)?;
        self.hasher.update(bytes.get(..written).unwrap_or(bytes));
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.into.flush()
    }
}

/// A file or another thing of known content that can be read more than once.
pub trait Source {
    /// What it is, for messages.
    fn name(&self) -> String;
    /// Its digest.
    fn digest(&self) -> Digest;
    /// Its length in bytes.
    fn bytes(&self) -> u64;
    /// Its bytes from `start` on.
    ///
    /// # Errors
    /// When it cannot be read.
    fn open(&self, start: u64) -> io::Result<Box<dyn Read + '_>>;
}
