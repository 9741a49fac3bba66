//! A finished part of a line, or an artifact's folder as a run leaves it.

use std::fs;
use std::path::{Path, PathBuf};

use aw_alloy::artifact::ARTIFACT_SUFFIX;
use aw_disk::Lock;
use serde_json::Value;

use crate::contents::Contents;
use crate::decision::Reason;
use crate::error::{ShipError, disk};
use crate::files;

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
    pub line: Option<Line>,
}

/// A part in `finished`.
#[derive(Clone, Debug)]
pub struct Line {
    /// The root of the line.
    pub root: PathBuf,
    /// The part's name, retry marker included, without `.alloy.json`.
    pub name: String,
}

impl Line {
    /// The name without its retry marker.
    pub fn stem(&self) -> &str {
        match self.name.rsplit_once(".retry") {
            Some((stem, count)) if !count.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit()) => stem,
            _ => &self.name,
        }
    }

    /// A station's folder.
    pub fn station(&self, station: &str) -> PathBuf {
        self.root.join("line").join(station)
    }

    /// The file name of the part.
    pub fn file(&self) -> String {
        format!("{}{ARTIFACT_SUFFIX}", self.name)
    }
}

/// Whether a name can be a part's.
fn is_part_name(name: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric();
    name.len() <= 200 && name.bytes().next().is_some_and(word) && name.bytes().all(|byte| word(byte) || b"._-".contains(&byte))
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
        Ok(Self { corpora: found.clone(), artifact: found, beside, line: None })
    }

    /// A part in `finished` of a line's root, by its name, its stem or its file's name.
    ///
    /// # Errors
    /// [`ShipError::Bundle`] when there is none, or its artifact is not where its result says.
    pub fn of_part(root: &Path, part: &str) -> Result<Self, ShipError> {
        let shown = root.join("line/finished").join(part);
        let bundle = |reason: String| ShipError::Bundle { path: shown.clone(), reason };
        let wanted = part.strip_suffix(ARTIFACT_SUFFIX).unwrap_or(part);
        if !is_part_name(wanted) {
            return Err(bundle(
                "a part's name is letters, digits, `.`, `_` and `-`, and begins with a letter or digit".to_owned(),
            ));
        }
        let names = Self::finished(root)?;
        let named = |name: &String| Line { root: root.to_owned(), name: name.clone() }.stem() == wanted;
        let name = names.iter().find(|name| *name == wanted).or_else(|| names.iter().find(|name| named(name)));
        let name = name.ok_or_else(|| bundle("there is no such part in `finished`".to_owned()))?.clone();
        let line = Line { root: root.to_owned(), name: name.clone() };
        let finished = line.station("finished");
        let result = files::read(&finished.join(format!("{name}.result.json")))?;
        let result = result.ok_or_else(|| bundle("its `.result.json` is not there: it is not finished".to_owned()))?;
        let result: Value = serde_json::from_slice(&result).map_err(|error| bundle(format!("its `.result.json`: {error}")))?;
        let forged = result.get("forged_dir").and_then(Value::as_str);
        let forged = forged.ok_or_else(|| bundle("its `.result.json` names no `forged_dir`".to_owned()))?;
        let artifact = below(root, forged).map_err(bundle)?;
        let corpora = origin(&finished, &name).unwrap_or_else(|| root.to_owned());
        Ok(Self { artifact, corpora, beside: (finished, name), line: Some(line) })
    }

    /// The names of all finished parts, oldest first, as the line orders them.
    ///
    /// # Errors
    /// [`ShipError::Disk`].
    pub fn finished(root: &Path) -> Result<Vec<String>, ShipError> {
        let folder = root.join("line/finished");
        let mut found = Vec::new();
        for entry in fs::read_dir(&folder).map_err(disk("read", &folder))? {
            let entry = entry.map_err(disk("read", &folder))?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            // `<name>.artifact.json` and the other records do not end as parts do.
            let Some(name) = name.strip_suffix(ARTIFACT_SUFFIX).filter(|name| is_part_name(name)) else { continue };
            let about = entry.metadata().map_err(disk("look at", &entry.path()))?;
            if about.is_file() {
                found.push((about.modified().map_err(disk("look at", &entry.path()))?, name.to_owned()));
            }
        }
        found.sort();
        Ok(found.into_iter().map(|(_, name)| name).collect())
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
        match &self.line {
            Some(line) => line.station("finished").join(line.file()),
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
        if self.line.is_none() {
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

/// The folder that a result names: given relative to the root, or absolute below it; no link on the way.
fn below(root: &Path, forged: &str) -> Result<PathBuf, String> {
    let given = Path::new(forged);
    let relative = given.strip_prefix(root).unwrap_or(given);
    let mut folder = root.to_owned();
    for part in relative.components() {
        match part {
            std::path::Component::Normal(part) => folder.push(part),
            std::path::Component::CurDir => continue,
            _ => return Err(format!("`forged_dir` (`{}`) leads out of the root", forged.escape_debug())),
        }
        let found = fs::symlink_metadata(&folder);
        if !found.map_err(|error| format!("its artifact is not in `{}`: {error}", folder.display()))?.is_dir() {
            return Err(format!("`{}` is no folder", folder.display()));
        }
    }
    if folder == root { Err("`forged_dir` names no folder".to_owned()) } else { Ok(folder) }
}

/// The folder a part's relative paths start from, as its origin says.
fn origin(finished: &Path, name: &str) -> Option<PathBuf> {
    let bytes = files::read(&finished.join(format!("{name}.origin.json"))).ok()??;
    let origin: Value = serde_json::from_slice(&bytes).ok()?;
    origin.get("folder").and_then(Value::as_str).map(PathBuf::from).filter(|folder| folder.is_dir())
}
