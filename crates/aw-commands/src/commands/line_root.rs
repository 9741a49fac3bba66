//! The root of a line and its node file, as the line's verbs and the shipping door take them, and how their errors are told.

use std::path::Path;

use aw_line::node::{NodeError, NodeFile};
use aw_line::{LineError, Root};

use crate::exit::ExitCode;
use crate::report::Report;

/// The line in a folder, or in the working folder.
pub(crate) fn open(root: Option<&Path>) -> Result<Root, Report> {
    let folder = std::path::absolute(root.unwrap_or(Path::new(".")))
        .map_err(|error| Report::from_error(ExitCode::Environment, "root", &error))?;
    Root::open(folder).map_err(line)
}

/// The node file of a line; what only a newer protocol knows is passed over there and told by `doctor`.
pub(crate) fn node_file(root: &Root) -> Result<NodeFile, Report> {
    NodeFile::read(root.folder()).map(|read| read.file).map_err(node)
}

/// Why a node file cannot be used.
pub(crate) fn node(error: NodeError) -> Report {
    match error {
        NodeError::Malformed { path, problems } => {
            Report::problems(ExitCode::Refused, "node-file", "the node file is refused for", Some(&path), problems)
        }
        NodeError::Missing(_) => Report::from_error(ExitCode::Refused, "no-node-file", &error)
            .hint("`alloyworks line init` makes a line with one; nothing is detected in its stead"),
        other => Report::from_error(ExitCode::Environment, "node-file", &other),
    }
}

/// Why something on the line could not be done.
pub(crate) fn line(error: LineError) -> Report {
    let (exit, code, hint) = match &error {
        LineError::Disk(_) => (ExitCode::Environment, "line-disk", None),
        LineError::Name(_) => (ExitCode::Usage, "part-name", None),
        LineError::NoRoot { .. } => {
            (ExitCode::Usage, "no-line", Some("name its folder with `--root`, or make one with `alloyworks line init`"))
        }
        LineError::Duplicate { .. } => (
            ExitCode::Refused,
            "duplicate-part",
            Some("a part's name is used once; `--name` gives it another, and a changed recipe another version"),
        ),
        LineError::NotThere { .. } => (ExitCode::Refused, "no-such-part", Some("`alloyworks line list` says what stands where")),
        LineError::WorkerAlive { .. } => {
            (ExitCode::Refused, "worker-alive", Some("stop it first, or start another one with `--worker NAME`"))
        }
        LineError::BadPart { .. } => (ExitCode::Refused, "bad-part", None),
        _ => (ExitCode::Environment, "line", None),
    };
    Report::from_error(exit, code, &error).hint_if(hint)
}
