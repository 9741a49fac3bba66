//! What the store remembers of a stage that ran: enough to make its link again.

use aw_domain::Output;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Version of the record's form; a record of another version is not a hit.
const VERSION: u32 = 1;

/// A finished stage.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FinishedStage {
    version: u32,
    /// What it made.
    pub(crate) output: Output,
    /// When, how long, with which program; the stage's own observations inside.
    pub(crate) observations: Value,
    /// How long it took, in seconds.
    pub(crate) seconds: f64,
}

impl FinishedStage {
    pub(crate) fn new(output: Output, observations: Value, seconds: f64) -> Self {
        Self { version: VERSION, output, observations, seconds }
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a record is plain JSON")
    }

    /// Reads a record; `None` when it is of another form and the stage must run again.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok().filter(|record: &Self| record.version == VERSION)
    }
}
