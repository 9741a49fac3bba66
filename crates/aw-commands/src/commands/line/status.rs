//! `line/status`: how the line is.

use std::path::PathBuf;

use aw_line::alerts::{self, Alert, Found};
use aw_line::needs::{Basis, Estimate, estimate};
use aw_line::node::NodeFile;
use aw_line::{Entry, Heartbeat, Part, Root, Seen, Station};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{cleaning, progress, recipe, support};
use crate::environment::Environment;
use crate::exit::ExitCode;
use crate::machine::Memory;
use crate::registry::{About, Command, Example, Outcome, Reach, Surface};
use crate::report::Report;

/// Parts that are told as the next.
const NEXT: usize = 3;
/// Events that are told as the last.
const EVENTS: usize = 5;

pub(super) fn command() -> Command {
    let about = About {
        name: "line/status",
        summary: "Says how the line is: workers, stations, disks, what comes next, and what needs somebody",
        details: "Reads the line's files and changes nothing; no worker is needed. A heartbeat whose worker is gone is told as stale, \
                  never as what it last said. With alerts that are critical the answer is no.",
        reach: Reach::Local,
        examples: &[
            Example { what: "how is the line in ./line-1", line: "line status --root line-1" },
            Example { what: "for another program", line: "line status --json" },
        ],
        exit_codes: &[ExitCode::Ok, ExitCode::No, ExitCode::Environment],
    };
    Command::new(about, run)
        .meaning(&[(ExitCode::No, "An alert is critical: nothing goes on, or something is lost, until somebody acts.")])
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    /// The line's folder; the working folder when not given.
    #[schemars(extend("x-value-name" = "FOLDER"))]
    root: Option<PathBuf>,
}

/// How a line is.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LineStatusResult {
    /// The line's folder.
    pub root: PathBuf,
    /// The node's name.
    pub node: String,
    /// What needs somebody, the most urgent first.
    pub alerts: Vec<Alert>,
    /// The workers that have a heartbeat here.
    pub workers: Vec<WorkerView>,
    /// How many parts stand where, by station.
    pub stations: Vec<StationView>,
    /// The node's disks, by tier.
    pub disks: Vec<DiskView>,
    /// What is taken next.
    pub next: Vec<NextView>,
    /// What happened last, the latest last.
    pub events: Vec<Value>,
}

impl Outcome for LineStatusResult {
    fn exit_code(&self) -> ExitCode {
        let critical = self.alerts.iter().any(|alert| alert.severity == alerts::Severity::Critical);
        if critical { ExitCode::No } else { ExitCode::Ok }
    }
}

/// A worker.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkerView {
    /// Its name; `null` for the one without.
    pub worker: Option<String>,
    /// How it is: `recovering`, `idle`, `building`, `offline`; `null` when that is not known.
    pub state: Option<String>,
    /// Whether its heartbeat says what is no longer so.
    pub stale_heartbeat: bool,
    /// Its process.
    pub pid: Option<u32>,
    /// The machine it runs on.
    pub host: Option<String>,
    /// The part it builds.
    pub current_part: Option<String>,
    /// The stage that part is at.
    pub stage: Option<String>,
    /// How far that stage is, 0 to 1.
    pub progress: Option<f64>,
    /// When it last said something.
    pub last_beat_at: Option<String>,
    /// Seconds since its part last got on.
    pub idle_seconds: Option<u64>,
}

/// A station.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StationView {
    /// Its name.
    pub station: String,
    /// How many parts stand there.
    pub parts: usize,
}

/// A disk.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DiskView {
    /// The tier: `hot`, `cold`.
    pub tier: String,
    /// What it is called.
    pub name: String,
    /// The folder.
    pub path: PathBuf,
    /// How full it is, in percent; `null` when it cannot be reached.
    pub full_percent: Option<u64>,
    /// What is free, in bytes.
    pub free_bytes: Option<u64>,
    /// What is to stay free, in bytes.
    pub floor_bytes: u64,
}

/// A part that is taken soon.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NextView {
    /// Its name.
    pub part: String,
    /// How long it is expected to take.
    pub estimate: Estimate,
}

fn run(_: &Environment, parameters: Parameters, _: &Surface<'_>) -> Result<LineStatusResult, Report> {
    let root = support::open(parameters.root.as_deref())?;
    let file = support::node_file(&root)?;
    status(&root, &file)
}

/// How a line is, from its files alone.
pub(super) fn status(root: &Root, file: &NodeFile) -> Result<LineStatusResult, Report> {
    let mut stations = Vec::new();
    let mut listed = Vec::new();
    let mut oddities: Vec<String> = Vec::new();
    for station in Station::ALL {
        let listing = root.list(station).map_err(support::line)?;
        stations.push(StationView { station: station.to_string(), parts: listing.parts.len() });
        oddities.extend(listing.oddities.iter().map(|odd| format!("`{}`: {}", odd.path.display(), odd.reason)));
        listed.push((station, listing.parts));
    }
    let twice = root.duplicates().map_err(support::line)?;
    oddities.extend(twice.iter().map(|odd| format!("`{}`: {}", odd.path.display(), odd.reason)));
    let of = |wanted: Station| {
        listed.iter().find(|(station, _)| *station == wanted).map(|(_, parts)| parts.as_slice()).unwrap_or_default()
    };
    let workers = workers(root)?;
    let disks = disks(root, file);
    let found = Found {
        disks: disks
            .iter()
            .map(|disk| alerts::Disk { name: disk.name.clone(), free_bytes: disk.free_bytes, floor_bytes: disk.floor_bytes })
            .collect(),
        memory_available_bytes: Memory::now().available_bytes,
        memory_limit_bytes: file.forge.memory_limit_bytes(),
        workers: workers.iter().map(|worker| alert_worker(worker, file)).collect(),
        waiting: of(Station::Intake).len(),
        rework: of(Station::Rework).iter().map(|part| failed(root, part)).collect(),
        oddities,
    };
    let (events, _) = root.throughput().last(EVENTS).map_err(support::disk)?;
    Ok(LineStatusResult {
        root: root.folder().to_owned(),
        node: file.node.name.clone(),
        alerts: alerts::alerts(&found),
        workers,
        stations,
        disks,
        next: next(root, file, of(Station::Intake))?,
        events: events.iter().map(event).collect(),
    })
}

/// A line of the log as JSON.
pub(super) fn event(entry: &Entry) -> Value {
    serde_json::to_value(entry).unwrap_or(Value::Null)
}

fn workers(root: &Root) -> Result<Vec<WorkerView>, Report> {
    let mut views = Vec::new();
    for name in root.workers().map_err(support::line)? {
        let Some(seen) = Heartbeat::look(root, &name).map_err(support::line)? else { continue };
        views.push(WorkerView::of(root, seen));
    }
    Ok(views)
}

impl WorkerView {
    fn of(root: &Root, seen: Seen) -> Self {
        let beat = seen.last.as_ref();
        let state = seen.state.and_then(|state| serde_json::to_value(state).ok()?.as_str().map(str::to_owned));
        let current_part = beat.and_then(|beat| beat.current_part.clone());
        let part = current_part.as_deref().and_then(|file| aw_line::PartName::of_file(file).ok());
        let told =
            part.map(|part| progress::path(&root.work(&part))).and_then(|path| std::fs::metadata(path).ok()?.modified().ok());
        Self {
            worker: seen.worker,
            state,
            stale_heartbeat: seen.stale_heartbeat,
            pid: beat.map(|beat| beat.pid),
            host: beat.map(|beat| beat.host.clone()),
            stage: beat.and_then(|beat| beat.stage.clone()),
            progress: beat.and_then(|beat| beat.progress),
            last_beat_at: beat.map(|beat| beat.last_beat_at.clone()),
            idle_seconds: told.and_then(cleaning::age),
            current_part,
        }
    }
}

fn alert_worker(worker: &WorkerView, file: &NodeFile) -> alerts::Worker {
    let alive = !worker.stale_heartbeat && worker.state.as_deref().is_some_and(|state| state != "offline");
    alerts::Worker {
        name: worker.worker.clone(),
        is_stale: worker.stale_heartbeat,
        is_alive: alive,
        part: worker.current_part.clone(),
        idle_seconds: worker.idle_seconds,
        interval_seconds: u64::from(file.grid.heartbeat_interval_seconds),
    }
}

fn disks(root: &Root, file: &NodeFile) -> Vec<DiskView> {
    let hot = &file.storage.hot;
    let view = |tier: &str, name: &str, path: PathBuf, floor_bytes: u64| {
        let space = aw_line::evict::fullness(&path).ok();
        DiskView {
            tier: tier.into(),
            name: name.into(),
            path,
            full_percent: space.map(|(percent, _)| percent),
            free_bytes: space.map(|(_, free)| free),
            floor_bytes,
        }
    };
    let cold = file.storage.cold.iter().filter(|tier| tier.fs_type != aw_line::node::FileSystem::S3);
    let cold = cold.map(|tier| view("cold", &tier.name, root.folder().join(&tier.path), tier.min_free_bytes()));
    std::iter::once(view("hot", "hot", root.folder().join(&hot.path), hot.min_free_bytes())).chain(cold).collect()
}

fn failed(root: &Root, part: &Part) -> alerts::Failed {
    let error = support::sidecar(root, Station::Rework, &part.name, "error.json").unwrap_or_default();
    let text = |name: &str| error[name].as_str().map(str::to_owned);
    alerts::Failed {
        part: part.name.to_string(),
        error: text("error").unwrap_or_else(|| "its error cannot be read".into()),
        stage: text("stage"),
        sidecars: part.sidecars.clone(),
    }
}

/// The parts that are taken next. What a part needed was found out when it was added; one that another program put there is told by what
/// parts like it took, or not at all: planning it here would read more than a status should.
fn next(root: &Root, file: &NodeFile, waiting: &[Part]) -> Result<Vec<NextView>, Report> {
    if waiting.is_empty() {
        return Ok(Vec::new());
    }
    let history = support::history(root)?;
    let one = |part: &Part| {
        let origin = recipe::origin(&root.station(Station::Intake).join(part.name.beside(recipe::ORIGIN))).ok().flatten();
        let content = aw_disk::read(&root.part(Station::Intake, &part.name), aw_line::PART_BYTES_MAX).ok().flatten();
        let content = content.map(|bytes| aw_alloy::digest::Digest::of(&bytes).to_string()).unwrap_or_default();
        let told = estimate(&aw_line::needs::Needs::default(), &content, &history, file, root.folder());
        let declared = origin.as_ref().and_then(recipe::estimated);
        let unknown = Estimate { seconds: None, basis: Basis::Unknown, transfer_seconds: None };
        let estimate = if told.basis == Basis::History { told } else { declared.unwrap_or(unknown) };
        NextView { part: part.name.to_string(), estimate }
    };
    Ok(waiting.iter().take(NEXT).map(one).collect())
}
