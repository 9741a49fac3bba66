//! A registry: the files as blobs, then the manifest under the tag. A tag that stands for something else is not moved.

use aw_alloy::digest::Digest;
use aw_remote::oci::{self, MANIFEST_TYPE, OciError, is_tag};

use super::{FileSource, FileState, Plan, Published, Publisher, Step, Watch, modelpack, step};
use crate::contents::Contents;
use crate::error::ShipError;
use crate::target::Target;

pub(crate) struct Registry {
    target: Target,
    registry: oci::Registry,
    tag: Option<String>,
}

impl Registry {
    pub(crate) fn new(target: Target, registry: oci::Registry, tag: Option<String>) -> Self {
        Self { target, registry, tag }
    }

    /// The tag: the one that was named, else the version, whose `+` is `_` as no version has it.
    fn tag(&self, contents: &Contents) -> Result<String, ShipError> {
        let tag = self.tag.clone().unwrap_or_else(|| contents.version().replace('+', "_"));
        let reason = || format!("the version `{}` is no tag; name one behind the repository, as `:TAG`", contents.version());
        if is_tag(&tag) { Ok(tag) } else { Err(self.failed(reason())) }
    }

    fn url(&self, digest: &Digest) -> String {
        format!("{}@{digest}", self.registry.repository())
    }

    fn failed(&self, reason: String) -> ShipError {
        ShipError::Remote { place: self.target.to_string(), reason }
    }

    fn oci(&self, error: OciError) -> ShipError {
        match error {
            OciError::Cancelled => ShipError::Cancelled,
            error => self.failed(error.to_string()),
        }
    }

    /// What a tag stands for, when that is something else.
    fn conflict(&self, tag: &str, digest: &Digest) -> Result<Option<Digest>, ShipError> {
        let found = self.registry.manifest(tag, MANIFEST_TYPE).map_err(|error| self.oci(error))?;
        Ok(found.map(|(found, _)| found).filter(|found| found != digest))
    }

    /// Reads everything back: the manifest, the configuration, every layer.
    fn read_back(
        &self,
        contents: &Contents,
        tag: &str,
        config: &[u8],
        digest: &Digest,
        watch: Watch<'_>,
    ) -> Result<(), ShipError> {
        let differs = |file: &str, expected: String, found: String| ShipError::ReadBack {
            place: self.target.to_string(),
            file: file.to_owned(),
            expected,
            found,
        };
        step(watch, "read-back", None)?;
        let found = self.registry.manifest(tag, MANIFEST_TYPE).map_err(|error| self.oci(error))?;
        match found {
            Some((found, _)) if found == *digest => {}
            found => {
                let found = found.map_or_else(|| "nothing".to_owned(), |(found, _)| found.to_string());
                return Err(differs("manifest", digest.to_string(), found));
            }
        }
        let configuration = (Digest::of(config), config.len() as u64, "configuration");
        let layers = contents.files.iter().map(|file| (file.digest, file.bytes, file.path.as_str()));
        for (digest, bytes, name) in std::iter::once(configuration).chain(layers) {
            step(watch, "read-back", Some(name))?;
            let read = self.registry.read_blob(&digest, bytes, &mut std::io::sink());
            match read {
                Ok(true) => {}
                Ok(false) => return Err(differs(name, digest.to_string(), "nothing".to_owned())),
                Err(OciError::Damaged { reason, .. }) => return Err(differs(name, digest.to_string(), reason)),
                Err(error) => return Err(self.oci(error)),
            }
        }
        Ok(())
    }
}

impl Publisher for Registry {
    fn target(&self) -> &Target {
        &self.target
    }

    fn plan(&self, contents: &Contents) -> Result<Plan, ShipError> {
        let tag = self.tag(contents)?;
        let digest = Digest::of(&modelpack::manifest(contents, &modelpack::config(contents)));
        let mut states = Vec::new();
        for file in &contents.files {
            let there = self.registry.has_blob(&file.digest).map_err(|error| self.oci(error))?;
            states.push(if there { FileState::There } else { FileState::Absent });
        }
        let mut plan = Plan::of(&self.target, self.url(&digest), contents, &states);
        plan.conflict = self.conflict(&tag, &digest)?.map(|found| format!("tag `{tag}` stands for {found}; name another tag"));
        let tagged = self.registry.manifest(&tag, MANIFEST_TYPE).map_err(|error| self.oci(error))?;
        plan.complete &= tagged.is_some_and(|(found, _)| found == digest);
        Ok(plan)
    }

    fn publish(&self, contents: &Contents, watch: Watch<'_>) -> Result<Published, ShipError> {
        let tag = self.tag(contents)?;
        let config = modelpack::config(contents);
        let manifest = modelpack::manifest(contents, &config);
        let digest = Digest::of(&manifest);
        step(watch, "look", None)?;
        if let Some(found) = self.conflict(&tag, &digest)? {
            let reason = format!("tag `{tag}` stands for {found}; a tag is not moved: name another");
            return Err(ShipError::Taken { place: self.target.to_string(), reason });
        }
        let mut sent = 0;
        for file in &contents.files {
            let name = file.path.as_str();
            step(watch, "send", Some(name))?;
            let go_on = |bytes| watch(&Step { what: "sending", file: Some(name.to_owned()), bytes });
            let source = FileSource { contents, file };
            if self.registry.put(&source, &go_on).map_err(|error| self.oci(error))? {
                sent += file.bytes;
            }
            step(watch, "sent", Some(name))?;
        }
        step(watch, "send", Some("configuration"))?;
        if self.registry.put_blob(&config).map_err(|error| self.oci(error))? {
            sent += config.len() as u64;
        }
        step(watch, "commit", None)?;
        self.registry.put_manifest(&tag, MANIFEST_TYPE, &manifest).map_err(|error| self.oci(error))?;
        self.read_back(contents, &tag, &config, &digest, watch)?;
        Ok(Published { url: self.url(&digest), revision: Some(digest.to_string()), sent })
    }
}
