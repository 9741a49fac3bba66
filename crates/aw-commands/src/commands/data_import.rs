//! `data/import`: takes in a document that another program made.

use std::path::{Path, PathBuf};

use aw_alloy::artifact::Artifact;
use aw_alloy::digest::ContentId;
use aw_alloy::document::Document;
use aw_store::entities::{Batch, Change, Draft, EntitiesError, Expect, IdRule, Notation, Put, collection};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::data_project::{Place, Projected, project, text};
use super::data_rules::{plain, recipe_draft};
use super::data_support::{EntityView, author, in_file, key, open};
use crate::environment::Environment;
use crate::exit::ExitCode;
use crate::recipe_file::read_bounded;
use crate::registry::{About, Command, Example, Outcome, Reach, Surface};
use crate::report::Report;

pub(super) fn command() -> Command {
    let about = About {
        name: "data/import",
        summary: "Takes in a document that another program made",
        details: "An alloy document that tells of a run becomes two entities: the recipe in it, and an artifact that keeps the document to the byte \
                  and names that recipe. One that tells of none becomes a recipe. The answer says where every member went. The recipe's `state` is \
                  `valid` when it can be run here, `declared` when it keeps to the format and asks for what this program cannot run, and `draft` \
                  when it breaks the format, with what is against it. What was imported before stays as it is.",
        reach: Reach::Local,
        examples: &[Example { what: "a published document", line: "data import olmoe.alloy.json" }],
        exit_codes: &[ExitCode::Ok, ExitCode::Refused, ExitCode::Environment],
    };
    Command::new(about, run)
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    /// The document.
    #[schemars(extend("x-position" = 1))]
    document: PathBuf,
}

/// What became of a document.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportResult {
    /// SHA-256 of the document's bytes.
    pub document: String,
    /// The recipe in it.
    pub recipe: ImportedView,
    /// The artifact; absent when the document tells of no run.
    pub artifact: Option<ImportedView>,
    /// Members that are in the recipe.
    pub in_recipe: Vec<String>,
    /// Members that only a run can know; they are in the artifact alone.
    pub in_artifact: Vec<String>,
    /// Members that recipes have no place for; the original document has them.
    pub no_place: Vec<String>,
    /// Members that are `null`, which says nothing; the original document has them.
    pub nulls: Vec<String>,
    /// What is wrong with the recipe by the format, when it is a draft.
    pub problems: Vec<String>,
    /// What stands against running the recipe here, when it cannot.
    pub cannot_run: Vec<String>,
}

/// An entity that was taken in.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportedView {
    /// The entity.
    pub entity: EntityView,
    /// Whether it is new; false when it was there already and stays as it was.
    pub new: bool,
}

impl Outcome for ImportResult {}

fn run(environment: &Environment, parameters: Parameters, _: &Surface<'_>) -> Result<ImportResult, Report> {
    let path = parameters.document.as_path();
    let bytes = read_bounded(path, "document")?;
    if Artifact::read(&bytes).is_ok() {
        let report =
            Report::new(ExitCode::Refused, "ours", "the document is an artifact of this program, nothing is to be taken apart");
        return Err(report
            .at(in_file(path))
            .hint(format!("put it among the entities with `alloyworks data upsert {}`", path.display())));
    }
    let refuse =
        |problems| Report::problems(ExitCode::Refused, "document-refused", "the document is refused for", Some(path), problems);
    let document = Document::read(&bytes).map_err(refuse)?;
    let projected = project(&document, environment.registry()).map_err(refuse)?;
    let recipe = recipe_entity(&projected, &document).map_err(refuse)?;
    let artifact = document.is_artifact().then(|| artifact_entity(&document, &recipe)).transpose().map_err(refuse)?;
    let original = original(&projected, &document, &recipe).map_err(refuse)?;

    let key = key(environment)?;
    let mut entities = open(environment)?;
    let (recipe, artifact) = entities.write::<_, Report>(&author(&key), |batch| {
        let recipe = take_in(batch, "recipes", original.as_ref(), &recipe)?;
        let artifact = artifact.map(|artifact| take_in(batch, "artifacts", None, &artifact)).transpose()?;
        Ok((recipe, artifact))
    })?;

    let placed =
        |place: Place| projected.places.iter().filter(move |(_, it)| *it == place).map(|(path, _)| path.clone()).collect();
    Ok(ImportResult {
        document: document.file_hash().to_string(),
        recipe: ImportedView::of(&recipe),
        artifact: artifact.as_ref().map(ImportedView::of),
        in_recipe: placed(Place::Recipe),
        in_artifact: placed(Place::Artifact),
        no_place: placed(Place::Nowhere),
        nulls: placed(Place::Null),
        problems: projected.problems.iter().map(ToString::to_string).collect(),
        cannot_run: projected.recipe.err().unwrap_or_default().iter().map(ToString::to_string).collect(),
    })
}

impl ImportedView {
    fn of(put: &Put) -> Self {
        Self { entity: EntityView::from(&put.entity), new: put.change.is_some() }
    }
}

fn recipe_entity(projected: &Projected, document: &Document) -> Result<Draft, Vec<aw_alloy::text::Problem>> {
    let bytes = if projected.whole { document.to_bytes().to_vec() } else { text(&projected.node) };
    let mut draft = match &projected.recipe {
        Ok(recipe) => recipe_draft(recipe, Notation::Json, bytes)?,
        Err(_) => {
            let mut draft = plain(projected.id.clone(), document.name().into(), &projected.node, Notation::Json, bytes)?;
            let state = if projected.problems.is_empty() { "declared" } else { "draft" };
            draft.facts.insert("state".into(), state.into());
            draft
        }
    };
    draft.facts.insert("origin".into(), "imported".into());
    Ok(draft)
}

fn artifact_entity(document: &Document, recipe: &Draft) -> Result<Draft, Vec<aw_alloy::text::Problem>> {
    // Published documents share names and versions between different bytes: the bytes are what tells them apart.
    let stated = document.node().get("id").and_then(aw_alloy::text::Node::as_str).filter(|id| IdRule::Uuid.accepts(id));
    let id = stated.map_or_else(|| ContentId::of(&document.file_hash()).to_string(), str::to_owned);
    let mut draft = plain(id, document.name().into(), document.node(), Notation::Json, document.to_bytes().to_vec())?;
    draft.facts.insert("origin".into(), "imported".into());
    draft.facts.insert("recipeId".into(), recipe.id.clone());
    if let Some(version) = recipe.facts.get("version") {
        draft.facts.insert("recipeVersion".into(), version.clone());
    }
    Ok(draft)
}

/// The document itself as the recipe's first revision, where nothing else keeps its bytes.
fn original(projected: &Projected, document: &Document, recipe: &Draft) -> Result<Option<Draft>, Vec<aw_alloy::text::Problem>> {
    if projected.whole || document.is_artifact() {
        return Ok(None);
    }
    let mut draft =
        plain(recipe.id.clone(), document.name().into(), document.node(), Notation::Json, document.to_bytes().to_vec())?;
    draft.facts.insert("origin".into(), "imported".into());
    draft.facts.insert("state".into(), "draft".into());
    Ok(Some(draft))
}

/// Puts what is not there yet. What is there may have been changed since, and is not touched.
fn take_in(batch: &mut Batch<'_>, name: &str, original: Option<&Draft>, draft: &Draft) -> Result<Put, EntitiesError> {
    let collection = collection(name)?;
    if let Some(entity) = batch.current(collection, &draft.id)? {
        return Ok(Put { entity, change: None });
    }
    if let Some(original) = original {
        batch.put(collection, original, Expect::Any, Change::Import)?;
    }
    let put = batch.put(collection, draft, Expect::Any, Change::Import)?;
    Ok(Put { change: Some(Change::Import), ..put })
}

/// Records a finished run: its recipe, with the bytes of its file where that still says the same, and its artifact.
pub(super) fn record(
    environment: &Environment,
    recipe: &aw_alloy::recipe::Recipe,
    file: &Path,
    artifact: &Artifact,
    key: &aw_alloy::keys::SecretKey,
) -> Result<(), Report> {
    use super::data_rules::{Input, artifact_draft, recipe_notation};
    let as_it_is = Input::read(file).ok().filter(|input| {
        let read = aw_alloy::recipe::Recipe::read(&input.bytes, recipe_notation(input.notation), environment.registry());
        read.is_ok_and(|read| read.digest() == recipe.digest())
    });
    let (notation, bytes) = match as_it_is {
        Some(input) => (input.notation, input.bytes),
        None => (Notation::Json, text(recipe.node())),
    };
    let bug = |problems: Vec<aw_alloy::text::Problem>| {
        Report::problems(ExitCode::Bug, "bug", "this is a bug: what ran has", Some(file), problems)
    };
    let recipe = recipe_draft(recipe, notation, bytes).map_err(bug)?;
    let artifact = artifact_draft(artifact, artifact.to_bytes()).map_err(bug)?;
    let recorded: Result<(), EntitiesError> = open(environment)?.write(&author(key), |batch| {
        let recipes = collection("recipes")?;
        // What a recipe is said to be beside its document stays.
        let known = batch.current(recipes, &recipe.id)?.is_some_and(|entity| entity.digest == recipe.digest);
        if !known {
            batch.put(recipes, &recipe, Expect::Any, Change::Create)?;
        }
        batch.put(collection("artifacts")?, &artifact, Expect::Any, Change::Create)?;
        Ok(())
    });
    Ok(recorded?)
}
