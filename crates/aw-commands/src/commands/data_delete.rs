//! `data/delete`: deletes an entity; its history stays.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::data_support::{EntryView, author, expect, key, open, within};
use crate::environment::Environment;
use crate::exit::ExitCode;
use crate::registry::{About, Command, Example, Outcome, Reach, Surface};
use crate::report::Report;

pub(super) fn command() -> Command {
    let about = About {
        name: "data/delete",
        summary: "Deletes an entity; its history stays",
        details: "It is listed and found no more, and an artifact made with a deleted recipe resolves no more. Every revision can still be had with \
                  `data get --revision`, and `data upsert` of one brings it back. Files of artifacts are not touched.",
        reach: Reach::Local,
        examples: &[
            Example { what: "by its name", line: "data delete tiny-moe --collection recipes" },
            Example { what: "only if nobody changed it since revision 3", line: "data delete tiny-moe --if-revision 3" },
        ],
        exit_codes: &[ExitCode::Ok, ExitCode::Refused, ExitCode::Environment],
    };
    Command::new(about, run)
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    /// The entity's id, or its name where no other has it.
    #[schemars(extend("x-position" = 1))]
    entity: String,
    /// Only in this collection.
    collection: Option<String>,
    /// The revision it must be at. Any when not given.
    #[schemars(range(min = 1), extend("x-value-name" = "N"))]
    if_revision: Option<u64>,
}

/// What was deleted.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeleteResult {
    /// Its collection.
    pub collection: String,
    /// Its id.
    pub id: String,
    /// The entry that says so.
    pub entry: EntryView,
}

impl Outcome for DeleteResult {}

fn run(environment: &Environment, parameters: Parameters, _: &Surface<'_>) -> Result<DeleteResult, Report> {
    let within = within(parameters.collection.as_deref())?;
    let mut entities = open(environment)?;
    let found = entities.find(within, &parameters.entity)?;
    let key = key(environment)?;
    let entry =
        entities.write(&author(&key), |batch| batch.delete(found.collection, &found.id, expect(parameters.if_revision)))?;
    Ok(DeleteResult { collection: found.collection.name.into(), id: found.id, entry: EntryView::from(&entry) })
}
