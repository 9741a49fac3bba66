//! Files beside the recipe that the stages emit with: templates and bindings.

use std::collections::BTreeMap;

use aw_domain::{Failure, FileInput, Inputs, Problem};

use super::configurations::{Generate as Config, PinnedFile};
use super::read::{bytes, pinned};
use crate::emit::{Bindings, Target, Templates};

/// The files that a configuration names.
pub(super) fn files(config: &Config, problems: &mut Vec<Problem>) -> Vec<FileInput> {
    let mut files = Vec::new();
    for (name, file) in &config.templates {
        let at = format!("templates.{name}");
        if !Target::LANGUAGES.iter().any(|target| target.name() == name) {
            let problem = Problem::new("template", &at, format!("`{name}` is no language"));
            problems.push(problem.suggest(name, Target::LANGUAGES.iter().map(|target| target.name())));
        }
        files.extend(pinned(file, &at, problems));
    }
    files.extend(config.sql_bindings.as_ref().and_then(|file| pinned(file, "sqlBindings", problems)));
    files
}

fn text(file: &PinnedFile, inputs: &Inputs) -> Result<String, Failure> {
    let place = inputs.files.get(&file.path).ok_or_else(|| Failure::new("bug", format!("`{}` was not brought", file.path)))?;
    String::from_utf8(bytes(place)?).map_err(|error| Failure::new("text", format!("`{}`: {error}", file.path)))
}

/// The templates of a configuration.
pub(super) fn templates(config: &Config, inputs: &Inputs) -> Result<Templates, Failure> {
    let mut files = BTreeMap::new();
    for (name, file) in &config.templates {
        files.insert(format!("{name}.j2"), text(file, inputs)?);
    }
    if files.is_empty() {
        Ok(Templates::default())
    } else {
        Templates::read(&files).map_err(|error| Failure::from_error("template", &error))
    }
}

/// The bindings of a configuration.
pub(super) fn bindings(config: &Config, inputs: &Inputs) -> Result<Option<Bindings>, Failure> {
    let Some(file) = &config.sql_bindings else { return Ok(None) };
    Bindings::parse(&text(file, inputs)?).map(Some).map_err(|found| super::refused(&found))
}
