//! `line/evict`: moves or deletes work that nothing needs any more.

use std::path::PathBuf;

use aw_line::evict::{Action, Done, Options, Trust, evict};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{cleaning, support};
use crate::environment::Environment;
use crate::exit::ExitCode;
use crate::registry::{About, Command, Example, Outcome, Reach, Surface};
use crate::report::Report;

pub(super) fn command() -> Command {
    let about = About {
        name: "line/evict",
        summary: "Moves work that nothing needs any more to a cold tier, or deletes it where that loses nothing",
        details: "Looks at every folder below `work/` and says why it stays or goes. Work named by a part that is not finished stays, and \
                  so does anything modified within 24 hours and the work of parts finished within 7 days; where anything is in doubt, \
                  the folder stays. The only copy of a finished part is never deleted: it is copied to a cold tier, held against the \
                  original byte for byte, and a link takes its place. Workers do the same before each part while the file system is \
                  more than 85 % full.",
        reach: Reach::Local,
        examples: &[
            Example { what: "what would go, and why the rest stays", line: "line evict --dry-run --root line-1" },
            Example { what: "only as far as room is needed", line: "line evict --when-full" },
        ],
        exit_codes: &[ExitCode::Ok, ExitCode::No, ExitCode::Environment],
    };
    Command::new(about, run).meaning(&[(ExitCode::No, "A folder was to go and could not; it is whole where it was.")])
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    /// The line's folder; the working folder when not given.
    #[schemars(extend("x-value-name" = "FOLDER"))]
    root: Option<PathBuf>,
    /// Only while the hot file system is more than 85 % full or below its floor, the longest untouched first.
    #[serde(default)]
    when_full: bool,
    /// Change nothing, and say what would be done.
    #[serde(default)]
    dry_run: bool,
}

/// What cleaning up did.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LineEvictResult {
    /// The line's folder.
    pub root: PathBuf,
    /// What became of each folder.
    #[serde(flatten)]
    pub done: Done,
    /// Why ages cannot be told; `null` when they can.
    pub clock_in_doubt: Option<String>,
    /// Whether nothing was changed.
    pub dry_run: bool,
}

impl Outcome for LineEvictResult {
    fn exit_code(&self) -> ExitCode {
        let failed = self.done.folders.iter().any(|evicted| evicted.action == Action::Failed);
        if failed { ExitCode::No } else { ExitCode::Ok }
    }
}

fn run(_: &Environment, parameters: Parameters, surface: &Surface<'_>) -> Result<LineEvictResult, Report> {
    let root = support::open(parameters.root.as_deref())?;
    let file = support::node_file(&root)?;
    let scene = cleaning::scene(&root, &file)?;
    let (trust, now) = cleaning::trust(&root, !parameters.dry_run)?;
    let options = Options { dry_run: parameters.dry_run, when_full: parameters.when_full, cancelled: &|| (surface.cancelled)() };
    let done = evict(&scene, now, &trust, options, &mut |evicted| cleaning::log(&root, evicted)).map_err(support::disk)?;
    let clock_in_doubt = match trust {
        Trust::Good => None,
        Trust::Doubt(reason) => Some(reason),
    };
    Ok(LineEvictResult { root: root.folder().to_owned(), done, clock_in_doubt, dry_run: parameters.dry_run })
}
