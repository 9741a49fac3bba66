//! What several of the verbs share.

use std::path::{Path, PathBuf};

use aw_line::Root;
use aw_line::needs::{History, Node, Space};
use aw_line::node::NodeFile;

use crate::environment::Environment;
use crate::exit::ExitCode;
use crate::machine::Memory;
use crate::report::{Place, Report};

pub(super) use crate::commands::line_root::{line, node, node_file, open};

/// Something wrong with a disk.
pub(super) fn disk(error: aw_disk::DiskError) -> Report {
    Report::from_error(ExitCode::Environment, "line-disk", &error)
}

/// A parameter that holds none of the accepted words.
pub(super) fn wrong(parameter: &str, message: String) -> Report {
    let place = Place { member: Some(parameter.to_owned()), ..Place::default() };
    Report::new(ExitCode::Usage, "parameters", message).at(place)
}

/// What the node has, for holding parts against it.
pub(super) fn surroundings<'a>(environment: &Environment, root: &'a Root, file: &'a NodeFile) -> Result<Node<'a>, Report> {
    let memory = Memory::now();
    let memory_bytes = match (memory.total_bytes, memory.container_limit_bytes) {
        (Some(total), Some(limit)) => Some(total.min(limit)),
        (total, limit) => total.or(limit),
    };
    let hot = file.storage.hot.folder(root.folder());
    Ok(Node {
        file,
        root: root.folder(),
        memory_bytes,
        hot: space(&hot, file.storage.hot.min_free_bytes())?,
        store: space(environment.home(), 0)?,
    })
}

/// A place on a disk; for a folder that is not there yet, the nearest that is.
pub(super) fn space(path: &Path, floor_bytes: u64) -> Result<Space, Report> {
    use std::os::unix::fs::MetadataExt;
    let told = |error: std::io::Error| {
        Report::new(ExitCode::Environment, "disk", format!("`{}` cannot be looked at: {error}", path.display()))
    };
    let absolute = std::path::absolute(path).map_err(told)?;
    let there: PathBuf = absolute.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("/")).to_owned();
    let meta = std::fs::metadata(&there).map_err(told)?;
    let (_, free_bytes) = aw_line::evict::fullness(&there).map_err(disk)?;
    Ok(Space { path: absolute, free_bytes, floor_bytes, device: meta.dev() })
}

/// How long earlier parts took, by their content.
pub(super) fn history(root: &Root) -> Result<History, Report> {
    use aw_line::{Line, Outcome};
    let mut history = History::default();
    let mut content = std::collections::BTreeMap::new();
    let mut started = std::collections::BTreeMap::new();
    let stem = |alloy: &str| aw_line::PartName::of_file(alloy).ok().map(|part| part.stem().to_owned());
    let log = root.throughput();
    log.read(0, |line| {
        let Line::Known(entry) = line else { return };
        let at = seconds(&entry.at);
        match &entry.outcome {
            Outcome::Enqueued { alloy, alloy_hash } => {
                content.extend(stem(alloy).map(|stem| (stem, alloy_hash.clone())));
            }
            Outcome::Started { alloy, .. } => started.extend(stem(alloy).zip(at)),
            Outcome::Finished { alloy, .. } => {
                let Some(stem) = stem(alloy) else { return };
                if let (Some(begun), Some(at), Some(content)) = (started.remove(&stem), at, content.get(&stem)) {
                    history.add(content, at - begun);
                }
            }
            _ => {}
        }
    })
    .map_err(disk)?;
    Ok(history)
}

/// A time of the log in seconds since 1970; `None` when it is none.
pub(super) fn seconds(text: &str) -> Option<f64> {
    let time = humantime::parse_rfc3339(text).ok()?;
    Some(time.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs_f64())
}

/// Reads a sidecar that is JSON; `None` when there is none or it is none.
pub(super) fn sidecar(
    root: &Root,
    station: aw_line::Station,
    part: &aw_line::PartName,
    ending: &str,
) -> Option<serde_json::Value> {
    let path = root.station(station).join(part.beside(ending));
    serde_json::from_slice(&aw_disk::read(&path, super::recipe::SIDECAR_BYTES_MAX).ok()??).ok()
}
