//! Artifacts in an OCI registry: an artifact manifest of image-spec 1.1 with a layer a file.
//!
//! A registry keeps content by its SHA-256, as this does; what a registry does not keep is that a tag never moves. Publishing looks first
//! and refuses a tag that stands for other content, but two publishers of one name at the same time may both succeed, and the last one
//! stays. Consumers are safe all the same: they pin the SHA-256 of the signed manifest.
//!
//! # Source
//! OCI distribution-spec 1.1 and image-spec 1.1; tokens as the Docker registry's token specification says.

mod document;
mod tags;

use std::collections::BTreeMap;

use aw_alloy::digest::Digest;
use aw_alloy::tree::TreePath;
use aw_remote::oci::{self, OciError};

use super::store::{check_index, checked, compare, published};
use super::{Artifact, ArtifactName, ArtifactStore, Entry, Index, Published, StoreError};

pub use aw_remote::oci::{Credentials, ReferenceError, Repository};

/// A repository of a registry.
#[derive(Debug)]
pub struct Registry(oci::Registry);

impl Registry {
    /// The artifacts of a repository.
    pub fn new(repository: Repository, credentials: Option<Credentials>) -> Self {
        Self(oci::Registry::new(repository, credentials))
    }

    /// Publishes an artifact and says under which digest the registry has it.
    ///
    /// # Errors
    /// As [`ArtifactStore::publish`].
    pub fn push(&self, artifact: &Artifact) -> Result<(Published, Digest), StoreError> {
        let tag = tags::tag(artifact.name());
        if let Some((digest, kept)) = self.read(&tag)? {
            return Ok((compare(self, artifact, &kept)?, digest));
        }
        check_index(&self.place(), artifact.name(), &artifact.index())?;
        for bytes in artifact.files().values().map(Vec::as_slice).chain([document::EMPTY]) {
            self.0.put_blob(bytes).map_err(|error| self.failed(error))?;
        }
        let put = self.0.put_manifest(&tag, oci::MANIFEST_TYPE, &document::write(artifact));
        let digest = put.map_err(|error| self.failed(error))?;
        Ok((published(artifact, true), digest))
    }

    /// The artifact that the registry has under a digest, every file held against its sum.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn pull(&self, digest: &Digest) -> Result<Artifact, StoreError> {
        let found = self.read(&digest.to_string())?;
        let (_, index) = found.ok_or_else(|| self.remote(format!("there is nothing under {digest}")))?;
        let mut files = BTreeMap::new();
        for (path, entry) in &index.files {
            files.insert(path.clone(), self.blob(path, entry)?);
        }
        Ok(Artifact::from_files(files)?)
    }

    /// The manifest under a tag or digest: its own digest and the files it lists; `None` when there is none.
    fn read(&self, reference: &str) -> Result<Option<(Digest, Index)>, StoreError> {
        let found = self.0.manifest(reference, oci::MANIFEST_TYPE).map_err(|error| self.failed(error))?;
        let Some((digest, bytes)) = found else { return Ok(None) };
        let damaged = |reason: String| StoreError::Damaged { place: self.place(), what: reference.to_owned(), reason };
        let index = document::read(&bytes).map_err(damaged)?;
        Ok(Some((digest, index)))
    }

    fn blob(&self, path: &TreePath, entry: &Entry) -> Result<Vec<u8>, StoreError> {
        let bytes = self.0.blob(&entry.sha256, entry.bytes).map_err(|error| self.failed(error))?;
        checked(self.place(), path.as_str(), entry, bytes)
    }

    fn failed(&self, error: OciError) -> StoreError {
        match error {
            OciError::Damaged { what, reason } => StoreError::Damaged { place: self.place(), what, reason },
            error => self.remote(error.to_string()),
        }
    }

    fn remote(&self, reason: String) -> StoreError {
        StoreError::Remote { place: self.place(), reason }
    }
}

impl ArtifactStore for Registry {
    fn place(&self) -> String {
        self.0.repository().to_string()
    }

    fn publish(&self, artifact: &Artifact) -> Result<Published, StoreError> {
        Ok(self.push(artifact)?.0)
    }

    fn index(&self, name: &ArtifactName) -> Result<Option<Index>, StoreError> {
        let Some((_, index)) = self.read(&tags::tag(name))? else { return Ok(None) };
        check_index(&self.place(), name, &index)?;
        Ok(Some(index))
    }

    fn file(&self, _: &ArtifactName, path: &TreePath, entry: &Entry) -> Result<Vec<u8>, StoreError> {
        self.blob(path, entry)
    }

    fn list(&self) -> Result<Vec<ArtifactName>, StoreError> {
        let tags = self.0.tags().map_err(|error| self.failed(error))?;
        let mut names: Vec<ArtifactName> = tags.iter().filter_map(|tag| tags::name(tag)).collect();
        names.sort();
        Ok(names)
    }
}
