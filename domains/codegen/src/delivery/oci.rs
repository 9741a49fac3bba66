//! Artifacts in an OCI registry: an artifact manifest of image-spec 1.1 with a layer a file.
//!
//! A registry keeps content by its SHA-256, as this does; what a registry does not keep is that a tag never moves. Publishing looks first
//! and refuses a tag that stands for other content, but two publishers of one name at the same time may both succeed, and the last one
//! stays. Consumers are safe all the same: they pin the SHA-256 of the signed manifest.
//!
//! # Source
//! OCI distribution-spec 1.1 and image-spec 1.1; tokens as the Docker registry's token specification says.

mod auth;
mod document;
mod reference;

use std::sync::Mutex;

use aw_alloy::digest::Digest;
use aw_alloy::tree::TreePath;
use ureq::http::Method;
use zeroize::Zeroizing;

use super::store::{check_index, checked, compare, published};
use super::{Artifact, ArtifactName, ArtifactStore, DOCUMENT_BYTES_MAX, Entry, Index, Published, StoreError};
use crate::net::{Answer, Ask, Client, Network, NetworkError, Url};

pub use auth::Credentials;
pub use reference::{ReferenceError, Repository};

/// Pages of tags that are read.
const PAGES_MAX: usize = 100;

/// A repository of a registry.
#[derive(Debug)]
pub struct Registry {
    repository: Repository,
    client: Client,
    credentials: Option<Credentials>,
    /// What the registry gave for the credentials, to send with every request.
    authorization: Mutex<Option<Zeroizing<String>>>,
}

impl Registry {
    /// The artifacts of a repository.
    pub fn new(repository: Repository, credentials: Option<Credentials>) -> Self {
        // Whoever names a registry means it, wherever it is. What it redirects to holds content that is checked, and gets no credentials.
        let network = Network { allowed: None, elsewhere: true, private: true, plain: false };
        Self { repository, client: Client::new(network), credentials, authorization: Mutex::new(None) }
    }

    /// Publishes an artifact and says under which digest the registry has it.
    ///
    /// # Errors
    /// As [`ArtifactStore::publish`].
    pub fn push(&self, artifact: &Artifact) -> Result<(Published, Digest), StoreError> {
        let tag = reference::tag(artifact.name());
        if let Some((digest, kept)) = self.read(&tag)? {
            return Ok((compare(self, artifact, &kept)?, digest));
        }
        check_index(&self.place(), artifact.name(), &artifact.index())?;
        for bytes in artifact.files().values().map(Vec::as_slice).chain([document::EMPTY]) {
            self.upload(bytes)?;
        }
        let bytes = document::write(artifact);
        let digest = Digest::of(&bytes);
        let path = self.path(&format!("manifests/{tag}"));
        let answer = self.ask(Method::PUT, &path, &[("Content-Type", document::MEDIA_TYPE)], &bytes)?;
        if answer.status != 201 {
            return Err(self.failed(answer.refusal()));
        }
        match answer.header("docker-content-digest") {
            Some(said) if said != digest.to_string() => {
                Err(self.remote(format!("it keeps the manifest as {}, expected {digest}", said.escape_debug())))
            }
            _ => Ok((published(artifact, true), digest)),
        }
    }

    /// The artifact that the registry has under a digest, every file held against its sum.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn pull(&self, digest: &Digest) -> Result<Artifact, StoreError> {
        let found = self.read(&digest.to_string())?;
        let (_, index) = found.ok_or_else(|| self.remote(format!("there is nothing under {digest}")))?;
        let mut files = std::collections::BTreeMap::new();
        for (path, entry) in &index.files {
            files.insert(path.clone(), self.blob(path, entry)?);
        }
        Ok(Artifact::from_files(files)?)
    }

    /// The manifest under a tag or digest: its own digest and the files it lists; `None` when there is none.
    fn read(&self, reference: &str) -> Result<Option<(Digest, Index)>, StoreError> {
        let path = self.path(&format!("manifests/{reference}"));
        let answer = self.ask(Method::GET, &path, &[("Accept", document::MEDIA_TYPE)], &[])?;
        match answer.status {
            404 => return Ok(None),
            200 => {}
            _ => return Err(self.failed(answer.refusal())),
        }
        let bytes = answer.read(DOCUMENT_BYTES_MAX).map_err(|error| self.failed(error))?;
        let digest = Digest::of(&bytes);
        let damaged = |reason: String| StoreError::Damaged { place: self.place(), what: reference.to_owned(), reason };
        if reference.starts_with("sha256:") && reference != digest.to_string() {
            return Err(damaged(format!("its bytes give {digest}")));
        }
        let index = document::read(&bytes).map_err(damaged)?;
        Ok(Some((digest, index)))
    }

    fn blob(&self, path: &TreePath, entry: &Entry) -> Result<Vec<u8>, StoreError> {
        let answer = self.ask(Method::GET, &self.path(&format!("blobs/{}", entry.sha256)), &[], &[])?;
        let bytes = match answer.status {
            404 => None,
            200 => Some(answer.read(entry.bytes).map_err(|error| self.failed(error))?),
            _ => return Err(self.failed(answer.refusal())),
        };
        checked(self.place(), path.as_str(), entry, bytes)
    }

    /// Uploads content, unless it is there.
    fn upload(&self, bytes: &[u8]) -> Result<(), StoreError> {
        let digest = Digest::of(bytes);
        if self.ask(Method::HEAD, &self.path(&format!("blobs/{digest}")), &[], &[])?.status == 200 {
            return Ok(());
        }
        let start = self.path("blobs/uploads/");
        let answer = self.ask(Method::POST, &start, &[], &[])?;
        if answer.status != 202 {
            return Err(self.failed(answer.refusal()));
        }
        let place = answer.header("location").and_then(|location| start.join(location));
        let mut place = place.ok_or_else(|| self.remote("it takes an upload and does not say where".to_owned()))?;
        if start.origin.secure && !place.origin.secure {
            return Err(self.remote("it wants an upload without TLS".to_owned()));
        }
        place.path.push(if place.path.contains('?') { '&' } else { '?' });
        place.path.push_str(&format!("digest={digest}"));
        let answer = self.ask(Method::PUT, &place, &[("Content-Type", "application/octet-stream")], bytes)?;
        if answer.status == 201 { Ok(()) } else { Err(self.failed(answer.refusal())) }
    }

    /// Asks, with what the registry gave for the credentials; where it wants some, gets them and asks once more.
    fn ask(&self, method: Method, url: &Url, headers: &[(&'static str, &str)], body: &[u8]) -> Result<Answer, StoreError> {
        let send = |authorization: Option<Zeroizing<String>>| {
            let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
            // Uploads may lead to another host, which is none of the credentials' business.
            let authorization = authorization.filter(|_| url.origin == self.repository.origin);
            let ask = Ask { method: method.clone(), headers, authorization, body };
            self.client.send(url, &ask).map_err(|error| self.failed(error))
        };
        let kept = || self.authorization.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let known = kept().clone();
        let answer = send(known)?;
        if answer.status != 401 || url.origin != self.repository.origin {
            return Ok(answer);
        }
        let asked = answer.header("www-authenticate").unwrap_or_default().to_owned();
        let fresh = auth::authorize(&self.client, &self.repository, self.credentials.as_ref(), &asked);
        let fresh = fresh.map_err(|reason| self.remote(reason))?;
        *kept() = Some(fresh.clone());
        send(Some(fresh))
    }

    fn path(&self, below: &str) -> Url {
        Url { origin: self.repository.origin.clone(), path: format!("/v2/{}/{below}", self.repository.name) }
    }

    fn failed(&self, error: NetworkError) -> StoreError {
        self.remote(error.to_string())
    }

    fn remote(&self, reason: String) -> StoreError {
        StoreError::Remote { place: self.place(), reason }
    }
}

impl ArtifactStore for Registry {
    fn place(&self) -> String {
        self.repository.to_string()
    }

    fn publish(&self, artifact: &Artifact) -> Result<Published, StoreError> {
        Ok(self.push(artifact)?.0)
    }

    fn index(&self, name: &ArtifactName) -> Result<Option<Index>, StoreError> {
        let Some((_, index)) = self.read(&reference::tag(name))? else { return Ok(None) };
        check_index(&self.place(), name, &index)?;
        Ok(Some(index))
    }

    fn file(&self, _: &ArtifactName, path: &TreePath, entry: &Entry) -> Result<Vec<u8>, StoreError> {
        self.blob(path, entry)
    }

    fn list(&self) -> Result<Vec<ArtifactName>, StoreError> {
        let mut names = Vec::new();
        let mut page = self.path("tags/list?n=1000");
        for _ in 0..PAGES_MAX {
            let answer = self.ask(Method::GET, &page, &[], &[])?;
            match answer.status {
                404 => return Ok(names),
                200 => {}
                _ => return Err(self.failed(answer.refusal())),
            }
            let next = answer.header("link").and_then(document::next_page).and_then(|next| page.join(next));
            let bytes = answer.read(DOCUMENT_BYTES_MAX).map_err(|error| self.failed(error))?;
            let tags = document::tags(&bytes).map_err(|reason| self.remote(reason))?;
            names.extend(tags.iter().filter_map(|tag| reference::name(tag)));
            match next {
                Some(next) if next.origin == self.repository.origin => page = next,
                _ => {
                    names.sort();
                    return Ok(names);
                }
            }
        }
        Err(self.remote(format!("it lists more than {PAGES_MAX} pages of tags")))
    }
}
