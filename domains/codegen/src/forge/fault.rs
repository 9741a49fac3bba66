//! Why the forge did not do what it was asked, in one shape for the program, HTTP and the control plane.

use serde_json::{Map, Value, json};

use crate::diagnostic::Diagnostic;

/// What kind of fault it is.
///
/// # Source
/// Codegen, section 12: exit codes and statuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The request is not one.
    Request,
    /// It names something that is not allowed here: a folder outside the roots, an origin outside the list.
    Forbidden,
    /// It names something that is not there.
    Missing,
    /// The change removes what somebody may use, and not everything removed was named.
    Destructive,
    /// Something else stands under that name.
    Conflict,
    /// More bytes than are read.
    TooLarge,
    /// A format that is not read.
    Format,
    /// The ontology does not hold against the shapes.
    Shapes,
    /// The ontology is not one that contracts can be made of, or its version step is too small.
    Ontology,
    /// A compiler refused what was generated, or could not be run.
    Smoke,
    /// Where the ontology is read from, or published to, does not answer as it should.
    Upstream,
    /// Disk, permissions, keys.
    Environment,
    /// It was asked to stop.
    Cancelled,
}

impl FaultKind {
    /// The HTTP status.
    pub const fn status(self) -> u16 {
        match self {
            Self::Request => 400,
            Self::Forbidden => 403,
            Self::Missing => 404,
            Self::Destructive | Self::Conflict => 409,
            Self::TooLarge => 413,
            Self::Format => 415,
            Self::Shapes | Self::Ontology | Self::Smoke => 422,
            Self::Environment => 500,
            Self::Upstream => 502,
            Self::Cancelled => 503,
        }
    }

    /// Its name: the last part of a problem document's `type`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Forbidden => "forbidden",
            Self::Missing => "missing",
            Self::Destructive => "destructive",
            Self::Conflict => "conflict",
            Self::TooLarge => "too-large",
            Self::Format => "format",
            Self::Shapes => "shapes",
            Self::Ontology => "ontology",
            Self::Smoke => "smoke",
            Self::Upstream => "upstream",
            Self::Environment => "environment",
            Self::Cancelled => "cancelled",
        }
    }

    /// What it is, in a few words.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Request => "The request is not valid",
            Self::Forbidden => "Not allowed here",
            Self::Missing => "Not found",
            Self::Destructive => "The change is destructive",
            Self::Conflict => "Something else stands there",
            Self::TooLarge => "Too large",
            Self::Format => "The format is not read here",
            Self::Shapes => "The ontology does not hold against the shapes",
            Self::Ontology => "No contracts can be made of the ontology",
            Self::Smoke => "Generated code was not accepted",
            Self::Upstream => "The other side does not answer as it should",
            Self::Environment => "The surroundings do not cooperate",
            Self::Cancelled => "Stopped",
        }
    }
}

/// Why the forge did not do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{detail}")]
pub struct Fault {
    /// Its kind.
    pub kind: FaultKind,
    /// What was wrong and what would be right, in a sentence.
    pub detail: String,
    /// Every single thing that was wrong, with its place.
    pub diagnostics: Vec<Diagnostic>,
    /// What else there is for programs, by name (`changes`, `report`).
    pub more: Map<String, Value>,
}

impl Fault {
    /// A fault with nothing but a sentence.
    pub fn new(kind: FaultKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), diagnostics: Vec::new(), more: Map::new() }
    }

    /// Adds what was wrong in detail.
    #[must_use]
    pub fn with(mut self, diagnostics: Vec<Diagnostic>) -> Self {
        self.diagnostics = diagnostics;
        self
    }

    /// Adds something for programs.
    #[must_use]
    pub fn and(mut self, name: &str, value: Value) -> Self {
        self.more.insert(name.to_owned(), value);
        self
    }

    /// The problem document of RFC 9457, with the diagnostics.
    pub fn problem(&self) -> Value {
        let mut document = json!({
            "type": format!("urn:alloyworks:codegen:problem:{}", self.kind.name()),
            "title": self.kind.title(),
            "status": self.kind.status(),
            "detail": self.detail,
            "diagnostics": self.diagnostics,
        });
        for (name, value) in &self.more {
            document[name] = value.clone();
        }
        document
    }
}
