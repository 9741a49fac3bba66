//! `data/list`: lists and searches entities.

use aw_store::entities::Query;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::data_support::{EntityView, fact, open, within};
use crate::environment::Environment;
use crate::exit::ExitCode;
use crate::registry::{About, Command, Example, Outcome, Reach, Surface};
use crate::report::Report;

/// Entities on a page when nobody says how many.
const LIMIT: u32 = 50;

pub(super) fn command() -> Command {
    let about = About {
        name: "data/list",
        summary: "Lists entities, newest first, and searches them",
        details: "`--search` finds what has all the words, anywhere in name, summary, description, tags or text of the document; they are plain \
                  words, whole and in any case, and no sign in them means anything. `--where` keeps what has a fact exactly: `architecture`, \
                  `baseModel`, `license`, `author`, `version`, `domain`, `recipeId`, `recipeVersion`, `parent`, `origin` (`authored`, `imported`, \
                  `forged`), `state`, `type`, `metric`, `outcome`, `algorithm`, `owner`. A page ends with what `--after` takes for the next one; \
                  what is there while one turns pages is on exactly one of them.",
        reach: Reach::Local,
        examples: &[
            Example { what: "everything", line: "data list" },
            Example {
                what: "artifacts of one architecture",
                line: "data list --collection artifacts --where architecture=olmoe",
            },
            Example {
                what: "what was made with a recipe",
                line: "data list --where recipeId=00000000-0000-8000-8000-000000000000",
            },
            Example { what: "by words", line: "data list --search \"expert pruning\" --limit 10" },
        ],
        exit_codes: &[ExitCode::Ok, ExitCode::Environment],
    };
    Command::new(about, run)
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    /// Only this collection: `recipes`, `artifacts`, `corpora`, `baselines` or `keys`.
    collection: Option<String>,
    /// Only what has all these words.
    #[schemars(extend("x-value-name" = "TEXT"))]
    search: Option<String>,
    /// Only what has this fact, as in `architecture=olmoe`; several must all hold.
    #[serde(default, rename = "where")]
    #[schemars(extend("x-value-name" = "FIELD=VALUE"))]
    facts: Vec<String>,
    /// At most so many; 50 when not given.
    #[schemars(range(min = 1, max = 1000), extend("x-value-name" = "N"))]
    limit: Option<u32>,
    /// Only what comes after this place in the list: `next` of the page before.
    #[schemars(extend("x-value-name" = "PLACE"))]
    after: Option<String>,
}

/// A page of entities.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListResult {
    /// The entities.
    pub entities: Vec<EntityView>,
    /// Where the next page starts; `null` on the last one.
    pub next: Option<String>,
}

impl Outcome for ListResult {}

fn run(environment: &Environment, parameters: Parameters, _: &Surface<'_>) -> Result<ListResult, Report> {
    let query = Query {
        collection: within(parameters.collection.as_deref())?,
        words: parameters.search,
        facts: parameters.facts.iter().map(|text| fact(text)).collect::<Result<_, _>>()?,
        after: parameters.after,
        limit: parameters.limit.unwrap_or(LIMIT),
    };
    let page = open(environment)?.list(&query)?;
    Ok(ListResult { entities: page.entities.iter().map(EntityView::from).collect(), next: page.next })
}
