//! `line/init`: makes a line in a folder.

use std::path::PathBuf;

use aw_line::Root;
use aw_line::node::{Machine, NodeFile, template};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::support;
use crate::environment::Environment;
use crate::exit::ExitCode;
use crate::machine::{self, Memory};
use crate::registry::{About, Command, Example, Outcome, Reach, Surface};
use crate::report::Report;

pub(super) fn command() -> Command {
    let about = About {
        name: "line/init",
        summary: "Makes a line: its stations, and the file that says what this node is",
        details: "The folder becomes the root of a line: `line/` with the five stations, `work/`, `calibration/`, and \
                  `factory_node.toml`, which says what this machine is and explains every key. A node file that is there is never \
                  replaced.",
        reach: Reach::Local,
        examples: &[
            Example { what: "a line in ./line-1", line: "line init line-1" },
            Example { what: "what the node file would say", line: "line init line-1 --dry-run" },
        ],
        exit_codes: &[ExitCode::Ok, ExitCode::Refused, ExitCode::Environment],
    };
    Command::new(about, run)
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    /// The folder; made when it is not there.
    #[schemars(extend("x-position" = 1, "x-value-name" = "FOLDER"))]
    root: PathBuf,
    /// What the node is called; the machine's name when not given.
    #[schemars(extend("x-value-name" = "NAME"))]
    name: Option<String>,
    /// What the node does: `forge` builds parts, `ship` judges and publishes them, `both` does both. `both` when not given.
    #[schemars(extend("x-value-name" = "ROLE"))]
    role: Option<String>,
    /// Make nothing, and say what the node file would be.
    #[serde(default)]
    dry_run: bool,
}

/// A line that was made.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LineInitResult {
    /// The root.
    pub root: PathBuf,
    /// The node's name.
    pub name: String,
    /// The node file.
    pub node_file: PathBuf,
    /// Its text.
    pub text: String,
    /// Whether nothing was made.
    pub dry_run: bool,
}

impl Outcome for LineInitResult {}

fn run(_: &Environment, parameters: Parameters, _: &Surface<'_>) -> Result<LineInitResult, Report> {
    let environment = |error: std::io::Error| Report::from_error(ExitCode::Environment, "root", &error);
    let root = std::path::absolute(&parameters.root).map_err(environment)?;
    let node_file = root.join(aw_line::node::NODE_FILE);
    if node_file.symlink_metadata().is_ok() {
        let message = format!("`{}` is there already; it is left as it is", node_file.display());
        return Err(Report::new(ExitCode::Refused, "line-exists", message).hint("edit it, or name another folder"));
    }
    let role = parameters.role.as_deref().unwrap_or("both");
    if !["forge", "ship", "both"].contains(&role) {
        return Err(support::wrong("role", format!("`{role}` is no role; expected `forge`, `ship` or `both`")));
    }
    let hostname = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let name = parameters.name.unwrap_or_else(|| hostname.clone());
    let memory = Memory::now();
    let there = root.ancestors().find(|folder| folder.exists()).unwrap_or(&root);
    let space = rustix::fs::statvfs(there).map_err(|error| environment(error.into()))?;
    let text = template(&Machine {
        name: name.clone(),
        hostname,
        role: role.to_owned(),
        memory_bytes: memory.container_limit_bytes.or(memory.total_bytes),
        threads: machine::threads(),
        disk_bytes: space.f_blocks.saturating_mul(space.f_frsize),
        free_bytes: space.f_bavail.saturating_mul(space.f_frsize),
        fs_type: file_system(there),
    });
    if let Err(problems) = NodeFile::parse(text.as_bytes()) {
        return Err(Report::problems(ExitCode::Usage, "parameters", "the node file would have", None, problems));
    }
    if !parameters.dry_run {
        Root::init(&root).map_err(support::line)?;
        let aside = root.join(format!(".factory_node.{}.tmp", aw_disk::unique()));
        aw_disk::write_new(&aside, text.as_bytes()).map_err(support::disk)?;
        let made = aw_disk::rename_new(&aside, &node_file).map_err(support::disk)?;
        if !made {
            aw_disk::remove_file(&aside).map_err(support::disk)?;
            return Err(Report::new(ExitCode::Refused, "line-exists", format!("`{}` is there already", node_file.display())));
        }
        aw_disk::sync_dir(&root).map_err(support::disk)?;
    }
    Ok(LineInitResult { root, name, node_file, text, dry_run: parameters.dry_run })
}

/// The kind of the file system a folder is on, where it is one that the node file knows by name.
fn file_system(folder: &std::path::Path) -> Option<String> {
    let folder = std::fs::canonicalize(folder).ok()?;
    let mounts = std::fs::read_to_string("/proc/self/mounts").ok()?;
    let mounted = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        let (place, kind) = (words.next()?, words.next()?);
        folder.starts_with(place).then(|| (place.len(), kind.to_owned()))
    });
    let (_, kind) = mounted.max_by_key(|(length, _)| *length)?;
    ["ext4", "xfs", "drvfs", "nfs"].iter().find(|known| kind.starts_with(**known)).map(|known| (*known).to_owned())
}
