//! `forge/validate`: everything that is wrong with documents, and what is odd in them.

use std::path::{Path, PathBuf};

use aw_alloy::artifact::ARTIFACT_SUFFIX;
use aw_alloy::digest::Digest;
use aw_alloy::document::{Document, peculiarities, validate};
use aw_alloy::recipe::{Notation, Recipe};
use aw_alloy::text::Problem;
use aw_domain::Registry;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::exit::ExitCode;
use crate::recipe_file;
use crate::registry::{About, Command, Example, Outcome, Reach, Surface};
use crate::report::Report;

/// What older writers named their documents.
const OLDER_DOCUMENT: &str = "forge-alloy.json";

pub(super) fn command() -> Command {
    let about = About {
        name: "forge/validate",
        summary: "Says everything that is wrong with recipes and alloy documents, and what is odd in them",
        details: "Nothing is run and nothing is changed. A recipe (`.yaml`, `.yml`, `.json`) is held against what a run would demand of \
                  its text. A document of any origin (`.alloy.json`) is held against the format: types and ranges, stages and members of \
                  its domains, hashes, times, paths; unknown members are legal. Problems make the answer no; remarks, such as a \
                  placeholder in place of a hash or a claim without proof, do not.",
        reach: Reach::Local,
        examples: &[
            Example { what: "a recipe", line: "validate recipes/tiny-moe/compact.yaml" },
            Example { what: "documents of others, for a program", line: "validate --json first.alloy.json second.alloy.json" },
        ],
        exit_codes: &[ExitCode::Ok, ExitCode::No, ExitCode::Refused, ExitCode::Environment],
    };
    Command::new(about, run)
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    /// Recipes and documents.
    #[schemars(extend("x-position" = 1), length(min = 1))]
    file: Vec<PathBuf>,
    /// Read the files as this, whatever their names say.
    #[serde(rename = "as")]
    read_as: Option<ReadAs>,
}

/// What a file is read as.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum ReadAs {
    // A recipe that is to be run. No doc comments here: they would make a schema that no flag can stand for.
    Recipe,
    // An alloy document of any origin.
    Document,
}

/// What is wrong with files and what is odd in them.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ValidateResult {
    /// The files, as they were named.
    pub files: Vec<Validated>,
    /// Problems of all files together.
    pub problems: usize,
    /// Remarks on all files together.
    pub remarks: usize,
}

impl Outcome for ValidateResult {
    fn exit_code(&self) -> ExitCode {
        if self.problems == 0 { ExitCode::Ok } else { ExitCode::No }
    }
}

/// What is wrong with one file and what is odd in it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Validated {
    /// The file.
    pub file: PathBuf,
    /// What it is.
    pub kind: FileKind,
    /// Its name, when it can be read.
    pub name: Option<String>,
    /// Its version, when it can be read.
    pub version: Option<String>,
    /// SHA-256 of its bytes.
    pub file_hash: String,
    /// What is wrong, in the order of the text.
    pub problems: Vec<ProblemView>,
    /// What is odd and legal all the same, in the order of the text.
    pub remarks: Vec<ProblemView>,
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FileKind {
    /// A recipe that is to be run.
    Recipe,
    /// An alloy document that tells of no run: a recipe of another program, or text that cannot be read.
    Document,
    /// An alloy document that tells of a run.
    Artifact,
}

/// Something wrong or odd, at its place.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProblemView {
    /// Stable name of what it is, such as `out-of-range`.
    pub code: String,
    /// The member, such as `stages[2].level`; empty for the whole file.
    pub path: String,
    /// The line, from 1.
    pub line: Option<u32>,
    /// The column in characters, from 1.
    pub column: Option<u32>,
    /// What it is.
    pub message: String,
    /// What would put it right.
    pub hint: Option<String>,
}

impl From<Problem> for ProblemView {
    fn from(problem: Problem) -> Self {
        Self {
            code: problem.code.into(),
            path: problem.path,
            line: problem.at.map(|at| at.line),
            column: problem.at.map(|at| at.column),
            message: problem.message,
            hint: problem.hint,
        }
    }
}

fn run(environment: &Environment, parameters: Parameters, _: &Surface<'_>) -> Result<ValidateResult, Report> {
    let one = |path: PathBuf| validated(path, parameters.read_as, environment.registry());
    let files: Vec<Validated> = parameters.file.into_iter().map(one).collect::<Result<_, _>>()?;
    let count = |list: fn(&Validated) -> usize| files.iter().map(list).sum();
    let (problems, remarks) = (count(|file| file.problems.len()), count(|file| file.remarks.len()));
    Ok(ValidateResult { files, problems, remarks })
}

fn validated(path: PathBuf, read_as: Option<ReadAs>, registry: &Registry) -> Result<Validated, Report> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let by_name = || if name.ends_with(ARTIFACT_SUFFIX) || name == OLDER_DOCUMENT { ReadAs::Document } else { ReadAs::Recipe };
    match read_as.unwrap_or_else(by_name) {
        ReadAs::Recipe => recipe(path, read_as.is_some(), registry),
        ReadAs::Document => document(path, registry),
    }
}

fn recipe(path: PathBuf, said_so: bool, registry: &Registry) -> Result<Validated, Report> {
    // Who says that it is a recipe may name the file anything.
    let notation = match recipe_file::notation(&path) {
        Err(_) if said_so => notation_of(&path),
        other => other?,
    };
    let bytes = recipe_file::read_bounded(&path, "recipe")?;
    let read = Recipe::read(&bytes, notation, registry);
    let root = read.as_ref().ok().map(Recipe::root);
    Ok(Validated {
        kind: FileKind::Recipe,
        name: root.map(|root| root.name.clone()),
        version: root.map(|root| root.version.clone()),
        file_hash: Digest::of(&bytes).to_string(),
        problems: views(read.err().unwrap_or_default()),
        remarks: Vec::new(),
        file: path,
    })
}

fn notation_of(path: &Path) -> Notation {
    let is_json = path.extension().is_some_and(|suffix| suffix.eq_ignore_ascii_case("json"));
    if is_json { Notation::Json } else { Notation::Yaml }
}

fn document(path: PathBuf, registry: &Registry) -> Result<Validated, Report> {
    let bytes = recipe_file::read_bounded(&path, "document")?;
    let read = Document::read(&bytes);
    let document = read.as_ref().ok();
    let text = |name: &str| Some(document?.node().get(name)?.as_str()?.to_owned());
    let (name, version) = (text("name"), text("version"));
    let kind = if document.is_some_and(Document::is_artifact) { FileKind::Artifact } else { FileKind::Document };
    let remarks = document.map(peculiarities).unwrap_or_default();
    let problems = match read {
        Ok(document) => validate(&document, registry),
        Err(problems) => problems,
    };
    let file_hash = Digest::of(&bytes).to_string();
    Ok(Validated { file: path, kind, name, version, file_hash, problems: views(problems), remarks: views(remarks) })
}

fn views(problems: Vec<Problem>) -> Vec<ProblemView> {
    problems.into_iter().map(ProblemView::from).collect()
}
