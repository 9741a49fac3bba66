//! Where a part stands.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One of the five folders a part can be in. Foundry and line, section 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Station {
    /// Waiting to be built.
    Intake,
    /// Being built.
    Assembly,
    /// Built, with its result.
    Finished,
    /// Failed, with its error.
    Rework,
    /// Parked by a person.
    Deferred,
}

impl Station {
    /// Every station, in the order parts go through them.
    pub const ALL: [Self; 5] = [Self::Intake, Self::Assembly, Self::Finished, Self::Rework, Self::Deferred];

    /// The name of its folder.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Intake => "intake",
            Self::Assembly => "assembly",
            Self::Finished => "finished",
            Self::Rework => "rework",
            Self::Deferred => "deferred",
        }
    }
}

impl fmt::Display for Station {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that names no station.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no station; the stations are intake, assembly, finished, rework and deferred")]
pub struct NoStation(String);

impl FromStr for Station {
    type Err = NoStation;

    fn from_str(text: &str) -> Result<Self, NoStation> {
        Self::ALL.into_iter().find(|station| station.name() == text).ok_or_else(|| NoStation(text.chars().take(64).collect()))
    }
}
