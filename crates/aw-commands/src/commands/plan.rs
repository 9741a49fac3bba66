//! `forge/plan`: says what a run would do, and refuses what a run would refuse.

use std::path::{Path, PathBuf};

use aw_alloy::recipe::Recipe;
use aw_foundry::{Cached, Foundry, Plan, Step, plan};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::exit::ExitCode;
use crate::machine::Memory;
use crate::recipe_file;
use crate::registry::{About, Command, Example, Outcome, Reach, Surface};
use crate::report::Report;
use crate::size::MemoryLimit;

pub(super) fn command() -> Command {
    let about = About {
        name: "forge/plan",
        summary: "Says what running a recipe would do, and what it would cost",
        details: "Everything that can be refused is refused here, all problems at once, before any content is computed. \
                  Stages whose output is in the store already are marked as cached: they would not run. A recipe with a target and no \
                  stages gets those the target asks for; they are marked as derived.",
        reach: Reach::Local,
        examples: &[
            Example { what: "what would run", line: "plan recipes/tiny-moe/compact.yaml" },
            Example { what: "would it fit in less memory", line: "plan recipe.yaml --memory-limit 2GB" },
        ],
        exit_codes: &[ExitCode::Ok, ExitCode::Refused, ExitCode::Environment],
    };
    Command::new(about, run)
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    /// The recipe: a `.yaml`, `.yml` or `.json` file. Relative paths in it start from its folder.
    #[schemars(extend("x-position" = 1))]
    recipe: PathBuf,
    /// The memory a stage may take, such as `8GB`, `512MiB` or `none`. Four fifths of the available memory when not given.
    #[schemars(extend("x-value-name" = "SIZE"))]
    memory_limit: Option<MemoryLimit>,
    /// Ask nothing of any other machine: a model from the Hub is taken from the cache or not at all.
    #[serde(default)]
    offline: bool,
}

/// What a run would do.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanResult {
    /// The recipe's name.
    pub name: String,
    /// The recipe's version.
    pub version: String,
    /// The recipe's digest: equal for equal recipes, whatever their notation.
    pub digest: String,
    /// The folder of the source.
    pub source: PathBuf,
    /// Size of the source, in bytes.
    pub source_bytes: u64,
    /// Where the source comes from, when that is another machine.
    pub source_from: Option<String>,
    /// Bytes of the source that must be downloaded first.
    pub to_fetch_bytes: u64,
    /// Bytes of the source that must be hashed first.
    pub to_hash_bytes: u64,
    /// Root of the source's tree, when nothing must be hashed.
    pub source_root: Option<String>,
    /// The steps, in order.
    pub steps: Vec<StepView>,
    /// Bytes the store will take.
    pub disk_bytes: u64,
    /// Bytes free where the store is.
    pub free_bytes: u64,
    /// The most memory any step that may run expects to take, in bytes.
    pub memory_bytes: u64,
    /// The memory a stage may take, in bytes; `null` without limit.
    pub memory_limit_bytes: Option<u64>,
    /// Time the steps that may run expect to take, in seconds; `null` when that is not known of all.
    pub seconds: Option<f64>,
}

impl Outcome for PlanResult {}

/// One step of a plan.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StepView {
    /// The stage type.
    pub stage: String,
    /// Position of the stage in the recipe, from 1.
    pub position: usize,
    /// The member of the recipe's target that the stage was derived from; `null` when the author wrote it.
    pub derived_from: Option<String>,
    /// Which repetition of the transform stages, from 1.
    pub cycle: u32,
    /// Whether it will run.
    pub state: StepState,
    /// Bytes it reads.
    pub bytes_in: u64,
    /// Bytes it writes.
    pub bytes_out: u64,
    /// Memory it expects to take, in bytes.
    pub memory_bytes: u64,
    /// Time it expects to take, in seconds.
    pub seconds: Option<f64>,
    /// Whether it runs in a process of its own, under the memory limit.
    pub own_process: bool,
    /// What else the stage says.
    pub notes: Vec<String>,
}

/// Whether a step will run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StepState {
    /// Its output is in the store: it will not run.
    Cached,
    /// It will run.
    WillRun,
    /// That depends on what is not known yet: the source is not hashed, or a step before it will run.
    Depends,
}

fn run(environment: &Environment, parameters: Parameters, _: &Surface<'_>) -> Result<PlanResult, Report> {
    let prepared = Prepared::new(environment, &parameters.recipe, parameters.memory_limit, parameters.offline)?;
    let plan = prepared.plan(environment)?;
    Ok(PlanResult::of(&plan, prepared.memory_limit))
}

/// A recipe that was read, and what it is planned with.
pub(super) struct Prepared {
    file: PathBuf,
    recipe: Recipe,
    folder: PathBuf,
    pub(super) store: aw_store::Store,
    pub(super) memory_limit: Option<u64>,
    offline: bool,
}

impl Prepared {
    pub(super) fn new(
        environment: &Environment,
        file: &Path,
        memory_limit: Option<MemoryLimit>,
        offline: bool,
    ) -> Result<Self, Report> {
        let (recipe, folder) = recipe_file::read(file, environment.registry())?;
        let memory_limit = match memory_limit {
            Some(MemoryLimit::Bytes(bytes)) => Some(bytes),
            Some(MemoryLimit::None) => None,
            None => Memory::now().default_limit(),
        };
        Ok(Self { file: file.to_owned(), recipe, folder, store: environment.store()?, memory_limit, offline })
    }

    pub(super) fn foundry<'a>(&'a self, environment: &'a Environment) -> Foundry<'a> {
        Foundry { registry: environment.registry(), store: &self.store, offline: self.offline }
    }

    pub(super) fn plan(&self, environment: &Environment) -> Result<Plan, Report> {
        let planned = plan(self.foundry(environment), self.recipe.clone(), &self.folder, self.memory_limit);
        planned.map_err(|error| Report::from_plan(error, &self.file))
    }
}

impl PlanResult {
    pub(super) fn of(plan: &Plan, memory_limit_bytes: Option<u64>) -> Self {
        let root = plan.recipe.root();
        let to_run: Vec<&Step> = plan.steps.iter().filter(|step| step.cached != Cached::Hit).collect();
        Self {
            name: root.name.clone(),
            version: root.version.clone(),
            digest: plan.recipe.digest().to_string(),
            source: plan.source.folder.clone(),
            source_bytes: plan.source_state.bytes,
            source_from: plan.source.remote.as_ref().map(|remote| remote.label.clone()),
            to_fetch_bytes: plan.source.remote.as_ref().map_or(0, |remote| remote.missing_bytes),
            to_hash_bytes: plan.source_state.to_hash_bytes,
            source_root: plan.source_state.tree.as_ref().map(|tree| tree.root().to_string()),
            steps: plan.steps.iter().map(|step| StepView::of(step, &plan.recipe)).collect(),
            disk_bytes: plan.disk_bytes,
            free_bytes: plan.free_bytes,
            memory_bytes: to_run.iter().map(|step| step.estimate.memory_bytes).max().unwrap_or(0),
            memory_limit_bytes,
            // The sum of nothing is -0; nothing takes no time.
            seconds: to_run.iter().map(|step| step.estimate.seconds).sum::<Option<f64>>().map(|seconds| seconds + 0.0),
        }
    }
}

impl StepView {
    fn of(step: &Step, recipe: &Recipe) -> Self {
        let estimate = &step.estimate;
        Self {
            stage: step.stage_type.clone(),
            position: step.stage_index + 1,
            derived_from: recipe.derived_from(step.stage_index).map(str::to_owned),
            cycle: step.cycle,
            state: match step.cached {
                Cached::Hit => StepState::Cached,
                Cached::Miss => StepState::WillRun,
                Cached::Unknown => StepState::Depends,
            },
            bytes_in: estimate.bytes_in,
            bytes_out: estimate.bytes_out,
            memory_bytes: estimate.memory_bytes,
            seconds: estimate.seconds,
            own_process: estimate.heavy,
            notes: estimate.notes.clone(),
        }
    }
}
