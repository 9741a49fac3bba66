//! A domain of three stages that count how often they run: `fire` changes a file and writes a record, `weigh` measures, `pack`
//! carries. A fourth, `stumble`, is heavy and goes wrong in the way it is told. A fifth, `rate`, says after each cycle how burnt the pot is.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aw_alloy::chain::Link;
use aw_alloy::decimal::Decimal;
use aw_alloy::gates::regression::{Limits, Series};
use aw_alloy::keys::SecretKey;
use aw_alloy::recipe::{Notation, Recipe};
use aw_alloy::text::Node;
use aw_domain::{
    Carry, Context, Domain, Estimate, Executor, Failure, Inputs, Output, Phase, PlanRequest, Problem, Reads, Registry, Source,
    SourceRequest, Stage, StageType, TreePath,
};
use aw_foundry::{Event, Foundry, Plan, PlanError, Run, RunError, RunOptions, WorkerCommand, plan, run};
use aw_store::Store;
use serde_json::{Value, json};

pub struct Pottery {
    runs: Arc<AtomicUsize>,
}

#[derive(Clone)]
struct Work {
    kind: Kind,
    runs: Arc<AtomicUsize>,
}

#[derive(Clone, Copy)]
enum Kind {
    Fire,
    Weigh,
    Pack,
    Stumble,
    Rate,
}

fn path(text: &str) -> TreePath {
    TreePath::new(text).unwrap()
}

impl Domain for Pottery {
    fn id(&self) -> &str {
        "pottery"
    }

    fn version(&self) -> &str {
        "1"
    }

    fn type_byte(&self) -> u8 {
        0xff
    }

    fn stage_types(&self) -> Vec<StageType> {
        let here = |name, phase, kind, schema| {
            let executor = Executor::Here(Arc::new(Work { kind, runs: self.runs.clone() }));
            StageType::new(name, "", phase, schema, executor)
        };
        let none = json!({"type": "object", "additionalProperties": false, "properties": {}});
        let fire = json!({"type": "object", "additionalProperties": false, "required": ["degrees"],
            "properties": {"degrees": {"type": "integer"}, "crack": {"type": "boolean"}}});
        vec![
            here("fire", Phase::Transform, Kind::Fire, fire),
            here(
                "stumble",
                Phase::Transform,
                Kind::Stumble,
                json!({"type": "object", "properties": {"how": {"type": "string"}}}),
            ),
            here("weigh", Phase::Delivery, Kind::Weigh, none.clone()),
            here("rate", Phase::Delivery, Kind::Rate, json!({"type": "object"})),
            here("pack", Phase::Delivery, Kind::Pack, none.clone()),
            StageType::new("sell", "", Phase::Delivery, none, Executor::DeclaredOnly),
        ]
    }

    fn source(&self, request: &SourceRequest<'_>) -> Result<Source, Vec<Problem>> {
        let folder = request.recipe_folder.join(&request.recipe.root().source.base_model);
        let files = vec![path("clay"), path("glaze/red")];
        Ok(Source { folder, files, placed_under: "pot", pinned_root: None, facts: json!({"kiln": 1300}), remote: None })
    }

    fn watched(&self, links: &[Link]) -> Vec<Series> {
        let rated: Vec<&Link> = links.iter().filter(|link| link.stage_type == "rate").collect();
        let Some(last) = rated.last() else { return Vec::new() };
        let after = rated.iter().map(|link| link.measurements["burnt"].as_u64().unwrap() as u32);
        let values = std::iter::once(1).chain(after).map(Decimal::from).collect();
        let limits = Limits::of(&Node::from_serde(&last.configuration["regression"])).unwrap_or_default();
        vec![Series { benchmark: "burnt".into(), values, limits, path: "chain".into() }]
    }

    fn card(&self, artifact: &aw_alloy::artifact::Artifact) -> Option<String> {
        Some(format!("# {}\n\n{}\n", artifact.name(), artifact.id()))
    }
}

impl Stage for Work {
    fn code_version(&self) -> u32 {
        1
    }

    fn measures_cycles(&self) -> bool {
        matches!(self.kind, Kind::Rate)
    }

    fn reads(&self, _: &Value, _: &Recipe) -> Result<Reads, Vec<Problem>> {
        let source = matches!(self.kind, Kind::Weigh);
        Ok(Reads { folders: vec!["pot".into()], source, ..Reads::default() })
    }

    fn plan(&self, request: &PlanRequest<'_>) -> Result<Estimate, Vec<Problem>> {
        let kiln = request.facts["kiln"].as_i64().unwrap();
        if request.config["degrees"].as_i64().is_some_and(|degrees| degrees > kiln) {
            return Err(vec![Problem::new("too-hot", "degrees", format!("the kiln reaches {kiln} degrees"))]);
        }
        let heavy = matches!(self.kind, Kind::Stumble);
        Ok(Estimate { bytes_out: 100, memory_bytes: 1000, heavy, facts: request.facts.clone(), ..Estimate::default() })
    }

    fn run(&self, config: &Value, inputs: &Inputs, context: &mut Context<'_>) -> Result<Output, Failure> {
        self.runs.fetch_add(1, Ordering::SeqCst);
        context.check_cancelled()?;
        let clay = std::fs::read(inputs.folders["pot"].join("clay")).unwrap();
        let mut output = Output { measurements: json!({}), observations: json!({}), ..Output::default() };
        match self.kind {
            Kind::Fire => {
                let fired = format!("{} fired at {}", String::from_utf8(clay).unwrap(), config["degrees"]);
                output.writes.push(context.write(&path("pot/clay"), fired.as_bytes()).unwrap());
                output.records.push(context.write(&path("log"), context.now().as_bytes()).unwrap());
                if config["crack"] == true {
                    return Err(Failure::new("cracked", "the pot cracked").with_hint("fire it cooler"));
                }
            }
            Kind::Weigh => {
                let before = std::fs::read(inputs.source.as_ref().unwrap().join("clay")).unwrap();
                output.measurements = json!({"before": before.len(), "after": clay.len()});
                output.writes.push(context.write(&path("weights.json"), output.measurements.to_string().as_bytes()).unwrap());
            }
            Kind::Rate => {
                let fired = String::from_utf8(clay).unwrap().matches("fired").count();
                output.measurements = json!({"burnt": 1 + fired.pow(3)});
            }
            Kind::Stumble => {
                stumble(config["how"].as_str().unwrap(), context)?;
                output.writes.push(context.write(&path("pot/scar"), b"it went well after all").unwrap());
            }
            Kind::Pack => {
                output.replaces.push("pot".into());
                let carry = |from: &str, to: &str| Carry { from: path(from), path: path(to) };
                output.carries = vec![carry("pot/clay", "clay"), carry("pot/glaze/red", "red")];
            }
        }
        Ok(output)
    }
}

/// Goes wrong, or not.
fn stumble(how: &str, context: &Context<'_>) -> Result<(), Failure> {
    match how {
        "memory" => drop(std::hint::black_box(vec![1u8; 4 << 30])),
        "abort" => std::process::abort(),
        "hang" => loop {
            context.check_cancelled()?;
            std::thread::sleep(std::time::Duration::from_millis(5));
        },
        "not at all" => {}
        other => return Err(Failure::new("stumble", format!("cannot stumble `{other}`"))),
    }
    Ok(())
}

/// The registry a run and its worker share.
pub fn registry(runs: Arc<AtomicUsize>) -> Registry {
    let mut registry = Registry::new();
    registry.register(Arc::new(Pottery { runs }), "test").unwrap();
    registry.set_default(&["pottery"]).unwrap();
    registry
}

/// A folder with a source, a store and everything a run needs.
pub struct Workshop {
    pub folder: tempfile::TempDir,
    pub store: Store,
    registry: Registry,
    pub runs: Arc<AtomicUsize>,
    pub key: SecretKey,
}

pub const RECIPE: &str = "name: cup\nversion: 1.0.0\nsource: {baseModel: source, architecture: stoneware}\nstages:\n  - {type: fire, degrees: 1000}\n  - {type: weigh}\n  - {type: pack}\n";

impl Workshop {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("source/glaze")).unwrap();
        std::fs::write(folder.path().join("source/clay"), "clay").unwrap();
        std::fs::write(folder.path().join("source/glaze/red"), "red").unwrap();
        std::fs::write(folder.path().join("source/unrelated"), "not part of it").unwrap();
        let runs = Arc::new(AtomicUsize::new(0));
        let registry = registry(runs.clone());
        let store = Store::open(folder.path()).unwrap();
        Self { folder, store, registry, runs, key: SecretKey::from_bytes(&[9; 32]) }
    }

    pub fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    pub fn foundry(&self) -> Foundry<'_> {
        Foundry { registry: &self.registry, store: &self.store, offline: false }
    }

    pub fn plan(&self, recipe: &str) -> Result<Plan, PlanError> {
        let recipe = Recipe::read(recipe.as_bytes(), Notation::Yaml, &self.registry).map_err(PlanError::Refused)?;
        plan(self.foundry(), recipe, self.folder.path(), Some(1 << 30))
    }

    pub fn run(&self, recipe: &str) -> Result<Run, RunError> {
        self.run_with(recipe, &|| false, &|_| ())
    }

    pub fn run_with(
        &self,
        recipe: &str,
        cancelled: &(dyn Fn() -> bool + Sync),
        events: &(dyn Fn(Event) + Sync),
    ) -> Result<Run, RunError> {
        self.run_in(None, None, recipe, cancelled, events)
    }

    /// Runs with heavy stages in a child process under a memory limit.
    pub fn run_in(
        &self,
        worker: Option<WorkerCommand>,
        memory_limit: Option<u64>,
        recipe: &str,
        cancelled: &(dyn Fn() -> bool + Sync),
        events: &(dyn Fn(Event) + Sync),
    ) -> Result<Run, RunError> {
        let plan = self.plan(recipe).unwrap();
        let out = self.out();
        let code = json!({"runner": "test", "version": "1", "binaryHash": "sha256:00"});
        let options =
            RunOptions { key: &self.key, out: &out, threads: 2, memory_limit, worker, code, signer: None, cancelled, events };
        run(self.foundry(), &plan, &options)
    }

    /// Waits until the source's times are old enough to be trusted, and lets the index learn them.
    pub fn settle(&self) {
        std::thread::sleep(std::time::Duration::from_millis(2200));
        self.run(RECIPE).unwrap();
    }

    /// How many stages ran since the last time this was asked.
    pub fn ran(&self) -> usize {
        self.runs.swap(0, Ordering::SeqCst)
    }
}
