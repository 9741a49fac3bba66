//! What is wrong with a document, and where.

use std::collections::BTreeMap;
use std::fmt;

use oxttl::TextPosition;

/// A place in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The line, from 1.
    pub line: u64,
    /// The column in characters, from 1.
    pub column: u64,
}

impl Place {
    /// The place of a byte of a text; a byte within a character is taken for its first one.
    pub(crate) fn of(text: &str, offset: usize) -> Self {
        let mut offset = offset.min(text.len());
        while !text.is_char_boundary(offset) {
            offset -= 1;
        }
        let before = &text[..offset];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let lines = before.bytes().filter(|it| *it == b'\n').count();
        Self { line: lines as u64 + 1, column: before[line_start..].chars().count() as u64 + 1 }
    }

    /// The places of several bytes by name, in one pass over the text.
    pub(crate) fn of_all(text: &str, offsets: BTreeMap<String, usize>) -> BTreeMap<String, Self> {
        let mut sorted: Vec<(usize, String)> = offsets.into_iter().map(|(name, at)| (at, name)).collect();
        sorted.sort();
        let (mut at, mut place) = (0, Self { line: 1, column: 1 });
        let placed = sorted.into_iter().map(|(offset, name)| {
            let mut offset = offset.clamp(at, text.len());
            while !text.is_char_boundary(offset) {
                offset -= 1;
            }
            let between = &text[at..offset];
            if let Some(end) = between.rfind('\n') {
                place.line += between.bytes().filter(|it| *it == b'\n').count() as u64;
                place.column = between[end + 1..].chars().count() as u64 + 1;
            } else {
                place.column += between.chars().count() as u64;
            }
            at = offset;
            (name, place)
        });
        placed.collect()
    }
}

impl From<TextPosition> for Place {
    fn from(position: TextPosition) -> Self {
        Self { line: position.line + 1, column: position.column + 1 }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// Why a document was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where, unless it concerns the document as a whole.
    pub place: Option<Place>,
    /// What is wrong.
    pub fault: Fault,
}

impl Problem {
    pub(crate) fn new(fault: Fault) -> Self {
        Self { place: None, fault }
    }

    pub(crate) fn at(place: Place, fault: Fault) -> Self {
        Self { place: Some(place), fault }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Some(place) => write!(f, "{place}: {}", self.fault),
            None => self.fault.fmt(f),
        }
    }
}

impl std::error::Error for Problem {}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// Bytes that are no UTF-8.
    #[error("byte {offset} begins no UTF-8 character; expected UTF-8")]
    Encoding {
        /// Where in the document.
        offset: usize,
    },
    /// Not the syntax it was handed over as.
    #[error("{0}")]
    Syntax(String),
    /// Correct JSON that breaks a rule of JSON-LD.
    #[error("{message} ({code})")]
    JsonLd {
        /// The error code of the JSON-LD 1.1 API, such as `invalid term definition`.
        code: &'static str,
        /// What was found and what is expected.
        message: String,
    },
    /// A context that lies elsewhere.
    #[error("the context <{iri}> lies elsewhere, and nothing is fetched while reading; write its terms into the document")]
    RemoteContext {
        /// Its IRI as it is written.
        iri: String,
    },
    /// The base IRI that was handed over is none.
    #[error("the base IRI <{iri}>: {message}; expected an absolute IRI")]
    Base {
        /// The base IRI.
        iri: String,
        /// What is wrong with it.
        message: String,
    },
    /// More than the limits allow.
    #[error("{what}: above the limit of {limit}")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
}

/// Something a document holds that is not in the graph made of it, though the document is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// Where, when it is one place.
    pub place: Option<Place>,
    /// What was left out.
    pub omission: Omission,
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Some(place) => write!(f, "{place}: {}", self.omission),
            None => self.omission.fmt(f),
        }
    }
}

/// What was left out of a graph.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Omission {
    /// A graph other than the default one.
    #[error("the named graph {name} with {statements} statements is not read; only the default graph is")]
    NamedGraph {
        /// Its name as it stands in N-Quads.
        name: String,
        /// How many statements it has, repeated ones included.
        statements: usize,
    },
    /// A JSON-LD member or value without a meaning in RDF.
    #[error("`{name}` is left out: {reason}")]
    Member {
        /// The member's name or the value.
        name: String,
        /// Why.
        reason: &'static str,
    },
    /// More remarks than are collected.
    #[error("{count} more remarks")]
    More {
        /// How many.
        count: usize,
    },
}
