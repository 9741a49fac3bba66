//! The raw results: lines of JSON, one file a day, never rewritten.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::contest::Sample;
use crate::error::{At, BenchError};
use crate::machine::Machine;

/// A line.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "kebab-case")]
enum Line {
    /// A session starts.
    Machine(Machine),
    /// One run of one contender.
    Sample {
        /// The session.
        session: String,
        /// The run.
        #[serde(flatten)]
        sample: Sample,
    },
    /// A row is whole.
    Done {
        /// The session.
        session: String,
        /// The row.
        row: String,
    },
}

/// Appends a session's lines.
pub struct Writer {
    path: PathBuf,
    file: File,
    session: String,
    replaced: Vec<(String, &'static str)>,
}

impl Writer {
    /// Opens the day's file under `folder` and writes the machine's line. Paths in `replaced` are written by their names.
    pub fn open(folder: &Path, machine: &Machine, replaced: Vec<(String, &'static str)>) -> Result<Self, BenchError> {
        let folder = folder.join("results");
        fs::create_dir_all(&folder).at("make", &folder)?;
        let day = machine.session.split('T').next().unwrap_or(&machine.session);
        let path = folder.join(format!("{day}.jsonl"));
        let file = OpenOptions::new().create(true).append(true).open(&path).at("open", &path)?;
        let mut writer = Self { path, file, session: machine.session.clone(), replaced };
        let machine = Machine { arguments: writer.portable(&machine.arguments), ..machine.clone() };
        writer.line(&Line::Machine(machine))?;
        Ok(writer)
    }

    /// Appends one run.
    pub fn sample(&mut self, sample: &Sample) -> Result<(), BenchError> {
        let sample = Sample { command: self.portable(&sample.command), ..sample.clone() };
        self.line(&Line::Sample { session: self.session.clone(), sample })
    }

    /// Marks a row as whole.
    pub fn done(&mut self, row: &str) -> Result<(), BenchError> {
        self.line(&Line::Done { session: self.session.clone(), row: row.to_owned() })
    }

    fn portable(&self, text: &str) -> String {
        self.replaced.iter().fold(text.to_owned(), |text, (path, name)| text.replace(path, name))
    }

    fn line(&mut self, line: &Line) -> Result<(), BenchError> {
        let mut text = serde_json::to_string(line).expect("a line is plain JSON");
        text.push('\n');
        self.file.write_all(text.as_bytes()).at("write", &self.path)
    }
}

/// A row's newest whole session.
pub struct Measured {
    /// What it was taken on.
    pub machine: Machine,
    /// Its runs.
    pub samples: Vec<Sample>,
}

/// Reads the newest whole session of every row.
pub fn newest(folder: &Path) -> Result<BTreeMap<String, Measured>, BenchError> {
    let folder = folder.join("results");
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(&folder).at("list", &folder)? {
        files.push(entry.at("list", &folder)?.path());
    }
    files.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    files.sort();
    let mut lines = Vec::new();
    for path in files {
        let text = fs::read_to_string(&path).at("read", &path)?;
        for (at, line) in text.lines().enumerate() {
            let line =
                serde_json::from_str(line).map_err(|source| BenchError::Results { path: path.clone(), line: at + 1, source })?;
            lines.push(line);
        }
    }
    Ok(gather(lines))
}

fn gather(lines: Vec<Line>) -> BTreeMap<String, Measured> {
    let mut machines: BTreeMap<String, Machine> = BTreeMap::new();
    let mut samples: BTreeMap<(String, String), Vec<Sample>> = BTreeMap::new();
    let mut whole: BTreeSet<(String, String)> = BTreeSet::new();
    for line in lines {
        match line {
            Line::Machine(machine) => drop(machines.insert(machine.session.clone(), machine)),
            Line::Sample { session, sample } => samples.entry((sample.row.clone(), session)).or_default().push(sample),
            Line::Done { session, row } => drop(whole.insert((row, session))),
        }
    }
    let mut newest = BTreeMap::new();
    // Sessions are named by their start, so a later one of the same row comes later and replaces the earlier.
    for (row, session) in whole {
        if let (Some(machine), Some(samples)) = (machines.get(&session), samples.remove(&(row.clone(), session))) {
            newest.insert(row, Measured { machine: machine.clone(), samples });
        }
    }
    newest
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::process::Taken;

    fn machine(session: &str) -> Machine {
        let text = "?".to_owned();
        Machine {
            session: session.into(),
            arguments: "prune --python /opt/py".into(),
            processor: text.clone(),
            cores: 1,
            memory_bytes: 1,
            kernel: text.clone(),
            file_system: text.clone(),
            nice: 0,
            commit: text,
        }
    }

    fn sample(row: &str, round: usize) -> Sample {
        let taken = Taken { wall_s: round as f64 + 0.1, ..Taken::default() };
        Sample {
            row: row.into(),
            contender: "cp".into(),
            round,
            command: "/opt/py /x/y".into(),
            load: 0.5,
            taken,
            said: serde_json::Value::Null,
        }
    }

    #[test]
    fn the_newest_whole_session_of_a_row_is_read_back() {
        let folder = std::env::temp_dir().join(format!("alloyworks-benches-results-{}", std::process::id()));
        for (session, rounds, whole) in
            [("2026-01-02T00:00:00Z", 1, true), ("2026-01-03T00:00:00Z", 2, true), ("2026-01-04T00:00:00Z", 3, false)]
        {
            let mut writer = Writer::open(&folder, &machine(session), vec![("/opt/py".into(), "PYTHON")]).unwrap();
            for round in 1..=rounds {
                writer.sample(&sample("prune", round)).unwrap();
            }
            if whole {
                writer.done("prune").unwrap();
            }
        }
        let found = newest(&folder).unwrap();
        fs::remove_dir_all(&folder).unwrap();
        let measured = &found["prune"];
        assert_eq!(measured.machine.session, "2026-01-03T00:00:00Z");
        assert_eq!(measured.machine.arguments, "prune --python PYTHON");
        assert_eq!(measured.samples.len(), 2);
        assert_eq!(measured.samples[1].command, "PYTHON /x/y");
        assert_eq!(measured.samples[1].taken.wall_s.to_bits(), 2.1f64.to_bits());
    }
}
