//! What is to be said about an ontology, in one shape for every surface.

use serde::{Deserialize, Serialize};

/// How much a diagnostic weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing is generated.
    Error,
    /// Something is lost or surprising; generation goes on.
    Warning,
    /// Worth knowing.
    Info,
}

/// One thing to say about an ontology: what, about which part of it, and for which target.
///
/// # Source
/// Codegen, section 14. Codes are stable: `E-…` are errors, `W-…` warnings, `I-…` information.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Diagnostic {
    /// What is wrong, for programs.
    pub code: String,
    /// How much it weighs.
    pub severity: Severity,
    /// What it is about: an IRI, a pointer into the model (`Type.member`), or a place in a file (`line 3, column 7`).
    pub subject: String,
    /// The target it is about, when it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// What is wrong and what would be right, for people.
    pub message: String,
}

impl Diagnostic {
    /// A diagnostic whose severity is that of its code's first letter.
    pub fn new(code: &'static str, subject: impl Into<String>, message: impl Into<String>) -> Self {
        let severity = match code.as_bytes().first() {
            Some(b'W') => Severity::Warning,
            Some(b'I') => Severity::Info,
            _ => Severity::Error,
        };
        Self { code: code.to_owned(), severity, subject: subject.into(), target: None, message: message.into() }
    }

    /// Says which target it is about.
    #[must_use]
    pub fn for_target(mut self, target: impl Into<String>) -> Self {
        self.target = Some(target.into());
        self
    }

    /// Whether it forbids generation.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// Sorts by subject, code and target, and drops repetitions: the order every surface shows.
pub fn sort(diagnostics: &mut Vec<Diagnostic>) {
    diagnostics.sort_by(|a, b| (&a.subject, &a.code, &a.target, &a.message).cmp(&(&b.subject, &b.code, &b.target, &b.message)));
    diagnostics.dedup();
}
