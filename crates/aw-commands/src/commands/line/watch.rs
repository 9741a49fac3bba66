//! `line/watch`: tells what happens on the line, from another process than the workers'.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use aw_line::{Heartbeat, Line, PartName, Root};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{progress, support};
use crate::environment::Environment;
use crate::events::RunEvent;
use crate::exit::ExitCode;
use crate::registry::{About, Command, Example, Outcome, Reach, Surface};
use crate::report::Report;

/// How often the line's files are looked at.
const POLL: Duration = Duration::from_millis(250);

pub(super) fn command() -> Command {
    let about = About {
        name: "line/watch",
        summary: "Tells what happens on the line as it happens, whoever does it",
        details: "Follows the log and the progress of every part that is being built, from the files alone: it may run on another \
                  machine that sees the folder, and nothing it does reaches a worker. It ends when asked to, after `--seconds`, or with \
                  `--until-idle` when nothing waits and nothing is built.",
        reach: Reach::Local,
        examples: &[
            Example { what: "look on", line: "line watch --root line-1" },
            Example { what: "until the line is empty, a line of JSON for everything", line: "line watch --until-idle --json" },
        ],
        exit_codes: &[ExitCode::Ok, ExitCode::Environment, ExitCode::Cancelled],
    };
    Command::new(about, run).with_events()
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    /// The line's folder; the working folder when not given.
    #[schemars(extend("x-value-name" = "FOLDER"))]
    root: Option<PathBuf>,
    /// End when nothing waits and nothing is built.
    #[serde(default)]
    until_idle: bool,
    /// End after so many seconds.
    #[schemars(range(min = 1, max = 31_536_000), extend("x-value-name" = "N"))]
    seconds: Option<u64>,
    /// Begin with what is in the log already.
    #[serde(default)]
    from_start: bool,
}

/// What was seen.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LineWatchResult {
    /// The line's folder.
    pub root: PathBuf,
    /// How many events were told.
    pub events: u64,
    /// How long it was watched, in seconds.
    pub seconds: f64,
}

impl Outcome for LineWatchResult {}

fn run(_: &Environment, parameters: Parameters, surface: &Surface<'_>) -> Result<LineWatchResult, Report> {
    let root = support::open(parameters.root.as_deref())?;
    let started = Instant::now();
    let limit = parameters.seconds.map(Duration::from_secs);
    let mut watcher = Watcher::new(&root, parameters.from_start)?;
    loop {
        watcher.look(surface)?;
        let over = limit.is_some_and(|limit| started.elapsed() >= limit);
        if over || (surface.cancelled)() || (parameters.until_idle && watcher.is_idle()?) {
            break;
        }
        std::thread::sleep(POLL);
    }
    let seconds = started.elapsed().as_secs_f64();
    Ok(LineWatchResult { root: root.folder().to_owned(), events: watcher.told, seconds })
}

/// Follows the log and the parts that are being built.
pub(super) struct Watcher<'a> {
    root: &'a Root,
    cursor: u64,
    building: BTreeMap<String, progress::Reader>,
    pub(super) told: u64,
}

impl<'a> Watcher<'a> {
    pub(super) fn new(root: &'a Root, from_start: bool) -> Result<Self, Report> {
        let cursor = if from_start { 0 } else { root.throughput().last(0).map_err(support::disk)?.1 };
        Ok(Self { root, cursor, building: BTreeMap::new(), told: 0 })
    }

    /// Whether nothing waits and nothing is built.
    fn is_idle(&self) -> Result<bool, Report> {
        let stands = |station| -> Result<bool, Report> { Ok(!self.root.list(station).map_err(support::line)?.parts.is_empty()) };
        Ok(!stands(aw_line::Station::Intake)? && !stands(aw_line::Station::Assembly)?)
    }

    /// Tells what happened since the last look.
    pub(super) fn look(&mut self, surface: &Surface<'_>) -> Result<(), Report> {
        let mut tell = |what: &str, part: Option<String>, details: Value| {
            self.told += 1;
            (surface.event)(RunEvent::Line { what: what.to_owned(), part, details });
        };
        // Progress first: what a part told last belongs before the line that says where it went.
        let mut current = BTreeMap::new();
        for worker in self.root.workers().map_err(support::line)? {
            let Some(seen) = Heartbeat::look(self.root, &worker).map_err(support::line)? else { continue };
            let part = seen.last.filter(|_| !seen.stale_heartbeat).and_then(|beat| beat.current_part);
            if let Some(name) = part.and_then(|file| PartName::of_file(&file).ok()) {
                let reader = self.building.remove(name.stem());
                current.insert(name.stem().to_owned(), reader.unwrap_or_else(|| progress::Reader::new(&self.root.work(&name))));
            }
        }
        let gone = std::mem::take(&mut self.building);
        for (stem, mut reader) in gone {
            reader.read().into_iter().for_each(|event| tell("progress", Some(stem.clone()), event));
        }
        for (stem, reader) in &mut current {
            reader.read().into_iter().for_each(|event| tell("progress", Some(stem.clone()), event));
        }
        self.building = current;
        let log = self.root.throughput();
        self.cursor = log
            .read(self.cursor, |line| match line {
                Line::Known(entry) => {
                    let details = super::status::event(&entry);
                    let part = details["alloy"].as_str().map(|file| file.trim_end_matches(".alloy.json").to_owned());
                    tell(details["outcome"].as_str().unwrap_or("event"), part, details.clone());
                }
                Line::Unknown(outcome) => tell(&outcome, None, Value::Null),
                Line::Bad(odd) => tell("bad-line", None, json!({"path": odd.path, "reason": odd.reason})),
            })
            .map_err(support::disk)?;
        Ok(())
    }
}
