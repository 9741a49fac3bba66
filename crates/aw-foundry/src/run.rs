//! Running a plan: stage by stage, each either found in the store or executed, then sealed and placed.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use aw_alloy::artifact::Artifact;
use aw_alloy::chain::{CHAIN_FORMAT, Chain, ChainSource, Link, replay};
use aw_alloy::digest::{LinkDigest, StageKey, TreeRoot};
use aw_alloy::keys::SecretKey;
use aw_alloy::signing::SigningKey;
use aw_alloy::tree::{Tree, TreeEntry, TreePath};
use aw_domain::{FetchRequest, Output};
use aw_store::{Finished as FinishedFile, Needs, SourceError, SourceOptions, StageState, Writer};
use serde_json::{Map, Value, json};

use crate::error::RunError;
use crate::events::Event;
use crate::inputs::{self, RunSource};
use crate::plan::{Plan, Step, carried, first_tree, source_filter};
use crate::record::FinishedStage;
use crate::worker::{self, Job};
use crate::{Foundry, clock, halt, publish};

/// Where a run's heavy stages run.
#[derive(Clone, Debug)]
pub struct WorkerCommand {
    /// The program.
    pub program: PathBuf,
    /// Its arguments; it must then serve one [`Job`] with [`crate::serve`].
    pub arguments: Vec<String>,
}

/// What `integrity.signature` is made with. The seal covers it, so it is made in the run or never.
#[derive(Clone, Copy, Debug)]
pub struct Signer<'a> {
    /// The key.
    pub key: &'a SigningKey,
    /// What the verifier issued, base64url.
    pub nonce: Option<&'a str>,
    /// The verifier's origin URI.
    pub audience: Option<&'a str>,
}

/// How to run.
pub struct RunOptions<'a> {
    /// The key the links and the artifact are signed with.
    pub key: &'a SecretKey,
    /// Where the artifact goes; replaced when it holds an artifact, refused when it holds anything else.
    pub out: &'a Path,
    /// Threads a stage may use. Does not change any output.
    pub threads: usize,
    /// Anonymous memory a heavy stage may take, in bytes.
    pub memory_limit: Option<u64>,
    /// How heavy stages run; `None` runs them in this process.
    pub worker: Option<WorkerCommand>,
    /// What made the artifact: `runner`, `version`, `binaryHash`.
    pub code: Value,
    /// What `integrity.signature` is made with; `None` leaves the artifact without one.
    pub signer: Option<Signer<'a>>,
    /// Asked often whether to stop.
    pub cancelled: &'a (dyn Fn() -> bool + Sync),
    /// Told what happens.
    pub events: &'a (dyn Fn(Event) + Sync),
}

/// What a run made.
#[derive(Debug)]
pub struct Run {
    /// The sealed artifact.
    pub artifact: Artifact,
    /// Where it lies.
    pub folder: PathBuf,
    /// What became of each step.
    pub stages: Vec<StageReport>,
    /// Whether this very artifact was already kept.
    pub unchanged: bool,
}

/// What became of a step.
#[derive(Clone, Debug)]
pub struct StageReport {
    /// The stage type.
    pub stage: String,
    /// Whether it was found in the store.
    pub cached: bool,
    /// How long it took when it ran, in seconds.
    pub seconds: f64,
    /// Root of the tree after it.
    pub output: TreeRoot,
}

/// Runs a plan to a sealed artifact in a folder.
///
/// # Errors
/// [`RunError`]; whatever finished before it is in the store and will not run again.
pub fn run(foundry: Foundry<'_>, plan: &Plan, options: &RunOptions<'_>) -> Result<Run, RunError> {
    let started_at = clock::now();
    publish::check_out(options.out)?;
    let writer = foundry.store.writer()?;
    fetch_source(foundry, plan, options)?;
    let source_tree = hash_source(&writer, plan, options)?;
    hold_against_origin(plan, &source_tree)?;
    let source = RunSource { folder: &plan.source.folder, tree: &source_tree, label: &plan.recipe.root().source.base_model };
    let mut runner = Runner { foundry, writer: &writer, plan, options, source };
    let (chain, tree, stages) = runner.stages()?;
    let sealed = publish::seal(foundry, plan, options, &writer, &runner.source, chain, &tree, &started_at)?;
    (options.events)(Event::Sealed { artifact: sealed.artifact.id(), output: tree.root(), unchanged: sealed.unchanged });
    publish::place(&writer, &sealed, options.out)?;
    halt::clear(options.out);
    (options.events)(Event::Placed { folder: options.out.display().to_string() });
    Ok(Run { artifact: sealed.artifact, folder: options.out.to_owned(), stages, unchanged: sealed.unchanged })
}

/// Has the domain bring what is missing of a source that comes from elsewhere.
fn fetch_source(foundry: Foundry<'_>, plan: &Plan, options: &RunOptions<'_>) -> Result<(), RunError> {
    let Some(domain) = plan.recipe.domains().first().filter(|_| plan.source.is_missing()) else { return Ok(()) };
    let unknown = |error: aw_domain::RegistryError| aw_domain::Failure::from_error("unknown-domain", &error);
    let request = FetchRequest {
        recipe: &plan.recipe,
        source: &plan.source,
        offline: foundry.offline,
        cancelled: options.cancelled,
        progress: &|progress| (options.events)(Event::SourceFetching { progress }),
    };
    let fetched = foundry.registry.domain(domain).map_err(unknown).and_then(|domain| domain.fetch(&request));
    fetched.map_err(|failure| if failure.is_cancelled() { RunError::Cancelled } else { RunError::Fetch(Box::new(failure)) })
}

/// Holds what was hashed against what the source's origin says of it.
fn hold_against_origin(plan: &Plan, tree: &Tree) -> Result<(), RunError> {
    let expected = plan.source.remote.iter().flat_map(|remote| &remote.expected);
    for (path, expected) in expected {
        match tree.get(path.as_str()) {
            Some(entry) if entry.digest == *expected => {}
            found => {
                return Err(RunError::SourceDamaged {
                    file: plan.source.folder.join(path),
                    expected: *expected,
                    found: found.map(|entry| entry.digest),
                });
            }
        }
    }
    Ok(())
}

fn hash_source(writer: &Writer, plan: &Plan, options: &RunOptions<'_>) -> Result<Tree, RunError> {
    let belongs = source_filter(&plan.source.files);
    let source_options = SourceOptions { filter: &belongs, threads: options.threads, ..SourceOptions::default() };
    let mut hook = |progress: aw_store::Progress| {
        (options.events)(Event::SourceHashing { done_bytes: progress.done_bytes, total_bytes: progress.total_bytes });
        if (options.cancelled)() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let hashed = match writer.hash_folder(&plan.source.folder, &source_options, &mut hook) {
        Err(SourceError::Cancelled { .. }) => return Err(RunError::Cancelled),
        other => other?,
    };
    let root = hashed.tree.root();
    if let Some(pinned) = plan.source.pinned_root.filter(|pinned| *pinned != root) {
        return Err(RunError::SourcePin { expected: pinned, found: root });
    }
    (options.events)(Event::SourceReady { root, bytes: hashed.tree.bytes() });
    Ok(hashed.tree)
}

struct Runner<'a> {
    foundry: Foundry<'a>,
    writer: &'a Writer,
    plan: &'a Plan,
    options: &'a RunOptions<'a>,
    source: RunSource<'a>,
}

impl Runner<'_> {
    fn stages(&mut self) -> Result<(Chain, Tree, Vec<StageReport>), RunError> {
        let source: ChainSource = first_tree(&self.plan.source, self.source.tree);
        let mut tree = source.first_tree().map_err(|error| self.not_a_tree(0, &error.to_string()))?;
        let mut previous = LinkDigest::of_source(source.root);
        let mut links: Vec<Link> = Vec::new();
        let mut reports = Vec::new();
        for position in 0..self.plan.steps.len() {
            if (self.options.cancelled)() {
                return Err(RunError::Cancelled);
            }
            let step = &self.plan.steps[position];
            let key = step.key(&tree, self.source.tree);
            let (finished, cached) = self.find_or_execute(position, &key, &tree)?;
            let (link, after) = self.link(position, links.len(), previous, key, &tree, &finished)?;
            (self.options.events)(Event::StageFinished {
                step: position + 1,
                steps: self.plan.steps.len(),
                stage: step.stage_type.clone(),
                cached,
                seconds: finished.seconds,
                output: after.root(),
            });
            reports.push(StageReport { stage: step.stage_type.clone(), cached, seconds: finished.seconds, output: after.root() });
            previous = link.digest();
            tree = after;
            links.push(link);
            halt::on_regression(self.foundry, self.plan, self.options, &links)?;
        }
        Ok((Chain { format: CHAIN_FORMAT.into(), source, links }, tree, reports))
    }

    fn find_or_execute(&self, position: usize, key: &StageKey, tree: &Tree) -> Result<(FinishedStage, bool), RunError> {
        let step = &self.plan.steps[position];
        match self.writer.stage(key)? {
            StageState::Ready(record) => {
                if let Some(finished) = FinishedStage::from_bytes(&record.record) {
                    return Ok((finished, true));
                }
            }
            StageState::Damaged(faults) => {
                let reason = faults.first().map(ToString::to_string).unwrap_or_default();
                (self.options.events)(Event::StageDamaged { step: position + 1, stage: step.stage_type.clone(), reason });
            }
            StageState::Absent => {}
        }
        let finished = self.execute(position, key, tree)?;
        Ok((finished, false))
    }

    fn execute(&self, position: usize, key: &StageKey, tree: &Tree) -> Result<FinishedStage, RunError> {
        let step = &self.plan.steps[position];
        (self.options.events)(Event::StageStarted {
            step: position + 1,
            steps: self.plan.steps.len(),
            stage: step.stage_type.clone(),
        });
        let work = self.writer.scratch_folder()?;
        let folder = |name: &str| -> Result<PathBuf, RunError> {
            let path = work.join(name);
            std::fs::create_dir(&path).map_err(|source| RunError::Place { folder: path.clone(), source })?;
            Ok(path)
        };
        let inputs = inputs::place(self.writer, step, tree, &self.source, &folder("in")?)?;
        let job = Job {
            domains: self.plan.recipe.domains().to_vec(),
            stage: step.stage_type.clone(),
            config: step.config.clone(),
            inputs,
            out: folder("out")?,
            scratch: folder("scratch")?,
            threads: self.options.threads,
            memory_bytes: self.options.memory_limit.filter(|_| self.options.worker.is_some() && step.estimate.heavy),
        };
        let (started_at, clock) = (clock::now(), Instant::now());
        let (output, peak) = self.execute_job(position, &job)?;
        let seconds = clock.elapsed().as_secs_f64();
        self.check_source(step)?;
        let output = self.store(position, &job, output)?;
        let observations = json!({
            "startedAt": started_at,
            "completedAt": clock::now(),
            "seconds": seconds,
            "peakMemoryBytes": peak,
            "device": "cpu",
            "threads": self.options.threads,
            "code": self.options.code,
            "stage": output.observations,
        });
        let finished = FinishedStage::new(output, observations, seconds);
        let stored = Tree::new(finished.output.writes.iter().chain(&finished.output.records).cloned().collect());
        let stored = stored.map_err(|error| self.not_a_tree(position, &error.to_string()))?;
        let needs = Needs { trees: vec![self.writer.put_tree(&stored)?], ..Needs::default() };
        self.writer.record_stage(key, &needs, &finished.to_bytes())?;
        let _ = std::fs::remove_dir_all(&work); // the writer's drop removes it otherwise
        Ok(finished)
    }

    fn execute_job(&self, position: usize, job: &Job) -> Result<(Output, Option<u64>), RunError> {
        let step = &self.plan.steps[position];
        let progress = |progress| (self.options.events)(Event::StageProgress { step: position + 1, progress });
        let outcome = match &self.options.worker {
            Some(worker) if step.estimate.heavy => worker::run_child(worker, job, self.options.cancelled, &progress)
                .map(|finished| (finished.output, finished.peak_memory_bytes)),
            _ => worker::run_here(self.foundry.registry, job, self.options.cancelled, &progress).map(|output| (output, None)),
        };
        outcome.map_err(|failure| {
            if failure.is_cancelled() {
                return RunError::Cancelled;
            }
            RunError::Stage { index: step.stage_index, stage: step.stage_type.clone(), failure: Box::new(failure) }
        })
    }

    /// Moves what a stage wrote into the store; its records get a folder of their own.
    fn store(&self, position: usize, job: &Job, mut output: Output) -> Result<Output, RunError> {
        let step = &self.plan.steps[position];
        let mut files: Vec<FinishedFile> = Vec::new();
        let mut take = |entry: &TreeEntry| {
            files.push(FinishedFile { file: job.out.join(&entry.path), digest: entry.digest, bytes: entry.bytes })
        };
        output.writes.iter().for_each(&mut take);
        output.records.iter().for_each(&mut take);
        self.writer.adopt_all(&files)?;
        let folder = format!("records/{position:02}-{}", step.stage_type);
        for record in &mut output.records {
            record.path = record.path.under(&folder).map_err(|error| self.not_a_tree(position, &error.to_string()))?;
        }
        Ok(output)
    }

    /// A stage that read the source must have read what was hashed.
    fn check_source(&self, step: &Step) -> Result<(), RunError> {
        if !step.reads.source && step.reads.folders.is_empty() {
            return Ok(());
        }
        let belongs = source_filter(&self.plan.source.files);
        let peek =
            self.writer.peek_folder(self.source.folder, &SourceOptions { filter: &belongs, ..SourceOptions::default() })?;
        let expected = self.source.tree.root();
        match peek.tree {
            Some(tree) if tree.root() == expected => Ok(()),
            Some(tree) => Err(RunError::SourceChanged { expected, found: tree.root() }),
            // Touched, or hashed too recently for its times to tell: its bytes decide.
            None => {
                let found = hash_source(self.writer, self.plan, self.options)?.root();
                if found == expected { Ok(()) } else { Err(RunError::SourceChanged { expected, found }) }
            }
        }
    }

    fn link(
        &self,
        position: usize,
        index: usize,
        previous: LinkDigest,
        key: StageKey,
        tree: &Tree,
        finished: &FinishedStage,
    ) -> Result<(Link, Tree), RunError> {
        let step = &self.plan.steps[position];
        let output = &finished.output;
        let carries = carried(&output.carries);
        let after = replay(tree, &output.replaces, &carries, &output.writes)
            .map_err(|error| self.not_a_tree(position, &error.to_string()))?;
        let mut link = Link {
            index: u32::try_from(index).expect("a recipe has few stages"),
            previous,
            stage_index: u32::try_from(step.stage_index).expect("a recipe has few stages"),
            cycle: step.cycle,
            stage_type: step.stage_type.clone(),
            configuration: step.config.clone(),
            code_version: step.executor.code_version(),
            stage_key: key,
            input: tree.root(),
            read: step.read(tree, self.source.tree),
            replaces: output.replaces.clone(),
            carries,
            writes: output.writes.clone(),
            output: after.root(),
            records: output.records.clone(),
            measurements: output.measurements.clone(),
            observations: finished.observations.clone(),
            signature: None,
        };
        link.sign(self.options.key)
            .map_err(|error| self.not_a_tree(position, &format!("its measurements cannot be signed: {error}")))?;
        Ok((link, after))
    }

    fn not_a_tree(&self, position: usize, problem: &str) -> RunError {
        let step = &self.plan.steps[position];
        RunError::Output { index: step.stage_index, stage: step.stage_type.clone(), problem: problem.into() }
    }
}

/// What a domain learned, reduced to the members a run may add.
pub(crate) fn learned(foundry: Foundry<'_>, plan: &Plan, chain: &Chain, tree: &Tree) -> Map<String, Value> {
    let domains = plan.recipe.domains().iter().filter_map(|id| foundry.registry.domain(id).ok());
    let members = domains.flat_map(|domain| domain.learned(chain, tree));
    members.filter(|(name, _)| aw_alloy::recipe::RUN_MEMBERS.contains(&name.as_str())).collect()
}

/// A path for a file the foundry itself puts beside the tree.
pub(crate) fn own_path(path: &str) -> TreePath {
    TreePath::new(path).expect("made of checked names")
}
