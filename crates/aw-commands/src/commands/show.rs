//! `forge/show`: what a recipe or an artifact says, for people.

use std::path::{Path, PathBuf};

use aw_alloy::artifact::{ARTIFACT_SUFFIX, Artifact};
use aw_alloy::chain::Link;
use aw_alloy::coverage::{Coverage, score};
use aw_alloy::document::Document;
use aw_alloy::gates::Evidence;
use aw_alloy::recipe::Recipe;
use aw_alloy::text::Node;
use aw_domain::{Executor, Registry, StageLookup};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::environment::Environment;
use crate::exit::ExitCode;
use crate::measured::{Benchmark, Table, benchmarks, tables};
use crate::recipe_file;
use crate::registry::{About, Command, Example, Outcome, Reach, Surface};
use crate::report::{Place, Report};

pub(super) fn command() -> Command {
    let about = About {
        name: "forge/show",
        summary: "Shows what a recipe, an artifact or an alloy document of any origin says",
        details: "A recipe: its source and stages. An artifact: its chain, its results, its signer, and what of its making carries evidence. Nothing is verified: `verify` does that. \
                  `--card` gives the artifact's card, rendered anew from the document.",
        reach: Reach::Local,
        examples: &[
            Example { what: "an artifact's chain and results", line: "show ./compact-1.0.0" },
            Example { what: "its card", line: "show ./compact-1.0.0 --card" },
            Example { what: "a recipe", line: "show recipes/tiny-moe/compact.yaml" },
        ],
        exit_codes: &[ExitCode::Ok, ExitCode::Refused, ExitCode::Unknown, ExitCode::Environment],
    };
    Command::new(about, run)
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    /// An artifact's folder, its document (`*.alloy.json`), or a recipe (`.yaml`, `.yml`, `.json`).
    #[schemars(extend("x-position" = 1))]
    path: PathBuf,
    /// Render the artifact's card.
    #[serde(default)]
    card: bool,
}

/// What a document says.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase", rename_all_fields = "camelCase")]
pub enum ShowResult {
    /// A recipe.
    Recipe(Box<RecipeView>),
    /// An artifact.
    Artifact(Box<ArtifactView>),
    /// A document of another program, which has no chain.
    Document(Box<DocumentView>),
    /// An artifact's card.
    Card {
        /// Markdown.
        text: String,
    },
}

impl Outcome for ShowResult {}

/// A recipe in short.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecipeView {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its id.
    pub id: String,
    /// Its digest: equal for equal recipes, whatever their notation.
    pub digest: String,
    /// The domains it uses.
    pub domains: Vec<String>,
    /// What it is for.
    pub summary: Option<String>,
    /// What it transforms.
    pub source: String,
    /// What kind of thing that is.
    pub architecture: String,
    /// Repetitions of the transform stages.
    pub cycles: u32,
    /// Its stages.
    pub stages: Vec<RecipeStageView>,
    /// What is measured.
    pub benchmarks: Vec<String>,
    /// What the result cannot do.
    pub limitations: Vec<String>,
    /// Licence of the result.
    pub license: Option<String>,
}

/// A recipe's stage.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecipeStageView {
    /// The stage type.
    pub stage: String,
    /// Its configuration.
    pub configuration: Value,
    /// The author's words on it.
    pub notes: Option<String>,
    /// Whether it runs here.
    pub runs_here: bool,
}

/// An artifact in short, as its document has it. Nothing of it is verified.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ArtifactView {
    /// Its document.
    pub document: PathBuf,
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: String,
    /// Id of its recipe.
    pub recipe_id: Option<String>,
    /// Version of its recipe.
    pub recipe_version: Option<String>,
    /// When the run started.
    pub forged_at: Option<String>,
    /// What it is for.
    pub summary: Option<String>,
    /// What it was made from.
    pub source: Option<String>,
    /// Root of the source's tree.
    pub source_root: String,
    /// Size of the source, in bytes.
    pub source_bytes: u64,
    /// Its chain.
    pub links: Vec<LinkView>,
    /// Root of its files.
    pub output: String,
    /// Results that were measured.
    pub benchmarks: Vec<Benchmark>,
    /// Tables that stages measured.
    #[serde(default)]
    pub tables: Vec<Table>,
    /// What of its making carries evidence.
    pub coverage: Coverage,
    /// The public key it claims to be sealed with.
    pub claimed_signer: Option<String>,
    /// What it cannot do.
    pub limitations: Vec<String>,
}

/// A document of another program in short. Nothing of it is verified.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DocumentView {
    /// The document.
    pub document: PathBuf,
    /// Its name.
    pub name: String,
    /// Its version, which does not identify its bytes.
    pub version: Option<String>,
    /// SHA-256 of its bytes, which does.
    pub file_hash: String,
    /// Who published it.
    pub author: Option<String>,
    /// What it is for.
    pub summary: Option<String>,
    /// What it was made from.
    pub source: Option<String>,
    /// Its stage types, in order.
    pub stages: Vec<String>,
    /// Whether it tells of a run.
    pub has_results: bool,
    /// How much trust it claims.
    pub trust_level: Option<String>,
    /// Results that were measured.
    pub benchmarks: Vec<Benchmark>,
    /// What of its making carries evidence.
    pub coverage: Coverage,
    /// What it cannot do.
    pub limitations: Vec<String>,
}

/// A link of an artifact's chain.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LinkView {
    /// Position in the chain, from 0.
    pub index: u32,
    /// The stage type.
    pub stage: String,
    /// Which repetition, from 1.
    pub cycle: u32,
    /// Files it wrote.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
    /// How long it took, in seconds.
    pub seconds: Option<f64>,
    /// The most memory it took, in bytes, where it ran in a process of its own.
    pub peak_memory_bytes: Option<u64>,
    /// Root of the tree after it.
    pub output: String,
}

fn run(environment: &Environment, parameters: Parameters, _: &Surface<'_>) -> Result<ShowResult, Report> {
    let path = &parameters.path;
    let is_document = |path: &Path| path.to_string_lossy().ends_with(ARTIFACT_SUFFIX);
    if !path.is_dir() && !is_document(path) {
        let (recipe, _) = recipe_file::read(path, environment.registry())?;
        if parameters.card {
            let message = "a recipe has no card; the artifact made from it has";
            return Err(Report::new(ExitCode::Usage, "no-card", message).hint("name an artifact's folder or document"));
        }
        return Ok(ShowResult::Recipe(Box::new(RecipeView::of(&recipe, environment.registry()))));
    }
    let document = if path.is_dir() { document_in(path)? } else { path.clone() };
    let bytes = recipe_file::read_bounded(&document, "artifact")?;
    let read = Document::read(&bytes).map_err(|problems| {
        Report::problems(ExitCode::Refused, "document-refused", "the document is refused for", Some(&document), problems)
    })?;
    if read.node().get("chain").is_none_or(Node::is_null) {
        if parameters.card {
            let message = "a card is rendered from an artifact's chain, and this document has none";
            return Err(Report::new(ExitCode::Refused, "no-card", message));
        }
        return Ok(ShowResult::Document(Box::new(DocumentView::of(&read, document))));
    }
    let artifact = Artifact::read(&bytes).map_err(|error| {
        let place = Place { file: Some(document.display().to_string()), ..Place::default() };
        Report::from_error(ExitCode::Refused, "not-an-artifact", &error).at(place)
    })?;
    if parameters.card {
        return card(environment.registry(), &artifact).map(|text| ShowResult::Card { text });
    }
    Ok(ShowResult::Artifact(Box::new(ArtifactView::of(&artifact, document))))
}

pub(super) fn document_in(folder: &Path) -> Result<PathBuf, Report> {
    let read = |error: std::io::Error| {
        let message = format!("`{}` cannot be read: {error}", folder.display());
        Report::new(ExitCode::Environment, "read", message)
    };
    let mut documents = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(read)? {
        let path = entry.map_err(read)?.path();
        if path.to_string_lossy().ends_with(ARTIFACT_SUFFIX) {
            documents.push(path);
        }
    }
    match documents.as_slice() {
        [document] => Ok(document.clone()),
        _ => Err(aw_foundry::VerifyError::Documents { folder: folder.to_owned(), found: documents.len() }.into()),
    }
}

fn card(registry: &Registry, artifact: &Artifact) -> Result<String, Report> {
    let card = registry.card(artifact).map_err(|error| Report::from_error(ExitCode::Refused, "unknown-domain", &error))?;
    card.ok_or_else(|| Report::new(ExitCode::Refused, "no-card", "no domain of this artifact renders a card"))
}

fn texts(node: Option<&Node>) -> Vec<String> {
    node.and_then(Node::as_array).unwrap_or_default().iter().filter_map(Node::as_str).map(str::to_owned).collect()
}

impl RecipeView {
    fn of(recipe: &Recipe, registry: &Registry) -> Self {
        let root = recipe.root();
        let runs_here = |name: &str| match registry.stage(recipe.domains(), name) {
            StageLookup::Found(stage) => matches!(stage.executor, Executor::Here(_)),
            _ => false,
        };
        let stage = |stage: &aw_alloy::recipe::RecipeStage| RecipeStageView {
            stage: stage.name.clone(),
            configuration: stage.config.clone(),
            notes: stage.notes.clone(),
            runs_here: runs_here(&stage.name),
        };
        Self {
            name: root.name.clone(),
            version: root.version.clone(),
            id: recipe.id(),
            digest: recipe.digest().to_string(),
            domains: recipe.domains().to_vec(),
            summary: root.user_summary.clone().or_else(|| Some(root.description.clone()).filter(|text| !text.is_empty())),
            source: root.source.base_model.clone(),
            architecture: root.source.architecture.clone(),
            cycles: root.cycles,
            stages: recipe.stages().iter().map(stage).collect(),
            benchmarks: root.evaluation_benchmarks.iter().map(|benchmark| benchmark.name.clone()).collect(),
            limitations: root.limitations.clone(),
            license: root.license.clone(),
        }
    }
}

impl ArtifactView {
    fn of(artifact: &Artifact, document: PathBuf) -> Self {
        let text = |path: &str| artifact.text(path).map(str::to_owned);
        let chain = artifact.chain();
        Self {
            document,
            name: artifact.name().to_owned(),
            id: artifact.id().to_string(),
            recipe_id: text("recipeId"),
            recipe_version: text("recipeVersion"),
            forged_at: text("forgedAt"),
            summary: text("userSummary"),
            source: text("source.baseModel"),
            source_root: chain.source.root.to_string(),
            source_bytes: chain.source.files.bytes(),
            links: chain.links.iter().map(LinkView::of).collect(),
            output: artifact.output().to_string(),
            benchmarks: benchmarks(artifact.node()),
            tables: tables(&chain.links),
            coverage: score(artifact.node(), &Evidence::default()),
            claimed_signer: artifact.seal_member().map(|seal| seal.signature.public_key),
            limitations: texts(artifact.node().get("limitations")),
        }
    }
}

impl DocumentView {
    fn of(document: &Document, path: PathBuf) -> Self {
        let node = document.node();
        let at = |path: &[&str]| path.iter().try_fold(node, |node, name| node.get(name))?.as_str().map(str::to_owned);
        let stages = node.get("stages").and_then(Node::as_array).unwrap_or_default();
        let stage = |stage: &Node| stage.get("type").and_then(Node::as_str).unwrap_or("without a type").to_owned();
        Self {
            document: path,
            name: document.name().to_owned(),
            version: at(&["version"]),
            file_hash: document.file_hash().to_string(),
            author: at(&["author"]),
            summary: at(&["userSummary"]).or_else(|| at(&["description"])).filter(|text| !text.is_empty()),
            source: at(&["source", "baseModel"]).or_else(|| at(&["source", "target", "baseModel"])),
            stages: stages.iter().map(stage).collect(),
            has_results: document.has_results(),
            trust_level: at(&["integrity", "trustLevel"]).or_else(|| at(&["results", "integrity", "trustLevel"])),
            benchmarks: benchmarks(node),
            coverage: score(node, &Evidence::default()),
            limitations: texts(node.get("limitations")),
        }
    }
}

impl LinkView {
    fn of(link: &Link) -> Self {
        Self {
            index: link.index,
            stage: link.stage_type.clone(),
            cycle: link.cycle,
            files: link.writes.len(),
            bytes: link.writes.iter().map(|entry| entry.bytes).sum(),
            seconds: link.observations["seconds"].as_f64(),
            peak_memory_bytes: link.observations["peakMemoryBytes"].as_u64(),
            output: link.output.to_string(),
        }
    }
}
