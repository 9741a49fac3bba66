//! `line/add`: puts recipes on the line.

use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};

use aw_alloy::digest::Digest;
use aw_foundry::Foundry;
use aw_line::needs::{Estimate, Lack, Needs, estimate, lacks};
use aw_line::{NewPart, PartName, Root, Station, Turn};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{recipe, support};
use crate::environment::Environment;
use crate::exit::ExitCode;
use crate::machine::Memory;
use crate::registry::{About, Command, Example, Outcome, Reach, Surface};
use crate::report::{Place, Report};

/// Most recipes that are added at once.
const RECIPES_MAX: usize = 100_000;
/// Longest list of recipes that is read, in bytes.
const LIST_BYTES_MAX: u64 = 64 << 20;

pub(super) fn command() -> Command {
    let about = About {
        name: "line/add",
        summary: "Puts recipes on the line, after everything in them was checked",
        details: "Every recipe is read and planned first: what cannot be built, or does not fit this node, is refused here with the \
                  numbers. A folder stands for the recipes directly in it. The part's name is the recipe's name and version, and one \
                  of that name may be on the line once. What can be added is added; when anything was refused the answer is no. Parts \
                  that were added are on the disk when this returns.",
        reach: Reach::Local,
        examples: &[
            Example {
                what: "one recipe, several, or a folder of them",
                line: "line add recipes/tiny-moe/compact.yaml more/ --root line-1",
            },
            Example { what: "before everything that waits", line: "line add urgent.yaml --first" },
            Example { what: "those a file lists, a path a line", line: "line add --list wanted.txt" },
            Example { what: "would they fit, and how long would they take", line: "line add recipes/ --dry-run" },
        ],
        exit_codes: &[ExitCode::Ok, ExitCode::No, ExitCode::Refused, ExitCode::Environment],
    };
    Command::new(about, run).meaning(&[
        (ExitCode::No, "Some recipes were added and some refused; the answer says which and why."),
        (ExitCode::Refused, "Every recipe was refused; nothing was added."),
    ])
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    /// Recipes (`.yaml`, `.yml`, `.json`), parts of another line (`.alloy.json`), or folders of them.
    #[serde(default)]
    #[schemars(extend("x-position" = 1, "x-value-name" = "RECIPE"))]
    recipes: Vec<PathBuf>,
    /// A file with a path a line; `-` is standard input.
    #[schemars(extend("x-value-name" = "FILE"))]
    list: Option<PathBuf>,
    /// The line's folder; the working folder when not given.
    #[schemars(extend("x-value-name" = "FOLDER"))]
    root: Option<PathBuf>,
    /// What the part is called, when there is one alone.
    #[schemars(extend("x-value-name" = "NAME"))]
    name: Option<String>,
    /// Put them before everything that waits.
    #[serde(default)]
    first: bool,
    /// Ask nothing of any other machine: a model from the Hub is taken from the cache or not at all.
    #[serde(default)]
    offline: bool,
    /// Add nothing, and say what would be added and what refused.
    #[serde(default)]
    dry_run: bool,
}

/// What became of the recipes.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LineAddResult {
    /// The line's folder.
    pub root: PathBuf,
    /// Those that were added, in their order.
    pub added: Vec<AddedView>,
    /// Those that were not.
    pub refused: Vec<RefusedView>,
    /// Whether nothing was changed.
    pub dry_run: bool,
}

/// A recipe that was added.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AddedView {
    /// The part's name.
    pub part: String,
    /// The recipe's file.
    pub recipe: PathBuf,
    /// SHA-256 of the part.
    pub hash: String,
    /// What it needs.
    pub needs: Needs,
    /// How long it is expected to take.
    pub estimate: Estimate,
}

/// A recipe that was refused.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RefusedView {
    /// The recipe's file.
    pub recipe: PathBuf,
    /// A stable name of why, such as `recipe-refused`, `does-not-fit`, `duplicate-part`.
    pub code: String,
    /// Why.
    pub message: String,
    /// What it lacks on this node.
    pub lacks: Vec<Lack>,
    /// The single problems and what would put them right, a line each.
    pub details: Vec<String>,
}

impl Outcome for LineAddResult {
    fn exit_code(&self) -> ExitCode {
        match (self.added.is_empty(), self.refused.is_empty()) {
            (_, true) => ExitCode::Ok,
            (true, false) => ExitCode::Refused,
            (false, false) => ExitCode::No,
        }
    }
}

fn run(environment: &Environment, parameters: Parameters, surface: &Surface<'_>) -> Result<LineAddResult, Report> {
    let root = support::open(parameters.root.as_deref())?;
    let file = support::node_file(&root)?;
    let mut paths = parameters.recipes.clone();
    paths.extend(parameters.list.as_deref().map(listed).transpose()?.unwrap_or_default());
    if paths.is_empty() {
        return Err(support::wrong("recipes", "no recipe is named; name files or folders, or a list with `--list`".into()));
    }
    let recipes = found(&paths)?;
    if parameters.name.is_some() && recipes.len() != 1 {
        return Err(support::wrong("name", format!("a name is for one recipe, and {} are named", recipes.len())));
    }
    let node = support::surroundings(environment, &root, &file)?;
    let history = support::history(&root)?;
    let adder = Adder {
        environment,
        root: &root,
        node: &node,
        history: &history,
        limit: file.forge.memory_limit_bytes().or(Memory::now().default_limit()),
        offline: parameters.offline,
    };
    let mut result =
        LineAddResult { root: root.folder().to_owned(), added: Vec::new(), refused: Vec::new(), dry_run: parameters.dry_run };
    let (mut parts, mut views) = (Vec::new(), Vec::new());
    for path in &recipes {
        if (surface.cancelled)() {
            return Err(Report::new(ExitCode::Cancelled, "cancelled", "asked to stop; nothing was added"));
        }
        match adder.one(path, parameters.name.as_deref(), &views) {
            Ok((part, view)) => {
                parts.push(part);
                views.push(view);
            }
            Err(refused) => result.refused.push(*refused),
        }
    }
    if parameters.dry_run {
        result.added = views;
        return Ok(result);
    }
    let turn = if parameters.first { Turn::First } else { Turn::Last };
    let outcomes = root.enqueue(&parts, turn).map_err(support::line)?;
    for (view, outcome) in views.into_iter().zip(outcomes) {
        match outcome {
            Ok(()) => result.added.push(view),
            Err(error) => result.refused.push(RefusedView::of(&view.recipe, &support::line(error))),
        }
    }
    Ok(result)
}

struct Adder<'a> {
    environment: &'a Environment,
    root: &'a Root,
    node: &'a aw_line::needs::Node<'a>,
    history: &'a aw_line::needs::History,
    limit: Option<u64>,
    offline: bool,
}

impl Adder<'_> {
    /// Reads, plans and fits one recipe.
    fn one(&self, path: &Path, name: Option<&str>, coming: &[AddedView]) -> Result<(NewPart, AddedView), Box<RefusedView>> {
        let refused = |report: Report| Box::new(RefusedView::of(path, &report));
        let source = recipe::read_source(path, self.environment.registry()).map_err(refused)?;
        let stem = name.map_or_else(|| recipe::stem(&source.recipe), str::to_owned);
        let part = PartName::new(&stem).map_err(|error| refused(support::line(error.into())))?;
        let hash = Digest::of(&source.text).to_string();
        let taken = coming.iter().find(|view| view.part == stem).map(|view| format!("`{}`", view.recipe.display()));
        let stands = || -> Option<String> {
            let (station, found) = aw_line::find(self.root, &stem, &Station::ALL).ok()?;
            Some(format!("`{}` in {station}", found.file()))
        };
        if let Some(other) = taken.or_else(stands) {
            let message = format!("a part `{stem}` is there already: {other}");
            let hint = "`--name` gives it another name, and a changed recipe should have another version";
            return Err(refused(Report::new(ExitCode::Refused, "duplicate-part", message).hint(hint)));
        }
        let store = self.environment.store().map_err(refused)?;
        let foundry = Foundry { registry: self.environment.registry(), store: &store, offline: self.offline };
        let plan = aw_foundry::plan(foundry, source.recipe, &source.origin.folder, None)
            .map_err(|error| refused(Report::from_plan(error, path)))?;
        let needs = Needs::of(&plan);
        let estimate = estimate(&needs, &hash, self.history, self.node.file, self.root.folder());
        let mut lacking = lacks(&needs, &estimate, self.node);
        // Where the node file sets no limit, what is available now is what a stage would get.
        if lacking.is_empty() && self.limit.is_some_and(|limit| self.node.memory_bytes.is_none() && needs.memory_bytes > limit) {
            lacking.push(Lack {
                what: aw_line::needs::Resource::Memory,
                needed: number(needs.memory_bytes),
                there: number(self.limit.unwrap_or_default()),
                place: "the machine".into(),
            });
        }
        if !lacking.is_empty() {
            let told: Vec<String> = lacking.iter().map(ToString::to_string).collect();
            let report =
                Report::new(ExitCode::Refused, "does-not-fit", format!("it does not fit this node: {}", told.join("; ")));
            return Err(Box::new(RefusedView { lacks: lacking, ..*refused(report) }));
        }
        let view = AddedView { part: stem, recipe: path.to_owned(), hash, needs: needs.clone(), estimate: estimate.clone() };
        let origin = source.origin.with(&needs, &estimate).map_err(refused)?;
        Ok((NewPart { name: part, bytes: source.text, origin: Some(origin) }, view))
    }
}

#[expect(clippy::cast_precision_loss, reason = "a size that is shown")]
fn number(bytes: u64) -> f64 {
    bytes as f64
}

impl RefusedView {
    fn of(recipe: &Path, report: &Report) -> Self {
        let mut details: Vec<String> = Vec::new();
        for problem in &report.problems {
            let place = problem.place.as_ref();
            let at = place.map(|place| format!("{place}: ")).unwrap_or_default();
            let member = place.and_then(|place| place.member.as_ref()).map(|member| format!("`{member}`: ")).unwrap_or_default();
            details.push(format!("{at}{member}{}", problem.message));
            details.extend(problem.hints.iter().map(|hint| format!("hint: {hint}")));
        }
        details.extend(report.causes.iter().map(|cause| format!("because: {cause}")));
        details.extend(report.hints.iter().map(|hint| format!("hint: {hint}")));
        Self { recipe: recipe.to_owned(), code: report.code.clone(), message: report.message.clone(), lacks: Vec::new(), details }
    }
}

/// The paths that a list names.
fn listed(list: &Path) -> Result<Vec<PathBuf>, Report> {
    let told = |error: std::io::Error| {
        let place = Place { file: Some(list.display().to_string()), ..Place::default() };
        Report::new(ExitCode::Usage, "list", format!("the list cannot be read: {error}")).at(place)
    };
    let input: Box<dyn Read> =
        if list == Path::new("-") { Box::new(std::io::stdin()) } else { Box::new(std::fs::File::open(list).map_err(told)?) };
    let mut paths = Vec::new();
    for line in std::io::BufReader::new(input.take(LIST_BYTES_MAX)).lines() {
        let line = line.map_err(told)?;
        paths.extend(Some(line.trim()).filter(|line| !line.is_empty()).map(PathBuf::from));
        if paths.len() > RECIPES_MAX {
            return Err(support::wrong("list", format!("the list names more than {RECIPES_MAX} recipes")));
        }
    }
    Ok(paths)
}

/// The recipes that paths stand for: files as they are, and of folders those directly in them, by name.
fn found(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Report> {
    let mut recipes = Vec::new();
    for path in paths {
        if !path.is_dir() {
            recipes.push(path.clone());
            continue;
        }
        let before = recipes.len();
        let is_recipe = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
            !name.starts_with('.')
                && [".yaml", ".yml", ".alloy.json"].iter().any(|ending| name.ends_with(ending))
                && path.is_file()
        };
        recipes.extend(aw_disk::list(path).map_err(support::disk)?.into_iter().filter(is_recipe));
        if recipes.len() == before {
            let message = format!(
                "`{}` holds no recipe: no file in it ends in `.yaml`, `.yml` or `.alloy.json`; another `.json` is named itself",
                path.display()
            );
            return Err(support::wrong("recipes", message));
        }
    }
    if recipes.len() > RECIPES_MAX {
        return Err(support::wrong("recipes", format!("more than {RECIPES_MAX} recipes are named; add them in several goes")));
    }
    Ok(recipes)
}
