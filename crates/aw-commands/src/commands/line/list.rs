//! `line/list`: what stands where.

use std::path::PathBuf;

use aw_line::{Root, Station};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::support;
use crate::environment::Environment;
use crate::exit::ExitCode;
use crate::registry::{About, Command, Example, Outcome, Reach, Surface};
use crate::report::Report;

pub(super) fn command() -> Command {
    let about = About {
        name: "line/list",
        summary: "Lists the parts of the line, station by station",
        details: "Waiting parts stand in the order in which they will be taken. A file that is no part, or a part that cannot be read, is \
                  told beside the others and does not end the listing. Nothing is changed, and no worker is needed.",
        reach: Reach::Local,
        examples: &[
            Example { what: "every part", line: "line list --root line-1" },
            Example { what: "what failed, and why", line: "line list rework" },
        ],
        exit_codes: &[ExitCode::Ok, ExitCode::Environment],
    };
    Command::new(about, run)
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    /// One station alone: `intake`, `assembly`, `finished`, `rework` or `deferred`.
    #[schemars(extend("x-position" = 1))]
    station: Option<String>,
    /// The line's folder; the working folder when not given.
    #[schemars(extend("x-value-name" = "FOLDER"))]
    root: Option<PathBuf>,
}

/// The parts of a line.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LineListResult {
    /// The line's folder.
    pub root: PathBuf,
    /// The parts, station by station.
    pub parts: Vec<PartView>,
    /// What stands in the stations and is no part, or cannot be read.
    pub oddities: Vec<OddityView>,
}

impl Outcome for LineListResult {}

/// One part.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PartView {
    /// Its station.
    pub station: String,
    /// Its file.
    pub file: String,
    /// Its name.
    pub part: String,
    /// What the recipe is called.
    pub name: Option<String>,
    /// The recipe's version.
    pub version: Option<String>,
    /// What it is made from.
    pub base_model: Option<String>,
    /// What kind of thing that is.
    pub architecture: Option<String>,
    /// What the part is for.
    pub workload_type: String,
    /// How often its worker died.
    pub retries: u32,
    /// When its file was last changed: the order of intake.
    pub modified: String,
    /// Why it failed, in rework.
    pub error: Option<String>,
    /// Where its artifact lies, in finished, relative to the root.
    pub forged_dir: Option<String>,
}

/// Something that is no part.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OddityView {
    /// The file or folder.
    pub path: PathBuf,
    /// What is wrong with it, and what would be right.
    pub reason: String,
}

fn run(_: &Environment, parameters: Parameters, _: &Surface<'_>) -> Result<LineListResult, Report> {
    let root = support::open(parameters.root.as_deref())?;
    let stations = match parameters.station.as_deref() {
        None => Station::ALL.to_vec(),
        Some(text) => vec![text.parse::<Station>().map_err(|error| support::wrong("station", error.to_string()))?],
    };
    let mut result = LineListResult { root: root.folder().to_owned(), parts: Vec::new(), oddities: Vec::new() };
    for station in stations {
        let listing = root.list(station).map_err(support::line)?;
        result.oddities.extend(listing.oddities.iter().map(OddityView::of));
        for part in &listing.parts {
            let (summary, odd) = match part.summary(&root) {
                Ok(summary) => (summary, None),
                Err(odd) => (aw_line::Summary::default(), Some(odd)),
            };
            result.oddities.extend(odd.iter().map(OddityView::of));
            result.parts.push(PartView::of(&root, part, summary));
        }
    }
    Ok(result)
}

impl OddityView {
    pub(super) fn of(oddity: &aw_line::Oddity) -> Self {
        Self { path: oddity.path.clone(), reason: oddity.reason.clone() }
    }
}

impl PartView {
    fn of(root: &Root, part: &aw_line::Part, summary: aw_line::Summary) -> Self {
        let beside = |ending: &str, member: &str| {
            let value = support::sidecar(root, part.station, &part.name, ending)?;
            value[member].as_str().map(str::to_owned)
        };
        Self {
            station: part.station.to_string(),
            file: part.name.file(),
            part: part.name.to_string(),
            name: summary.title,
            version: summary.version,
            base_model: summary.base_model,
            architecture: summary.architecture,
            workload_type: summary.workload_type,
            retries: part.name.retries(),
            modified: aw_line::spell(part.modified),
            error: if part.station == Station::Rework { beside("error.json", "error") } else { None },
            forged_dir: if part.station == Station::Finished { beside("result.json", "forged_dir") } else { None },
        }
    }
}
