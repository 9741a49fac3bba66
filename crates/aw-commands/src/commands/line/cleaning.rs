//! What cleaning up needs to know of a line, gathered from its stations.

use std::time::SystemTime;

use aw_line::evict::{Evicted, Finished, Live, Reading, Scene, Trust};
use aw_line::node::NodeFile;
use aw_line::{Line, Outcome, PART_BYTES_MAX, Root, Station};

use super::support;
use crate::report::Report;

/// The parts of a line, as cleaning up looks at them.
pub(super) fn scene<'a>(root: &'a Root, file: &'a NodeFile) -> Result<Scene<'a>, Report> {
    let mut live = Vec::new();
    for station in [Station::Intake, Station::Assembly, Station::Deferred, Station::Rework] {
        for part in root.list(station).map_err(support::line)?.parts {
            let text = aw_disk::read(&root.part(station, &part.name), PART_BYTES_MAX).ok().flatten();
            live.push(Live { stem: part.name.stem().to_owned(), station: station.to_string(), text });
        }
    }
    let mut ends: std::collections::BTreeMap<String, Vec<SystemTime>> = std::collections::BTreeMap::new();
    let mut published: std::collections::BTreeSet<String> = std::collections::BTreeSet::new();
    let stem = |alloy: &str| aw_line::PartName::of_file(alloy).ok().map(|part| part.stem().to_owned());
    root.throughput()
        .read(0, |line| {
            let Line::Known(entry) = line else { return };
            match &entry.outcome {
                Outcome::Finished { alloy, .. } => {
                    let Some(stem) = stem(alloy) else { return };
                    ends.entry(stem).or_default().extend(time(&entry.at));
                }
                Outcome::Shipped { alloy, .. } => published.extend(stem(alloy)),
                _ => {}
            }
        })
        .map_err(support::disk)?;
    let mut finished = Vec::new();
    for part in root.list(Station::Finished).map_err(support::line)?.parts {
        let stem = part.name.stem().to_owned();
        let mut times = ends.remove(&stem).unwrap_or_default();
        times.push(part.modified);
        let result = support::sidecar(root, Station::Finished, &part.name, "result.json");
        times.extend(result.as_ref().and_then(|result| time(result["completed_at"].as_str()?)));
        // Both the log and the receipt beside the part must say so: a copy elsewhere is not taken on one word.
        let receipt = part.sidecars.iter().any(|sidecar| *sidecar == part.name.beside("receipt.json"));
        let published = published.contains(&stem) && receipt;
        finished.push(Finished { stem, times, published });
    }
    Ok(Scene { root: root.folder(), file, live, finished })
}

fn time(text: &str) -> Option<SystemTime> {
    humantime::parse_rfc3339(text).ok()
}

/// Whether ages can be told by the clock; what it says is noted for the next time unless nothing may be changed.
pub(super) fn trust(root: &Root, remember: bool) -> Result<(Trust, SystemTime), Report> {
    let reading = Reading::now();
    let evidence = std::fs::metadata(root.log()).and_then(|meta| meta.modified()).ok();
    let trust = aw_line::evict::trust(root.folder(), &reading, evidence, remember).map_err(support::disk)?;
    Ok((trust, reading.wall))
}

/// Writes what was evicted into the log.
pub(super) fn log(root: &Root, evicted: &Evicted) -> Result<(), String> {
    use aw_line::evict::Action;
    let action = if evicted.action == Action::Moved { "moved" } else { "deleted" };
    let outcome = Outcome::Evicted { path: evicted.path.clone(), bytes: evicted.bytes, action: action.into() };
    root.hold().and_then(|held| held.note(&[outcome])).map_err(|error| error.to_string())
}

/// Seconds from a time until now; nothing for one to come.
pub(super) fn age(time: SystemTime) -> Option<u64> {
    Some(SystemTime::now().duration_since(time).ok()?.as_secs())
}
