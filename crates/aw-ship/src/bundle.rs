//! A finished part of a line, or an artifact's folder as a run leaves it.

use std::fs;
use std::path::{Path, PathBuf};

use aw_disk::Lock;
use aw_line::node::NodeFile;
use aw_line::{PartName, Root, Station};
use serde_json::Value;

use crate::contents::Contents;
use crate::decision::Reason;
use crate::error::ShipError;
use crate::{files, place};

/// A finished bundle. Nothing of it is changed but the records beside it.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// Where the artifact's folder lies.
    artifact: PathBuf,
    /// Where paths of corpora start.
    corpora: PathBuf,
    /// The folder records lie in, and how their names begin.
    beside: (PathBuf, String),
    /// The part, where it is one of a line.
    pub part: Option<FinishedPart>,
}

/// A part in `finished`.
#[derive(Clone, Debug)]
pub struct FinishedPart {
    /// The line.
    pub root: Root,
    /// The part's name.
    pub name: PartName,
}

impl Bundle {
    /// The artifact in a folder. Its records lie beside the folder, as `<folder>.receipt.json`.
    ///
    /// # Errors
    /// [`ShipError::Bundle`].
    pub fn of_folder(folder: &Path) -> Result<Self, ShipError> {
        let bundle = |reason: String| ShipError::Bundle { path: folder.to_owned(), reason };
        let found = fs::canonicalize(folder).map_err(|error| bundle(error.to_string()))?;
        let name = found.file_name().and_then(|name| name.to_str()).filter(|_| found.is_dir()).map(str::to_owned);
        let name = name.ok_or_else(|| bundle("expected an artifact's folder, as `run` leaves it".to_owned()))?;
        let beside = (files::parent(&found).to_owned(), name);
        Ok(Self { corpora: found.clone(), artifact: found, beside, part: None })
    }

    /// A part in `finished` of a line, by its name, its stem or its file's name. The node file says where work may have been moved to.
    ///
    /// # Errors
    /// [`ShipError::Line`] when there is none, [`ShipError::Bundle`] when its artifact is not where its result says.
    pub fn of_part(root: &Root, node: &NodeFile, part: &str) -> Result<Self, ShipError> {
        let (station, name) = aw_line::find(root, part, &[Station::Finished])?;
        let path = root.part(station, &name);
        let bundle = |reason: String| ShipError::Bundle { path: path.clone(), reason };
        if !path.symlink_metadata().is_ok_and(|meta| meta.is_file()) {
            return Err(bundle("it is no regular file, and so no part".to_owned()));
        }
        let finished = root.station(station);
        let result = files::read(&finished.join(name.beside("result.json")))?;
        let result = result.ok_or_else(|| bundle("its `.result.json` is not there: it is not finished".to_owned()))?;
        let result: Value = serde_json::from_slice(&result).map_err(|error| bundle(format!("its `.result.json`: {error}")))?;
        let forged = result.get("forged_dir").and_then(Value::as_str);
        let forged = forged.ok_or_else(|| bundle("its `.result.json` names no `forged_dir`".to_owned()))?;
        let artifact = place::artifact(root, node, &name, forged).map_err(bundle)?;
        let corpora = origin(&finished.join(name.beside("origin.json"))).unwrap_or_else(|| root.folder().to_owned());
        let beside = (finished, name.to_string());
        Ok(Self { artifact, corpora, beside, part: Some(FinishedPart { root: root.clone(), name }) })
    }

    /// The names of all finished parts of a line, the oldest first.
    ///
    /// # Errors
    /// [`ShipError::Line`] when `finished` cannot be listed.
    pub fn finished(root: &Root) -> Result<Vec<PartName>, ShipError> {
        let mut parts = root.list(Station::Finished)?.parts;
        parts.sort_by(|a, b| (a.modified, &a.name).cmp(&(b.modified, &b.name)));
        Ok(parts.into_iter().map(|part| part.name).collect())
    }

    /// Where the artifact's files lie.
    pub fn artifact_folder(&self) -> &Path {
        &self.artifact
    }

    /// Where paths of declared corpora start.
    pub fn corpora_folder(&self) -> &Path {
        &self.corpora
    }

    /// The file of a record beside the bundle.
    pub fn sidecar(&self, kind: &str) -> PathBuf {
        self.beside.0.join(format!("{}.{kind}.json", self.beside.1))
    }

    /// The part or folder, as messages show it.
    pub fn shown(&self) -> PathBuf {
        match &self.part {
            Some(part) => part.root.part(Station::Finished, &part.name),
            None => self.artifact.clone(),
        }
    }

    /// What logs and records call it.
    pub fn name(&self) -> &str {
        &self.beside.1
    }

    /// Takes the right to ship this bundle until the lock is dropped.
    pub(crate) fn lock(&self) -> Result<Lock, ShipError> {
        let path = self.beside.0.join(format!(".{}.ship.lock", self.beside.1));
        files::lock(&path)?.ok_or_else(|| ShipError::Busy { path: self.shown() })
    }

    /// Whether the records of the line speak of this very artifact.
    pub(crate) fn agrees(&self, contents: &Contents) -> Result<Vec<Reason>, ShipError> {
        let mut reasons = Vec::new();
        if self.part.is_none() {
            return Ok(reasons);
        }
        let mut refuse = |rule: &str, message: &str| reasons.push(Reason::of("bundle", rule, message));
        if let Some(sealed) = files::read(&self.sidecar("artifact"))?
            && sealed != contents.artifact.to_bytes()
        {
            refuse("same-document", "the document in `.artifact.json` is not the one in the artifact's folder");
        }
        let result = files::read(&self.sidecar("result"))?.unwrap_or_default();
        let result: Value = serde_json::from_slice(&result).unwrap_or_default();
        let said = |name: &str| result.get(name).and_then(Value::as_str);
        if said("artifactId").is_some_and(|id| id != contents.artifact.id().to_string()) {
            refuse("same-artifact", "`.result.json` names another artifact");
        }
        if said("recipeId").is_some_and(|id| Some(id) != contents.artifact.text("recipeId")) {
            refuse("same-recipe", "`.result.json` names another recipe");
        }
        let model =
            contents.artifact.text("integrity.modelHash").or_else(|| contents.artifact.text("results.integrity.modelHash"));
        if let (Some(said), Some(model)) = (said("modelHash"), model)
            && said != model
        {
            refuse("same-model", "`.result.json` has another model hash");
        }
        Ok(reasons)
    }
}

/// The folder a part's relative paths start from, as its origin says.
fn origin(file: &Path) -> Option<PathBuf> {
    let bytes = files::read(file).ok()??;
    let origin: Value = serde_json::from_slice(&bytes).ok()?;
    origin.get("folder").and_then(Value::as_str).map(PathBuf::from).filter(|folder| folder.is_dir())
}
