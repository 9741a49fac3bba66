//! Publishing: what goes to one target, once, and is read back.

mod folder;
mod hub;
mod modelpack;
#[cfg(feature = "object-stores")]
mod objects;
mod registry;

use std::io::{self, Read};

use aw_alloy::digest::Digest;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::contents::{ContentFile, Contents};
use crate::error::ShipError;
use crate::target::{Target, TargetError};

/// What targets are reached with. Handed in by the shipping process; nothing of it reaches a message, a record or a log.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// For registries.
    pub registry: Option<aw_remote::oci::Credentials>,
    /// For object stores.
    #[cfg(feature = "object-stores")]
    pub stores: aw_remote::objects::Variables,
    /// For the Hub.
    pub hub: Option<aw_hub::Settings>,
    /// Whether a repository of the Hub that is made is private.
    pub hub_private: bool,
    /// Whether files of a repository of the Hub that are not the artifact's are removed; its history keeps them.
    pub hub_replace: bool,
}

/// A step of publishing, told before it is taken. Whoever is told may say to stop there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What is done next: `send`, `sent`, `commit`, `read-back`, `record` and the like.
    pub what: &'static str,
    /// To which file.
    pub file: Option<String>,
    /// Bytes of that file that went so far.
    pub bytes: u64,
}

/// Is told every step and says whether to go on.
pub type Watch<'a> = &'a dyn Fn(&Step) -> bool;

/// Tells a step.
pub(crate) fn step(watch: Watch<'_>, what: &'static str, file: Option<&str>) -> Result<(), ShipError> {
    let step = Step { what, file: file.map(str::to_owned), bytes: 0 };
    if watch(&step) { Ok(()) } else { Err(ShipError::Cancelled) }
}

/// What of a file is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FileState {
    /// Nothing.
    Absent,
    /// The same bytes, as far as the target says.
    There,
    /// Other bytes.
    Differs,
}

/// A file that would be published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlannedFile {
    /// Its path in the artifact.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of its bytes.
    pub sha256: Digest,
    /// What is there now.
    pub state: FileState,
}

/// What would be published where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// The target.
    pub target: String,
    /// Where it would stand.
    pub url: String,
    /// Its files, in the order they go.
    pub files: Vec<PlannedFile>,
    /// Bytes that would be sent.
    pub bytes_to_send: u64,
    /// Whether it stands there already, whole.
    pub complete: bool,
    /// What stands in the way.
    pub conflict: Option<String>,
}

impl Plan {
    /// A plan of files whose states are known.
    pub(crate) fn of(target: &Target, url: String, contents: &Contents, states: &[FileState]) -> Self {
        let files: Vec<PlannedFile> = contents
            .files
            .iter()
            .zip(states)
            .map(|(file, state)| PlannedFile {
                path: file.path.to_string(),
                bytes: file.bytes,
                sha256: file.digest,
                state: *state,
            })
            .collect();
        let to_send = files.iter().filter(|file| file.state != FileState::There);
        let bytes_to_send = to_send.fold(0, |sum: u64, file| sum.saturating_add(file.bytes));
        let complete = files.iter().all(|file| file.state == FileState::There);
        Self { target: target.to_string(), url, files, bytes_to_send, complete, conflict: None }
    }
}

/// A file that was published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PublishedFile {
    /// Its path in the artifact.
    pub path: String,
    /// SHA-256 of its bytes.
    pub sha256: Digest,
    /// Its length.
    pub bytes: u64,
}

/// Where an artifact stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Publication {
    /// The target.
    pub target: String,
    /// Where it stands, to name it exactly: with its version, tag or commit.
    pub url: String,
    /// What the target calls it: a manifest's digest, a commit.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub revision: Option<String>,
    /// Its files, each read back.
    pub files: Vec<PublishedFile>,
    /// When it was first published: RFC 3339, UTC.
    pub published_at: String,
}

/// What publishing to one target came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Where it stands.
    pub url: String,
    /// What the target calls it.
    pub revision: Option<String>,
    /// Bytes that were sent now.
    pub sent: u64,
}

/// Publishes to one target. What is there with the right hash is not sent again; what was sent is read back.
pub trait Publisher {
    /// The target.
    fn target(&self) -> &Target;

    /// What would be published, and what is there. Changes nothing.
    ///
    /// # Errors
    /// [`ShipError`] when that cannot be told.
    fn plan(&self, contents: &Contents) -> Result<Plan, ShipError>;

    /// Publishes. Stopped at any step, it goes on there the next time.
    ///
    /// # Errors
    /// [`ShipError`].
    fn publish(&self, contents: &Contents, watch: Watch<'_>) -> Result<Published, ShipError>;
}

/// The publisher of a target.
///
/// # Errors
/// [`ShipError`] when the credentials do not do, or this program was built without that kind of target.
pub fn publisher(target: &Target, credentials: &Credentials) -> Result<Box<dyn Publisher>, ShipError> {
    Ok(match target {
        Target::Folder(path) => {
            let absolute = std::path::absolute(path).map_err(crate::error::disk("find", path))?;
            Box::new(folder::Folder::new(target.clone(), absolute))
        }
        Target::Registry { repository, tag } => Box::new(registry::Registry::new(
            target.clone(),
            aw_remote::oci::Registry::new(repository.clone(), credentials.registry.clone()),
            tag.clone(),
        )),
        #[cfg(feature = "object-stores")]
        Target::Objects(location) => Box::new(objects::Objects::new(target.clone(), location, credentials)?),
        #[cfg(not(feature = "object-stores"))]
        Target::Objects(_) => {
            let reason = "this program was built without object stores; build it with the feature `object-stores`".to_owned();
            return Err(TargetError { text: target.to_string(), reason }.into());
        }
        Target::Hub(id) => {
            let odd = || TargetError {
                text: target.to_string(),
                reason: "the Hub's settings are not there; `HF_TOKEN` and `HF_HOME` say what it is reached with".to_owned(),
            };
            let settings = credentials.hub.clone().ok_or_else(odd)?;
            Box::new(hub::Hub::new(target.clone(), id.clone(), settings, credentials)?)
        }
    })
}

/// A file of the contents, as uploads read it.
pub(crate) struct FileSource<'a> {
    pub(crate) contents: &'a Contents,
    pub(crate) file: &'a ContentFile,
}

impl FileSource<'_> {
    #[cfg(feature = "object-stores")]
    pub(crate) fn path(&self) -> std::path::PathBuf {
        self.contents.folder.join(&self.file.path)
    }

    pub(crate) fn reader(&self, start: u64) -> io::Result<impl Read + use<>> {
        self.contents.open(self.file, start)
    }
}

impl aw_remote::oci::Source for FileSource<'_> {
    fn name(&self) -> String {
        self.file.path.to_string()
    }

    fn digest(&self) -> Digest {
        self.file.digest
    }

    fn bytes(&self) -> u64 {
        self.file.bytes
    }

    fn open(&self, start: u64) -> io::Result<Box<dyn Read + '_>> {
        Ok(Box::new(self.reader(start)?))
    }
}
