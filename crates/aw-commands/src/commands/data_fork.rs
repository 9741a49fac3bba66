//! `data/fork`: makes a new recipe of one that is there.

use aw_alloy::text::{Node, json};
use aw_store::entities::{COLLECTIONS, Change, Expect, Notation};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::data_rules::{draft, parse};
use super::data_support::{EntityView, author, key, open, within};
use crate::environment::Environment;
use crate::exit::ExitCode;
use crate::registry::{About, Command, Example, Outcome, Reach, Surface};
use crate::report::Report;

pub(super) fn command() -> Command {
    let about = About {
        name: "data/fork",
        summary: "Makes a new recipe of one that is there",
        details: "The new recipe has an id of its own, names the other in `parentRecipeId` and keeps its version. It is written as JSON, so comments of \
                  a YAML recipe stay with the other. Get it with `data get --out`, change it, and put it back with `data upsert`. Artifacts \
                  are not forked: they are what a run made.",
        reach: Reach::Local,
        examples: &[Example { what: "a recipe under another name", line: "data fork tiny-moe --name tiny-moe-wide" }],
        exit_codes: &[ExitCode::Ok, ExitCode::Refused, ExitCode::Environment],
    };
    Command::new(about, run)
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    /// The recipe's id, or its name where no other has it.
    #[schemars(extend("x-position" = 1))]
    entity: String,
    /// Only in this collection.
    collection: Option<String>,
    /// The new recipe's name; the same when not given.
    name: Option<String>,
}

/// A recipe that was made of another.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ForkResult {
    /// The new recipe.
    pub entity: EntityView,
    /// The id of the other.
    pub parent: String,
}

impl Outcome for ForkResult {}

fn run(environment: &Environment, parameters: Parameters, _: &Surface<'_>) -> Result<ForkResult, Report> {
    let within = within(parameters.collection.as_deref())?;
    let mut entities = open(environment)?;
    let found = entities.find(within, &parameters.entity)?;
    if !found.collection.forks {
        let forkable: Vec<&str> = COLLECTIONS.iter().filter(|it| it.forks).map(|it| it.name).collect();
        let message = format!("{} `{}` cannot be forked; {} can", found.collection.singular, found.id, forkable.join(", "));
        let report = Report::new(ExitCode::Refused, "cannot-fork", message);
        return Err(match found.facts.get("recipeId") {
            Some(recipe) => report.hint(format!("fork the recipe it was made with: `alloyworks data fork {recipe}`")),
            None => report.hint("put another document with an id of its own with `alloyworks data upsert`"),
        });
    }
    let (parent, bytes) = entities.get(found.collection, &found.id)?;
    let refuse = |problems| Report::problems(ExitCode::Refused, "document-refused", "the fork is refused for", None, problems);
    let mut node = parse(&bytes, parent.notation).map_err(|problem| refuse(vec![problem]))?;
    let object = node.as_object_mut().ok_or_else(|| Report::bug("a recipe that is kept is no object"))?;
    object.insert("id", new_id()?);
    object.insert("parentRecipeId", parent.id.as_str());
    if let Some(name) = &parameters.name {
        object.insert("name", name.as_str());
    }
    let text = format!("{}\n", json::publish(&node));
    // Read anew: what is checked is what is kept.
    let node: Node = parse(text.as_bytes(), Notation::Json).map_err(Report::bug)?;
    let mut draft = draft(found.collection, node, Notation::Json, text.into_bytes(), environment.registry()).map_err(refuse)?;
    draft.facts.insert("parent".into(), parent.id.clone());
    let key = key(environment)?;
    let put = entities.write(&author(&key), |batch| batch.put(found.collection, &draft, Expect::Revision(0), Change::Fork))?;
    Ok(ForkResult { entity: EntityView::from(&put.entity), parent: parent.id })
}

/// A UUID of version 4 (RFC 9562 section 5.4).
fn new_id() -> Result<String, Report> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| {
        Report::new(ExitCode::Environment, "randomness", format!("the operating system gives no randomness: {error}"))
    })?;
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex = aw_alloy::digest::to_hex(&bytes);
    Ok([&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-"))
}

#[cfg(test)]
mod tests {
    use aw_store::entities::IdRule;

    #[test]
    fn ids_are_uuids_of_version_4_and_differ() {
        let (one, other) = (super::new_id().expect("randomness"), super::new_id().expect("randomness"));
        assert!(IdRule::Uuid.accepts(&one), "{one}");
        assert_eq!((&one[14..15], one == other), ("4", false));
        assert!("89ab".contains(&one[19..20]), "{one}");
    }
}
