//! `data/get`: gives an entity's document.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use aw_store::entities::Entry;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::data_support::{EntryView, in_file, open, within};
use crate::environment::Environment;
use crate::exit::ExitCode;
use crate::registry::{About, Command, Example, Outcome, Reach, Surface};
use crate::report::Report;

pub(super) fn command() -> Command {
    let about = About {
        name: "data/get",
        summary: "Gives an entity's document, as it is or was",
        details: "The document comes to the byte as it was put. On a terminal it is shown; `--out` writes the bytes to a new file, and `--json` has \
                  them as one string.",
        reach: Reach::Local,
        examples: &[
            Example { what: "a recipe by its name", line: "data get tiny-moe" },
            Example {
                what: "what it was at its first revision, as a file",
                line: "data get tiny-moe --revision 1 --out first.yaml",
            },
        ],
        exit_codes: &[ExitCode::Ok, ExitCode::Refused, ExitCode::Environment],
    };
    Command::new(about, run)
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    /// The entity's id, or its name where no other has it. What was deleted is known by its id.
    #[schemars(extend("x-position" = 1))]
    entity: String,
    /// Only in this collection.
    collection: Option<String>,
    /// The revision; the last one when not given.
    #[schemars(range(min = 1), extend("x-value-name" = "N"))]
    revision: Option<u64>,
    /// A file to write the document to; there must be none.
    #[schemars(extend("x-value-name" = "FILE"))]
    out: Option<PathBuf>,
}

/// A document.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GetResult {
    /// Its entity's collection.
    pub collection: String,
    /// Its entity's id.
    pub id: String,
    /// What the entry of that revision says.
    pub entry: EntryView,
    /// How it is written: `json` or `yaml`.
    pub notation: String,
    /// The document; absent when it was written to a file.
    pub text: Option<String>,
    /// The file it was written to.
    pub file: Option<PathBuf>,
}

impl Outcome for GetResult {}

fn run(environment: &Environment, parameters: Parameters, _: &Surface<'_>) -> Result<GetResult, Report> {
    let within = within(parameters.collection.as_deref())?;
    let entities = open(environment)?;
    let (collection, id, last) = match (entities.find(within, &parameters.entity), parameters.revision) {
        (Ok(entity), _) => (entity.collection, entity.id, entity.revision),
        // The revisions of what was deleted are still there.
        (Err(aw_store::entities::EntitiesError::Deleted { .. }), Some(_)) => {
            let (collection, last) = entities.find_past(within, &parameters.entity)?;
            (collection, parameters.entity, last)
        }
        (Err(error), _) => return Err(error.into()),
    };
    let (entry, bytes) = entities.get_revision(collection, &id, parameters.revision.unwrap_or(last))?;
    let Entry { notation, .. } = &entry;
    let notation = notation.clone().unwrap_or_default();
    let (text, file) = match parameters.out {
        Some(path) => {
            write_new(&path, &bytes)?;
            (None, Some(path))
        }
        None => {
            let text = String::from_utf8(bytes).map_err(|_| Report::bug("a document that is kept is not UTF-8 text"))?;
            (Some(text), None)
        }
    };
    Ok(GetResult { collection: collection.name.into(), id, entry: EntryView::from(&entry), notation, text, file })
}

fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Report> {
    let written = OpenOptions::new().write(true).create_new(true).open(path).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            let report = Report::new(ExitCode::Refused, "out-occupied", "there is a file already, nothing was written");
            report.at(in_file(path)).hint("name another file, or move it away")
        }
        _ => Report::new(ExitCode::Environment, "write", format!("the document cannot be written: {error}")).at(in_file(path)),
    })
}
