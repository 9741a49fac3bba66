//! How the program ends: a closed list that scripts can rely on.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum ExitCode {
    /// Done, and the answer is yes.
    Ok = 0,
    /// Done, and the answer is no.
    No = 1,
    /// The command line or the parameters are wrong.
    Usage = 2,
    /// Refused before any work: the recipe, or what it needs.
    Refused = 3,
    /// A stage ran and failed.
    Stage = 4,
    /// It cannot be told.
    Unknown = 5,
    /// Disk, store, permissions: the surroundings do not cooperate.
    Environment = 6,
    /// A fault of this program.
    Bug = 70,
    /// Asked to stop.
    Cancelled = 130,
}

impl ExitCode {
    /// Every one, in order.
    pub const ALL: &[Self] = &[
        Self::Ok,
        Self::No,
        Self::Usage,
        Self::Refused,
        Self::Stage,
        Self::Unknown,
        Self::Environment,
        Self::Bug,
        Self::Cancelled,
    ];

    /// Its number.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// Its name in one word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::No => "no",
            Self::Usage => "usage",
            Self::Refused => "refused",
            Self::Stage => "stage",
            Self::Unknown => "unknown",
            Self::Environment => "environment",
            Self::Bug => "bug",
            Self::Cancelled => "cancelled",
        }
    }

    /// What it means, in a sentence or two.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "Done; where something was asked, the answer is yes.",
            Self::No => {
                "Done, and the answer is no: `verify` found something wrong, `judge` that it may not ship, `run` a result that regressed."
            }
            Self::Usage => "The command line or the parameters are wrong. Nothing was done.",
            Self::Refused => {
                "Refused before any work: the recipe has problems, what it points to is missing or another, or it would not fit."
            }
            Self::Stage => "A stage ran and failed. Finished stages are kept and do not run again.",
            Self::Unknown => "It cannot be told: `verify` met something it cannot check, or found nothing to check.",
            Self::Environment => "The surroundings do not cooperate: disk, store, key, permissions.",
            Self::Bug => "A fault of this program, not of what it was given.",
            Self::Cancelled => "Asked to stop (Ctrl-C, a termination signal). Finished stages are kept and do not run again.",
        }
    }
}

impl Serialize for ExitCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.number())
    }
}

impl JsonSchema for ExitCode {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ExitCode".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let numbers: Vec<u8> = Self::ALL.iter().map(|code| code.number()).collect();
        json_schema!({"description": "The number the program ends with.", "type": "integer", "enum": numbers})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_published_ones_and_distinct() {
        let numbers: Vec<u8> = ExitCode::ALL.iter().map(|code| code.number()).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6, 70, 130]);
    }
}
