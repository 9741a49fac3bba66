//! What a run says while it goes, as surfaces send it: the written twin of the foundry's events.

use aw_domain::Unit;
use aw_foundry::Event;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::commands::plan::PlanResult;
use crate::commands::run::RunResult;
use crate::report::Report;

/// One thing that happened, one line of JSON. Steps count from 1, repeated cycles included.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum RunEvent {
    /// What the run is going to do.
    Planned(Box<PlanResult>),
    /// The source is being brought from elsewhere.
    SourceFetching {
        /// What is being done, in a few words.
        doing: String,
        /// Done so far.
        done: u64,
        /// All there is to do, when that is known.
        total: Option<u64>,
        /// What is counted.
        unit: ProgressUnit,
    },
    /// The source is being hashed.
    SourceHashing {
        /// Bytes hashed.
        done_bytes: u64,
        /// Bytes to hash.
        total_bytes: u64,
    },
    /// The source is known.
    SourceReady {
        /// Root of its tree.
        root: String,
        /// Its size in bytes.
        bytes: u64,
    },
    /// A service answers requests.
    ServiceReady {
        /// Where.
        address: String,
    },
    /// Something happened in a service.
    ServiceLog {
        /// What.
        what: String,
        /// Its particulars.
        details: Value,
    },
    /// A stage starts.
    StageStarted {
        /// Which step.
        step: usize,
        /// Of how many.
        steps: usize,
        /// The stage type.
        stage: String,
    },
    /// A stage goes on.
    StageProgress {
        /// Which step.
        step: usize,
        /// What it is doing, in a few words.
        doing: String,
        /// Done so far.
        done: u64,
        /// All there is to do, when that is known.
        total: Option<u64>,
        /// What is counted.
        unit: ProgressUnit,
    },
    /// A stage is done, or was done before.
    StageFinished {
        /// Which step.
        step: usize,
        /// Of how many.
        steps: usize,
        /// The stage type.
        stage: String,
        /// Whether it was in the store already.
        cached: bool,
        /// How long it took when it ran, in seconds.
        seconds: f64,
        /// Root of the tree after it.
        output: String,
    },
    /// A stage in the store is not whole any more and runs again.
    StageDamaged {
        /// Which step.
        step: usize,
        /// The stage type.
        stage: String,
        /// The first thing found wrong.
        reason: String,
    },
    /// The artifact is sealed.
    Sealed {
        /// Its id.
        artifact: String,
        /// Root of its files.
        output: String,
        /// Whether this very artifact was kept already.
        unchanged: bool,
    },
    /// The artifact lies in its folder.
    Placed {
        /// The folder.
        folder: String,
    },
    /// Something happened on a line.
    Line {
        /// What: an outcome of the log (`started`, `finished`, `rework`), `progress`, `idle`, `odd`, and others.
        what: String,
        /// The part concerned.
        part: Option<String>,
        /// Its particulars.
        details: Value,
    },
    /// Something this version of the surface has no words for, as the foundry said it.
    Other {
        /// What the foundry said.
        detail: Value,
    },
    /// The last line of a run that made an artifact.
    Result(Box<RunResult>),
    /// The last line of a run that did not.
    Error(Box<Report>),
}

/// What progress is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProgressUnit {
    /// Bytes.
    Bytes,
    /// Tokens.
    Tokens,
    /// Files.
    Files,
    /// Steps of any other kind.
    Steps,
}

impl From<Unit> for ProgressUnit {
    fn from(unit: Unit) -> Self {
        match unit {
            Unit::Bytes => Self::Bytes,
            Unit::Tokens => Self::Tokens,
            Unit::Files => Self::Files,
            Unit::Steps => Self::Steps,
        }
    }
}

impl From<Event> for RunEvent {
    fn from(event: Event) -> Self {
        match event {
            Event::SourceFetching { progress } => Self::SourceFetching {
                doing: progress.doing,
                done: progress.done,
                total: progress.total,
                unit: progress.unit.into(),
            },
            Event::SourceHashing { done_bytes, total_bytes } => Self::SourceHashing { done_bytes, total_bytes },
            Event::SourceReady { root, bytes } => Self::SourceReady { root: root.to_string(), bytes },
            Event::StageStarted { step, steps, stage } => Self::StageStarted { step, steps, stage },
            Event::StageProgress { step, progress } => Self::StageProgress {
                step,
                doing: progress.doing,
                done: progress.done,
                total: progress.total,
                unit: progress.unit.into(),
            },
            Event::StageFinished { step, steps, stage, cached, seconds, output } => {
                Self::StageFinished { step, steps, stage, cached, seconds, output: output.to_string() }
            }
            Event::StageDamaged { step, stage, reason } => Self::StageDamaged { step, stage, reason },
            Event::Sealed { artifact, output, unchanged } => {
                Self::Sealed { artifact: artifact.to_string(), output: output.to_string(), unchanged }
            }
            Event::Placed { folder } => Self::Placed { folder },
            other => Self::Other { detail: serde_json::to_value(other).unwrap_or(Value::Null) },
        }
    }
}
