//! What is wrong with a shapes graph.

use std::fmt;

use oxrdf::{NamedNode, Term};

/// The kinds of problems, each with a stable code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ProblemKind {
    /// The shape breaks a syntax rule of SHACL.
    IllFormed,
    /// SHACL knows it, or an extension does, and this crate does not.
    Unsupported,
    /// A shape refers to itself, directly or through others.
    Recursive,
    /// No shape has a target: nothing would be validated.
    NoTargets,
    /// The shape is larger than [`crate::Limits`] allow.
    Limit,
}

impl ProblemKind {
    /// The stable code, for example `E-SHAPE-UNSUPPORTED`.
    pub fn code(self) -> &'static str {
        match self {
            Self::IllFormed => "E-SHAPE-ILL-FORMED",
            Self::Unsupported => "E-SHAPE-UNSUPPORTED",
            Self::Recursive => "E-SHAPE-RECURSIVE",
            Self::NoTargets => "E-SHAPE-NO-TARGETS",
            Self::Limit => "E-SHAPE-LIMIT",
        }
    }
}

/// One thing wrong with a shapes graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What kind of problem.
    pub kind: ProblemKind,
    /// The node it is about; none when it is about the whole graph.
    pub node: Option<Term>,
    /// The predicate it is about.
    pub property: Option<NamedNode>,
    /// The value it is about.
    pub value: Option<Term>,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind.code())?;
        if let Some(node) = &self.node {
            write!(f, " at {node}")?;
        }
        if let Some(property) = &self.property {
            write!(f, ", {property}")?;
        }
        if let Some(value) = &self.value {
            write!(f, " {value}")?;
        }
        write!(f, ": {}", self.message)
    }
}

/// Why a shapes graph was refused: every problem found, sorted by node.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ShapesError {
    /// The problems; never empty.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ShapesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.problems.iter().enumerate() {
            write!(f, "{}{problem}", if at == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

/// Something of a shapes graph that is allowed and has no effect, although its author may have expected one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// The node it is about.
    pub node: Term,
    /// What has no effect, and why.
    pub message: String,
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.node, self.message)
    }
}
