//! Planning: everything that can be refused is refused here, before any content is computed.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aw_alloy::chain::{Carried, ChainSource, replay, stage_key};
use aw_alloy::digest::{Digest, Hasher, StageKey};
use aw_alloy::recipe::Recipe;
use aw_alloy::tree::{Tree, TreePath};
use aw_domain::{
    Carry, Estimate, Executor, FileInput, Phase, PlanRequest, Problem, Reads, Source, SourceRequest, Stage, StageLookup,
};
use aw_store::{SourceOptions, StageState};
use serde_json::Value;

use crate::Foundry;
use crate::error::PlanError;
use crate::record::FinishedStage;

/// What a run would do.
pub struct Plan {
    /// The recipe.
    pub recipe: Recipe,
    /// The source found.
    pub source: Source,
    /// What is known of the source's content.
    pub source_state: SourceState,
    /// What runs, in order, cycles repeated.
    pub steps: Vec<Step>,
    /// Bytes the store will take for steps that are not cached.
    pub disk_bytes: u64,
    /// Bytes free where the store is.
    pub free_bytes: u64,
}

/// What is known of the source's content without reading it.
#[derive(Clone, Debug)]
pub struct SourceState {
    /// Its tree, when every file was hashed before and is unchanged since.
    pub tree: Option<Tree>,
    /// Its size in bytes.
    pub bytes: u64,
    /// Bytes that must be hashed first.
    pub to_hash_bytes: u64,
}

/// One stage of a plan.
pub struct Step {
    /// Position of the stage in the recipe, from 0.
    pub stage_index: usize,
    /// Which repetition, from 1.
    pub cycle: u32,
    /// The stage type.
    pub stage_type: String,
    /// The stage's configuration.
    pub config: Value,
    /// What runs it.
    pub executor: Arc<dyn Stage>,
    /// What it reads.
    pub reads: Reads,
    /// The files it reads, found and hashed.
    pub files: Vec<PlannedFile>,
    /// What it expects to take.
    pub estimate: Estimate,
    /// Whether it has run already.
    pub cached: Cached,
}

/// A file the recipe points to, found on this machine.
#[derive(Clone, Debug)]
pub struct PlannedFile {
    /// The name the stage asks for it by.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// SHA-256 of its content.
    pub digest: Digest,
    /// Its size in bytes.
    pub bytes: u64,
}

/// Whether a stage's output is in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cached {
    /// It is: the stage will not run.
    Hit,
    /// It is not: the stage will run.
    Miss,
    /// It depends on what an earlier step gives.
    Unknown,
}

/// Plans a recipe whose relative paths start from `recipe_folder`. Reads metadata and the files the recipe pins, no content of the source.
///
/// # Errors
/// [`PlanError::Refused`] with every reason found; [`PlanError::Source`] or [`PlanError::Store`] when the disk does not cooperate.
pub fn plan(foundry: Foundry<'_>, recipe: Recipe, recipe_folder: &Path, memory_limit: Option<u64>) -> Result<Plan, PlanError> {
    let first = recipe.domains().first().cloned().unwrap_or_default();
    let domain = match foundry.registry.domain(&first) {
        Ok(domain) => domain,
        Err(error) => return Err(PlanError::Refused(vec![Problem::new("unknown-domain", "domains", error.to_string())])),
    };
    let order = order(foundry, &recipe)?;
    let request = SourceRequest { recipe: &recipe, recipe_folder, offline: foundry.offline };
    let source = domain.source(&request).map_err(|problems| PlanError::Refused(recipe.locate(problems)))?;
    let source_state = look_at(foundry, &source)?;
    refuse_other_source(&recipe, &source, &source_state)?;
    let mut planner = Planner { recipe: &recipe, recipe_folder, source: &source, problems: Vec::new(), hashed: BTreeMap::new() };
    let mut steps = planner.steps(&order, memory_limit);
    let problems = recipe.locate(std::mem::take(&mut planner.problems));
    if !problems.is_empty() {
        return Err(PlanError::Refused(problems));
    }
    find_cached(foundry, &source, &source_state, &mut steps)?;
    let disk_bytes = steps.iter().filter(|step| step.cached != Cached::Hit).map(|step| step.estimate.bytes_out).sum();
    let free_bytes = foundry.store.free_bytes()?;
    if disk_bytes > free_bytes {
        let message = format!(
            "the run writes {disk_bytes} bytes, {free_bytes} are free where the store is (`{}`)",
            foundry.store.root().display()
        );
        let hint = "free some space (`alloyworks gc` removes what no kept artifact needs), or point `--home` at a larger disk";
        return Err(PlanError::Refused(vec![Problem::new("disk-too-small", "", message).hint(hint)]));
    }
    Ok(Plan { recipe, source, source_state, steps, disk_bytes, free_bytes })
}

struct Ordered {
    stage_index: usize,
    cycle: u32,
    executor: Arc<dyn Stage>,
}

/// The stages in the order they run: transform stages repeated, and none that cannot run here.
fn order(foundry: Foundry<'_>, recipe: &Recipe) -> Result<Vec<Ordered>, PlanError> {
    let mut problems = Vec::new();
    let mut found = Vec::new();
    for (index, stage) in recipe.stages().iter().enumerate() {
        let StageLookup::Found(stage_type) = foundry.registry.stage(recipe.domains(), &stage.name) else {
            problems.push(Problem::new(
                "unknown-stage",
                format!("stages[{index}].type"),
                format!("unknown stage type `{}`", stage.name),
            ));
            continue;
        };
        match &stage_type.executor {
            Executor::Here(executor) => found.push((index, stage_type.phase, executor.clone())),
            Executor::DeclaredOnly => {
                let message = format!("stage type `{}` is declared, cannot run here", stage.name);
                let hint = match recipe.derived_from(index) {
                    None => "remove the stage, or run the recipe where something executes it",
                    Some(_) => "take it out of `target`, or run the recipe where something executes the stage",
                };
                problems.push(Problem::new("stage-declared-only", format!("stages[{index}].type"), message).hint(hint));
            }
        }
    }
    let cycles = recipe.root().cycles;
    let transforms: Vec<usize> = (0..found.len()).filter(|&at| found[at].1 == Phase::Transform).collect();
    if cycles > 1 && transforms.windows(2).any(|pair| pair[1] != pair[0] + 1) {
        let message = "with more than one cycle the transform stages must stand together, another stage stands between them";
        problems.push(Problem::new("cycles", "cycles", message));
    }
    if !problems.is_empty() {
        return Err(PlanError::Refused(recipe.locate(problems)));
    }
    let (first, end) = transforms.first().map_or((0, 0), |first| (*first, transforms.last().map_or(0, |last| last + 1)));
    let (first, end) = if cycles > 1 { (first, end) } else { (0, found.len()) };
    let once = |range: std::ops::Range<usize>, cycle| {
        found[range].iter().map(move |(stage_index, _, executor)| Ordered {
            stage_index: *stage_index,
            cycle,
            executor: executor.clone(),
        })
    };
    // What measures a cycle runs after each: within the cycles those before the last, at its own place the last.
    let measuring = |ordered: &Ordered| ordered.executor.measures_cycles();
    let measured = |cycle| once(end..found.len(), cycle).filter(move |ordered| cycle < cycles && measuring(ordered));
    let repeated = (1..=cycles).flat_map(|cycle| once(first..end, cycle).chain(measured(cycle)));
    let last =
        once(end..found.len(), 1).map(|ordered| Ordered { cycle: if measuring(&ordered) { cycles } else { 1 }, ..ordered });
    Ok(once(0..first, 1).chain(repeated).chain(last).collect())
}

fn look_at(foundry: Foundry<'_>, source: &Source) -> Result<SourceState, PlanError> {
    if let Some(remote) = source.remote.as_ref().filter(|_| source.is_missing()) {
        return Ok(SourceState { tree: None, bytes: remote.bytes, to_hash_bytes: remote.bytes });
    }
    let belongs = source_filter(&source.files);
    let options = SourceOptions { filter: &belongs, ..SourceOptions::default() };
    let peek = foundry.store.peek_folder(&source.folder, &options)?;
    Ok(SourceState { tree: peek.tree, bytes: peek.total_bytes, to_hash_bytes: peek.to_hash_bytes })
}

/// When the source's content is known already, a wrong one is refused now and not after hashing.
fn refuse_other_source(recipe: &Recipe, source: &Source, state: &SourceState) -> Result<(), PlanError> {
    let found = state.tree.as_ref().map(Tree::root);
    match (source.pinned_root, found) {
        (Some(expected), Some(found)) if expected != found => {
            let message = format!("the source is not the one the recipe pins: expected {expected}, found {found}");
            let hint = "put the pinned source back, or pin the new one and raise the recipe's version";
            Err(PlanError::Refused(recipe.locate(vec![Problem::new("source-differs", "source.root", message).hint(hint)])))
        }
        _ => Ok(()),
    }
}

/// Says which paths belong to a source: its files and the folders they are in.
pub(crate) fn source_filter(files: &[TreePath]) -> impl Fn(&TreePath) -> bool + use<> {
    let mut accepted: std::collections::BTreeSet<String> = std::collections::BTreeSet::new();
    for file in files {
        let path = file.as_str();
        accepted.extend(path.match_indices('/').map(|(end, _)| path[..end].to_owned()));
        accepted.insert(path.to_owned());
    }
    move |path| accepted.contains(path.as_str())
}

struct Planner<'a> {
    recipe: &'a Recipe,
    recipe_folder: &'a Path,
    source: &'a Source,
    problems: Vec<Problem>,
    hashed: BTreeMap<PathBuf, (Digest, u64)>,
}

impl Planner<'_> {
    fn steps(&mut self, order: &[Ordered], memory_limit: Option<u64>) -> Vec<Step> {
        let mut facts = self.source.facts.clone();
        let mut steps = Vec::new();
        // After a refusal the facts later stages plan with are not known: those are only asked what they read.
        let mut refused = false;
        for ordered in order {
            let stage = &self.recipe.stages()[ordered.stage_index];
            let below = format!("stages[{}]", ordered.stage_index);
            let reads = match ordered.executor.reads(&stage.config, self.recipe) {
                Ok(reads) => reads,
                Err(problems) => {
                    self.refuse(&below, problems);
                    refused = true;
                    continue;
                }
            };
            let files: Vec<PlannedFile> = reads.files.iter().filter_map(|file| self.file(file)).collect();
            if refused || files.len() < reads.files.len() {
                refused = true;
                continue;
            }
            let paths = files.iter().map(|file| (file.name.clone(), file.path.clone())).collect();
            let request = PlanRequest {
                config: &stage.config,
                recipe: self.recipe,
                source: self.source.plan_folder(),
                facts: &facts,
                files: &paths,
            };
            match ordered.executor.plan(&request) {
                Ok(mut estimate) => {
                    self.hold_against_memory(&below, &estimate, memory_limit);
                    facts = std::mem::take(&mut estimate.facts);
                    steps.push(Step {
                        stage_index: ordered.stage_index,
                        cycle: ordered.cycle,
                        stage_type: stage.name.clone(),
                        config: stage.config.clone(),
                        executor: ordered.executor.clone(),
                        reads,
                        files,
                        estimate,
                        cached: Cached::Unknown,
                    });
                }
                Err(problems) => {
                    self.refuse(&below, problems);
                    refused = true;
                }
            }
        }
        steps
    }

    fn refuse(&mut self, below: &str, problems: Vec<Problem>) {
        let place = |mut problem: Problem| {
            problem.path = match problem.path.as_str() {
                "" => below.to_owned(),
                path => format!("{below}.{path}"),
            };
            problem
        };
        self.problems.extend(problems.into_iter().map(place));
    }

    fn hold_against_memory(&mut self, below: &str, estimate: &Estimate, limit: Option<u64>) {
        if let Some(limit) = limit.filter(|limit| estimate.memory_bytes > *limit) {
            let message = format!("the stage needs about {} bytes of memory, the limit is {limit}", estimate.memory_bytes);
            let hint = "raise the limit with `--memory-limit`, or give the stage less to hold at once";
            self.problems.push(Problem::new("memory-too-small", below, message).hint(hint));
        }
    }

    /// Finds a file and holds its content against the recipe's pin.
    fn file(&mut self, file: &FileInput) -> Option<PlannedFile> {
        let path = self.recipe_folder.join(&file.path);
        let known = self.hashed.get(&path).copied();
        let (digest, bytes) = match known.map_or_else(|| hash(&path), Ok) {
            Ok(hashed) => hashed,
            Err(error) => {
                let message = format!("`{}` cannot be read: {error}", path.display());
                let hint = "paths in a recipe start from the recipe's folder";
                self.refuse_once(Problem::new("file-missing", &file.declared_at, message).hint(hint));
                return None;
            }
        };
        self.hashed.insert(path.clone(), (digest, bytes));
        if let Some(expected) = file.digest.filter(|expected| *expected != digest) {
            let message =
                format!("`{}` has another content than the recipe pins: expected {expected}, found {digest}", file.path);
            let hint = "put the pinned file back, or pin the new one and raise the recipe's version";
            self.refuse_once(Problem::new("file-differs", &file.declared_at, message).hint(hint));
            return None;
        }
        Some(PlannedFile { name: file.name.clone(), path, digest, bytes })
    }

    /// Several stages may read the same file; its problem is told once.
    fn refuse_once(&mut self, problem: Problem) {
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }
}

fn hash(path: &Path) -> std::io::Result<(Digest, u64)> {
    let mut hasher = Hasher::new();
    let bytes = std::io::copy(&mut File::open(path)?, &mut hasher)?;
    Ok((hasher.finish(), bytes))
}

/// Walks the steps as far as every input is known and marks what the store has.
fn find_cached(foundry: Foundry<'_>, source: &Source, state: &SourceState, steps: &mut [Step]) -> Result<(), PlanError> {
    let Some(source_tree) = &state.tree else { return Ok(()) };
    let Ok(mut tree) = first_tree(source, source_tree).first_tree() else { return Ok(()) };
    for step in steps {
        let key = step.key(&tree, source_tree);
        let record = match foundry.store.stage(&key)? {
            StageState::Ready(record) => FinishedStage::from_bytes(&record.record),
            _ => None,
        };
        let after = record.and_then(|record| {
            let output = record.output;
            replay(&tree, &output.replaces, &carried(&output.carries), &output.writes).ok()
        });
        match after {
            Some(after) => {
                step.cached = Cached::Hit;
                tree = after;
            }
            None => {
                step.cached = Cached::Miss;
                break;
            }
        }
    }
    Ok(())
}

pub(crate) fn first_tree(source: &Source, tree: &Tree) -> ChainSource {
    ChainSource { root: tree.root(), placed_under: source.placed_under.to_owned(), files: tree.clone() }
}

pub(crate) fn carried(carries: &[Carry]) -> Vec<Carried> {
    carries.iter().map(|carry| Carried { from: carry.from.clone(), path: carry.path.clone() }).collect()
}

impl Step {
    /// Roots and digests of what the step reads, by name.
    pub(crate) fn read(&self, tree: &Tree, source: &Tree) -> BTreeMap<String, Digest> {
        let folder = |folder: &String| {
            let root = if folder.is_empty() { tree.root() } else { tree.folder(folder).root() };
            (format!("tree:{folder}"), root.digest())
        };
        let mut read: BTreeMap<String, Digest> = self.reads.folders.iter().map(folder).collect();
        if self.reads.source {
            read.insert("source".into(), source.root().digest());
        }
        read.extend(self.files.iter().map(|file| (format!("file:{}", file.name), file.digest)));
        read
    }

    /// The stage key for these inputs.
    pub(crate) fn key(&self, tree: &Tree, source: &Tree) -> StageKey {
        stage_key(&self.stage_type, self.executor.code_version(), &self.config, &self.read(tree, source))
            .expect("a parsed recipe holds only numbers that canonical JSON can write")
    }
}
