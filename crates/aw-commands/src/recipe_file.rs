//! Reading a recipe's file.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use aw_alloy::artifact::ARTIFACT_SUFFIX;
use aw_alloy::recipe::{Notation, Recipe};
use aw_alloy::text::Limits;
use aw_domain::Registry;

use crate::exit::ExitCode;
use crate::report::{Place, Report};

/// Reads and checks the recipe in `path`; gives it with the folder its relative paths start from.
pub(crate) fn read(path: &Path, registry: &Registry) -> Result<(Recipe, PathBuf), Report> {
    let notation = notation(path)?;
    let text = read_bounded(path, "recipe")?;
    let recipe = Recipe::read(&text, notation, registry).map_err(|problems| {
        Report::problems(ExitCode::Refused, "recipe-refused", "the recipe is refused for", Some(path), problems)
    })?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok((recipe, folder.to_owned()))
}

pub(crate) fn notation(path: &Path) -> Result<Notation, Report> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    if name.ends_with(ARTIFACT_SUFFIX) {
        let message = format!("`{}` is an artifact, expected a recipe", path.display());
        let report = Report::new(ExitCode::Usage, "not-a-recipe", message);
        return Err(report.hint(
            "`alloyworks show` and `alloyworks verify` take artifacts; a recipe's file ends in `.yaml`, `.yml` or `.json`",
        ));
    }
    match name.rsplit_once('.').map(|(_, suffix)| suffix) {
        Some("yaml" | "yml") => Ok(Notation::Yaml),
        Some("json") => Ok(Notation::Json),
        _ => {
            let message = format!("the name of `{}` does not say what it is written in", path.display());
            Err(Report::new(ExitCode::Usage, "not-a-recipe", message).hint("a recipe's file ends in `.yaml`, `.yml` or `.json`"))
        }
    }
}

/// Reads a document whole, up to the size documents may have.
pub(crate) fn read_bounded(path: &Path, what: &str) -> Result<Vec<u8>, Report> {
    let limit = Limits::DOCUMENT.bytes as u64;
    let mut text = Vec::new();
    let read = File::open(path).and_then(|file| file.take(limit + 1).read_to_end(&mut text));
    let place = Place { file: Some(path.display().to_string()), ..Place::default() };
    let refuse = |exit, code, message: String| Err(Report::new(exit, code, message).at(place));
    match read {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            refuse(ExitCode::Usage, "not-found", format!("there is no such {what}"))
        }
        Err(error) => refuse(ExitCode::Environment, "read", format!("the {what} cannot be read: {error}")),
        Ok(_) if text.len() as u64 > limit => {
            refuse(ExitCode::Refused, "too-large", format!("the {what} is longer than {limit} bytes"))
        }
        Ok(_) => Ok(text),
    }
}
