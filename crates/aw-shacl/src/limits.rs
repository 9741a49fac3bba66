//! How much work a validation may take.

use std::cell::Cell;

/// Bounds on what shapes and data may cost. What lies beyond is an error, never a shorter answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Shapes within shapes, counted along references.
    pub shape_depth: usize,
    /// Operators within operators in one path.
    pub path_depth: usize,
    /// Operators and predicates of one path.
    pub path_size: usize,
    /// Members of one RDF list.
    pub list_length: usize,
    /// Bytes of one regular expression, and of one SPARQL query.
    pub text_bytes: usize,
    /// Bytes of one compiled regular expression.
    pub regex_bytes: usize,
    /// Bytes of all compiled regular expressions, with what matching them keeps.
    pub regexes_bytes: usize,
    /// Bytes of one literal that a query reads or makes.
    pub literal_bytes: usize,
    /// Results of a report, with those of its details; one with long texts counts for several, one for each kilobyte.
    pub results: usize,
    /// Steps of a validation: nodes checked, triples looked at, terms a query touched.
    pub steps: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            shape_depth: 64,
            path_depth: 32,
            path_size: 1024,
            list_length: 1 << 20,
            text_bytes: 1 << 16,
            regex_bytes: 4 << 20,
            regexes_bytes: 512 << 20,
            literal_bytes: 1 << 20,
            results: 1_000_000,
            steps: 1_000_000_000,
        }
    }
}

/// A limit was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("validation took more than {limit} {what}; `Limits::{field}` is what allows more")]
pub struct LimitError {
    /// What was counted.
    pub what: &'static str,
    /// How much was allowed.
    pub limit: u64,
    /// The field of [`Limits`] that allows more.
    pub field: &'static str,
}

/// Counts steps. Shared with everything a query touches, therefore of cells.
#[derive(Debug)]
pub struct Budget {
    left: Cell<u64>,
    limit: u64,
    met: Cell<Option<LimitError>>,
}

impl Budget {
    pub fn new(limit: u64) -> Self {
        Self { left: Cell::new(limit), limit, met: Cell::new(None) }
    }

    pub fn spend(&self, steps: u64) -> Result<(), LimitError> {
        match self.left.get().checked_sub(steps) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => Err(self.meet(LimitError { what: "steps", limit: self.limit, field: "steps" })),
        }
    }

    /// Remembers that a limit was met, and that nothing is left to spend.
    pub fn meet(&self, limit: LimitError) -> LimitError {
        self.left.set(0);
        self.met.set(Some(self.met.get().unwrap_or(limit)));
        limit
    }

    /// The first limit that was met. In SPARQL an expression with an error is unbound, so that the error itself may be lost.
    #[cfg(feature = "sparql")]
    pub fn met(&self) -> Option<LimitError> {
        self.met.get()
    }
}
