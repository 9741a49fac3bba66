//! `data/upsert`: puts a document among the entities.

use std::path::PathBuf;

use aw_store::entities::Change;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::data_rules::Input;
use super::data_support::{EntityView, author, expect, key, open, within};
use crate::environment::Environment;
use crate::exit::ExitCode;
use crate::registry::{About, Command, Example, Outcome, Reach, Surface};
use crate::report::Report;

pub(super) fn command() -> Command {
    let about = About {
        name: "data/upsert",
        summary: "Puts a document among the entities, or its next revision",
        details: "What it is follows from its content; it is checked as strictly as that kind is anywhere. An entity is known by the id its document \
                  states: the same id again is its next revision, and the one before stays in its history. A recipe that states no `id` has one made \
                  from its content, so when it changes it is another recipe. The same document again changes nothing.",
        reach: Reach::Local,
        examples: &[
            Example { what: "a recipe", line: "data upsert recipe.yaml" },
            Example { what: "only if nobody changed it since revision 3", line: "data upsert recipe.yaml --if-revision 3" },
            Example { what: "only if it is new", line: "data upsert recipe.yaml --if-revision 0" },
        ],
        exit_codes: &[ExitCode::Ok, ExitCode::Refused, ExitCode::Environment],
    };
    Command::new(about, run)
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    /// The document: a `.json`, `.yaml` or `.yml` file.
    #[schemars(extend("x-position" = 1))]
    file: PathBuf,
    /// Its collection, when its content does not say: `recipes`, `artifacts`, `corpora`, `baselines` or `keys`.
    collection: Option<String>,
    /// The revision it replaces; 0 when it must be new. Any when not given.
    #[schemars(extend("x-value-name" = "N"))]
    if_revision: Option<u64>,
}

/// What became of a document.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpsertResult {
    /// The entity as it is now.
    pub entity: EntityView,
    /// What was entered into history; `null` when nothing had changed.
    pub change: Option<String>,
    /// What one should know about it.
    pub remarks: Vec<String>,
}

impl Outcome for UpsertResult {}

fn run(environment: &Environment, parameters: Parameters, _: &Surface<'_>) -> Result<UpsertResult, Report> {
    let named = within(parameters.collection.as_deref())?;
    let input = Input::read(&parameters.file)?;
    let collection = match named {
        Some(collection) => collection,
        None => input.collection()?,
    };
    let states_id = input.node.get("id").is_some();
    let draft = input.draft(collection, environment.registry())?;
    let key = key(environment)?;
    let mut entities = open(environment)?;
    let put =
        entities.write(&author(&key), |batch| batch.put(collection, &draft, expect(parameters.if_revision), Change::Create))?;
    let mut remarks = Vec::new();
    if collection.name == "recipes" && !states_id {
        let id = &put.entity.id;
        remarks.push(format!("the recipe states no `id`; add `id: {id}` to it and its changes become revisions of this one"));
    }
    let change = put.change.map(|change| change.name().to_owned());
    Ok(UpsertResult { entity: EntityView::from(&put.entity), change, remarks })
}
