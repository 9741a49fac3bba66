//! Recipes as parts: how a recipe's file becomes one, and how a part is read.

use std::path::{Path, PathBuf};

use aw_alloy::digest::Digest;
use aw_alloy::recipe::{Notation, Recipe};
use aw_alloy::text::{Limits, json, yaml};
use aw_domain::Registry;
use aw_line::Origin;
use aw_line::needs::{Estimate, Needs};

use crate::exit::ExitCode;
use crate::recipe_file;
use crate::report::Report;

/// Members of an origin that are added here: what the part needed, and how long it was expected to take.
const NEEDS: &str = "needs";
const ESTIMATE: &str = "estimate";

/// A recipe's file, as the origin of a part.
pub(crate) struct From {
    pub(crate) file: String,
    pub(crate) folder: PathBuf,
    pub(crate) sha256: Digest,
}

impl From {
    /// The sidecar, with what was found out when the part was added.
    pub(crate) fn with(self, needs: &Needs, estimate: &Estimate) -> Result<Origin, Report> {
        let mut more = serde_json::Map::new();
        more.insert(NEEDS.into(), serde_json::to_value(needs).map_err(Report::bug)?);
        more.insert(ESTIMATE.into(), serde_json::to_value(estimate).map_err(Report::bug)?);
        Ok(Origin { recipe: self.file, folder: self.folder, sha256: self.sha256, more })
    }
}

/// How long a part was expected to take when it was added.
pub(crate) fn estimated(origin: &Origin) -> Option<Estimate> {
    serde_json::from_value(origin.more.get(ESTIMATE)?.clone()).ok()
}

/// What the sidecar's name ends in.
pub(crate) const ORIGIN: &str = "origin.json";
/// Longest sidecar that is read, in bytes.
pub(crate) const SIDECAR_BYTES_MAX: u64 = 32 << 20;

/// A recipe's file, read to become a part.
pub(crate) struct Source {
    pub(crate) recipe: Recipe,
    /// The part's bytes: the recipe as JSON.
    pub(crate) text: Vec<u8>,
    pub(crate) origin: From,
}

/// Reads a recipe's file: YAML, JSON, or a part that another line made (`*.alloy.json`).
///
/// # Errors
/// When it cannot be read or is no recipe; every problem with its place.
pub(crate) fn read_source(path: &Path, registry: &Registry) -> Result<Source, Report> {
    let bytes = recipe_file::read_bounded(path, "recipe")?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let notation = if name.ends_with(".alloy.json") { Notation::Json } else { recipe_file::notation(path)? };
    let recipe = Recipe::read(&bytes, notation, registry).map_err(|problems| refused(path, problems))?;
    let absolute = std::path::absolute(path).map_err(|error| Report::from_error(ExitCode::Environment, "path", &error))?;
    let folder = absolute.parent().unwrap_or(Path::new("/")).to_owned();
    let text = match notation {
        Notation::Json => bytes.clone(),
        Notation::Yaml => {
            // The author's words as they are: what the target adds is derived again wherever the part is read.
            let node = std::str::from_utf8(&bytes).ok().and_then(|text| yaml::parse(text, &Limits::DOCUMENT).ok());
            let node = node.ok_or_else(|| Report::bug("a recipe that was read cannot be read"))?;
            json::publish(&node).into_bytes()
        }
    };
    let utf8 = |path: &Path| {
        path.to_str().map(str::to_owned).ok_or_else(|| {
            Report::new(ExitCode::Usage, "path", format!("`{}` is not UTF-8, and the line writes its paths down", path.display()))
        })
    };
    utf8(&folder)?;
    let origin = From { file: utf8(&absolute)?, folder, sha256: Digest::of(&bytes) };
    Ok(Source { recipe, text, origin })
}

/// Reads a part.
///
/// # Errors
/// When it cannot be read or is no recipe; every problem with its place.
pub(crate) fn read_part(path: &Path, registry: &Registry) -> Result<Recipe, Report> {
    let disk = |error: aw_disk::DiskError| Report::from_error(ExitCode::Environment, "part", &error);
    let bytes = aw_disk::read(path, Limits::DOCUMENT.bytes as u64).map_err(disk)?;
    let bytes = bytes.ok_or_else(|| Report::new(ExitCode::Environment, "part", format!("`{}` is gone", path.display())))?;
    parse_part(&bytes, path, registry)
}

/// Reads a part's bytes; `path` is for messages.
///
/// # Errors
/// When they are no recipe; every problem with its place.
pub(crate) fn parse_part(bytes: &[u8], path: &Path, registry: &Registry) -> Result<Recipe, Report> {
    Recipe::read(bytes, Notation::Json, registry).map_err(|problems| refused(path, problems))
}

fn refused(path: &Path, problems: Vec<aw_alloy::text::Problem>) -> Report {
    Report::problems(ExitCode::Refused, "recipe-refused", "the recipe is refused for", Some(path), problems)
}

/// Where the relative paths of a part start: the folder its origin names, else the root.
pub(crate) fn folder_of(origin: Option<&Origin>, root: &Path) -> PathBuf {
    origin.map_or_else(|| root.to_owned(), |origin| root.join(&origin.folder))
}

/// Reads the origin beside a part.
///
/// # Errors
/// When it is there and says nothing that can be used: guessing another folder could build another thing.
pub(crate) fn origin(path: &Path) -> Result<Option<Origin>, Report> {
    let disk = |error: aw_disk::DiskError| Report::from_error(ExitCode::Environment, "origin", &error);
    let Some(bytes) = aw_disk::read(path, SIDECAR_BYTES_MAX).map_err(disk)? else { return Ok(None) };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| {
        let message = format!("`{}` does not say where the part came from: {error}", path.display());
        let hint = "expected {\"recipe\", \"folder\", \"sha256\"}; without the file, relative paths start at the root";
        Report::new(ExitCode::Refused, "origin", message).hint(hint)
    })
}

/// The stem of a recipe's part when nobody names one: its name and version.
pub(crate) fn stem(recipe: &Recipe) -> String {
    let root = recipe.root();
    format!("{}-{}", root.name, root.version)
}
