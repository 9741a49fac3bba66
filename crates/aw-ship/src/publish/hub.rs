//! A repository of the Hugging Face Hub: everything in one commit, so that the card is never there before what it speaks of.

use std::io::{self, Read};

use aw_alloy::digest::Digest;
use aw_alloy::tree::TreePath;
use aw_hub::{Commit, Content, HubError, NewCommit, Outgoing, RepositoryId, Settings, Snapshot};

use super::{Credentials, FileSource, FileState, Plan, Published, Publisher, Step, Watch, step};
use crate::contents::{ContentFile, Contents};
use crate::error::{ShipError, disk};
use crate::target::Target;

/// Tries to commit when others commit at the same time.
const COMMIT_TRIES: u32 = 5;
/// What the Hub itself puts into a new repository.
const HUBS_OWN: &str = ".gitattributes";

pub(crate) struct Hub {
    target: Target,
    repository: RepositoryId,
    hub: aw_hub::Hub,
    private: bool,
    replace: bool,
}

/// What a repository has of an artifact.
struct Looked {
    commit: Commit,
    states: Vec<FileState>,
    /// Files that are not the artifact's.
    others: Vec<TreePath>,
}

impl Outgoing for FileSource<'_> {
    fn path(&self) -> &TreePath {
        &self.file.path
    }

    fn bytes(&self) -> u64 {
        self.file.bytes
    }

    fn sha256(&self) -> Digest {
        self.file.digest
    }

    fn open(&self, start: u64) -> io::Result<Box<dyn Read + '_>> {
        Ok(Box::new(self.reader(start)?))
    }
}

impl Hub {
    pub(crate) fn new(
        target: Target,
        repository: RepositoryId,
        settings: Settings,
        credentials: &Credentials,
    ) -> Result<Self, ShipError> {
        let hub = aw_hub::Hub::new(settings)
            .map_err(|error| ShipError::Remote { place: target.to_string(), reason: error.to_string() })?;
        Ok(Self { target, repository, hub, private: credentials.hub_private, replace: credentials.hub_replace })
    }

    fn failed(&self, error: HubError) -> ShipError {
        match error {
            HubError::Cancelled => ShipError::Cancelled,
            error => ShipError::Remote { place: self.target.to_string(), reason: error.to_string() },
        }
    }

    /// The repository as it is now; `None` when there is none.
    fn look(&self, contents: &Contents) -> Result<Option<Looked>, ShipError> {
        let commit = match self.hub.resolve(&self.repository, "main", &|| false) {
            Ok(commit) => commit,
            Err(HubError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(self.failed(error)),
        };
        let listed = self.hub.list(&self.repository, &commit, &|| false).map_err(|error| self.failed(error))?;
        let states = states(contents, &listed)?;
        let ours = |path: &TreePath| contents.files.iter().any(|file| file.path == *path);
        let others = listed.files.iter().map(|file| &file.path).filter(|path| path.as_str() != HUBS_OWN && !ours(path));
        Ok(Some(Looked { commit, states, others: others.cloned().collect() }))
    }

    /// What stands in the way of replacing what is there.
    fn conflict(&self, looked: &Looked) -> Option<String> {
        let first = looked.others.first().filter(|_| !self.replace)?;
        let more = looked.others.len() - 1;
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        Some(format!(
            "`{first}`{more} in the repository are not the artifact's; remove them there, or say that they are to be removed (the \
             history keeps them)"
        ))
    }

    fn read_back(&self, contents: &Contents, commit: &Commit, watch: Watch<'_>) -> Result<(), ShipError> {
        step(watch, "read-back", None)?;
        let listed = self.hub.list(&self.repository, commit, &|| false).map_err(|error| self.failed(error))?;
        for (file, state) in contents.files.iter().zip(states(contents, &listed)?) {
            if state != FileState::There {
                let found = listed.file(file.path.as_str());
                let found = found.map_or_else(|| "nothing".to_owned(), |found| found.content.to_string());
                let (place, name) = (self.target.to_string(), file.path.to_string());
                return Err(ShipError::ReadBack { place, file: name, expected: file.digest.to_string(), found });
            }
        }
        Ok(())
    }

    fn url(&self, commit: &Commit) -> String {
        format!("{}/tree/{commit}", self.hub.page(&self.repository))
    }
}

/// What a listing has of each file.
fn states(contents: &Contents, listed: &Snapshot) -> Result<Vec<FileState>, ShipError> {
    contents.files.iter().map(|file| state(contents, file, listed)).collect()
}

fn state(contents: &Contents, file: &ContentFile, listed: &Snapshot) -> Result<FileState, ShipError> {
    let Some(found) = listed.file(file.path.as_str()) else { return Ok(FileState::Absent) };
    let same = found.bytes == file.bytes
        && match found.content {
            Content::Sha256(digest) => digest == file.digest,
            content @ Content::GitBlob(_) => {
                let path = contents.folder.join(&file.path);
                let own = contents.open(file, 0).and_then(|opened| content.of_like(file.bytes, opened));
                own.map_err(disk("read", &path))? == content
            }
        };
    Ok(if same { FileState::There } else { FileState::Differs })
}

impl Publisher for Hub {
    fn target(&self) -> &Target {
        &self.target
    }

    fn plan(&self, contents: &Contents) -> Result<Plan, ShipError> {
        let page = self.hub.page(&self.repository);
        let Some(looked) = self.look(contents)? else {
            let states = vec![FileState::Absent; contents.files.len()];
            return Ok(Plan::of(&self.target, page, contents, &states));
        };
        let mut plan = Plan::of(&self.target, page, contents, &looked.states);
        plan.conflict = self.conflict(&looked);
        plan.complete &= looked.others.is_empty();
        Ok(plan)
    }

    fn publish(&self, contents: &Contents, watch: Watch<'_>) -> Result<Published, ShipError> {
        let mut sent = 0;
        for _ in 0..COMMIT_TRIES {
            step(watch, "look", None)?;
            let looked = match self.look(contents)? {
                Some(looked) => looked,
                None => {
                    step(watch, "create", None)?;
                    self.hub.create(&self.repository, self.private).map_err(|error| self.failed(error))?;
                    let made = self.look(contents)?;
                    let gone = || ShipError::Remote {
                        place: self.target.to_string(),
                        reason: "the repository was made and is not there".to_owned(),
                    };
                    made.ok_or_else(gone)?
                }
            };
            if let Some(reason) = self.conflict(&looked) {
                return Err(ShipError::Taken { place: self.target.to_string(), reason });
            }
            let wanted: Vec<FileSource<'_>> = contents
                .files
                .iter()
                .zip(&looked.states)
                .filter(|(_, state)| **state != FileState::There)
                .map(|(file, _)| FileSource { contents, file })
                .collect();
            if wanted.is_empty() && looked.others.is_empty() {
                self.read_back(contents, &looked.commit, watch)?;
                return Ok(Published { url: self.url(&looked.commit), revision: Some(looked.commit.to_string()), sent });
            }
            let files: Vec<&dyn Outgoing> = wanted.iter().map(|file| file as &dyn Outgoing).collect();
            let summary = format!("{} {}", contents.artifact.name(), contents.version());
            let new = NewCommit {
                repository: &self.repository,
                parent: &looked.commit,
                summary: &summary,
                files: &files,
                removed: &looked.others,
            };
            step(watch, "commit", None)?;
            let told = |path: &TreePath, bytes| watch(&Step { what: "sending", file: Some(path.to_string()), bytes });
            match self.hub.commit(&new, &told) {
                Ok(made) => {
                    sent += made.sent;
                    self.read_back(contents, &made.commit, watch)?;
                    return Ok(Published { url: self.url(&made.commit), revision: Some(made.commit.to_string()), sent });
                }
                // Somebody else committed; what was uploaded is there and is not uploaded again.
                Err(HubError::Conflict { .. }) => {}
                Err(error) => return Err(self.failed(error)),
            }
        }
        let reason = format!("others committed {COMMIT_TRIES} times while this was uploaded; try again later");
        Err(ShipError::Remote { place: self.target.to_string(), reason })
    }
}
