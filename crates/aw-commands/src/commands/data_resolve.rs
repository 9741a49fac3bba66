//! `data/resolve`: whether the recipe an artifact names is there, at the version it names.

use aw_store::entities::{EntitiesError, collection};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::data_support::open;
use crate::environment::Environment;
use crate::exit::ExitCode;
use crate::registry::{About, Command, Example, Outcome, Reach, Surface};
use crate::report::Report;

pub(super) fn command() -> Command {
    let about = About {
        name: "data/resolve",
        summary: "Says whether the recipe an artifact names is there",
        details: "An artifact names its recipe and the recipe's version. It resolves when that recipe is among the entities and has a revision with \
                  that version. What does not resolve cannot be shipped.",
        reach: Reach::Local,
        examples: &[Example { what: "the recipe of an artifact", line: "data resolve tiny-moe" }],
        exit_codes: &[ExitCode::Ok, ExitCode::No, ExitCode::Environment],
    };
    Command::new(about, run)
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    /// The artifact's id, or its name where no other artifact has it.
    #[schemars(extend("x-position" = 1))]
    artifact: String,
}

/// Whether a recipe is there.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResolveResult {
    /// The artifact's id.
    pub artifact: String,
    /// The recipe it names.
    pub recipe_id: Option<String>,
    /// The version it names.
    pub recipe_version: Option<String>,
    /// Whether that is there.
    pub resolves: bool,
    /// The recipe's last revision with that version.
    pub revision: Option<u64>,
    /// SHA-256 of the RFC 8785 form of that revision.
    pub digest: Option<String>,
    /// What one should know about it: why it does not resolve, or that the version had several documents.
    pub remarks: Vec<String>,
}

impl Outcome for ResolveResult {
    fn exit_code(&self) -> ExitCode {
        if self.resolves { ExitCode::Ok } else { ExitCode::No }
    }
}

fn run(environment: &Environment, parameters: Parameters, _: &Surface<'_>) -> Result<ResolveResult, Report> {
    let entities = open(environment)?;
    let artifact = entities.find(Some(collection("artifacts")?), &parameters.artifact)?;
    let fact = |field: &str| artifact.facts.get(field).cloned();
    let (recipe_id, recipe_version) = (fact("recipeId"), fact("recipeVersion"));
    let mut result = ResolveResult {
        artifact: artifact.id.clone(),
        recipe_id,
        recipe_version,
        resolves: false,
        revision: None,
        digest: None,
        remarks: Vec::new(),
    };
    let (Some(id), Some(version)) = (&result.recipe_id, &result.recipe_version) else {
        result.remarks.push("the artifact names no recipe and version".into());
        return Ok(result);
    };
    match entities.resolve_recipe(id, version) {
        Ok(found) => {
            result.resolves = true;
            result.revision = Some(found.revision);
            result.digest = Some(found.digest.to_string());
            if found.variants > 1 {
                result.remarks.push(format!("{} different documents had version {version}; this is the last", found.variants));
            }
        }
        Err(error @ (EntitiesError::NotFound { .. } | EntitiesError::Deleted { .. } | EntitiesError::NoVersion { .. })) => {
            result.remarks.push(error.to_string());
        }
        Err(error) => return Err(error.into()),
    }
    Ok(result)
}
