//! What the tests of the line share.

use std::fs;

use aw_line::{Line, NewPart, PartName, Root, Station, Turn};

pub fn name(text: &str) -> PartName {
    text.parse().unwrap()
}

pub fn new(stem: &str) -> NewPart {
    NewPart { name: PartName::new(stem).unwrap(), bytes: format!("{{\"name\":\"{stem}\"}}").into_bytes(), origin: None }
}

/// A folder that goes when it is dropped. Nothing here needs a real disk, and syncing one a thousand times is slow.
pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// A line on which these parts wait, in a folder that goes when it is dropped.
pub fn line(parts: &[&str]) -> (tempfile::TempDir, Root) {
    let folder = folder();
    let root = Root::init(folder.path().join("root")).unwrap();
    let parts: Vec<NewPart> = parts.iter().map(|stem| new(stem)).collect();
    for outcome in root.enqueue(&parts, Turn::Last).unwrap() {
        outcome.unwrap();
    }
    (folder, root)
}

/// Every file of the stations, with its station.
pub fn files(root: &Root) -> Vec<String> {
    let mut found = Vec::new();
    for station in Station::ALL {
        for entry in fs::read_dir(root.station(station)).unwrap() {
            found.push(format!("{station}/{}", entry.unwrap().file_name().to_str().unwrap()));
        }
    }
    found.sort();
    found
}

/// The log as words: outcome and file.
pub fn log(root: &Root) -> Vec<String> {
    let mut found = Vec::new();
    root.throughput()
        .read(0, |line| match line {
            Line::Known(entry) => {
                let outcome = serde_json::to_value(&entry.outcome).unwrap();
                found.push(format!("{} {}", outcome["outcome"].as_str().unwrap(), outcome["alloy"].as_str().unwrap_or("")));
            }
            other => panic!("{other:?}"),
        })
        .unwrap();
    found
}
