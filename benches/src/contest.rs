//! Runs the contenders of a row in turns, A B C A B C, so that whatever else the machine does falls on all of them alike.

use std::process::Command;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::BenchError;
use crate::machine::load;
use crate::process::{Ended, Taken, line, measure, wait_for_quiet};

/// Makes of what a process said what is recorded of it.
type Read<'a> = Box<dyn Fn(&Ended) -> Result<Value, BenchError> + 'a>;

/// One of those compared in a row.
pub struct Contender<'a> {
    /// Its name in the tables.
    pub name: &'a str,
    /// Brings everything to the state it starts from; not timed.
    pub prepare: Box<dyn Fn() -> Result<(), BenchError> + 'a>,
    /// The whole process that is timed.
    pub command: Box<dyn Fn() -> Command + 'a>,
    /// Reads what it said, after checking that it did its work; not timed.
    pub read: Read<'a>,
}

/// One run of one contender: a line of the raw results.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sample {
    /// The row.
    pub row: String,
    /// The contender.
    pub contender: String,
    /// Which turn, from 1.
    pub round: usize,
    /// Its command line.
    pub command: String,
    /// Runnable processes of the machine just before, averaged over a minute.
    pub load: f64,
    /// What it took.
    pub taken: Taken,
    /// What it said of itself.
    pub said: Value,
}

/// Runs every contender once a round.
pub fn run(
    row: &str,
    contenders: &[Contender<'_>],
    rounds: usize,
    patience: Duration,
    keep: &mut dyn FnMut(&Sample) -> Result<(), BenchError>,
) -> Result<(), BenchError> {
    for round in 1..=rounds {
        for contender in contenders {
            wait_for_quiet(patience);
            (contender.prepare)()?;
            // What was written before must not be written back on this one's time.
            rustix::fs::sync();
            let load = load();
            let mut command = (contender.command)();
            let ended = measure(&mut command)?;
            let said = (contender.read)(&ended)?;
            let (row, name) = (row.to_owned(), contender.name.to_owned());
            let sample = Sample { row, contender: name, round, command: line(&command), load, taken: ended.taken, said };
            keep(&sample)?;
        }
    }
    Ok(())
}

/// Prepares nothing.
pub fn nothing() -> Result<(), BenchError> {
    Ok(())
}

/// Reads the last line of what was said as JSON.
pub fn last_json(ended: &Ended) -> Result<Value, BenchError> {
    let last = ended.out.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("");
    serde_json::from_str(last).map_err(|_| BenchError::Answer {
        command: "the program measured".into(),
        expected: "a line of JSON at the end",
        got: last.chars().take(200).collect(),
    })
}
